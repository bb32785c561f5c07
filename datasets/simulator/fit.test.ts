import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiCall } from '../../service/core/contracts.ts';
import type { LabelledCall } from '../dataset.ts';
import { createSeries, fit, stackOf } from './fit.ts';
import { createFittedPace, drawQuantile, okShareOf, UNFITTED } from './fitted.ts';
import { createRandom } from './random.ts';
import { simulate } from './simulator.ts';
import { STACKS, type StackName } from './stacks.ts';

const measured = fit(simulate({ seed: 9, clients: 2500, view: 'nginx-json', fitted: UNFITTED }));
const [sample] = simulate({ seed: 1, clients: 20 });

function labelled(client: string, time: number, more: Partial<ApiCall> = {}): LabelledCall {
  const truth = { client, label: 'good', kind: 'k', tool: 'curl', group: client } as const;
  return { call: { ...sample!.call, time, ...more }, truth };
}

/** Ten calls of each of two clients, 100 ms apart, one pause of an hour among them. */
const regular = ['a', 'b'].flatMap((client) =>
  Array.from({ length: 10 }, (_x, i) =>
    labelled(client, i * 100 + (i > 4 ? 3_600_000 : 0), {
      status: i < 8 ? 200 : 404,
      responseBytes: i < 8 ? 900 : 25,
      userAgent: 'curl/8.5.0',
      httpVersion: '1.1',
      headerNames: i % 2 ? ['host', 'user-agent', 'accept', 'x-mine'] : ['host', 'authorization', 'user-agent', 'accept'],
    }),
  ),
);

test('a kind has its calls, pauses, statuses and sizes', () => {
  const { kinds, okBytes } = fit(regular);
  const kind = kinds['good k']!;
  assert.equal(kind.clients, 2);
  assert.deepEqual(new Set(kind.calls), new Set([10]));
  assert.deepEqual(new Set(kind.gapMs), new Set([100]), 'the median pause, whatever the longest');
  assert.deepEqual(kind.statuses, { '200': 0.8, '404': 0.2 });
  assert.deepEqual([kind.okBytes[0], kind.errorBytes[0], okBytes[5]], [900, 25, 900]);
  assert.equal(okShareOf(kind), 0.8);
});

test('a program has its headers in order, those with cause marked, and a place for its own', () => {
  const { stacks, tools } = fit(regular);
  assert.equal(stacks.curl?.order, 'host +authorization user-agent accept +extra');
  assert.equal(tools.curl, stacks.curl?.order);
  assert.deepEqual(stacks.curl?.agents, ['curl/8.5.0']);
});

test('a user agent names its program, whatever its version', () => {
  const named = {
    'curl/8.5.0': 'curl',
    'python-requests/2.99.1': 'python-requests',
    'sqlmap/1.8.4#stable (https://sqlmap.org)': 'sqlmap',
  };
  for (const [agent, name] of Object.entries(named)) assert.equal(stackOf(agent), name);
  assert.equal(stackOf('curl/8.5.0 and more'), undefined);
});

test('what the simulator was given is what is measured of it: header names of libraries', () => {
  for (const name of ['axios', 'go', 'curl', 'okhttp'] as StackName[]) {
    const always = (order: string) => order.split(' ').filter((slot) => !slot.startsWith('+') && slot !== 'connection');
    const found = measured.stacks[name];
    assert.ok(found, name);
    assert.deepEqual(always(found.order).toSorted(), always(STACKS[name].order).toSorted(), name);
  }
});

test('most kinds of a simulation are measured, with ascending quantiles', () => {
  assert.ok(Object.keys(measured.kinds).length > 50);
  for (const [name, { calls, gapMs, gapRatio }] of Object.entries(measured.kinds))
    for (const quantiles of [calls, gapMs, gapRatio])
      assert.deepEqual(
        quantiles,
        quantiles.toSorted((a, b) => a - b),
        name,
      );
});

test('a bad client is not believed to be the library that it names', () => {
  const bad = regular.map(({ call, truth }) => ({ call, truth: { ...truth, label: 'bad' as const } }));
  assert.deepEqual(fit(bad).stacks, {});
});

test('a series keeps its quantiles in bounded memory', () => {
  const series = createSeries();
  for (let i = 1; i <= 100_000; i++) series.add(i);
  const quantiles = series.quantiles();
  assert.ok(Math.abs(quantiles[10]! - 50_000) < 1000, String(quantiles[10]));
  assert.ok(series.some(64).length <= 64);
});

test('draws lie between the quantiles, and a fitted pace keeps its median', () => {
  const random = createRandom(3);
  const draws = Array.from({ length: 2000 }, () => drawQuantile(random, [1, 10, 1000]));
  assert.ok(draws.every((x) => x >= 1 && x <= 1000));
  assert.ok(Math.abs(draws.filter((x) => x < 10).length / 2000 - 0.5) < 0.05);
  const kind = { ...measured.kinds['good partner-sync']!, gapMs: [70, 70], gapRatio: [0.5, 1, 1, 2] };
  const pace = createFittedPace(random, kind, 2);
  const waits = Array.from({ length: 501 }, pace).sort((a, b) => a - b);
  assert.ok(Math.abs(waits[250]! - 140) < 5, String(waits[250]));
});
