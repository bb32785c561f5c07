import type { KafkaTopics } from './kafka-client.ts';

/** Topics of a test's own. */
export function topicNames(name: string): KafkaTopics {
  return {
    calls: `${name}-c`,
    routed: `${name}-r`,
    state: `${name}-s`,
    shared: `${name}-x`,
    verdicts: `${name}-v`,
    labels: `${name}-l`,
    deadLetters: `${name}-d`,
    questions: `${name}-q`,
  };
}

/** As a server is told of them. */
export function topicEnv(topics: KafkaTopics): Record<string, string> {
  return {
    KAFKA_CALLS_TOPIC: topics.calls,
    KAFKA_ROUTED_TOPIC: topics.routed ?? '',
    KAFKA_CALLS_KEYED: String(topics.routed === null),
    KAFKA_STATE_TOPIC: topics.state,
    KAFKA_SHARED_TOPIC: topics.shared,
    KAFKA_VERDICTS_TOPIC: topics.verdicts,
    KAFKA_LABELS_TOPIC: topics.labels,
    KAFKA_DEAD_LETTERS_TOPIC: topics.deadLetters,
    KAFKA_QUESTIONS_TOPIC: topics.questions ?? '',
    ASSAY_EARLY: String(topics.questions !== null),
  };
}
