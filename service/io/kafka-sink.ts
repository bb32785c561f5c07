/** What goes out to Kafka: verdicts, keyed by client for compaction, and dead letters with their original bytes. */
import type { Message } from 'kafkajs';
import type { Verdict } from '../core/contracts.ts';
import { headerBytes, packBeside, resubmissionsOf } from '../core/dead-letter.ts';
import type { DeadLetter } from '../core/source.ts';
import { encodeVerdict } from './avro.ts';
import { createClient, createPartitioner, type KafkaOptions, throughOutage, withKafka } from './kafka-client.ts';

export interface KafkaSink {
  /** Sends the verdicts in order and returns once all replicas have them. */
  publish(verdicts: readonly Verdict[]): Promise<void>;
  /** Sends what could not be used: the value is the record as it came, cut at 900 KiB; why is in the headers. */
  bury(letters: readonly DeadLetter[]): Promise<void>;
  close(): Promise<void>;
}

export interface KafkaSinkOptions extends KafkaOptions {
  /** Schema id in front of verdicts, null for bare Avro. */
  readonly verdictId: number | null;
}

/** Of one record; below Kafka's default limit of 1 MiB for a batch. */
const MAX_LETTER_BYTES = 900 * 1024;
/** Of what is sent at once, since it may all go to one partition and make one batch. */
const SEND_BYTES = 700 * 1024;
const SEND_RECORDS = 1000;
const HEADER_CHARS = 1000;

/**
 * Connects an idempotent producer: a repeated send is stored once, and order holds within a partition.
 * Writing goes on trying through an outage; every method throws AssayError ASSAY_KAFKA_UNAVAILABLE in the end.
 */
export async function createKafkaSink(options: KafkaSinkOptions): Promise<KafkaSink> {
  const { topics, verdictId } = options;
  const kafka = createClient(options);
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 200, maxRetryTime: 5000, retries: 10 },
  });
  await withKafka('connecting', () => producer.connect());
  const sendAll = async (topic: string, messages: readonly Message[]) => {
    for (const chunk of chunksOf(messages))
      await throughOutage(`writing to ${topic}`, options, () => producer.send({ topic, acks: -1, messages: chunk }));
  };
  return {
    publish: (verdicts) =>
      sendAll(
        topics.verdicts,
        verdicts.map((verdict) => messageOf(verdict, verdictId)),
      ),
    bury: (letters) => sendAll(topics.deadLetters, letters.map(envelopeOf)),
    close: () => producer.disconnect(),
  };
}

function messageOf(verdict: Verdict, verdictId: number | null): Message {
  return { key: verdict.clientId, value: encodeVerdict(verdict, verdictId) };
}

function envelopeOf(letter: DeadLetter): Message {
  const { rejected, detail, origin, bytes } = letter;
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_LETTER_BYTES));
  const resubmitted = resubmissionsOf(letter);
  const headers = {
    ...packBeside(letter),
    code: rejected,
    detail: header(detail),
    origin: header(origin),
    time: new Date().toISOString(),
    ...(resubmitted > 0 ? { resubmitted: String(resubmitted) } : {}),
    ...(bytes.length > MAX_LETTER_BYTES ? { cutFrom: String(bytes.length) } : {}),
  };
  return { key: null, value, headers };
}

function header(text: string): string {
  return text.slice(0, HEADER_CHARS);
}

/** Chunks that fit in one batch, in order. */
export function chunksOf(messages: readonly Message[]): Message[][] {
  const chunks: Message[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = (message.value?.length ?? 0) + headerBytes(message.headers) + 100;
    const last = chunks.at(-1);
    if (!last || bytes + size > SEND_BYTES || last.length >= SEND_RECORDS) {
      chunks.push([message]);
      bytes = size;
    } else {
      last.push(message);
      bytes += size;
    }
  }
  return chunks;
}
