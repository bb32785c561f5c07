/**
 * The state of one client: a fixed-size record of 1 KiB in a shared arena, so that a million clients are a thousand
 * buffers and not a million objects, and a record is kept or sent by copying its bytes.
 */

/** Names to slots, in order; `[name, n]` takes n slots. */
type Slots = readonly (string | readonly [string, number])[];

function number<const S extends Slots>(slots: S): Record<NameOf<S[number]>, number> & { readonly size: number } {
  const offsets: Record<string, number> = {};
  let size = 0;
  for (const slot of slots) {
    const [name, width] = typeof slot === 'string' ? [slot, 1] : slot;
    offsets[name] = size;
    size += width;
  }
  return Object.freeze({ ...offsets, size }) as Record<NameOf<S[number]>, number> & { readonly size: number };
}
type NameOf<S> = S extends string ? S : S extends readonly [infer N extends string, number] ? N : never;

/** Float64 slots: times (ms since 1970) and object numbers. */
export const T = number(['first', 'last', 'sessionStart', ['idLast', 4]]);

/** Float32 slots of the session: set to zero when a new one begins. Counts unless said otherwise. */
export const F = number([
  'calls', 'nextSnapshot', 'signalsSeen',
  // Answers
  'statusKnown', 'ok', 'notModified', 'redirect', 'invalid', 's401', 's403', 's404', 's429', 'otherError', 's5xx',
  'failRun', 'maxFailRun',
  // What was asked
  'get', 'head', 'post', 'write', 'remove', 'options', 'otherMethod', 'login', 'loginFail', 'loginOk', 'postInvalid',
  'asset', 'probe', 'injected', 'query', 'robots', 'depthSum', 'novelPath', 'novelMiss', 'repeat', 'pathLengthSum',
  // Pace; logarithms are of 1 + gap in units of 10 ms
  ['gap', 2], 'gaps', 'gapLast', 'gapSteady', ['gapBins', 6], 'rate10s', 'ratePeak10s', 'rate300s', 'ratePeak300s', 'subSecond',
  // Objects
  'idCalls', 'idOrdered', 'idAscending', 'idUnit', 'idRepeat', 'idListed', 'idDenied', 'idMissing', 'idNovel',
  // What it does after a no
  'prevStatus', 'after401', 'after401Login', 'after401Same', 'after403', 'after403Onward', 'after404', 'after404Miss',
  'after429', 'after429Wait', 'after5xx', 'after5xxSame', 'afterFail', 'afterFailWait',
  // Sizes; logarithms of 1 + bytes
  'sized', ['size', 2], 'requestSized', 'requestSize', 'requestSizeM2',
  // How it speaks
  'connectionKnown', 'connectionNew', 'noAgent', 'agentChanges', 'browserAgent', 'libraryAgent', 'toolAgent', 'declaredBot',
  'acceptAny', 'language', 'cookieKnown', 'cookie', 'referer', 'headersKnown', 'headerCount', 'shapeChanges',
  'tls', 'tlsChanges', 'tlsResumed', 'http2', 'encoding',
  // Who it is
  'strength', 'subjectCalls', 'subjectRejected',
]);

/** Float32 slots that outlive a session: sums over past sessions that halve in a day. */
export const H = number(['sessions', 'calls', 'failures', 'loginFail', 'objects', 'probes', 'idleLog']);

/** Uint32 slots: hashes. */
export const U = number([
  ['recentIds', 24], ['recentPaths', 8], ['parents', 8], ['idRoute', 4], ['learntParent', 4], ['learntChildren', 4],
  'prevPath', 'prevRoute', 'agent', 'shape', 'tls', 'connection', 'idAt', 'pathAt',
]);

/** Byte slots: HyperLogLog registers. */
export const D = number([['paths', 64], ['objects', 64], ['routes', 32], ['accounts', 32], ['subjects', 32], ['addresses', 16], ['queries', 32]]);

const TIMES_AT = 0;
const FLOATS_AT = TIMES_AT + T.size * 8;
const HASHES_AT = FLOATS_AT + (F.size + H.size) * 4;
const BYTES_AT = HASHES_AT + U.size * 4;
export const RECORD_BYTES = 1024;
/** Changes whenever the layout does; a stored record of another version is not read. */
export const RECORD_VERSION = 1;
if (BYTES_AT + D.size > RECORD_BYTES) throw new Error(`a client's record takes ${BYTES_AT + D.size} bytes`);

/** Views on one client's record. */
export interface ClientRecord {
  readonly t: Float64Array;
  readonly f: Float32Array;
  readonly h: Float32Array;
  readonly u: Uint32Array;
  readonly d: Uint8Array;
}

function viewRecord(buffer: ArrayBuffer, at: number): ClientRecord {
  return {
    t: new Float64Array(buffer, at + TIMES_AT, T.size),
    f: new Float32Array(buffer, at + FLOATS_AT, F.size),
    h: new Float32Array(buffer, at + FLOATS_AT + F.size * 4, H.size),
    u: new Uint32Array(buffer, at + HASHES_AT, U.size),
    d: new Uint8Array(buffer, at + BYTES_AT, D.size),
  };
}

export function createRecord(): ClientRecord {
  return viewRecord(new ArrayBuffer(RECORD_BYTES), 0);
}

const CHUNK_RECORDS = 1024;

/** Records in chunks of 1 MiB, with a list of free slots. */
export class RecordArena {
  readonly #chunks: ArrayBuffer[] = [];
  readonly #free: number[] = [];
  #next = 0;

  take(): number {
    const slot = this.#free.pop() ?? this.#next++;
    if (slot >= this.#chunks.length * CHUNK_RECORDS) this.#chunks.push(new ArrayBuffer(CHUNK_RECORDS * RECORD_BYTES));
    return slot;
  }

  give(slot: number): void {
    this.bytes(slot).fill(0);
    this.#free.push(slot);
  }

  view(slot: number): ClientRecord {
    return viewRecord(this.#chunks[(slot / CHUNK_RECORDS) | 0]!, (slot % CHUNK_RECORDS) * RECORD_BYTES);
  }

  /** The record's own bytes, not a copy. */
  bytes(slot: number): Uint8Array {
    return new Uint8Array(this.#chunks[(slot / CHUNK_RECORDS) | 0]!, (slot % CHUNK_RECORDS) * RECORD_BYTES, RECORD_BYTES);
  }
}
