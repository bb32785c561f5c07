/**
 * The state of one client: a fixed-size record of at most 1 KiB in a shared arena, so that a million clients are a thousand
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

/**
 * Float64 slots: where its first call stands in the input, times (ms since 1970), object numbers, and up to which bucket its
 * share of the cohort is counted.
 */
export const T = number(['offset', 'last', 'answered', 'sessionStart', ['idLast', 4], 'cohortAt']);

/** Float32 slots of the session, set to zero when a new one begins: means, sums of logarithms, what decays. */
// biome-ignore format: a line for each theme
export const F = number([
  // Shares and means of about the last sixteen calls
  'recentFail', 'recentNew', 'recentObject', 'recentGap', 'recentSame',
  // Pace; logarithms are of 1 + gap in units of 10 ms. A burst's start is in seconds of the session
  ['gap', 2], 'rate10s', 'ratePeak10s', 'rate300s', 'ratePeak300s', 'burstStart', ['burstPeriod', 2],
  // Sums of how much longer, as a logarithm, the gaps after a failure and after a 429 are than the others
  'backOff', 'limitedGap',
  // What was asked; idStepSum adds the logarithms of 1 + |step|, shown counts objects that answers may have shown
  'depthSum', 'idStepSum', 'shown', ['targetLength', 2], ['targetMarks', 2],
  // Sizes; logarithms of 1 + bytes
  ['answerSize', 2], ['requestSize', 2],
  // Mean number of header names
  'headerNames',
]);

/** Float32 slots that outlive a session: sums over past sessions that halve in a day. */
export const H = number(['sessions', 'calls', 'failures', 'loginFail', 'objects', 'probes']);

/**
 * Sums that a client shares with its cohort, which halve in ten minutes; the client's own part is kept in Float32 slots,
 * so that it can be taken off. `brief` counts sessions at their first call, `stayed` those that came to a fourth.
 */
export const K = number([
  'calls',
  'brief',
  'stayed',
  'logins',
  'loginFails',
  'failures',
  'denied',
  'signups',
  'messages',
  'payments',
  'paymentFails',
]);

/** Uint16 slots: counts of the session, which ends before one can overflow, unless said otherwise. */
// biome-ignore format: a line for each theme
export const C = number([
  'calls', 'nextSnapshot',
  // Answers
  'statusKnown', 'ok', 'notModified', 'redirect', 'invalid', 's401', 's403', 's404', 's429', 'otherError', 's5xx',
  'failRun', 'maxFailRun',
  // Failures in a row on each of four routes, and successes there since the first; the longest run and its successes
  ['routeFails', 4], ['routeOk', 4], 'routeFailRun', 'routeFailOk',
  // What was asked
  'get', 'head', 'post', 'write', 'remove', 'options', 'otherMethod', 'asset', 'probe', 'injected', 'query', 'paged',
  'repeat', 'news', 'robots', 'routeSame', 'routeStay', 'routeStayMax', 'sizeAgain', 'sizeSame',
  // Logins and sign-ups; pending has a bit for each that has not been made use of
  'login', 'loginFail', 'loginOk', 'loginUsed', 'accountSame', 'signupOk', 'signupUsed', 'pending',
  // Successful writes but for logins
  'made',
  // Purposes, as PURPOSES numbers them
  ['purpose', 6], ['purposeFail', 6],
  // Pace; lastGaps holds logarithms of gaps in units of 1/4000
  'gaps', 'gapSteady', 'gapKnown', ['gapBins', 6], ['lastGaps', 4], 'onMinute', 'subSecond', 'bursts',
  // Objects
  'idCalls', 'idOrdered', 'idAscending', 'idUnit', 'idListed', 'idDenied', 'idMissing', 'idNovel',
  // What it does after a no; sinceLimit counts down the calls after a 429
  'prevStatus', 'after401', 'after401Login', 'after403', 'after403Onward', 'after404', 'after404Miss',
  'after429', 'after429Wait', 'after5xx', 'after5xxSame', 'afterFail', 'afterFailSame', 'afterFailOther', 'recovered',
  'backOffs', 'sinceLimit', 'limitedGaps',
  // Sizes
  'answerSized', 'requestSized',
  // How it speaks; headerMarks holds the bits of the last header shape, ja4Ciphers and ja4Extensions the last numbers told
  'connectionKnown', 'connectionNew', 'noAgent', 'agentChanges', 'browserAgent', 'libraryAgent', 'toolAgent', 'declaredBot',
  'voiceKnown', 'acceptAny', 'language', 'encoding', 'cookieKnown', 'cookie', 'referer', 'headersKnown', 'shapeChanges',
  'headerMarks', 'conditional', 'bareBrowser', 'disguised', 'oldBrowser', 'oddBrowser',
  'tls', 'tlsChanges', 'tlsResumed', 'http2', 'ja4Known', 'ja4Ciphers', 'ja4Extensions', 'ja4Http2',
  // Who it is: the largest strength
  'strength', 'subjectCalls', 'subjectRejected', 'subjectLapsed', 'subjectTurns',
  // From here on not of the session: its part of the cohort's open bucket, and where the next call id goes
  ['cohortOpen', K.size], 'idAt',
]);
/** Counts before this one are cleared when a session begins. */
export const SESSION_COUNTS = C.cohortOpen;

/** Uint32 slots: hashes; from recentPaths on they are cleared when a session begins. */
// biome-ignore format: in the order of the record
export const U = number([
  ['recentIds', 24], ['idRoute', 4], ['learntParent', 4], ['learntChildren', 4], 'agent', 'shape', 'tls', 'connection', 'cohort',
  ['recentPaths', 8], ['lists', 8], 'prevPath', 'prevRoute', 'prevTry', 'prevSize', 'failedPath', 'account', ['failRoute', 4],
  'signalsSeen', 'subject', 'subjectOk',
]);

/** Byte slots: HyperLogLog registers, two a byte; a sketch of n registers takes n / 2. */
// biome-ignore format: in the order of the record
export const D = number([
  ['paths', 32], ['objects', 32], ['routes', 16], ['missed', 16], ['accounts', 8], ['subjects', 8], ['addresses', 8],
  ['queryShapes', 8], ['failed', 16],
]);

const TIMES_AT = 0;
const FLOATS_AT = TIMES_AT + T.size * 8;
const HASHES_AT = FLOATS_AT + (F.size + H.size + K.size) * 4;
const COUNTS_AT = HASHES_AT + U.size * 4;
const BYTES_AT = COUNTS_AT + C.size * 2;
/** A multiple of 8, as Float64 slots begin it. */
export const RECORD_BYTES = Math.ceil((BYTES_AT + D.size) / 8) * 8;
const MAX_RECORD_BYTES = 1024;
/** Changes whenever the layout does; a stored record of another version is not read. */
export const RECORD_VERSION = 5;
if (RECORD_BYTES > MAX_RECORD_BYTES) throw new Error(`a client's record takes ${RECORD_BYTES} bytes`);

/** Views on one client's record. */
export interface ClientRecord {
  readonly t: Float64Array;
  readonly f: Float32Array;
  readonly h: Float32Array;
  /** Its own part of its cohort's sums, up to the bucket at T.cohortAt. */
  readonly k: Float32Array;
  readonly u: Uint32Array;
  readonly c: Uint16Array;
  readonly d: Uint8Array;
}

function viewRecord(buffer: ArrayBuffer, at: number): ClientRecord {
  return {
    t: new Float64Array(buffer, at + TIMES_AT, T.size),
    f: new Float32Array(buffer, at + FLOATS_AT, F.size),
    h: new Float32Array(buffer, at + FLOATS_AT + F.size * 4, H.size),
    k: new Float32Array(buffer, at + FLOATS_AT + (F.size + H.size) * 4, K.size),
    u: new Uint32Array(buffer, at + HASHES_AT, U.size),
    c: new Uint16Array(buffer, at + COUNTS_AT, C.size),
    d: new Uint8Array(buffer, at + BYTES_AT, D.size),
  };
}

/** @param bytes of a record of this version, which are copied; zeros by default */
export function createRecord(bytes?: Uint8Array | null): ClientRecord {
  const buffer = new ArrayBuffer(RECORD_BYTES);
  if (bytes) new Uint8Array(buffer).set(bytes);
  return viewRecord(buffer, 0);
}

const CHUNK_RECORDS = 1024;
const VIEWS = 8192;

interface CachedView {
  readonly slot: number;
  readonly record: ClientRecord;
}

/** Records in chunks of about 1 MiB, with a list of free slots. */
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
