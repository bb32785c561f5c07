import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from 'kafkajs';
import { isRejection } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema, type Label, type Verdict } from '../core/contracts.ts';
import { Identifier, type LinkChange } from '../core/identify.ts';
import type { DeadLetter } from '../core/source.ts';
import { createAvroReader, encodeCall, encodeVerdict } from './avro.ts';
import { topicNames } from './kafka.test.data.ts';
import { type Copy, connectKafka, followShared, type KafkaConnection, type KafkaOptions } from './kafka.ts';
import { createClient, createPartitioner } from './kafka-client.ts';
import { readLog } from './kafka-log.ts';
import { readMerged } from './kafka-source.ts';
import { createTopics } from './kafka-topics.ts';

const HISTORIC = Date.UTC(2026, 0, 1);
const NULLS = Object.fromEntries(ApiCallSchema.fields.map(({ name }) => [name, null]));

function callAt(time: number, id: string): ApiCall {
  return { ...NULLS, id, time, clientIp: '192.0.2.7', method: 'GET', path: `/v1/orders/${id}` } as unknown as ApiCall;
}

function verdictOf(clientId: string, calls: number): Verdict {
  return {
    id: `${clientId}.${calls}`,
    clientId,
    verdict: 'bad',
    score: 1 / 3 + calls,
    action: 'deny',
    family: 'scraping',
    reasons: [{ kind: 'signal', name: 's', text: 't', weight: null, value: 0.1 }],
    baseLogOdds: null,
    calls,
    time: HISTORIC,
    sessionStart: HISTORIC,
    novelty: 0,
    model: 'm',
    featureSet: 'f',
    policy: 'p',
    mode: 'live',
    expiresAt: HISTORIC + 1,
  };
}

function testBrokers(): string[] {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers) throw new Error('KAFKA_TEST_BROKERS is not set: run these tests by `npm test`, which starts a broker');
  return brokers.split(',');
}

/** Names of its own for each test. */
function optionsFor(more: Partial<KafkaOptions> = {}): KafkaOptions {
  const name = `test-${randomUUID().slice(0, 8)}`;
  return {
    brokers: testBrokers(),
    group: name,
    topics: topicNames(name),
    wireFormat: 'auto',
    registryUrl: '',
    ...more,
  };
}

interface Bench {
  readonly options: KafkaOptions;
  readonly kafka: KafkaConnection;
  send(topic: string, messages: Message[]): Promise<void>;
}

/** Topics, a connection and a plain producer, all gone after the test. */
async function open(t: TestContext, more: Partial<KafkaOptions> = {}): Promise<Bench> {
  const options = optionsFor(more);
  // The contracts are registered by the test itself where it has a registry.
  await createTopics(options);
  const kafka = await connectKafka({ ...options, registryUrl: '' });
  const client = createClient(options);
  // Idempotent: a send that is tried again would be there twice.
  const producer = client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  t.after(async () => {
    await Promise.all([producer.disconnect(), kafka.close()]);
    const admin = client.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: Object.values(options.topics).filter((topic) => topic !== null) });
    await admin.disconnect();
  });
  return {
    options,
    kafka,
    send: async (topic, messages) => {
      for (let i = 0; i < messages.length; i += 1000) await producer.send({ topic, messages: messages.slice(i, i + 1000) });
    },
  };
}

interface Seen {
  readonly calls: ApiCall[];
  readonly letters: DeadLetter[];
}

interface Reading {
  /** Stops once this many records were seen. */
  readonly records: number;
  readonly limitMs?: number;
}

/** Reads as the router does, and commits nothing. */
async function read(options: KafkaOptions, { records, limitMs = 30_000 }: Reading, seen: Seen = empty()): Promise<Seen> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limitMs).unref();
  const merged = { ...options, groupId: options.group, onAssign: async () => {} };
  let count = 0;
  for await (const delivery of readMerged(merged, stop.signal)) {
    for (const { call, origin, bytes } of delivery.records) {
      if (isRejection(call)) seen.letters.push({ ...call, origin, bytes });
      else seen.calls.push(call);
    }
    count += delivery.records.length;
    if (count >= records) stop.abort();
  }
  clearTimeout(timer);
  return seen;
}

/** Routes until so many calls are on the topic between; returns their ids, partition by partition. */
async function route({ options, kafka }: Bench, records: number): Promise<string[]> {
  const stop = new AbortController();
  const routing = kafka.route({ createIdentifier: (onLink) => new Identifier({ key: 'test', onLink }) }, stop.signal);
  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    const routed = await readRouted(options);
    if (routed.length >= records || Date.now() > giveUpAt) {
      stop.abort();
      await routing;
      return readRouted(options);
    }
  }
}

async function readRouted(options: KafkaOptions): Promise<string[]> {
  const byPartition = new Map<number, string[]>();
  const reader = createAvroReader(options);
  await readLog(options, {
    topics: [options.topics.routed!],
    onMessages: ({ partition }, messages) => {
      const calls = messages.map(({ value }) => reader.decode({ bytes: value!, origin: '' }, Date.now()) as ApiCall);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), ...calls.map(({ id }) => id)]);
    },
  });
  return [...byPartition.values()].flat();
}

function empty(): Seen {
  return { calls: [], letters: [] };
}

function ids({ calls }: Seen): string[] {
  return calls.map(({ id }) => id);
}

/** Calls of which three share each second, spread over the partitions by turns. */
function spread(count: number): { ids: string[]; messages: Message[] } {
  const calls = Array.from({ length: count }, (_, i) => callAt(HISTORIC + Math.floor(i / 3) * 1000, `r${i}`));
  return { ids: calls.map(({ id }) => id), messages: calls.map((call, i) => ({ value: encodeCall(call), partition: i % 8 })) };
}

test('calls of a client spread over partitions are routed in order of time, each once, also over a restart', async (t) => {
  const bench = await open(t);
  const { calls } = bench.options.topics;
  const sent = spread(20_000);
  await bench.send(calls, sent.messages.slice(0, 15_000));
  await route(bench, 1);
  // However fast the first router was, it can't have come to these.
  await bench.send(calls, sent.messages.slice(15_000));
  assert.deepEqual(await route(bench, 20_000), sent.ids);
});

test('a backlog that is still being written comes out in order', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(6000);
  const reading = read(options, { records: 6000 });
  for (let i = 0; i < 6000; i += 500) {
    await send(options.topics.calls, sent.messages.slice(i, i + 500));
    await sleep(50);
  }
  assert.deepEqual(ids(await reading), sent.ids);
});

test('what was not committed comes again', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(100);
  await send(options.topics.calls, sent.messages);
  await read(options, { records: 100 });
  assert.deepEqual(ids(await read(options, { records: 100 })), sent.ids);
});

test('live calls are not kept waiting for partitions without any', async (t) => {
  const { options, send } = await open(t);
  const first = callAt(Date.now(), 'first');
  await send(options.topics.calls, [{ value: encodeCall(first), partition: 3 }]);
  const stop = new AbortController();
  let sentAt = 0;
  const waits: number[] = [];
  for await (const _ of readMerged({ ...options, groupId: options.group, onAssign: async () => {} }, stop.signal)) {
    // Joining the group is over with the first one.
    if (sentAt > 0) waits.push(Date.now() - sentAt);
    if (waits.length === 5) stop.abort();
    else {
      sentAt = Date.now();
      await send(options.topics.calls, [{ value: encodeCall(callAt(sentAt, `r${waits.length}`)), partition: waits.length }]);
    }
  }
  assert.ok(Math.min(...waits) < 100, `waited ${waits.join(', ')} ms`);
});

test('poison between good calls is rejected and buried with its bytes', async (t) => {
  const { options, kafka, send } = await open(t);
  const good = [callAt(HISTORIC, 'a'), callAt(HISTORIC + 1, 'b')].map((call) => encodeCall(call));
  const noise = Buffer.from([9, 9, 9]);
  const unknown = encodeCall(callAt(HISTORIC, 'x'), 77);
  const missing = encodeCall(callAt(HISTORIC, ''));
  const values = [good[0]!, noise, unknown, null, missing, good[1]!];
  await send(
    options.topics.calls,
    values.map((value) => ({ value, partition: 2 })),
  );
  const seen = await read(options, { records: 6 });
  assert.deepEqual(ids(seen), ['a', 'b']);
  const codes = ['ASSAY_CALL_BAD_AVRO', 'ASSAY_CALL_UNKNOWN_SCHEMA', 'ASSAY_CALL_BAD_AVRO', 'ASSAY_CALL_MISSING_FIELD'];
  assert.deepEqual(
    seen.letters.map(({ rejected, origin }) => [rejected, origin]),
    codes.map((code, i) => [code, `${options.topics.calls}/2@${i + 1}`]),
  );
  await kafka.bury(seen.letters);
  const buried = await readTopic(options, options.topics.deadLetters, 4);
  assert.deepEqual(
    buried.map(({ value }) => [...(value ?? [])]),
    [noise, unknown, Buffer.alloc(0), missing].map((b) => [...b]),
  );
  assert.deepEqual(
    buried.map(({ headers }) => String(headers?.code)),
    codes,
  );
  assert.equal(String(buried[1]?.headers?.detail), 'schema id 77');
  assert.equal(String(buried[1]?.headers?.origin), `${options.topics.calls}/2@2`);
  assert.ok(Math.abs(Date.parse(String(buried[1]?.headers?.time)) - Date.now()) < 60_000);
});

test('large dead letters are cut to what Kafka takes, and many go at once', async (t) => {
  const { options, kafka } = await open(t);
  const letter = (length: number): DeadLetter => ({
    rejected: 'ASSAY_CALL_TOO_LARGE',
    detail: 'd'.repeat(5000),
    origin: 'o',
    bytes: new Uint8Array(length).fill(7),
  });
  await kafka.bury([letter(2_000_000), ...Array.from({ length: 40 }, () => letter(50_000))]);
  const buried = await readTopic(options, options.topics.deadLetters, 41);
  assert.equal(buried[0]?.value?.length, 900 * 1024);
  assert.equal(String(buried[0]?.headers?.cutFrom), '2000000');
  assert.ok(buried.slice(1).every(({ value, headers }) => value?.length === 50_000 && headers?.cutFrom === undefined));
});

/** The first messages of a topic of one partition. */
async function readTopic(options: KafkaOptions, topic: string, count: number): Promise<Message[]> {
  const consumer = createClient(options).consumer({ groupId: `${options.group}-${topic}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const messages: Message[] = [];
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        messages.push(message);
        if (messages.length === count) resolve();
      },
    });
  });
  await consumer.disconnect();
  return messages;
}

/** A copy that only holds verdicts. */
function copyOf(held: Map<string, Verdict>, rejected: string[]): Copy {
  return {
    onVerdict: (id, verdict) => void (verdict ? held.set(id, verdict) : held.delete(id)),
    onLink() {},
    onCohort() {},
    onRejection: (rejection) => rejected.push(rejection.rejected),
  };
}

test('a copy of the verdicts catches up with the newest of each client, to the bit, and stays up to date', async (t) => {
  const { options, send } = await open(t);
  const { verdicts } = options.topics;
  const message = (verdict: Verdict) => ({ key: verdict.clientId, value: encodeVerdict(verdict) });
  const many = Array.from({ length: 3000 }, (_, i) => message(verdictOf(`c${i}`, 1)));
  await send(verdicts, [...many, message(verdictOf('c1', 2)), message(verdictOf('c1', 3)), message(verdictOf('gone', 1))]);
  await send(verdicts, [
    { key: 'gone', value: null },
    { key: 'bad', value: 'x' },
  ]);
  const held = new Map<string, Verdict>();
  const rejected: string[] = [];
  const copy = await followShared(options, copyOf(held, rejected));
  t.after(() => copy.close());
  await copy.caughtUp;
  assert.equal(held.size, 3000);
  assert.deepStrictEqual(held.get('c1'), verdictOf('c1', 3));
  assert.deepStrictEqual(held.get('c2999'), verdictOf('c2999', 1));
  assert.deepEqual(rejected, ['ASSAY_CALL_BAD_AVRO']);
  const sentAt = Date.now();
  await send(verdicts, [message(verdictOf('c7', 9)), { key: 'c8', value: null }]);
  await until(() => held.get('c7')?.calls === 9 && !held.has('c8'));
  assert.ok(Date.now() - sentAt < 2000);
  await sleep(300);
  assert.ok(copy.stalenessMs() < 1000, `${copy.stalenessMs()} ms stale`);
});

test('a copy of an empty topic is there at once, and one that is closed leaves no group behind', async (t) => {
  const { options } = await open(t);
  const copy = await followShared(options, copyOf(new Map(), []));
  await copy.caughtUp;
  await copy.close();
  const admin = createClient(options).admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  assert.deepEqual(
    groups.filter(({ groupId }) => groupId.startsWith(`${options.group}-read`)),
    [],
  );
});

test('labels are handed on in order, what is none is buried', async (t) => {
  const { options, kafka, send } = await open(t);
  const label: Label = {
    label: 'bad',
    clientId: 'c1',
    clientIp: null,
    subject: null,
    sessionStart: null,
    kind: null,
    by: 'ann',
    at: HISTORIC,
    why: null,
    until: null,
  };
  await kafka.sendLabels([label]);
  const values = ['nonsense', '{"label":"good","subject":"s1"}'];
  await send(
    options.topics.labels,
    values.map((value) => ({ value })),
  );
  const stop = new AbortController();
  const labels: Label[] = [];
  await kafka.followLabels((seen) => {
    labels.push(seen);
    if (labels.length === 2) stop.abort();
  }, stop.signal);
  assert.deepStrictEqual(labels[0], label);
  assert.equal(labels[1]?.subject, 's1');
  const buried = await readTopic(options, options.topics.deadLetters, 1);
  assert.equal(String(buried[0]?.value), 'nonsense');
  assert.equal(String(buried[0]?.headers?.code), 'ASSAY_LABEL_INVALID');
});

test('of two routers one routes, and when it goes the other takes over: each call once', async (t) => {
  const bench = await open(t);
  const { options, kafka, send } = bench;
  const sent = spread(16_000);
  const createIdentifier = (onLink: (change: LinkChange) => void) => new Identifier({ key: 'test', onLink });
  const first = new AbortController();
  const routing = kafka.route({ createIdentifier }, first.signal);
  await send(options.topics.calls, sent.messages.slice(0, 8000));
  while ((await readRouted(options)).length === 0) await sleep(20);
  const taking = route(bench, 16_000);
  await sleep(1000);
  first.abort();
  await routing;
  await send(options.topics.calls, sent.messages.slice(8000));
  assert.deepEqual(await taking, sent.ids);
});

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < giveUpAt, 'it took too long');
    await sleep(20);
  }
}

test('while the registry is away calls are kept, not rejected', async (t) => {
  let isUp = false;
  const server = createServer((_, response) => {
    if (isUp) response.end(JSON.stringify({ schema: JSON.stringify(ApiCallSchema) }));
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const registryUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const notices: string[] = [];
  const { options, send } = await open(t, { registryUrl, onNotice: (text) => notices.push(text) });
  const sent = spread(50);
  await send(options.topics.calls, sent.messages);
  const seen = empty();
  const reading = read(options, { records: 50 }, seen);
  await until(() => notices.length >= 3);
  assert.deepEqual(seen, empty());
  isUp = true;
  await reading;
  assert.deepEqual(ids(seen), sent.ids);
  assert.match(notices[0]!, /registry does not answer/);
});

test('when patience with the registry is at its end, calls are rejected for that', async (t) => {
  const { options, send } = await open(t, { registryUrl: 'http://127.0.0.1:9', registryPatienceMs: 300 });
  await send(options.topics.calls, spread(1).messages);
  const seen = await read(options, { records: 1 });
  assert.deepEqual(
    seen.letters.map(({ rejected }) => rejected),
    ['ASSAY_REGISTRY_UNAVAILABLE'],
  );
});

const unavailable = { code: 'ASSAY_KAFKA_UNAVAILABLE', canRetry: true };

test('a Kafka that is away is a coded error', async () => {
  const options = optionsFor({ brokers: ['127.0.0.1:9'], retries: 1 });
  await assert.rejects(connectKafka(options), unavailable);
  await assert.rejects(read(options, { records: 1 }), unavailable);
  await assert.rejects(followShared(options, copyOf(new Map(), [])), unavailable);
});

test('a source that is stopped while it waits ends', async (t) => {
  const { options } = await open(t);
  const seen = await read(options, { records: 1, limitMs: 1500 });
  assert.deepEqual(seen, empty());
});

test('calls that came another way are written as all calls are; one of another shape is told at once', async (t) => {
  const { options, kafka } = await open(t);
  await kafka.sendCalls([callAt(HISTORIC, 'a'), callAt(HISTORIC, 'b')]);
  assert.deepEqual(ids(await read(options, { records: 2 })), ['a', 'b']);
  await assert.rejects(
    async () => kafka.sendCalls([{ ...callAt(HISTORIC, 'c'), time: 'noon' as unknown as number }]),
    /time|invalid/,
  );
});
