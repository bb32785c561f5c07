import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from 'kafkajs';
import { isRejection } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema, type Label, type Verdict } from '../core/contracts.ts';
import type { DeadLetter, Source } from '../core/source.ts';
import { encodeCall, encodeLabel, encodeVerdict } from './avro.ts';
import { connectKafka, type KafkaConnection, type KafkaOptions, loadVerdicts } from './kafka.ts';
import { createClient, createPartitioner } from './kafka-client.ts';
import { createKafkaSource } from './kafka-source.ts';
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
    topics: { calls: `${name}-c`, verdicts: `${name}-v`, labels: `${name}-l`, deadLetters: `${name}-d` },
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
    await admin.deleteTopics({ topics: Object.values(options.topics) });
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
  /** Stops once this many records were seen, … */
  readonly records: number;
  /** Acknowledges nothing, as after a crash. */
  readonly crash?: boolean;
  readonly limitMs?: number;
  readonly stop?: AbortController;
}

/** Reads as the pipeline does, and acknowledges each delivery before the next. */
async function read(source: Source, reading: Reading, seen: Seen = empty()): Promise<Seen> {
  const { records, crash = false, limitMs = 30_000, stop = new AbortController() } = reading;
  const timer = setTimeout(() => stop.abort(), limitMs).unref();
  let count = 0;
  for await (const delivery of source.deliveries(stop.signal)) {
    const { letters } = seen;
    for (const record of delivery.records) {
      const call = delivery.decode(record, Date.now());
      if (isRejection(call)) letters.push({ ...call, origin: record.origin, bytes: record.bytes });
      else seen.calls.push(call);
    }
    count += delivery.records.length;
    if (count >= records) stop.abort();
    if (!crash) await delivery.acknowledge({ accepted: delivery.records.length, rejections: [] });
  }
  clearTimeout(timer);
  return seen;
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

test('calls spread over partitions come out in order of time, each once, also over a restart', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(20_000);
  await send(options.topics.calls, sent.messages);
  const seen = await read(createKafkaSource(options), { records: 7000 });
  assert.ok(seen.calls.length < 20_000, 'the restart lies in between');
  await read(createKafkaSource(options), { records: 20_000 - seen.calls.length }, seen);
  assert.deepEqual(ids(seen), sent.ids);
});

test('a backlog that is still being written comes out in order', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(6000);
  const reading = read(createKafkaSource(options), { records: 6000 });
  for (let i = 0; i < 6000; i += 500) {
    await send(options.topics.calls, sent.messages.slice(i, i + 500));
    await sleep(50);
  }
  assert.deepEqual(ids(await reading), sent.ids);
});

test('what was not acknowledged comes again', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(100);
  await send(options.topics.calls, sent.messages);
  await read(createKafkaSource(options), { records: 100, crash: true });
  const again = await read(createKafkaSource(options), { records: 100 });
  assert.deepEqual(ids(again), sent.ids);
});

test('live calls are not kept waiting for partitions without any', async (t) => {
  const { options, send } = await open(t);
  const first = callAt(Date.now(), 'first');
  await send(options.topics.calls, [{ value: encodeCall(first), partition: 3 }]);
  const stop = new AbortController();
  let sentAt = 0;
  const waits: number[] = [];
  for await (const delivery of createKafkaSource(options).deliveries(stop.signal)) {
    await delivery.acknowledge({ accepted: delivery.records.length, rejections: [] });
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
  const seen = await read(createKafkaSource(options), { records: 6 });
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

test('verdicts survive on their topic, the newest of a client last, to the bit', async (t) => {
  const { options, kafka, send } = await open(t);
  const signal = new AbortController().signal;
  const load = async () => {
    const held = new Map<string, Verdict>();
    const loaded = await kafka.loadVerdicts((id, verdict) => (verdict ? held.set(id, verdict) : held.delete(id)), signal);
    return { held, loaded };
  };
  assert.deepEqual((await load()).loaded, { records: 0, rejected: 0, isComplete: true });
  const many = Array.from({ length: 3000 }, (_, i) => verdictOf(`c${i}`, 1));
  await kafka.publish([...many, verdictOf('c1', 2), verdictOf('c1', 3), verdictOf('gone', 1)]);
  await send(options.topics.verdicts, [
    { key: 'gone', value: null },
    { key: 'bad', value: 'x' },
  ]);
  const { held, loaded } = await load();
  assert.deepEqual(loaded, { records: 3005, rejected: 1, isComplete: true });
  assert.equal(held.size, 3000);
  assert.deepStrictEqual(held.get('c1'), verdictOf('c1', 3));
  assert.deepStrictEqual(held.get('c2999'), verdictOf('c2999', 1));
});

test('loading leaves no group behind, and ends when told to', async (t) => {
  const { options, kafka } = await open(t);
  await kafka.publish([verdictOf('c', 1)]);
  await loadVerdicts(options, () => {}, new AbortController().signal);
  const admin = createClient(options).admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  assert.deepEqual(
    groups.filter(({ groupId }) => groupId.startsWith(options.group)),
    [],
  );
  const stop = AbortSignal.abort();
  assert.equal((await loadVerdicts(options, () => {}, stop)).isComplete, false);
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
  const values = [encodeLabel(label), 'nonsense', '{"label":"good","subject":"s1"}'];
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

test('a second process shares the partitions and nothing is lost', async (t) => {
  const { options, send } = await open(t);
  const sent = spread(16_000);
  const one = empty();
  const other = empty();
  await send(options.topics.calls, sent.messages.slice(0, 8000));
  const stop = new AbortController();
  const reading = read(createKafkaSource(options), { records: Number.POSITIVE_INFINITY, stop }, one);
  await until(() => one.calls.length === 8000);
  const sharing = read(createKafkaSource(options), { records: Number.POSITIVE_INFINITY, stop }, other);
  // The first learns of the second by its next heartbeat, 3 s at most.
  await sleep(4500);
  await send(options.topics.calls, sent.messages.slice(8000));
  await until(() => one.calls.length + other.calls.length >= 16_000);
  stop.abort();
  await Promise.all([reading, sharing]);
  assert.deepEqual([...ids(one), ...ids(other)].toSorted(), sent.ids.toSorted());
  assert.equal(other.calls.length, 4000);
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
  const reading = read(createKafkaSource(options), { records: 50 }, seen);
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
  const seen = await read(createKafkaSource(options), { records: 1 });
  assert.deepEqual(
    seen.letters.map(({ rejected }) => rejected),
    ['ASSAY_REGISTRY_UNAVAILABLE'],
  );
});

const unavailable = { code: 'ASSAY_KAFKA_UNAVAILABLE', canRetry: true };

test('a Kafka that is away is a coded error', async () => {
  const options = optionsFor({ brokers: ['127.0.0.1:9'], retries: 1 });
  await assert.rejects(connectKafka(options), unavailable);
  await assert.rejects(read(createKafkaSource(options), { records: 1 }), unavailable);
  await assert.rejects(
    loadVerdicts(options, () => {}, new AbortController().signal),
    unavailable,
  );
});

test('a source that is stopped while it waits ends', async (t) => {
  const { options } = await open(t);
  const seen = await read(createKafkaSource(options), { records: 1, limitMs: 1500 });
  assert.deepEqual(seen, empty());
});

test('writing a verdict of another shape is told at once', async (t) => {
  const { kafka } = await open(t);
  await assert.rejects(async () => kafka.publish([{ ...verdictOf('c', 1), calls: 1.5 }]), /calls|invalid/);
  assert.ok(encodeVerdict(verdictOf('c', 1)).length > 5);
});
