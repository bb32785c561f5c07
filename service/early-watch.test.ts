import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from './config.ts';
import type { Verdict } from './core/contracts.ts';
import { EARLY } from './core/early.ts';
import { type Lookout, lookAhead } from './early-lookout.ts';
import { type EarlyWatch, watchQuestions } from './early-watch.ts';
import { type AskDeps, ask } from './io/ask.ts';
import { readAskedCall } from './io/asked-call.ts';
import { createMetrics, type Metrics } from './io/metrics.ts';
import type { ScoringStages } from './pipeline.ts';
import { createStages } from './stages.ts';

const ADDRESS = '203.0.113.9';
const TOOL = 'sqlmap/1.7.2#stable (https://sqlmap.org)';
const LOOK_MS = 60;

interface Bench {
  readonly stages: ScoringStages;
  readonly watch: EarlyWatch;
  readonly lookout: Lookout;
  readonly metrics: Metrics;
  /** Each verdict by which a client is denied, and what is said of it. */
  readonly denied: Verdict[];
  readonly log: string[];
  /** @returns the status and the id of the decision */
  ask(id: string, uri: string, headers?: Record<string, string>): [number, string | undefined];
  /** The call's log line, with that status. */
  tell(id: string, uri: string, status: number, headers?: Record<string, string>): void;
}

async function start(): Promise<Bench> {
  const stages = await createStages(readConfig({}));
  const metrics = createMetrics(stages.observer, stages.store);
  const denied: Verdict[] = [];
  const log: string[] = [];
  const watch = watchQuestions({ counts: metrics.questions, now: Date.now });
  const lookout = lookAhead({
    ...{ stages, observer: stages.observer, counts: metrics.questions, log: { info: (text: string) => log.push(text) } },
    onForeseen(clientId, foreseen) {
      watch.hold(clientId, foreseen);
      if (foreseen?.verdict.action === 'deny') denied.push(foreseen.explain());
    },
  });
  watch.handTo(lookout);
  const deps: AskDeps = {
    ...stages,
    identifier: stages.observer.identifier,
    early: watch,
    metrics,
    subjectSalt: '',
    now: Date.now,
  };
  const questionOf = (id: string, uri: string, headers: Record<string, string>) => ({
    ...{ 'x-real-ip': ADDRESS, 'user-agent': TOOL, accept: '*/*', ...headers },
    'x-assay-call': `id=${id};method=GET;protocol=HTTP/1.1;cookie=;host=api.example;uri=${uri}`,
  });
  return {
    ...{ stages, watch, lookout, metrics, denied, log },
    ask(id, uri, headers = {}) {
      const said = ask({ headers: questionOf(id, uri, headers) }, deps, (error) => assert.fail(String(error)));
      return [said.status, new Map(said.headers).get('x-assay-decision')];
    },
    tell(id, uri, status, headers = {}) {
      const client = { ...NOBODY, clientIp: ADDRESS, userAgent: headers['user-agent'] ?? TOOL };
      const call = readAskedCall(questionOf(id, uri, headers), client, Date.now());
      assert.ok(call && 'path' in call);
      const told = { ...call, status, responseBytes: 180, durationMs: 2 };
      stages.observer.observe(told);
      lookout.tell(told.id);
    },
  };
}

const NOBODY = {
  ...{ userAgent: null, ja3: null, ja4: null, subject: null, authScheme: 'none', identityVerified: null },
  ...{ clientCertificate: null, tenant: null },
};
const attack = (i: number) => `/v1/items?id=${encodeURIComponent(`17' UNION SELECT ${i},NULL--`)}`;

test('what was told of a few calls and asked about more is enough to deny, before the log lines come', async (t) => {
  const { ask, tell, watch, stages, denied, log, metrics } = await start();
  t.after(() => watch.close());
  for (let i = 0; i < 2; i++) {
    assert.equal(ask(`a${i}`, attack(i))[0], 200);
    tell(`a${i}`, attack(i), 500);
  }
  for (let i = 2; i < 30; i++) ask(`a${i}`, attack(i));
  await sleep(LOOK_MS);
  const [status, decision] = ask('a30', attack(30));
  assert.equal(status, 403);
  assert.match(decision!, /\.early$/);
  assert.equal(log.length, 1);
  assert.match(log[0]!, /\.early is denied by what was only asked: \w/);
  assert.ok(denied[0]!.reasons.length > 0 && denied[0]!.calls > 8);
  const { clientId } = denied[0]!;
  assert.equal(stages.store.get(clientId), null, 'nothing is kept of it');
  for (let i = 2; i <= 30; i++) tell(`a${i}`, attack(i), 200);
  await sleep(LOOK_MS);
  assert.equal(watch.get(clientId), null, 'once all is told, what was told counts alone');
  assert.equal(metrics.questions.told, 31);
});

test('a gateway that does not say which call it is, and a credential that nobody knows, are answered and no more', async (t) => {
  const { ask, watch, metrics } = await start();
  t.after(() => watch.close());
  for (let i = 0; i < 10; i++) assert.equal(ask(`t${i}`, '/v1/me', { authorization: `Bearer guess-${i}` })[0], 200);
  assert.equal(ask('broken', '', { 'x-assay-call': '' })[0], 200);
  await sleep(LOOK_MS);
  assert.equal(metrics.questions.skipped, 10);
  assert.equal(metrics.questions.taken, 1);
});

test("beyond a client's limit questions are answered and not looked at", async (t) => {
  const { ask, watch, metrics } = await start();
  t.after(() => watch.close());
  for (let i = 0; i < EARLY.maxCalls + 20; i++) ask(`m${i}`, `/v1/orders/${i}`, { 'user-agent': 'okhttp/4.12.0' });
  await sleep(LOOK_MS);
  assert.deepEqual([metrics.questions.taken, metrics.questions.skipped], [EARLY.maxCalls, 20]);
});
