import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Config, ConfigSchema, readConfig } from './config.ts';
import { AssayError } from './core/errors.ts';
import { packageRoot } from './io/package-root.ts';

const DEFAULTS: Config = {
  HOST: 'localhost',
  PORT: 8080,
  ASSAY_SPOE_PORT: 0,
  ASSAY_GRPC_PORT: 0,
  ASSAY_CROWDSEC_KEYS: '',
  ASSAY_DATA: 'data',
  ASSAY_KEY: 'assay',
  ASSAY_SUBJECT_SALT: '',
  ASSAY_MODEL: '',
  ASSAY_MODELS: '',
  ASSAY_POLICY: '',
  ASSAY_BACKEND: 'auto',
  ASSAY_FILES: '',
  ASSAY_TAIL: '',
  ASSAY_SYSLOG_PORT: 0,
  ASSAY_FORMAT: '',
  ASSAY_REPLAY_RATE: 500,
  ASSAY_MAX_CLIENTS: 200_000,
  ASSAY_COHORTS: true,
  ASSAY_EARLY: true,
  ASSAY_HTTP_QUEUE: 64,
  KAFKA_BROKERS: '',
  KAFKA_GROUP: 'assay',
  KAFKA_CALLS_TOPIC: 'api-calls',
  KAFKA_CALLS_KEYED: false,
  KAFKA_ROUTED_TOPIC: 'assay-calls',
  KAFKA_STATE_TOPIC: 'assay-state',
  KAFKA_SHARED_TOPIC: 'assay-shared',
  KAFKA_COMMIT_MS: 500,
  KAFKA_VERDICTS_TOPIC: 'verdicts',
  KAFKA_LABELS_TOPIC: 'labels',
  KAFKA_DEAD_LETTERS_TOPIC: 'assay-dead-letters',
  KAFKA_QUESTIONS_TOPIC: 'assay-questions',
  KAFKA_WIRE_FORMAT: 'auto',
  KAFKA_SASL_MECHANISM: '',
  KAFKA_USERNAME: '',
  KAFKA_PASSWORD: '',
  KAFKA_TLS: false,
  KAFKA_TLS_CA: '',
  KAFKA_TLS_CERT: '',
  KAFKA_TLS_KEY: '',
  SCHEMA_REGISTRY_URL: '',
  LOG_LEVEL: 'info',
};

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof AssayError && error.code === 'ASSAY_CONFIG_INVALID', String(error));
    return error.message;
  }
  assert.fail(`${JSON.stringify(env)} was taken`);
}

test('nothing needs to be set', () => {
  assert.deepEqual({ ...readConfig({}) }, DEFAULTS);
});

test('variables are read as what they are', () => {
  const env = { PORT: '0', HOST: '::', ASSAY_BACKEND: 'node', ASSAY_REPLAY_RATE: '0', KAFKA_BROKERS: 'a:1,b:2' };
  const { PORT, HOST, ASSAY_BACKEND, ASSAY_REPLAY_RATE, KAFKA_BROKERS } = readConfig(env);
  assert.deepEqual([PORT, HOST, ASSAY_BACKEND, ASSAY_REPLAY_RATE, KAFKA_BROKERS], [0, '::', 'node', 0, 'a:1,b:2']);
});

test('what is given is left as it is, and the next reading starts from the defaults', () => {
  const env = { PORT: '81', PATH: '/bin' };
  readConfig(env);
  assert.deepEqual(env, { PORT: '81', PATH: '/bin' });
  assert.equal(readConfig({}).PORT, 8080);
});

test('the environment of the process is read by default, and only then', (t) => {
  const before = process.env.ASSAY_DATA;
  t.after(() => {
    if (before === undefined) delete process.env.ASSAY_DATA;
    else process.env.ASSAY_DATA = before;
  });
  process.env.ASSAY_DATA = '/elsewhere';
  assert.equal(readConfig().ASSAY_DATA, '/elsewhere');
  assert.equal(readConfig({}).ASSAY_DATA, 'data');
});

test('every fault is told at once, and the values are not', () => {
  const env = {
    PORT: 'secret',
    ASSAY_BACKEND: 'secret',
    ASSAY_MAX_CLIENTS: '1',
    KAFKA_WIRE_FORMAT: 'secret',
    LOG_LEVEL: 'secret',
  };
  const message = faultsOf(env);
  for (const name of Object.keys(env)) assert.match(message, new RegExp(`\\b${name}\\b`));
  assert.doesNotMatch(message, /secret/);
});

const REFUSED: [keyof Config, string[]][] = [
  ['PORT', ['-1', '65536', '80.5', 'http', '']],
  ['ASSAY_BACKEND', ['gpu', '', 'WASM']],
  ['ASSAY_REPLAY_RATE', ['-1', '1000001']],
  ['ASSAY_MAX_CLIENTS', ['99', '5000001', 'many']],
  ['ASSAY_HTTP_QUEUE', ['0', '10001']],
  ['KAFKA_WIRE_FORMAT', ['json']],
  ['KAFKA_SASL_MECHANISM', ['GSSAPI', 'SCRAM-SHA-1']],
  ['KAFKA_TLS', ['yes', '2']],
  ['LOG_LEVEL', ['verbose']],
];
for (const [name, values] of REFUSED)
  test(`${name} is checked`, () => {
    for (const value of values) assert.match(faultsOf({ [name]: value }), new RegExp(`\\b${name}\\b`));
  });

test('a half of what belongs together is refused, and no value is told', () => {
  const brokers = { KAFKA_BROKERS: 'a:1' };
  const halves: [NodeJS.ProcessEnv, string][] = [
    [{ ...brokers, KAFKA_PASSWORD: 'secret' }, 'KAFKA_PASSWORD is set and KAFKA_SASL_MECHANISM is not'],
    [{ ...brokers, KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_USERNAME: 'u' }, 'KAFKA_SASL_MECHANISM is set and KAFKA_PASSWORD is not'],
    [{ ...brokers, KAFKA_TLS_CA: 'ca.pem' }, 'KAFKA_TLS_CA is set and KAFKA_TLS is not'],
    [{ ...brokers, KAFKA_TLS: 'true', KAFKA_TLS_KEY: 'key.pem' }, 'KAFKA_TLS_KEY is set and KAFKA_TLS_CERT is not'],
    [{ KAFKA_TLS: 'true' }, 'KAFKA_TLS is set and KAFKA_BROKERS is not'],
  ];
  for (const [env, fault] of halves) {
    assert.match(faultsOf(env), new RegExp(fault));
    assert.doesNotMatch(faultsOf(env), /secret/);
  }
  assert.equal(readConfig({ ...brokers, KAFKA_TLS: 'true' }).KAFKA_TLS, true);
});

test('variables that Assay does not know are ignored', () => {
  assert.deepEqual({ ...readConfig({ PATH: '/bin', ASSAY_NEVER_HEARD_OF: 'x', port: '1' }) }, DEFAULTS);
});

/** Rows of the table under "Settings": the names in the first column, the defaults in the second. */
function readSettings(): { names: string[]; defaults: string[] }[] {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((text) => text.startsWith('Settings'));
  const codes = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code]) => code!);
  return (section ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|'))
    .map(([, names, defaults]) => ({ names: codes(names!), defaults: codes(defaults!) }));
}

test('the README tells of every variable, and of none that is not there', () => {
  const told = readSettings().flatMap(({ names }) => names);
  assert.deepEqual(told.toSorted(), Object.keys(ConfigSchema.properties).toSorted());
});

test('the README tells the true defaults', () => {
  const told = readSettings()
    .filter(({ names, defaults }) => names.length === defaults.length)
    .flatMap(({ names, defaults }) => names.map((name, i) => [name, defaults[i]] as const));
  assert.ok(told.length >= 8, `${told.length} defaults found`);
  for (const [name, value] of told) assert.equal(String(DEFAULTS[name as keyof Config]), value, name);
});
