/**
 * Reading topics from their beginning: up to where they ended at the start, to restore what was there, and on from there,
 * to keep a copy. Only what was committed is seen.
 */
import { randomUUID } from 'node:crypto';
import type { Batch, Consumer, KafkaMessage } from 'kafkajs';
import { onlyAssigner } from './kafka-assign.ts';
import { createClient, type KafkaOptions, kafkaError, withKafka } from './kafka-client.ts';

export interface LogOptions {
  /** Which have the same partitions where `partitions` are given. */
  readonly topics: readonly string[];
  /** All by default. */
  readonly partitions?: readonly number[];
  /** Whether only what is written from now on is read. */
  readonly fromEnd?: boolean;
  /** Offsets to read of the one topic and partition that are given, both included; all by default. */
  readonly range?: { readonly from: number; readonly to: number };
  /** Messages of one partition in their order; what it takes holds up what comes behind. */
  onMessages(from: { topic: string; partition: number }, messages: readonly KafkaMessage[]): void | Promise<void>;
}

export interface LogReader {
  /** Resolves once everything has been read that was there at the start; rejects where Kafka can't be read. */
  readonly caughtUp: Promise<void>;
  /** Rejects where the reading came to an end that nobody asked for. */
  readonly ended: Promise<never>;
  /** Ms since the copy was last known to be up to date; 0 before the first fetch. */
  stalenessMs(): number;
  /** Ends the reading. */
  close(): Promise<void>;
}

const FETCH_WAIT_MS = 100;

/** @throws AssayError ASSAY_KAFKA_UNAVAILABLE, and so does `caughtUp` */
export async function openLog(options: KafkaOptions, log: LogOptions): Promise<LogReader> {
  const ends: Ends = log.fromEnd
    ? new Map()
    : await withKafka(`looking for the ends of ${log.topics.join(', ')}`, () => fetchLogEnds(options, log));
  const reader = new Reader(options, log, ends);
  try {
    await reader.start();
    return reader;
  } catch (error) {
    await reader.close().catch(() => {});
    throw error;
  }
}

/** Reads up to the end and no further. @throws AssayError ASSAY_KAFKA_UNAVAILABLE */
export async function readLog(options: KafkaOptions, log: LogOptions): Promise<void> {
  const reader = await openLog(options, log);
  try {
    await reader.caughtUp;
  } finally {
    await reader.close();
  }
}

type Ends = Map<string, number>;

/** Where each partition that holds something ends, exclusive. */
async function fetchLogEnds(options: KafkaOptions, { topics, partitions, range }: LogOptions): Promise<Ends> {
  const admin = createClient(options).admin();
  try {
    await admin.connect();
    const ends: Ends = new Map();
    for (const topic of topics)
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
        if (Number(low) < Number(high) && (partitions?.includes(partition) ?? true))
          ends.set(nameOf(topic, partition), Math.min(Number(high), (range?.to ?? Number(high)) + 1));
    return ends;
  } finally {
    await admin.disconnect();
  }
}

class Reader implements LogReader {
  readonly caughtUp: Promise<void>;
  readonly ended: Promise<never>;
  readonly #log: LogOptions;
  readonly #options: KafkaOptions;
  readonly #consumer: Consumer;
  readonly #groupId: string;
  /** Of partitions that have not been read to the end that was there at the start. */
  readonly #ends: Ends;
  /** Where each partition has been read up to, and how much more is known to be there. */
  readonly #places = new Map<string, Place>();
  #fetchedAt = 0;
  #behindSince: number | null = null;
  #isClosed = false;
  #reach: () => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(options: KafkaOptions, log: LogOptions, ends: Ends) {
    this.#options = options;
    this.#log = log;
    this.#ends = ends;
    // kafkajs knows no reading without a group; this one is of this reader only, commits nothing, and so lapses with it.
    this.#groupId = `${options.group}-read-${randomUUID()}`;
    const { partitions, range } = log;
    if (range) this.#goTo({ topic: log.topics[0]!, partition: partitions![0]!, next: range.from, lag: 0 });
    this.#consumer = createClient(options).consumer({
      groupId: this.#groupId,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      ...(partitions ? { partitionAssigners: [onlyAssigner(partitions)] } : {}),
      retry: { initialRetryTime: 200, maxRetryTime: 5000, retries: 8, restartOnFailure: async () => !this.#isClosed },
    });
    this.ended = new Promise((_, rejectWith) => {
      this.#fail = rejectWith;
    });
    const reached = new Promise<void>((resolve) => {
      this.#reach = resolve;
    });
    this.caughtUp = Promise.race([reached, this.ended]);
    // Whoever waits is told; no one has to.
    for (const each of [this.ended, this.caughtUp]) each.catch(() => {});
  }

  async start(): Promise<void> {
    const { GROUP_JOIN, FETCH, END_BATCH_PROCESS, CRASH } = this.#consumer.events;
    // A consumer that crashed as it was closed begins anew all the same.
    this.#consumer.on(GROUP_JOIN, () => (this.#isClosed ? void this.#leave().catch(() => {}) : this.#goOn()));
    this.#consumer.on(FETCH, () => {
      this.#fetchedAt = Date.now();
    });
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) => this.#onEnd(payload));
    this.#consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) this.#fail(kafkaError(`reading ${this.#log.topics.join(', ')}`, payload.error));
    });
    await withKafka(`reading ${this.#log.topics.join(', ')}`, async () => {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topics: [...this.#log.topics], fromBeginning: !this.#log.fromEnd });
      await this.#consumer.run({ autoCommit: false, eachBatch: ({ batch }) => this.#onBatch(batch) });
    });
    if (this.#ends.size === 0) this.#reach();
  }

  /** A group that commits nothing would begin at the beginning again whenever its only member has to join anew. */
  #goOn(): void {
    for (const { topic, partition, next } of this.#places.values())
      this.#consumer.seek({ topic, partition, offset: String(next) });
  }

  async #onBatch({ topic, partition, messages }: Batch): Promise<void> {
    const next = this.#places.get(nameOf(topic, partition))?.next ?? 0;
    await this.#log.onMessages(
      { topic, partition },
      messages.filter(({ offset }) => Number(offset) >= next && Number(offset) <= (this.#log.range?.to ?? Number(offset))),
    );
  }

  /** Told of batches of nothing but transaction markers too, at which a partition may end. */
  #onEnd({ topic, partition, lastOffset, highWatermark }: EndPayload): void {
    const name = nameOf(topic, partition);
    const next = Number(lastOffset) + 1;
    this.#goTo({ topic, partition, next, lag: Number(highWatermark) - next });
    const isBehind = [...this.#places.values()].some(({ lag }) => lag > 0);
    this.#behindSince = isBehind ? (this.#behindSince ?? Date.now()) : null;
    if (next >= (this.#ends.get(name) ?? 0)) this.#ends.delete(name);
    if (this.#ends.size === 0) this.#reach();
  }

  #goTo(place: Place): void {
    this.#places.set(nameOf(place.topic, place.partition), place);
  }

  stalenessMs(): number {
    const freshAt = this.#behindSince ?? this.#fetchedAt;
    return freshAt === 0 ? 0 : Math.max(0, Date.now() - freshAt);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fail(new Error('the reading was ended'));
    await this.#leave();
  }

  async #leave(): Promise<void> {
    await this.#consumer.disconnect();
    await deleteGroup(this.#options, this.#groupId);
  }
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to come. */
  readonly next: number;
  readonly lag: number;
}

interface EndPayload {
  readonly topic: string;
  readonly partition: number;
  readonly lastOffset: string | null;
  readonly highWatermark: string;
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** Of a reading that is over. */
export async function deleteGroup(options: KafkaOptions, groupId: string): Promise<void> {
  const admin = createClient(options).admin();
  try {
    await admin.connect();
    await admin.deleteGroups([groupId]);
  } catch (error) {
    // It holds no offsets and lapses by itself.
    options.onNotice?.(`deleting the group ${groupId}: ${(error as Error).message}`);
  } finally {
    await admin.disconnect();
  }
}
