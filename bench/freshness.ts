/**
 * `npm run bench:freshness`: two servers share the partitions of a stream that runs at half of what they can take. From a
 * call being produced to its verdict being found at a look-up, in the process that scored it and in the other; and look-ups
 * beside a bare Fastify route of the same process, which has to live with the same stream.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
import { environmentOf, load, MACHINE, optionsOf, PARTITIONS, quantile, spreadOf, startBroker, stopServer } from './stand.ts';

const { values: flags } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, calls: { type: 'string', default: '100000' } },
});
const SECONDS = Number(flags.seconds);
const CALLS = Number(flags.calls);
const TICK_MS = 20;
const PROBE_EVERY_MS = 100;
const ASK_EVERY_MS = 5;
const GIVE_UP_MS = 20_000;

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  /** Of the bare route. */
  readonly bare: string;
}

async function startServing(env: Record<string, string>): Promise<Server> {
  const child = fork(join(packageRoot, 'dist', 'bench', 'serving.js'), { env: { PATH: process.env.PATH, ...env } });
  const [addresses] = (await once(child, 'message')) as [{ url: string; bare: string }];
  return { child, ...addresses };
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

const ROUNDS = 15;
const LOOKUP_SECONDS = 4;

/** Look-ups at a server against the bare route of the same process, in turn; one round to warm up. */
async function compareLookups({ child, url, bare }: Server, clientId: string) {
  const path = `/v1/clients/${clientId}/verdict`;
  const answer = await fetch(url + path);
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('x-assay')));
  child.send({ headers, body: await answer.text() });
  const ratios: { readonly requests: number; readonly p99: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const [ours, ourP99] = await load(url + path, LOOKUP_SECONDS);
    const [theirs, theirP99] = await load(bare, LOOKUP_SECONDS);
    if (round > 0) ratios.push({ requests: ours / theirs, p99: ourP99 / theirP99 });
  }
  return { requests: spreadOf(ratios.map(({ requests }) => requests)), p99: spreadOf(ratios.map(({ p99 }) => p99)) };
}

async function measure(options: KafkaOptions, servers: readonly Server[]) {
  const topic = options.topics.calls;
  const urls = servers.map(({ url }) => url);
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
  const lookups = await compareLookups(servers[0]!, all[0]!.key);
  stop.abort();
  await flowing;
  await Promise.all([feeder.disconnect(), prober.disconnect()]);
  const waits = (own: boolean) =>
    seen.flatMap(({ partition, waits }) => waits.filter((_, i) => owned[i]!.has(partition) === own));
  const freshness = { own: summaryOf(waits(true)), other: summaryOf(waits(false)) };
  return { capacity, partitions: owned.map(({ size }) => size), freshness, lookups };
}

const broker = await startBroker();
const options = optionsOf(broker.brokers, 'freshness', true);
await createTopics(options, { partitions: PARTITIONS });
const folder = mkdtempSync(join(tmpdir(), 'assay-freshness-'));
const start = (name: string) => startServing(environmentOf(options, join(folder, name)));
const servers = await Promise.all([start('one'), start('other')]);
try {
  const result = { machine: MACHINE, seconds: SECONDS, ...(await measure(options, servers)) };
  console.log(JSON.stringify(result, null, 2));
  writeFileSync(join(packageRoot, 'bench', 'freshness.json'), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await Promise.all(servers.map(({ child }) => stopServer(child)));
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
