/** What every part that speaks to Kafka shares: the client, its options, coded errors, patience with the registry. */
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Kafka } from 'kafkajs';
import { AssayError, type ErrorCode } from '../core/errors.ts';
import type { TopicNames } from '../core/topics.ts';
import type { WireFormat } from './avro.ts';
import type { KafkaSecurity } from './kafka-security.ts';

export type KafkaTopics = TopicNames;

export interface KafkaOptions {
  /** host:port of one or more brokers. */
  readonly brokers: readonly string[];
  /** Neither encrypted nor authenticated by default. */
  readonly security?: KafkaSecurity;
  /** Consumer group; processes of one group share the partitions. */
  readonly group: string;
  readonly topics: KafkaTopics;
  readonly wireFormat: WireFormat;
  /** Address of a schema registry, '' for the bundled schemas. */
  readonly registryUrl: string;
  /** How long records are kept back while the registry does not answer, before they are rejected; 60,000 ms by default. */
  readonly registryPatienceMs?: number;
  /** How often a request is tried again, over about 20 s at the default of 8. */
  readonly retries?: number;
  /** How long writing outlasts an outage, holding up what comes behind it; 300,000 ms by default. */
  readonly outageLimitMs?: number;
  /** Once it aborts, an outage is not waited for any more. */
  readonly signal?: AbortSignal;
  /** Told what an operator should know and that stops nothing. */
  onNotice?(text: string): void;
}

export const REGISTRY_PATIENCE_MS = 60_000;

export function createClient({ brokers, security = {}, group, retries = 8, onNotice }: KafkaOptions): Kafka {
  return new kafkajs.Kafka({
    clientId: group,
    brokers: [...brokers],
    ...security,
    logLevel: kafkajs.logLevel.ERROR,
    logCreator: () => {
      const notice = withoutRepeats(onNotice ?? (() => {}));
      return ({ log }) => notice(`kafka: ${log.message}${log.error ? `: ${log.error}` : ''}`);
    },
    connectionTimeout: 3000,
    retry: { initialRetryTime: 200, maxRetryTime: 5000, retries },
  });
}

const REPEAT_MS = 10_000;

/** In an outage kafkajs says the same several times a second. */
function withoutRepeats(notice: (text: string) => void): (text: string) => void {
  let last = '';
  let lastAt = 0;
  return (text) => {
    if (text === last && Date.now() - lastAt < REPEAT_MS) return;
    last = text;
    lastAt = Date.now();
    notice(text);
  };
}

/** Kafka's own partitioner: the same key goes to the same partition as with the Java client. */
export const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;

/** Where it puts keys, of a topic of so many partitions. */
export function findPartitions(partitions: number): (key: string) => number {
  const anyBroker = { partitionErrorCode: 0, leader: 0, replicas: [], isr: [] };
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ ...anyBroker, partitionId }));
  const find = createPartitioner();
  return (key) => find({ topic: '', partitionMetadata, message: { key, value: null } });
}

/** What the client throws, under the code that tells the operator where to look; `error` itself where it is coded already. */
export function kafkaError(doing: string, error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  return new AssayError(codeOf(error), `${doing}: ${(error as Error).message}`, { cause: error });
}

const CERTIFICATE_FAULT = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_SSL|^ERR_TLS|^EPROTO$/;

/** By the first cause that says more than that Kafka is away. */
function codeOf(error: unknown): ErrorCode {
  for (const { name, type, code } of causesOf(error)) {
    if (name === 'KafkaJSSASLAuthenticationError' || /AUTHORIZATION_FAILED$/.test(type ?? '')) return 'ASSAY_KAFKA_DENIED';
    if (CERTIFICATE_FAULT.test(String(code ?? ''))) return 'ASSAY_KAFKA_TLS_FAILED';
  }
  return 'ASSAY_KAFKA_UNAVAILABLE';
}

interface KafkaFault {
  readonly name?: string;
  readonly type?: string;
  readonly code?: string | number;
  readonly cause?: unknown;
  /** Of an error that gathers several. */
  readonly errors?: readonly unknown[];
  readonly retriable?: boolean;
}

/** The error, its cause, the cause of that; bounded, since nobody promises that causes are no ring. */
function causesOf(error: unknown): KafkaFault[] {
  const causes = [error as KafkaFault];
  while (causes.length < 10) {
    const { cause, errors } = causes.at(-1)!;
    const next = cause ?? errors?.[0];
    if (!next) break;
    causes.push(next as KafkaFault);
  }
  return causes;
}

/** @throws AssayError ASSAY_KAFKA_UNAVAILABLE, ASSAY_KAFKA_DENIED or ASSAY_KAFKA_TLS_FAILED for whatever the client throws */
export async function withKafka<T>(doing: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw kafkaError(doing, error);
  }
}

const OUTAGE_LIMIT_MS = 300_000;
const OUTAGE_DELAY_MS = 1000;

/**
 * As `withKafka`, but goes on trying through an outage, such as a broker's restart, which takes longer than kafkajs tries.
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE after `outageLimitMs`, or at once where trying again can't help
 */
export async function throughOutage<T>(doing: string, options: KafkaOptions, run: () => Promise<T>): Promise<T> {
  const { outageLimitMs = OUTAGE_LIMIT_MS, signal, onNotice } = options;
  const giveUpAt = Date.now() + outageLimitMs;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const coded = kafkaError(doing, error);
      if (!canPass(error) || signal?.aborted || Date.now() > giveUpAt) throw coded;
      onNotice?.(coded.message);
      await sleep(OUTAGE_DELAY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** Whether the first cause is one that goes by; kafkajs wraps it in an error that says it does not. */
function canPass(error: unknown): boolean {
  return codeOf(error) === 'ASSAY_KAFKA_UNAVAILABLE' && causesOf(error).at(-1)!.retriable === true;
}

const MAX_DELAY_MS = 2000;

/**
 * Prepares a batch, trying again while the registry does not answer, so that its records are not rejected for that.
 * Gives up at the end of `patienceMs` or once `signal` aborts; what is still not known is then rejected when read.
 *
 * @param onWait runs before each further try, such as to keep a membership alive; what it throws ends the waiting
 */
export async function prepareWithPatience(
  prepare: () => Promise<void>,
  patienceMs: number,
  signal: AbortSignal,
  onWait: (error: AssayError) => Promise<void>,
): Promise<void> {
  const giveUpAt = Date.now() + patienceMs;
  for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    try {
      return await prepare();
    } catch (error) {
      if (!(error instanceof AssayError) || error.code !== 'ASSAY_REGISTRY_UNAVAILABLE') throw error;
      if (Date.now() + delayMs > giveUpAt || signal.aborted) return;
      await onWait(error);
      await sleep(delayMs, undefined, { signal }).catch(() => {});
    }
  }
}
