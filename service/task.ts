/**
 * One partition's share of the stream: the state of its clients, and what changed since it was last committed. The calls
 * of a partition in their order, and nothing else, make its state: whoever reads them again gets the same bytes.
 */
import { isRejection, type Rejection } from './core/api-call.ts';
import { type Changes, type Entry, isLinkKey, readLink, type StreamTask, writeLink } from './core/changes.ts';
import { packClient, STATE_LAYOUT, unpackClient } from './core/client-state.ts';
import { bucketOf, isCohortId } from './core/cohort.ts';
import { COHORT_WAIT } from './core/cohort-wait.ts';
import type { ApiCall } from './core/contracts.ts';
import { ExpiryTable, hasExpired } from './core/expiry.ts';
import type { LinkChange } from './core/identify.ts';
import type { Observer, ObserverOptions, Snapshot } from './core/observe.ts';
import { type Decision, standingOf } from './core/provenance.ts';
import type { DeadLetter, Decode, Incoming } from './core/source.ts';
import type { Standing } from './core/verdict.ts';
import { type Decided, decideAll, explainAll, FEW_VERDICTS, observeAll, type ScoringStages } from './pipeline.ts';

export interface TaskOptions extends Omit<ScoringStages, 'observer' | 'standing'> {
  /** Whether the task finds out whose the calls are, rather than that each call tells. */
  readonly identifies: boolean;
  createObserver(options: Pick<ObserverOptions, 'onEvict' | 'onLink' | 'onBucketEnd'>): Observer;
  /** Whether a call of an event time, the first of its bucket, has to wait for what other partitions counted; never by default. */
  mustWait?(time: number): boolean;
  /** Told of each link as it is learnt, and of each record that can't be used. */
  onLink?(change: LinkChange): void;
  onRejection?(rejection: Rejection): void;
}

/** Where the task stands: the key and value of one more entry of its state. */
const POSITION_KEY = 'position';

interface Position {
  readonly layout: number;
  /** Of the next record of the input. */
  readonly offset: number;
  /** Event time that the partition has come to, ms since 1970. */
  readonly time: number;
}

export class PartitionTask implements StreamTask {
  readonly #options: TaskOptions;
  readonly #stages: ScoringStages;
  readonly #standings = new Map<string, Standing>();
  readonly #expiry = new ExpiryTable();
  /** Ids of clients and cohorts whose records changed or that were forgotten. */
  #touched = new Set<string>();
  #links = new Map<string, LinkChange>();
  /** Cohorts' records at the end of a bucket, which others need to the last call. */
  #ended: Entry[] = [];
  /** Observed and not decided yet. */
  #snapshots: Snapshot[] = [];
  /** Of what is decided, what is not explained yet: of all verdicts of a moment, only those that stand are worth that. */
  readonly #decided = new Map<string, Decided>();
  #decisions = new Map<string, Decision | null>();
  #letters: DeadLetter[] = [];
  #time = 0;
  /** What was restored, until all is back. */
  #kept = new Map<string, Buffer>();

  constructor(options: TaskOptions) {
    this.#options = options;
    const observer = options.createObserver({
      onEvict: (clientId) => this.#forget(clientId),
      onLink: (change) => this.#learn(change),
      onBucketEnd: (id, record) => this.#endBucket(id, record),
    });
    this.#stages = {
      ...options,
      observer,
      standing: (clientId) => this.#standings.get(clientId) ?? null,
      onCall: (call, clientId) => this.#pass(call, clientId),
    };
  }

  get observer(): Observer {
    return this.#stages.observer;
  }

  /** Puts back an entry of the state or of what is shared, in the order of the topic. */
  restore({ key, value }: Entry): void {
    this.#kept.delete(key);
    if (value) this.#kept.set(key, value);
  }

  /**
   * To be called once all entries are back.
   *
   * @param committed up to where the group has read the partition, null where it never did
   * @returns the offset from which to go on, null for the beginning. Where the state belongs to another offset (someone has
   *   set the group back) or is of another layout, it is dropped, and the task begins anew
   */
  restored(committed: number | null): number | null {
    const kept = this.#kept;
    this.#kept = new Map();
    const position = readPosition(kept.get(POSITION_KEY));
    kept.delete(POSITION_KEY);
    if (position && position.offset === (committed ?? position.offset)) {
      this.#time = position.time;
      for (const [key, value] of kept) this.#restoreEntry(key, value);
      return position.offset;
    }
    // What is not held any more is taken off the topics with the next changes.
    for (const key of kept.keys()) if (!isLinkKey(key)) this.#touched.add(key);
    return committed;
  }

  #restoreEntry(key: string, value: Buffer): void {
    if (isLinkKey(key)) {
      if (this.#options.identifies) this.observer.identifier.restore(readLink(value));
    } else if (isCohortId(key)) this.observer.restore(key, value);
    else this.#restoreClient(key, value);
  }

  #restoreClient(clientId: string, value: Buffer): void {
    const state = unpackClient(value);
    if (!state) return;
    this.observer.restore(clientId, state.record);
    if (!state.standing) return;
    this.#standings.set(clientId, state.standing);
    if (!hasExpired(state.standing.expiresAt, this.#time)) this.#expiry.put(clientId, state.standing.expiresAt);
  }

  /**
   * Takes the state on by records that follow each other in the partition.
   * @returns how many were taken: fewer where the next has to wait
   */
  process(records: readonly Incoming[], decode: Decode): number {
    const receivedAtMs = this.#stages.now();
    const calls = records.map((record) => decode(record, receivedAtMs));
    const count = this.#countReady(calls);
    let next = 0;
    const ready = { records: records.slice(0, count), decode: () => calls[next++]! };
    const { snapshots, touched, letters } = observeAll(ready, this.#stages);
    for (const id of touched) this.#touched.add(id);
    for (const letter of letters) this.#options.onRejection?.(letter);
    this.#letters.push(...letters);
    this.#snapshots.push(...snapshots);
    return count;
  }

  /** How many come before one that has to wait: the others of its bucket then need not. */
  #countReady(calls: readonly (ApiCall | Rejection)[]): number {
    const { mustWait } = this.#options;
    if (!mustWait) return calls.length;
    let bucket = bucketOf(this.#time);
    const waiting = calls.findIndex((call) => {
      if (isRejection(call) || bucketOf(call.time) <= bucket) return false;
      bucket = bucketOf(call.time);
      return mustWait(call.time);
    });
    return waiting < 0 ? calls.length : waiting;
  }

  /**
   * Makes up to `count` of the verdicts that are due: many at once cost less than one by one.
   * @returns whether there are more
   */
  decide(count = Number.POSITIVE_INFINITY): boolean {
    if (this.#snapshots.length === 0) return false;
    const decided = decideAll(this.#snapshots.splice(0, count), this.#stages);
    // A client may have been forgotten since it was observed.
    for (const each of decided) if (this.observer.has(each.verdict.clientId)) this.#stand(each);
    return this.#snapshots.length > 0;
  }

  #pass(call: ApiCall, clientId: string): void {
    if (call.time > this.#time) this.#time = call.time;
    this.#options.onCall?.(call, clientId);
  }

  #stand(decided: Decided): void {
    const { verdict } = decided;
    const { clientId, expiresAt } = verdict;
    const before = this.#standings.get(clientId);
    if (before) this.#expiry.remove(clientId, before.expiresAt);
    this.#standings.set(clientId, standingOf(verdict));
    this.#expiry.put(clientId, expiresAt);
    this.#decided.set(clientId, decided);
    this.#options.store.put(verdict, decided.explain);
  }

  #forget(clientId: string): void {
    this.#touched.add(clientId);
    const standing = this.#standings.get(clientId);
    if (!standing) return;
    this.#standings.delete(clientId);
    this.#expiry.remove(clientId, standing.expiresAt);
    this.#withdraw(clientId);
  }

  #withdraw(clientId: string): void {
    this.#decided.delete(clientId);
    this.#decisions.set(clientId, null);
    this.#options.store.remove(clientId);
  }

  /** Nobody waits for what lies far back, and a backlog has many buckets of few calls. */
  #endBucket(key: string, record: Uint8Array): void {
    const isHistoric = this.#stages.now() - this.#time > COHORT_WAIT.historicMs;
    if (!isHistoric) this.#ended.push({ key, value: Buffer.from(record) });
  }

  #learn(change: LinkChange): void {
    this.#links.set(`${change[0]}:${change[1]}`, change);
    this.#options.onLink?.(change);
  }

  /**
   * Explains up to `count` of the verdicts that stand and are not explained yet, while other work goes on.
   * @returns false where so few are left that `take` will explain them in passing
   */
  async explain(count: number): Promise<boolean> {
    if (this.#decided.size <= FEW_VERDICTS) return false;
    const due = [...this.#decided.values()].slice(0, count);
    await explainAll(due, this.#options.classifier, (decision, decided) => {
      // It may have been overtaken meanwhile.
      if (this.#decided.get(decision.verdict.clientId) === decided) this.#settle(decision);
    });
    return true;
  }

  #settle(decision: Decision): void {
    const { clientId } = decision.verdict;
    this.#decided.delete(clientId);
    this.#decisions.set(clientId, decision);
    this.#options.store.complete(decision.verdict);
  }

  /** What changed since it was last asked; @param offset of the next record of the input */
  take(offset: number): Changes {
    this.decide();
    for (const clientId of this.#expiry.take(this.#time)) this.#withdraw(clientId);
    for (const { explain, provenance } of this.#decided.values()) this.#settle({ verdict: explain(), provenance });
    const state: Entry[] = [];
    const shared = this.#ended;
    for (const id of this.#touched) (isCohortId(id) ? shared : state).push({ key: id, value: this.#valueOf(id) });
    for (const [key, change] of this.#links) shared.push({ key, value: writeLink(change) });
    const position: Position = { layout: STATE_LAYOUT, offset, time: this.#time };
    state.push({ key: POSITION_KEY, value: Buffer.from(JSON.stringify(position)) });
    const changes = { state, shared, decisions: this.#decisions, letters: this.#letters };
    [this.#touched, this.#links, this.#ended] = [new Set(), new Map(), []];
    [this.#decisions, this.#letters] = [new Map(), []];
    return changes;
  }

  #valueOf(id: string): Buffer | null {
    const record = this.observer.dump(id);
    if (record === null) return null;
    return isCohortId(id) ? Buffer.from(record) : packClient({ record, standing: this.#standings.get(id) ?? null });
  }
}

function readPosition(value: Buffer | undefined): Position | null {
  const position = value && (JSON.parse(value.toString()) as Position);
  return position?.layout === STATE_LAYOUT ? position : null;
}
