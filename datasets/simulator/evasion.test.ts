import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BAD_KINDS } from './bad-kinds.ts';
import { mayEvade } from './evasion.ts';
import { UNFITTED } from './fitted.ts';
import { simulate } from './simulator.ts';

test('floods and clients that turn or swarm have their own ways', () => {
  const evading = Object.keys(BAD_KINDS).filter((name) => mayEvade(name, BAD_KINDS[name]!));
  assert.ok(evading.includes('credential-stuffing') && evading.includes('id-enumeration'));
  for (const name of ['flood', 'hijacked-key', 'distributed-stuffing']) assert.ok(!evading.includes(name), name);
});

test('some password crackers mix other calls in, most do not', () => {
  const others = new Map<string, number>();
  const paths = new Map<string, Set<string>>();
  for (const { call, truth } of simulate({ seed: 31, clients: 4000, fitted: UNFITTED })) {
    if (truth.kind !== 'password-cracking') continue;
    paths.set(truth.client, (paths.get(truth.client) ?? new Set()).add(call.path));
    others.set(truth.client, paths.get(truth.client)!.size);
  }
  const mixing = [...others.values()].filter((n) => n > 1).length / others.size;
  assert.ok(others.size > 20 && mixing > 0.08 && mixing < 0.45, `${mixing} of ${others.size}`);
});
