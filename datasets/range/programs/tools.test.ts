import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Program, Seat } from '../program.ts';
import { SHAPES, type ShapeName } from '../shape.ts';
import { MORE_TOOLS } from './more-tools.ts';
import { TOOLS as FIRST_TOOLS } from './tools.ts';

const CLIENTS = resolve(import.meta.dirname, '../../../../datasets/range/clients');
const TOOLS = [...FIRST_TOOLS, ...MORE_TOOLS];
const BROWSER = /Mozilla\/5\.0 \(/;
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'range-tools-'));
  const numbers = Array.from({ length: 600 }, (_, i) => i);
  writeFileSync(join(folder, 'words'), numbers.map((i) => `word${i}`).join('\n'));
  writeFileSync(join(folder, 'passwords'), numbers.map((i) => `secret${i}`).join('\n'));
  writeFileSync(join(folder, 'leaked'), numbers.map((i) => `a${i}@example.org:p${i}`).join('\n'));
});
after(() => rmSync(folder, { recursive: true }));

function seatOf({ seconds }: Program, form: string, shape: ShapeName = 'shop', seed = 5): Seat {
  const env = {
    RANGE_WORDS: join(folder, 'words'),
    RANGE_PASSWORDS: join(folder, 'passwords'),
    RANGE_LEAKED: join(folder, 'leaked'),
    RANGE_API_KEY: 'pk_0123456789abcdef',
    RANGE_PYTHON: '/venv/bin/python',
  };
  const urls = ['https://h0001.range.test:8443'];
  return { seed, form, seconds, urls, api: SHAPES[shape].map, env, folder, work: '/work-folder', clients: CLIENTS };
}

const everyForm = TOOLS.flatMap((program) => program.forms.map((form) => ({ program, form })));

describe('the table of bad tools', () => {
  it('names each program once and labels it bad', () => {
    assert.equal(new Set(TOOLS.map(({ name }) => name)).size, TOOLS.length);
    assert.ok(TOOLS.every(({ label, clients }) => label === 'bad' && clients > 0));
  });

  it('runs every form of every tool under a time limit below its own', () => {
    for (const { program, form } of everyForm) {
      const { file, args } = program.start(seatOf(program, form));
      assert.equal(file, 'timeout', program.name);
      assert.ok(Number(args[2]) + Number(args[1]) <= program.seconds, program.name);
    }
  });

  it('fills every argument in all shapes', () => {
    for (const { program, form } of everyForm)
      for (const shape of ['shop', 'bank', 'desk'] as const) {
        const { args, env } = program.start(seatOf(program, form, shape));
        const all = [...args, ...Object.values(env ?? {})].join(' ');
        assert.doesNotMatch(all, /undefined|NaN|\[object/, `${program.name} ${form} ${shape}`);
      }
  });

  it('starts alike from the same seed and otherwise from another', () => {
    for (const program of TOOLS) {
      const form = program.forms[0]!;
      const command = (seed: number) => JSON.stringify(program.start(seatOf(program, form, 'shop', seed)));
      assert.equal(command(1), command(1), program.name);
      assert.ok(new Set([1, 2, 3, 4, 5, 6].map(command)).size > 1, program.name);
    }
  });

  it('shows a browser in the form of that name, and an app in the other', () => {
    // hey always says who it is.
    const can = everyForm.filter(({ program }) => program.name !== 'hey');
    const texts = ({ program, form }: (typeof everyForm)[number]) =>
      [1, 2, 3].map((seed) => {
        const { args, env } = program.start(seatOf(program, form, 'shop', seed));
        // wafw00f reads its headers from a file.
        const files = args.filter((arg) => arg.startsWith(folder) && arg.endsWith('headers.txt'));
        return [...args, ...Object.values(env ?? {}), ...files.map((path) => readFileSync(path, 'utf8'))].join('\n');
      });
    for (const one of can.filter(({ form }) => form === 'browser'))
      assert.ok(
        texts(one).every((text) => BROWSER.test(text)),
        one.program.name,
      );
    for (const one of can.filter(({ form }) => form === 'mobile'))
      assert.ok(
        texts(one).every((text) => /okhttp|Darwin|iPhone|Dart|Dalvik/.test(text)),
        one.program.name,
      );
  });
});

describe('rounds.sh', () => {
  it('cuts the list into parts and runs the command on each, once', () => {
    const list = join(folder, 'list');
    writeFileSync(list, 'one\ntwo\nthree\nfour\n');
    const script = join(CLIENTS, 'tools/rounds.sh');
    const args = [script, '2', '0', '0', list, 'sh', '-c', 'cat "$1" >> seen; echo "$2" >> lines', 'sh', '{PART}', '{LINE}'];
    const { status } = spawnSync('bash', args, { cwd: folder, encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 0);
    assert.equal(readFileSync(join(folder, 'seen'), 'utf8'), 'one\ntwo\nthree\nfour\n');
    assert.equal(readFileSync(join(folder, 'lines'), 'utf8'), 'one\ntwo\n');
  });
});
