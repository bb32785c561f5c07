import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { Seat } from '../program.ts';
import { PROGRAMS } from '../programs.ts';
import { SHAPES } from '../shape.ts';
import { MORE_APPS } from './more-apps.ts';
import { MORE_SCRIPTS } from './more-scripts.ts';

const CLIENTS = resolve(import.meta.dirname, '../../../../datasets/range/clients');
const SEAT: Seat = {
  seed: 1,
  form: 'plain',
  urls: ['https://h0001.range.test:8443'],
  api: SHAPES.shop.map,
  seconds: 10,
  env: { RANGE_PYTHON: 'python3', RANGE_API_KEY: 'pk_0' },
  folder: '/nowhere',
  work: '/built',
  clients: CLIENTS,
};
const read = (path: string) => readFileSync(join(CLIENTS, path), 'utf8');

test('each program of the range has a name of its own', () => {
  assert.equal(new Set(PROGRAMS.map(({ name }) => name)).size, PROGRAMS.length);
});

test('further programs are as many and as long as a capture has room for, and deal every form', () => {
  for (const { name, label, forms, clients, seconds } of [...MORE_APPS, ...MORE_SCRIPTS]) {
    const [least, most] = label === 'good' ? [10, 25] : [8, 15];
    assert.ok(clients >= least && clients <= most && clients >= new Set(forms).size, `${name}: ${clients}`);
    assert.ok(seconds >= 20 && seconds <= 150, name);
  }
});

test('each of them starts a source that exists, and one that knows what it is asked for', () => {
  const go = read('go/main.go');
  for (const { name, start } of [...MORE_APPS, ...MORE_SCRIPTS]) {
    const { file, args } = start(SEAT);
    const source = args.find((arg) => arg.startsWith(CLIENTS));
    if (file.startsWith(SEAT.work)) assert.match(go, new RegExp(`"${args[0]}": `), name);
    else if (source) assert.ok(existsSync(source), `${name} starts ${source}`);
    const behaviour = source ? args.slice(args.indexOf(source) + 1).at(-1) : undefined;
    if (source && behaviour) assert.ok(readFileSync(source, 'utf8').includes(behaviour), `${name} asks for ${behaviour}`);
  }
});

test('what they need is pinned to exact versions', () => {
  for (const { name, needs } of PROGRAMS) {
    for (const one of needs.pip ?? []) assert.match(one, /^[\w[\]-]+==\d+(\.\d+)+$/, name);
    for (const one of needs.npm ?? []) assert.match(one, /^@?[\w/-]+@\d+\.\d+\.\d+$/, name);
    for (const one of needs.go ?? []) assert.match(one, /^[\w./-]+@v\d+\.\d+\.\d+$/, name);
  }
});

test('the abusive drivers refuse every address that is not of the range', () => {
  const url = 'https://range.test.example.com:8443';
  const env = { ...process.env, RANGE_URL: url, RANGE_URLS: url, RANGE_API: '{}', RANGE_SECONDS: '5', RANGE_SEED: '1' };
  const node = ['attacks/chromium.mjs accounts', 'node/crawl.mjs simplecrawler copy', 'node/newman.mjs enumeration'];
  const commands = [...node.map((one) => [process.execPath, one]), ['bash', 'shell/attack.sh sms']];
  for (const [file = '', line = ''] of commands) {
    const [script = '', ...args] = line.split(' ');
    const { status, stdout, stderr } = spawnSync(file, [join(CLIENTS, script), ...args], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.notEqual(status, 0, script);
    assert.match(stdout + stderr, /not an address of the range/, script);
  }
  // Their interpreters need not be there.
  for (const script of [
    'ruby/seat.rb',
    'perl/Seat.pm',
    'php/seat.php',
    'attacks/cffi.py',
    'attacks/stuffing_locust.py',
    'go/attacker.go',
  ])
    assert.match(read(script), /not an address of the range/, script);
});
