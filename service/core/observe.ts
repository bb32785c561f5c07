/**
 * The pure half of Assay: calls in, snapshots out. Holds the records of all clients within a limit; training and
 * serving both go through here, so that there is one way from a call to a vector.
 */
import type { Rejection } from './api-call.ts';
import { type ClientRecord, F, RECORD_BYTES, RecordArena, T } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { extract, FEATURES } from './features.ts';
import { Identifier, type IdentifierOptions } from './identify.ts';
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
  readonly signals: readonly FiredSignal[];
}

export interface Observation {
  readonly clientId: string;
  readonly snapshot: Snapshot | null;
}

export interface ObserverOptions extends IdentifierOptions {
  /** Clients held at once; beyond it the one that has been idle longest of a few looked at is forgotten. */
  readonly maxClients?: number;
}

export interface Observer {
  readonly identifier: Identifier;
  observe(call: ApiCall): Observation | Rejection;
  readonly size: number;
  /** Clients forgotten so far because the limit was reached. */
  readonly evictions: number;
  has(clientId: string): boolean;
  /** A copy of a client's record, null where it is not held. */
  dump(clientId: string): Uint8Array | null;
  /** Puts back a dumped record; false where its size is not this version's. */
  restore(clientId: string, bytes: Uint8Array): boolean;
}

/** Clients looked at when one must go. */
const EVICTION_SAMPLE = 16;

class ClientTable implements Observer {
  readonly identifier: Identifier;
  readonly #maxClients: number;
  readonly #slots = new Map<string, number>();
  readonly #arena = new RecordArena();
  #evictions = 0;

  constructor(options: ObserverOptions) {
    this.identifier = new Identifier(options);
    this.#maxClients = options.maxClients ?? 200_000;
  }

  get size(): number {
    return this.#slots.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  observe(call: ApiCall): Observation | Rejection {
    const identity = this.identifier.identify(call);
    const record = this.#recordOf(identity.clientId);
    const rejection = observe(record, call, identity);
    if (rejection) return rejection;
    const { clientId } = identity;
    return { clientId, snapshot: isDue(record) ? snapshotOf(clientId, record) : null };
  }

  has(clientId: string): boolean {
    return this.#slots.has(clientId);
  }

  dump(clientId: string): Uint8Array | null {
    const slot = this.#slots.get(clientId);
    return slot === undefined ? null : this.#arena.bytes(slot).slice();
  }

  restore(clientId: string, bytes: Uint8Array): boolean {
    if (bytes.length !== RECORD_BYTES) return false;
    this.#arena.bytes(this.#slotOf(clientId)).set(bytes);
    return true;
  }

  #recordOf(clientId: string): ClientRecord {
    return this.#arena.view(this.#slotOf(clientId));
  }

  #slotOf(clientId: string): number {
    const known = this.#slots.get(clientId);
    if (known !== undefined) return known;
    if (this.#slots.size >= this.#maxClients) this.#evict();
    const slot = this.#arena.take();
    this.#slots.set(clientId, slot);
    return slot;
  }

  /** Of the oldest entries, forgets the one with the fewest failures and the longest silence; the others get a new turn. */
  #evict(): void {
    const sample = [...take(this.#slots, EVICTION_SAMPLE)];
    const [victim] = sample.toSorted(([, a], [, b]) => this.#worth(a) - this.#worth(b));
    for (const [clientId, slot] of sample) {
      this.#slots.delete(clientId);
      if (clientId === victim![0]) this.#arena.give(slot);
      else this.#slots.set(clientId, slot);
    }
    this.#evictions++;
  }

  #worth(slot: number): number {
    const { f, t } = this.#arena.view(slot);
    // A failure weighs as much as a minute of silence.
    return t[T.last]! + 60_000 * f[F.maxFailRun]!;
  }
}

function* take<V>(items: Iterable<V>, n: number): Generator<V> {
  let left = n;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
}

/** The one place that says when a session is scored: at the scheduled calls, and when a watched signal first fires. */
function isDue(record: ClientRecord): boolean {
  const { f } = record;
  const fired = firesFirst(record);
  if (f[F.calls]! < f[F.nextSnapshot]! && !fired) return false;
  f[F.nextSnapshot] = nextSnapshot(f[F.calls]!);
  return true;
}

const SLAB_VECTORS = 64;
let slab = new Float32Array(0);
let slabAt = 0;

/** Vectors are cut from larger arrays: an array of its own for each costs more than filling it. */
function newVector(): Float32Array {
  if (slabAt + FEATURES.length > slab.length) [slab, slabAt] = [new Float32Array(SLAB_VECTORS * FEATURES.length), 0];
  slabAt += FEATURES.length;
  return slab.subarray(slabAt - FEATURES.length, slabAt);
}

function snapshotOf(clientId: string, record: ClientRecord): Snapshot {
  const vector = newVector();
  extract(record, vector);
  return {
    clientId,
    calls: record.f[F.calls]!,
    time: record.t[T.last]!,
    sessionStart: record.t[T.sessionStart]!,
    strength: record.f[F.strength]!,
    vector,
    signals: firedSignals(record),
  };
}

export function createObserver(options: Partial<ObserverOptions> = {}): Observer {
  return new ClientTable({ key: 'assay', ...options });
}
