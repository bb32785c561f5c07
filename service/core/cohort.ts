/**
 * Cohorts: clients that share a fingerprint. What one of 300 addresses with three login attempts each does not show, the
 * cohort does.
 *
 * The order in which clients come is of no account: time is cut into buckets of ten seconds of event time; calls of the
 * open bucket are counted as whole numbers, and a reader sees only what was counted up to the end of the bucket before.
 * Sums halve every ten minutes, at the ends of buckets; distinct clients and accounts are those of the last ten to twenty
 * minutes. A call that is late counts into the open bucket, so a gateway whose clock is ahead hides from a cohort what it
 * did until the others have caught up. Only beyond the limit of the table does it matter which cohort was used last.
 *
 * Where clients are spread over partitions, each counts its own, and what the others counted comes a moment later: sums are
 * added and sketches joined whenever someone reads, so that it is of no account who counted what. What others did is read up
 * to the end of the bucket before the last finished one, whatever they have told since: that has come by then, be a process
 * dead for ten seconds or its partition behind, so that the moment at which it came is of no account either.
 */
import { C, type ClientRecord, K, T, U } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { RecentMap } from './recent-map.ts';
import { fingerprintOf, softwareOf } from './software.ts';
import { addDistinct, countDistinct, hashString, joinDistinct } from './stats.ts';

export const COHORT = {
  bucketMs: 10_000,
  halfLifeBuckets: 60,
  generationBuckets: 60,
  maxCohorts: 10_000,
  /** Finished buckets that other partitions have for telling what they counted in them. */
  tellBuckets: 1,
} as const;

/** The bucket of an event time. */
export const bucketOf = (time: number): number => Math.floor(time / COHORT.bucketMs);

/** What all others of a cohort did: the sums of K, then how many they are and how many accounts they tried. */
export const O = { ...K, clients: K.size, accounts: K.size + 1, size: K.size + 2 } as const;
export const NO_COHORT: Float32Array = new Float32Array(O.size);

/** Header names that vary from call to call of one program. */
const VARYING =
  /^(?::.*|authorization|proxy-authorization|cookie|content-.*|if-.*|referer|range|origin|x-(?:request|correlation|trace|b3|amzn|csrf|xsrf|api|forwarded|real).*|traceparent|tracestate|idempotency-key|cache-control|pragma|expect|transfer-encoding|te|trailer|date|digest|upgrade-insecure-requests|sec-fetch-.*|priority|purpose|depth|destination|overwrite|lock-token|soapaction)$/;

/**
 * Hash of what a client shares with its cohort: tenant and host, the handshake, the family of its software and the names
 * of its headers in order. 0 where the gateway tells neither TLS nor header names: a user agent alone joins strangers.
 */
export function cohortOf({ tenant, host, ja4, tlsVersion, tlsCipher, userAgent, headerNames }: ApiCall): number {
  if (ja4 === null && tlsVersion === null && tlsCipher === null && headerNames === null) return 0;
  let hash = hashString(host ?? '', hashString(tenant ?? ''));
  hash = ja4 === null ? hashString(tlsCipher ?? '', hashString(tlsVersion ?? '', hash)) : hashString(fingerprintOf(ja4), hash);
  hash = hashString(softwareOf(userAgent).name, hash);
  for (const name of headerNames ?? []) if (!VARYING.test(name)) hash = hashString(name, hash);
  return hash || 1;
}

const SKETCH_REGISTERS = 64;
const SKETCH_BYTES = SKETCH_REGISTERS / 2;
const SUMS_AT = 8;
const OPEN_AT = SUMS_AT + O.size * 4;
const SKETCHES_AT = OPEN_AT + O.size * 4;
const COHORT_BYTES = SKETCHES_AT + 4 * SKETCH_BYTES;

export interface Cohort {
  readonly bytes: Uint8Array;
  /** The open bucket. */
  readonly at: Float64Array;
  /** Of all finished buckets; at O.clients and O.accounts estimates. */
  readonly sums: Float32Array;
  /** Of the open bucket; at O.clients and O.accounts how often a sketch grew. */
  readonly open: Uint32Array;
  /** Of clients and of accounts, each for generations with an even and with an odd number. */
  readonly clients: readonly [Uint8Array, Uint8Array];
  readonly accounts: readonly [Uint8Array, Uint8Array];
}

const ID_PREFIX = 'cohort-';

/** Whether a name under which the observer keeps a record is a cohort's; no client's id looks like that. */
export function isCohortId(id: string): boolean {
  return id.startsWith(ID_PREFIX);
}

function createCohort(): Cohort {
  const buffer = new ArrayBuffer(COHORT_BYTES);
  const sketch = (n: number) => new Uint8Array(buffer, SKETCHES_AT + n * SKETCH_BYTES, SKETCH_BYTES);
  return {
    bytes: new Uint8Array(buffer),
    at: new Float64Array(buffer, 0, 1),
    sums: new Float32Array(buffer, SUMS_AT, O.size),
    open: new Uint32Array(buffer, OPEN_AT, O.size),
    clients: [sketch(0), sketch(1)],
    accounts: [sketch(2), sketch(3)],
  };
}

/** Told of a cohort when all of its open bucket is counted; the record is the table's own, and changes with the next call. */
export type OnBucketEnd = (id: string, record: Uint8Array) => void;

/** What one call adds: a bit for each sum of K, by its number. */
export type Tally = number;

export class CohortTable {
  /** By the key as a signed number, which needs no memory of its own. */
  readonly #cohorts: RecentMap<Cohort, number>;
  readonly #peers: PeersOf;
  readonly #onBucketEnd: OnBucketEnd;

  /**
   * @param limit most cohorts held; those that were not used for longest are forgotten
   * @param peers what is counted elsewhere
   */
  constructor(limit: number = COHORT.maxCohorts, peers: PeersOf = () => NO_PEERS, onBucketEnd: OnBucketEnd = () => {}) {
    this.#cohorts = new RecentMap(limit);
    this.#peers = peers;
    this.#onBucketEnd = onBucketEnd;
  }

  /**
   * Counts a call of the client in its cohort and in the client's own part of it.
   *
   * @param record with its cohort at U.cohort, which is not 0
   * @param clientId who it is
   * @param account hash of the account that a login was tried for, 0 for none
   */
  count(record: ClientRecord, time: number, tally: Tally, clientId: string, account: number): void {
    const key = record.u[U.cohort]! | 0;
    const cohort = this.#cohortOf(key);
    const bucket = Math.max(bucketOf(time), cohort.at[0]!);
    if (bucket !== cohort.at[0] && cohort.at[0] !== 0) this.#onBucketEnd(cohortIdOf(record.u[U.cohort]!), cohort.bytes);
    settle(cohort, bucket);
    const isFirst = record.t[T.cohortAt] !== cohort.at[0];
    settleOwn(record, cohort.at[0]!);
    for (let bits = tally; bits !== 0; bits &= bits - 1) {
      const slot = 31 - Math.clz32(bits & -bits);
      cohort.open[slot]! += 1;
      if (record.c[C.cohortOpen + slot]! < 0xffff) record.c[C.cohortOpen + slot]! += 1;
    }
    const young = generationOf(cohort.at[0]!) & 1;
    // Once a bucket is enough: generations begin with one.
    if (isFirst && addDistinct(cohort.clients[young]!, 0, SKETCH_REGISTERS, hashString(clientId))) cohort.open[O.clients]! += 1;
    if (account !== 0 && addDistinct(cohort.accounts[young]!, 0, SKETCH_REGISTERS, account)) cohort.open[O.accounts]! += 1;
  }

  /** What the others of the client's cohort did, into `out`; a client alone sees zeros. */
  readOthers(record: ClientRecord, out: Float32Array): void {
    const key = record.u[U.cohort]! | 0;
    const cohort = this.#cohorts.peek(key);
    out.fill(0);
    if (cohort === undefined) return;
    out.set(cohort.sums);
    const peers = this.#peers(key, cohort.at[0]!);
    if (peers.length > 0) addPeers(cohort, peers, out);
    const logins = out[K.logins]!;
    for (let i = 0; i < K.size; i++) out[i] = Math.max(0, out[i]! - record.k[i]!);
    out[O.clients] = Math.max(0, Math.round(out[O.clients]!) - (record.k[K.calls]! > 0 ? 1 : 0));
    // Two sketches' errors do not cancel out as sums do, so the others' part is taken by logins.
    out[O.accounts] = logins > 0 ? (out[O.accounts]! * out[K.logins]!) / logins : 0;
  }

  has(id: string): boolean {
    return this.#cohorts.peek(keyOf(id)) !== undefined;
  }

  /** A copy of a cohort's record, null where it is not held. */
  dump(id: string): Uint8Array | null {
    return this.#cohorts.peek(keyOf(id))?.bytes.slice() ?? null;
  }

  /** Puts back a dumped record; false where its size is not this version's. */
  restore(id: string, bytes: Uint8Array): boolean {
    if (bytes.length !== COHORT_BYTES) return false;
    this.#cohortOf(keyOf(id)).bytes.set(bytes);
    return true;
  }

  #cohortOf(key: number): Cohort {
    const known = this.#cohorts.get(key);
    if (known !== undefined) return known;
    const cohort = createCohort();
    this.#cohorts.set(key, cohort);
    return cohort;
  }
}

/** The name under which a cohort's record is kept. */
export function cohortIdOf(key: number): string {
  return `${ID_PREFIX}${key.toString(16)}`;
}

function keyOf(id: string): number {
  return Number.parseInt(id.slice(ID_PREFIX.length), 16) | 0;
}

/** What other partitions counted of a cohort, by its key, as a reader with that open bucket sees it; good until asked again. */
export type PeersOf = (key: number, bucket: number) => readonly Cohort[];
const NO_PEERS: readonly Cohort[] = [];

/** More than a partition is away for when its process dies: whoever takes it over then still meets what others had counted by then. */
const TOLD_BUCKETS = 6;

/** `Cohort.at` of a dumped record. */
const openBucketOf = ({ buffer, byteOffset }: Uint8Array) => new DataView(buffer, byteOffset).getFloat64(0, true);

/** What a partition told of a cohort: the newest record of each of its last buckets, in their order. */
class Told {
  readonly #bytes = new Uint8Array(TOLD_BUCKETS * COHORT_BYTES);
  readonly #numbers = new Float64Array(this.#bytes.buffer);
  #count = 0;
  /** Whether there were older ones. */
  #isCut = false;

  put(record: Uint8Array): void {
    const bucket = openBucketOf(record);
    // Later ones are there where the partition was set back.
    while (this.#count > 0 && this.#bucketOf(this.#count - 1) >= bucket) this.#count--;
    if (this.#count === TOLD_BUCKETS) {
      this.#bytes.copyWithin(0, COHORT_BYTES);
      this.#count--;
      this.#isCut = true;
    }
    this.#bytes.set(record, this.#count * COHORT_BYTES);
    this.#count++;
  }

  /** The newest from before a bucket, else the oldest where there were older ones; false where there is none. */
  copy(bucket: number, into: Cohort): boolean {
    let at = this.#count - 1;
    while (at >= 0 && this.#bucketOf(at) >= bucket) at--;
    if (at < 0 && !this.#isCut) return false;
    at = Math.max(at, 0);
    into.bytes.set(this.#bytes.subarray(at * COHORT_BYTES, (at + 1) * COHORT_BYTES));
    return true;
  }

  /** As `Cohort.at` of the record. */
  #bucketOf(at: number): number {
    return this.#numbers[(at * COHORT_BYTES) / 8]!;
  }
}

/** What all partitions counted, as each told. */
export class CohortPeers {
  /** By cohort, then by partition: sums of fractions are the same to the bit in one order only. */
  readonly #cohorts = new RecentMap<(Told | undefined)[], number>(COHORT.maxCohorts);
  readonly #reached = new Map<number, number>();

  /** The bucket up to which each partition that told anything has come: it has told all of the buckets before. */
  get reached(): ReadonlyMap<number, number> {
    return this.#reached;
  }

  /** Takes a dumped record in the place of the one before; one of another size is left out. */
  set(partition: number, id: string, bytes: Uint8Array): void {
    if (bytes.length !== COHORT_BYTES) return;
    this.#reached.set(partition, Math.max(openBucketOf(bytes), this.#reached.get(partition) ?? 0));
    const key = keyOf(id);
    const known = this.#cohorts.get(key) ?? [];
    known[partition] ??= new Told();
    known[partition].put(bytes);
    this.#cohorts.set(key, known);
  }

  /** What a partition sees of the others. */
  besides(partition: number): PeersOf {
    const copies: Cohort[] = [];
    return (key, bucket) => {
      const known = this.#cohorts.peek(key);
      if (known === undefined) return NO_PEERS;
      let count = 0;
      for (const [each, told] of known.entries()) {
        if (!told || each === partition) continue;
        copies[count] ??= createCohort();
        if (told.copy(bucket - COHORT.tellBuckets, copies[count]!)) count++;
      }
      return copies.slice(0, count);
    };
  }
}

/** Adds what others told. */
function addPeers(own: Cohort, peers: readonly Cohort[], out: Float32Array): void {
  const bucket = own.at[0]!;
  const generation = generationOf(bucket);
  const clients = joinOwn(own.clients);
  const accounts = joinOwn(own.accounts);
  for (const peer of peers) {
    const from = peer.at[0]!;
    const decay = decayOf(bucket - from);
    for (let i = 0; i < K.size; i++) out[i]! += from < bucket ? (peer.sums[i]! + peer.open[i]!) * decay : peer.sums[i]!;
    for (const age of [0, 1]) {
      if (generationOf(from) - age < generation - 1) continue;
      const parity = (generationOf(from) - age) & 1;
      joinDistinct(clients, peer.clients[parity]!, SKETCH_BYTES, clients);
      joinDistinct(accounts, peer.accounts[parity]!, SKETCH_BYTES, accounts);
    }
  }
  out[O.clients] = countDistinct(clients, 0, SKETCH_REGISTERS);
  out[O.accounts] = countDistinct(accounts, 0, SKETCH_REGISTERS);
}

function joinOwn([a, b]: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const both = new Uint8Array(SKETCH_BYTES);
  joinDistinct(a, b, SKETCH_BYTES, both);
  return both;
}

function generationOf(bucket: number): number {
  return Math.floor(bucket / COHORT.generationBuckets);
}

/** What is left after so many buckets; after forty half-lives nothing is. */
const DECAY = Float64Array.from({ length: 40 * COHORT.halfLifeBuckets }, (_, n) => 2 ** (-n / COHORT.halfLifeBuckets));
const decayOf = (buckets: number) => (buckets < 0 ? 1 : (DECAY[buckets] ?? 0));

/** Ends the open bucket and opens the one at `bucket`. */
function settle({ at, sums, open, clients, accounts }: Cohort, bucket: number): void {
  const from = at[0]!;
  if (bucket === from) return;
  const decay = decayOf(bucket - from);
  for (let i = 0; i < K.size; i++) {
    sums[i] = (sums[i]! + open[i]!) * decay;
    open[i] = 0;
  }
  const ages = Math.min(2, generationOf(bucket) - generationOf(from));
  // The parity that the new generation takes over held the one before the last.
  for (let n = 0; n < ages; n++) {
    const stale = (generationOf(bucket) - n) & 1;
    clients[stale]!.fill(0);
    accounts[stale]!.fill(0);
  }
  if (ages > 0 || open[O.clients]! > 0) sums[O.clients] = countJoined(clients);
  if (ages > 0 || open[O.accounts]! > 0) sums[O.accounts] = countJoined(accounts);
  open[O.clients] = 0;
  open[O.accounts] = 0;
  at[0] = bucket;
}

const joined = new Uint8Array(SKETCH_BYTES);

function countJoined([a, b]: readonly [Uint8Array, Uint8Array]): number {
  joinDistinct(a, b, SKETCH_BYTES, joined);
  return countDistinct(joined, 0, SKETCH_REGISTERS);
}

/** The same for a client's own part, in the same steps, so that a client alone can be taken off to the last bit. */
function settleOwn({ t, k, c }: ClientRecord, bucket: number): void {
  const from = t[T.cohortAt]!;
  if (bucket === from) return;
  const decay = decayOf(bucket - from);
  for (let i = 0; i < K.size; i++) {
    k[i] = (k[i]! + c[C.cohortOpen + i]!) * decay;
    c[C.cohortOpen + i] = 0;
  }
  t[T.cohortAt] = bucket;
}

/** Leaves the cohort: what the client did there is no part of another one. */
export function leaveCohort({ t, k, c }: ClientRecord): void {
  k.fill(0);
  c.fill(0, C.cohortOpen, C.cohortOpen + K.size);
  t[T.cohortAt] = 0;
}
