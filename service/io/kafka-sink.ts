/** What goes out to Kafka: what tasks changed, dead letters with their original bytes, and calls that came another way. */
import type { Message, TopicMessages } from 'kafkajs';
import type { Changes, Entry } from '../core/changes.ts';
import type { ApiCall, Label } from '../core/contracts.ts';
import { headerBytes, packBeside, resubmissionsOf } from '../core/dead-letter.ts';
import type { Decision, Provenance } from '../core/provenance.ts';
import type { DeadLetter } from '../core/source.ts';
import { encodeCall, encodeLabel, encodeVerdict } from './avro.ts';
import {
  createClient,
  createPartitioner,
  type KafkaOptions,
  type KafkaTopics,
  throughOutage,
  withKafka,
} from './kafka-client.ts';

export interface KafkaSink {
  /** Sends calls in order, keyed by address, and returns once all replicas have them. */
  sendCalls(calls: readonly ApiCall[]): Promise<void>;
  /** Keyed by whom they name. */
  sendLabels(labels: readonly Label[]): Promise<void>;
  /** Sends what could not be used: the value is the record as it came, cut at 900 KiB; why is in the headers. */
  bury(letters: readonly DeadLetter[]): Promise<void>;
  close(): Promise<void>;
}

export interface KafkaSinkOptions extends KafkaOptions {
  /** Schema id in front of calls, null for bare Avro. */
  readonly callId: number | null;
  /** In front of labels. */
  readonly labelId: number | null;
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
  const { topics, callId, labelId } = options;
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
    sendCalls: (calls) =>
      sendAll(
        topics.calls,
        calls.map((call) => ({ key: call.clientIp, value: encodeCall(call, callId) })),
      ),
    sendLabels: (labels) =>
      sendAll(
        topics.labels,
        labels.map((label) => ({
          key: label.clientId ?? label.subject ?? label.clientIp,
          value: encodeLabel(label, labelId),
        })),
      ),
    bury: (letters) => sendAll(topics.deadLetters, letters.map(envelopeOf)),
    close: () => producer.disconnect(),
  };
}

/** A dead letter as it is sent: its own bytes, and in the headers why it is one. */
export function envelopeOf(letter: DeadLetter): Message {
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

/** A message with the topic that it is for, which kafkajs passes over. */
export type Outgoing = Message & { readonly topic: string };

export interface OutgoingOptions {
  readonly topics: KafkaTopics;
  /** Schema id in front of verdicts, null for bare Avro. */
  readonly verdictId: number | null;
}

/** The topic that is scored. */
export function inputOf({ routed, calls }: KafkaTopics): string {
  return routed ?? calls;
}

/** Beside a verdict: which partition its offsets are of, and what else it was made from. */
export const PROVENANCE_HEADERS = { input: 'assay-input', provenance: 'assay-provenance' } as const;

function packProvenance(provenance: Provenance, input: string): Record<string, string> {
  return { [PROVENANCE_HEADERS.input]: input, [PROVENANCE_HEADERS.provenance]: JSON.stringify(provenance) };
}

/** What a partition's task changed, as messages; all but dead letters for the partition of the same number. */
export function outgoingOf(changes: Changes, partition: number, { topics, verdictId }: OutgoingOptions): Outgoing[] {
  const entry = (topic: string) => (each: Entry) => ({ topic, partition, key: each.key, value: each.value });
  const input = `${inputOf(topics)}/${partition}`;
  const decision = ([key, value]: [string, Decision | null]) => ({
    topic: topics.verdicts,
    partition,
    key,
    value: value && encodeVerdict(value.verdict, verdictId),
    ...(value?.provenance ? { headers: packProvenance(value.provenance, input) } : {}),
  });
  return [
    ...changes.state.map(entry(topics.state)),
    ...changes.shared.map(entry(topics.shared)),
    ...Array.from(changes.decisions, decision),
    ...changes.letters.map((letter) => ({ topic: topics.deadLetters, ...envelopeOf(letter) })),
  ];
}

/** Chunks that fit in one batch, in order. */
export function chunksOf<M extends Message>(messages: readonly M[]): M[][] {
  const chunks: M[][] = [];
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

/** As kafkajs sends several topics at once. */
export function byTopic(outgoing: readonly Outgoing[]): TopicMessages[] {
  const messages = new Map<string, Outgoing[]>();
  for (const message of outgoing) {
    const known = messages.get(message.topic);
    if (known) known.push(message);
    else messages.set(message.topic, [message]);
  }
  return [...messages].map(([topic, each]) => ({ topic, messages: each }));
}
