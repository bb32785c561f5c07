import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';
import type { Verdict } from './core/contracts.ts';
import { encodeCall } from './io/avro.ts';
import { type KafkaOptions, loadVerdicts } from './io/kafka.ts';
import { createClient, createPartitioner } from './io/kafka-client.ts';
import { scoreFiles } from './score.ts';

const CALLS = 100_000;
const PARTITIONS = 8;

/** Simulated calls to a file and, spread over the partitions one by one, to the topic. */
async function produce(options: KafkaOptions, file: string): Promise<void> {
  const client = createClient(options);
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: options.topics.calls, numPartitions: PARTITIONS, replicationFactor: 1 }] });
  await admin.disconnect();
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

  const app = await createApp(config);
  const stop = new AbortController();
  const ended = app.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await ended;
  });
  const done = async () => {
    const metrics = (await app.http.inject('/metrics')).body;
    const count = (pattern: RegExp) => [...metrics.matchAll(pattern)].reduce((sum, [, n]) => sum + Number(n), 0);
    return count(/^assay_calls_total (\d+)/gm) + count(/^assay_rejections_total{.*} (\d+)/gm) >= CALLS;
  };
  while (!(await done())) await Promise.race([sleep(200), ended]);

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
    const answer = await app.http.inject(`/v1/clients/${fromFile.clientId}/verdict`);
    assert.deepEqual(answer.json(), fromFile);
  }
});
