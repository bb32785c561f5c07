/**
 * Who waits for whom after an outage. What other partitions counted is there in time as long as each keeps up with the
 * clock, or is alone in being behind. After an outage of the brokers all are behind and catch up faster than they tell each
 * other; then each waits at the end of a bucket until the others have told what its next calls would read. That is bounded:
 * calls of just now never wait, nor do those of a long time ago, and who tells nothing more is waited for once.
 */
import { bucketOf, COHORT } from './cohort.ts';

export const COHORT_WAIT = {
  /** So far behind the clock a partition may be without waiting for others. */
  behindMs: 5000,
  /** What lies further back is read as fast as can be: a backlog, a replay. */
  historicMs: 300_000,
  /** How long one that tells nothing more is waited for: some have no calls, or nobody who holds them. */
  patienceMs: 5000,
} as const;

export class CohortWait {
  readonly #reached: ReadonlyMap<number, number>;
  readonly #own: number;
  /** By partition that is waited for: how far it had come, and since when it has not come further. */
  readonly #awaited = new Map<number, { readonly bucket: number; readonly sinceMs: number }>();

  /** @param reached as of `CohortPeers` @param own the partition that waits */
  constructor(reached: ReadonlyMap<number, number>, own: number) {
    this.#reached = reached;
    this.#own = own;
  }

  /** @param time of the next call, ms since 1970, event time; `nowMs` by the clock */
  mustWait(time: number, nowMs: number): boolean {
    const behindMs = nowMs - time;
    if (behindMs < COHORT_WAIT.behindMs || behindMs > COHORT_WAIT.historicMs) return false;
    const due = bucketOf(time) - COHORT.tellBuckets;
    let mustWait = false;
    for (const [partition, bucket] of this.#reached)
      if (partition !== this.#own && bucket < due && this.#isWorthWaiting(partition, bucket, nowMs)) mustWait = true;
    return mustWait;
  }

  #isWorthWaiting(partition: number, bucket: number, nowMs: number): boolean {
    const before = this.#awaited.get(partition);
    if (before?.bucket === bucket) return nowMs - before.sinceMs < COHORT_WAIT.patienceMs;
    this.#awaited.set(partition, { bucket, sinceMs: nowMs });
    return true;
  }
}
