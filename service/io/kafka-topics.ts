/** The topics as the brokers have them: looking, judging, creating. */
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin, type ITopicMetadata } from 'kafkajs';
import { AssayError } from '../core/errors.ts';
import {
  ALIKE,
  CREATE_COMMAND,
  DEFAULT_REPLICATION,
  findTopicFaults,
  mendCommand,
  planTopics,
  SETTINGS,
  type TopicPlan,
  type TopicRole,
  type TopicState,
} from '../core/topics.ts';
import { createClient, type KafkaOptions, kafkaError, withKafka } from './kafka-client.ts';

export interface SeenTopic {
  readonly plan: TopicPlan;
  /** Null where the topic is not there, or Assay may not know of it. */
  readonly state: TopicState | null;
}

/** @throws AssayError ASSAY_KAFKA_UNAVAILABLE, ASSAY_KAFKA_DENIED, ASSAY_KAFKA_TLS_FAILED */
export function readTopics(options: KafkaOptions, plans = planTopics(options.topics)): Promise<SeenTopic[]> {
  return withAdmin('looking at topics', options, (admin) => look(admin, plans));
}

export interface CreateOptions {
  /** Of calls and verdicts; 8 by default. */
  readonly partitions?: number;
  /** Copies of each partition, 3 by default; never more than there are brokers. */
  readonly replication?: number;
}

/**
 * Creates the topics that are missing; those that are there stay as they are. Returns once the new ones can be used.
 *
 * @returns the names of those created
 * @throws AssayError ASSAY_KAFKA_UNAVAILABLE, ASSAY_KAFKA_DENIED, ASSAY_KAFKA_TLS_FAILED
 */
export function createTopics(options: KafkaOptions, { partitions, replication }: CreateOptions = {}): Promise<string[]> {
  // Without notices: that a new topic is not there at once is no news.
  const { onNotice: _, ...quiet } = options;
  return withAdmin('creating topics', quiet, async (admin) => {
    const there = new Set(await admin.listTopics());
    const missing = planTopics(options.topics, partitions).filter(({ name }) => !there.has(name));
    if (missing.length === 0) return [];
    const { brokers } = await admin.describeCluster();
    const replicationFactor = Math.min(replication ?? DEFAULT_REPLICATION, brokers.length);
    // Where another process is faster, createTopics says false and all is well.
    await admin.createTopics({ topics: missing.map((plan) => configOf(plan, replicationFactor)), waitForLeaders: false });
    for (const { name } of missing) await untilServed(admin, name);
    return missing.map(({ name }) => name);
  });
}

/**
 * What a server needs to know before it starts. What loses something later is told by `onNotice`, with the command that mends it.
 * @returns how many partitions the clients are spread over
 * @throws AssayError ASSAY_TOPIC_MISSING, ASSAY_TOPIC_UNFIT, or as `readTopics`
 */
export async function checkTopics(options: KafkaOptions): Promise<number> {
  const seen = await readTopics(options);
  const missing = seen.filter(({ state }) => state === null).map(({ plan }) => plan.name);
  if (missing.length > 0) throw new AssayError('ASSAY_TOPIC_MISSING', `${missing.join(', ')}; create by: ${CREATE_COMMAND}`);
  const unlike = findUnlike(seen);
  if (unlike) throw new AssayError('ASSAY_TOPIC_UNFIT', unlike);
  for (const topic of seen)
    for (const { isFatal, told } of judge(options, topic)) {
      if (isFatal) throw new AssayError('ASSAY_TOPIC_UNFIT', told);
      options.onNotice?.(told);
    }
  return seen.find(({ plan }) => plan.role === 'state')!.state!.partitions;
}

/** What is wrong where topics that belong together differ in their partitions, null where they are alike. */
export function findUnlike(seen: readonly SeenTopic[]): string | null {
  const stateOf = (role: TopicRole) => seen.find(({ plan }) => plan.role === role);
  const first = stateOf('routed') ?? stateOf('calls');
  const count = first?.state?.partitions;
  const unlike = ALIKE.map(stateOf).find((each) => count && each?.state && each.state.partitions !== count);
  if (!unlike) return null;
  const { plan, state } = unlike;
  return (
    `${plan.name} has ${state?.partitions} partitions and ${first?.plan.name} has ${count}: they must have as many, ` +
    `since a client's records lie in the same one; delete the one that may go and create it again by: ${CREATE_COMMAND} --partitions`
  );
}

/** The faults of a topic, each in a sentence that ends with the command that mends it. */
export function judge({ brokers }: KafkaOptions, { plan, state }: SeenTopic): { isFatal: boolean; told: string }[] {
  const faults = state ? findTopicFaults(plan, state) : [];
  return faults.map((fault) => ({
    isFatal: fault.isFatal,
    told: `${fault.text}; mend by: ${mendCommand(brokers, plan.name, fault)}`,
  }));
}

export async function withAdmin<T>(doing: string, options: KafkaOptions, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createClient(options).admin();
  return withKafka(doing, async () => {
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  });
}

async function look(admin: Admin, plans: readonly TopicPlan[]): Promise<SeenTopic[]> {
  // Asked for by name, a topic that is missing would be tried for again and again.
  const there = new Set(await admin.listTopics());
  const names = plans.map(({ name }) => name).filter((name) => there.has(name));
  const { topics } = names.length > 0 ? await admin.fetchTopicMetadata({ topics: names }) : { topics: [] };
  const states = new Map<string, TopicState>();
  for (const topic of topics) states.set(topic.name, await stateOf(admin, topic));
  return plans.map((plan) => ({ plan, state: states.get(plan.name) ?? null }));
}

async function stateOf(admin: Admin, { name, partitions }: ITopicMetadata): Promise<TopicState> {
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  return { partitions: partitions.length, replicas, settings: await settingsOf(admin, name) };
}

/** Null where Assay may use the topic and not ask how it is set up: a right of its own in Kafka. */
async function settingsOf(admin: Admin, name: string): Promise<Record<string, string> | null> {
  try {
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: [...SETTINGS] };
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
    const entries = resources.flatMap(({ configEntries }) => configEntries);
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    if (kafkaError('', error).code === 'ASSAY_KAFKA_DENIED') return null;
    throw error;
  }
}

function configOf({ name, partitions, settings }: TopicPlan, replicationFactor: number) {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  return { topic: name, numPartitions: partitions, replicationFactor, configEntries };
}

const SERVED_ATTEMPTS = 50;
const SERVED_EVERY_MS = 100;

/** A new partition has a leader on paper before the leader knows: until then it turns away readers and writers. */
async function untilServed(admin: Admin, topic: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      if (attempt === SERVED_ATTEMPTS) throw error;
      await sleep(SERVED_EVERY_MS);
    }
  }
}
