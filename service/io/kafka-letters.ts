/** Dead letters in Kafka: read from the beginning of their topic, put back onto the topics that they came from. */
import { randomUUID } from 'node:crypto';
import type { Batch, Consumer, EachBatchPayload, IHeaders, KafkaMessage, Message } from 'kafkajs';
import {
  type Letter,
  leave,
  looksLikeJson,
  RESUBMITTED_HEADER,
  type Resubmission,
  readCount,
  resubmissionsOf,
  startResubmission,
  textOf,
  unpackBeside,
  whyLeft,
} from '../core/dead-letter.ts';
import { AssayError } from '../core/errors.ts';
import { planTopics } from '../core/topics.ts';
import { createClient, createPartitioner, type KafkaOptions, type KafkaTopics, withKafka } from './kafka-client.ts';
import { deleteGroup } from './kafka-log.ts';
import { chunksOf } from './kafka-sink.ts';
import { readTopics } from './kafka-topics.ts';
import type { LetterPlace } from './letter-place.ts';

/** On a record that is no letter: the place of one that was put back. */
const MARK_HEADER = 'put-back';

/** Every method throws AssayError as `readTopics` does, and ASSAY_TOPIC_MISSING. */
export function createKafkaLetters(options: KafkaOptions): LetterPlace {
  return {
    read: (onLetter, onMark) =>
      readLetters(options, async (batch) => {
        for (const message of batch.messages) {
          const mark = message.headers?.[MARK_HEADER];
          if (mark) onMark(textOf(mark));
          else onLetter(letterOf(message, placeOf(batch, message)));
        }
      }),
    putBack: (chosen) => putBack(options, chosen),
  };
}

type Messages = Pick<Batch, 'topic' | 'partition' | 'messages'>;

function placeOf({ topic, partition }: Messages, { offset }: KafkaMessage): string {
  return `${topic}/${partition}@${offset}`;
}

/** Whatever lies on the topic is a letter: what others wrote there shows too, without a code. */
function letterOf({ value, headers = {}, timestamp }: KafkaMessage, place: string): Letter {
  const bytes = value ?? new Uint8Array(0);
  const told = Date.parse(textOf(headers.time));
  return {
    place,
    time: Number.isNaN(told) ? Number(timestamp) : told,
    code: textOf(headers.code),
    detail: textOf(headers.detail),
    origin: textOf(headers.origin),
    bytes,
    size: readSize(headers.cutFrom) || bytes.length,
    putBack: false,
    resubmitted: readCount(headers.resubmitted),
    ...unpackBeside(headers),
  };
}

function readSize(header: IHeaders[string]): number {
  const size = Number(textOf(header));
  return Number.isSafeInteger(size) && size > 0 ? size : 0;
}

/** Hands on what the topic holds when the call begins, each record once; the first error of `onBatch` ends it. */
async function readLetters(options: KafkaOptions, onBatch: (batch: Messages) => Promise<void>): Promise<void> {
  const topic = options.topics.deadLetters;
  const plans = planTopics(options.topics).filter(({ role }) => role === 'deadLetters');
  if ((await readTopics(options, plans))[0]?.state === null) throw new AssayError('ASSAY_TOPIC_MISSING', topic);
  const ends = await withKafka(`reading ${topic}`, () => fetchEnds(options, topic));
  if (ends.size === 0) return;
  const groupId = `${options.group}-letters-${randomUUID()}`;
  const stop = new AbortController();
  let failure: unknown = null;
  const takeNew = onlyNew(new Map(ends));
  const isComplete = await withKafka(`reading ${topic}`, () =>
    readTo(options, { topic, groupId, ends, signal: stop.signal }, async ({ batch }) => {
      try {
        if (!stop.signal.aborted) await onBatch(takeNew(batch));
      } catch (error) {
        failure = error;
        stop.abort();
      }
    }),
  );
  await deleteGroup(options, groupId);
  if (failure) throw failure;
  if (!isComplete) throw new AssayError('ASSAY_KAFKA_UNAVAILABLE', `${topic} was not read to its end`);
}

/** How long reading may stand still. */
const LOAD_LIMIT_MS = 10_000;

/** Where each partition that holds something ends, exclusive. */
async function fetchEnds(options: KafkaOptions, topic: string): Promise<Map<number, number>> {
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

interface ReadTo {
  readonly topic: string;
  readonly groupId: string;
  /** Partitions leave it as they are read to their end. */
  readonly ends: Map<number, number>;
  readonly signal: AbortSignal;
}

async function readTo(
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

/** Leaves out what was seen before, since a consumer may fetch again, and what came later. */
function onlyNew(ends: ReadonlyMap<number, number>): (batch: Batch) => Messages {
  const next = new Map<number, number>();
  return ({ topic, partition, messages }) => {
    const from = next.get(partition) ?? 0;
    const fresh = messages.filter(({ offset }) => Number(offset) >= from && Number(offset) < (ends.get(partition) ?? 0));
    const last = fresh.at(-1);
    if (last) next.set(partition, Number(last.offset) + 1);
    return { topic, partition, messages: fresh };
  };
}

async function putBack(options: KafkaOptions, chosen: ReadonlySet<string>): Promise<Resubmission> {
  const outcome = startResubmission();
  const producer = createClient(options).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner,
    allowAutoTopicCreation: false,
  });
  const send = async (topic: string, messages: readonly Message[]) => {
    for (const chunk of chunksOf(messages))
      await withKafka(`writing to ${topic}`, () => producer.send({ topic, acks: -1, messages: chunk }));
  };
  try {
    await withKafka('connecting', () => producer.connect());
    await readLetters(options, async (batch) => {
      const { byTopic, marks } = sortOut(options.topics, batch, chosen, outcome);
      for (const [topic, messages] of byTopic) await send(topic, messages);
      // Marked last: after a crash in between a letter is put back twice, not never.
      await send(options.topics.deadLetters, marks);
      outcome.putBack += marks.length;
    });
  } finally {
    await producer.disconnect();
  }
  return outcome;
}

interface Sorted {
  readonly byTopic: ReadonlyMap<string, Message[]>;
  readonly marks: readonly Message[];
}

function sortOut(topics: KafkaTopics, batch: Messages, chosen: ReadonlySet<string>, outcome: Resubmission): Sorted {
  const byTopic = new Map<string, Message[]>();
  const marks: Message[] = [];
  for (const message of batch.messages) {
    const place = placeOf(batch, message);
    if (!chosen.has(place)) continue;
    const letter = letterOf(message, place);
    const topic = targetOf(letter, topics);
    const reason = whyLeft(letter) ?? (topic ? null : 'neither from Kafka nor JSON');
    if (reason || !topic) {
      leave(outcome, reason ?? '');
      continue;
    }
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), messageOf(letter)]);
    marks.push({ key: null, value: null, headers: { [MARK_HEADER]: place, time: new Date().toISOString() } });
  }
  return { byTopic, marks };
}

/** Labels go back to the labels, calls to the calls; so does JSON that was posted, which the topic takes too. */
export function targetOf({ origin, bytes }: Pick<Letter, 'origin' | 'bytes'>, topics: KafkaTopics): string | null {
  const topic = /^(.+)\/\d+@\d+$/.exec(origin)?.[1];
  if (topic === topics.labels) return topics.labels;
  return topic === topics.calls || looksLikeJson(bytes) ? topics.calls : null;
}

function messageOf(letter: Letter): Message {
  const headers = { ...letter.headers, [RESUBMITTED_HEADER]: String(resubmissionsOf(letter) + 1) } as IHeaders;
  return { key: letter.key ? Buffer.from(letter.key) : null, value: Buffer.from(letter.bytes), headers };
}
