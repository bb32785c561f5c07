/** Dead letters for people and for a second try: how they show, which are chosen, which may be put back. */
import { ERRORS } from './errors.ts';
import type { Beside, DeadLetter, Headers } from './source.ts';

/** On a call that is sent again, in Kafka and over HTTP: how often it was put back, this time included. */
export const RESUBMITTED_HEADER = 'assay-resubmitted';
/** A letter that failed so often after having been put back is left for people. */
export const MAX_RESUBMISSIONS = 3;

/** A dead letter as it lies in its place. */
export interface Letter extends Beside {
  /** Its own place: `assay-dead-letters/0@17` in Kafka, a number on disk. */
  readonly place: string;
  /** When it was buried, ms since 1970; null where that is not known. */
  readonly time: number | null;
  readonly code: string;
  readonly detail: string;
  readonly origin: string;
  readonly bytes: Uint8Array;
  /** Of the record as it came; more than `bytes` holds where that was cut. */
  readonly size: number;
  readonly putBack: boolean;
}

/** A letter as it is listed; everything in it is safe to print. */
export interface LetterView {
  readonly place: string;
  readonly time: string | null;
  readonly code: string;
  readonly text: string;
  readonly origin: string;
  readonly size: number;
  /** How often it had been put back before it failed this time. */
  readonly resubmitted: number;
  /** Whether it was put back since. */
  putBack: boolean;
  readonly beginning: string;
}

const BEGINNING_BYTES = 240;
const BEGINNING_CHARS = 80;
const TEXT_CHARS = 300;

export function viewOf(letter: Letter): LetterView {
  const { place, time, code, detail, origin, bytes, size, putBack } = letter;
  const [meaning] = (ERRORS as Partial<Record<string, readonly [string, boolean]>>)[code] ?? ['An unknown code'];
  return {
    place,
    time: time === null || !isDate(time) ? null : new Date(time).toISOString(),
    code: printable(code),
    text: printable(detail ? `${meaning}: ${detail}` : meaning),
    origin: printable(origin),
    size,
    resubmitted: resubmissionsOf(letter),
    putBack,
    beginning: printable(new TextDecoder().decode(bytes.subarray(0, BEGINNING_BYTES)), BEGINNING_CHARS),
  };
}

function isDate(time: number): boolean {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15;
}

/** Dots in place of what is no visible character: a letter must not steer the terminal that it is shown on. */
export function printable(text: string, chars = TEXT_CHARS): string {
  return Array.from(text.slice(0, 4 * chars))
    .slice(0, chars)
    .join('')
    .replace(/[\p{C}\p{Zl}\p{Zp}\ufffd]/gu, '·');
}

/** Keeps the newest letters of those that it is shown, in bounded memory. */
export class NewestLetters {
  readonly #limit: number;
  readonly #code: string | null;
  #views = new Map<string, LetterView>();

  /** @param limit most letters held, 1 or more; @param code only letters of that code, null for all */
  constructor(limit: number, code: string | null) {
    this.#limit = limit;
    this.#code = code;
  }

  add(letter: Letter): void {
    if (this.#code !== null && letter.code !== this.#code) return;
    this.#views.set(letter.place, viewOf(letter));
    if (this.#views.size >= 2 * this.#limit + 100) this.#views = new Map(this.newest().map((view) => [view.place, view]));
  }

  /** A letter that came before was put back. */
  mark(place: string): void {
    const view = this.#views.get(place);
    if (view) view.putBack = true;
  }

  /** Newest first; of letters of one time, the one shown last. */
  newest(): LetterView[] {
    const views = [...this.#views.values()].reverse();
    // ISO times sort as text.
    return views.sort((a, b) => compare(b.time ?? '', a.time ?? '')).slice(0, this.#limit);
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Why a letter can't go back into its source, null where it can. */
export function whyLeft(letter: Letter): string | null {
  if (letter.putBack) return 'put back before';
  const count = resubmissionsOf(letter);
  if (count >= MAX_RESUBMISSIONS) return `failed again after having been put back ${count} times`;
  if (letter.code === 'ASSAY_CALL_TOO_LARGE' || letter.size > letter.bytes.length) return 'too large, kept in part only';
  return letter.bytes.length === 0 ? 'holds no bytes' : null;
}

/** Whether the bytes are one line that may be a JSON object. */
export function looksLikeJson(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b && !bytes.includes(0x0a);
}

/** Counts what was put back and why others were left. */
export interface Resubmission {
  putBack: number;
  /** Of those put back, how many the service refused again at once; in Kafka that shows later. */
  refusedAgain: number;
  readonly left: Map<string, number>;
}

export function startResubmission(): Resubmission {
  return { putBack: 0, refusedAgain: 0, left: new Map() };
}

export function leave({ left }: Resubmission, reason: string): void {
  left.set(reason, (left.get(reason) ?? 0) + 1);
}

export function resubmissionsOf({ resubmitted, headers }: Beside): number {
  return resubmitted ?? readCount(headers?.[RESUBMITTED_HEADER]);
}

/** A count in a header; 0 where there is none to be understood. */
export function readCount(header: Headers[string]): number {
  const text = textOf(header);
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** A header as text; of several of one name the last. */
export function textOf(header: Headers[string]): string {
  const value = Array.isArray(header) ? (header.at(-1) as Uint8Array | string | undefined) : header;
  return typeof value === 'string' ? value : new TextDecoder().decode(value as Uint8Array | undefined);
}

/** What came beside a record and says something. */
export function besideOf({ key, headers, resubmitted }: Beside): Beside {
  return {
    ...(key ? { key } : {}),
    ...(headers && Object.keys(headers).length > 0 ? { headers } : {}),
    ...(resubmitted ? { resubmitted } : {}),
  };
}

const KEY = 'original-key';
const PREFIX = 'original-header-';
/** Kept of key and headers; with more they are dropped, since a letter must fit in a batch whatever was beside it. */
const MAX_BESIDE_BYTES = 32 * 1024;

type PlainHeaders = Record<string, Buffer | string | (Buffer | string)[]>;

/** Key and headers of a record as headers of its letter. */
export function packBeside({ key, headers = {} }: DeadLetter): PlainHeaders {
  const packed: PlainHeaders = key ? { [KEY]: Buffer.from(key) } : {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) packed[PREFIX + name] = value as PlainHeaders[string];
  return headerBytes(packed) <= MAX_BESIDE_BYTES ? packed : {};
}

/** What `packBeside` made, as it was. */
export function unpackBeside(packed: Headers): Required<Pick<Beside, 'key' | 'headers'>> {
  const entries = Object.entries(packed).filter(([name]) => name.startsWith(PREFIX));
  const key = packed[KEY];
  return {
    key: key === undefined ? null : Buffer.from(key as Uint8Array | string),
    headers: Object.fromEntries(entries.map(([name, value]) => [name.slice(PREFIX.length), value])),
  };
}

/** About what headers weigh in a batch. */
export function headerBytes(headers: Headers = {}): number {
  const weigh = (value: Headers[string]): number => {
    if (Array.isArray(value)) return value.reduce((sum: number, each: Uint8Array | string) => sum + weigh(each), 0);
    return typeof value === 'string' ? 3 * value.length : ((value as Uint8Array | undefined)?.length ?? 0);
  };
  return Object.entries(headers).reduce((sum, [name, value]) => sum + 3 * name.length + 10 + weigh(value), 0);
}
