/**
 * When verdicts expire, by event time in buckets of a minute: which ones go at a given time depends on what was put in,
 * not on the order, so that a restored table lets the same ones go.
 */

const BUCKET_MS = 60_000;

export class ExpiryTable {
  readonly #buckets = new Map<number, Set<string>>();

  /** @param expiresAt ms since 1970 */
  put(id: string, expiresAt: number): void {
    const bucket = bucketOf(expiresAt);
    const ids = this.#buckets.get(bucket);
    if (ids) ids.add(id);
    else this.#buckets.set(bucket, new Set([id]));
  }

  /** Takes out what was put in with that time. */
  remove(id: string, expiresAt: number): void {
    const bucket = bucketOf(expiresAt);
    const ids = this.#buckets.get(bucket);
    if (ids?.delete(id) && ids.size === 0) this.#buckets.delete(bucket);
  }

  /** Takes out, and returns, all that have expired by `time`, up to a minute late. */
  take(time: number): string[] {
    const taken: string[] = [];
    for (const [bucket, ids] of this.#buckets) {
      if (!isOver(bucket, time)) continue;
      taken.push(...ids);
      this.#buckets.delete(bucket);
    }
    return taken;
  }
}

/** Whether `take` at `time` lets go what expires at `expiresAt`. */
export function hasExpired(expiresAt: number, time: number): boolean {
  return isOver(bucketOf(expiresAt), time);
}

function bucketOf(expiresAt: number): number {
  return Math.floor(expiresAt / BUCKET_MS);
}

function isOver(bucket: number, time: number): boolean {
  return (bucket + 1) * BUCKET_MS <= time;
}
