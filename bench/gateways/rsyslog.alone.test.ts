/** A gateway's log by a real rsyslog into a real Kafka, read as Assay reads its calls. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPort, startProcess } from '../../datasets/range/processes.ts';
import { readConfig } from '../../service/config.ts';
import { isRejection } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import { createAvroReader } from '../../service/io/avro.ts';
import { topicEnv, topicNames } from '../../service/io/kafka.test.data.ts';
import { createClient } from '../../service/io/kafka-client.ts';
import { createTopics } from '../../service/io/kafka-topics.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { kafkaOptions } from '../../service/kafka-options.ts';
import { bringGateways } from './install.ts';

const LINES = 500;
const LIMIT_MS = 30_000;
const lineOf = (i: number) =>
  `{"log":"assay-1","gateway":"nginx","id":"r${i}","endedAt":"${Date.now() / 1000}","seconds":"0.002","ip":"192.0.2.7","method":"GET",` +
  `"uri":"/v1/orders/${i}?q={${i}}","status":"200","userAgent":"caf\u00e9 \\"odd\\"\\\\"}`;

test("a gateway's log comes by rsyslog and Kafka, each line once and as it was", async (t) => {
  bringGateways([{ needs: { apt: ['rsyslog', 'rsyslog-kafka'] } }]);
  const topics = topicNames(`rsyslog-${Date.now()}`);
  const options = kafkaOptions(readConfig({ KAFKA_BROKERS: process.env.KAFKA_TEST_BROKERS, ...topicEnv(topics) }));
  const client = createClient(options);
  await createTopics(options, { partitions: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'assay-rsyslog-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'work'));
  const port = await findPort();
  const text = readFileSync(join(packageRoot, 'deploy', 'rsyslog', 'assay.conf'), 'utf8')
    .replaceAll('/var/lib/rsyslog/assay', join(folder, 'work'))
    .replaceAll('8083', String(port))
    .replace('127.0.0.1:9092', options.brokers[0]!)
    .replace('api-calls', topics.calls);
  const config = join(folder, 'rsyslog.conf');
  writeFileSync(config, text);
  const output = join(folder, 'output.log');
  const rsyslog = startProcess('rsyslogd', ['-n', '-f', config, '-i', join(folder, 'pid')], { log: output, env: process.env });
  t.after(() => rsyslog.stop());

  const { decode } = createAvroReader({ wireFormat: 'auto', registryUrl: '' });
  const calls: ApiCall[] = [];
  const consumer = client.consumer({ groupId: topics.calls });
  t.after(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic: topics.calls, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const call = decode({ bytes: message.value!, origin: message.offset }, Date.now());
      assert.ok(!isRejection(call), `${JSON.stringify(call)}: ${message.value}`);
      calls.push(call);
    },
  });
  const udp = createSocket('udp4');
  t.after(() => udp.close());
  await sleep(1000);
  for (let i = 0; i < LINES; i++) {
    udp.send(`<190>Nov 28 04:34:14 nginx: ${lineOf(i)}`, port, '127.0.0.1');
    if (i % 20 === 0) await sleep(5);
  }
  for (const until = Date.now() + LIMIT_MS; calls.length < LINES && Date.now() < until; ) await sleep(100);
  assert.equal(calls.length, LINES, readFileSync(output, 'utf8').slice(-1000));
  const found = calls.toSorted((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
  assert.deepEqual(
    found.map(({ id, path, query, userAgent }) => [id, path, query, userAgent]),
    found.map((_, i) => [`r${i}`, `/v1/orders/${i}`, `q={${i}}`, 'café "odd"\\']),
  );
});
