import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import avro, { type Schema } from 'avsc';
import { isRejection, type Rejection } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema } from '../core/contracts.ts';
import type { Source } from '../core/source.ts';
import { createFileSource, createReplaySource, type FileSource, type FileSourceOptions } from './files.ts';
import { packageRoot } from './package-root.ts';

const REAL_LOG = join(packageRoot, 'datasets', 'apache-access', 'access.log.gz');
const NOW = Date.UTC(2026, 0, 1);
const LINE = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8"';

function json(id: string | number, fields: object = {}): string {
  return JSON.stringify({ id: String(id), time: 1_431_857_103_000, clientIp: '192.0.2.7', method: 'GET', path: '/', ...fields });
}

/** Writes files into a folder that goes when the test ends, and gives their paths. */
function writeFiles(t: TestContext, contents: Record<string, string | Uint8Array>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'assay-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return Object.entries(contents).map(([name, content]) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  });
}

interface Read {
  readonly accepted: ApiCall[];
  readonly rejected: (Rejection & { origin: string; bytes: Uint8Array })[];
  readonly batches: number[];
}

async function readAll(source: Source, signal = new AbortController().signal): Promise<Read> {
  const read: Read = { accepted: [], rejected: [], batches: [] };
  for await (const { records, decode, acknowledge } of source.deliveries(signal)) {
    read.batches.push(records.length);
    for (const record of records) {
      const decoded = decode(record, NOW);
      if (isRejection(decoded)) read.rejected.push({ ...decoded, origin: record.origin, bytes: record.bytes });
      else read.accepted.push(decoded);
    }
    await acknowledge({ accepted: 0, rejections: [] });
  }
  return read;
}

async function readFiles(paths: string[], options?: FileSourceOptions): Promise<Read & { faults: string[]; source: FileSource }> {
  const source = createFileSource(paths, options);
  const read = await readAll(source);
  return { ...read, faults: source.faults.map(({ code }) => code), source };
}

const idsOf = (calls: readonly ApiCall[]) => calls.map(({ id }) => id);

test('the whole real log is read, and no line is lost', async () => {
  const { accepted, rejected, faults, batches } = await readFiles([REAL_LOG]);
  assert.deepEqual([accepted.length, rejected, faults], [10_000, [], []]);
  assert.deepEqual(batches, [4096, 4096, 1808]);
  assert.equal(new Set(accepted.map(({ clientIp }) => clientIp)).size, 1753);
  assert.equal(new Set(idsOf(accepted)).size, 10_000);
  const answered = (wanted: number) => accepted.filter(({ status }) => status === wanted).length;
  assert.deepEqual([answered(200), answered(404)], [9126, 213]);
  assert.equal(accepted[0]!.id, `${REAL_LOG}:1`);
});

test('plain, packed, without a last line end, with CR LF: the same calls', async (t) => {
  const text = [json(1), json(2), json(3)].join('\n');
  const halves = Buffer.concat([gzipSync(text.slice(0, 90)), gzipSync(text.slice(90))]);
  const paths = writeFiles(t, {
    a: text,
    b: `${text}\n`,
    c: text.replaceAll('\n', '\r\n'),
    'd.gz': gzipSync(text),
    e: halves,
    f: `\ufeff${text}`,
  });
  const { accepted, rejected, faults } = await readFiles(paths);
  assert.deepEqual([idsOf(accepted), rejected, faults], [Array(6).fill(['1', '2', '3']).flat(), [], []]);
});

test('equal log lines are two calls', async (t) => {
  const { accepted } = await readFiles(writeFiles(t, { log: `${LINE}\n${LINE}\n` }));
  assert.equal(new Set(idsOf(accepted)).size, 2);
});

test('bad records are rejected one by one, and those around them count', async (t) => {
  const { time, ...timeless } = JSON.parse(json('x'));
  assert.equal(typeof time, 'number');
  const lines = [
    json(1),
    'hello',
    json(2),
    Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    json(3),
    JSON.stringify(timeless),
    json('x', { time: '3000-01-01T00:00:00Z' }),
    json('x', { requestBytes: -1 }),
    json(4),
  ].map((line) => Buffer.from(line));
  const content = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
  const [path] = writeFiles(t, { 'calls.ndjson': content });
  const { accepted, rejected, faults } = await readFiles([path!]);
  assert.deepEqual([idsOf(accepted), faults], [['1', '2', '3', '4'], []]);
  assert.deepEqual(
    rejected.map(({ rejected, origin }) => [rejected, origin.slice(path!.length)]),
    [
      ['ASSAY_CALL_BAD_JSON', ':2'],
      ['ASSAY_CALL_BAD_UTF8', ':4'],
      ['ASSAY_CALL_MISSING_FIELD', ':6'],
      ['ASSAY_CALL_FUTURE', ':7'],
      ['ASSAY_CALL_BAD_FIELD', ':8'],
    ],
  );
  assert.deepEqual([...rejected[1]!.bytes], [0x7b, 0xff, 0xfe, 0x7d]);
});

test('invalid UTF-8 in a log line is no reason to lose it', async (t) => {
  const content = Buffer.from(`${LINE.replace('curl/8', 'caf\xe9')}\n`, 'latin1');
  const { accepted } = await readFiles(writeFiles(t, { log: content }));
  assert.equal(accepted[0]!.userAgent, 'café');
});

test('a line of 10 MB is one rejection that keeps its beginning', async (t) => {
  const huge = json('huge', { userAgent: 'a'.repeat(10_000_000) });
  for (const content of [`${json(1)}\n${huge}\n${json(2)}\n`, `${huge}\n${json(1)}\n${json(2)}`]) {
    for (const bytes of [Buffer.from(content), gzipSync(content)]) {
      const { accepted, rejected, faults } = await readFiles(writeFiles(t, { log: bytes }));
      assert.deepEqual([idsOf(accepted), faults], [['1', '2'], []]);
      assert.deepEqual(
        rejected.map((r) => [r.rejected, r.bytes.length]),
        [['ASSAY_CALL_TOO_LARGE', 65_536]],
      );
      assert.ok(Buffer.from(rejected[0]!.bytes).toString().startsWith('{"id":"huge"'));
    }
  }
});

test('a truncated gzip gives its whole lines, one rejection and a fault, and the next file is read', async (t) => {
  const packed = readFileSync(REAL_LOG);
  const [truncated, next] = writeFiles(t, { 'a.gz': packed.subarray(0, 100_000), b: LINE });
  const told: string[] = [];
  const { accepted, rejected, source } = await readFiles([truncated!, next!], { onFault: ({ code }) => told.push(code) });
  assert.deepEqual(told, ['ASSAY_FILE_TRUNCATED']);
  assert.match(source.faults[0]!.message, /a\.gz: unexpected end of file/);
  assert.deepEqual(
    rejected.map((r) => [r.rejected, r.origin]),
    [['ASSAY_FILE_TRUNCATED', `${truncated}:${accepted.length}`]],
  );
  assert.equal(accepted.at(-1)!.id, `${next}:1`);
  const whole = gunzipSync(packed).toString('latin1').split('\n');
  const lost = Buffer.from(rejected[0]!.bytes).toString('latin1');
  assert.ok(whole[accepted.length - 1]!.startsWith(lost));
  assert.ok(accepted.length > 4000, `${accepted.length}`);
});

test('a gzip that ends in its header is truncated, not of unknown format', async (t) => {
  const { rejected, faults } = await readFiles(writeFiles(t, { 'a.gz': gzipSync(LINE).subarray(0, 8) }));
  assert.deepEqual([faults, rejected.length], [['ASSAY_FILE_TRUNCATED'], 1]);
});

test('what is no readable file with records is a fault, and the other files are read', async (t) => {
  const [empty, blank, packed, noise, good] = writeFiles(t, { a: '', b: '\n\r\n', c: gzipSync(''), d: 'hello\n', e: LINE });
  const missing = `${good}.missing`;
  const { accepted, rejected, faults, source } = await readFiles([
    empty!,
    blank!,
    packed!,
    tmpdir(),
    missing,
    noise!,
    good!,
    `${good}/x`,
  ]);
  assert.deepEqual(faults, [
    'ASSAY_FILE_EMPTY',
    'ASSAY_FILE_EMPTY',
    'ASSAY_FILE_EMPTY',
    'ASSAY_FILE_IS_DIRECTORY',
    'ASSAY_FILE_UNREADABLE',
    'ASSAY_FORMAT_UNKNOWN',
    'ASSAY_FILE_UNREADABLE',
  ]);
  assert.deepEqual([accepted.length, rejected.length], [1, 0]);
  assert.match(source.faults[4]!.message, /missing \(ENOENT\)/);
  for (const { message } of source.faults) assert.match(message, /: \//);
});

test('a read error is a fault, and a rejection where something was read before', async () => {
  const failing = (...chunks: string[]) =>
    Readable.from(
      (async function* () {
        yield* chunks.map((chunk) => Buffer.from(chunk));
        throw Object.assign(new Error('i/o error'), { code: 'EIO' });
      })(),
    );
  const none = await readFiles(['-'], { standardInput: failing() });
  assert.deepEqual([none.accepted.length, none.rejected, none.faults], [0, [], ['ASSAY_FILE_UNREADABLE']]);
  const some = await readFiles(['-'], { standardInput: failing(`${LINE}\n`, LINE) });
  assert.deepEqual([some.accepted.length, some.faults], [1, ['ASSAY_FILE_UNREADABLE']]);
  assert.deepEqual(
    some.rejected.map(({ rejected, origin }) => [rejected, origin]),
    [['ASSAY_FILE_UNREADABLE', 'stdin:2']],
  );
});

test('an error that is none of a file passes through', async () => {
  const standardInput = Readable.from(
    (async function* () {
      yield Buffer.from(LINE);
      throw new TypeError('a fault of ours');
    })(),
  );
  await assert.rejects(readFiles(['-'], { standardInput }), /a fault of ours/);
});

test('an unknown format is told at once; a given one is not questioned', async (t) => {
  assert.throws(() => createFileSource(['x'], { format: 'csv' }), { code: 'ASSAY_FORMAT_UNKNOWN' });
  const { rejected, faults } = await readFiles(writeFiles(t, { a: 'hello\n' }), { format: 'combined' });
  assert.deepEqual([rejected.map(({ rejected }) => rejected), faults], [['ASSAY_CALL_BAD_LINE'], []]);
});

test('standard input is delivered as it comes, in any format, packed or not', async () => {
  const input = new PassThrough();
  const source = createFileSource(['-'], { standardInput: input });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  input.write('{"id"');
  input.write(`${json(1).slice(5)}\n`);
  const first = await deliveries.next();
  assert.equal(first.value.records[0].origin, 'stdin:1');
  input.write(`${json(2)}\n${json(3)}\n`);
  assert.equal((await deliveries.next()).value.records.length, 2);
  input.end(json(4));
  assert.equal((await deliveries.next()).value.records.length, 1);
  assert.ok((await deliveries.next()).done);
  const bytes = gzipSync(`${LINE}\n${LINE}`);
  const { accepted } = await readFiles(['-'], { standardInput: Readable.from(Array.from(bytes, (byte) => Buffer.from([byte]))) });
  assert.equal(accepted.length, 2);
});

test('an abort ends it, while it reads and while it waits', { timeout: 5000 }, async () => {
  const reading = new AbortController();
  let batches = 0;
  for await (const _ of createFileSource([REAL_LOG, REAL_LOG], { batchSize: 100 }).deliveries(reading.signal)) {
    if (++batches === 3) reading.abort();
  }
  assert.ok(batches < 100, `${batches}`);
  const waiting = new AbortController();
  const source = createFileSource(['-', REAL_LOG], { standardInput: new PassThrough() });
  setTimeout(() => waiting.abort(), 20);
  assert.deepEqual((await readAll(source, waiting.signal)).batches, []);
  assert.deepEqual(source.faults, []);
  const before = AbortSignal.abort();
  assert.deepEqual((await readAll(createFileSource([REAL_LOG]), before)).batches, []);
});

test('progress ends at the size on disk', async (t) => {
  const [a, b] = writeFiles(t, { a: `${LINE}\n`.repeat(10_000), b: gzipSync(LINE) });
  const sizes = [a!, b!].reduce((sum, path) => sum + readFileSync(path).length, 0);
  const steps: [number, number][] = [];
  await readFiles([a!, '/missing', b!], { onProgress: (read, total) => steps.push([read, total]) });
  assert.deepEqual(steps.at(-1), [sizes, sizes]);
  assert.ok(steps.length > 3);
  assert.ok(steps.every(([read], i) => i === 0 || read > steps[i - 1]![0]));
});

test('no more is read than is asked for', async (t) => {
  const [path] = writeFiles(t, { a: `${LINE}\n`.repeat(100_000) });
  let read = 0;
  const source = createFileSource([path!], { onProgress: (bytes) => (read = bytes), batchSize: 10 });
  for await (const delivery of source.deliveries(new AbortController().signal)) {
    assert.equal(delivery.records.length, 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    break;
  }
  assert.ok(read < 1e6, `${read}`);
});

test('Avro containers are files too, cut ones with what is whole', async (t) => {
  const encoder = new avro.streams.BlockEncoder(ApiCallSchema as Schema, { codec: 'deflate', blockSize: 1000 });
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  const empty = Object.fromEntries(ApiCallSchema.fields.map(({ name }) => [name, null]));
  for (let i = 0; i < 100; i++) encoder.write({ ...empty, ...JSON.parse(json(i)) });
  encoder.end();
  await new Promise((resolve) => encoder.once('end', resolve));
  const file = Buffer.concat(chunks);
  const [whole, cut, header] = writeFiles(t, { a: file, b: file.subarray(0, -10), c: file.subarray(0, 100) });
  const { accepted, faults, rejected } = await readFiles([whole!]);
  assert.deepEqual([accepted.length, accepted[99]!.id, faults, rejected], [100, '99', [], []]);
  assert.equal((await readFiles([whole!], { format: 'avro' })).accepted.length, 100);
  const broken = await readFiles([cut!, whole!]);
  assert.ok(broken.accepted.length > 150 && broken.accepted.length < 200);
  assert.deepEqual(
    broken.rejected.map(({ rejected }) => rejected),
    ['ASSAY_CALL_BAD_AVRO'],
  );
  assert.deepEqual((await readFiles([header!, whole!])).faults, ['ASSAY_CALL_BAD_AVRO']);
});

test('a replay delivers in order at its pace and tells how far it got', async () => {
  const done: number[] = [];
  const startedAt = performance.now();
  const source = createReplaySource(REAL_LOG, {
    callsPerSecond: 2000,
    startAt: 9150,
    onReplayed: (records) => done.push(records),
  });
  const { accepted, batches } = await readAll(source);
  const elapsedMs = performance.now() - startedAt;
  assert.deepEqual(batches, [50, 200, 200, 200, 200]);
  assert.deepEqual(done, [9200, 9400, 9600, 9800, 10_000]);
  assert.equal(accepted[0]!.id, `${REAL_LOG}:9151`);
  assert.ok(elapsedMs > 380, `${elapsedMs} ms`);
});

test('a replay that was done gives nothing, and a slow one gives single calls', { timeout: 5000 }, async () => {
  assert.deepEqual((await readAll(createReplaySource(REAL_LOG, { callsPerSecond: 1000, startAt: 10_000 }))).batches, []);
  const stop = new AbortController();
  const batches: number[] = [];
  for await (const { records } of createReplaySource(REAL_LOG, { callsPerSecond: 4 }).deliveries(stop.signal)) {
    batches.push(records.length);
    if (batches.length === 1) setTimeout(() => stop.abort(), 30);
  }
  assert.deepEqual(batches, [1]);
  await assert.rejects(readAll(createReplaySource('/missing', { callsPerSecond: 10 })), { code: 'ASSAY_FILE_UNREADABLE' });
});

test('a replay without a pace is as fast as its reader', async () => {
  const source = createReplaySource(REAL_LOG, { callsPerSecond: Number.POSITIVE_INFINITY, startAt: 5000 });
  const { batches, accepted } = await readAll(source);
  assert.deepEqual([batches, accepted.length, accepted[0]!.id], [[3192, 1808], 5000, `${REAL_LOG}:5001`]);
});

test('a replay of a file that breaks off ends without throwing, and tells', async (t) => {
  const [path] = writeFiles(t, { 'a.gz': readFileSync(REAL_LOG).subarray(0, 50_000) });
  const told: string[] = [];
  const options = { callsPerSecond: Number.POSITIVE_INFINITY };
  assert.equal((await readAll(createReplaySource(path!, options))).rejected.length, 1);
  await readAll(createReplaySource(path!, { ...options, onFault: ({ code }) => told.push(code) }));
  await readAll(createReplaySource('/missing', { ...options, onFault: ({ code }) => told.push(code) }));
  assert.deepEqual(told, ['ASSAY_FILE_TRUNCATED', 'ASSAY_FILE_UNREADABLE']);
});
