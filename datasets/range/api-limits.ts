/** What keeps the range's API standing and real: bounded tables, rate limits, lock-outs, outages. */
import type { Random } from '../simulator/random.ts';

/** A map that forgets its oldest entry when it is full, so that no flood can grow the process. */
export class BoundedMap<T> extends Map<string, T> {
  readonly #most: number;
  readonly #onDrop: (value: T) => void;

  constructor(most: number, onDrop: (value: T) => void = () => {}) {
    super();
    this.#most = most;
    this.#onDrop = onDrop;
  }

  override set(key: string, value: T): this {
    const isFull = this.size >= this.#most && !this.has(key);
    if (isFull) for (const [oldest, dropped] of this) return this.#replace(oldest, dropped, key, value);
    return super.set(key, value);
  }

  #replace(oldest: string, dropped: T, key: string, value: T): this {
    this.delete(oldest);
    this.#onDrop(dropped);
    return super.set(key, value);
  }
}

/** Token buckets by name: `perSecond` on average, `burst` at once. */
export class RateLimit {
  readonly #buckets = new BoundedMap<{ left: number; atMs: number }>(20_000);

  take(name: string, perSecond: number, burst: number, nowMs: number): boolean {
    const bucket = this.#buckets.get(name) ?? { left: burst, atMs: nowMs };
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    if (!this.#buckets.has(name)) this.#buckets.set(name, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}

/** Counts events by name within windows of a minute: failed logins of an account, codes sent to a phone. */
export class MinuteCount {
  readonly #counts = new BoundedMap<{ minute: number; count: number }>(20_000);

  count(name: string, nowMs: number): number {
    const seen = this.#counts.get(name);
    return seen?.minute === Math.floor(nowMs / 60_000) ? seen.count : 0;
  }

  add(name: string, nowMs: number): void {
    this.#counts.set(name, { minute: Math.floor(nowMs / 60_000), count: this.count(name, nowMs) + 1 });
  }
}

const EVERY_MS = 90_000;
const LENGTH_MS = 4000;

/** Whether the back end is ill at `sinceStartMs`: 4 s in each 90, at another moment each time. */
export function isOutage(sinceStartMs: number, seed: number): boolean {
  const round = Math.floor(sinceStartMs / EVERY_MS);
  const share = ((Math.imul(round + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0) / 2 ** 32;
  const startMs = round * EVERY_MS + 5000 + share * (EVERY_MS - LENGTH_MS - 10_000);
  return sinceStartMs >= startMs && sinceStartMs < startMs + LENGTH_MS;
}

/** How long an answer takes, 2 to 40 ms and mostly short. */
export function drawLatencyMs(random: Random): number {
  return Math.min(40, 2 + random.around(5, 0.7));
}
