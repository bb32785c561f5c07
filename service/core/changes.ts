/** What a partition's task takes in, and what it gives out to be written down. */
import type { LinkChange } from './identify.ts';
import type { Observer } from './observe.ts';
import type { Decision } from './provenance.ts';
import type { DeadLetter, Decode, Incoming } from './source.ts';

/** A record for a compacted topic; null takes the key away. */
export interface Entry {
  readonly key: string;
  readonly value: Buffer | null;
}

/** What goes out together with the input's offset, or not at all. */
export interface Changes {
  /** Clients' states, for whoever takes the partition over. */
  readonly state: readonly Entry[];
  /** Links and cohorts, which every process reads. */
  readonly shared: readonly Entry[];
  /** By client; null where it expired or its client was forgotten. */
  readonly decisions: ReadonlyMap<string, Decision | null>;
  readonly letters: readonly DeadLetter[];
}

/** Calls of one partition in their order, and the state that they make; see `PartitionTask`. */
export interface StreamTask {
  /** Of the clients that it holds. */
  readonly observer: Pick<Observer, 'size' | 'evictions' | 'has' | 'preview'>;
  restore(entry: Entry): void;
  restored(committed: number | null): number | null;
  /** @returns how many were taken: fewer where the next has to wait */
  process(records: readonly Incoming[], decode: Decode): number;
  decide(count?: number): boolean;
  explain(count: number): Promise<boolean>;
  take(offset: number): Changes;
}

export function isLinkKey(key: string): boolean {
  return key.startsWith('anchor:') || key.startsWith('subject:');
}

export function readLink(value: Buffer): LinkChange {
  return JSON.parse(value.toString()) as LinkChange;
}

export function writeLink(change: LinkChange): Buffer {
  return Buffer.from(JSON.stringify(change));
}
