import assert from 'node:assert/strict';
import { test } from 'node:test';
import avro, { type Schema } from 'avsc';
import fc from 'fast-check';
import { isRejection } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema } from '../core/contracts.ts';
import { bodyTypes, CLOUD_EVENT_TYPE, MAX_BODY_RECORDS, splitBody } from './post-body.ts';

const NOW = Date.UTC(2026, 0, 1);
const TIME = 1_431_857_103_000;

function call(id: string, fields: object = {}): Record<string, unknown> {
  return { id, time: TIME, clientIp: '192.0.2.7', method: 'GET', path: '/', ...fields };
}

function event(data: unknown, fields: object = {}): object {
  return {
    specversion: '1.0',
    id: 'event-1',
    source: '/gateway',
    type: CLOUD_EVENT_TYPE,
    time: '2015-05-17T10:05:03Z',
    data,
    ...fields,
  };
}

/** `origin id` of what is accepted, `origin code` of what is not; without the body's hash. */
function outcome(body: unknown, contentType: string): string[] {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const { records, decode } = splitBody(bytes, contentType);
  return records.map((record) => {
    const decoded = decode(record, NOW);
    assert.match(record.origin, /^body-[0-9a-f]{16}\[\d+\]$/);
    return `${record.origin.replace(/-\w+/, '')} ${isRejection(decoded) ? decoded.rejected : decoded.id}`;
  });
}

function refuses(body: unknown, contentType: string, message: RegExp, code = 'ASSAY_REQUEST_INVALID'): void {
  assert.throws(() => outcome(body, contentType), { code, message });
}

async function container(values: readonly object[]): Promise<Buffer> {
  const encoder = new avro.streams.BlockEncoder(ApiCallSchema as Schema, { codec: 'deflate', blockSize: 200 });
  const empty = Object.fromEntries(ApiCallSchema.fields.map(({ name }) => [name, null]));
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const value of values) encoder.write({ ...empty, ...value });
  encoder.end();
  await new Promise((resolve) => encoder.once('end', resolve));
  return Buffer.concat(chunks);
}

test('NDJSON, under each of its names', () => {
  const body = `${JSON.stringify(call('a'))}\r\nhello\n\n${JSON.stringify(call('b', { requestBytes: -1 }))}\n${JSON.stringify(call('c'))}`;
  const expected = ['body[0] a', 'body[1] ASSAY_CALL_BAD_JSON', 'body[3] ASSAY_CALL_BAD_FIELD', 'body[4] c'];
  for (const type of ['application/x-ndjson', 'application/ndjson', 'Application/X-NDJSON; charset=utf-8', 'application/jsonl'])
    assert.deepEqual(outcome(body, type), expected, type);
  const invalid = Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from(JSON.stringify(call('b')))]);
  assert.deepEqual(outcome(invalid, 'application/x-ndjson'), ['body[0] ASSAY_CALL_BAD_UTF8', 'body[1] b']);
  assert.deepEqual(outcome(`${'a'.repeat(2 ** 20 + 1)}\n${JSON.stringify(call('b'))}`, 'application/x-ndjson'), [
    'body[0] ASSAY_CALL_TOO_LARGE',
    'body[1] b',
  ]);
});

test('lines without an id are other calls in another body, and the same ones in a body that is sent again', () => {
  const line = (ts: number) =>
    JSON.stringify({ logger: 'http.log.access', ts, request: { client_ip: '192.0.2.7', method: 'GET' } });
  const idsOf = (body: string) => {
    const { records, decode } = splitBody(Buffer.from(body), 'application/x-ndjson');
    return records.map((record) => (decode(record, NOW) as ApiCall).id);
  };
  const twice = `${line(1)}\n${line(1)}\n`;
  assert.deepEqual(idsOf(twice), idsOf(twice));
  const ids = [...idsOf(twice), ...idsOf(`${line(2)}\n`), ...idsOf(line(3))];
  assert.equal(new Set(ids).size, 4);
});

test('a JSON array, or one object', () => {
  const body = [call('a'), null, 7, call('b', { time: '2015-05-17T10:05:03Z' }), [call('x')], { id: 'c' }, call('d')];
  assert.deepEqual(outcome(body, 'application/json'), [
    'body[0] a',
    'body[1] ASSAY_CALL_NOT_OBJECT',
    'body[2] ASSAY_CALL_NOT_OBJECT',
    'body[3] b',
    'body[4] ASSAY_CALL_NOT_OBJECT',
    'body[5] ASSAY_CALL_MISSING_FIELD',
    'body[6] d',
  ]);
  assert.deepEqual(outcome(call('a'), 'application/json; charset=utf-8'), ['body[0] a']);
  assert.deepEqual(outcome([], 'application/json'), []);
  assert.deepEqual(outcome(`\ufeff${JSON.stringify(call('a'))}`, 'application/json'), ['body[0] a']);
});

test('the original bytes of an element can be had', () => {
  const { records } = splitBody(Buffer.from('[{"id": 1}, "x"]'), 'application/json');
  assert.deepEqual(
    records.map(({ bytes }) => Buffer.from(bytes).toString()),
    ['{"id":1}', '"x"'],
  );
  const source = event(null);
  const events = splitBody(Buffer.from(JSON.stringify(source)), 'application/cloudevents+json');
  assert.deepEqual(JSON.parse(Buffer.from(events.records[0]!.bytes).toString()), source);
});

test('an element that calls itself a rejection is no rejection', () => {
  assert.deepEqual(outcome([call('a', { rejected: 'x', fault: { rejected: 'y' } })], 'application/json'), ['body[0] a']);
});

test('CloudEvents, single and in batches', () => {
  const { id: _, time: __, ...bare } = call('x');
  assert.deepEqual(outcome(event(call('a')), 'application/cloudevents+json'), ['body[0] a']);
  assert.deepEqual(outcome(event(bare), 'application/cloudevents+json; charset=UTF-8'), ['body[0] event-1']);
  const { records, decode } = splitBody(
    Buffer.from(JSON.stringify(event({ ...bare, id: null }))),
    'application/cloudevents+json',
  );
  const decoded = decode(records[0]!, NOW);
  assert.ok(!isRejection(decoded) && decoded.time === TIME);
  const batch = [
    event(call('a')),
    event(call('b'), { type: 'com.example.other' }),
    event(call('c'), { specversion: '0.3' }),
    event(undefined),
    event('text'),
    'nonsense',
    event(bare, { time: undefined }),
    event(call('d')),
  ];
  assert.deepEqual(outcome(batch, 'application/cloudevents-batch+json'), [
    'body[0] a',
    'body[1] ASSAY_CALL_BAD_FIELD',
    'body[2] ASSAY_CALL_BAD_FIELD',
    'body[3] ASSAY_CALL_BAD_FIELD',
    'body[4] ASSAY_CALL_BAD_FIELD',
    'body[5] ASSAY_CALL_NOT_OBJECT',
    'body[6] ASSAY_CALL_MISSING_FIELD',
    'body[7] d',
  ]);
  assert.deepEqual(outcome([], 'application/cloudevents-batch+json'), []);
  refuses(event(call('a')), 'application/cloudevents-batch+json', /JSON array/);
});

test('an Avro container, and one that breaks off', async () => {
  const body = await container([call('a'), call('b', { responseBytes: -1 }), call('c'), call('d')]);
  const expected = ['body[0] a', 'body[1] ASSAY_CALL_BAD_FIELD', 'body[2] c', 'body[3] d'];
  for (const type of ['avro/binary', 'application/avro', 'application/vnd.apache.avro'])
    assert.deepEqual(outcome(body, type), expected);
  const cut = outcome(body.subarray(0, -8), 'avro/binary');
  assert.equal(cut[0], 'body[0] a');
  assert.match(cut.at(-1)!, /ASSAY_CALL_BAD_AVRO/);
  refuses(body.subarray(0, 100), 'avro/binary', /header ends too early/);
  refuses(call('a'), 'avro/binary', /not an Avro container/);
});

test('a body that is not understood at all is refused', () => {
  refuses('{"id":', 'application/json', /not valid JSON .*x-ndjson/);
  refuses(`${JSON.stringify(call('a'))}\n${JSON.stringify(call('b'))}`, 'application/json', /x-ndjson/);
  refuses(Buffer.from([0x22, 0xff, 0x22]), 'application/json', /UTF-8/);
  refuses('', 'application/x-ndjson', /empty/);
  refuses(
    'a=b',
    'application/x-www-form-urlencoded',
    /content type application\/x-www-form-urlencoded; known are application\/x-ndjson/,
    'ASSAY_CONTENT_TYPE_UNKNOWN',
  );
  for (const type of ['', '__proto__', 'text/plain']) refuses('{}', type, /content type/, 'ASSAY_CONTENT_TYPE_UNKNOWN');
});

test('a body holds at most 10,000 records', async () => {
  const most = Array.from({ length: MAX_BODY_RECORDS }, (_, i) => call(String(i)));
  const tooMany = [...most, call('x')];
  const lines = (calls: object[]) => calls.map((value) => JSON.stringify(value)).join('\n');
  assert.equal(outcome(most, 'application/json').length, MAX_BODY_RECORDS);
  assert.equal(outcome(lines(most), 'application/x-ndjson').length, MAX_BODY_RECORDS);
  refuses(tooMany, 'application/json', /more than 10000 records/);
  refuses(lines(tooMany), 'application/x-ndjson', /more than 10000 records/);
  refuses(
    tooMany.map((value) => event(value)),
    'application/cloudevents-batch+json',
    /more than 10000 records/,
  );
  refuses(await container(tooMany), 'avro/binary', /more than 10000 records/);
});

test('any bytes under any type give records or a coded refusal', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.json().map((text) => Buffer.from(text)),
      ),
      fc.constantFrom(...bodyTypes),
      (bytes, type) => {
        try {
          outcome(Buffer.from(bytes), type);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ASSAY_REQUEST_INVALID');
        }
      },
    ),
    { numRuns: 1000 },
  );
});
