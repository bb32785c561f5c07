import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfig } from '../config.ts';
import { kafkaOptions } from '../kafka-options.ts';
import { createClient, withKafka } from './kafka-client.ts';
import { readSecurity, type SecuritySettings } from './kafka-security.ts';

const NONE: SecuritySettings = {
  mechanism: '',
  username: '',
  password: '',
  tls: false,
  caFile: '',
  certFile: '',
  keyFile: '',
};

const folder = mkdtempSync(join(tmpdir(), 'assay-security-'));
after(() => rmSync(folder, { recursive: true }));

test('nothing set is neither encrypted nor authenticated', () => {
  assert.deepEqual(readSecurity(NONE), {});
  assert.deepEqual(readSecurity({ ...NONE, tls: true }), { ssl: {} });
  assert.deepEqual(readSecurity({ ...NONE, mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' }), {
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
  });
});

test('a file that is not there, or that is no PEM, is told by the name of its variable', () => {
  const wrong = join(folder, 'wrong.pem');
  writeFileSync(wrong, 'hush');
  const tls = { ...NONE, tls: true };
  const faults: [Partial<SecuritySettings>, string, RegExp][] = [
    [{ caFile: join(folder, 'none') }, 'ASSAY_FILE_UNREADABLE', /KAFKA_TLS_CA: ENOENT/],
    [{ caFile: wrong }, 'ASSAY_CONFIG_INVALID', /KAFKA_TLS_CA .*wrong\.pem/],
    [{ certFile: wrong, keyFile: join(folder, 'none') }, 'ASSAY_FILE_UNREADABLE', /KAFKA_TLS_KEY: ENOENT/],
    [{ certFile: wrong, keyFile: wrong }, 'ASSAY_CONFIG_INVALID', /KAFKA_TLS_CERT and KAFKA_TLS_KEY/],
  ];
  for (const [settings, code, message] of faults) {
    assert.throws(() => readSecurity({ ...tls, ...settings }), { code, message });
    assert.throws(
      () => readSecurity({ ...tls, ...settings }),
      (error: Error) => !error.message.includes('hush'),
    );
  }
});

interface SecureBroker {
  readonly brokers: string;
  readonly ca: string;
  readonly username: string;
  readonly password: string;
}

function secureBroker(): SecureBroker {
  const secure = process.env.KAFKA_TEST_SECURE;
  if (!secure) throw new Error('KAFKA_TEST_SECURE is not set: run these tests by `npm test`, which starts a broker');
  return JSON.parse(secure) as SecureBroker;
}

/** Asks the secured broker for its topics, with settings as an operator gives them; what was told on the way goes to `notices`. */
async function listTopics(change: NodeJS.ProcessEnv = {}, notices: string[] = []): Promise<string[]> {
  const { brokers, ca, username, password } = secureBroker();
  const env = { KAFKA_BROKERS: brokers, KAFKA_TLS: 'true', KAFKA_TLS_CA: ca };
  const sasl = { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_USERNAME: username, KAFKA_PASSWORD: password };
  const options = kafkaOptions(readConfig({ ...env, ...sasl, ...change }));
  const admin = createClient({ ...options, retries: 1, onNotice: (text) => notices.push(text) }).admin();
  try {
    return await withKafka('asking for topics', async () => {
      await admin.connect();
      return admin.listTopics();
    });
  } finally {
    await admin.disconnect();
  }
}

for (const KAFKA_SASL_MECHANISM of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
  test(`a real broker lets in who comes by TLS and ${KAFKA_SASL_MECHANISM}, and denies a wrong password`, async () => {
    assert.ok(Array.isArray(await listTopics({ KAFKA_SASL_MECHANISM })));
    const notices: string[] = [];
    const wrong = listTopics({ KAFKA_SASL_MECHANISM, KAFKA_PASSWORD: 'not-the-one' }, notices);
    await assert.rejects(wrong, { code: 'ASSAY_KAFKA_DENIED', message: /[Aa]uthentication failed/, canRetry: false });
    await assert.rejects(wrong, (error: Error) => !error.message.includes('not-the-one'));
    assert.doesNotMatch(notices.join('\n'), /not-the-one/);
  });

test('a certificate that nobody vouches for is told as such', async () => {
  await assert.rejects(listTopics({ KAFKA_TLS_CA: '' }), { code: 'ASSAY_KAFKA_TLS_FAILED', message: /self.signed certificate/ });
});
