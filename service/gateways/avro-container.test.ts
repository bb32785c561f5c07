import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import avro, { type Schema } from 'avsc';
import fc from 'fast-check';
import { isRejection, type Rejection, reject } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema } from '../core/contracts.ts';
import { decodeAvro, frameAvro } from './avro-container.ts';
import { type Framed, withFaults } from './frame.ts';

const NOW = Date.UTC(2026, 0, 1);
const SYNC = Buffer.from('0123456789abcdef');
const metaType = avro.Type.forSchema({ type: 'map', values: 'bytes' });
const long = avro.Type.forSchema('long');
const decode = withFaults(decodeAvro);
const fullSchema = ApiCallSchema as Schema;

function record(n: number): Record<string, unknown> {
  const call = { id: `id-${n}`, time: 1_431_857_103_000 + n, clientIp: '192.0.2.7', method: 'GET', path: `/v1/é/${n}` };
  return { ...Object.fromEntries(ApiCallSchema.fields.map(({ name }) => [name, null])), ...call };
}

function range(from: number, to: number): Record<string, unknown>[] {
  return Array.from({ length: to - from }, (_, i) => record(from + i));
}

function header(schema: Schema | string, codec = 'null'): Buffer {
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
  const meta = { 'avro.schema': Buffer.from(text), 'avro.codec': Buffer.from(codec) };
  return Buffer.concat([Buffer.from('Obj\x01'), metaType.toBuffer(meta), SYNC]);
}

function block(count: number, data: Buffer, sync = SYNC): Buffer {
  return Buffer.concat([long.toBuffer(count), long.toBuffer(data.length), data, sync]);
}

function blockOf(records: readonly object[], schema: Schema = fullSchema, codec = 'null'): Buffer {
  const type = avro.Type.forSchema(schema);
  const data = Buffer.concat(records.map((value) => type.toBuffer(value)));
  return block(records.length, codec === 'deflate' ? deflateRawSync(data) : data);
}

function frame(chunks: readonly Uint8Array[], damage: Rejection | null = null): Framed[] {
  const records: Framed[] = [];
  const framer = frameAvro((n) => `x:${n}`);
  for (const chunk of chunks) framer.push(chunk, (framed) => records.push(framed));
  framer.end((framed) => records.push(framed), damage);
  return records;
}

/** Ids of what was accepted, codes of what was not. */
function outcome(chunks: readonly Uint8Array[]): string[] {
  return frame(chunks).map((framed) => {
    const decoded: ApiCall | Rejection = decode(framed, NOW);
    return isRejection(decoded) ? decoded.rejected : decoded.id;
  });
}

const BAD = 'ASSAY_CALL_BAD_AVRO';

test('blocks with either codec give their records', () => {
  for (const codec of ['null', 'deflate']) {
    const file = [
      header(fullSchema, codec),
      blockOf(range(0, 3), fullSchema, codec),
      block(0, Buffer.alloc(0)),
      blockOf(range(3, 5), fullSchema, codec),
    ];
    assert.deepEqual(outcome(file), ['id-0', 'id-1', 'id-2', 'id-3', 'id-4']);
  }
  const [first] = frame([header(fullSchema), blockOf(range(0, 1))]);
  const decoded = decode(first!, NOW);
  assert.ok(!isRejection(decoded));
  assert.deepEqual([decoded.time, decoded.path, decoded.status, first!.origin], [1_431_857_103_000, '/v1/é/0', null, 'x:1']);
});

test('what avsc itself writes is read', async () => {
  const encoder = new avro.streams.BlockEncoder(fullSchema, { codec: 'deflate' });
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const value of range(0, 1000)) encoder.write(value);
  encoder.end();
  await new Promise((resolve) => encoder.once('end', resolve));
  assert.equal(outcome(chunks).length, 1000);
  assert.equal(outcome(chunks)[999], 'id-999');
});

test('where the chunks end changes nothing', () => {
  const file = Buffer.concat([header(fullSchema), blockOf(range(0, 2)), blockOf(range(2, 5))]);
  const whole = outcome([file]);
  assert.equal(whole.length, 5);
  fc.assert(
    fc.property(fc.array(fc.nat(file.length)), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), file.length];
      assert.deepEqual(outcome(edges.slice(1).map((edge, i) => file.subarray(edges[i], edge))), whole);
    }),
  );
  assert.deepEqual(outcome(Array.from(file, (_, i) => file.subarray(i, i + 1))), whole);
});

test('older and newer writers are read', () => {
  const older = { ...ApiCallSchema, fields: ApiCallSchema.fields.slice(0, 6) } as Schema;
  const newer = {
    ...ApiCallSchema,
    fields: [{ name: 'region', type: { type: 'map', values: 'string' } }, ...ApiCallSchema.fields],
  } as unknown as Schema;
  assert.deepEqual(outcome([header(older), blockOf(range(0, 2), older)]), ['id-0', 'id-1']);
  const values = range(0, 2).map((value) => ({ ...value, region: { a: 'b' } }));
  assert.deepEqual(outcome([header(newer), blockOf(values, newer)]), ['id-0', 'id-1']);
});

test('a record against the contract is rejected alone', () => {
  const values = [
    record(0),
    { ...record(1), responseBytes: -1 },
    { ...record(2), time: Date.UTC(3000, 0) },
    { ...record(3), method: '' },
    record(4),
  ];
  const expected = ['id-0', 'ASSAY_CALL_BAD_FIELD', 'ASSAY_CALL_FUTURE', 'ASSAY_CALL_MISSING_FIELD', 'id-4'];
  assert.deepEqual(outcome([header(fullSchema), blockOf(values)]), expected);
});

test('a damaged block is one fault, and the blocks around it count', () => {
  const good = [blockOf(range(0, 2)), blockOf(range(2, 4))] as const;
  const around = (bad: Buffer) => outcome([header(fullSchema), good[0], bad, good[1]]);
  const expected = ['id-0', 'id-1', BAD, 'id-2', 'id-3'];
  assert.deepEqual(around(block(1, Buffer.from('nonsense'))), expected);
  assert.deepEqual(around(block(-1, Buffer.alloc(5))), expected);
  assert.deepEqual(around(block(2 ** 40, Buffer.alloc(5))), expected);
  assert.deepEqual(around(Buffer.alloc(40, 0xff)), [...expected.slice(0, 3)]);
  assert.deepEqual(around(Buffer.concat([Buffer.alloc(40, 0xff), SYNC])), expected);
  assert.deepEqual(around(Buffer.concat([long.toBuffer(1), long.toBuffer(5000), Buffer.alloc(30), SYNC])), expected);
  assert.deepEqual(
    outcome([header(fullSchema, 'deflate'), block(1, Buffer.from('nonsense')), blockOf(range(0, 1), fullSchema, 'deflate')]),
    [BAD, 'id-0'],
  );
});

test('a block that is damaged in the middle keeps the records before', () => {
  const data = Buffer.concat([avro.Type.forSchema(fullSchema).toBuffer(record(0)), Buffer.alloc(3, 0xff)]);
  assert.deepEqual(outcome([header(fullSchema), block(2, data), blockOf(range(1, 2))]), ['id-0', BAD, 'id-1']);
});

test('a container that breaks off keeps what was whole', () => {
  const file = Buffer.concat([header(fullSchema), blockOf(range(0, 2)), blockOf(range(2, 4))]);
  assert.deepEqual(outcome([file.subarray(0, -20)]), ['id-0', 'id-1', BAD]);
  const damage = reject('ASSAY_FILE_TRUNCATED', 'x');
  const records = frame([file.subarray(0, -20)], damage);
  assert.deepEqual(
    records.map(({ fault }) => fault),
    [null, null, damage],
  );
});

test('a header that cannot be used is told', () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('{"id": "1"}'), /not an Avro container/],
    [header(fullSchema).subarray(0, 50), /header ends too early/],
    [header(fullSchema, 'snappy'), /codec snappy/],
    [header('{"type": '), /schema does not fit/],
    [header('"string"'), /schema does not fit/],
    [
      header({ type: 'record', name: 'ApiCall', namespace: 'dev.assay', fields: [{ name: 'id', type: 'string' }] } as Schema),
      /schema does not fit/,
    ],
    [Buffer.concat([Buffer.from('Obj\x01'), Buffer.alloc(2 ** 19, 0xff)]), /damaged or too large/],
  ];
  for (const [bytes, message] of cases) assert.throws(() => outcome([bytes]), { code: BAD, message });
});

test('hostile counts and sizes neither stall nor swell', () => {
  const startedAt = performance.now();
  const bomb = block(1, deflateRawSync(Buffer.alloc(2 ** 26)));
  assert.deepEqual(outcome([header(fullSchema, 'deflate'), bomb, blockOf(range(0, 1), fullSchema, 'deflate')]), [BAD, 'id-0']);
  const names = {
    ...ApiCallSchema,
    fields: [...ApiCallSchema.fields.slice(0, 5), { name: 'headerNames', type: { type: 'array', items: 'string' } }],
  };
  const short = avro.Type.forSchema({ ...names, fields: names.fields.slice(0, 5) } as Schema).toBuffer(record(0));
  const data = Buffer.concat([short, long.toBuffer(2 ** 50)]);
  assert.deepEqual(outcome([header(names as Schema), block(1, data)]), [BAD]);
  assert.ok(performance.now() - startedAt < 2000);
});

test('no damage makes it throw anything but a coded error', () => {
  const file = Buffer.concat([header(fullSchema), blockOf(range(0, 3)), blockOf(range(3, 6))]);
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(file);
      damaged[at]! ^= flip;
      try {
        assert.ok(outcome([damaged]).length > 0);
      } catch (error) {
        assert.equal((error as { code?: string }).code, BAD);
      }
    }),
    { numRuns: 500 },
  );
});
