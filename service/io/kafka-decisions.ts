/** Verdicts as Kafka keeps them, with what they were made from, and the calls that they count. */
import type { KafkaMessage } from 'kafkajs';
import { isRejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { textOf } from '../core/dead-letter.ts';
import { AssayError } from '../core/errors.ts';
import { type Decision, type Provenance, readProvenance } from '../core/provenance.ts';
import type { Place } from '../core/replay.ts';
import type { Incoming } from '../core/source.ts';
import { createAvroReader, createVerdictReader } from './avro.ts';
import type { KafkaOptions } from './kafka-client.ts';
import { readLog } from './kafka-log.ts';
import { incomingOf } from './kafka-router.ts';
import { PROVENANCE_HEADERS } from './kafka-sink.ts';
import { withAdmin } from './kafka-topics.ts';

/** A verdict with the partition that its offsets are of, as `api-calls/3`; '' where that was not told. */
export interface KafkaDecision extends Decision {
  readonly input: string;
}

/**
 * What the verdict topic still holds of a client, oldest first: sooner or later only the newest.
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE
 */
export async function readDecisions(options: KafkaOptions, clientId: string): Promise<KafkaDecision[]> {
  const reader = createVerdictReader(options);
  const decisions: KafkaDecision[] = [];
  const add = ({ value, headers }: KafkaMessage) => {
    const verdict = value && reader.read(value);
    if (verdict === null || isRejection(verdict)) return;
    const provenance = readProvenance(textOf(headers?.[PROVENANCE_HEADERS.provenance]));
    decisions.push({ verdict, provenance, input: textOf(headers?.[PROVENANCE_HEADERS.input]) });
  };
  await readLog(options, {
    topics: [options.topics.verdicts],
    async onMessages(_, messages) {
      const own = messages.filter(({ key }) => key?.toString() === clientId);
      await reader.prepare(own.flatMap(({ value }) => (value ? [{ bytes: value }] : [])));
      own.forEach(add);
    },
  });
  return decisions;
}

/**
 * Hands on the calls that a verdict counts, and where producers key them, so that only the calls tell whose they are, all
 * calls of the partition before.
 *
 * @param onCall says whether it has seen enough
 * @throws AssayError ASSAY_REPLAY_IMPOSSIBLE where they are gone, ASSAY_KAFKA_UNAVAILABLE
 */
export async function readCounted(
  options: KafkaOptions,
  { verdict, input, span }: { readonly verdict: Decision['verdict']; readonly input: string; readonly span: Span },
  onCall: (call: ApiCall, place: Place) => boolean,
): Promise<void> {
  const [topic = '', partition = ''] = input.split('/');
  const isRouted = topic === options.topics.routed;
  const low = await fetchLow(options, topic, Number(partition));
  if (low > span.first)
    throw new AssayError('ASSAY_REPLAY_IMPOSSIBLE', `${input} begins at offset ${low}, the calls at ${span.first}`);
  const reader = createAvroReader(options);
  let isDone = false;
  const hand = (record: Incoming, stampedAtMs: number) => {
    // Against the clock of whoever wrote it: the reader's has gone on.
    const call = reader.decode(record, stampedAtMs > 0 ? stampedAtMs : Number.POSITIVE_INFINITY);
    if (!isDone && !isRejection(call)) isDone = onCall(call, record);
  };
  await readLog(options, {
    topics: [topic],
    partitions: [Number(partition)],
    range: { from: isRouted ? span.first : low, to: span.last },
    async onMessages(from, messages) {
      const own = isRouted ? messages.filter(({ key }) => key?.toString() === verdict.clientId) : messages;
      const records = own.map((message) => incomingOf(message, { ...from, isRouted }));
      await reader.prepare(records);
      for (const [i, record] of records.entries()) hand(record, Number(own[i]!.timestamp));
    },
  });
}

type Span = NonNullable<Provenance['span']>;

/** The first offset that a partition still has; beyond all where there is no such partition. */
function fetchLow(options: KafkaOptions, topic: string, partition: number): Promise<number> {
  return withAdmin(`reading ${topic}`, options, async (admin) => {
    const limits = await admin.fetchTopicOffsets(topic);
    return Number(limits.find((each) => each.partition === partition)?.low ?? Number.POSITIVE_INFINITY);
  });
}
