/** An app on made-up parts for the tests of the HTTP server; not a test itself. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import type { Label, Verdict } from '../core/contracts.ts';
import { createObserver, type Observer } from '../core/observe.ts';
import { createHttp, type HttpDeps } from './http.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { packageRoot } from './package-root.ts';
import { VerdictStore } from './verdict-store.ts';

export const NOW_MS = Date.UTC(2026, 0, 15, 12);

export function verdictOf(overrides: Partial<Verdict> = {}): Verdict {
  const clientId = overrides.clientId ?? 'c1';
  return {
    id: `${clientId}.k1.3`,
    clientId,
    verdict: 'bad',
    score: 0.987654,
    action: 'deny',
    family: 'scraping',
    reasons: [
      { kind: 'signal', name: 'ordered-ids', text: '40 object ids asked for in order', weight: null, value: 40 },
      { kind: 'contribution', name: 'pace', text: '12 calls a second', weight: 1.25, value: 12 },
    ],
    baseLogOdds: -1.5,
    calls: 3,
    time: NOW_MS - 1000,
    sessionStart: NOW_MS - 60_000,
    novelty: 0.4,
    model: 'm1',
    featureSet: 'f1',
    policy: 'default@00000000',
    mode: 'live',
    expiresAt: NOW_MS + 3_600_000,
    ...overrides,
  };
}

export interface TestApp {
  readonly app: FastifyInstance;
  readonly store: VerdictStore;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly labels: Label[];
}

/** Closes itself when the test ends. */
export function createTestApp(t: TestContext, overrides: Partial<HttpDeps> = {}): TestApp {
  const observer = createObserver();
  const store = new VerdictStore();
  const metrics = createMetrics(observer, store);
  const labels: Label[] = [];
  const app = createHttp({
    store,
    identifier: observer.identifier,
    metrics,
    post: async (records) => ({ accepted: records.length, rejections: [] }),
    splitBody: (bytes) => ({ records: [{ bytes, origin: 'body' }], decode: () => ({ rejected: 'ASSAY_INTERNAL', detail: '' }) }),
    keepLabels: async (given) => {
      labels.push(...given);
    },
    readiness: () => ({ ready: true, detail: 'all is well' }),
    subjectSalt: 'salt',
    now: () => NOW_MS,
    webFolder: join(packageRoot, 'service', 'web'),
    ...overrides,
  });
  t.after(() => app.close());
  return { app, store, observer, metrics, labels };
}

/** How often gateways were answered so. */
export async function countDecisions({ registry }: Metrics, result: string): Promise<number> {
  return (
    (await registry.getSingleMetric('assay_authz_total')!.get()).values.find(({ labels }) => labels.result === result)?.value ?? 0
  );
}
