import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssayError } from '../core/errors.ts';
import { topicNames } from './kafka.test.data.ts';
import { type KafkaOptions, prepareWithPatience, throughOutage } from './kafka-client.ts';

const OPTIONS: KafkaOptions = {
  brokers: [],
  group: 'g',
  topics: topicNames('t'),
  wireFormat: 'auto',
  registryUrl: '',
};

/** As kafkajs wraps what it gave up on: itself not to be tried again, its cause well. */
function wrapped(retriable: boolean): Error {
  const cause = Object.assign(new Error('refused'), { retriable });
  return Object.assign(new Error('gave up', { cause: new Error('in between', { cause }) }), { retriable: false });
}

/** Fails so often, then gives what it was given. */
function failing(times: number, error: Error): { run: () => Promise<string>; tries: () => number } {
  let tries = 0;
  return {
    run: async () => {
      if (tries++ < times) throw error;
      return 'done';
    },
    tries: () => tries,
  };
}

test('an outage is tried through, and told', async () => {
  const notices: string[] = [];
  const { run, tries } = failing(1, wrapped(true));
  assert.equal(await throughOutage('writing', { ...OPTIONS, onNotice: (text) => notices.push(text) }, run), 'done');
  assert.equal(tries(), 2);
  assert.deepEqual(notices, ['Kafka does not answer: writing: gave up']);
});

test('what trying again cannot mend is told at once, as is an outage at its limit or after an abort', async () => {
  const expected = { code: 'ASSAY_KAFKA_UNAVAILABLE', message: 'Kafka does not answer: writing: gave up' };
  for (const [retriable, more] of [
    [false, {}],
    [true, { outageLimitMs: -1 }],
    [true, { signal: AbortSignal.abort() }],
  ] as const) {
    const { run, tries } = failing(5, wrapped(retriable));
    await assert.rejects(throughOutage('writing', { ...OPTIONS, ...more }, run), expected);
    assert.equal(tries(), 1);
  }
});

test('what Kafka denies, and a certificate that does not hold, have codes of their own and are not tried again', async () => {
  const because = (fault: object) => Object.assign(new Error('gave up', { cause: Object.assign(new Error('x'), fault) }));
  const faults: [Error, string][] = [
    [because({ name: 'KafkaJSSASLAuthenticationError' }), 'ASSAY_KAFKA_DENIED'],
    [because({ type: 'TOPIC_AUTHORIZATION_FAILED' }), 'ASSAY_KAFKA_DENIED'],
    [because({ errors: [{ type: 'CLUSTER_AUTHORIZATION_FAILED' }] }), 'ASSAY_KAFKA_DENIED'],
    [because({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT', retriable: true }), 'ASSAY_KAFKA_TLS_FAILED'],
    [because({ code: 'ERR_SSL_WRONG_VERSION_NUMBER', retriable: true }), 'ASSAY_KAFKA_TLS_FAILED'],
  ];
  for (const [error, code] of faults) {
    const { run, tries } = failing(5, error);
    await assert.rejects(throughOutage('writing', OPTIONS, run), { code, canRetry: false });
    assert.equal(tries(), 1);
  }
});

test('an abort ends the waiting between two tries', async () => {
  const stop = new AbortController();
  const { run, tries } = failing(Number.POSITIVE_INFINITY, wrapped(true));
  const started = performance.now();
  await assert.rejects(throughOutage('writing', { ...OPTIONS, signal: stop.signal, onNotice: () => stop.abort() }, run));
  assert.equal(tries(), 2);
  assert.ok(performance.now() - started < 500);
});

test('a registry that is away is waited for, within limits', async () => {
  const away = new AssayError('ASSAY_REGISTRY_UNAVAILABLE');
  const signal = new AbortController().signal;
  let waits = 0;
  const onWait = async () => {
    waits++;
  };
  const coming = failing(2, away);
  await prepareWithPatience(async () => void (await coming.run()), 5000, signal, onWait);
  assert.deepEqual([coming.tries(), waits], [3, 2]);
  const gone = failing(Number.POSITIVE_INFINITY, away);
  await prepareWithPatience(async () => void (await gone.run()), 250, signal, onWait);
  assert.equal(gone.tries(), 2);
  const stopped = failing(Number.POSITIVE_INFINITY, away);
  await prepareWithPatience(async () => void (await stopped.run()), 5000, AbortSignal.abort(), onWait);
  assert.equal(stopped.tries(), 1);
});

test('any other error, and one while waiting, passes through', async () => {
  const signal = new AbortController().signal;
  const other = async () => {
    throw new AssayError('ASSAY_CONFIG_INVALID');
  };
  await assert.rejects(
    prepareWithPatience(other, 5000, signal, async () => {}),
    { code: 'ASSAY_CONFIG_INVALID' },
  );
  const away = async () => {
    throw new AssayError('ASSAY_REGISTRY_UNAVAILABLE');
  };
  await assert.rejects(
    prepareWithPatience(away, 5000, signal, async () => {
      throw new Error('rebalancing');
    }),
    /rebalancing/,
  );
});
