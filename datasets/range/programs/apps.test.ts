import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Seat } from '../program.ts';
import { SHAPES } from '../shape.ts';
import { APPS } from './apps.ts';

// The tests run from dist/, the clients' sources stay where they are.
const CLIENTS = join(import.meta.dirname, '../../../../datasets/range/clients');

function seatOf(form: string): Seat {
  const env = { RANGE_PYTHON: 'python3' };
  return { seed: 1, form, urls: [], api: SHAPES.shop.map, seconds: 10, env, folder: '.', work: '.', clients: CLIENTS };
}

test('every application is good, has a name of its own and is bounded', () => {
  assert.equal(new Set(APPS.map(({ name }) => name)).size, APPS.length);
  for (const { name, label, clients, seconds } of APPS) {
    assert.equal(label, 'good', name);
    assert.ok(clients >= 5 && clients <= 20, name);
    assert.ok(seconds >= 10 && seconds <= 150, name);
  }
});

test('every application starts a source that exists, in each of its forms', () => {
  for (const { name, forms, start } of APPS) {
    assert.ok(forms.length > 0, name);
    for (const form of forms) {
      const source = start(seatOf(form)).args.at(-1)!;
      assert.ok(existsSync(source), `${name} starts ${source}`);
    }
  }
});

test('what is installed is pinned to exact versions', () => {
  for (const { name, needs } of APPS) {
    for (const one of needs.pip ?? []) assert.match(one, /^[\w[\]-]+==\d+(\.\d+)+$/, name);
    for (const one of needs.npm ?? []) assert.match(one, /^@?[\w/-]+@\d+\.\d+\.\d+$/, name);
  }
});

test('at least sixteen kinds of good client', () => {
  assert.ok(new Set(APPS.map(({ kind }) => kind)).size >= 16);
});
