import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { checkCall, isRejection } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import { runSimulate, simulateCommand } from './simulate.ts';
import { simulate } from './simulator.ts';

const script = fileURLToPath(new URL('./simulate.js', import.meta.url));
const expected = [...simulate({ seed: 7, clients: 40 })].map(({ call }) => call);

/** Keeps what is written; takes its time, so that the writer must wait. */
class Kept extends Writable {
  readonly chunks: Buffer[] = [];
  constructor() {
    super({ highWaterMark: 1024 });
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(done);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

async function written(more: Partial<Parameters<typeof runSimulate>[0]> = {}): Promise<Buffer> {
  const out = new Kept();
  await runSimulate({ seed: 7, clients: 40, format: 'ndjson', ...more }, out);
  // The last chunk may still wait in the slow reader's queue.
  await new Promise<void>((done) => out.end(done));
  return out.bytes;
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'simulate-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('NDJSON leaves nulls out and reads back as the same calls', async () => {
  const lines = (await written()).toString().trimEnd().split('\n');
  assert.equal(lines.length, expected.length);
  assert.ok(!lines.some((line) => line.includes(':null')));
  for (const [i, line] of lines.entries()) {
    const call = checkCall(JSON.parse(line), expected[i]!.time);
    if (isRejection(call)) assert.fail(call.detail);
    assert.deepEqual(call, expected[i]);
  }
});

test('an Avro container holds the same calls', async () => {
  const bytes = await written({ format: 'avro' });
  const decoder = new avsc.streams.BlockDecoder({ parseHook: (schema) => avsc.Type.forSchema(schema, { wrapUnions: false }) });
  decoder.end(bytes);
  const calls: ApiCall[] = [];
  for await (const call of decoder) calls.push({ ...(call as ApiCall) });
  assert.deepEqual(calls, expected);
});

test('--calls stops early, --view lets every gateway tell the same', async () => {
  const lines = (await written({ calls: 25, view: 'combined' })).toString().trimEnd().split('\n');
  assert.equal(lines.length, 25);
  assert.ok(lines.every((line) => !line.includes('headerNames') && JSON.parse(line).time % 1000 === 0));
});

test('labels name each client once, with kind and tool', async (t) => {
  const file = join(await folder(t), 'labels.ndjson');
  await written({ labels: file });
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.ok(lines.length >= 30, String(lines.length));
  for (const line of lines) {
    const label = JSON.parse(line);
    assert.match(label.label, /^(good|bad)$/);
    assert.ok(label.kind && label.tool && (label.subject || label.clientIp), line);
  }
});

test('a reader that hangs up ends it without error', async () => {
  const child = spawn(process.execPath, [script, '--seed', '7', '--clients', '3000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(errors, '');
  assert.equal(code, 0);
});

for (const args of [
  ['--seed', 'x'],
  ['--clients', '0'],
  ['--clients', '1.5'],
  ['--format', 'xml'],
  ['--view', 'all'],
  ['--nonsense'],
])
  test(`refuses ${args.join(' ')}`, () => {
    const command = simulateCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    assert.throws(() => command.parse(args, { from: 'user' }), /invalid|unknown/);
  });
