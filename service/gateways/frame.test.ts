import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { reject } from '../core/api-call.ts';
import { type Framed, frameLines, KEPT_BYTES, MAX_LINE_BYTES, withFaults } from './frame.ts';

function frame(chunks: readonly Uint8Array[], damage: Framed['fault'] = null): Framed[] {
  const records: Framed[] = [];
  const framer = frameLines((n) => `x:${n}`);
  for (const chunk of chunks) framer.push(chunk, (record) => records.push(record));
  framer.end((record) => records.push(record), damage);
  return records;
}

function texts(records: readonly Framed[]): string[] {
  return records.map(({ bytes, origin, fault }) => `${origin} ${fault?.rejected ?? Buffer.from(bytes).toString('latin1')}`);
}

test('line ends of both kinds, empty lines, a byte order mark, and no end at the end', () => {
  const text = '\xef\xbb\xbfone\r\n\n\r\ntwo\nth\rree\n\xef\xbb\xbffour';
  assert.deepEqual(texts(frame([Buffer.from(text, 'latin1')])), ['x:1 one', 'x:4 two', 'x:5 th\rree', 'x:6 \xef\xbb\xbffour']);
  assert.deepEqual(frame([]), []);
  assert.deepEqual(texts(frame([Buffer.from('one\n')])), ['x:1 one']);
  assert.deepEqual(frame([Buffer.from('\xef\xbb\xbf\r\n\xef', 'latin1').subarray(0, 5)]), []);
});

test('where the chunks end changes nothing', () => {
  const byte = fc.constantFrom(0x0a, 0x0d, 0x61, 0x62, 0xef, 0xbb, 0xbf);
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 60 }), fc.array(fc.nat(60)), (bytes, cuts) => {
      const whole = Buffer.from(bytes);
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const chunks = edges.slice(1).map((edge, i) => whole.subarray(edges[i], edge));
      assert.deepEqual(texts(frame(chunks)), texts(frame([whole])));
      const expected = whole
        .toString('latin1')
        .replace(/^\xef\xbb\xbf/, '')
        .split('\n')
        .map((line) => line.replace(/\r$/, ''));
      assert.deepEqual(
        frame(chunks).map((record) => Buffer.from(record.bytes).toString('latin1')),
        expected.filter((line) => line !== ''),
      );
    }),
    { numRuns: 500 },
  );
});

test('a line is too long from one byte over the limit, and the lines around it stay', () => {
  for (const chunkBytes of [2 ** 16, 2 ** 22]) {
    const text = Buffer.from(`one\n${'a'.repeat(MAX_LINE_BYTES)}\n${'b'.repeat(MAX_LINE_BYTES + 1)}\ntwo\n`);
    const chunks = [];
    for (let at = 0; at < text.length; at += chunkBytes) chunks.push(text.subarray(at, at + chunkBytes));
    const records = frame(chunks);
    assert.deepEqual(
      records.map(({ fault }) => fault?.rejected ?? null),
      [null, null, 'ASSAY_CALL_TOO_LARGE', null],
    );
    assert.deepEqual(
      records.map(({ bytes }) => bytes.length),
      [3, MAX_LINE_BYTES, KEPT_BYTES, 3],
    );
    assert.deepEqual(
      records.map(({ origin }) => origin),
      ['x:1', 'x:2', 'x:3', 'x:4'],
    );
    assert.match(records[2]!.fault!.detail, /1048577 bytes/);
  }
});

test('a line without end is not held', () => {
  const chunk = Buffer.alloc(2 ** 20, 0x61);
  const framer = frameLines((n) => `x:${n}`);
  const records: Framed[] = [];
  for (let i = 0; i < 100; i++) framer.push(Buffer.from(chunk), (record) => records.push(record));
  framer.end((record) => records.push(record), null);
  assert.equal(records.length, 1);
  assert.equal(records[0]!.bytes.length, KEPT_BYTES);
  assert.equal(records[0]!.bytes.buffer.byteLength, KEPT_BYTES);
  assert.match(records[0]!.fault!.detail, /104857600 bytes/);
});

test('where the stream breaks off, the unfinished line is kept as a fault', () => {
  const damage = reject('ASSAY_FILE_TRUNCATED', 'x');
  assert.deepEqual(texts(frame([Buffer.from('one\ntw')], damage)), ['x:1 one', 'x:2 ASSAY_FILE_TRUNCATED']);
  const [, last] = frame([Buffer.from('one\ntw')], damage);
  assert.equal(Buffer.from(last!.bytes).toString(), 'tw');
  assert.deepEqual(texts(frame([Buffer.from('one\n')], damage)), ['x:1 one', 'x:2 ASSAY_FILE_TRUNCATED']);
});

test('a decoder with faults gives the fault and does not try', () => {
  const fault = reject('ASSAY_CALL_TOO_LARGE', 'x');
  const decode = withFaults(() => assert.fail('tried'));
  const record: Framed = { bytes: new Uint8Array(0), origin: 'x:1', fault, value: null };
  assert.equal(decode(record, 0), fault);
  assert.throws(() => decode({ ...record, fault: null } as Framed, 0), /tried/);
});
