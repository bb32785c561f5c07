import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { type App, createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import type { Verdict } from './core/contracts.ts';
import { encodeCall } from './io/avro.ts';
import { type KafkaOptions, loadVerdicts } from './io/kafka.ts';
import { createClient, createPartitioner } from './io/kafka-client.ts';
import { createTopics } from './io/kafka-topics.ts';
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

/** How many calls of the topic the group has finished with. */
async function committed(options: KafkaOptions): Promise<number> {
  const admin = createClient(options).admin();
  await admin.connect();
  const [topic] = await admin.fetchOffsets({ groupId: options.group, topics: [options.topics.calls] });
  await admin.disconnect();
  return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
}

const LIMIT_MS = 120_000;

/** Waits until a server has read so many calls. */
async function reach({ app, ended }: Running, calls: number): Promise<void> {
  const read = async () => {
    const metrics = (await app.http.inject('/metrics')).body;
    const count = (pattern: RegExp) => [...metrics.matchAll(pattern)].reduce((sum, [, n]) => sum + Number(n), 0);
    return count(/^assay_calls_total (\d+)/gm) + count(/^assay_rejections_total{.*} (\d+)/gm);
  };
  const endMs = Date.now() + LIMIT_MS;
  while ((await read()) < calls) {
    if (Date.now() > endMs) throw new Error(`${await read()} of ${calls} calls were read within ${LIMIT_MS} ms`);
    await Promise.race([sleep(50), ended]);
  }
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
    KAFKA_CALLS_TOPIC: `${name}-calls`,
    KAFKA_VERDICTS_TOPIC: `${name}-verdicts`,
    KAFKA_LABELS_TOPIC: `${name}-labels`,
    KAFKA_DEAD_LETTERS_TOPIC: `${name}-letters`,
  });
  const options: KafkaOptions = {
    brokers: [brokers],
    group: name,
    topics: { calls: `${name}-calls`, verdicts: `${name}-verdicts`, labels: `${name}-labels`, deadLetters: `${name}-letters` },
    wireFormat: 'confluent',
    registryUrl: '',
  };
  const file = join(folder, 'calls.ndjson');
  await produce(options, file);

  // Stopped on the way and started again: state, links and offsets have to fit together.
  const first = await start(config);
  await reach(first, CALLS / 4);
  await first.stop();
  const before = await committed(options);
  assert.ok(before < CALLS, 'it was not stopped on the way');
  const second = await start(config);
  t.after(second.stop);
  await reach(second, CALLS - before);

  const scored = await scoreFiles(config, [file]);
  assert.equal(scored.evictions, 0);
  const published = new Map<string, Verdict>();
  const loaded = await loadVerdicts(
    options,
    (clientId, verdict) => verdict && published.set(clientId, verdict),
    AbortSignal.timeout(60_000),
  );
  assert.ok(loaded.isComplete);
  assert.ok(scored.clients.length > 1000);
  assert.equal(published.size, scored.clients.length);
  for (const { clientIp, userAgent, subject, ...fromFile } of scored.clients) {
    assert.deepEqual(published.get(fromFile.clientId), fromFile);
    const answer = await second.app.http.inject(`/v1/clients/${fromFile.clientId}/verdict`);
    assert.deepEqual(answer.json(), fromFile);
  }
});
