import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { createRandom } from '../../simulator/random.ts';
import { createWorld, leakedLines } from '../api-world.ts';
import type { Seat } from '../program.ts';
import { SHAPES } from '../shape.ts';
import { SCRIPTS } from './scripts.ts';

const CLIENTS = resolve(import.meta.dirname, '../../../../datasets/range/clients');
const ATTACK = join(CLIENTS, 'attacks/attack.mjs');
const SEAT: Seat = {
  seed: 1,
  form: 'plain',
  urls: ['https://h0001.range.test:8443'],
  api: {},
  seconds: 10,
  env: {},
  folder: '/nowhere',
  work: '/built',
  clients: CLIENTS,
};

test('each script has a name of its own, 6 to 14 clients, and deals every form', () => {
  assert.equal(new Set(SCRIPTS.map(({ name }) => name)).size, SCRIPTS.length);
  for (const { name, tool, label, forms, clients, seconds } of SCRIPTS) {
    assert.deepEqual([tool, label], [name, 'bad']);
    assert.ok(clients >= new Set(forms).size && clients >= 6 && clients <= 14, `${name}: ${clients}`);
    assert.ok(seconds >= 20 && seconds <= 150, name);
  }
});

test('the driver knows every behaviour that is started', () => {
  const source = readFileSync(ATTACK, 'utf8');
  for (const { name, start } of SCRIPTS) {
    const [path = '', behaviour] = start(SEAT).args;
    assert.ok(existsSync(path), path);
    assert.ok(source.includes(`'${behaviour}': {`), name);
  }
});

test('forms that rotate have addresses to rotate over', () => {
  for (const { name, forms, addresses = 1 } of SCRIPTS)
    if (forms.some((form) => form.includes('rotate'))) assert.ok(addresses >= 6, name);
});

test('of a leak, each 33rd pair from the 8th on opens an account: the scripts that cash out count on it', () => {
  const world = createWorld(SHAPES.shop, 5, 0);
  const pairs = leakedLines(world, createRandom(9), 600).map((line) => line.split(':'));
  const isOpen = ([email = '', password]: string[]) => world.users[world.usersByEmail.get(email) ?? -1]?.password === password;
  assert.ok(pairs.filter((_, i) => i % 33 === 7).every(isOpen));
  assert.equal(pairs.filter(isOpen).length, 18);
});

test('the drivers refuse every address that is not of the range', () => {
  for (const url of ['https://example.com', 'https://range.test.example.com:8443', 'https://10.0.0.1']) {
    const env = { ...process.env, RANGE_URL: url, RANGE_URLS: url, RANGE_API: '{}', RANGE_SECONDS: '5', RANGE_SEED: '1' };
    const output = execFileSync(process.execPath, [ATTACK, 'stuffing-script'], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.doesNotMatch(output, /calls/, url);
  }
});
