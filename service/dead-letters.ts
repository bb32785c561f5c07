/** `assay dead-letters`: what could not be used, listed and, when mended, put back. */
import Table from 'cli-table3';
import type { Config } from './config.ts';
import { type LetterView, leave, NewestLetters, type Resubmission } from './core/dead-letter.ts';
import { createDiskLetters } from './io/disk-letters.ts';
import { createKafkaLetters } from './io/kafka-letters.ts';
import type { LetterPlace } from './io/letter-place.ts';
import { commandOptions } from './kafka-options.ts';

export interface LetterOptions {
  /** Only letters of this code; all by default. */
  readonly code?: string | undefined;
  /** Most letters, the newest of them; 1 or more. */
  readonly limit: number;
  /** The service that takes letters of the embedded store again; the one of HOST and PORT by default. */
  readonly url?: string | undefined;
}

/**
 * The letters in Kafka where KAFKA_BROKERS is set, else those in the store on disk.
 * @throws AssayError for the configuration
 */
export function findLetterPlace(config: Config, { url }: LetterOptions): LetterPlace {
  if (config.KAFKA_BROKERS) return createKafkaLetters(commandOptions(config));
  return createDiskLetters(config.ASSAY_DATA, url ?? serviceUrl(config));
}

function serviceUrl({ HOST, PORT }: Config): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? 'localhost' : HOST;
  return `http://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
}

/** Newest first. @throws AssayError where the place can't be read */
export async function listLetters(place: LetterPlace, { code, limit }: LetterOptions): Promise<LetterView[]> {
  const letters = new NewestLetters(limit, code ?? null);
  await place.read(
    (letter) => letters.add(letter),
    (mark) => letters.mark(mark),
  );
  return letters.newest();
}

/** Puts back what is listed, but for what was put back before. @throws AssayError where reading or sending fails */
export async function resubmit(place: LetterPlace, views: readonly LetterView[]): Promise<Resubmission> {
  const chosen = views.filter(({ putBack }) => !putBack);
  const outcome = await place.putBack(new Set(chosen.map((view) => view.place)));
  for (let i = chosen.length; i < views.length; i++) leave(outcome, 'put back before');
  return outcome;
}

export function formatLetters(views: readonly LetterView[]): string {
  if (views.length === 0) return 'no dead letters';
  const head = ['place', 'time', 'why', 'source', 'bytes', 'beginning'];
  const table = new Table({ head, style: { head: [], border: [] }, wordWrap: true, colWidths: [null, 26, 44, 24, 9, 48] });
  for (const view of views) {
    const { place, time, code, text, origin, size, beginning } = view;
    table.push([place, time ?? '–', [`${code}${historyOf(view)}`, text].join('\n'), origin, size, beginning]);
  }
  return table.toString();
}

function historyOf({ resubmitted, putBack }: LetterView): string {
  const before = resubmitted > 0 ? [`failed again after ${resubmitted}`] : [];
  const history = [...before, ...(putBack ? ['put back'] : [])];
  return history.length > 0 ? ` (${history.join(', ')})` : '';
}

export function formatResubmission({ putBack, refusedAgain, left }: Resubmission): string {
  const lines = [`${putBack} put back${refusedAgain > 0 ? `, ${refusedAgain} of them refused again` : ''}`];
  for (const [reason, count] of left) lines.push(`${count} left: ${reason}`);
  return lines.join('\n');
}
