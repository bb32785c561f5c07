/** Writing and committing offsets in one transaction, by whoever opened the transactional id last. */
import type { Producer, Transaction } from 'kafkajs';
import { createClient, createPartitioner, type KafkaOptions } from './kafka-client.ts';
import { byTopic, chunksOf, type Outgoing } from './kafka-sink.ts';

export interface TransactionalWriter {
  /** All of it or nothing, with the offsets of what it came from. After an error the writer is of no more use. */
  write(outgoing: readonly Outgoing[], input: Input): Promise<void>;
  close(): Promise<void>;
}

export interface Input {
  readonly groupId: string;
  readonly topic: string;
  /** Of the next record to come, by partition. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** A transaction that its process left open holds up readers for no longer than this. */
const TRANSACTION_LIMIT_MS = 30_000;

/** Fences whoever has opened the same id before: what that one has not committed never will be. */
export async function openWriter(options: KafkaOptions, transactionalId: string): Promise<TransactionalWriter> {
  const producer = createClient(options).producer({
    transactionalId,
    transactionTimeout: TRANSACTION_LIMIT_MS,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 50, maxRetryTime: 1000, retries: 8 },
  });
  const close = () => producer.disconnect().catch((error: Error) => options.onNotice?.(`disconnecting: ${error.message}`));
  try {
    await producer.connect();
    // kafkajs fences with the first transaction, not when it connects.
    return { write: createWrite(producer, await producer.transaction()), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function createWrite(producer: Producer, first: Transaction): TransactionalWriter['write'] {
  let next: Transaction | null = first;
  return async (outgoing, { groupId, topic, offsets }) => {
    const transaction = next ?? (await producer.transaction());
    next = null;
    for (const chunk of chunksOf(outgoing)) await transaction.sendBatch({ topicMessages: byTopic(chunk) });
    const partitions = Array.from(offsets, ([partition, offset]) => ({ partition, offset: String(offset) }));
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] });
    await transaction.commit();
  };
}
