import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../core/errors.ts';
import type { Observer } from '../core/observe.ts';
import type { VerdictStore } from './verdict-store.ts';

export interface Metrics {
  readonly registry: Registry;
  readonly calls: Counter;
  readonly rejections: Counter<'code'>;
  readonly verdicts: Counter<'verdict'>;
  readonly decisions: Counter<'result'>;
  readonly deliverySeconds: Histogram;
}

/** Counts one rejection under its code. */
export function countRejection({ rejections }: Metrics, code: ErrorCode): void {
  rejections.inc({ code });
}

export function createMetrics(observer: Observer, store: VerdictStore): Metrics {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'assay_clients',
    help: 'Clients whose sessions are held',
    registers,
    collect() {
      this.set(observer.size);
    },
  });
  new Gauge({
    name: 'assay_clients_evicted',
    help: 'Clients forgotten because the limit was reached',
    registers,
    collect() {
      this.set(observer.evictions);
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
  return {
    registry,
    calls: new Counter({ name: 'assay_calls_total', help: 'Calls accepted', registers }),
    rejections: new Counter({ name: 'assay_rejections_total', help: 'Records rejected', labelNames: ['code'], registers }),
    verdicts: new Counter({ name: 'assay_verdicts_total', help: 'Verdicts made', labelNames: ['verdict'], registers }),
    decisions: new Counter({ name: 'assay_authz_total', help: 'Answers to gateways', labelNames: ['result'], registers }),
    deliverySeconds: new Histogram({
      name: 'assay_delivery_seconds',
      help: 'From a batch being read to its verdicts being kept and published',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
  };
}
