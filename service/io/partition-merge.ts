/**
 * Brings the partitions of a topic together in event time, so that a client whose calls are spread over partitions is
 * seen as if there were one. Pure: the caller gives the time. What was taken is in the order of the smallest head of
 * all partitions; a partition with nothing at hand is waited for only while there is reason to.
 */

export interface MergeItem {
  /** Event time, ms since 1970; null for what has none and goes right behind the item before it. */
  readonly time: number | null;
  /**
   * Breaks ties in time; those in offset go to the partition that was taken from longest ago. Together that is the order
   * of a producer that goes round the partitions, wherever it began and in whatever order.
   * The time of sending would not do; producers stamp whole batches, partition by partition.
   */
  readonly offset: number;
}

export const MERGE = {
  /**
   * How long a partition that is known to hold more may bring nothing before the others go on: longer than brokers take
   * to give it another leader, which they do some 9 s after its own died (`broker.session.timeout.ms`).
   */
  patienceMs: 20_000,
  /** A head that lies further back is historic: it is replayed, and others of its time may still come. */
  historicMs: 60_000,
  /** How long a partition must be silent before a historic head goes on without it. */
  silenceMs: 1000,
  /** So long without a sign of any partition is an outage, or a process that stood still: then silence is nobody's own. */
  outageMs: 2000,
} as const;

/** One partition: its items at hand and where it stands. */
interface Lane<T> {
  readonly partition: number;
  items: T[];
  /** Event times of the items, with those of items that have none filled in. */
  times: number[];
  head: number;
  /** Time of the last item that had one. */
  lastTime: number;
  /** Offset of the next record to come, null until one is known. */
  position: number | null;
  /** Offset up to which items were taken, exclusive. */
  taken: number;
  /** Counts on with each item taken from any partition; 0 before the first. */
  turn: number;
  /** Offset up to which the partition is known to be filled, exclusive. */
  end: number;
  /** When it last showed life. */
  activeAt: number;
}

export class PartitionMerge<T extends MergeItem> {
  readonly #lanes = new Map<number, Lane<T>>();
  #turn = 0;
  /** When anything last showed life. */
  #lifeAt = 0;

  /**
   * Sets which partitions are read. All buffers are dropped, since Kafka sends again from the last commit; a partition
   * that is kept goes on behind what was taken. A new one counts as holding more until `expect` says how much.
   */
  assign(partitions: Iterable<number>, nowMs: number): void {
    const before = new Map(this.#lanes);
    this.#lanes.clear();
    this.#lifeAt = nowMs;
    for (const partition of partitions) {
      const taken = before.get(partition)?.taken ?? 0;
      this.#lanes.set(partition, { ...newLane<T>(partition, nowMs), taken, position: taken > 0 ? taken : null });
    }
  }

  /** Where reading begins (null where it is not known) and up to which offset, exclusive, the partition is filled. */
  expect(partition: number, position: number | null, end: number): void {
    const lane = this.#lanes.get(partition);
    if (!lane) return;
    lane.end = end;
    if (position !== null && position > (lane.position ?? -1)) lane.position = position;
  }

  /** The brokers answer. After an outage each partition has its time anew: the first to come back must not go alone. */
  beat(nowMs: number): void {
    if (this.#isOut(nowMs)) this.renew(nowMs);
    this.#lifeAt = nowMs;
  }

  #isOut(nowMs: number): boolean {
    return nowMs - this.#lifeAt > MERGE.outageMs;
  }

  /** Each partition has its time anew, as after a wait that was none of theirs. */
  renew(nowMs: number): void {
    this.#lifeAt = nowMs;
    for (const lane of this.#lanes.values()) lane.activeAt = nowMs;
  }

  /** Adds items in offset order; `position` is the offset behind them. What was taken before is left out. */
  add(partition: number, items: readonly T[], position: number, end: number, nowMs: number): void {
    const lane = this.#lanes.get(partition);
    if (!lane) return;
    const from = Math.max(lane.taken, lane.position ?? 0);
    compact(lane);
    for (const item of items) {
      if (item.offset < from) continue;
      if (item.time !== null) lane.lastTime = item.time;
      lane.items.push(item);
      lane.times.push(lane.lastTime);
    }
    lane.position = Math.max(from, position);
    lane.end = Math.max(end, lane.position);
    this.beat(nowMs);
    lane.activeAt = nowMs;
  }

  /** Takes up to `limit` items that may go now, in order; none where a partition must be waited for. */
  take(nowMs: number, limit: number): { partition: number; item: T }[] {
    const taken: { partition: number; item: T }[] = [];
    const lanes = [...this.#lanes.values()];
    while (taken.length < limit) {
      const lane = smallest(lanes);
      if (!lane || this.#mustWait(lanes, lane.times[lane.head]!, nowMs)) break;
      const item = lane.items[lane.head++]!;
      lane.taken = item.offset + 1;
      lane.turn = ++this.#turn;
      taken.push({ partition: lane.partition, item });
    }
    return taken;
  }

  #mustWait(lanes: readonly Lane<T>[], time: number, nowMs: number): boolean {
    // Nothing before it in its partition had a time: there is no place to keep it for.
    if (time === Number.NEGATIVE_INFINITY) return false;
    const isHistoric = time < nowMs - MERGE.historicMs;
    const isOut = this.#isOut(nowMs);
    for (const lane of lanes) {
      if (lane.head < lane.items.length) continue;
      const silentMs = isOut ? 0 : nowMs - lane.activeAt;
      const holdsMore = (lane.position ?? 0) < lane.end;
      if (holdsMore ? silentMs < MERGE.patienceMs : isHistoric && silentMs < MERGE.silenceMs) return true;
    }
    return false;
  }

  /** Items at hand in one partition. */
  buffered(partition: number): number {
    const lane = this.#lanes.get(partition);
    return lane ? lane.items.length - lane.head : 0;
  }

  /** Offset of the next record to come, null where none is known or the partition is not assigned. */
  position(partition: number): number | null {
    return this.#lanes.get(partition)?.position ?? null;
  }

  get partitions(): readonly number[] {
    return [...this.#lanes.keys()];
  }

  get isEmpty(): boolean {
    for (const { head, items } of this.#lanes.values()) if (head < items.length) return false;
    return true;
  }
}

function newLane<T>(partition: number, nowMs: number): Lane<T> {
  return {
    partition,
    items: [],
    times: [],
    head: 0,
    lastTime: Number.NEGATIVE_INFINITY,
    position: null,
    taken: 0,
    turn: 0,
    end: Number.POSITIVE_INFINITY,
    activeAt: nowMs,
  };
}

/** Drops what was taken, so that the buffer holds what is at hand only. */
function compact<T>(lane: Lane<T>): void {
  if (lane.head === 0) return;
  lane.items = lane.items.slice(lane.head);
  lane.times = lane.times.slice(lane.head);
  lane.head = 0;
}

function smallest<T extends MergeItem>(lanes: readonly Lane<T>[]): Lane<T> | null {
  let best: Lane<T> | null = null;
  for (const lane of lanes) {
    if (lane.head < lane.items.length && (best === null || isBefore(lane, best))) best = lane;
  }
  return best;
}

function isBefore<T extends MergeItem>(a: Lane<T>, b: Lane<T>): boolean {
  const byTime = a.times[a.head]! - b.times[b.head]!;
  if (byTime !== 0) return byTime < 0;
  const byOffset = a.items[a.head]!.offset - b.items[b.head]!.offset;
  return (byOffset || a.turn - b.turn || a.partition - b.partition) < 0;
}
