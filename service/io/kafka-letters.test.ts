import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { KafkaMessage, Message } from 'kafkajs';
import type { LetterView } from '../core/dead-letter.ts';
import { Identifier } from '../core/identify.ts';
import { listLetters, resubmit } from '../dead-letters.ts';
import { topicNames } from './kafka.test.data.ts';
import { connectKafka, type KafkaConnection } from './kafka.ts';
import { createClient, createPartitioner, type KafkaOptions } from './kafka-client.ts';
import { createKafkaLetters, targetOf } from './kafka-letters.ts';
import { readLog } from './kafka-log.ts';
import { createTopics } from './kafka-topics.ts';

const LIMIT = { limit: 100 };
const TOPICS = topicNames('t');

test('a letter goes back where it came from', () => {
  const target = (origin: string, text = 'x') => targetOf({ origin, bytes: Buffer.from(text) }, TOPICS);
  assert.equal(target('t-c/3@17'), 't-c');
  assert.equal(target('t-l/0@1', '{"label":'), 't-l');
  assert.equal(target('body[3]', '{"id":'), 't-c');
  assert.equal(target('access.log:7'), null);
});

interface Bench {
  readonly options: KafkaOptions;
  readonly kafka: KafkaConnection;
  send(topic: string, messages: Message[]): Promise<void>;
}

async function open(t: TestContext): Promise<Bench> {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers) throw new Error('KAFKA_TEST_BROKERS is not set: run these tests by `npm test`, which starts a broker');
  const name = `letters-${randomUUID().slice(0, 8)}`;
  const topics = topicNames(name);
  const options: KafkaOptions = { brokers: brokers.split(','), group: name, topics, wireFormat: 'auto', registryUrl: '' };
  await createTopics(options, { partitions: 2 });
  const kafka = await connectKafka(options);
  const producer = createClient(options).producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  t.after(async () => {
    await Promise.all([producer.disconnect(), kafka.close()]);
    const admin = createClient(options).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: Object.values(topics).filter((topic) => topic !== null) });
    await admin.disconnect();
  });
  return { options, kafka, send: async (topic, messages) => void (await producer.send({ topic, messages })) };
}

/** Routes until so many more calls were refused; what lies last on the topic of the calls comes back. */
async function run({ kafka, options }: Bench, count: number): Promise<KafkaMessage[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 30_000);
  let refused = 0;
  const onRejection = () => {
    if (++refused === count) setTimeout(() => stop.abort(), 200);
  };
  await kafka.route({ createIdentifier: (onLink) => new Identifier({ key: 'test', onLink }), onRejection }, stop.signal);
  clearTimeout(timer);
  const messages: KafkaMessage[] = [];
  await readLog(options, { topics: [options.topics.calls], onMessages: (_, each) => void messages.push(...each) });
  return messages.slice(-count);
}

const list = ({ options }: Bench) => listLetters(createKafkaLetters(options), LIMIT);
const resubmitAll = async (bench: Bench, views: readonly LetterView[]) => resubmit(createKafkaLetters(bench.options), views);

test('a call that fails is put back with its key and headers, fails again with a count, and is left after three times', async (t) => {
  const bench = await open(t);
  const headers = { trace: 'abc', code: 'mine' };
  await bench.send(bench.options.topics.calls, [{ key: 'k', value: '{"id":"broken"', headers }]);
  await run(bench, 1);
  for (let round = 1; round <= 3; round++) {
    const views = await list(bench);
    assert.equal(views.length, round);
    const fresh = views.filter(({ putBack }) => !putBack);
    assert.deepEqual(
      fresh.map(({ code, resubmitted, beginning }) => [code, resubmitted, beginning]),
      [['ASSAY_CALL_BAD_JSON', round - 1, '{"id":"broken"']],
    );
    const outcome = await resubmitAll(bench, views);
    assert.deepEqual([outcome.putBack, outcome.left.get('put back before') ?? 0], [1, round - 1]);
    const [again] = await run(bench, 1);
    assert.equal(String(again?.key), 'k');
    const told = Object.entries(again?.headers ?? {}).map(([name, value]) => [name, String(value)]);
    assert.deepEqual(Object.fromEntries(told), { ...headers, 'assay-resubmitted': String(round) });
  }
  const last = await resubmitAll(bench, await list(bench));
  assert.deepEqual(
    [...last.left],
    [
      ['failed again after having been put back 3 times', 1],
      ['put back before', 3],
    ],
  );
});

test('whatever lies on the topic, the others are listed', async (t) => {
  const bench = await open(t);
  assert.deepEqual(await list(bench), []);
  await bench.send(bench.options.topics.deadLetters, [
    { value: null },
    { value: Buffer.from([0xff, 0x1b]), headers: { time: 'never', cutFrom: '-3', resubmitted: 'x', 'original-key': '' } },
    { value: '{"id":1}', headers: { code: 'ASSAY_CALL_BAD_FIELD', detail: 'id', origin: 'l/0@2', time: '2026-01-01T00:00:00Z' } },
  ]);
  const views = await list(bench);
  assert.deepEqual(
    views.map(({ code, size }) => [code, size]),
    [
      ['', 2],
      ['', 0],
      ['ASSAY_CALL_BAD_FIELD', 8],
    ],
  );
  const outcome = await resubmitAll(bench, views);
  assert.equal(outcome.putBack, 1);
  assert.deepEqual([...outcome.left.keys()].sort(), ['holds no bytes', 'neither from Kafka nor JSON']);
});

test('more letters than one fetch brings are listed within the limit and put back', async (t) => {
  const bench = await open(t);
  const letters = Array.from({ length: 3000 }, (_, i) => ({
    rejected: 'ASSAY_CALL_BAD_FIELD' as const,
    detail: '',
    origin: `${bench.options.topics.calls}/0@${i}`,
    bytes: Buffer.from(`{"id":"${i}","pad":"${'x'.repeat(1000)}"}`),
  }));
  await bench.kafka.bury(letters);
  const place = createKafkaLetters(bench.options);
  assert.equal((await listLetters(place, { limit: 10 })).length, 10);
  const views = await listLetters(place, { limit: 5000 });
  assert.equal(views.length, 3000);
  assert.equal((await resubmit(place, views)).putBack, 3000);
  assert.equal((await run(bench, 3000)).length, 3000);
});

test('a topic that is not there is told', async () => {
  const brokers = process.env.KAFKA_TEST_BROKERS!.split(',');
  const place = createKafkaLetters({ brokers, group: 'g', topics: TOPICS, wireFormat: 'auto', registryUrl: '' });
  await assert.rejects(listLetters(place, LIMIT), { code: 'ASSAY_TOPIC_MISSING' });
});
