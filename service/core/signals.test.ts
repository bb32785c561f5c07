import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRejection } from './api-call.ts';
import { callsOf } from './calls.test.data.ts';
import { createRecord, K } from './client-record.ts';
import { O } from './cohort.ts';
import type { ApiCall } from './contracts.ts';
import { createObserver, type Snapshot } from './observe.ts';
import { observe } from './session.ts';
import { firedSignals, firesFirst, SIGNALS } from './signals.ts';

type Make = (i: number) => Partial<ApiCall>;
interface Scenario {
  /** Calls of a client that does it: how many, how far apart, and what they are. */
  readonly bad: readonly [number, number, Make];
  /** Calls of a good client that looks much like it. */
  readonly good: readonly [number, number, Make];
}

const login = (status: number, account: string | null = null) => ({ path: '/v1/login', method: 'POST', status, account });

const SCENARIOS: Record<string, Scenario> = {
  'ids-in-order': {
    bad: [40, 500, (i) => ({ path: `/v1/orders/${1000 + i}` })],
    good: [41, 500, (i) => ({ path: i === 0 ? '/v1/orders' : `/v1/orders/${1000 + i}` })],
  },
  'login-failures': {
    bad: [10, 2000, (i) => login(i === 7 ? 200 : 401)],
    good: [10, 2000, (i) => login(i % 3 === 2 ? 200 : 401)],
  },
  'many-accounts': {
    bad: [12, 2000, (i) => login(i === 5 ? 200 : 401, `account${i}`)],
    good: [12, 2000, (i) => login(i === 5 ? 401 : 200, `account${i}`)],
  },
  'refused-credentials': {
    bad: [20, 500, (i) => ({ subject: `guess${i}`, authScheme: 'bearer', status: 401 })],
    good: [120, 60_000, (i) => ({ subject: `token${(i / 10) | 0}`, authScheme: 'bearer', status: i % 10 === 9 ? 401 : 200 })],
  },
  'walks-on-404': {
    bad: [20, 200, (i) => ({ path: `/old/page${i}`, status: i % 5 ? 404 : 200 })],
    good: [40, 60_000, () => ({ path: '/v1/jobs/17/result', status: 404 })],
  },
  probes: {
    bad: [3, 200, (i) => ({ path: ['/.env', '/wp-login.php', '/.git/config'][i]!, status: 404 })],
    good: [30, 200, (i) => ({ path: ['/wp-login.php', '/wp-admin/', '/admin', '/v1/backup'][i % 4]!, status: 200 })],
  },
  injections: {
    bad: [4, 200, (i) => ({ path: '/v1/search', query: `q=${i}%27%20or%201=1--` })],
    good: [20, 200, () => ({ path: '/query', query: "q=SELECT Id FROM User WHERE Name = 'x' OR Email = 'y'" })],
  },
  'ignores-limit': {
    bad: [10, 100, () => ({ status: 429 })],
    good: [10, 5, () => ({ status: 429, durationMs: 400 })],
  },
  'goes-on-after-403': {
    bad: [12, 300, (i) => ({ path: `/v1/accounts/${i * 7}`, status: 403 })],
    good: [200, 300, (i) => ({ path: `/v1/reports/r${i % 9}`, status: i % 9 === 4 ? 403 : 200 })],
  },
  'declared-tool': {
    bad: [1, 0, () => ({ userAgent: 'sqlmap/1.8' })],
    good: [1, 0, () => ({ userAgent: 'curl/8.5.0' })],
  },
  'heeds-limit': {
    bad: [6, 5000, () => ({ status: 429 })],
    good: [6, 100, () => ({ status: 429 })],
  },
  'reads-conditionally': {
    bad: [5, 60_000, () => ({ status: 304 })],
    good: [5, 60_000, () => ({ status: 200 })],
  },
};

function recordOf([n, stepMs, make]: Scenario['bad']) {
  const record = createRecord();
  for (const call of callsOf(n, stepMs, make)) observe(record, call, { strength: 0 });
  return record;
}

const OF_CLIENTS = SIGNALS.filter(({ name }) => !name.startsWith('cohort-'));

test('every signal has a scenario, and a name of its own', () => {
  assert.deepEqual(Object.keys(SCENARIOS).sort(), OF_CLIENTS.map((signal) => signal.name).sort());
});

for (const { name, watched } of OF_CLIENTS)
  describe(name, () => {
    const { bad, good } = SCENARIOS[name]!;
    test('fires where it should, with a value and a text that holds it', () => {
      const fired = firedSignals(recordOf(bad)).find((signal) => signal.name === name);
      assert.ok(fired, `fired: ${firedSignals(recordOf(bad)).map((s) => s.name)}`);
      assert.ok(fired.value >= 1 && Number.isFinite(fired.value));
      assert.match(fired.text, /^[a-z0-9]/);
      assert.doesNotMatch(fired.text, /NaN|undefined/);
    });
    test('does not fire for the good client that looks like it', () => {
      assert.ok(!firedSignals(recordOf(good)).some((signal) => signal.name === name));
    });
    test(watched ? 'first fires in a snapshot of its own' : 'is not watched', () => {
      const record = recordOf(bad);
      const others = SIGNALS.some(
        (s) => s.watched && s.name !== name && firedSignals(record).some((fired) => fired.name === s.name),
      );
      assert.equal(firesFirst(record), watched || others);
      assert.equal(firesFirst(record), false);
    });
  });

test('a watched signal is scored at the call that fires it, not at the next on the schedule', () => {
  const observer = createObserver();
  const snapshots = callsOf(12, 2000, () => login(401))
    .map((call) => observer.observe(call))
    .map((seen) => (isRejection(seen) ? assert.fail(seen.detail) : seen.snapshot))
    .filter((snapshot): snapshot is Snapshot => snapshot !== null);
  assert.deepEqual(
    snapshots.map(({ calls }) => calls),
    [1, 2, 3, 5, 8],
  );
  const sixth = callsOf(7, 500, (i) => ({
    clientIp: '192.0.2.8',
    path: ['/a', '/b', '/c', '/d', '/.env', '/.git/config', '/.aws'][i]!,
    status: 404,
  }));
  const fired = sixth.map((call) => observer.observe(call)).filter((seen) => !isRejection(seen) && seen.snapshot !== null);
  assert.deepEqual(
    fired.map((seen) => !isRejection(seen) && seen.snapshot?.calls),
    [1, 2, 3, 5, 7],
  );
});

describe('cohort-login-failures', () => {
  const fires = (status: number, clients: number, fails: number, logins: number) => {
    const others = new Float32Array(O.size);
    others[O.clients] = clients;
    others[K.loginFails] = fails;
    others[K.logins] = logins;
    others[K.calls] = logins;
    return firedSignals(recordOf([1, 0, () => login(status)]), others).find(({ name }) => name === 'cohort-login-failures');
  };
  test('fires for a client that failed where many others did, and says how many', () => {
    const fired = fires(401, 280, 830, 850);
    assert.equal(fired?.value, 830);
    assert.match(fired.text, /^about 280 other clients with the same fingerprint failed about 830 logins/);
  });
  test('not for one that logged in, for a few others, or where most others succeed', () => {
    assert.equal(fires(200, 280, 830, 850), undefined);
    assert.equal(fires(401, 5, 830, 850), undefined);
    assert.equal(fires(401, 280, 80, 850), undefined);
  });
});
