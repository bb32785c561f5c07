import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { Seat } from '../program.ts';
import { STACKS } from './stacks.ts';

const CLIENTS = resolve(import.meta.dirname, '../../../../datasets/range/clients');
const SEAT: Seat = {
  seed: 1,
  form: 'plain',
  urls: ['https://h0001.range.test:8443'],
  api: { metrics: '/metrics', health: '/health', orders: '/v1/orders', dav: '/dav/' },
  seconds: 10,
  env: {},
  folder: '/nowhere',
  work: '/built',
  clients: CLIENTS,
};

test('programs have names of their own, forms, and room for every form', () => {
  assert.equal(new Set(STACKS.map(({ name }) => name)).size, STACKS.length);
  for (const { name, forms, clients, seconds } of STACKS) {
    assert.ok(forms.length > 0 && clients >= new Set(forms).size, name);
    assert.ok(seconds >= 20 && seconds <= 150, name);
  }
});

test('every client that is started exists in the sources', () => {
  const java = readFileSync(join(CLIENTS, 'java/src/main/java/range/Main.java'), 'utf8');
  const go = readFileSync(join(CLIENTS, 'go/main.go'), 'utf8');
  for (const { name, start, needs } of STACKS) {
    const { file, args } = start(SEAT);
    const last = args.at(-1)!;
    if (needs.build?.includes('java')) assert.ok(java.includes(`case "${last}"`), name);
    else if (needs.build?.includes('go')) assert.ok(file.startsWith(SEAT.work) && new RegExp(`"${last}": `).test(go), name);
    else assert.ok(existsSync(last), name);
  }
});

test('scripts are told the paths they need', () => {
  const rclone = STACKS.find(({ name }) => name === 'rclone')!;
  assert.deepEqual(rclone.start(SEAT).env, { RANGE_DAV: '/dav/' });
});
