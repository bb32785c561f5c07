/** Wires a server: where calls come from, where verdicts go, what is kept, and the order of starting and stopping. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type AddressWatch, watchAddresses } from './address-watch.ts';
import type { Config } from './config.ts';
import type { Label, Verdict } from './core/contracts.ts';
import { AssayError } from './core/errors.ts';
import type { Decision } from './core/provenance.ts';
import type { Source } from './core/source.ts';
import { type Lookout, lookAhead } from './early-lookout.ts';
import { watchQuestions } from './early-watch.ts';
import { unlessAborted } from './io/abort.ts';
import { createDialects } from './io/dialects.ts';
import { DiskStore } from './io/disk-store.ts';
import { createReplaySource, fileIdentity } from './io/files.ts';
import { createHttp } from './io/http.ts';
import { createHttpSource } from './io/http-source.ts';
import { connectKafka, type KafkaConnection } from './io/kafka.ts';
import { countRejection, createMetrics, type Metrics } from './io/metrics.ts';
import { packageRoot } from './io/package-root.ts';
import { splitBody } from './io/post-body.ts';
import { createTailSource } from './io/tail.ts';
import { kafkaOptions } from './kafka-options.ts';
import { startKafkaWork, type Task, Tasks, type WorkParts } from './kafka-work.ts';
import { runPipeline, type Stages } from './pipeline.ts';
import { createStages } from './stages.ts';
import { linkToPrimary } from './workers.ts';

export interface App {
  readonly http: FastifyInstance;
  /** Listens and serves until `signal` aborts, then lets what is under way finish and closes everything. */
  run(signal: AbortSignal): Promise<void>;
}

const BUNDLED_LOG = join(packageRoot, 'datasets', 'apache-access', 'access.log.gz');

/** @throws AssayError where the model, the policy or Kafka can't be used */
export async function createApp(config: Config): Promise<App> {
  const disk = new DiskStore(config.ASSAY_DATA, { limit: config.ASSAY_MAX_CLIENTS });
  const scoring = await createStages(config, (change) => disk.keepLink(change));
  const restored = disk.restore(scoring.observer, scoring.store);
  const population = new Tasks(scoring.observer);
  const metrics = createMetrics(population, scoring.store);
  const primary = linkToPrimary(() => metrics.registry.getMetricsAsJSON());
  if (primary) metrics.text = () => primary.metrics();
  const posted = createHttpSource({ maxWaiting: config.ASSAY_HTTP_QUEUE });
  let readiness = { ready: false, detail: 'starting' };
  const watch = config.ASSAY_CROWDSEC_KEYS ? watchAddresses(config, scoring) : null;
  const early = config.ASSAY_EARLY ? watchQuestions({ counts: metrics.questions, now: Date.now }) : null;
  const asking = {
    ...(early ? { early } : {}),
    store: scoring.store,
    identifier: scoring.observer.identifier,
    metrics,
    subjectSalt: config.ASSAY_SUBJECT_SALT,
    now: Date.now,
  };
  const keepHere = async (labels: readonly Label[]) => {
    await Promise.all(labels.map((label) => disk.keepLabel(label)));
  };
  let keepLabels: typeof keepHere = config.KAFKA_BROKERS ? refuseLabels : keepHere;
  const http = await createHttp({
    ...asking,
    post: posted.post,
    ...(watch ? { crowdSec: { keys: config.ASSAY_CROWDSEC_KEYS.split(','), deniedAddresses: watch.denied } } : {}),
    splitBody,
    keepLabels: (labels) => keepLabels(labels),
    readiness: () => readiness,
    webFolder: join(packageRoot, 'service', 'web'),
    logger: { level: config.LOG_LEVEL },
  });
  http.log.info(`${scoring.context.model} loaded; ${restored} clients restored from ${config.ASSAY_DATA}`);
  if (config.ASSAY_KEY === 'assay')
    http.log.warn('client ids are hashed with the default key; set ASSAY_KEY to a secret of your own');
  if (config.KAFKA_SASL_MECHANISM === 'PLAIN' && !config.KAFKA_TLS)
    http.log.warn('PLAIN without KAFKA_TLS sends the Kafka password as it is: everyone on the way can read it');

  return {
    http,
    async run(signal) {
      const stopping = () => {
        readiness = { ready: false, detail: 'stopping' };
      };
      // Workers share a port, so whoever asks on it must find one that is ready: they listen from when they are until they close.
      if (!primary) signal.addEventListener('abort', stopping);
      const dialects = createDialects({ ...portsOf(config), post: posted.post, deps: asking, log: http.log });
      const listen = async () => {
        await dialects.listen();
        await http.listen({ host: config.HOST, port: config.PORT });
      };
      let kafka: KafkaConnection | null = null;
      try {
        // Look-ups are answered from what is on disk even while Kafka is away.
        if (!primary) await listen();
        kafka = config.KAFKA_BROKERS ? await reachKafka(config, http, signal) : null;
        if (kafka) keepLabels = kafka.sendLabels;
        const inputs = [posted, ...tailedSources(config, disk, http), ...recordedSources(config, disk, http)].map((source) =>
          measured(source, metrics),
        );
        const parts = { config, scoring, metrics, disk, population, early, log: http.log };
        readiness = { ready: false, detail: 'reading the verdicts' };
        const work = kafka ? await startKafkaWork(kafka, inputs, parts, signal) : embeddedWork(inputs, parts, watch);
        if (!signal.aborted) {
          readiness = { ready: true, detail: 'serving' };
          if (primary) await listen();
          primary?.ready();
        }
        await runAll(signal, work);
      } finally {
        if (!primary) stopping();
        early?.close();
        await Promise.all([http.close(), dialects.close()]);
        await kafka?.close();
        // What a start without Kafka can answer from.
        if (kafka) await disk.keep(scoring, withoutProvenance(scoring.store.all()), new Set());
        await disk.close();
      }
    },
  };
}

/** With Kafka labels go to their topic, where whoever trains finds those of all processes. */
async function refuseLabels(): Promise<void> {
  throw new AssayError('ASSAY_KAFKA_UNAVAILABLE', 'not connected yet');
}

function portsOf({ HOST, ASSAY_SPOE_PORT, ASSAY_GRPC_PORT, ASSAY_SYSLOG_PORT, ASSAY_FORMAT }: Config) {
  const ports = { spoePort: ASSAY_SPOE_PORT, grpcPort: ASSAY_GRPC_PORT, syslogPort: ASSAY_SYSLOG_PORT };
  return { host: HOST, ...ports, format: ASSAY_FORMAT };
}

/** What they were made from stays in Kafka. */
function* withoutProvenance(verdicts: Iterable<Verdict>): Generator<Decision> {
  for (const verdict of verdicts) yield { verdict, provenance: null };
}

const KAFKA_RETRY_MS = 5000;

/** Connects, trying again for as long as it takes; null once `signal` aborts. */
async function reachKafka(config: Config, http: FastifyInstance, signal: AbortSignal): Promise<KafkaConnection | null> {
  const onNotice = (text: string) => http.log.warn(text);
  while (!signal.aborted) {
    try {
      const options = { ...kafkaOptions(config), signal, onNotice, outageLimitMs: Number.POSITIVE_INFINITY };
      return await firstOf(connectKafka(options), signal);
    } catch (error) {
      if (!(error instanceof AssayError) || !error.canRetry) throw error;
      http.log.error({ code: error.code }, `${error.message}; trying again`);
      await sleep(KAFKA_RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
  return null;
}

/** The connection, or null as soon as `signal` aborts: the client's own retries are not waited for. */
async function firstOf(connecting: Promise<KafkaConnection>, signal: AbortSignal): Promise<KafkaConnection | null> {
  const connection = await unlessAborted(connecting, signal);
  if (connection === null) connecting.then((late) => late.close()).catch(() => {});
  return connection;
}

/** Runs all until each has ended; the first that fails stops the others, so that no half-working server lingers. */
async function runAll(signal: AbortSignal, tasks: readonly Task[]): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const guarded = tasks.map((task) =>
    task(stop).catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(guarded);
  const fault = outcomes.find((outcome) => outcome.status === 'rejected');
  if (fault) throw fault.reason;
}

function lookHere({ early, scoring, metrics, log }: WorkParts): Lookout | null {
  if (!early) return null;
  const { observer } = scoring;
  const lookout = lookAhead({ stages: scoring, observer, counts: metrics.questions, onForeseen: early.hold, log });
  early.handTo(lookout);
  return lookout;
}

/** Everything in this process: state and verdicts on its disk. */
function embeddedWork(inputs: readonly Source[], parts: WorkParts, watch: AddressWatch | null): Task[] {
  const { scoring, disk, metrics } = parts;
  const lookout = lookHere(parts);
  const stages: Stages = {
    ...scoring,
    onCall(call, clientId) {
      watch?.onCall(call, clientId);
      lookout?.tell(call.id);
    },
    onVerdict(verdict) {
      metrics.verdicts.inc({ verdict: verdict.verdict });
      watch?.onVerdict(verdict);
    },
    publish: (decisions, touched) => disk.keep(scoring, decisions, touched),
    async bury(letters) {
      for (const { rejected } of letters) countRejection(metrics, rejected);
      if (letters.length > 0) await disk.bury(letters);
    },
  };
  return inputs.map((source) => (stop) => runPipeline(source, stages, stop));
}

/** The configured files one after the other, or the bundled log where nothing else brings calls; each from where it was left. */
function recordedSources(config: Config, disk: DiskStore, http: FastifyInstance): Source[] {
  const files = config.ASSAY_FILES.split(',').filter(Boolean);
  const resume = (path: string, callsPerSecond: number, format: string) => {
    const position = `read:${fileIdentity(path)}`;
    const startAt = disk.get(position);
    if (startAt > 0) http.log.info(`${path}: reading on after record ${startAt}`);
    return createReplaySource(path, {
      ...(format ? { format } : {}),
      callsPerSecond,
      startAt,
      onReplayed: (records) => disk.set(position, records),
      onFault: ({ code, message }) => http.log.error({ code, path }, message),
    });
  };
  if (files.length > 0) return [inSequence(files.map((path) => resume(path, Number.POSITIVE_INFINITY, config.ASSAY_FORMAT)))];
  const isFed = config.KAFKA_BROKERS || config.ASSAY_TAIL || config.ASSAY_SYSLOG_PORT > 0;
  if (isFed || config.ASSAY_REPLAY_RATE === 0) return [];
  http.log.info(
    `no source is set (KAFKA_BROKERS, ASSAY_FILES, ASSAY_TAIL, ASSAY_SYSLOG_PORT): replaying a real web log of 2015, ${config.ASSAY_REPLAY_RATE} calls/s; ` +
      'ASSAY_REPLAY_RATE=0 turns that off',
  );
  return [resume(BUNDLED_LOG, config.ASSAY_REPLAY_RATE, 'combined')];
}

/** Logs that are being written, each followed from where it was left. */
function tailedSources({ ASSAY_TAIL, ASSAY_FORMAT }: Config, disk: DiskStore, http: FastifyInstance): Source[] {
  const keyOf = (identity: string) => `tail:${identity}`;
  return ASSAY_TAIL.split(',')
    .filter(Boolean)
    .map((path) =>
      createTailSource(path, {
        format: ASSAY_FORMAT,
        positionOf: (identity) => disk.get(keyOf(identity)),
        keepPosition: (identity, bytes) => disk.set(keyOf(identity), bytes),
        onFault: ({ code, message }) => http.log.error({ code, path }, message),
      }),
    );
}

/** Event time runs on from one file to the next, so they are not read side by side. */
function inSequence(sources: readonly Source[]): Source {
  return {
    name: 'files',
    async *deliveries(signal) {
      for (const source of sources) yield* source.deliveries(signal);
    },
  };
}

function measured({ name, deliveries }: Source, metrics: Metrics): Source {
  return {
    name,
    async *deliveries(signal) {
      for await (const delivery of deliveries(signal)) {
        const stopTimer = metrics.deliverySeconds.startTimer();
        yield {
          ...delivery,
          async acknowledge(outcome) {
            await delivery.acknowledge(outcome);
            metrics.calls.inc(outcome.accepted);
            stopTimer();
          },
        };
      }
    },
  };
}
