/**
 * The stream, exactly once in effect: each partition of the calls has a task with a state of its own, and what the task
 * changes goes out in one transaction with the offset up to which it has read. Whoever takes a partition over first fences
 * the one before, by the partition's transactional id, then restores the state, and goes on from the offset that belongs
 * to it. Whatever goes wrong with a transaction, the task is dropped and opened again: there is one way back, and it is
 * the one that every crash takes.
 */
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type Consumer, type EachBatchPayload, type KafkaMessage } from 'kafkajs';
import type { StreamTask } from '../core/changes.ts';
import type { Incoming } from '../core/source.ts';
import { createTurns } from '../core/turns.ts';
import { unlessAborted } from './abort.ts';
import { type AvroReader, createAvroReader } from './avro.ts';
import { stickyAssigner } from './kafka-assign.ts';
import { createClient, type KafkaOptions, kafkaError, prepareWithPatience, REGISTRY_PATIENCE_MS } from './kafka-client.ts';
import { readLog } from './kafka-log.ts';
import { incomingOf } from './kafka-router.ts';
import { outgoingOf } from './kafka-sink.ts';
import { openWriter, type TransactionalWriter } from './kafka-transaction.ts';

export interface StreamOptions extends KafkaOptions {
  /** Topic of the calls to read: the one that producers write, or the one that the router writes. */
  readonly topic: string;
  /** Schema id in front of verdicts, null for bare Avro. */
  readonly verdictId: number | null;
  /** How long what changed may wait for its transaction, ms. */
  readonly commitMs: number;
  createTask(partition: number): StreamTask;
  /** Told when a partition's task begins and ends to be this process's. */
  onTask?(partition: number, task: StreamTask | null): void;
  /** Told of what was read, and how much of the partition lies before it. */
  onBatch?(batch: { partition: number; records: number; lag: number }): void;
  onCommit?(commit: { partition: number; records: number; seconds: number }): void;
}

/** A partition that is this process's. */
interface Run {
  readonly partition: number;
  readonly task: StreamTask;
  readonly writer: TransactionalWriter;
  /** Offset of the next record to come. */
  expected: number;
  /** The batches that came, being worked off one by one. */
  work: Promise<void>;
  /** Offset of the next record to process. */
  position: number;
  /** The same, as Kafka holds it. */
  committed: number | null;
  /** Records processed since the last transaction began. */
  waiting: number;
  /** Records that lay before it when a batch was last worked off. */
  lag: number;
  timer: NodeJS.Timeout | null;
  commit: Promise<void> | null;
}

/** Records processed at a stretch, so that look-ups, and the transactions of others, wait no longer than a few ms. */
const STRETCH_RECORDS = 100;
const STRETCH_SNAPSHOTS = 96;
/** Verdicts explained before it is looked whether more are due; that is done on another thread. */
const MANY_VERDICTS = 512;
/** Records of a partition that may wait for their transaction; then reading waits too. */
const MAX_WAITING = 50_000;
/** Times that a transaction is put off while its partition lies behind. */
const MAX_PUT_OFF = 3;
const FETCH_BYTES = 1024 * 1024;
const FETCH_WAIT_MS = 50;
const REOPEN_MS = 1000;
/** How often it is looked again whether others have come as far as they are waited for. */
const LOOK_AGAIN_MS = 50;

/**
 * Reads and scores until `signal` aborts; then commits what has been done and leaves the group.
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE, ASSAY_KAFKA_DENIED, ASSAY_KAFKA_TLS_FAILED
 */
export async function runStream(options: StreamOptions, signal: AbortSignal): Promise<void> {
  const stream = new Stream(options, signal);
  try {
    await stream.start();
    await stream.ended;
  } catch (error) {
    throw kafkaError(`reading ${options.topic}`, error);
  } finally {
    await stream.stop();
  }
}

class Stream {
  readonly #options: StreamOptions;
  readonly #signal: AbortSignal;
  readonly #reader: AvroReader;
  readonly #admin: Admin;
  readonly #consumer: Consumer;
  readonly #runs = new Map<number, Run>();
  /** Partitions that the group gave to this process. */
  #assigned = new Set<number>();
  readonly #opening = new Set<number>();
  /** Partitions that were set back once to the position that is due. */
  readonly #setBack = new Set<number>();
  #isStopping = false;
  readonly #takeTurns = createTurns();
  #end: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  readonly ended: Promise<void>;

  constructor(options: StreamOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#reader = createAvroReader(options);
    const kafka = createClient(options);
    this.#admin = kafka.admin();
    this.#consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: 10_000,
      heartbeatInterval: 1000,
      maxBytesPerPartition: FETCH_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      partitionAssigners: [stickyAssigner(() => [...this.#assigned]), kafkajs.PartitionAssigners.roundRobin],
      retry: { initialRetryTime: 200, maxRetryTime: 5000, retries: 8, restartOnFailure: async () => !signal.aborted },
    });
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    this.ended.catch(() => {});
    signal.addEventListener('abort', () => this.#end(), { once: true });
    if (signal.aborted) this.#end();
  }

  async start(): Promise<void> {
    const { topic } = this.#options;
    const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#assign(payload.memberAssignment[topic] ?? []));
    this.#consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) this.#fail(payload.error);
    });
    // Also told of batches that hold nothing but transaction markers, which no handler sees.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      const run = this.#runs.get(payload.partition);
      if (run && payload.batchSize === 0 && payload.lastOffset !== null) this.#skip(run, payload.lastOffset);
    });
    await Promise.all([this.#admin.connect(), this.#consumer.connect()]);
    await this.#consumer.subscribe({ topic, fromBeginning: true });
    const joining = this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#onBatch(payload),
    });
    await unlessAborted(joining, this.#signal);
  }

  async stop(): Promise<void> {
    this.#end();
    const runs = [...this.#runs.values()];
    this.#isStopping = true;
    await Promise.all(runs.map((run) => this.#commit(run)));
    this.#assigned.clear();
    await Promise.all(runs.map((run) => this.#close(run)));
    for (const client of [this.#consumer, this.#admin])
      await client.disconnect().catch((error: Error) => this.#notice(`disconnecting: ${error.message}`));
  }

  #assign(partitions: readonly number[]): void {
    this.#assigned = new Set(partitions);
    this.#setBack.clear();
    for (const run of [...this.#runs.values()]) if (!this.#assigned.has(run.partition)) void this.#close(run);
    const fresh = partitions.filter((partition) => !this.#runs.has(partition) && !this.#opening.has(partition));
    if (fresh.length > 0) void this.#open(fresh).catch(this.#fail);
  }

  /** Takes partitions over; nothing is read of them until their state is back. */
  async #open(partitions: readonly number[]): Promise<void> {
    const { topic } = this.#options;
    this.#consumer.pause([{ topic, partitions: [...partitions] }]);
    for (const partition of partitions) this.#opening.add(partition);
    for (;;) {
      const wanted = partitions.filter((partition) => this.#assigned.has(partition));
      try {
        if (wanted.length > 0 && !this.#isStopping) await this.#takeOver(wanted);
        break;
      } catch (error) {
        const coded = kafkaError(`taking over partitions ${wanted.join(', ')} of ${topic}`, error);
        if (!coded.canRetry) return this.#fail(coded);
        this.#notice(coded.message);
        await sleep(REOPEN_MS, undefined, { signal: this.#signal }).catch(() => {});
      }
    }
    for (const partition of partitions) this.#opening.delete(partition);
    // Some may have gone and come back meanwhile.
    const left = partitions.filter((partition) => this.#assigned.has(partition) && !this.#runs.has(partition));
    if (left.length > 0 && !this.#isStopping) await this.#open(left);
    // Those that went to others too: kafkajs remembers a pause for when they come back.
    this.#consumer.resume([{ topic, partitions: [...partitions] }]);
  }

  async #takeOver(partitions: readonly number[]): Promise<void> {
    const { topic, topics, group } = this.#options;
    const runs = await this.#begin(partitions);
    try {
      const byPartition = new Map(runs.map((run) => [run.partition, run]));
      const log = { topics: [topics.state, topics.shared], partitions };
      await readLog(this.#options, {
        ...log,
        onMessages: ({ partition }, messages) => {
          for (const { key, value } of messages) byPartition.get(partition)!.task.restore({ key: String(key), value });
        },
      });
      const [committed] = await this.#admin.fetchOffsets({ groupId: group, topics: [topic] });
      const limits = await this.#admin.fetchTopicOffsets(topic);
      for (const run of runs) {
        const offset = committed!.partitions.find((each) => each.partition === run.partition)?.offset ?? '-1';
        const low = limits.find((each) => each.partition === run.partition)!.low;
        this.#goOn(run, Number(offset) < 0 ? null : Number(offset), Number(low));
      }
    } catch (error) {
      await Promise.all(runs.map((run) => run.writer.close()));
      throw error;
    }
  }

  /** Fences whoever had the partitions before: from here on nobody else can change their state. */
  async #begin(partitions: readonly number[]): Promise<Run[]> {
    const begun = await Promise.allSettled(partitions.map((partition) => this.#beginOne(partition)));
    const fault = begun.find((outcome) => outcome.status === 'rejected');
    const runs = begun.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    if (!fault) return runs;
    await Promise.all(runs.map((run) => run.writer.close()));
    throw fault.reason;
  }

  async #beginOne(partition: number): Promise<Run> {
    const writer = await openWriter(this.#options, `${this.#options.group}-${partition}`);
    const task = this.#options.createTask(partition);
    const fresh = {
      expected: 0,
      work: Promise.resolve(),
      position: 0,
      committed: null,
      waiting: 0,
      lag: 0,
      timer: null,
      commit: null,
    };
    return { partition, task, writer, ...fresh };
  }

  /** @param low offset of the first record that there is */
  #goOn(run: Run, committed: number | null, low: number): void {
    const { partition, task } = run;
    if (!this.#assigned.has(partition)) return void run.writer.close();
    run.committed = committed;
    run.position = task.restored(committed) ?? low;
    run.expected = run.position;
    this.#runs.set(partition, run);
    this.#options.onTask?.(partition, task);
    // Also where that is the beginning: kafkajs may have read on for a task that was lost.
    this.#seek(run);
  }

  #seek({ partition, expected }: Run): void {
    this.#consumer.seek({ topic: this.#options.topic, partition, offset: String(expected) });
  }

  /** Lets a partition go. */
  async #close(run: Run): Promise<void> {
    if (run.timer) clearTimeout(run.timer);
    if (this.#runs.get(run.partition) === run) {
      this.#runs.delete(run.partition);
      this.#options.onTask?.(run.partition, null);
    }
    await run.writer.close();
  }

  /** Takes a batch, and is done when the one before is worked off: meanwhile the next one is fetched. */
  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat, resolveOffset } = payload;
    const run = this.#runs.get(batch.partition);
    if (!run || this.#isAhead(run, batch)) return;
    const messages = batch.messages.filter(({ offset }) => Number(offset) >= run.expected);
    run.expected = Number(batch.lastOffset()) + 1;
    resolveOffset(batch.lastOffset());
    const before = run.work;
    run.work = before.then(() => this.#work(run, payload, messages)).catch((error) => this.#lose(run, error));
    await before;
    await heartbeat();
  }

  async #work(run: Run, { batch, heartbeat }: EachBatchPayload, messages: readonly KafkaMessage[]): Promise<void> {
    const isOver = () => this.#runs.get(run.partition) !== run || this.#isStopping;
    const { topic, topics } = this.#options;
    const from = { topic, partition: batch.partition, isRouted: topics.routed !== null };
    const records = messages.map((message) => incomingOf(message, from));
    await this.#prepare(records);
    for (let i = 0; i < records.length && !isOver(); ) {
      const stretch = records.slice(i, i + STRETCH_RECORDS);
      const before = i;
      await this.#inTurn(() => {
        if (isOver()) return;
        i += run.task.process(stretch, this.#reader.decode);
        if (i > before) run.position = Number(messages[i - 1]!.offset) + 1;
        run.waiting += i - before;
      });
      if (i === before) await this.#awaitOthers(run, heartbeat);
    }
    await this.#decide(run, isOver);
    if (isOver()) return;
    this.#pass(run, batch.lastOffset());
    run.lag = Number(batch.highWatermark) - run.position;
    this.#options.onBatch?.({ partition: run.partition, records: records.length, lag: run.lag });
    if (run.waiting >= MAX_WAITING) await this.#commit(run);
  }

  /** For a moment; they may be waiting for what this one has done. */
  async #awaitOthers(run: Run, heartbeat: () => Promise<void>): Promise<void> {
    await this.#commit(run);
    // That the group is shared out anew is heard of where the next batch is taken.
    await heartbeat().catch(() => {});
    await sleep(LOOK_AGAIN_MS);
  }

  async #decide({ task }: Run, isOver: () => boolean): Promise<void> {
    for (let isMore = true; isMore; )
      await this.#inTurn(() => {
        isMore = !isOver() && task.decide(STRETCH_SNAPSHOTS);
      });
  }

  /** One stretch at a time, whatever the partition, and between two of them whatever else has come. */
  #inTurn(work: () => void): Promise<void> {
    return this.#takeTurns(async () => {
      await breathe();
      work();
    });
  }

  /** While the registry is away everything waits. */
  #prepare(records: readonly Incoming[]): Promise<void> {
    const { registryPatienceMs = REGISTRY_PATIENCE_MS } = this.#options;
    const prepare = () => this.#reader.prepare(records);
    return prepareWithPatience(prepare, registryPatienceMs, this.#signal, async (error) => this.#notice(error.message));
  }

  /**
   * Whether the batch begins behind the position that is due: then the partition is set back, once, since what lies
   * between may also be gone for good.
   */
  #isAhead(run: Run, batch: EachBatchPayload['batch']): boolean {
    const { partition, expected } = run;
    // kafkajs keeps the offset it asked for, but does not declare it.
    const fetched = Number((batch as { fetchedOffset?: string }).fetchedOffset ?? batch.firstOffset());
    if (fetched <= expected) return false;
    if (this.#setBack.has(partition)) {
      this.#notice(`${this.#options.topic}/${partition}: offsets ${expected} to ${fetched - 1} are gone`);
      return false;
    }
    this.#setBack.add(partition);
    this.#seek(run);
    return true;
  }

  /** Passes over a batch without records, once those before are worked off. */
  #skip(run: Run, lastOffset: string): void {
    run.expected = Number(lastOffset) + 1;
    run.work = run.work.then(() => this.#pass(run, lastOffset));
  }

  #pass(run: Run, lastOffset: string): void {
    run.position = Number(lastOffset) + 1;
    this.#schedule(run);
  }

  #schedule(run: Run): void {
    if (run.timer || run.commit) return;
    run.timer = setTimeout(() => this.#whenDue(run), this.#options.commitMs);
  }

  /**
   * With more before it than was done since the last transaction, a partition is late whatever is done; written less often,
   * each state and each verdict stands for more calls.
   */
  #whenDue(run: Run, putOff = 0): void {
    if (run.lag <= run.waiting || putOff === MAX_PUT_OFF) void this.#commit(run);
    else run.timer = setTimeout(() => this.#whenDue(run, putOff + 1), this.#options.commitMs);
  }

  /** One transaction at a time; resolves once what was there when it was asked for is committed, or the task is lost. */
  async #commit(run: Run): Promise<void> {
    while (run.commit) await run.commit;
    if (run.timer) clearTimeout(run.timer);
    run.timer = null;
    if (run.position === run.committed || this.#runs.get(run.partition) !== run) return;
    run.commit = this.#write(run);
    await run.commit;
    run.commit = null;
    if (run.position !== run.committed && this.#runs.get(run.partition) === run) this.#schedule(run);
  }

  async #write(run: Run): Promise<void> {
    const startedAt = performance.now();
    const { group, topic } = this.#options;
    // Meanwhile reading goes on, and more is decided.
    do await this.#decide(run, () => false);
    while (await run.task.explain(MANY_VERDICTS));
    const { partition, waiting: records, position } = run;
    run.waiting = 0;
    const outgoing = outgoingOf(run.task.take(position), partition, this.#options);
    try {
      await run.writer.write(outgoing, { groupId: group, topic, offsets: new Map([[partition, position]]) });
      run.committed = position;
      this.#options.onCommit?.({ partition, records, seconds: (performance.now() - startedAt) / 1000 });
    } catch (error) {
      this.#lose(run, error as Error);
    }
  }

  /** The state in memory is ahead of what Kafka holds: it is dropped, and the task opened again where it is still ours. */
  #lose(run: Run, error: Error): void {
    if (this.#runs.get(run.partition) !== run) return;
    this.#notice(`partition ${run.partition} of ${this.#options.topic}: its transaction failed: ${error.message}`);
    void this.#close(run);
    if (this.#assigned.has(run.partition) && !this.#isStopping) void this.#open([run.partition]).catch(this.#fail);
  }

  #notice(text: string): void {
    this.#options.onNotice?.(text);
  }
}
