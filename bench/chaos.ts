/**
 * `npm run chaos`: the same calls twice through a group of workers, once in peace and once while workers and the broker are
 * killed. What stands in Kafka at the end, every client's state and verdict, has to be the same to the bit. Without cohorts,
 * since what others do reaches a client through another partition at a time that nobody fixes; `--cohorts` switches them
 * on and shows how far scores then differ. `--seconds` squeezes the calls' times into so many and lets them come as they are due,
 * which with cohorts they do in nine minutes; 0 is for as fast as they are read.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Admin } from 'kafkajs';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { readConfig } from '../service/config.ts';
import { T } from '../service/core/client-record.ts';
import { packClient, unpackClient } from '../service/core/client-state.ts';
import type { ApiCall, Verdict } from '../service/core/contracts.ts';
import { createAvroReader, createVerdictReader, encodeCall } from '../service/io/avro.ts';
import { createClient, createPartitioner, type KafkaOptions } from '../service/io/kafka-client.ts';
import { readLog } from '../service/io/kafka-log.ts';
import { createTopics } from '../service/io/kafka-topics.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { replay } from '../service/replay.ts';
import { type Broker, environmentOf, optionsOf, PARTITIONS, startBroker, startServer, stopServer } from './stand.ts';

const { values: flags } = parseArgs({
  options: {
    calls: { type: 'string', default: '500000' },
    clients: { type: 'string', default: '20000' },
    workers: { type: 'string', default: '3' },
    kills: { type: 'string', default: '6' },
    cohorts: { type: 'boolean', default: false },
    seed: { type: 'string', default: '99' },
    seconds: { type: 'string' },
  },
});
const CALLS = Number(flags.calls);
const SECONDS = Number(flags.seconds ?? (flags.cohorts ? 540 : 0));
const LIMIT_MS = 15 * 60_000;
const TICK_MS = 50;
const MAX_MESSAGES = 5000;
/** Verdicts that are made again of each run: each reads the verdicts and its calls, which takes a second or two. */
const REPLAYED = 8;

interface DueCall {
  readonly value: Buffer;
  /** Ms after the first. */
  readonly dueMs: number;
}

async function simulate(): Promise<DueCall[]> {
  const calls: ApiCall[] = [];
  for await (const { call } of loadCalls({ seed: Number(flags.seed), clients: Number(flags.clients) })) {
    calls.push(call);
    if (calls.length === CALLS) break;
  }
  if (calls.length < CALLS) throw new Error(`the simulator gave ${calls.length} calls only`);
  const start = calls[0]!.time;
  const squeeze = SECONDS === 0 ? 1 : (1000 * SECONDS) / (calls.at(-1)!.time - start);
  return calls.map((call) => {
    const dueMs = Math.round((call.time - start) * squeeze);
    return { value: encodeCall({ ...call, time: start + dueMs }), dueMs };
  });
}

/** Spreads the calls over the partitions one by one, as a gateway does that knows nothing of clients; tells the share that is sent. */
async function produce(options: KafkaOptions, calls: readonly DueCall[], onSent: (share: number) => void = () => {}) {
  const producer = createClient(options).producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const startedAt = performance.now();
  for (let sent = 0; sent < calls.length; ) {
    const now = SECONDS === 0 ? Number.POSITIVE_INFINITY : performance.now() - startedAt;
    const messages: { partition: number; value: Buffer }[] = [];
    for (; sent < calls.length && calls[sent]!.dueMs <= now && messages.length < MAX_MESSAGES; sent++)
      messages.push({ partition: sent % PARTITIONS, value: calls[sent]!.value });
    if (messages.length > 0) await producer.send({ topic: options.topics.calls, messages });
    onSent(sent / calls.length);
    if (messages.length < MAX_MESSAGES) await sleep(TICK_MS);
  }
  await producer.disconnect();
}

class Worker {
  readonly #env: Record<string, string>;
  #child: ChildProcess;
  #isWanted = true;
  deaths = 0;

  constructor(env: Record<string, string>) {
    this.#env = env;
    this.#child = this.#start();
  }

  /** Whatever ends it, it is started again, as whatever keeps services running does. */
  #start(): ChildProcess {
    const child = startServer(this.#env);
    child.once('exit', (code, signal) => {
      if (!this.#isWanted) return;
      this.deaths++;
      if (signal !== 'SIGKILL') console.error(`a worker ended by itself: ${code ?? signal}`);
      this.#child = this.#start();
    });
    return child;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    await stopServer(this.#child);
  }
}

/** The share of a topic that a group has finished with, 0 to 1. */
async function shareRead(admin: Admin, groupId: string, topic: string): Promise<number> {
  const ends = await admin.fetchTopicOffsets(topic);
  const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const sum = (offsets: readonly string[]) => offsets.reduce((total, offset) => total + Math.max(0, Number(offset)), 0);
  return sum(group!.partitions.map(({ offset }) => offset)) / Math.max(1, sum(ends.map(({ high }) => high)));
}

async function progress(admin: Admin, { group, topics }: KafkaOptions): Promise<number> {
  const routing = await shareRead(admin, `${group}-route`, topics.calls);
  const scoring = await shareRead(admin, group, topics.routed!);
  return routing * scoring;
}

function workerEnvironment(options: KafkaOptions, folder: string, worker: number): Record<string, string> {
  const env = environmentOf(options, join(folder, `${options.group}-${worker}`));
  return { ...env, ASSAY_POLICY: policyIn(folder), ASSAY_COHORTS: String(flags.cohorts) };
}

/** No verdict of the recording expires: its clients are compared at its end. */
function writePolicy(folder: string): void {
  const policy = JSON.parse(readFileSync(join(packageRoot, 'service', 'policies', 'default.json'), 'utf8')) as object;
  const year = 365 * 86_400_000;
  writeFileSync(policyIn(folder), JSON.stringify({ ...policy, ttlMs: { good: year, unsure: year, bad: year } }));
}

const policyIn = (folder: string) => join(folder, 'policy.json');

/** How many of some verdicts `assay replay` makes again to the bit, from the calls on their topic. */
async function replaySome(options: KafkaOptions, { verdicts }: Outcome, folder: string): Promise<number> {
  const config = readConfig(workerEnvironment(options, folder, 0));
  let same = 0;
  for (let i = 0; i < REPLAYED; i++) {
    const { id } = [...verdicts.values()][Math.floor((i * verdicts.size) / REPLAYED)]!;
    if ((await replay(config, id)).differences.length === 0) same++;
  }
  return same;
}

/** Runs the group until all is read; calls back with the progress, 0 to 1, several times a second. */
async function run(
  options: KafkaOptions,
  calls: readonly DueCall[],
  folder: string,
  onProgress: (share: number, workers: readonly Worker[]) => Promise<void>,
) {
  await createTopics(options, { partitions: PARTITIONS });
  let sent = SECONDS === 0 ? 1 : 0;
  const startedAt = performance.now();
  const workers = Array.from({ length: Number(flags.workers) }, (_, i) => {
    return new Worker(workerEnvironment(options, folder, i));
  });
  const admin = createClient({ ...options, onNotice: () => {} }).admin();
  await admin.connect();
  const sending = SECONDS === 0 ? null : produce(options, calls, (share) => (sent = share));
  try {
    for (let share = 0; share < 1; ) {
      if (performance.now() - startedAt > LIMIT_MS) throw new Error(`only ${(100 * share).toFixed(1)}% were read in time`);
      await sleep(200);
      share = await progress(admin, options).then(
        (read) => sent * read,
        () => share,
      );
      await onProgress(share, workers);
    }
    await sending;
    return { seconds: (performance.now() - startedAt) / 1000, deaths: workers.reduce((sum, { deaths }) => sum + deaths, 0) };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await admin.disconnect();
  }
}

/** Kills a worker each time that another part of the calls is through, and the broker in the middle. */
function createKiller(broker: Broker) {
  const kills = Number(flags.kills);
  const done = { workers: 0, brokers: 0 };
  const onProgress = async (share: number, workers: readonly Worker[]) => {
    if (share >= 0.5 && done.brokers === 0) {
      done.brokers++;
      await broker.crash();
    } else if (done.workers < kills && share > (done.workers + 0.5) / (kills + 0.5) - 0.05 && share < 1) {
      // The order of the victims is drawn; that it differs from run to run is the point.
      workers[Math.floor(Math.random() * workers.length)]!.kill();
      done.workers++;
    }
  };
  return { done, onProgress };
}

/** What stands in Kafka at the end. */
interface Outcome {
  /** Of the calls as they were routed: how many, and how many different ids. */
  readonly calls: number;
  readonly distinct: number;
  readonly states: ReadonlyMap<string, Buffer>;
  readonly verdictBytes: ReadonlyMap<string, Buffer>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly letters: number;
}

async function readOutcome(options: KafkaOptions): Promise<Outcome> {
  const { topics } = options;
  const ids = new Set<string>();
  let calls = 0;
  const avro = createAvroReader(options);
  await readLog(options, {
    topics: [topics.routed!],
    onMessages: (_, messages) => {
      for (const { value } of messages) ids.add((avro.decode({ bytes: value!, origin: '' }, Date.now()) as { id: string }).id);
      calls += messages.length;
    },
  });
  const states = new Map<string, Buffer>();
  for (const [key, value] of await readLast(options, topics.state)) if (key !== 'position') states.set(key, placeless(value));
  const verdictBytes = await readLast(options, topics.verdicts);
  const reader = createVerdictReader(options);
  const verdicts = new Map(Array.from(verdictBytes, ([key, value]) => [key, reader.read(value) as Verdict]));
  let letters = 0;
  const count = (messages: readonly unknown[]) => {
    letters += messages.length;
  };
  await readLog(options, { topics: [topics.deadLetters], onMessages: (_, messages) => count(messages) });
  return { calls, distinct: ids.size, states, verdictBytes, verdicts, letters };
}

/** A state but for where its first call stands on the topic: what was written in vain before leaves gaps there. */
function placeless(packed: Buffer): Buffer {
  const state = unpackClient(packed)!;
  new Float64Array(state.record.buffer)[T.offset] = 0;
  return packClient(state);
}

async function readLast(options: KafkaOptions, topic: string): Promise<Map<string, Buffer>> {
  const last = new Map<string, Buffer>();
  await readLog(options, {
    topics: [topic],
    onMessages: (_, messages) => {
      for (const { key, value } of messages) {
        if (value) last.set(String(key), value);
        else last.delete(String(key));
      }
    },
  });
  return last;
}

function countDifferent(a: ReadonlyMap<string, Buffer>, b: ReadonlyMap<string, Buffer>): number {
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].filter((key) => !(a.has(key) && b.has(key) && a.get(key)!.equals(b.get(key)!))).length;
}

interface Differences {
  readonly states: number;
  readonly verdicts: number;
  readonly counts: number;
  readonly near: number;
}

function compare(peace: Outcome, war: Outcome): Differences {
  const pairs = Array.from(peace.verdicts, ([key, verdict]) => [verdict, war.verdicts.get(key)] as const);
  const near = pairs.filter(([a, b]) => b && Math.abs((a.score ?? 0) - (b.score ?? 0)) <= 0.02).length;
  return {
    states: countDifferent(peace.states, war.states),
    verdicts: countDifferent(peace.verdictBytes, war.verdictBytes),
    counts: pairs.filter(([a, b]) => a.calls !== b?.calls || a.time !== b.time).length,
    near: near / pairs.length,
  };
}

function print(rows: readonly (readonly [string, string | number, string | number])[]): void {
  const table = new Table({ head: ['', 'in peace', 'under fire'], style: { head: [], border: [] } });
  for (const row of rows) table.push([...row]);
  console.log(table.toString());
}

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-chaos-'));
  writePolicy(folder);
  const broker = await startBroker();
  try {
    const [peaceful, fired] = ['peace', 'war'].map((name) => {
      const options = optionsOf(broker.brokers, name, false);
      // Calls that come as they are due come in each run anew.
      return SECONDS === 0 ? options : { ...options, topics: { ...options.topics, calls: `${name}-sent` } };
    }) as [KafkaOptions, KafkaOptions];
    const calls = await simulate();
    await createTopics(peaceful, { partitions: PARTITIONS });
    if (SECONDS === 0) await produce(peaceful, calls);
    console.log(`${CALLS} calls, ${PARTITIONS} partitions; ${flags.workers} workers`);
    const peace = await run(peaceful, calls, folder, async () => {});
    const killer = createKiller(broker);
    const war = await run(fired, calls, folder, killer.onProgress);
    const [a, b] = [await readOutcome(peaceful), await readOutcome(fired)];
    const differences = compare(a, b);
    const again = [await replaySome(peaceful, a, folder), await replaySome(fired, b, folder)] as const;
    const bad = ({ verdicts }: Outcome) => [...verdicts.values()].filter(({ verdict }) => verdict === 'bad').length;
    print([
      ['seconds', peace.seconds.toFixed(1), war.seconds.toFixed(1)],
      ['workers killed', peace.deaths, war.deaths],
      ['broker killed', 0, killer.done.brokers],
      ['calls routed', a.calls, b.calls],
      ['… lost', CALLS - a.distinct, CALLS - b.distinct],
      ['… twice', a.calls - a.distinct, b.calls - b.distinct],
      ['dead letters', a.letters, b.letters],
      ['clients with state', a.states.size, b.states.size],
      ['… that differs', '', differences.states],
      ['clients with a verdict', a.verdicts.size, b.verdicts.size],
      ['… bad', bad(a), bad(b)],
      ['… that differs in a bit', '', differences.verdicts],
      ['… in its calls or time', '', differences.counts],
      [`… replayed, of ${REPLAYED} the same to the bit`, ...again],
      ['… score within 0.02', '', `${(100 * differences.near).toFixed(2)}%`],
    ]);
    const isWhole = [a, b].every(({ calls, distinct }) => calls === CALLS && distinct === CALLS) && differences.counts === 0;
    const isSame = flags.cohorts ? differences.near >= 0.99 : differences.states === 0 && differences.verdicts === 0;
    const isReplayed = again.every((count) => count === REPLAYED);
    const isTried = war.deaths >= Number(flags.kills) && killer.done.brokers === 1;
    if (!isTried) console.error('fewer were killed than wanted: it was over too soon');
    const isGood = isWhole && isSame && isReplayed && isTried;
    console.log(isGood ? 'the same' : 'NOT the same');
    return isGood;
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit((await main()) ? 0 : 1);
