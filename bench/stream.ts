/**
 * `npm run bench:stream`: the same topic of Avro calls through the whole pipeline, each call exactly once, and through a bare
 * kafkajs consumer that decodes and does nothing else; in turn, so that a machine whose speed drifts drifts under both.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { createApp } from '../service/app.ts';
import { readConfig } from '../service/config.ts';
import { compileType } from '../service/core/avro-type.ts';
import { type ApiCall, ApiCallSchema } from '../service/core/contracts.ts';
import { createClient, type KafkaOptions } from '../service/io/kafka-client.ts';
import { createTopics } from '../service/io/kafka-topics.ts';
import { packageRoot } from '../service/io/package-root.ts';
import {
  environmentOf,
  HEADER_BYTES,
  MACHINE,
  metricOf,
  optionsOf,
  PARTITIONS,
  produceKeyed,
  spreadOf,
  startBroker,
} from './stand.ts';

const { values: flags } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '40000' },
    rounds: { type: 'string', default: '3' },
    routed: { type: 'boolean', default: false },
  },
});
const CALLS = Number(flags.calls);
const ROUNDS = Number(flags.rounds);

async function* simulate(): AsyncGenerator<ApiCall> {
  let count = 0;
  for await (const { call } of loadCalls({ seed: 4242, clients: Number(flags.clients) })) {
    yield call;
    if (++count === CALLS) return;
  }
  throw new Error(`the simulator gave ${count} calls only`);
}

/** Calls a second of kafkajs and avsc alone, from the first batch to the last. */
async function bare(options: KafkaOptions): Promise<number> {
  const type = compileType(ApiCallSchema);
  const consumer = createClient(options).consumer({ groupId: `${options.group}-bare`, maxBytesPerPartition: 1024 * 1024 });
  await consumer.connect();
  await consumer.subscribe({ topic: options.topics.calls, fromBeginning: true });
  let count = 0;
  let startedAt = 0;
  const isDone = new Promise<number>((resolve) => {
    void consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: PARTITIONS,
      eachBatch: async ({ batch }) => {
        startedAt ||= performance.now();
        for (const { value } of batch.messages) type.decode(value!, HEADER_BYTES);
        count += batch.messages.length;
        if (count === CALLS) resolve((1000 * CALLS) / (performance.now() - startedAt));
      },
    });
  });
  const rate = await isDone;
  await consumer.disconnect();
  return rate;
}

/** Calls a second of the whole, from the first call to the last one being committed. */
async function whole(options: KafkaOptions): Promise<number> {
  await createTopics(options, { partitions: PARTITIONS });
  const data = mkdtempSync(join(tmpdir(), 'assay-bench-'));
  const { topics } = options;
  const app = await createApp(readConfig(environmentOf(options, data)));
  const stop = new AbortController();
  const running = app.run(stop.signal);
  const admin = createClient(options).admin();
  await admin.connect();
  const counted = () => metricOf(app, 'assay_calls_total');
  while ((await counted()) === 0) await sleep(10);
  const startedAt = performance.now();
  while ((await counted()) < CALLS) await Promise.race([sleep(50), running]);
  const topic = topics.routed ?? topics.calls;
  for (let left = 1; left > 0; ) {
    const ends = await admin.fetchTopicOffsets(topic);
    const [group] = await admin.fetchOffsets({ groupId: options.group, topics: [topic] });
    const read = new Map(group!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    left = ends.reduce((sum, { partition, high }) => sum + Number(high) - Math.max(0, read.get(partition) ?? 0), 0);
    await sleep(20);
  }
  const rate = (1000 * CALLS) / (performance.now() - startedAt);
  stop.abort();
  await running;
  await admin.disconnect();
  rmSync(data, { recursive: true, force: true });
  return rate;
}

const broker = await startBroker();
const pairs: { readonly bare: number; readonly whole: number }[] = [];
try {
  const first = optionsOf(broker.brokers, 'round-0', !flags.routed);
  await createTopics(first, { partitions: PARTITIONS });
  await produceKeyed(first, simulate());
  for (let round = 1; round <= ROUNDS; round++) {
    const options = optionsOf(broker.brokers, `round-${round}`, !flags.routed);
    const pair = { bare: await bare(options), whole: await whole(options) };
    pairs.push(pair);
    console.log(
      `round ${round}: ${Math.round(pair.whole)} of ${Math.round(pair.bare)} calls/s, ${(pair.whole / pair.bare).toFixed(3)}`,
    );
  }
} finally {
  await broker.stop();
}
const ratios = pairs.map(({ bare: theirs, whole: ours }) => ours / theirs);
const result = {
  machine: MACHINE,
  calls: CALLS,
  routed: flags.routed,
  pairs,
  ratio: spreadOf(ratios),
};
console.log(`the whole pipeline: ${result.ratio.median.toFixed(3)} of kafkajs with avsc decode alone`);
writeFileSync(
  join(packageRoot, 'bench', flags.routed ? 'stream-routed.json' : 'stream.json'),
  `${JSON.stringify(result, null, 2)}\n`,
);
process.exit(0);
