/**
 * `npm run bench:freshness`: two servers share the partitions of a stream that runs at half of what they can take. From a
 * call being produced to its verdict being found at a look-up, in the process that scored it and in the other.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Producer } from 'kafkajs';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { Identifier } from '../service/core/identify.ts';
import { encodeCall } from '../service/io/avro.ts';
import { createClient, createPartitioner, type KafkaOptions } from '../service/io/kafka-client.ts';
import { createTopics } from '../service/io/kafka-topics.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { environmentOf, MACHINE, optionsOf, PARTITIONS, quantile, startBroker, startServer, stopServer } from './stand.ts';

const { values: flags } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, calls: { type: 'string', default: '100000' } },
});
const SECONDS = Number(flags.seconds);
const CALLS = Number(flags.calls);
const TICK_MS = 20;
const PROBE_EVERY_MS = 100;
const ASK_EVERY_MS = 5;
const GIVE_UP_MS = 20_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function simulate(): Promise<{ key: string; call: ApiCall }[]> {
  const identifier = new Identifier({ key: 'assay', maxLinks: 1_000_000 });
  const calls: { key: string; call: ApiCall }[] = [];
  for await (const { call } of loadCalls({ seed: 4242, clients: CALLS / 25 })) {
    calls.push({ key: identifier.identify(call).clientId, call });
    if (calls.length === CALLS) return calls;
  }
  throw new Error(`the simulator gave ${calls.length} calls only`);
}

let sent = 0;

/** As if they were made now. */
function messagesOf(calls: readonly { key: string; call: ApiCall }[]) {
  const time = Date.now();
  return calls.map(({ key, call }) => ({ key, value: encodeCall({ ...call, id: String(sent++), time }) }));
}

async function metricsOf(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

async function counted(urls: readonly string[]): Promise<number> {
  const texts = await Promise.all(urls.map(metricsOf));
  return texts.reduce((sum, text) => sum + Number(/^assay_calls_total (\d+)/m.exec(text)?.[1] ?? 0), 0);
}

/** The partitions that a process scores. */
async function partitionsOf(url: string): Promise<Set<number>> {
  return new Set(Array.from((await metricsOf(url)).matchAll(/^assay_lag_records\{partition="(\d+)"\}/gm), ([, p]) => Number(p)));
}

/** Calls a second that the servers get through when all are there at once. */
async function measureCapacity(
  producer: Producer,
  topic: string,
  urls: readonly string[],
  all: Awaited<ReturnType<typeof simulate>>,
) {
  const before = await counted(urls);
  const startedAt = performance.now();
  for (let i = 0; i < all.length; i += 2000) await producer.send({ topic, messages: messagesOf(all.slice(i, i + 2000)) });
  while ((await counted(urls)) < before + all.length) await sleep(50);
  return (1000 * all.length) / (performance.now() - startedAt);
}

async function flow(
  producer: Producer,
  topic: string,
  all: Awaited<ReturnType<typeof simulate>>,
  rate: number,
  stop: AbortSignal,
) {
  const startedAt = performance.now();
  for (let done = 0; !stop.aborted; ) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
    if (due > done) {
      const calls = Array.from({ length: due - done }, (_, i) => all[(done + i) % all.length]!);
      await producer.send({ topic, messages: messagesOf(calls) });
      done = due;
    }
    await sleep(TICK_MS);
  }
}

/** Ms until a verdict is found at `url`. */
async function untilFound(url: string, clientId: string, since: number): Promise<number> {
  while (performance.now() - since < GIVE_UP_MS) {
    const answer = await fetch(`${url}/v1/clients/${clientId}/verdict`);
    await answer.arrayBuffer();
    if (answer.ok) return performance.now() - since;
    await sleep(ASK_EVERY_MS);
  }
  return GIVE_UP_MS;
}

interface Seen {
  readonly partition: number;
  /** Ms, at each server. */
  readonly waits: readonly number[];
}

/** A client of one call, as nobody has seen it before. */
async function probe(producer: Producer, topic: string, urls: readonly string[], template: ApiCall, n: number): Promise<Seen> {
  const call = { ...template, id: `probe-${n}`, clientIp: `198.18.${n >> 8}.${n & 255}`, subject: null, time: Date.now() };
  const key = new Identifier({ key: 'assay' }).identify(call).clientId;
  const since = performance.now();
  const [waits, [sent]] = await Promise.all([
    Promise.all(urls.map((url) => untilFound(url, key, since))),
    producer.send({ topic, messages: [{ key, value: encodeCall(call) }] }),
  ]);
  return { partition: sent!.partition, waits };
}

async function probeAll(producer: Producer, topic: string, urls: readonly string[], template: ApiCall): Promise<Seen[]> {
  const probes: Promise<Seen>[] = [];
  for (let n = 0; n < (1000 * SECONDS) / PROBE_EVERY_MS; n++) {
    probes.push(probe(producer, topic, urls, template, n));
    await sleep(PROBE_EVERY_MS);
  }
  return Promise.all(probes);
}

function summaryOf(waits: readonly number[]) {
  return { probes: waits.length, medianMs: quantile(waits, 0.5), p99Ms: quantile(waits, 0.99), mostMs: quantile(waits, 1) };
}

async function measure(options: KafkaOptions, urls: readonly string[]) {
  const topic = options.topics.calls;
  const connect = async () => {
    const producer = createClient(options).producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    return producer;
  };
  const [feeder, prober] = [await connect(), await connect()];
  const all = await simulate();
  await measureCapacity(feeder, topic, urls, all);
  const capacity = await measureCapacity(feeder, topic, urls, all);
  console.log(`${Math.round(capacity)} calls/s at most; half of that from now on`);
  const stop = new AbortController();
  const flowing = flow(feeder, topic, all, capacity / 2, stop.signal);
  await sleep(5000);
  const seen = await probeAll(prober, topic, urls, all[0]!.call);
  const owned = await Promise.all(urls.map(partitionsOf));
  stop.abort();
  await flowing;
  await Promise.all([feeder.disconnect(), prober.disconnect()]);
  const waits = (own: boolean) =>
    seen.flatMap(({ partition, waits }) => waits.filter((_, i) => owned[i]!.has(partition) === own));
  return { capacity, partitions: owned.map(({ size }) => size), own: summaryOf(waits(true)), other: summaryOf(waits(false)) };
}

const broker = await startBroker();
const options = optionsOf(broker.brokers, 'freshness', true);
await createTopics(options, { partitions: PARTITIONS });
const folder = mkdtempSync(join(tmpdir(), 'assay-freshness-'));
const ports = [await freePort(), await freePort()];
const servers = ports.map((port) => startServer({ ...environmentOf(options, join(folder, String(port))), PORT: String(port) }));
try {
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  for (const url of urls) while (!(await fetch(`${url}/readyz`).catch(() => null))?.ok) await sleep(100);
  const result = { machine: MACHINE, seconds: SECONDS, ...(await measure(options, urls)) };
  console.log(JSON.stringify(result, null, 2));
  writeFileSync(join(packageRoot, 'bench', 'freshness.json'), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await Promise.all(servers.map(stopServer));
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
