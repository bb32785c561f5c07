import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRejection } from '../core/api-call.ts';
import type { AssayError } from '../core/errors.ts';
import { createTailSource } from './tail.ts';

const lineFor = (path: string) => `${JSON.stringify({ id: path, time: 1.7e12, clientIp: '192.0.2.1', method: 'GET', path })}\n`;
const linesFor = (...paths: string[]) => paths.map(lineFor).join('');

interface Bench {
  readonly path: string;
  /** Paths of calls, codes of what is none. */
  readonly read: string[];
  readonly faults: AssayError[];
  readonly positions: Map<string, number>;
  start(): () => Promise<void>;
  until(...read: string[]): Promise<void>;
}

function open(t: TestContext): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'assay-tail-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'access.log');
  const [read, faults, positions]: [string[], AssayError[], Map<string, number>] = [[], [], new Map()];
  const source = createTailSource(path, {
    positionOf: (identity) => positions.get(identity) ?? 0,
    keepPosition: (identity, bytes) => positions.set(identity, bytes),
    onFault: (fault) => faults.push(fault),
  });
  const follow = async (signal: AbortSignal) => {
    for await (const { records, decode, acknowledge } of source.deliveries(signal)) {
      for (const record of records) {
        const call = decode(record, 1.8e12);
        read.push(isRejection(call) ? call.rejected : call.path);
      }
      await acknowledge({ accepted: records.length, rejections: [] });
    }
  };
  const start = () => {
    const stop = new AbortController();
    const ended = follow(stop.signal);
    const halt = async () => {
      stop.abort();
      await ended;
    };
    t.after(halt);
    return halt;
  };
  const until = async (...wanted: string[]) => {
    for (let tries = 0; read.length < wanted.length && tries < 400; tries++) await sleep(10);
    assert.deepEqual(read, wanted);
  };
  return { path, read, faults, positions, start, until };
}

test('a log is read as it grows, a line only once it has its end', async (t) => {
  const { path, start, until, faults } = open(t);
  start();
  await sleep(50);
  assert.equal(faults[0]!.code, 'ASSAY_FILE_UNREADABLE');
  writeFileSync(path, linesFor('/1', '/2'));
  await until('/1', '/2');
  const line = lineFor('/3');
  for (const part of [line.slice(0, 20), line.slice(20, -1)]) {
    appendFileSync(path, part);
    await sleep(150);
    await until('/1', '/2');
  }
  appendFileSync(path, `\nnonsense\n${'192.0.2.9 - - [28/Nov/2026:01:17:15 +0000] "GET /4 HTTP/1.1" 200 5 "-" "x"'}\n`);
  await until('/1', '/2', '/3', 'ASSAY_CALL_BAD_LINE', '/4');
  assert.equal(faults.length, 1);
});

test('a log that is renamed is read to its end, then the one that took its place', async (t) => {
  const { path, start, until } = open(t);
  writeFileSync(path, linesFor('/1'));
  start();
  await until('/1');
  renameSync(path, `${path}.1`);
  appendFileSync(`${path}.1`, linesFor('/2', '/3'));
  await sleep(250);
  writeFileSync(path, linesFor('/4'));
  await until('/1', '/2', '/3', '/4');
  appendFileSync(path, linesFor('/5'));
  await until('/1', '/2', '/3', '/4', '/5');
});

test('a log that is copied and emptied is read from its new beginning', async (t) => {
  const { path, start, until } = open(t);
  writeFileSync(path, linesFor('/1', '/2'));
  start();
  await until('/1', '/2');
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
  await sleep(250);
  appendFileSync(path, linesFor('/3'));
  await until('/1', '/2', '/3');
});

test('after a stop it goes on where all was done, and a file that is another one is read from its beginning', async (t) => {
  const { path, read, start, until } = open(t);
  writeFileSync(path, `${linesFor('/1', '/2')}${lineFor('/3').slice(0, 10)}`);
  const stop = start();
  await until('/1', '/2');
  await stop();
  appendFileSync(path, `${lineFor('/3').slice(10)}${linesFor('/4')}`);
  const stopAgain = start();
  await until('/1', '/2', '/3', '/4');
  await stopAgain();
  read.length = 0;
  writeFileSync(path, linesFor('/9', '/10', '/11', '/12', '/13'));
  start();
  await until('/9', '/10', '/11', '/12', '/13');
});

test('a format that is none is an error at once', () => {
  const options = { format: 'none', positionOf: () => 0, keepPosition() {}, onFault() {} };
  assert.throws(() => createTailSource('x', options), { code: 'ASSAY_FORMAT_UNKNOWN' });
});
