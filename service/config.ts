/** Configuration: environment variables only, one schema for types, defaults and checks. */
import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { AssayError } from './core/errors.ts';

const text = (description: string, value = '') => Type.String({ default: value, description });
const whole = (description: string, value: number, minimum: number, maximum: number) =>
  Type.Integer({ default: value, minimum, maximum, description });

export const ConfigSchema = Type.Object({
  HOST: text('Address to listen on', 'localhost'),
  PORT: whole('Port to listen on', 8080, 0, 65_535),
  ASSAY_SPOE_PORT: whole('Port on which HAProxy asks by SPOE; 0 for none', 0, 0, 65_535),
  ASSAY_GRPC_PORT: whole('Port on which Envoy asks over gRPC; 0 for none', 0, 0, 65_535),
  ASSAY_CROWDSEC_KEYS: text(
    "Keys by which CrowdSec's bouncers are known, separated by commas; without any their API is not there",
  ),
  ASSAY_DATA: text('Folder for state, verdicts and dead letters', 'data'),
  ASSAY_KEY: text('Secret under which client ids are hashed', 'assay'),
  ASSAY_SUBJECT_SALT: text('Salt with which the gateways hash credentials; /v1/authz does the same'),
  ASSAY_MODEL: text('Id of the model in models/, or a folder; the one in models/DEFAULT by default'),
  ASSAY_MODELS: text('Folder of the models; the bundled ones by default'),
  ASSAY_POLICY: text('Policy file; the bundled default otherwise'),
  ASSAY_BACKEND: Type.Enum(['auto', 'wasm', 'node', 'cpu'], { default: 'auto', description: 'TensorFlow.js backend' }),
  ASSAY_FILES: text('Files to read at start, separated by commas'),
  ASSAY_TAIL: text('Logs to follow while they are written, separated by commas'),
  ASSAY_SYSLOG_PORT: whole('Port on which log lines come by syslog, UDP and TCP; 0 for none', 0, 0, 65_535),
  ASSAY_FORMAT: text('Format of files, logs and lines; found out by default'),
  ASSAY_REPLAY_RATE: whole('Calls a second of the bundled log, replayed where no source is set; 0 turns it off', 500, 0, 1e6),
  ASSAY_MAX_CLIENTS: whole('Clients held at once', 200_000, 100, 5_000_000),
  ASSAY_COHORTS: Type.Boolean({ default: true, description: 'Whether what clients of the same fingerprint do counts too' }),
  ASSAY_EARLY: Type.Boolean({
    default: true,
    description: "Whether a gateway's question counts until the call's log line comes; not with Kafka",
  }),
  ASSAY_HTTP_QUEUE: whole('Posted batches that may wait', 64, 1, 10_000),
  KAFKA_BROKERS: text('Brokers, separated by commas; switches to Kafka'),
  KAFKA_GROUP: text('Consumer group', 'assay'),
  KAFKA_CALLS_TOPIC: text('Topic of the calls', 'api-calls'),
  KAFKA_CALLS_KEYED: Type.Boolean({
    default: false,
    description: 'Producers key the calls by client, so that they need not be routed through a topic between',
  }),
  KAFKA_ROUTED_TOPIC: text('Topic between, of calls by client', 'assay-calls'),
  KAFKA_STATE_TOPIC: text("Topic of the clients' state", 'assay-state'),
  KAFKA_SHARED_TOPIC: text('Topic of what all processes share: links and cohorts', 'assay-shared'),
  KAFKA_COMMIT_MS: whole('Ms until what changed is committed; four times that while far behind', 500, 1, 60_000),
  KAFKA_VERDICTS_TOPIC: text('Topic of the verdicts', 'verdicts'),
  KAFKA_LABELS_TOPIC: text('Topic of the labels', 'labels'),
  KAFKA_DEAD_LETTERS_TOPIC: text('Topic of the dead letters', 'assay-dead-letters'),
  KAFKA_QUESTIONS_TOPIC: text(
    "Topic of gateways' questions, on their way to whoever holds the client; with ASSAY_EARLY",
    'assay-questions',
  ),
  KAFKA_WIRE_FORMAT: Type.Enum(['auto', 'confluent', 'bare'], { default: 'auto', description: 'How calls are written' }),
  KAFKA_SASL_MECHANISM: Type.Enum(['', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], {
    default: '',
    description: 'How Assay proves to the brokers who it is; not at all by default',
  }),
  KAFKA_USERNAME: text('User name for SASL'),
  KAFKA_PASSWORD: text('Password for SASL'),
  KAFKA_TLS: Type.Boolean({ default: false, description: 'Encrypt, and check the certificates of the brokers' }),
  KAFKA_TLS_CA: text('PEM file of the authorities that the brokers are signed by; those of Node by default'),
  KAFKA_TLS_CERT: text('PEM file of a certificate by which the brokers know Assay'),
  KAFKA_TLS_KEY: text('PEM file of its private key'),
  SCHEMA_REGISTRY_URL: text('Schema registry; the bundled schemas otherwise'),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
});

export type Config = Static<typeof ConfigSchema>;

/** @throws AssayError ASSAY_CONFIG_INVALID, with every fault told at once */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const config = readEach(env);
  const faults = [...findHalves(config), ...findClashes(config)];
  if (faults.length > 0) throw new AssayError('ASSAY_CONFIG_INVALID', faults.join(', '));
  return config;
}

function readEach(env: NodeJS.ProcessEnv): Config {
  try {
    return envSchema<Config>({ schema: ConfigSchema, data: env, env: false, ajv: { customOptions: (ajv) => allErrors(ajv) } });
  } catch (error) {
    throw new AssayError('ASSAY_CONFIG_INVALID', (error as Error).message, { cause: error });
  }
}

/** What is set and, without another variable, would silently do nothing: a connection must not be less safe than it looks. */
const NEEDS: readonly (readonly [keyof Config, keyof Config])[] = [
  ['KAFKA_SASL_MECHANISM', 'KAFKA_USERNAME'],
  ['KAFKA_SASL_MECHANISM', 'KAFKA_PASSWORD'],
  ['KAFKA_USERNAME', 'KAFKA_SASL_MECHANISM'],
  ['KAFKA_PASSWORD', 'KAFKA_SASL_MECHANISM'],
  ['KAFKA_TLS_CA', 'KAFKA_TLS'],
  ['KAFKA_TLS_CERT', 'KAFKA_TLS'],
  ['KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'],
  ['KAFKA_TLS_KEY', 'KAFKA_TLS_CERT'],
  ['KAFKA_TLS', 'KAFKA_BROKERS'],
  ['KAFKA_SASL_MECHANISM', 'KAFKA_BROKERS'],
];

function findHalves(config: Config): string[] {
  const halves = NEEDS.filter(([name, needed]) => config[name] && !config[needed]);
  return halves.map(([name, needed]) => `${name} is set and ${needed} is not`);
}

/** An address's clients are spread over the partitions, so that no process sees all of them. */
function findClashes({ ASSAY_CROWDSEC_KEYS, KAFKA_BROKERS }: Config): string[] {
  return ASSAY_CROWDSEC_KEYS && KAFKA_BROKERS ? ['ASSAY_CROWDSEC_KEYS can not be had together with KAFKA_BROKERS'] : [];
}

function allErrors<A extends { opts: { allErrors?: boolean } }>(ajv: A): A {
  ajv.opts.allErrors = true;
  return ajv;
}
