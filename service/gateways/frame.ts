/**
 * Framing: a stream of bytes, cut wherever the chunks happen to end, becomes records. What cannot become one is handed
 * on as a record with a fault, so that it is counted and kept and the records around it go their way.
 */
import { type Rejection, reject } from '../core/api-call.ts';
import type { Decode, Incoming } from '../core/source.ts';

export interface Framed extends Incoming {
  /** Why this record cannot be decoded, null where it can be tried. */
  readonly fault: Rejection | null;
  /** The value where the bytes alone do not tell it: a datum of an Avro block, an element of an array. */
  readonly value: unknown;
}

export type Emit = (record: Framed) => void;

export interface Framer {
  /** Takes the next bytes, which must not be changed afterwards: records are views on them. */
  push(chunk: Uint8Array, emit: Emit): void;
  /** Ends the stream. `damage` says that it broke off: an unfinished record is then no record. */
  end(emit: Emit, damage: Rejection | null): void;
}

/** `originOf(n)` names the n-th line or record of the stream, from 1. */
export type Frame = (originOf: (n: number) => string) => Framer;

/** The same bytes as a Buffer, not a copy. */
export function viewBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A decoder which lets the faults of framing pass. */
export function withFaults(decode: Decode): Decode {
  return (record, receivedAtMs) => (record as Framed).fault ?? decode(record, receivedAtMs);
}

export const MAX_LINE_BYTES = 2 ** 20;
/** What is kept of a record that is too large or broken off, for people to look at. */
export const KEPT_BYTES = 2 ** 16;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * One record a line; LF or CR LF, the last one with or without. Empty lines are no records but count as lines. A line
 * over 1 MiB is rejected with its first 64 KiB, and never held whole.
 */
export const frameLines: Frame = (originOf) => {
  /** The line's bytes so far, from earlier chunks; nothing is added once it is too long. */
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  let lines = 0;

  function hold(part: Uint8Array): void {
    const wasTooLong = heldBytes > MAX_LINE_BYTES;
    heldBytes += part.length;
    if (wasTooLong) return;
    parts.push(part);
    if (heldBytes > MAX_LINE_BYTES) parts = [copyHead(parts)];
  }

  function finish(last: Uint8Array, emit: Emit, damage: Rejection | null): void {
    const lineBytes = heldBytes + last.length;
    const all = parts.length === 0 ? [last] : [...parts, last];
    parts = [];
    heldBytes = 0;
    const origin = originOf(++lines);
    if (lineBytes > MAX_LINE_BYTES) {
      const fault = reject('ASSAY_CALL_TOO_LARGE', `a line of ${lineBytes} bytes; the limit is ${MAX_LINE_BYTES}`);
      emit({ bytes: copyHead(all), origin, fault: damage ?? fault, value: null });
    } else if (damage) emit({ bytes: copyHead(all), origin, fault: damage, value: null });
    else {
      const bytes = trim(all.length === 1 ? last : Buffer.concat(all, lineBytes), lines === 1);
      if (bytes.length > 0) emit({ bytes, origin, fault: null, value: null });
    }
  }

  return {
    push(chunk, emit) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        finish(chunk.subarray(start, end), emit, null);
        start = end + 1;
      }
      if (start < chunk.length) hold(chunk.subarray(start));
    },
    end(emit, damage) {
      if (heldBytes > 0 || damage) finish(new Uint8Array(0), emit, damage);
    },
  };
};

/** A copy, so that the large chunks it was cut from can go. */
export function copyHead(parts: readonly Uint8Array[]): Uint8Array {
  const head: Uint8Array[] = [];
  let wantedBytes = KEPT_BYTES;
  for (const part of parts) {
    if (wantedBytes <= 0) break;
    head.push(part.subarray(0, wantedBytes));
    wantedBytes -= part.length;
  }
  return Buffer.concat(head);
}

/** Without the CR before the line feed, and without the byte order mark that some editors put before a first line. */
function trim(line: Uint8Array, isFirst: boolean): Uint8Array {
  const start = isFirst && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  const end = line[line.length - 1] === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return start === 0 && end === line.length ? line : line.subarray(start, Math.max(start, end));
}

/** A parsed value as a record. Its bytes are written anew, once: who waits for the record is found by them. @param original what was sent, where that is more */
export function framedValue(value: unknown, origin: string, original = value, fault: Framed['fault'] = null): Framed {
  return { bytes: Buffer.from(JSON.stringify(original)), origin, fault, value };
}
