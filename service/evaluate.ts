/** `assay evaluate`: the verdicts on recorded calls held against what people know of the clients. */
import { readFileSync } from 'node:fs';
import type { Config } from './config.ts';
import { isRejection } from './core/api-call.ts';
import type { ApiCall, Label, Verdict } from './core/contracts.ts';
import { AssayError } from './core/errors.ts';
import { type ClientOutcome, type EvaluationReport, evaluateClients } from './core/evaluation.ts';
import { checkLabel } from './core/label.ts';
import { type ScoredFiles, type ScoreOptions, scoreFiles } from './score.ts';

/** The strongest name wins: a label on a subject overrules one on the address that it shares with others. */
const NAMES = ['clientId', 'subject', 'clientIp'] as const;
type LabelIndex = Record<(typeof NAMES)[number], Map<string, Label>>;

/** @throws AssayError ASSAY_LABEL_INVALID, naming the line */
function readLabels(path: string): LabelIndex {
  const index: LabelIndex = { clientId: new Map(), subject: new Map(), clientIp: new Map() };
  readText(path)
    .split('\n')
    .forEach((text, i) => {
      if (text.trim() !== '') addLabel(index, text, `${path}:${i + 1}`);
    });
  return index;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new AssayError('ASSAY_FILE_UNREADABLE', (error as Error).message, { cause: error });
  }
}

function addLabel(index: LabelIndex, text: string, where: string): void {
  const label = checkLabel(parse(text, where));
  if (isRejection(label)) throw new AssayError(label.rejected, `${where} ${label.detail}`);
  const name = NAMES.find((name) => label[name])!;
  index[name].set(label[name]!, label);
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AssayError('ASSAY_LABEL_INVALID', `${where}: ${(error as Error).message}`, { cause: error });
  }
}

function findLabel(index: LabelIndex, call: ApiCall, clientId: string): Label | undefined {
  return (
    index.clientId.get(clientId) ??
    (call.subject === null ? undefined : index.subject.get(call.subject)) ??
    index.clientIp.get(call.clientIp)
  );
}

/** What is gathered of one client while its calls pass. */
interface Progress {
  calls: number;
  callsAtDetection: number | null;
  /** Calls by the label that covers them; a client takes the label of most. */
  readonly votes: Map<Label, number>;
}

interface Evaluation {
  readonly report: EvaluationReport;
  readonly scored: ScoredFiles;
}

/**
 * Scores the files and compares. A client is ranked by its newest score; it counts as detected, or as a false alarm,
 * from its first bad verdict on, whatever comes later, since a gateway would have acted on that.
 */
export async function evaluateFiles(
  config: Config,
  paths: readonly string[],
  labelsPath: string,
  options: ScoreOptions = {},
): Promise<Evaluation> {
  const labels = readLabels(labelsPath);
  const clients = new Map<string, Progress>();
  const progressOf = (clientId: string): Progress => {
    const known = clients.get(clientId) ?? { calls: 0, callsAtDetection: null, votes: new Map() };
    clients.set(clientId, known);
    return known;
  };
  const scored = await scoreFiles(config, paths, {
    ...options,
    onCall(call, clientId) {
      const progress = progressOf(clientId);
      progress.calls++;
      const label = findLabel(labels, call, clientId);
      if (label) progress.votes.set(label, (progress.votes.get(label) ?? 0) + 1);
    },
    onVerdict(verdict: Verdict) {
      const progress = progressOf(verdict.clientId);
      if (verdict.verdict === 'bad') progress.callsAtDetection ??= verdict.calls;
    },
  });
  return { report: evaluateClients(judged(scored, clients)), scored };
}

function judged({ clients }: ScoredFiles, progress: ReadonlyMap<string, Progress>): ClientOutcome[] {
  return clients.flatMap(({ clientId, verdict, score }) => {
    const { calls, callsAtDetection, votes } = progress.get(clientId)!;
    const [label] = [...votes].toSorted((a, b) => b[1] - a[1])[0] ?? [];
    if (!label) return [];
    const worst = callsAtDetection === null ? verdict : 'bad';
    return [{ score, verdict: worst, label: label.label, kind: label.kind ?? label.label, callsAtDetection, calls }];
  });
}
