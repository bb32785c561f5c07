/**
 * What a server does with Kafka: it scores its share of the calls, takes its turn at routing them, keeps a copy of all
 * verdicts for look-ups, and hands on what came over HTTP or from files.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config.ts';
import { isRejection } from './core/api-call.ts';
import type { StreamTask } from './core/changes.ts';
import { CohortPeers } from './core/cohort.ts';
import { CohortWait } from './core/cohort-wait.ts';
import type { ApiCall } from './core/contracts.ts';
import { besideOf } from './core/dead-letter.ts';
import { Identifier } from './core/identify.ts';
import { createObserver, type Preview } from './core/observe.ts';
import type { DeadLetter, Delivery, Source } from './core/source.ts';
import type { Standing } from './core/verdict.ts';
import { type Lookout, lookAhead } from './early-lookout.ts';
import type { EarlyWatch } from './early-watch.ts';
import { unlessAborted } from './io/abort.ts';
import type { DiskStore } from './io/disk-store.ts';
import type { Copy, KafkaConnection, ScoringWork } from './io/kafka.ts';
import { findPartitions } from './io/kafka-client.ts';
import type { LogReader } from './io/kafka-log.ts';
import { countRejection, type Metrics, type Population } from './io/metrics.ts';
import type { ScoringStages } from './pipeline.ts';
import { observerOptions } from './stages.ts';
import { PartitionTask } from './task.ts';

export type Task = (stop: AbortSignal) => Promise<void>;

/** The partitions' tasks that are this process's; without any, the clients of its one observer are counted. */
export class Tasks implements Population {
  readonly #own: Population;
  readonly #observers = new Map<number, StreamTask['observer']>();
  /** Of tasks that are not here any more. */
  #evictions = 0;

  constructor(own: Population) {
    this.#own = own;
  }

  set(partition: number, task: StreamTask | null): void {
    this.#evictions += this.#observers.get(partition)?.evictions ?? 0;
    if (task) this.#observers.set(partition, task.observer);
    else this.#observers.delete(partition);
  }

  /** The one that holds the client, or will hold it; undefined where that is another process's, or not known. */
  observerOf(clientId: string, partition: number | null): StreamTask['observer'] | undefined {
    if (partition !== null) return this.#observers.get(partition);
    for (const observer of this.#observers.values()) if (observer.has(clientId)) return observer;
    return undefined;
  }

  get size(): number {
    return this.#sum(({ size }) => size);
  }

  get evictions(): number {
    return this.#evictions + this.#sum(({ evictions }) => evictions);
  }

  #sum(of: (population: Population) => number): number {
    return [this.#own, ...this.#observers.values()].reduce((sum, observer) => sum + of(observer), 0);
  }
}

export interface WorkParts {
  readonly config: Config;
  readonly scoring: ScoringStages;
  readonly metrics: Metrics;
  readonly disk: DiskStore;
  readonly population: Tasks;
  readonly early: EarlyWatch | null;
  readonly log: FastifyBaseLogger;
}

/** Resolves, with what there is to do, once the copy of the verdicts is as new as Kafka's was at the start, or `signal` aborts. */
export async function startKafkaWork(
  kafka: KafkaConnection,
  inputs: readonly Source[],
  parts: WorkParts,
  signal: AbortSignal,
): Promise<Task[]> {
  const { scoring, metrics, disk, log, config } = parts;
  const peers = new CohortPeers();
  const copy = await kafka.follow(copyInto(parts, peers));
  metrics.staleness.ms = () => copy.stalenessMs();
  await unlessAborted(copy.caughtUp, signal);
  const { good, unsure, bad } = scoring.store.counts;
  log.info(`${good + unsure + bad} verdicts read from Kafka`);
  const lookout = await shareQuestions(kafka, parts);
  const createIdentifier = (onLink: (change: Parameters<Identifier['restore']>[0]) => void) =>
    new Identifier({ ...observerOptions(config), onLink });
  return [
    (stop) => kafka.score(scoringWork(kafka, parts, peers, lookout), stop),
    (stop) => kafka.route({ createIdentifier, onRejection: ({ rejected }) => countRejection(metrics, rejected) }, stop),
    (stop) => kafka.followLabels((label) => disk.keepLabel(label), stop),
    (stop) => keepCopy(copy, stop),
    ...inputs.map((source) => (stop: AbortSignal) => forward(source, kafka, metrics, stop)),
  ];
}

/** A process's own verdicts come back to it, when newer ones may stand already. */
function copyInto({ scoring: { store, observer }, metrics }: WorkParts, peers: CohortPeers): Copy {
  return {
    onVerdict(clientId, verdict) {
      const held = store.standing(clientId);
      if (verdict === null) store.remove(clientId);
      else if (held === null || isNews(verdict, held)) store.put(verdict);
    },
    onLink: (change) => observer.identifier.restore(change),
    onCohort: (partition, id, record) => peers.set(partition, id, record),
    onRejection: ({ rejected }) => countRejection(metrics, rejected),
  };
}

function isNews({ time, calls, score, verdict }: Standing, held: Standing): boolean {
  if (time !== held.time) return time > held.time;
  return calls !== held.calls || score !== held.score || verdict !== held.verdict;
}

/** Questions go to whoever holds the client, who tells all processes whom they are not simply to let through. */
async function shareQuestions(
  kafka: KafkaConnection,
  { config, early, scoring, metrics, population, log }: WorkParts,
): Promise<Lookout | null> {
  if (!early) return null;
  const partitionOf = config.KAFKA_CALLS_KEYED ? () => null : findPartitions(kafka.partitions);
  const observerOf = (clientId: string) => population.observerOf(clientId, partitionOf(clientId));
  const told = new Set<string>();
  const lookout = lookAhead({
    stages: scoring,
    observer: { preview: (clientId) => observerOf(clientId)?.preview(clientId) ?? NOTHING_FORESEEN },
    counts: metrics.questions,
    onForeseen(clientId, foreseen) {
      const isTold = foreseen !== null && foreseen.verdict.action !== 'allow';
      if (isTold) told.add(clientId);
      else if (!told.delete(clientId)) return;
      questions?.tell(clientId, isTold ? foreseen.explain() : null);
    },
    log,
  });
  const questions = await kafka.openQuestions({
    isOwn: (clientId) => observerOf(clientId) !== undefined,
    onAsked: lookout.take,
    onForeseen: (clientId, verdict) => early.hold(clientId, verdict && { verdict, explain: () => verdict }),
  });
  if (!questions) return null;
  early.handTo({ ...lookout, hasRoom: () => true, take: questions.pass });
  return lookout;
}

/** Of a client that another process has taken over. */
const NOTHING_FORESEEN: Preview = { add: () => null };

/** Until `stop` aborts. */
async function keepCopy(copy: LogReader, stop: AbortSignal): Promise<void> {
  await unlessAborted(copy.ended, stop);
  await copy.close();
}

function scoringWork(
  kafka: KafkaConnection,
  { config, scoring, metrics, population }: WorkParts,
  peers: CohortPeers,
  lookout: Lookout | null,
): ScoringWork {
  const options = observerOptions(config);
  // The same whoever holds the partition: what is forgotten must not depend on that.
  const maxClients = Math.ceil(options.maxClients / kafka.partitions);
  return {
    commitMs: config.KAFKA_COMMIT_MS,
    createTask(partition) {
      const wait = new CohortWait(peers.reached, partition);
      return new PartitionTask({
        ...scoring,
        mustWait: (time) => wait.mustWait(time, scoring.now()),
        identifies: config.KAFKA_CALLS_KEYED,
        createObserver: (hooks) => createObserver({ ...options, maxClients, peers: peers.besides(partition), ...hooks }),
        onCall({ id }) {
          metrics.calls.inc();
          lookout?.tell(id);
        },
        onVerdict: ({ verdict }) => metrics.verdicts.inc({ verdict }),
        onRejection: ({ rejected }) => countRejection(metrics, rejected),
        onLink: (change) => scoring.observer.identifier.restore(change),
      });
    },
    onTask(partition, task) {
      population.set(partition, task);
      if (!task) metrics.lag.remove({ partition: String(partition) });
    },
    onBatch({ partition, records, lag }) {
      metrics.batchRecords.observe(records);
      metrics.lag.set({ partition: String(partition) }, lag);
    },
    onCommit: ({ seconds }) => metrics.commitSeconds.observe(seconds),
  };
}

/** What came another way goes the way of all calls: onto the topic, where it outlives this process once it is acknowledged. */
async function forward(source: Source, kafka: KafkaConnection, metrics: Metrics, stop: AbortSignal): Promise<void> {
  for await (const delivery of source.deliveries(stop)) {
    const { calls, letters } = decodeAll(delivery);
    await kafka.sendCalls(calls);
    if (letters.length > 0) await kafka.bury(letters);
    for (const { rejected } of letters) countRejection(metrics, rejected);
    await delivery.acknowledge({ accepted: calls.length, rejections: letters });
  }
}

function decodeAll({ records, decode }: Delivery): { calls: ApiCall[]; letters: DeadLetter[] } {
  const receivedAtMs = Date.now();
  const calls: ApiCall[] = [];
  const letters: DeadLetter[] = [];
  for (const record of records) {
    const call = decode(record, receivedAtMs);
    if (isRejection(call)) letters.push({ ...call, origin: record.origin, bytes: record.bytes, ...besideOf(record) });
    else calls.push(call);
  }
  return { calls, letters };
}
