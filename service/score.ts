/** `assay score`: recorded calls in files through the same pipeline as the live stream, then what is worth a look. */
import { once } from 'node:events';
import CliTable from 'cli-table3';
import type { Config } from './config.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import type { AssayError } from './core/errors.ts';
import type { DeadLetter } from './core/source.ts';
import { createFileSource } from './io/files.ts';
import { runPipeline, type Stages } from './pipeline.ts';
import { createStages } from './stages.ts';

export interface ScoreOptions {
  /** Name of the log format; found out by default. */
  readonly format?: string | undefined;
  readonly onProgress?: (bytesRead: number, bytesTotal: number) => void;
  readonly onCall?: Stages['onCall'];
  readonly onVerdict?: Stages['onVerdict'];
}

/** How a client shows in the operator's own file; never kept, never published. */
export type ClientAppearance = Pick<ApiCall, 'clientIp' | 'userAgent' | 'subject'>;

export interface ScoredFiles {
  /** The newest verdict of each client, in the order in which clients first appeared. */
  readonly clients: readonly (ClientAppearance & Verdict)[];
  readonly calls: number;
  readonly rejections: Readonly<Record<string, number>>;
  /** The first rejections, for telling which. */
  readonly samples: readonly DeadLetter[];
  /** Files that could not be read, or not to their end. */
  readonly faults: readonly AssayError[];
  /** Clients forgotten because there were more than ASSAY_MAX_CLIENTS. */
  readonly evictions: number;
  /** From the first byte read to the last verdict, models being loaded. */
  readonly seconds: number;
}

const MAX_SAMPLES = 20;
/** Large, since a client's verdict is explained once a delivery. */
const DELIVERY_RECORDS = 16_384;

export async function scoreFiles(config: Config, paths: readonly string[], options: ScoreOptions = {}): Promise<ScoredFiles> {
  const stages = await createStages(config);
  const appearances = new Map<string, ClientAppearance>();
  const rejections: Record<string, number> = {};
  const samples: DeadLetter[] = [];
  let calls = 0;
  const source = createFileSource(paths, { ...options, batchSize: DELIVERY_RECORDS });
  const startedAt = performance.now();
  await runPipeline(
    source,
    {
      ...stages,
      onCall(call, clientId) {
        calls++;
        if (!appearances.has(clientId)) appearances.set(clientId, appearanceOf(call));
        options.onCall?.(call, clientId);
      },
      ...(options.onVerdict ? { onVerdict: options.onVerdict } : {}),
      publish: async () => {},
      bury: async (letters) => {
        for (const letter of letters) {
          rejections[letter.rejected] = (rejections[letter.rejected] ?? 0) + 1;
          if (samples.length < MAX_SAMPLES) samples.push(letter);
        }
      },
    },
    new AbortController().signal,
  );
  const clients = [...appearances].flatMap(([clientId, appearance]) => {
    const stored = stages.store.get(clientId);
    return stored ? [{ ...appearance, ...stored.verdict }] : [];
  });
  const seconds = (performance.now() - startedAt) / 1000;
  return { clients, calls, rejections, samples, faults: source.faults, evictions: stages.observer.evictions, seconds };
}

function appearanceOf({ clientIp, userAgent, subject }: ApiCall): ClientAppearance {
  return { clientIp, userAgent, subject };
}

/** One Verdict a line, waiting where the reader is slow. */
export async function writeVerdicts({ clients }: ScoredFiles, out: NodeJS.WritableStream): Promise<void> {
  for (const client of clients) if (!out.write(`${JSON.stringify(client)}\n`)) await once(out, 'drain');
}

const MAX_ROWS = 40;
const MAX_REASONS = 4;
const URGENCY = { bad: 2, unsure: 1, good: 0 } as const;

/** The clients worth a look: bad ones, then those that are unsure, highest score first. */
export function formatClients({ clients }: ScoredFiles): string {
  const worth = clients
    .filter(({ verdict }) => verdict !== 'good')
    .toSorted((a, b) => URGENCY[b.verdict] - URGENCY[a.verdict] || (b.score ?? 0) - (a.score ?? 0));
  if (worth.length === 0) return 'No client needs a look.';
  const table = new CliTable({
    head: ['verdict', 'score', 'client', 'calls', 'most like', 'why'],
    colWidths: [9, 7, 34, 7, 22, 62],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const client of worth.slice(0, MAX_ROWS))
    table.push([
      client.verdict,
      client.score?.toFixed(2) ?? '–',
      [client.clientIp, client.subject ?? '', client.userAgent ?? '']
        .filter(Boolean)
        .map((text) => text.slice(0, 60))
        .join('\n'),
      client.calls,
      client.family ?? '',
      client.reasons
        .slice(0, MAX_REASONS)
        .map(({ text }) => `· ${text}`)
        .join('\n'),
    ]);
  const more = worth.length > MAX_ROWS ? `\n… and ${worth.length - MAX_ROWS} more; --json lists them all.` : '';
  return table.toString() + more;
}

/** What was read, what came out, and what could not be used. */
export function summarise({ clients, calls, rejections, samples, evictions, seconds }: ScoredFiles): string {
  const by = (name: string) => clients.filter(({ verdict }) => verdict === name).length;
  const rate = Math.round(calls / Math.max(seconds, 1e-6));
  const lines = [
    `${calls} calls of ${clients.length} clients in ${seconds.toFixed(2)} s (${rate} calls/s): ` +
      `${by('good')} good, ${by('unsure')} unsure, ${by('bad')} bad`,
  ];
  for (const [code, count] of Object.entries(rejections)) {
    const first = samples.find(({ rejected }) => rejected === code);
    lines.push(`${count} rejected, ${code}${first ? `: first at ${first.origin}, ${first.detail}` : ''}`);
  }
  if (evictions > 0) lines.push(`${evictions} clients were forgotten: raise ASSAY_MAX_CLIENTS`);
  return lines.join('\n');
}
