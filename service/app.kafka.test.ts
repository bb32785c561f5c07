import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { type App, createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import type { Verdict } from './core/contracts.ts';
import { encodeCall } from './io/avro.ts';
import { topicEnv, topicNames } from './io/kafka.test.data.ts';
import { followShared } from './io/kafka.ts';
import type { KafkaOptions } from './io/kafka-client.ts';
import { createClient, createPartitioner } from './io/kafka-client.ts';
import { createTopics } from './io/kafka-topics.ts';
import { packageRoot } from './io/package-root.ts';
import { scoreFiles } from './score.ts';

const CALLS = 100_000;
const PARTITIONS = 8;

/** Simulated calls to a file and, spread over the partitions one by one, to the topic. */
async function produce(options: KafkaOptions, file: string): Promise<void> {
  const client = createClient(options);
  await createTopics(options, { partitions: PARTITIONS });
  const producer = client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const out = createWriteStream(file);
  const messages: { partition: number; value: Buffer }[] = [];
  let count = 0;
  for await (const { call } of loadCalls({ seed: 777, clients: 4000 })) {
    messages.push({ partition: count++ % PARTITIONS, value: encodeCall(call) });
    if (!out.write(`${JSON.stringify(call)}\n`)) await once(out, 'drain');
    if (messages.length === 2000 || count === CALLS)
      await producer.send({ topic: options.topics.calls, messages: messages.splice(0) });
    if (count === CALLS) break;
  }
  assert.equal(count, CALLS, 'the simulator ran dry');
  out.end();
  await once(out, 'finish');
  await producer.disconnect();
}

interface Running {
  readonly app: App;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

async function start(config: Config): Promise<Running> {
  const app = await createApp(config);
  const stop = new AbortController();
  const ended = app.run(stop.signal);
  return {
    app,
    ended,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** Whether a group has finished with a topic. */
async function isRead(options: KafkaOptions, groupId: string, topic: string): Promise<boolean> {
  const admin = createClient(options).admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.disconnect();
  const offsets = new Map(committed!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return ends.every(({ partition, high }) => Number(high) <= Math.max(0, offsets.get(partition) ?? 0));
}

/** The default policy, but that no verdict of the recording expires. */
function policyFile(folder: string): string {
  const policy = JSON.parse(readFileSync(join(packageRoot, 'service', 'policies', 'default.json'), 'utf8')) as object;
  const year = 365 * 86_400_000;
  writeFileSync(join(folder, 'policy.json'), JSON.stringify({ ...policy, ttlMs: { good: year, unsure: year, bad: year } }));
  return join(folder, 'policy.json');
}

const LIMIT_MS = 120_000;

/** Waits until something is so; fails where the server fails before. */
async function until({ ended }: Running, condition: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < endMs, `it took longer than ${LIMIT_MS} ms`);
    await Promise.race([sleep(50), ended]);
  }
}

async function countCalls({ app }: Running): Promise<number> {
  return Number(/^assay_calls_total (\d+)/m.exec((await app.http.inject('/metrics')).body)?.[1]);
}

test('100,000 calls through a real topic give the verdicts that the file gives, to the bit', async (t) => {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  assert.ok(brokers, 'KAFKA_TEST_BROKERS is not set: run this by `npm test`, which starts a broker');
  const folder = mkdtempSync(join(tmpdir(), 'assay-kafka-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const name = `app-${randomUUID().slice(0, 8)}`;
  const config = readConfig({
    ASSAY_DATA: join(folder, 'data'),
    PORT: '0',
    LOG_LEVEL: 'silent',
    KAFKA_BROKERS: brokers,
    KAFKA_GROUP: name,
    ...topicEnv(topicNames(name)),
    // What others of a cohort do crosses partitions, and so comes at another time than in the file.
    ASSAY_COHORTS: 'false',
    ASSAY_POLICY: policyFile(folder),
  });
  const options: KafkaOptions = {
    brokers: [brokers],
    group: name,
    topics: topicNames(name),
    wireFormat: 'confluent',
    registryUrl: '',
  };
  const file = join(folder, 'calls.ndjson');
  await produce(options, file);

  // Stopped on the way and started again: state, links and offsets have to fit together.
  const first = await start(config);
  await until(first, async () => (await countCalls(first)) > CALLS / 4);
  await first.stop();
  const second = await start(config);
  t.after(second.stop);
  await until(second, () => isRead(options, `${name}-route`, options.topics.calls));
  await until(second, () => isRead(options, name, options.topics.routed!));
  const again = await countCalls(second);
  assert.ok(again > 0 && again < CALLS, 'it was not stopped on the way');

  const scored = await scoreFiles(config, [file]);
  assert.equal(scored.evictions, 0);
  const published = new Map<string, Verdict>();
  const copy = await followShared(options, {
    onVerdict: (clientId, verdict) => void (verdict && published.set(clientId, verdict)),
    onLink() {},
    onCohort() {},
    onRejection: ({ detail }) => assert.fail(detail),
  });
  t.after(() => copy.close());
  await copy.caughtUp;
  assert.ok(scored.clients.length > 1000);
  assert.equal(published.size, scored.clients.length);
  for (const { clientIp, userAgent, subject, ...fromFile } of scored.clients) {
    assert.deepEqual(published.get(fromFile.clientId), fromFile);
    const answer = await second.app.http.inject(`/v1/clients/${fromFile.clientId}/verdict`);
    assert.deepEqual(answer.json(), fromFile);
  }
});
