/**
 * Dead letters in the embedded store, read beside a service that writes it. They are put back by posting them to that
 * service: only the process that holds the clients' state may count a call.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'lmdb';
import {
  type Letter,
  leave,
  looksLikeJson,
  RESUBMITTED_HEADER,
  type Resubmission,
  resubmissionsOf,
  startResubmission,
  whyLeft,
} from '../core/dead-letter.ts';
import { AssayError } from '../core/errors.ts';
import { withStore } from './disk-access.ts';
import { DATABASES, type KeptLetter } from './disk-store.ts';
import type { LetterPlace } from './letter-place.ts';

type Letters = Database<KeptLetter, number>;

/**
 * @param folder of the store; without one there are no letters
 * @param url of the service that is to take them again
 */
export function createDiskLetters(folder: string, url: string): LetterPlace {
  return {
    read: (onLetter) =>
      withLetters(folder, true, async (letters) => {
        for (const key of letters.getKeys()) onLetter(letterAt(letters, key));
      }),
    async putBack(chosen) {
      const outcome = startResubmission();
      await withLetters(folder, false, async (letters) => {
        for (const key of [...chosen].map(Number).sort((a, b) => a - b)) await putBackOne(letters, key, url, outcome);
      });
      return outcome;
    },
  };
}

/** @throws AssayError ASSAY_STORAGE_FAILED where there is a store that can't be opened */
async function withLetters(folder: string, readOnly: boolean, use: (letters: Letters) => Promise<void>): Promise<void> {
  await withStore(folder, readOnly, async (open) => {
    const letters = open<KeptLetter, number>(DATABASES.letters);
    if (letters) await use(letters);
  });
}

/** One that can't be read shows as such and stops no other. */
function letterAt(letters: Letters, key: number): Letter {
  const place = String(key);
  try {
    const kept = letters.get(key)!;
    const { rejected, detail, origin, time = null, putBackAt } = kept;
    const bytes = Uint8Array.from(kept.bytes);
    return { ...kept, place, code: String(rejected), detail, origin, time, bytes, size: bytes.length, putBack: !!putBackAt };
  } catch (error) {
    const nothing = { bytes: new Uint8Array(0), size: 0, time: null, origin: '', putBack: false };
    return { ...nothing, place, code: 'ASSAY_STORAGE_FAILED', detail: (error as Error).message };
  }
}

async function putBackOne(letters: Letters, key: number, url: string, outcome: Resubmission): Promise<void> {
  const letter = letterAt(letters, key);
  const reason = whyLeft(letter) ?? (looksLikeJson(letter.bytes) ? null : 'no JSON, which alone can be posted');
  if (reason) return leave(outcome, reason);
  const answer = await post(url, letter);
  if (answer.refusal) return leave(outcome, answer.refusal);
  outcome.putBack++;
  outcome.refusedAgain += answer.rejected;
  letters.transactionSync(() => {
    const kept = letters.get(key);
    // It may have been pushed out by newer ones meanwhile.
    if (kept) letters.putSync(key, { ...kept, putBackAt: Date.now() });
  });
}

const ATTEMPTS = 10;
const ATTEMPT_DELAY_MS = 1000;
const ANSWER_LIMIT_MS = 30_000;

interface Answer {
  readonly rejected: number;
  /** Why the service did not take the body at all, '' where it did. */
  readonly refusal: string;
}

/** @throws AssayError ASSAY_SERVICE_UNAVAILABLE */
async function post(url: string, letter: Letter): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const response = await send(url, letter);
    const body = (await response.json().catch(() => ({}))) as { rejected?: number; error?: { code?: string } };
    if (response.status === 202) return { rejected: body.rejected ?? 0, refusal: '' };
    const code = body.error?.code ?? `HTTP ${response.status}`;
    if (response.status < 500) return { rejected: 0, refusal: `refused by the service: ${code}` };
    if (response.status !== 503 || attempt === ATTEMPTS) throw new AssayError('ASSAY_SERVICE_UNAVAILABLE', `${url}: ${code}`);
    await sleep(ATTEMPT_DELAY_MS);
  }
}

async function send(url: string, letter: Letter): Promise<Response> {
  const headers = { 'content-type': typeOf(letter.bytes), [RESUBMITTED_HEADER]: String(resubmissionsOf(letter) + 1) };
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  try {
    return await fetch(new URL('/v1/calls', url), { method: 'POST', headers, body: Buffer.from(letter.bytes), signal });
  } catch (error) {
    const { cause, message } = error as Error;
    const detail = cause instanceof Error ? cause.message || message : message;
    throw new AssayError('ASSAY_SERVICE_UNAVAILABLE', `${url}: ${detail}; start it by: assay serve`, { cause: error });
  }
}

/** A rejected CloudEvent was kept whole, with its envelope. */
function typeOf(bytes: Uint8Array): string {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as object;
    return 'specversion' in value ? 'application/cloudevents+json' : 'application/x-ndjson';
  } catch {
    return 'application/x-ndjson';
  }
}
