import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledCall } from '../dataset.ts';
import { createLabelCollector, type LabelLine } from './label.ts';
import { simulate } from './simulator.ts';

const [sample] = simulate({ seed: 1, clients: 20 });

function labelled(client: string, label: 'good' | 'bad', clientIp: string, subject: string | null): LabelledCall {
  return { call: { ...sample!.call, clientIp, subject }, truth: { client, label, kind: 'k', tool: 't', group: client } };
}

function linesFor(calls: readonly LabelledCall[]): LabelLine[] {
  const collector = createLabelCollector();
  for (const call of calls) collector.add(call);
  return [...collector.lines()];
}

const named = { label: 'good', kind: 'k', tool: 't' } as const;

test('a subject names a client that always carries it, else its address does', () => {
  assert.deepEqual(linesFor([labelled('a', 'good', '1.1.1.1', 's'), labelled('a', 'good', '1.1.1.2', 's')]), [
    { subject: 's', ...named },
  ]);
  assert.deepEqual(linesFor([labelled('a', 'good', '1.1.1.1', null), labelled('a', 'good', '1.1.1.1', 's')]), [
    { clientIp: '1.1.1.1', ...named },
  ]);
});

test('a client that rotates addresses has a line for each', () => {
  const lines = linesFor([labelled('a', 'good', '1.1.1.1', null), labelled('a', 'good', '1.1.1.2', null)]);
  assert.deepEqual(
    lines.map(({ clientIp }) => clientIp),
    ['1.1.1.1', '1.1.1.2'],
  );
});

test('an address of both labels has no line, though a subject behind it has', () => {
  const lines = linesFor([
    labelled('a', 'good', '1.1.1.1', null),
    labelled('b', 'bad', '1.1.1.1', null),
    labelled('c', 'good', '1.1.1.1', 's'),
  ]);
  assert.deepEqual(lines, [{ subject: 's', ...named }]);
});

test('where a session turned, only the addresses that were bad are named', () => {
  const before = labelled('a', 'good', '1.1.1.1', null);
  const after = labelled('a', 'bad', '1.1.1.2', null);
  assert.deepEqual(
    linesFor([before, after]).map(({ clientIp, label }) => [clientIp, label]),
    [['1.1.1.2', 'bad']],
  );
});

test('no line of a whole simulation covers an actor of the other label, and most clients have one', () => {
  const calls = [...simulate({ seed: 21, clients: 1500 })];
  const lines = linesFor(calls);
  const badOf = new Map(lines.map((line) => [line.subject ?? line.clientIp, line.label]));
  assert.equal(badOf.size, lines.length, 'each name once');
  const bad = new Set(calls.flatMap(({ truth }) => (truth.label === 'bad' ? truth.client : [])));
  const covered = new Set<string>();
  for (const { call, truth } of calls)
    for (const name of [call.subject, call.clientIp]) {
      const label = name === null ? undefined : badOf.get(name);
      if (label === undefined) continue;
      assert.equal(label, bad.has(truth.client) ? 'bad' : 'good', `${name} of ${truth.client}`);
      covered.add(truth.client);
    }
  assert.ok(covered.size / new Set(calls.map(({ truth }) => truth.client)).size > 0.9);
});
