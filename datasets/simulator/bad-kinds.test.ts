import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledCall } from '../dataset.ts';
import { UNFITTED } from './fitted.ts';
import { simulate } from './simulator.ts';

type Call = LabelledCall['call'];

/** Calls of each bad client by kind. */
const kinds = new Map<string, Map<string, Call[]>>();
for (const { call, truth } of simulate({ seed: 41, clients: 5000, view: 'nginx-json', fitted: UNFITTED })) {
  if (truth.label !== 'bad') continue;
  const clients = kinds.get(truth.kind) ?? new Map<string, Call[]>();
  kinds.set(truth.kind, clients);
  clients.set(truth.client, [...(clients.get(truth.client) ?? []), call]);
}

const clientsOf = (kind: string) => [...kinds.get(kind)!.values()];
const shareOf = (calls: readonly Call[], is: (call: Call) => boolean) => calls.filter(is).length / calls.length;
const isServed = ({ status }: Call) => status! < 400;

/** What a tenth of the values is below, and a tenth above. */
function tails(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[Math.floor(0.1 * sorted.length)]!, sorted[Math.floor(0.9 * sorted.length)]!];
}

test('no attack is known by the share of its calls that is served', () => {
  const varied =
    'cashing-out spam-posting graphql-abuse hijacked-session hijacked-key id-enumeration card-testing inventory-holding user-enumeration flood privilege-probing webhook-abuse';
  for (const kind of varied.split(' ')) {
    const [low, high] = tails(clientsOf(kind).map((calls) => shareOf(calls, isServed)));
    assert.ok(high - low > 0.5, `${kind}: ${low} to ${high}`);
  }
});

test('nor by its length: some make a handful of calls, others hundreds', () => {
  for (const kind of ['id-enumeration', 'scraping', 'coupon-guessing', 'vulnerability-scan', 'cashing-out', 'otp-guessing']) {
    const [low, high] = tails(clientsOf(kind).map(({ length }) => length));
    assert.ok(low < 20 && high > 100, `${kind}: ${low} to ${high}`);
  }
});

test('nor by a session: some log in, some hold a credential, some have none', () => {
  for (const kind of ['cashing-out', 'spam-posting', 'graphql-abuse', 'card-testing', 'scraping']) {
    const shares = clientsOf(kind).map((calls) => shareOf(calls, ({ subject }) => subject !== null));
    const without = shares.filter((share) => share === 0).length / shares.length;
    assert.ok(without > 0.08 && without < 0.92, `${kind}: ${without}`);
  }
});

test('spam goes to forms, to lists and to what belongs to an object', () => {
  const depths = new Set(
    clientsOf('spam-posting').map((calls) => calls.findLast(({ method }) => method === 'POST')?.path.split('/').length),
  );
  assert.ok(depths.size >= 4, [...depths].join());
});

test('firewall fingerprinting asks one page several times, with queries that filters know', () => {
  const asked = clientsOf('reconnaissance').filter(
    (calls) => calls.length > 3 && new Set(calls.map(({ path }) => path)).size === 1,
  );
  assert.ok(asked.some((calls) => new Set(calls.map(({ query }) => query)).size > 3));
});
