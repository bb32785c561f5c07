import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledCall } from '../dataset.ts';
import { UNFITTED } from './fitted.ts';
import { simulate } from './simulator.ts';

type Calls = LabelledCall['call'][];

/** Calls of each good client, by its kind. */
const clients = new Map<string, Map<string, Calls>>();
for (const { call, truth } of simulate({ seed: 21, clients: 4000, view: 'nginx-json', fitted: UNFITTED })) {
  if (truth.label !== 'good') continue;
  const some = clients.get(truth.kind) ?? new Map<string, Calls>();
  clients.set(truth.kind, some.set(truth.client, [...(some.get(truth.client) ?? []), call]));
}

const ofKind = (kind: string): Calls[] => [...(clients.get(kind)?.values() ?? [])];
const share = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length / Math.max(1, items.length);
const refused = (calls: Calls) => share(calls, ({ status }) => status! >= 400 && status !== 429 && status! < 500);
const quantile = (values: number[], q: number) => values.sort((a, b) => a - b)[Math.floor((values.length - 1) * q)]!;

for (const kind of ['outdated-client', 'moved-api', 'revoked-key', 'stale-sync', 'api-test', 'health-probe', 'token-loop'])
  test(`${kind}: some are refused now and then, some nearly always`, () => {
    const shares = ofKind(kind).map(refused);
    assert.ok(shares.length >= 4, String(shares.length));
    assert.ok(quantile(shares, 0.1) < 0.5, `least ${quantile(shares, 0.1)}`);
    assert.ok(quantile(shares, 0.9) > 0.4, `most ${quantile(shares, 0.9)}`);
  });

for (const kind of [
  'point-of-sale',
  'recurring-billing',
  'cart-service',
  'bulk-onboarding',
  'sign-in-gateway',
  'phone-verification',
])
  test(`${kind}: most of what it does comes through, and its size varies`, () => {
    const shares = ofKind(kind).map(refused);
    assert.ok(shares.length >= 4, String(shares.length));
    assert.ok(quantile(shares, 0.5) < 0.5, `half ${quantile(shares, 0.5)}`);
    const sizes = ofKind(kind).map((calls) => calls.length);
    assert.ok(Math.max(...sizes) > 5 * Math.min(...sizes), `${Math.min(...sizes)} to ${Math.max(...sizes)}`);
  });

test('a suite asks for the same again, run after run', () => {
  const distinct = ofKind('api-test')
    .filter((calls) => calls.length > 60)
    .map((calls) => new Set(calls.map(({ method, path }) => `${method} ${path}`)).size / calls.length);
  assert.ok(distinct.length > 3 && quantile(distinct, 0.5) < 0.6, String(quantile(distinct, 0.5)));
});

test('a company speaks in several ways through one address', () => {
  for (const calls of ofKind('company-gateway')) assert.equal(new Set(calls.map(({ clientIp }) => clientIp)).size, 1);
  const ways = ofKind('company-gateway').map((calls) => new Set(calls.map(({ userAgent }) => userAgent)).size);
  assert.ok(ways.length > 5 && quantile(ways, 0.5) >= 3, String(quantile(ways, 0.5)));
});

test('a sign-in gateway lets many people in from few addresses', () => {
  const large = ofKind('sign-in-gateway').filter((calls) => calls.length > 50);
  assert.ok(large.length > 3, String(large.length));
  for (const calls of large) assert.ok(new Set(calls.map(({ clientIp }) => clientIp)).size <= 6);
});
