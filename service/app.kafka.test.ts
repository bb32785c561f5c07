import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Message } from 'kafkajs';
import { findPort, startProcess } from '../datasets/range/processes.ts';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { type App, createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import { callOf } from './core/calls.test.data.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { createLabelReader, encodeCall } from './io/avro.ts';
import { topicEnv, topicNames } from './io/kafka.test.data.ts';
import { followShared } from './io/kafka.ts';
import type { KafkaOptions } from './io/kafka-client.ts';
import { createClient, createPartitioner } from './io/kafka-client.ts';
import { readLog } from './io/kafka-log.ts';
import { createTopics } from './io/kafka-topics.ts';
import { packageRoot } from './io/package-root.ts';
import { replay } from './replay.ts';
import { scoreFiles } from './score.ts';

const CALLS = 100_000;
const PARTITIONS = 8;

/** What comes with a call, if anything: records that can't be used, by the code that they are rejected with. */
type Spoil = (call: ApiCall, number: number) => readonly (readonly [code: string, bytes: Buffer])[];

/**
 * Simulated calls to a file and to the topic, spread over the partitions one by one; with spoilt ones between, which would
 * change the order of calls of one millisecond, by address. Tells how many are to be rejected.
 */
async function produce(options: KafkaOptions, file: string, calls: number, spoil?: Spoil): Promise<Map<string, number>> {
  const client = createClient(options);
  const rejected = new Map<string, number>();
  const producer = client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const out = createWriteStream(file);
  const messages: Message[] = [];
  let count = 0;
  for await (const { call } of loadCalls({ seed: 777, clients: 4000 })) {
    const place = spoil ? { key: call.clientIp } : { partition: count % PARTITIONS };
    messages.push({ ...place, value: encodeCall(call) });
    count++;
    for (const [code, value] of spoil?.(call, count) ?? []) {
      messages.push({ ...place, value });
      rejected.set(code, (rejected.get(code) ?? 0) + 1);
    }
    if (!out.write(`${JSON.stringify(call)}\n`)) await once(out, 'drain');
    if (messages.length >= 500 || count === calls)
      await producer.send({ topic: options.topics.calls, messages: messages.splice(0) });
    if (count === calls) break;
  }
  assert.equal(count, calls, 'the simulator ran dry');
  out.end();
  await once(out, 'finish');
  await producer.disconnect();
  return rejected;
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
function until({ ended }: Running, condition: () => Promise<boolean>): Promise<void> {
  return eventually(condition, ended);
}

/** Waits until something is so; fails where `ended` does before. */
async function eventually(condition: () => Promise<boolean>, ended?: Promise<void>): Promise<void> {
  const endMs = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < endMs, `it took longer than ${LIMIT_MS} ms`);
    await Promise.race([sleep(50), ...(ended ? [ended] : [])]);
  }
}

/** A server in a process of its own, as it is run: what kafkajs still does once it is stopped ends with it. */
async function spawnServer(t: TestContext, config: Config): Promise<string> {
  const port = await findPort();
  const set = Object.fromEntries(
    Object.entries({ ...config, HOST: '127.0.0.1', PORT: port }).map(([name, value]) => [name, String(value)]),
  );
  const main = join(packageRoot, 'dist', 'service', 'main.js');
  const { stop } = startProcess(process.execPath, [main, 'serve'], { env: { PATH: process.env.PATH, ...set }, log: devNull });
  t.after(stop);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok === true);
  return url;
}

/** A counter's value, of all servers together. */
async function countAll(urls: readonly string[], name: string): Promise<number> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const lines = texts.map((text) => text.split('\n').find((line) => line.startsWith(`${name} `)));
  return lines.reduce((sum, line) => sum + Number(line?.slice(name.length + 1)), 0);
}

async function countCalls({ app }: Running): Promise<number> {
  return Number(/^assay_calls_total (\d+)/m.exec((await app.http.inject('/metrics')).body)?.[1]);
}

interface Bench {
  readonly config: Config;
  readonly options: KafkaOptions;
  readonly file: string;
}

/** Topics of the test's own, and a server's configuration for them. */
async function open(
  t: TestContext,
  { isKeyed = false, ...env }: { isKeyed?: boolean; ASSAY_COHORTS?: string } = {},
): Promise<Bench> {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  assert.ok(brokers, 'KAFKA_TEST_BROKERS is not set: run this by `npm test`, which starts a broker');
  const folder = mkdtempSync(join(tmpdir(), 'assay-kafka-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const group = `app-${randomUUID().slice(0, 8)}`;
  const topics = { ...topicNames(group), ...(isKeyed ? { routed: null } : {}) };
  const config = readConfig({
    ASSAY_DATA: join(folder, 'data'),
    PORT: '0',
    LOG_LEVEL: 'silent',
    KAFKA_BROKERS: brokers,
    KAFKA_GROUP: group,
    ...topicEnv(topics),
    // What others of a cohort do crosses partitions, and so comes at another time than in the file.
    ASSAY_COHORTS: 'false',
    ASSAY_POLICY: policyFile(folder),
    ...env,
  });
  const options: KafkaOptions = { brokers: [brokers], group, topics, wireFormat: 'confluent', registryUrl: '' };
  await createTopics(options, { partitions: PARTITIONS });
  return { config, options, file: join(folder, 'calls.ndjson') };
}

async function untilRead(server: Running, options: KafkaOptions): Promise<void> {
  const { routed, calls } = options.topics;
  if (routed) await until(server, () => isRead(options, `${options.group}-route`, calls));
  await until(server, () => isRead(options, options.group, routed ?? calls));
}

/** The verdicts on their topic, held against those that the file gives. */
async function compareWithFile(t: TestContext, { config, options, file }: Bench): Promise<readonly Verdict[]> {
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
  assert.equal(published.size, scored.clients.length);
  return scored.clients.map(({ clientIp, userAgent, subject, ...fromFile }) => {
    assert.deepEqual(published.get(fromFile.clientId), fromFile);
    return fromFile;
  });
}

test('100,000 calls through a real topic give the verdicts that the file gives, to the bit', async (t) => {
  const bench = await open(t);
  const { config, options, file } = bench;
  await produce(options, file, CALLS);

  // Stopped on the way and started again: state, links and offsets have to fit together.
  const first = await start(config);
  await until(first, async () => (await countCalls(first)) > CALLS / 4);
  await first.stop();
  const second = await start(config);
  t.after(second.stop);
  await untilRead(second, options);
  const again = await countCalls(second);
  assert.ok(again > 0 && again < CALLS, 'it was not stopped on the way');

  const verdicts = await compareWithFile(t, bench);
  assert.ok(verdicts.length > 1000);
  for (const verdict of verdicts)
    assert.deepEqual((await second.app.http.inject(`/v1/clients/${verdict.clientId}/verdict`)).json(), verdict);
});

const POISONED = 20_000;
const LARGE_BYTES = 5_000_000;

test('a poisoned stream: all good calls are scored, all others are dead letters with the reason and their bytes', async (t) => {
  const bench = await open(t);
  const { config, options, file } = bench;
  await allowLarge(options);
  const rejected = await produce(options, file, POISONED, (call, number) => {
    if (number % 1000 === 999) return [['ASSAY_CALL_TOO_LARGE', Buffer.alloc(LARGE_BYTES, number)]];
    if (number % 100 === 1) return [['ASSAY_CALL_BAD_AVRO', Buffer.from([0, 0, 0, 0, 1, 255, number & 255])]];
    if (number % 100 === 2) return [['ASSAY_CALL_DUPLICATE', encodeCall(call)]];
    const late = { ...call, id: `late-${number}`, time: call.time - 600_000 };
    return number % 100 === 3 ? [['ASSAY_CALL_LATE', encodeCall(late)]] : [];
  });
  const server = await start(config);
  t.after(server.stop);
  await untilRead(server, options);
  await compareWithFile(t, bench);
  const letters = new Map<string, number>();
  await readLog(options, {
    topics: [options.topics.deadLetters],
    onMessages(_, messages) {
      for (const { headers, value } of messages) {
        const code = String(headers?.code);
        letters.set(code, (letters.get(code) ?? 0) + 1);
        assert.match(String(headers?.origin), new RegExp(`^${options.topics.calls}/\\d+@\\d+$`));
        if (code === 'ASSAY_CALL_TOO_LARGE') assert.equal(String(headers?.cutFrom), String(LARGE_BYTES));
        if (code === 'ASSAY_CALL_BAD_AVRO') assert.deepEqual([...value!.subarray(0, 6)], [0, 0, 0, 0, 1, 255]);
      }
    },
  });
  assert.deepEqual([...letters].sort(), [...rejected].sort());
  assert.deepEqual([...rejected.values()].sort(), [20, 200, 200, 200]);
});

for (const isKeyed of [false, true])
  test(`a verdict is made again from Kafka's calls, ${isKeyed ? 'keyed by producers' : 'routed'}`, async (t) => {
    const { config, options, file } = await open(t, { isKeyed, ASSAY_COHORTS: 'true' });
    // No call is spoilt: this only keys them.
    await produce(options, file, POISONED, () => []);
    const first = await start(config);
    await until(first, async () => (await countCalls(first)) > POISONED / 4);
    await first.stop();
    const second = await start(config);
    t.after(second.stop);
    await untilRead(second, options);
    const { clients } = (await second.app.http.inject('/v1/clients?limit=1000')).json() as { clients: Verdict[] };
    const longest = clients.toSorted((a, b) => b.calls - a.calls);
    let others = 0;
    for (const { id } of [longest[0]!, longest[1]!, longest[100]!, longest[300]!]) {
      const again = await replay(config, id);
      assert.deepEqual([again.differences, again.recorded.id], [[], id]);
      assert.match(again.input, new RegExp(`^${options.topics.routed ?? options.topics.calls}/\\d$`));
      if (again.provenance.others) others++;
    }
    assert.ok(others > 0, 'none had a cohort');
    await assert.rejects(replay(config, `${longest[0]!.id}9`), { code: 'ASSAY_DECISION_UNKNOWN' });
    await deleteCalls(options);
    await assert.rejects(replay(config, longest[0]!.id), { code: 'ASSAY_REPLAY_IMPOSSIBLE' });
  });

const ATTACKER = { clientIp: '203.0.113.9', userAgent: 'sqlmap/1.7.2#stable (https://sqlmap.org)' };
const attack = (i: number) => `/v1/items?id=${encodeURIComponent(`17' UNION SELECT ${i},NULL--`)}`;
const MOST_QUESTIONS = 300;
const EARLY_ID = /\.early$/;

for (const isKeyed of [false, true])
  test(`what any process is asked counts with the one that holds the client, calls ${isKeyed ? 'keyed' : 'routed'}`, async (t) => {
    const { config, options } = await open(t, { isKeyed });
    const urls = [await spawnServer(t, config), await spawnServer(t, { ...config, ASSAY_DATA: `${config.ASSAY_DATA}-2` })];
    const producer = createClient(options).producer({ createPartitioner, allowAutoTopicCreation: false });
    await producer.connect();
    t.after(() => producer.disconnect());
    const tell = (ids: readonly number[], status: number) => {
      const calls = ids.map((i) => callOf({ ...ATTACKER, id: `q${i}`, time: Date.now(), path: attack(i), query: null, status }));
      const messages = calls.map((call) => ({ key: call.clientIp, value: encodeCall(call) }));
      return producer.send({ topic: options.topics.calls, messages });
    };
    const ask = async (url: string, i: number) => {
      const said = `id=q${i};method=GET;protocol=HTTP/1.1;cookie=;host=api.example;uri=${attack(i)}`;
      const headers = { 'x-real-ip': ATTACKER.clientIp, 'user-agent': ATTACKER.userAgent, 'x-assay-call': said };
      const { status, headers: answer } = await fetch(`${url}/v1/authz`, { headers });
      return status === 403 && EARLY_ID.test(answer.get('x-assay-decision') ?? '');
    };
    const count = (result: string) => countAll(urls, `assay_questions_total{result="${result}"}`);
    await tell([0, 1], 500);
    await eventually(async () => (await countAll(urls, 'assay_calls_total')) === 2);
    const asked: number[] = [];
    for (const isDenied = [false, false]; !isDenied.every(Boolean); await sleep(10)) {
      const i = 2 + asked.length;
      assert.ok(i < MOST_QUESTIONS, `denied: ${isDenied}`);
      asked.push(i);
      isDenied[i % 2] ||= await ask(urls[i % 2]!, i);
    }
    await tell(asked, 200);
    await eventually(async () => (await countAll(urls, 'assay_calls_total')) === 2 + asked.length);
    await eventually(async () => (await count('told')) === (await count('taken')));
    assert.ok((await count('taken')) > 0);
    for (const url of urls) await eventually(async () => !(await ask(url, 0)));
  });

test('labels that are posted go to their topic, whichever process took them', async (t) => {
  const { config, options } = await open(t);
  const url = await spawnServer(t, config);
  const label = { label: 'good', clientIp: '192.0.2.7', kind: 'partner-sync' };
  const headers = { 'content-type': 'application/json' };
  assert.equal((await fetch(`${url}/v1/labels`, { method: 'POST', headers, body: JSON.stringify(label) })).status, 202);
  const seen: [key: string, label: unknown][] = [];
  const reader = createLabelReader(options);
  await readLog(options, {
    topics: [options.topics.labels],
    onMessages(_, messages) {
      for (const { key, value } of messages) seen.push([String(key), reader.read(value!)]);
    },
  });
  assert.equal(seen.length, 1);
  assert.equal(seen[0]![0], label.clientIp);
  assert.deepEqual({ ...(seen[0]![1] as object), ...label }, seen[0]![1]);
});

/** As retention does once they are old. */
async function deleteCalls(options: KafkaOptions): Promise<void> {
  const topic = options.topics.routed ?? options.topics.calls;
  const admin = createClient(options).admin();
  await admin.connect();
  const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, offset: high }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

/** A topic takes 1 MiB a record by default. */
async function allowLarge({ brokers, topics }: KafkaOptions): Promise<void> {
  const admin = createClient({ brokers, topics, group: 'x', wireFormat: 'auto', registryUrl: '' }).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: String(2 * LARGE_BYTES) }];
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topics.calls, configEntries };
  await admin.alterConfigs({ validateOnly: false, resources: [resource] });
  await admin.disconnect();
}
