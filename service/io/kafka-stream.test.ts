import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulate } from '../../datasets/simulator/simulator.ts';
import { readConfig } from '../config.ts';
import { createObserver } from '../core/observe.ts';
import type { ScoringStages } from '../pipeline.ts';
import { createStages } from '../stages.ts';
import { PartitionTask } from '../task.ts';
import { createAvroReader, encodeCall } from './avro.ts';
import { topicNames } from './kafka.test.data.ts';
import { createClient, createPartitioner, type KafkaOptions } from './kafka-client.ts';
import { readLog } from './kafka-log.ts';
import { runStream, type StreamOptions } from './kafka-stream.ts';
import { createTopics } from './kafka-topics.ts';

const CALLS = 4000;
const PARTITIONS = 2;
let stages: ScoringStages;
let values: { key: string; value: Buffer }[];
/** Event time of the call in the middle. */
let middle: number;

before(async () => {
  stages = await createStages(readConfig({}));
  values = [];
  for (const { call } of simulate({ seed: 99, clients: 20_000 }))
    if (values.push({ key: call.clientIp, value: encodeCall(call) }) === CALLS) break;
    else if (values.length === CALLS / 2) middle = call.time;
});

const createTask = () => new PartitionTask({ ...stages, identifies: true, createObserver: (hooks) => createObserver(hooks) });

interface Bench {
  readonly options: StreamOptions & { readonly notices: string[] };
  send(from: number, to: number): Promise<void>;
}

/** Topics whose calls are keyed by address, all gone after the test. */
async function open(t: TestContext): Promise<Bench> {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers) throw new Error('KAFKA_TEST_BROKERS is not set: run these tests by `npm test`, which starts a broker');
  const group = `stream-${randomUUID().slice(0, 8)}`;
  const topics = { ...topicNames(group), routed: null };
  const notices: string[] = [];
  const kafka: KafkaOptions = { brokers: brokers.split(','), group, topics, wireFormat: 'confluent', registryUrl: '' };
  await createTopics(kafka, { partitions: PARTITIONS });
  const client = createClient(kafka);
  const producer = client.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  t.after(async () => {
    await producer.disconnect();
    const admin = client.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: Object.values(topics).filter((topic) => topic !== null) });
    await admin.disconnect();
  });
  const onNotice = (text: string) => void notices.push(text);
  return {
    options: { ...kafka, topic: topics.calls, verdictId: 2, commitMs: 50, createTask, onNotice, notices },
    send: async (from, to) => void (await producer.send({ topic: topics.calls, messages: values.slice(from, to) })),
  };
}

/** What stands on a compacted topic; without the links, which name the process that learnt them by nothing. */
async function readLast(options: KafkaOptions, topic: string): Promise<Map<string, Buffer>> {
  const last = new Map<string, Buffer>();
  await readLog(options, {
    topics: [topic],
    onMessages: (_, messages) => {
      for (const { key, value } of messages) value ? last.set(String(key), value) : last.delete(String(key));
    },
  });
  last.delete('position');
  return new Map([...last].sort());
}

/** What tasks make of the topic that nothing disturbs, without Kafka in between. */
async function expectedState(options: StreamOptions): Promise<Map<string, Buffer>> {
  const tasks = Array.from({ length: PARTITIONS }, createTask);
  const { decode } = createAvroReader(options);
  const counts = new Array<number>(PARTITIONS).fill(0);
  await readLog(options, {
    topics: [options.topic],
    onMessages: ({ partition }, messages) => {
      counts[partition]! += messages.length;
      tasks[partition]!.process(
        messages.map(({ value, offset }) => ({ bytes: value!, origin: '', offset: Number(offset) })),
        decode,
      );
    },
  });
  assert.ok(counts.every((count) => count > 100));
  const entries = tasks.flatMap((task) => task.take(0).state.filter(({ key }) => key !== 'position'));
  return new Map(entries.map(({ key, value }) => [key, value!] as const).sort());
}

/** Runs a stream, for as long as `during` takes and until the group has read all `count` calls. */
async function running(options: StreamOptions, count: number, during: () => Promise<void> = async () => {}): Promise<void> {
  const stop = new AbortController();
  const stream = runStream(options, stop.signal);
  await during();
  const giveUpAt = Date.now() + 30_000;
  while ((await committed(options)) < count) {
    assert.ok(Date.now() < giveUpAt, `${await committed(options)} of ${count} calls were committed in time`);
    await Promise.race([sleep(50), stream]);
  }
  stop.abort();
  await stream;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 30_000; !(await isSo()); await sleep(50)) assert.ok(Date.now() < giveUpAt, 'not in time');
}

async function withAdmin<T>(
  options: KafkaOptions,
  use: (admin: ReturnType<ReturnType<typeof createClient>['admin']>) => Promise<T>,
) {
  const admin = createClient(options).admin();
  await admin.connect();
  return use(admin).finally(() => admin.disconnect());
}

/** Calls that the group has read; nothing but calls is on the topic. */
async function committed(options: StreamOptions): Promise<number> {
  const [group] = await withAdmin(options, (admin) => admin.fetchOffsets({ groupId: options.group, topics: [options.topic] }));
  return group!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
}

test('a stream that is stopped and started goes on where it was, to the bit', async (t) => {
  const { options, send } = await open(t);
  await send(0, 1500);
  await running(options, 1500);
  await send(1500, CALLS);
  await running(options, CALLS);
  assert.deepEqual(await readLast(options, options.topics.state), await expectedState(options));
});

test('a partition that waits for others writes at once what it has done, and goes on when they have come', async (t) => {
  const { options, send } = await open(t);
  await send(0, CALLS);
  let read = 0;
  let waits = true;
  const mustWait = (time: number) => waits && time > middle;
  const createWaiting = () => new PartitionTask({ ...stages, identifies: true, mustWait, createObserver });
  const onBatch = ({ records }: { records: number }) => {
    read += records;
  };
  const stop = new AbortController();
  // Nothing is written because its time has come.
  const stream = runStream({ ...options, createTask: createWaiting, onBatch, commitMs: 600_000 }, stop.signal);
  await until(async () => (await committed(options)) > 0);
  assert.ok(read < CALLS);
  waits = false;
  await until(async () => read === CALLS);
  stop.abort();
  await stream;
  assert.equal(await committed(options), CALLS);
  assert.deepEqual(await readLast(options, options.topics.state), await expectedState(options));
});

test('a task whose partition another one took over loses nothing and counts nothing twice', async (t) => {
  const { options, send } = await open(t);
  await running(options, CALLS, async () => {
    for (let from = 0; from < CALLS; from += 1000) {
      await send(from, from + 1000);
      // As a process does that believes the partition to be its own.
      const rival = createClient(options).producer({
        transactionalId: `${options.group}-0`,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await rival.connect();
      await rival.transaction();
      await rival.disconnect();
    }
  });
  assert.ok(
    options.notices.some((text) => text.includes('its transaction failed')),
    'nothing was fenced',
  );
  assert.deepEqual(await readLast(options, options.topics.state), await expectedState(options));
});

test('two share the partitions, and when one goes the other takes its own over with their state', async (t) => {
  const { options, send } = await open(t);
  const held = new Map<string, Set<number>>([
    ['one', new Set()],
    ['two', new Set()],
  ]);
  const watched = (name: string): StreamOptions => ({
    ...options,
    onTask: (partition, task) => void (task ? held.get(name)!.add(partition) : held.get(name)!.delete(partition)),
  });
  await send(0, 1000);
  await running(watched('one'), CALLS, async () => {
    await running(watched('two'), 2000, async () => {
      while ([...held.values()].some(({ size }) => size !== 1)) await sleep(50);
      await send(1000, 2000);
    });
    while (held.get('one')!.size !== PARTITIONS) await sleep(50);
    await send(2000, CALLS);
  });
  assert.deepEqual(await readLast(options, options.topics.state), await expectedState(options));
});

test('where someone sets the group back, the state begins anew with it', async (t) => {
  const { options, send } = await open(t);
  await send(0, 1000);
  await running(options, 1000);
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: '0' }));
  await withAdmin(options, (admin) => admin.setOffsets({ groupId: options.group, topic: options.topic, partitions }));
  await send(1000, 2000);
  await running(options, 2000);
  assert.deepEqual(await readLast(options, options.topics.state), await expectedState(options));
});

test('a Kafka that is away is a coded error', async () => {
  const options = {
    brokers: ['127.0.0.1:9'],
    group: 'g',
    topics: topicNames('g'),
    wireFormat: 'auto',
    registryUrl: '',
    retries: 1,
  } as const;
  const stream = runStream({ ...options, topic: 'c', verdictId: null, commitMs: 50, createTask }, new AbortController().signal);
  await assert.rejects(stream, { code: 'ASSAY_KAFKA_UNAVAILABLE', canRetry: true });
});
