/** Kafka as the app sees it: calls and labels in, verdicts and dead letters out, and the verdicts that stand. */
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { isRejection, type Rejection } from '../core/api-call.ts';
import { isLinkKey, readLink } from '../core/changes.ts';
import { isCohortId } from '../core/cohort.ts';
import type { Label, Verdict } from '../core/contracts.ts';
import type { LinkChange } from '../core/identify.ts';
import type { Beside, DeadLetter } from '../core/source.ts';
import { unlessAborted } from './abort.ts';
import { createLabelReader, createVerdictReader, type RecordReader, registerContracts } from './avro.ts';
import {
  createClient,
  type KafkaOptions,
  prepareWithPatience,
  REGISTRY_PATIENCE_MS,
  throughOutage,
  withKafka,
} from './kafka-client.ts';
import { type LogReader, openLog } from './kafka-log.ts';
import { openQuestions, type Questions, type QuestionsHandlers } from './kafka-questions.ts';
import { type RouterOptions, runRouter } from './kafka-router.ts';
import { createKafkaSink, inputOf, type KafkaSink } from './kafka-sink.ts';
import { runStream, type StreamOptions } from './kafka-stream.ts';
import { checkTopics } from './kafka-topics.ts';

export type { KafkaOptions, KafkaTopics } from './kafka-client.ts';
export type { Questions } from './kafka-questions.ts';

export interface KafkaConnection extends Pick<KafkaSink, 'sendCalls' | 'sendLabels' | 'bury' | 'close'> {
  /** How many partitions the clients are spread over. */
  readonly partitions: number;
  /** Scores the calls of this process's share of the partitions, until `signal` aborts. */
  score(work: ScoringWork, signal: AbortSignal): Promise<void>;
  /** Takes its turn at finding out whose the calls are; ends at once where producers key them. */
  route(work: RoutingWork, signal: AbortSignal): Promise<void>;
  /** Begins to keep a copy of what all processes share. */
  follow(copy: Copy): Promise<LogReader>;
  followLabels(onLabel: (label: Label) => void | Promise<void>, signal: AbortSignal): Promise<void>;
  /** Null where questions do not count. */
  openQuestions(handlers: QuestionsHandlers): Promise<Questions | null>;
}

export type ScoringWork = Pick<StreamOptions, 'createTask' | 'onTask' | 'onBatch' | 'onCommit' | 'commitMs'>;
export type RoutingWork = Pick<RouterOptions, 'createIdentifier' | 'onRejection'>;

/**
 * Learns the schema ids, looks whether the topics are there and fit, and connects.
 * @throws AssayError as `checkTopics` does, or ASSAY_REGISTRY_UNAVAILABLE, ASSAY_REGISTRY_REFUSED
 */
export async function connectKafka(options: KafkaOptions): Promise<KafkaConnection> {
  const ids = await registerContracts(options);
  const partitions = await checkTopics(options);
  const sink = await createKafkaSink({ ...options, callId: ids.call, labelId: ids.label });
  let questions: Questions | null = null;
  return {
    ...sink,
    partitions,
    score: (work, signal) => runStream({ ...options, ...work, verdictId: ids.verdict, topic: inputOf(options.topics) }, signal),
    route: async (work, signal) => {
      if (options.topics.routed !== null) await runRouter({ ...options, ...work }, signal);
    },
    follow: (copy) => throughOutage('reading the verdicts', options, () => followShared(options, copy)),
    followLabels: (onLabel, signal) => followLabels(options, onLabel, sink.bury, signal),
    async openQuestions(handlers) {
      const topic = options.topics.questions;
      questions = topic === null ? null : await openQuestions(options, topic, ids, handlers);
      return questions;
    },
    async close() {
      await questions?.close();
      await sink.close();
    },
  };
}

/** Where a copy of what all processes share is kept. */
export interface Copy {
  /** The newest of a client comes last; null where it expired or was erased. */
  onVerdict(clientId: string, verdict: Verdict | null): void;
  onLink(change: LinkChange): void;
  /** A cohort's record, as the partition's task counts it. */
  onCohort(partition: number, id: string, record: Buffer): void;
  onRejection(rejection: Rejection): void;
}

/** @throws AssayError ASSAY_KAFKA_UNAVAILABLE */
export function followShared(options: KafkaOptions, copy: Copy): Promise<LogReader> {
  const { verdicts, shared } = options.topics;
  const reader = createVerdictReader(options);
  const onVerdicts = async (messages: readonly KafkaMessage[]) => {
    await reader.prepare(messages.flatMap(({ value }) => (value ? [{ bytes: value }] : [])));
    for (const { key, value } of messages) {
      const verdict = value && reader.read(value);
      if (verdict !== null && isRejection(verdict)) copy.onRejection(verdict);
      else copy.onVerdict(String(key), verdict);
    }
  };
  const onShared = (partition: number, messages: readonly KafkaMessage[]) => {
    for (const { key, value } of messages) {
      const name = String(key);
      if (value === null) continue;
      if (isLinkKey(name)) copy.onLink(readLink(value));
      else if (isCohortId(name)) copy.onCohort(partition, name, value);
    }
  };
  return openLog(options, {
    topics: [verdicts, shared],
    onMessages: ({ topic, partition }, messages) => (topic === verdicts ? onVerdicts(messages) : onShared(partition, messages)),
  });
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
  const consumer = createClient(options).consumer({
    groupId: `${options.group}-labels`,
    sessionTimeout: 10_000,
    heartbeatInterval: 1000,
    maxWaitTimeInMs: 500,
    allowAutoTopicCreation: false,
  });
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
      // Joining takes as long as a member that died is waited for.
      const joining = consumer.run({
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
      await unlessAborted(joining, signal);
      if (!signal.aborted) await crashed;
    } finally {
      await consumer.disconnect();
    }
  });
}
