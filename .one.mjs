// one process against broker; timeline

import { rmSync } from 'node:fs';
import { loadCalls } from '/work/main/dist/datasets/simulator/simulator.js';
import { createApp } from '/work/main/dist/service/app.js';
import { readConfig } from '/work/main/dist/service/config.js';
import { Identifier } from '/work/main/dist/service/core/identify.js';
import { encodeCall } from '/work/main/dist/service/io/avro.js';
import { createClient, createPartitioner } from '/work/main/dist/service/io/kafka-client.js';
import { createTopics } from '/work/main/dist/service/io/kafka-topics.js';
import { startBroker } from '/work/main/test/broker.mjs';

const N = Number(process.argv[2] ?? 100000),
  keyed = process.argv[3] === 'keyed';
const broker = await startBroker('/work/main');
const name = 'x';
const topics = { calls: 'c', routed: keyed ? null : 'r', state: 's', shared: 'h', verdicts: 'v', labels: 'l', deadLetters: 'd' };
const options = { brokers: [broker.brokers], group: 'g', topics, wireFormat: 'confluent', registryUrl: '' };
await createTopics(options, { partitions: 8 });
const p = createClient(options).producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
await p.connect();
let ms = [],
  n = 0;
const idf = new Identifier({ key: 'assay', maxLinks: 1e6 });
for await (const { call } of loadCalls({ seed: 99, clients: 20000 })) {
  ms.push(keyed ? { key: idf.identify(call).clientId, value: encodeCall(call) } : { partition: n % 8, value: encodeCall(call) });
  n++;
  if (ms.length === 5000) {
    await p.send({ topic: 'c', messages: ms });
    ms = [];
  }
  if (n === N) break;
}
await p.disconnect();
rmSync('/tmp/onedata', { recursive: true, force: true });
const app = await createApp(
  readConfig({
    ASSAY_DATA: '/tmp/onedata',
    PORT: '0',
    LOG_LEVEL: 'info',
    KAFKA_BROKERS: broker.brokers,
    KAFKA_GROUP: 'g',
    KAFKA_CALLS_TOPIC: 'c',
    KAFKA_ROUTED_TOPIC: 'r',
    KAFKA_STATE_TOPIC: 's',
    KAFKA_SHARED_TOPIC: 'h',
    KAFKA_VERDICTS_TOPIC: 'v',
    KAFKA_LABELS_TOPIC: 'l',
    KAFKA_DEAD_LETTERS_TOPIC: 'd',
    KAFKA_CALLS_KEYED: String(keyed),
  }),
);
const stop = new AbortController();
const t0 = Date.now();
const run = app.run(stop.signal);
let last = -1;
for (;;) {
  await new Promise((r) => setTimeout(r, 500));
  const m = (await app.http.inject('/metrics')).body;
  const c = Number(/^assay_calls_total (\d+)/m.exec(m)?.[1]);
  console.log(
    ((Date.now() - t0) / 1000).toFixed(1),
    c,
    /assay_commit_seconds_count (\d+)/.exec(m)?.[1],
    /assay_commit_seconds_sum ([\d.]+)/.exec(m)?.[1],
  );
  if (c >= N) break;
  if (Date.now() - t0 > 120000) break;
  last = c;
}
stop.abort();
await run;
await broker.stop();
process.exit(0);
