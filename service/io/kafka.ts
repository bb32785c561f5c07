/** Kafka as the app sees it: calls and labels in, verdicts and dead letters out, and the verdicts that stand. */
import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { isRejection, type Rejection } from '../core/api-call.ts';
import type { Label, Verdict } from '../core/contracts.ts';
import type { Beside, DeadLetter, Source } from '../core/source.ts';
import { createLabelReader, createVerdictReader, type RecordReader, registerContracts } from './avro.ts';
import { createClient, type KafkaOptions, prepareWithPatience, REGISTRY_PATIENCE_MS, withKafka } from './kafka-client.ts';
import { createKafkaSink, type KafkaSink } from './kafka-sink.ts';
import { createKafkaSource } from './kafka-source.ts';
import { checkTopics } from './kafka-topics.ts';

export type { KafkaOptions, KafkaTopics } from './kafka-client.ts';

export interface KafkaConnection extends Pick<KafkaSink, 'publish' | 'bury' | 'close'> {
  readonly source: Source;
  loadVerdicts(onVerdict: OnVerdict, signal: AbortSignal): Promise<LoadedVerdicts>;
  followLabels(onLabel: (label: Label) => void | Promise<void>, signal: AbortSignal): Promise<void>;
}

/**
 * Learns the schema ids, looks whether the topics are there and fit, and connects.
 * @throws AssayError as `checkTopics` does, or ASSAY_REGISTRY_UNAVAILABLE, ASSAY_REGISTRY_REFUSED
 */
export async function connectKafka(options: KafkaOptions): Promise<KafkaConnection> {
  const ids = await registerContracts(options);
  await checkTopics(options);
  const sink = await createKafkaSink({ ...options, verdictId: ids.verdict });
  return {
    source: createKafkaSource(options),
    publish: sink.publish,
    bury: sink.bury,
    close: sink.close,
    loadVerdicts: (onVerdict, signal) => loadVerdicts(options, onVerdict, signal),
    followLabels: (onLabel, signal) => followLabels(options, onLabel, sink.bury, signal),
  };
}

/** The newest of a client comes last; null where it was erased. */
export type OnVerdict = (clientId: string, verdict: Verdict | null) => void;

export interface LoadedVerdicts {
  readonly records: number;
  readonly rejected: number;
  /** False where Kafka stopped answering, or `signal` aborted, before the end. */
  readonly isComplete: boolean;
}

/** How long loading may stand still. */
const LOAD_LIMIT_MS = 10_000;

/**
 * Reads the verdict topic from its beginning to where it ends at the start of the call, so that look-ups survive a
 * restart. It does not follow what comes later, so with several processes of one group each
 * knows of the others' clients only what stood when it started.
 *
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE
 */
export async function loadVerdicts(options: KafkaOptions, onVerdict: OnVerdict, signal: AbortSignal): Promise<LoadedVerdicts> {
  const topic = options.topics.verdicts;
  return withKafka(`loading ${topic}`, async () => {
    const ends = await fetchEnds(options, topic);
    if (ends.size === 0) return { records: 0, rejected: 0, isComplete: true };
    const counts = { records: 0, rejected: 0 };
    const reader = createVerdictReader(options);
    // kafkajs knows no reading without a group; this one is of this load only.
    const groupId = `${options.group}-load-${randomUUID()}`;
    const isComplete = await readTo(options, { topic, groupId, ends, signal }, async ({ batch, heartbeat }) => {
      const records = await readBatch(options, reader, { batch, heartbeat }, signal);
      for (const { key, value } of records) {
        counts.records++;
        if (value !== null && isRejection(value)) counts.rejected++;
        else onVerdict(key, value);
      }
    });
    await deleteGroup(options, groupId);
    return { ...counts, isComplete };
  });
}

/** Where each partition that holds something ends, exclusive. */
export async function fetchEnds(options: KafkaOptions, topic: string): Promise<Map<number, number>> {
  const admin = createClient(options).admin();
  await admin.connect();
  try {
    const limits = await admin.fetchTopicOffsets(topic);
    const filled = limits.filter(({ low, high }) => Number(low) < Number(high));
    return new Map(filled.map(({ partition, high }) => [partition, Number(high)]));
  } finally {
    await admin.disconnect();
  }
}

export interface ReadTo {
  readonly topic: string;
  readonly groupId: string;
  /** Partitions leave it as they are read to their end. */
  readonly ends: Map<number, number>;
  readonly signal: AbortSignal;
}

export async function readTo(
  options: KafkaOptions,
  { topic, groupId, ends, signal }: ReadTo,
  eachBatch: (payload: EachBatchPayload) => Promise<void>,
): Promise<boolean> {
  const consumer = createClient(options).consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const isDone = untilRead(consumer, ends, signal);
    await consumer.run({ autoCommit: false, eachBatch });
    return await isDone;
  } finally {
    await consumer.disconnect();
  }
}

/** Whether every partition came to its end, rather than that nothing moved any more. */
function untilRead(consumer: Consumer, ends: Map<number, number>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = () => finish(false);
    const timer = setTimeout(giveUp, LOAD_LIMIT_MS);
    const finish = (isComplete: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      resolve(isComplete);
    };
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    // Told of batches of nothing but transaction markers too, at which a partition may end.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
      timer.refresh();
      if (Number(lastOffset) + 1 >= (ends.get(partition) ?? 0)) ends.delete(partition);
      if (ends.size === 0) finish(true);
    });
  });
}

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

interface ReadRecord<T> {
  readonly key: string;
  readonly value: T | Rejection | null;
  readonly bytes: Uint8Array;
  readonly origin: string;
  readonly beside: Beside;
}

async function readBatch<T>(
  { registryPatienceMs = REGISTRY_PATIENCE_MS, onNotice }: KafkaOptions,
  reader: RecordReader<T>,
  { batch, heartbeat }: Pick<EachBatchPayload, 'batch' | 'heartbeat'>,
  signal: AbortSignal,
): Promise<ReadRecord<T>[]> {
  const filled = batch.messages.flatMap(({ value }) => (value ? [{ bytes: value }] : []));
  await prepareWithPatience(
    () => reader.prepare(filled),
    registryPatienceMs,
    signal,
    async (error) => {
      onNotice?.(error.message);
      await heartbeat();
    },
  );
  return batch.messages.map(({ key, value, headers, offset }) => ({
    key: key?.toString() ?? '',
    value: value && reader.read(value),
    bytes: value ?? new Uint8Array(0),
    origin: `${batch.topic}/${batch.partition}@${offset}`,
    beside: { key, headers },
  }));
}

/**
 * Hands every label of the topic to `onLabel`, in order, until `signal` aborts. Offsets are committed once a batch is
 * through; what is no label is buried. Processes of one group share the labels.
 *
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE
 */
export async function followLabels(
  options: KafkaOptions,
  onLabel: (label: Label) => void | Promise<void>,
  bury: (letters: readonly DeadLetter[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const topic = options.topics.labels;
  const reader = createLabelReader(options);
  const consumer = createClient(options).consumer({ groupId: `${options.group}-labels`, allowAutoTopicCreation: false });
  const crashed = new Promise<void>((resolve, rejectWith) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) rejectWith(payload.error);
    });
  });
  // Awaited below; where connecting fails before, that is the error to tell.
  crashed.catch(() => {});
  await withKafka(`reading ${topic}`, async () => {
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch, heartbeat }) => {
          const letters: DeadLetter[] = [];
          for (const { value, bytes, origin, beside } of await readBatch(options, reader, { batch, heartbeat }, signal)) {
            if (value === null) continue;
            if (isRejection(value)) letters.push({ ...value, bytes, origin, ...beside });
            else await onLabel(value);
          }
          if (letters.length > 0) await bury(letters);
        },
      });
      if (!signal.aborted) await crashed;
    } finally {
      await consumer.disconnect();
    }
  });
}
