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
    if (name === 'size' || name in offsets) throw new Error(`the name ${name} is taken`);
    offsets[name] = size;
    size += width;
  }
  return Object.freeze({ ...offsets, size }) as Record<NameOf<S[number]>, number> & { readonly size: number };
}
type NameOf<S> = S extends string ? S : S extends readonly [infer N extends string, number] ? N : never;

/** Float64 slots: times (ms since 1970) and object numbers. */
export const T = number(['first', 'last', 'answered', 'sessionStart', ['idLast', 4]]);

/** Float32 slots of the session: set to zero when a new one begins. Counts unless said otherwise. */
// biome-ignore format: a line for each theme
export const F = number([
  'calls', 'nextSnapshot', 'signalsSeen',
  // Answers; recentFail is the share of the last calls, as recentNew below
  'statusKnown', 'ok', 'notModified', 'redirect', 'invalid', 's401', 's403', 's404', 's429', 'otherError', 's5xx',
  'failRun', 'maxFailRun', 'recentFail',
  // What was asked
  'get', 'head', 'post', 'write', 'remove', 'options', 'otherMethod', 'login', 'loginFail', 'loginOk', 'accountSame',
  'asset', 'probe', 'injected', 'query', 'paged', 'depthSum', 'repeat', 'recentNew',
  // Pace; logarithms are of 1 + gap in units of 10 ms
  ['gap', 2], 'gaps', 'gapLast', 'gapSteady', ['gapBins', 6], 'onMinute',
  'rate10s', 'ratePeak10s', 'rate300s', 'ratePeak300s', 'subSecond',
  // Objects; idStepSum adds the logarithms of 1 + |step|
  'idCalls', 'idOrdered', 'idAscending', 'idUnit', 'idStepSum', 'idListed', 'idDenied', 'idMissing', 'idNovel',
  // What it does after a no
  'prevStatus', 'after401', 'after401Login', 'after401Same', 'after403', 'after403Onward', 'after404', 'after404Miss',
  'after429', 'after429Wait', 'after5xx', 'after5xxSame', 'afterFail', 'afterFailWait', 'recovered',
  // Sizes; logarithms of 1 + bytes
  'answerSized', ['answerSize', 2], 'requestSized', ['requestSize', 2],
  // How it speaks
  'connectionKnown', 'connectionNew', 'noAgent', 'agentChanges', 'browserAgent', 'libraryAgent', 'toolAgent', 'declaredBot',
  'voiceKnown', 'acceptAny', 'language', 'encoding', 'cookieKnown', 'cookie', 'referer', 'headersKnown', 'shapeChanges',
  'tls', 'tlsChanges', 'tlsResumed', 'http2',
  // Who it is
  'strength', 'subjectCalls', 'subjectRejected',
]);

/** Float32 slots that outlive a session: sums over past sessions that halve in a day. */
export const H = number(['sessions', 'calls', 'failures', 'loginFail', 'objects', 'probes', 'idleLog']);

/** Uint32 slots: hashes. */
// biome-ignore format: in the order of the record
export const U = number([
  ['recentIds', 24], ['recentPaths', 8], ['lists', 8], ['idRoute', 4], ['learntParent', 4], ['learntChildren', 4],
  'prevPath', 'prevRoute', 'failedPath', 'account', 'agent', 'shape', 'tls', 'connection', 'idAt', 'pathAt',
]);

/** Byte slots: HyperLogLog registers. */
// biome-ignore format: in the order of the record
export const D = number([
  ['paths', 64], ['objects', 64], ['routes', 32], ['missed', 32], ['accounts', 16], ['subjects', 16], ['addresses', 16],
]);

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
const VIEWS = 8192;

interface CachedView {
  readonly slot: number;
  readonly record: ClientRecord;
}

/** Records in chunks of 1 MiB, with a list of free slots. */
export class RecordArena {
  readonly #chunks: ArrayBuffer[] = [];
  readonly #free: number[] = [];
  /** Views are costly to make and too heavy to keep for all: the last one of each slot number modulo VIEWS is kept. */
  readonly #views: (CachedView | undefined)[] = new Array(VIEWS).fill(undefined);
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
    const cached = this.#views[slot % VIEWS];
    if (cached?.slot === slot) return cached.record;
    const record = viewRecord(this.#chunks[(slot / CHUNK_RECORDS) | 0]!, (slot % CHUNK_RECORDS) * RECORD_BYTES);
    this.#views[slot % VIEWS] = { slot, record };
    return record;
  }

  /** The record's own bytes, not a copy. */
  bytes(slot: number): Uint8Array {
    return new Uint8Array(this.#chunks[(slot / CHUNK_RECORDS) | 0]!, (slot % CHUNK_RECORDS) * RECORD_BYTES, RECORD_BYTES);
  }
}
