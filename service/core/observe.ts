/**
 * The pure half of Assay: calls in, snapshots out. Holds the records of all clients within a limit; training and
 * serving both go through here, so that there is one way from a call to a vector.
 */
import type { Rejection } from './api-call.ts';
import { C, type ClientRecord, createRecord, H, RECORD_BYTES, RecordArena, T, U } from './client-record.ts';
import { COHORT, CohortTable, isCohortId, O, type OnBucketEnd, type PeersOf } from './cohort.ts';
import type { ApiCall } from './contracts.ts';
import { extract, FEATURES } from './features.ts';
import { Identifier, type IdentifierOptions, type Identity } from './identify.ts';
import { Oldest } from './oldest.ts';
import { nextSnapshot, observe } from './session.ts';
import { type FiredSignal, firedSignals, firesFirst } from './signals.ts';

/** A session at a moment when it is scored. */
export interface Snapshot {
  readonly clientId: string;
  readonly calls: number;
  /** Event time, ms since 1970. */
  readonly time: number;
  readonly sessionStart: number;
  readonly strength: number;
  readonly vector: Float32Array;
  /** What was known of the others of its cohort, zeros where there are none. */
  readonly others: Float32Array;
  /** Offsets of the first and the last call that it counts, null where the input has none. */
  readonly span: Span | null;
  readonly signals: readonly FiredSignal[];
}

/** From a call to a call of the same partition, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export interface Observation {
  readonly clientId: string;
  /** The cohort that the call counted in, 0 where its client has none; `cohortIdOf` makes an id of it. */
  readonly cohort: number;
  readonly snapshot: Snapshot | null;
}

export interface ObserverOptions extends IdentifierOptions {
  /** Clients held at once; beyond it one is forgotten of which little is known, or that has been idle for long. */
  readonly maxClients?: number;
  /** Whether what a client's cohort does counts too, as it does by default. */
  readonly cohorts?: boolean;
  /** What is known of every client's cohort where nothing is counted. */
  readonly others?: Float32Array;
  /** What is counted of cohorts elsewhere. */
  readonly peers?: PeersOf;
  readonly onBucketEnd?: OnBucketEnd;
  /** Told of each client that is forgotten. */
  readonly onEvict?: (clientId: string) => void;
}

export interface Observer {
  readonly identifier: Identifier;
  /**
   * @param identity who the caller is, where that was found out before; else the identifier says, and learns
   * @param offset where the call stands in its partition, where that has offsets
   */
  observe(call: ApiCall, identity?: Identity, offset?: number): Observation | Rejection;
  readonly size: number;
  /** Clients forgotten so far because the limit was reached. */
  readonly evictions: number;
  /** Whether a client, or a cohort by its id, is held; as with the next two. */
  has(id: string): boolean;
  /** A copy of a record, null where it is not held. */
  dump(id: string): Uint8Array | null;
  /** Puts back a dumped record; false where its size is not this version's. */
  restore(id: string, bytes: Uint8Array): boolean;
  /** A copy of what is held of a client, a new one's where nothing is. */
  preview(clientId: string): Preview;
}

/** A client as it will be known once calls that are under way are told of; what is counted here is counted nowhere else. */
export interface Preview {
  /** @returns a snapshot where it is due, as with `observe` */
  add(call: ApiCall, identity: Identity): Snapshot | Rejection | null;
}

/** Known clients looked at when one of them must go. */
const EVICTION_SAMPLE = 16;
/** Calls of a session from which on its client counts as known. */
const KNOWN_CALLS = 4;
/** Past sessions, of which a day halves the count. */
const KNOWN_SESSIONS = 0.5;
/** Of all clients; the others are kept for newcomers. */
const KNOWN_SHARE = 0.8;

class ClientTable implements Observer {
  readonly identifier: Identifier;
  readonly #maxClients: number;
  readonly #onEvict: (clientId: string) => void;
  /** Slots of clients of which little is known, in the order in which they came, and of the others. */
  readonly #fresh = new Map<string, number>();
  readonly #known = new Map<string, number>();
  readonly #oldestFresh = new Oldest(this.#fresh);
  readonly #oldestKnown = new Oldest(this.#known);
  readonly #arena = new RecordArena();
  readonly #cohorts: CohortTable | null;
  readonly #others: Float32Array;
  #evictions = 0;

  constructor(options: ObserverOptions) {
    this.identifier = new Identifier(options);
    this.#maxClients = options.maxClients ?? 200_000;
    this.#cohorts = options.cohorts === false ? null : new CohortTable(COHORT.maxCohorts, options.peers, options.onBucketEnd);
    // Without cohorts zeros, as of a client alone.
    this.#others = options.others ?? new Float32Array(O.size);
    this.#onEvict = options.onEvict ?? (() => {});
  }

  get size(): number {
    return this.#fresh.size + this.#known.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  observe(call: ApiCall, identity = this.identifier.identify(call), offset?: number): Observation | Rejection {
    const { clientId } = identity;
    const record = this.#arena.view(this.#find(clientId) ?? this.#add(clientId, offset));
    const rejection = observe(record, call, identity, this.#cohorts);
    if (rejection) return rejection;
    const cohort = this.#cohorts ? record.u[U.cohort]! : 0;
    return { clientId, cohort, snapshot: isDue(record) ? this.#snapshotOf(clientId, record, offset) : null };
  }

  preview(clientId: string): Preview {
    const record = createRecord(this.dump(clientId));
    return {
      add: (call, identity) => observe(record, call, identity) ?? (isDue(record) ? this.#snapshotOf(clientId, record) : null),
    };
  }

  #snapshotOf(clientId: string, record: ClientRecord, offset?: number): Snapshot {
    this.#cohorts?.readOthers(record, this.#others);
    const [vector, others] = newVectors();
    others.set(this.#others);
    extract(record, others, vector);
    return {
      clientId,
      calls: record.c[C.calls]!,
      time: record.t[T.last]!,
      sessionStart: record.t[T.sessionStart]!,
      strength: record.c[C.strength]!,
      vector,
      others,
      span: offset === undefined ? null : { first: record.t[T.offset]!, last: offset },
      signals: firedSignals(record, others),
    };
  }

  has(id: string): boolean {
    return isCohortId(id) ? (this.#cohorts?.has(id) ?? false) : this.#find(id) !== undefined;
  }

  dump(id: string): Uint8Array | null {
    if (isCohortId(id)) return this.#cohorts?.dump(id) ?? null;
    const slot = this.#find(id);
    return slot === undefined ? null : this.#arena.bytes(slot).slice();
  }

  restore(id: string, bytes: Uint8Array): boolean {
    if (isCohortId(id)) return this.#cohorts?.restore(id, bytes) ?? false;
    if (bytes.length !== RECORD_BYTES) return false;
    this.#arena.bytes(this.#find(id) ?? this.#add(id)).set(bytes);
    return true;
  }

  #find(clientId: string): number | undefined {
    return this.#known.get(clientId) ?? this.#fresh.get(clientId);
  }

  #add(clientId: string, offset = 0): number {
    if (this.size >= this.#maxClients) this.#evict();
    const slot = this.#arena.take();
    this.#arena.view(slot).t[T.offset] = offset;
    this.#fresh.set(clientId, slot);
    return slot;
  }

  /**
   * As in 2Q (Johnson & Shasha 1994) and S3-FIFO (Yang et al. 2023) a newcomer has to show something before it may push
   * others out: a flood of clients of a call or two passes through the fresh ones and leaves the known ones alone.
   */
  #evict(): void {
    while (this.#fresh.size > 0) {
      const clientId = this.#oldestFresh.next()!;
      const slot = this.#fresh.get(clientId)!;
      if (!isKnown(this.#arena.view(slot))) {
        this.#forget(this.#fresh, clientId, slot);
        return;
      }
      this.#fresh.delete(clientId);
      const isFull = this.#known.size >= KNOWN_SHARE * this.#maxClients;
      if (isFull) this.#evictKnown();
      this.#known.set(clientId, slot);
      if (isFull) return;
    }
    this.#evictKnown();
  }

  /** Of those that have been known longest, forgets the one with the fewest failures and the longest silence; the others get a new turn. */
  #evictKnown(): void {
    const sample = Array.from({ length: Math.min(EVICTION_SAMPLE, this.#known.size) }, () => {
      const clientId = this.#oldestKnown.next()!;
      const slot = this.#known.get(clientId)!;
      this.#known.delete(clientId);
      this.#known.set(clientId, slot);
      return [clientId, slot] as const;
    });
    const [victim] = sample.toSorted(([, a], [, b]) => this.#worth(a) - this.#worth(b));
    this.#forget(this.#known, ...victim!);
  }

  #forget(from: Map<string, number>, clientId: string, slot: number): void {
    from.delete(clientId);
    this.#arena.give(slot);
    this.#evictions++;
    this.#onEvict(clientId);
  }

  #worth(slot: number): number {
    const { c, t } = this.#arena.view(slot);
    // A failure weighs as much as a minute of silence.
    return t[T.last]! + 60_000 * c[C.maxFailRun]!;
  }
}

/** Whether a record says enough to be kept before one that says nothing yet; each of these costs its client calls. */
function isKnown({ c, h, u }: ClientRecord): boolean {
  return c[C.calls]! >= KNOWN_CALLS || h[H.sessions]! >= KNOWN_SESSIONS || u[U.signalsSeen] !== 0;
}

/** The one place that says when a session is scored: at the scheduled calls, and when a watched signal first fires. */
function isDue(record: ClientRecord): boolean {
  const { c } = record;
  const fired = firesFirst(record);
  if (c[C.calls]! < c[C.nextSnapshot]! && !fired) return false;
  c[C.nextSnapshot] = nextSnapshot(c[C.calls]!);
  return true;
}

const SLAB_SNAPSHOTS = 64;
const SNAPSHOT_FLOATS = FEATURES.length + O.size;
let slab = new Float32Array(0);
let slabAt = 0;

/** For features and for others; cut from larger arrays: an array of its own for each costs more than filling it. */
function newVectors(): readonly [Float32Array, Float32Array] {
  if (slabAt + SNAPSHOT_FLOATS > slab.length) [slab, slabAt] = [new Float32Array(SLAB_SNAPSHOTS * SNAPSHOT_FLOATS), 0];
  const [from, middle] = [slabAt, slabAt + FEATURES.length];
  slabAt += SNAPSHOT_FLOATS;
  return [slab.subarray(from, middle), slab.subarray(middle, slabAt)];
}

export function createObserver(options: Partial<ObserverOptions> = {}): Observer {
  return new ClientTable({ key: 'assay', ...options });
}
