import type { Config } from './config.ts';
import { AssayError } from './core/errors.ts';
import type { KafkaOptions } from './io/kafka.ts';
import { readSecurity } from './io/kafka-security.ts';

/**
 * How to speak to Kafka, from the configuration.
 * @throws AssayError ASSAY_FILE_UNREADABLE, ASSAY_CONFIG_INVALID for the files of TLS
 */
export function kafkaOptions(config: Config): KafkaOptions {
  return {
    brokers: config.KAFKA_BROKERS.split(','),
    security: readSecurity({
      mechanism: config.KAFKA_SASL_MECHANISM,
      username: config.KAFKA_USERNAME,
      password: config.KAFKA_PASSWORD,
      tls: config.KAFKA_TLS,
      caFile: config.KAFKA_TLS_CA,
      certFile: config.KAFKA_TLS_CERT,
      keyFile: config.KAFKA_TLS_KEY,
    }),
    group: config.KAFKA_GROUP,
    topics: {
      calls: config.KAFKA_CALLS_TOPIC,
      routed: config.KAFKA_CALLS_KEYED ? null : config.KAFKA_ROUTED_TOPIC,
      state: config.KAFKA_STATE_TOPIC,
      shared: config.KAFKA_SHARED_TOPIC,
      verdicts: config.KAFKA_VERDICTS_TOPIC,
      labels: config.KAFKA_LABELS_TOPIC,
      deadLetters: config.KAFKA_DEAD_LETTERS_TOPIC,
      questions: config.ASSAY_EARLY ? config.KAFKA_QUESTIONS_TOPIC : null,
    },
    wireFormat: config.KAFKA_WIRE_FORMAT,
    registryUrl: config.SCHEMA_REGISTRY_URL,
  };
}

/** As `kafkaOptions`, for a command that someone waits for. @throws AssayError ASSAY_CONFIG_INVALID without KAFKA_BROKERS too */
export function commandOptions(config: Config): KafkaOptions {
  if (!config.KAFKA_BROKERS) throw new AssayError('ASSAY_CONFIG_INVALID', 'KAFKA_BROKERS is not set');
  return { ...kafkaOptions(config), retries: 3, outageLimitMs: 0 };
}
