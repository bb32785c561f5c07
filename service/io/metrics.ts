import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../core/errors.ts';
import type { VerdictStore } from './verdict-store.ts';

/** What came of a gateway's question. */
export type AuthzResult = 'allow' | 'deny' | 'shadow' | 'expired' | 'unknown' | 'error';

/** What became of a question that says of which call it is; those that are taken are told of later, or lapse. */
export type EarlyResult = 'taken' | 'skipped' | 'rejected' | 'told' | 'lapsed';

export interface Metrics {
  readonly registry: Registry;
  /** Prometheus' text of what is counted, here or in all workers. */
  text(): Promise<string>;
  readonly calls: Counter;
  readonly rejections: Counter<'code'>;
  readonly verdicts: Counter<'verdict'>;
  /** Answers to gateways so far: plain numbers, since counting one by its label takes a twentieth of an answer. */
  readonly decisions: Record<AuthzResult, number>;
  readonly questions: Record<EarlyResult, number>;
  readonly deliverySeconds: Histogram;
  readonly commitSeconds: Histogram;
  readonly batchRecords: Histogram;
  readonly lag: Gauge<'partition'>;
  readonly staleness: Staleness;
}

/** Set by whoever keeps a copy of verdicts that other processes make too. */
export interface Staleness {
  /** Ms since the copy was last known to be up to date; null where all verdicts are made here. */
  ms(): number | null;
}

export const STALENESS_HEADER = 'x-assay-staleness';

/** The same in seconds, as the header says it. */
export function stalenessOf({ staleness }: Pick<Metrics, 'staleness'>): string | null {
  const ms = staleness.ms();
  return ms === null ? null : (ms / 1000).toFixed(1);
}

/** Counts one rejection under its code. */
export function countRejection({ rejections }: Metrics, code: ErrorCode): void {
  rejections.inc({ code });
}

/** How many clients are held, and how many were forgotten for the limit. */
export interface Population {
  readonly size: number;
  readonly evictions: number;
}

export function createMetrics(population: Population, store: VerdictStore): Metrics {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'assay_clients',
    help: 'Clients whose sessions are held',
    registers,
    collect() {
      this.set(population.size);
    },
  });
  new Gauge({
    name: 'assay_clients_evicted',
    help: 'Clients forgotten because the limit was reached',
    registers,
    collect() {
      this.set(population.evictions);
    },
  });
  new Gauge({
    name: 'assay_clients_by_verdict',
    help: 'Clients by their newest verdict',
    labelNames: ['verdict'] as const,
    registers,
    collect() {
      for (const [verdict, count] of Object.entries(store.counts)) this.set({ verdict }, count);
    },
  });
  new Gauge({
    name: 'assay_worker_info',
    help: 'Always 1, for each process that answers',
    labelNames: ['pid'],
    registers,
    collect() {
      this.set({ pid: process.pid }, 1);
    },
  });
  const staleness: Staleness = { ms: () => null };
  new Gauge({
    name: 'assay_verdicts_staleness_seconds',
    help: 'How long ago the verdicts held here were last known to be up to date',
    registers,
    aggregator: 'max',
    collect() {
      this.set((staleness.ms() ?? 0) / 1000);
    },
  });
  return {
    registry,
    text: () => registry.metrics(),
    staleness,
    commitSeconds: new Histogram({
      name: 'assay_commit_seconds',
      help: 'From what changed in a partition being taken to its transaction being committed',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    batchRecords: new Histogram({
      name: 'assay_batch_records',
      help: 'Records of a batch read from Kafka',
      buckets: [1, 10, 100, 1000, 10_000],
      registers,
    }),
    lag: new Gauge({
      name: 'assay_lag_records',
      help: 'Records of a partition that are there and not read yet, as of the last batch',
      labelNames: ['partition'],
      registers,
    }),
    calls: new Counter({ name: 'assay_calls_total', help: 'Calls accepted', registers }),
    rejections: new Counter({ name: 'assay_rejections_total', help: 'Records rejected', labelNames: ['code'], registers }),
    verdicts: new Counter({ name: 'assay_verdicts_total', help: 'Verdicts made', labelNames: ['verdict'], registers }),
    decisions: countPlainly<AuthzResult>(
      { name: 'assay_authz_total', help: 'Answers to gateways', registers },
      { allow: 0, deny: 0, shadow: 0, expired: 0, unknown: 0, error: 0 },
    ),
    questions: countPlainly<EarlyResult>(
      { name: 'assay_questions_total', help: "Gateways' questions as early word of calls", registers },
      { taken: 0, skipped: 0, rejected: 0, told: 0, lapsed: 0 },
    ),
    deliverySeconds: new Histogram({
      name: 'assay_delivery_seconds',
      help: 'From a batch being read to its verdicts being kept and published',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
  };
}

/** Numbers that cost nothing to count up, read when they are asked for. */
function countPlainly<Result extends string>(
  { name, help, registers }: { readonly name: string; readonly help: string; readonly registers: Registry[] },
  counts: Record<Result, number>,
): Record<Result, number> {
  new Counter({
    name,
    help,
    labelNames: ['result'] as const,
    registers,
    collect() {
      this.reset();
      for (const [result, count] of Object.entries<number>(counts)) this.inc({ result }, count);
    },
  });
  return counts;
}
