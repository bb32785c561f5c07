/** `assay topics`: the Kafka topics that Assay needs, as they should be and as they are. */
import Table from 'cli-table3';
import type { Config } from './config.ts';
import { AssayError } from './core/errors.ts';
import { CREATE_COMMAND, planTopics, SETTINGS } from './core/topics.ts';
import { type CreateOptions, createTopics, findUnlike, judge, readTopics, type SeenTopic } from './io/kafka-topics.ts';
import { commandOptions } from './kafka-options.ts';

export interface TopicsReport {
  readonly topics: readonly SeenTopic[];
  readonly created: readonly string[];
  /** With them Assay can't start. */
  readonly errors: readonly AssayError[];
  /** With them something is lost later. */
  readonly warnings: readonly string[];
}

/**
 * Looks at the topics and, where `create` is given, creates the missing ones before.
 * @throws AssayError ASSAY_CONFIG_INVALID without KAFKA_BROKERS, ASSAY_KAFKA_UNAVAILABLE, ASSAY_KAFKA_DENIED, ASSAY_KAFKA_TLS_FAILED
 */
export async function inspectTopics(config: Config, create: CreateOptions | null): Promise<TopicsReport> {
  const options = commandOptions(config);
  const created = create ? await createTopics(options, create) : [];
  const topics = await readTopics(options, planTopics(options.topics, create?.partitions));
  const faults = topics.flatMap((topic) => judge(options, topic));
  const missing = topics.flatMap(({ plan, state }) => (state ? [] : [plan.name]));
  const unlike = findUnlike(topics);
  return {
    topics,
    created,
    errors: [
      ...(unlike ? [new AssayError('ASSAY_TOPIC_UNFIT', unlike)] : []),
      ...missing.map((name) => new AssayError('ASSAY_TOPIC_MISSING', `${name}; create by: ${CREATE_COMMAND}`)),
      ...faults.flatMap(({ isFatal, told }) => (isFatal ? [new AssayError('ASSAY_TOPIC_UNFIT', told)] : [])),
    ],
    warnings: faults.flatMap(({ isFatal, told }) => (isFatal ? [] : [told])),
  };
}

/** A table with what is wanted beside what is there. */
export function formatTopics({ topics }: TopicsReport): string {
  const table = new Table({ head: ['topic', 'for', 'wanted', 'there'], style: { head: [], border: [] } });
  for (const seen of topics) table.push([seen.plan.name, seen.plan.role, wantedText(seen), thereText(seen)]);
  return table.toString();
}

function wantedText({ plan }: SeenTopic): string {
  return [`partitions ${plan.partitions}`, ...Object.entries(plan.settings).map(([name, value]) => `${name} ${value}`)].join(
    '\n',
  );
}

function thereText({ state }: SeenTopic): string {
  if (!state) return 'missing';
  const { partitions, replicas, settings } = state;
  const shown = settings ? SETTINGS.map((name) => `${name} ${settings[name] ?? '?'}`) : ['settings: may not be read'];
  return [`partitions ${partitions}, replicas ${replicas}`, ...shown].join('\n');
}
