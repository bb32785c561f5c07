/** What the benches share: a broker, a run's own names on it, servers in processes of their own, and what is said of a machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import autocannon from 'autocannon';
import type { FastifyInstance } from 'fastify';
import type { App } from '../service/app.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { Identifier } from '../service/core/identify.ts';
import type { Observer } from '../service/core/observe.ts';
import { encodeCall } from '../service/io/avro.ts';
import { createHttp } from '../service/io/http.ts';
import { createClient, createPartitioner, type KafkaOptions } from '../service/io/kafka-client.ts';
import { createMetrics } from '../service/io/metrics.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { splitBody } from '../service/io/post-body.ts';
import type { VerdictStore } from '../service/io/verdict-store.ts';

export interface Broker {
  readonly brokers: string;
  stop(): Promise<void>;
  crash(): Promise<void>;
}

/** A real one, fetched as for the tests. */
export async function startBroker(): Promise<Broker> {
  const module = (await import(pathToFileURL(join(packageRoot, 'test', 'broker.mjs')).href)) as {
    startBroker(root: string): Promise<Broker>;
  };
  return module.startBroker(packageRoot);
}

export const PARTITIONS = 8;
/** Confluent's zero byte and schema id. */
export const HEADER_BYTES = 5;

/** The calls are the same for all runs; all else has the run's name. @param isKeyed whether the calls come keyed by client */
export function optionsOf(brokers: string, group: string, isKeyed: boolean): KafkaOptions {
  const name = (role: string) => `${group}-${role}`;
  const topics = {
    calls: 'calls',
    routed: isKeyed ? null : name('calls'),
    state: name('state'),
    shared: name('shared'),
    verdicts: name('verdicts'),
    labels: name('labels'),
    deadLetters: name('letters'),
    questions: null,
  };
  return { brokers: [brokers], group, topics, wireFormat: 'confluent', registryUrl: '' };
}

/** How a server is told to take part in a run. */
export function environmentOf({ brokers, group, topics }: KafkaOptions, dataFolder: string): Record<string, string> {
  return {
    PORT: '0',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    ASSAY_DATA: dataFolder,
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_GROUP: group,
    KAFKA_CALLS_KEYED: String(topics.routed === null),
    KAFKA_CALLS_TOPIC: topics.calls,
    KAFKA_ROUTED_TOPIC: topics.routed ?? '',
    KAFKA_STATE_TOPIC: topics.state,
    KAFKA_SHARED_TOPIC: topics.shared,
    KAFKA_VERDICTS_TOPIC: topics.verdicts,
    KAFKA_LABELS_TOPIC: topics.labels,
    KAFKA_DEAD_LETTERS_TOPIC: topics.deadLetters,
    ASSAY_EARLY: String(topics.questions !== null),
  };
}

/** Sends calls keyed by client, as producers do that know their clients. */
export async function produceKeyed(options: KafkaOptions, calls: Iterable<ApiCall> | AsyncIterable<ApiCall>): Promise<void> {
  const producer = createClient(options).producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const identifier = new Identifier({ key: 'assay', maxLinks: 1_000_000 });
  let messages: { key: string; value: Buffer }[] = [];
  const send = async () => {
    if (messages.length > 0) await producer.send({ topic: options.topics.calls, messages });
    messages = [];
  };
  for await (const call of calls) {
    messages.push({ key: identifier.identify(call).clientId, value: encodeCall(call) });
    if (messages.length === MAX_MESSAGES) await send();
  }
  await send();
  await producer.disconnect();
}

const MAX_MESSAGES = 1000;

/** What a server's metrics say, NaN where they don't. */
export async function metricOf({ http }: App, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec((await http.inject('/metrics')).body)?.[1]);
}

export function startServer(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [join(packageRoot, 'dist', 'service', 'main.js'), 'serve'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** A compiled script, path below dist/bench, that goes on once it has printed a line. */
export async function startScript(path: string, args: readonly string[] = []): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'bench', path), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, said: line.toString().trim() };
}

export async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Look-ups alone, without what calls come by; @param now ms since 1970 */
export function createLookups(store: VerdictStore, observer: Observer, now: () => number): FastifyInstance {
  return createHttp({
    store,
    identifier: observer.identifier,
    metrics: createMetrics(observer, store),
    post: async () => ({ accepted: 0, rejections: [] }),
    splitBody,
    keepLabels: async () => {},
    readiness: () => ({ ready: true, detail: '' }),
    subjectSalt: '',
    now,
    webFolder: join(packageRoot, 'service', 'web'),
    logger: false,
  });
}

/** The value that a share of the values, 0 to 1, lies below. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!;
}

export function spreadOf(ratios: readonly number[]) {
  return { median: quantile(ratios, 0.5), min: Math.min(...ratios), max: Math.max(...ratios) };
}

export const MACHINE = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };

const LOOKUP_CONNECTIONS = 32;
/** What a gateway passes on of a client that has a verdict. */
const ASKED = { 'x-real-ip': '192.0.2.1', 'user-agent': 'curl/8' };

/** Requests a second, and what 99% of them wait at most, in ms. @throws Error where one is not answered, or not by 2xx */
export async function load(url: string, seconds: number): Promise<[number, number]> {
  const waits: number[] = [];
  const options = { url, connections: LOOKUP_CONNECTIONS, duration: seconds, headers: ASKED };
  const { requests, errors, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, ms) => waits.push(ms));
  });
  if (errors > 0 || non2xx > 0) throw new Error(`${url}: ${errors} errors, ${non2xx} not 2xx`);
  return [requests.average, quantile(waits, 0.99)];
}
