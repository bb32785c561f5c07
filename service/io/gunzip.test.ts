import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { AssayError } from '../core/errors.ts';
import { gunzip, isGzip } from './gunzip.ts';

async function unpack(chunks: readonly Uint8Array[]): Promise<{ output: Buffer; error: AssayError | null }> {
  async function* input() {
    yield* chunks;
  }
  const output: Uint8Array[] = [];
  try {
    for await (const chunk of gunzip(input())) output.push(chunk);
  } catch (error) {
    return { output: Buffer.concat(output), error: error as AssayError };
  }
  return { output: Buffer.concat(output), error: null };
}

/** Lines that pack about as a log does. */
const LOG = Buffer.from(
  Array.from({ length: 20_000 }, (_, i) => `${i} ${Math.imul(i, 2654435761) >>> 0} GET /v1/orders\n`).join(''),
);

test('members of any number, cut anywhere', async () => {
  const parts = [LOG.subarray(0, 100_000), Buffer.alloc(0), LOG.subarray(100_000)];
  const packed = Buffer.concat(parts.map((part) => gzipSync(part)));
  const edge = gzipSync(parts[0]!).length;
  for (const cuts of [[], [1], [edge], [edge - 1, edge + 1], [100, edge, edge + 20]]) {
    const edges = [0, ...cuts, packed.length];
    const { output, error } = await unpack(edges.slice(1).map((end, i) => packed.subarray(edges[i], end)));
    assert.equal(error, null);
    assert.ok(output.equals(LOG));
  }
});

test('chunks of any size give the same bytes', async () => {
  const text = Buffer.from('one\ntwo\n');
  const packed = Buffer.concat([gzipSync(text), gzipSync(text)]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(packed.length), { maxLength: 6 }), async (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), packed.length];
      const { output, error } = await unpack(edges.slice(1).map((end, i) => packed.subarray(edges[i], end)));
      assert.deepEqual([output.toString(), error], ['one\ntwo\none\ntwo\n', null]);
    }),
  );
});

test('all that comes before the end of a truncated file is given', async () => {
  const packed = gzipSync(LOG);
  for (const keptBytes of [packed.length - 1, packed.length - 8, packed.length >> 1, 11, 5]) {
    const { output, error } = await unpack([packed.subarray(0, keptBytes)]);
    assert.equal(error?.code, 'ASSAY_FILE_TRUNCATED', String(keptBytes));
    assert.ok(output.equals(LOG.subarray(0, output.length)));
    // Deflate holds back at most its present symbol and, at the start, the table of codes.
    if (keptBytes >= packed.length - 8) assert.equal(output.length, LOG.length);
    else if (keptBytes > 1e4) assert.ok(output.length > LOG.length * 0.4, `${output.length} of ${LOG.length}`);
  }
});

test('damage in the middle keeps what came well before it', async () => {
  const packed = gzipSync(LOG);
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, packed.length >> 1, (packed.length >> 1) + 100);
  const { output, error } = await unpack([damaged]);
  assert.equal(error?.code, 'ASSAY_FILE_TRUNCATED');
  assert.ok(output.length > LOG.length * 0.3, `${output.length} of ${LOG.length}`);
  const wrongSum = Buffer.from(packed);
  wrongSum[packed.length - 6]! ^= 1;
  assert.equal((await unpack([wrongSum])).error?.code, 'ASSAY_FILE_TRUNCATED');
  const lostBytes = LOG.length - (await unpack([wrongSum])).output.length;
  assert.ok(lostBytes <= 2 ** 15, `${lostBytes}`);
});

test('padding with zeros is no damage, other bytes after the end are', async () => {
  const packed = gzipSync('one\n');
  for (const zeros of [1, 600, 100_000]) {
    const { output, error } = await unpack([packed, Buffer.alloc(zeros)]);
    assert.deepEqual([output.toString(), error], ['one\n', null], String(zeros));
    assert.equal((await unpack([Buffer.concat([packed, Buffer.alloc(zeros)])])).output.toString(), 'one\n');
  }
  const { output, error } = await unpack([packed, Buffer.from('garbage')]);
  assert.deepEqual([output.toString(), error?.code], ['one\n', 'ASSAY_FILE_TRUNCATED']);
});

test('an error of the input passes through', async () => {
  async function* failing() {
    yield gzipSync(LOG).subarray(0, 40_000);
    throw new Error('disk on fire');
  }
  const chunks: Uint8Array[] = [];
  await assert.rejects(async () => {
    for await (const chunk of gunzip(failing())) chunks.push(chunk);
  }, /disk on fire/);
  assert.ok(chunks.length > 0);
});

test('gzip is known by its first bytes', () => {
  assert.deepEqual([gzipSync(''), Buffer.from('{"'), Buffer.alloc(0), randomBytes(1)].map(isGzip), [true, false, false, false]);
});
