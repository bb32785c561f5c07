/**
 * `npm run bench:scale`: what many clients cost. Each part runs in a process of its own, on the embedded default:
 *
 * - population: memory of a client, and how long a look-up takes among few and among many
 * - restore: how long it takes to put the clients back that a disk holds
 * - takeover: the same of those that Kafka holds, for a server that starts with nothing
 * - spread: time per call with ten times the clients
 * - flood: clients of one call each, far more than are held; who was bad before stays so, and look-ups go on
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import autocannon from 'autocannon';
import { type App, createApp } from '../service/app.ts';
import { readConfig } from '../service/config.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { createObserver } from '../service/core/observe.ts';
import type { Incoming, Source } from '../service/core/source.ts';
import { DiskStore } from '../service/io/disk-store.ts';
import type { KafkaOptions } from '../service/io/kafka-client.ts';
import { createTopics } from '../service/io/kafka-topics.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { tuneCollector } from '../service/io/v8.ts';
import { VerdictStore } from '../service/io/verdict-store.ts';
import { runPipeline, type Stages } from '../service/pipeline.ts';
import { createStages } from '../service/stages.ts';
import {
  createLookups,
  environmentOf,
  MACHINE,
  metricOf,
  optionsOf,
  PARTITIONS,
  produceKeyed,
  quantile,
  spreadOf,
  startBroker,
} from './stand.ts';

const { values: flags } = parseArgs({
  options: {
    part: { type: 'string' },
    clients: { type: 'string', default: '1000000' },
    spread: { type: 'string', default: '5000' },
    flood: { type: 'string', default: '5000000' },
  },
});

// As main.ts does.
tuneCollector();
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const START = Date.UTC(2026, 0, 1);
const DELIVERY_RECORDS = 2000;
const NO_BYTES = new Uint8Array(0);
/**
 * A call of client `i` at `time`; 16 million clients have addresses of their own. All fields are written out, as a decoder makes them: a
 * copy of others takes ten times the memory, and what collects that is then what is measured.
 */
// biome-ignore format: what the calls here don't tell, one after the other
function callOf(i: number, time: number, fields: Partial<ApiCall> = {}): ApiCall {
  return {
    query: null, host: null, route: null, gateway: null, tenant: null, httpVersion: null, accept: null, acceptEncoding: null,
    acceptLanguage: null, contentType: null, referer: null, headerNames: null, hasCookie: null, tlsVersion: null, tlsCipher: null,
    ja3: null, ja4: null, tlsResumed: null, clientCertificate: null, connectionId: null, connectionRequests: null,
    authScheme: null, subject: null, identityVerified: null, account: null, bodySample: null,
    id: `${time}-${i}`,
    time,
    clientIp: addressOf(i),
    method: 'GET',
    path: `/v1/orders/${i % 977}`,
    status: 200,
    requestBytes: 120,
    responseBytes: 800 + (i % 50),
    durationMs: 8,
    userAgent: AGENT,
    ...fields,
  } as ApiCall;
}

const AGENT = 'okhttp/4.12.0';

function addressOf(i: number): string {
  return `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
}

interface Numbered extends Incoming {
  readonly n: number;
}

/**
 * `count` calls in deliveries; the next one is asked for when the one before is done. Each is made as it is decoded: a delivery's
 * at once would hold look-ups up for longer than all that is measured.
 */
function sourceOf(count: number, make: (n: number) => ApiCall, between: () => void = () => {}): Source {
  return {
    name: 'bench',
    async *deliveries() {
      for (let n = 0; n < count; n += DELIVERY_RECORDS) {
        const records = Array.from({ length: Math.min(DELIVERY_RECORDS, count - n) }, (_, k): Numbered => {
          return { bytes: NO_BYTES, origin: 'bench', n: n + k };
        });
        yield { records, decode: (record) => make((record as Numbered).n), acknowledge: async () => between() };
      }
    },
  };
}

async function createPipeline(maxClients: number, keep: Stages['publish'] = async () => {}): Promise<Stages> {
  const scoring = await createStages(readConfig({ ASSAY_MAX_CLIENTS: String(maxClients) }));
  return { ...scoring, publish: keep, bury: async () => {} };
}

/** µs per call. */
async function timed(source: Source, stages: Stages, calls: number): Promise<number> {
  const startedAt = performance.now();
  await runPipeline(source, stages, new AbortController().signal);
  return (1000 * (performance.now() - startedAt)) / calls;
}

/** Has gateways' questions about clients at random answered over HTTP, asked by the process that waits for this one's result. */
async function timeLookups({ observer, store }: Stages, clients: number): Promise<unknown> {
  const http = createLookups(store, observer, () => START);
  const url = `${await http.listen({ host: '127.0.0.1', port: 0 })}/v1/authz`;
  process.send?.({ url, clients });
  const [answer] = await once(process, 'message');
  await http.close();
  return answer;
}

const LOOKUP_SECONDS = 5;

/** Answers a second, and ms that half and 99% of them take at most. */
async function askAtRandom({ url, clients }: { url: string; clients: number }): Promise<unknown> {
  const waits: number[] = [];
  const next = (request: autocannon.Request) => ({
    ...request,
    headers: { 'x-real-ip': addressOf(Math.floor(Math.random() * clients)), 'user-agent': AGENT },
  });
  const options = { url, connections: 8, duration: LOOKUP_SECONDS, requests: [{ setupRequest: next }] };
  const { requests, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, ms) => waits.push(ms));
  });
  if (non2xx > 0) throw new Error(`${non2xx} answers were not 2xx`);
  return { aSecond: requests.average, medianMs: quantile(waits, 0.5), p99Ms: quantile(waits, 0.99) };
}

// biome-ignore format: what a gateway here doesn't tell
const NO_ATTRIBUTES = {
  userAgent: null, ja3: null, ja4: null, subject: null, authScheme: null, identityVerified: null, clientCertificate: null, tenant: null,
};

/** Bytes, once the garbage is gone and what it took has been given back. */
async function resident(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await sleep(500);
  }
  return process.memoryUsage().rss;
}

async function population() {
  const total = Number(flags.clients);
  const stages = await createPipeline(total);
  const empty = await resident();
  const sizes = [1000, 10_000, 100_000, 1_000_000].filter((size) => size <= total);
  const rows = [];
  let held = 0;
  for (const clients of sizes) {
    const from = held;
    await timed(
      sourceOf(clients - from, (n) => callOf(from + n, START + from + n)),
      stages,
      1,
    );
    held = clients;
    const bytes = await resident();
    await timeLookups(stages, clients);
    const lookups = await timeLookups(stages, clients);
    rows.push({ clients, residentBytes: bytes, bytesAClient: (bytes - empty) / clients, lookups });
    console.error(`population: ${clients}`);
  }
  return { emptyBytes: empty, rows };
}

async function restore() {
  const total = Number(flags.clients);
  const folder = mkdtempSync(join(tmpdir(), 'assay-scale-'));
  const rows = [];
  const disk = new DiskStore(folder, { limit: 2 * total });
  const stages: Stages = await createPipeline(2 * total, (decisions, touched) => disk.keep(stages, decisions, touched));
  let held = 0;
  for (const clients of [total / 10, total]) {
    const from = held;
    await timed(
      sourceOf(clients - from, (n) => callOf(from + n, START + from + n)),
      stages,
      1,
    );
    held = clients;
    const startedAt = performance.now();
    const back = disk.restore(createObserver({ maxClients: 2 * total }), new VerdictStore(2 * total));
    const seconds = (performance.now() - startedAt) / 1000;
    if (back !== clients) throw new Error(`${back} of ${clients} clients came back`);
    rows.push({ clients, seconds });
    console.error(`restore: ${clients} in ${seconds.toFixed(1)} s`);
  }
  await disk.close();
  rmSync(folder, { recursive: true, force: true });
  return rows;
}

const CALLS_A_SECOND = 1000;
const ROUNDS = 3;

/** Both make calls at the same rate: once all from their first call on, once `warmUp` calls into their sessions. */
async function spread() {
  const few = Number(flags.spread);
  const compare = async (what: string, callsOf: (clients: number) => { before: number; timed: number }) => {
    const ratios = [];
    for (let round = 0; round < ROUNDS; round++) {
      const micros = [];
      for (const clients of [few, 10 * few]) {
        const { before, timed: count } = callsOf(clients);
        const stages = await createPipeline(20 * few);
        const at = (n: number) => callOf(n % clients, START + (1000 * n) / CALLS_A_SECOND);
        await timed(sourceOf(before, at), stages, 1);
        micros.push(
          await timed(
            sourceOf(count, (n) => at(before + n)),
            stages,
            count,
          ),
        );
      }
      ratios.push(micros[1]! / micros[0]!);
      console.error(`spread, ${what}: ${micros.map((each) => each.toFixed(1)).join(', ')} µs a call`);
    }
    return { what, clients: [few, 10 * few], ratio: spreadOf(ratios) };
  };
  return [
    await compare('as far into their sessions', (clients) => ({ before: 12 * clients, timed: 4 * clients })),
    await compare('as many calls from the first on', () => ({ before: 0, timed: 40 * few })),
  ];
}

async function takeover() {
  const total = Number(flags.clients);
  const broker = await startBroker();
  const rows = [];
  try {
    for (const clients of [total / 10, total]) {
      const options = optionsOf(broker.brokers, `takeover-${clients}`, true);
      const own = { ...options, topics: { ...options.topics, calls: `${options.group}-calls` } };
      await createTopics(own, { partitions: PARTITIONS });
      await produceKeyed(own, oneOfEach(clients));
      await serveUntil(own, async (app) => (await metricOf(app, 'assay_calls_total')) === clients);
      const seconds = await serveUntil(
        own,
        async (app) => (await isReady(app)) && (await metricOf(app, 'assay_clients')) === clients,
      );
      rows.push({ clients, seconds });
      console.error(`takeover: ${clients} in ${seconds.toFixed(1)} s`);
    }
  } finally {
    await broker.stop();
  }
  return rows;
}

function* oneOfEach(clients: number): Generator<ApiCall> {
  for (let n = 0; n < clients; n++) yield callOf(n, START + n);
}

/** Runs a server with nothing on its disk until it is as far as wanted. @returns how long that took, in s, models being loaded */
async function serveUntil(options: KafkaOptions, isThere: (app: App) => Promise<boolean>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-scale-'));
  const env = { ...environmentOf(options, folder), ASSAY_MAX_CLIENTS: String(2 * Number(flags.clients)) };
  const app = await createApp(readConfig(env));
  const startedAt = performance.now();
  const stop = new AbortController();
  const running = app.run(stop.signal);
  while (!(await isThere(app))) await Promise.race([sleep(100), running]);
  const seconds = (performance.now() - startedAt) / 1000;
  stop.abort();
  await running;
  rmSync(folder, { recursive: true, force: true });
  return seconds;
}

async function isReady({ http }: App): Promise<boolean> {
  return (await http.inject('/readyz')).statusCode === 200;
}

const SUSPECTS = 1000;
const SUSPECT_CALLS = 60;
const HELD = 200_000;
/** Of those that are held, who come as often as can be taken. */
const REGULARS = 20_000;
const BUSY_CALLS = 600_000;

async function flood() {
  const count = Number(flags.flood);
  const stages = await createPipeline(HELD);
  // Object ids one after the other, of which most are refused.
  const probing = (n: number) => ({
    path: `/v1/accounts/${Math.floor(n / SUSPECTS)}`,
    status: n % 5 === 0 ? 200 : 403,
    userAgent: null,
  });
  await timed(
    sourceOf(SUSPECTS * SUSPECT_CALLS, (n) => callOf(n % SUSPECTS, START + n, probing(n))),
    stages,
    1,
  );
  const suspects = Array.from(
    { length: SUSPECTS },
    (_, i) => stages.observer.identifier.find({ ...NO_ATTRIBUTES, clientIp: addressOf(i) }).clientId,
  );
  const badOf = () => suspects.filter((id) => stages.observer.has(id) && stages.store.standing(id)?.verdict === 'bad').length;
  const badBefore = badOf();
  await timed(
    sourceOf(HELD, (n) => callOf(SUSPECTS + n, START + SUSPECTS * SUSPECT_CALLS + n)),
    stages,
    1,
  );
  const full = await resident();
  const quiet = await waitsWhile(stages, suspects, () => sleep(10_000));
  const busyAt = START + SUSPECTS * SUSPECT_CALLS + HELD;
  const regulars = sourceOf(BUSY_CALLS, (n) => callOf(SUSPECTS + (n % REGULARS), busyAt + n / 10));
  const busy = await waitsWhile(stages, suspects, () => timed(regulars, stages, 1));
  let most = 0;
  const startAt = busyAt + BUSY_CALLS / 10;
  const newcomers = sourceOf(
    count,
    (n) => callOf(SUSPECTS + HELD + n, startAt + n / 10),
    () => {
      most = Math.max(most, process.memoryUsage().rss);
    },
  );
  let micros = 0;
  const flooded = await waitsWhile(stages, suspects, async () => {
    micros = await timed(newcomers, stages, count);
  });
  return {
    clients: count,
    held: HELD,
    fullBytes: full,
    mostBytes: most,
    microsACall: micros,
    suspects: { badBefore, badAfter: badOf() },
    lookupWaitMs: { quiet, busy, flooded },
  };
}

const ASK_EVERY_MS = 5;

/** How long look-ups wait for their turn and take, ms: one is due every few ms, whatever else the process does. */
async function waitsWhile({ store }: Stages, ids: readonly string[], work: () => Promise<unknown>) {
  const waits: number[] = [];
  let dueAt = performance.now();
  let isOver = false;
  const asking = (async () => {
    for (let n = 0; !isOver; n++) {
      dueAt += ASK_EVERY_MS;
      await sleep(Math.max(0, dueAt - performance.now()));
      void store.get(ids[n % ids.length]!)?.headers;
      waits.push(performance.now() - dueAt);
      // Those that would have come meanwhile would have waited for the rest of it.
      while (performance.now() > dueAt + ASK_EVERY_MS) {
        dueAt += ASK_EVERY_MS;
        waits.push(performance.now() - dueAt);
      }
    }
  })();
  await work();
  isOver = true;
  await asking;
  return { median: quantile(waits, 0.5), p99: quantile(waits, 0.99), most: quantile(waits, 1) };
}

const PARTS: Record<string, () => Promise<unknown>> = { population, restore, takeover, spread, flood };

/** Runs a part in a process of its own. */
async function runPart(part: string): Promise<unknown> {
  const child = fork(join(packageRoot, 'dist', 'bench', 'scale.js'), ['--part', part, ...process.argv.slice(2)]);
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ url: string; clients: number } | { result: unknown }];
    if ('result' in message) return message.result;
    child.send((await askAtRandom(message)) as object);
  }
}

if (flags.part && process.send) {
  process.send({ result: await PARTS[flags.part]!() }, () => process.exit(0));
} else {
  const result: Record<string, unknown> = {
    machine: MACHINE,
  };
  for (const part of flags.part ? [flags.part] : Object.keys(PARTS)) {
    result[part] = await runPart(part);
    console.log(part, JSON.stringify(result[part], null, 1));
  }
  if (!flags.part) writeFileSync(join(packageRoot, 'bench', 'scale.json'), `${JSON.stringify(result, null, 2)}\n`);
}
