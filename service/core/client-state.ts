/**
 * A client's state as the changelog carries it: which layout wrote it, the verdict that stands, and the record with its
 * zeros left out. Most of a record is zeros, since most clients do few of the things that are counted.
 *
 *     0  uint32   layout: version of the record, and what is counted in it
 *     4  uint8    bit 0 a verdict stands, bit 1 it has a score, bit 2 it has a novelty, bits 4 and 5 which verdict
 *     5  float64  score, novelty, time, sessionStart, expiresAt and uint32 calls, only where a verdict stands
 *        uint8[]  a bit for each word of 8 bytes that is not zero, then those words
 */
import { RECORD_BYTES, RECORD_VERSION } from './client-record.ts';
import type { VerdictName } from './contracts.ts';
import { featureSet } from './features.ts';
import { hashString } from './stats.ts';
import type { Standing } from './verdict.ts';

/** State written under another layout is not read: sessions begin anew after such an update. */
export const STATE_LAYOUT: number = hashString(`${RECORD_VERSION} ${featureSet}`);

const WORD = 8;
const MASK_BYTES = Math.ceil(RECORD_BYTES / WORD / 8);
const HEAD_BYTES = 5;
const STANDING_BYTES = 5 * 8 + 4;
const VERDICTS: readonly VerdictName[] = ['good', 'unsure', 'bad'];
const STANDS = 1;
const SCORED = 2;
const MEASURED = 4;

export interface ClientState {
  /** Of RECORD_BYTES. */
  readonly record: Uint8Array;
  readonly standing: Standing | null;
}

/** About 300 bytes for most clients, 1,057 at most. */
export function packClient({ record, standing }: ClientState): Buffer {
  const packed = Buffer.alloc(HEAD_BYTES + STANDING_BYTES + MASK_BYTES + RECORD_BYTES);
  packed.writeUInt32LE(STATE_LAYOUT, 0);
  let at = HEAD_BYTES;
  if (standing) at = packStanding(packed, standing);
  return packed.subarray(0, packWords(packed, at, record));
}

function packStanding(packed: Buffer, { verdict, score, novelty, time, sessionStart, expiresAt, calls }: Standing): number {
  packed[4] = STANDS | (score === null ? 0 : SCORED) | (novelty === null ? 0 : MEASURED) | (VERDICTS.indexOf(verdict) << 4);
  let at = HEAD_BYTES;
  for (const number of [score ?? 0, novelty ?? 0, time, sessionStart, expiresAt]) at = packed.writeDoubleLE(number, at);
  return packed.writeUInt32LE(calls, at);
}

function packWords(packed: Buffer, maskAt: number, record: Uint8Array): number {
  let at = maskAt + MASK_BYTES;
  for (let word = 0; word * WORD < RECORD_BYTES; word++) {
    const from = word * WORD;
    if (isZero(record, from)) continue;
    packed[maskAt + (word >> 3)]! |= 1 << (word & 7);
    packed.set(record.subarray(from, from + WORD), at);
    at += WORD;
  }
  return at;
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < from + WORD; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Null where another layout wrote it, or it is cut. */
export function unpackClient(packed: Buffer): ClientState | null {
  if (packed.length < HEAD_BYTES + MASK_BYTES || packed.readUInt32LE(0) !== STATE_LAYOUT) return null;
  const flags = packed[4]!;
  const maskAt = flags & STANDS ? HEAD_BYTES + STANDING_BYTES : HEAD_BYTES;
  const record = unpackWords(packed, maskAt);
  return record && { record, standing: flags & STANDS ? unpackStanding(packed, flags) : null };
}

function unpackStanding(packed: Buffer, flags: number): Standing {
  const number = (n: number) => packed.readDoubleLE(HEAD_BYTES + n * 8);
  return {
    verdict: VERDICTS[flags >> 4] ?? 'unsure',
    score: flags & SCORED ? number(0) : null,
    novelty: flags & MEASURED ? number(1) : null,
    time: number(2),
    sessionStart: number(3),
    expiresAt: number(4),
    calls: packed.readUInt32LE(HEAD_BYTES + 5 * 8),
  };
}

function unpackWords(packed: Buffer, maskAt: number): Uint8Array | null {
  const record = new Uint8Array(RECORD_BYTES);
  let at = maskAt + MASK_BYTES;
  for (let word = 0; word * WORD < RECORD_BYTES; word++) {
    if ((packed[maskAt + (word >> 3)]! & (1 << (word & 7))) === 0) continue;
    if (at + WORD > packed.length) return null;
    record.set(packed.subarray(at, at + WORD), word * WORD);
    at += WORD;
  }
  return at === packed.length ? record : null;
}
