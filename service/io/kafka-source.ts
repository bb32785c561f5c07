/**
 * ApiCalls from a Kafka topic, in event time over all its partitions, which one process of the group reads. Batches are
 * decoded as they come and merged (partition-merge.ts); a full partition is paused, so that memory is bounded. A delivery
 * tells the offsets that belong to it, for whoever takes it to commit; what is not committed comes again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { isRejection, type Rejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import type { Incoming } from '../core/source.ts';
import { unlessAborted } from './abort.ts';
import { type AvroReader, createAvroReader } from './avro.ts';
import { stickyAssigner } from './kafka-assign.ts';
import { createClient, type KafkaOptions, kafkaError, prepareWithPatience, REGISTRY_PATIENCE_MS } from './kafka-client.ts';
import { type MergeItem, PartitionMerge } from './partition-merge.ts';

/** A record with what it decodes to, so that it is decoded once. */
export interface MergedRecord extends Omit<Incoming, 'offset'>, MergeItem {
  readonly call: ApiCall | Rejection;
}

const DELIVERY_RECORDS = 2000;
/** Records at hand over all partitions from which on they are paused; each may pass its share by one fetch. */
const BUFFERED_RECORDS = 32_000;
const FETCH_BYTES = 512 * 1024;
/** How long a fetch waits for records: also how long a partition that is resumed may wait to be fetched again. */
const FETCH_WAIT_MS = 100;
/** How often a waiting merge is looked at again. */
const LOOK_AGAIN_MS = 20;
const HEARTBEAT_MS = 1000;
const EMPTY = new Uint8Array(0);

export interface MergedOptions extends KafkaOptions {
  readonly groupId: string;
  /** Runs when the partitions come to this process, before it is asked which offsets are committed. */
  onAssign(): Promise<void>;
}

export interface MergedDelivery {
  readonly records: readonly MergedRecord[];
  /** Of the next record to come, by partition. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** Calls of the topic `options.topics.calls`; see the top of the file for what it promises. */
export async function* readMerged(options: MergedOptions, signal: AbortSignal): AsyncGenerator<MergedDelivery> {
  const feed = new KafkaFeed(options, signal);
  try {
    await feed.start();
    while (!signal.aborted) {
      const delivery = feed.next();
      if (delivery) yield delivery;
      else await feed.changed();
    }
  } finally {
    await feed.stop();
  }
}

class KafkaFeed {
  readonly #options: MergedOptions;
  readonly #topic: string;
  readonly #signal: AbortSignal;
  readonly #reader: AvroReader;
  readonly #consumer: Consumer;
  readonly #admin: Admin;
  readonly #merge = new PartitionMerge<MergedRecord>();
  #assigned: readonly number[] = [];
  readonly #resumes = new Map<number, () => void>();
  /** Partitions that were set back once to the position that is due. */
  readonly #setBack = new Set<number>();
  #generation = 0;
  #positionsKnown: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #wake: () => void = () => {};

  constructor(options: MergedOptions, signal: AbortSignal) {
    const kafka = createClient(options);
    this.#options = options;
    this.#topic = options.topics.calls;
    this.#signal = signal;
    this.#reader = createAvroReader(options);
    this.#admin = kafka.admin();
    this.#consumer = kafka.consumer({
      groupId: options.groupId,
      // The order of one client's calls over all partitions is known only where all are read.
      partitionAssigners: [stickyAssigner(() => this.#assigned, true)],
      sessionTimeout: 10_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxBytesPerPartition: FETCH_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 200, maxRetryTime: 5000, retries: 8, restartOnFailure: async () => !signal.aborted },
    });
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  async start(): Promise<void> {
    const { GROUP_JOIN, CRASH, FETCH, END_BATCH_PROCESS } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#assign(payload.memberAssignment[this.#topic] ?? []));
    this.#consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) this.#fail(payload.error);
    });
    // Also told where the answer held nothing.
    this.#consumer.on(FETCH, () => this.#merge.beat(Date.now()));
    // Also told of batches that hold nothing but transaction markers, which no handler sees.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize === 0) this.#passOver(payload.partition, payload.lastOffset, payload.highWatermark);
    });
    try {
      await Promise.all([this.#admin.connect(), this.#consumer.connect()]);
      await this.#consumer.subscribe({ topic: this.#topic, fromBeginning: true });
      const joining = this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 64,
        eachBatch: (payload) => this.#onBatch(payload),
      });
      await unlessAborted(joining, this.#signal);
    } catch (error) {
      throw kafkaError(`reading ${this.#topic}`, error);
    }
  }

  async stop(): Promise<void> {
    this.#generation++;
    for (const client of [this.#consumer, this.#admin])
      await client.disconnect().catch((error: Error) => this.#notice(`disconnecting: ${error.message}`));
  }

  /** The next delivery that may go, or null. */
  next(): MergedDelivery | null {
    if (this.#failure) throw kafkaError(`reading ${this.#topic}`, this.#failure);
    const taken = this.#merge.take(Date.now(), DELIVERY_RECORDS);
    if (taken.length === 0) return null;
    this.#resumeDrained();
    const offsets = new Map<number, number>();
    for (const { partition, item } of taken) offsets.set(partition, item.offset + 1);
    return { records: taken.map(({ item }) => item), offsets };
  }

  /** Resolves when there may be something to take, the signal aborts, or it is time to look again. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#merge.isEmpty ? 1000 : LOOK_AGAIN_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #onBatch({ batch, heartbeat, isRunning, isStale, pause, resolveOffset }: EachBatchPayload): Promise<void> {
    const { partition } = batch;
    const generation = this.#generation;
    const isOver = () => generation !== this.#generation || !isRunning() || isStale() || this.#signal.aborted;
    await this.#whileKept(this.#positionsKnown, heartbeat);
    if (isOver() || this.#isAhead(batch)) return;
    const end = Number(batch.highWatermark);
    this.#merge.expect(partition, null, end);
    const raw = batch.messages.map(({ value }) => ({ bytes: value ?? EMPTY, origin: '' }));
    await this.#prepare(raw, heartbeat);
    if (isOver()) return;
    const nowMs = Date.now();
    const records = batch.messages.map((message) => this.#read(message, partition, nowMs));
    this.#merge.add(partition, records, Number(batch.lastOffset()) + 1, end, nowMs);
    resolveOffset(batch.lastOffset());
    if (this.#merge.buffered(partition) >= this.#share()) this.#resumes.set(partition, pause());
    this.#wake();
  }

  /** Waits, and stays a member of the group meanwhile. */
  async #whileKept(waiting: Promise<void>, heartbeat: () => Promise<void>): Promise<void> {
    let isOver = false;
    const done = waiting.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await Promise.race([done, sleep(HEARTBEAT_MS, undefined, { ref: false })]);
      await heartbeat();
    }
  }

  #read({ key, value, headers, offset }: KafkaMessage, partition: number, nowMs: number): MergedRecord {
    const bytes = value ?? EMPTY;
    const origin = `${this.#topic}/${partition}@${offset}`;
    const call = this.#reader.decode({ bytes, origin }, nowMs);
    const time = isRejection(call) ? null : call.time;
    return { bytes, origin, key, headers, call, time, offset: Number(offset) };
  }

  /** While the registry is away everything waits: no partition goes on without the others. */
  #prepare(records: Incoming[], heartbeat: () => Promise<void>): Promise<void> {
    const { registryPatienceMs = REGISTRY_PATIENCE_MS } = this.#options;
    const prepare = () => this.#reader.prepare(records);
    return prepareWithPatience(prepare, registryPatienceMs, this.#signal, async (error) => {
      this.#notice(error.message);
      this.#merge.renew(Date.now());
      await heartbeat();
    });
  }

  /**
   * Whether the batch begins behind the position that is due, as one that was fetched before a rebalance may: then the
   * partition is set back, once, since what lies between may also be gone for good.
   */
  #isAhead(batch: EachBatchPayload['batch']): boolean {
    const { partition } = batch;
    const due = this.#merge.position(partition);
    // kafkajs keeps the offset it asked for, but does not declare it.
    const fetched = Number((batch as { fetchedOffset?: string }).fetchedOffset ?? batch.firstOffset());
    if (due === null || fetched <= due) return false;
    if (this.#setBack.has(partition)) {
      this.#notice(`${this.#topic}/${partition}: offsets ${due} to ${fetched - 1} are gone`);
      return false;
    }
    this.#setBack.add(partition);
    this.#consumer.seek({ topic: this.#topic, partition, offset: String(due) });
    return true;
  }

  #passOver(partition: number, lastOffset: string | null, highWatermark: string): void {
    if (lastOffset === null) return;
    this.#merge.add(partition, [], Number(lastOffset) + 1, Number(highWatermark), Date.now());
    this.#wake();
  }

  #assign(partitions: readonly number[]): void {
    this.#generation++;
    const isNew = this.#assigned.length === 0;
    this.#assigned = partitions;
    // Also those that went to others: kafkajs remembers a pause for when they come back.
    for (const resume of this.#resumes.values()) resume();
    this.#resumes.clear();
    this.#setBack.clear();
    this.#merge.assign(partitions, Date.now());
    this.#positionsKnown = this.#learnPositions(isNew, this.#generation).catch((error) => this.#fail(error));
  }

  /** Asks where reading begins and how much there is. */
  async #learnPositions(isNew: boolean, generation: number): Promise<void> {
    const partitions = this.#assigned;
    if (partitions.length === 0) return;
    if (isNew) await this.#options.onAssign();
    const positions = await this.#fetchPositions();
    if (generation !== this.#generation) return;
    for (const partition of partitions) {
      const { begin, end } = positions.get(partition) ?? { begin: null, end: 0 };
      this.#merge.expect(partition, begin, end);
    }
    // Asking may have taken longer than anyone is waited for.
    this.#merge.renew(Date.now());
    this.#wake();
  }

  async #fetchPositions(): Promise<Map<number, { begin: number; end: number }>> {
    const [limits, groups] = await Promise.all([
      this.#admin.fetchTopicOffsets(this.#topic),
      this.#admin.fetchOffsets({ groupId: this.#options.groupId, topics: [this.#topic] }),
    ]);
    const committed = new Map(groups[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    // A partition without a commit has offset -1 and is read from its beginning.
    return new Map(
      limits.map(({ partition, low, high }) => [
        partition,
        { begin: Math.max(Number(low), committed.get(partition) ?? 0), end: Number(high) },
      ]),
    );
  }

  #share(): number {
    return Math.min(4000, Math.max(500, BUFFERED_RECORDS / Math.max(1, this.#assigned.length)));
  }

  #resumeDrained(): void {
    for (const [partition, resume] of this.#resumes) {
      if (this.#merge.buffered(partition) >= this.#share()) continue;
      this.#resumes.delete(partition);
      resume();
    }
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  #notice(text: string): void {
    this.#options.onNotice?.(text);
  }
}
