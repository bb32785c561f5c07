import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from '../core/api-call.ts';
import { decodeNdjson, sniffNdjson } from './ndjson.ts';

const NOW = Date.UTC(2026, 0, 1);
const CALL = { id: 'a', time: 1_431_857_103_000, clientIp: '192.0.2.7', method: 'get', path: '/é' };

function decode(value: unknown) {
  return decodeNdjson({ bytes: Buffer.from(JSON.stringify(value)), origin: 'x:1' }, NOW);
}

function codeOf(value: unknown): string | null {
  const decoded = decode(value);
  return isRejection(decoded) ? decoded.rejected : null;
}

function timeOf(time: unknown): number | string {
  const decoded = decode({ ...CALL, time });
  return isRejection(decoded) ? decoded.rejected : decoded.time;
}

test('a call under the names of the contract, unknown names and nulls passed over', () => {
  const decoded = decode({ ...CALL, status: 200, query: null, later: { a: 1 } });
  assert.ok(!isRejection(decoded));
  assert.deepEqual([decoded.method, decoded.path, decoded.status, decoded.query], ['GET', '/é', 200, null]);
  assert.ok(!('later' in decoded));
});

test('time may be ISO 8601 with an offset', () => {
  const expected = Date.UTC(2015, 4, 17, 10, 5, 3);
  assert.equal(timeOf('2015-05-17T10:05:03Z'), expected);
  assert.equal(timeOf('2015-05-17t10:05:03.000z'), expected);
  assert.equal(timeOf('2015-05-17 12:05:03,123456+02:00'), expected + 123);
  assert.equal(timeOf('2015-05-17T05:05:03-0500'), expected);
  assert.equal(timeOf('2015-05-17T10:05Z'), Date.UTC(2015, 4, 17, 10, 5));
});

test('a text that is no certain moment is no time', () => {
  const texts = ['2015-05-17T10:05:03', '2015-05-17', '17 May 2015', '1431857103000', '2015-13-17T10:05:03Z', '', 'now'];
  for (const text of texts) assert.equal(timeOf(text), 'ASSAY_CALL_BAD_FIELD', text);
});

test('each fault has its code', () => {
  const raw = (bytes: Buffer) => {
    const decoded = decodeNdjson({ bytes, origin: 'x:1' }, NOW);
    return isRejection(decoded) ? decoded.rejected : null;
  };
  assert.equal(raw(Buffer.from('{"id": ')), 'ASSAY_CALL_BAD_JSON');
  assert.equal(raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 'ASSAY_CALL_BAD_UTF8');
  assert.equal(raw(Buffer.from('{"id": "\xed\xa0\x80"}', 'latin1')), 'ASSAY_CALL_BAD_UTF8');
  assert.equal(codeOf([CALL]), 'ASSAY_CALL_NOT_OBJECT');
  assert.equal(codeOf(null), 'ASSAY_CALL_NOT_OBJECT');
  assert.equal(codeOf('text'), 'ASSAY_CALL_NOT_OBJECT');
  assert.equal(codeOf({ ...CALL, path: undefined }), 'ASSAY_CALL_MISSING_FIELD');
  assert.equal(codeOf({ ...CALL, responseBytes: -1 }), 'ASSAY_CALL_BAD_FIELD');
  assert.equal(codeOf({ ...CALL, time: '3000-01-01T00:00:00Z' }), 'ASSAY_CALL_FUTURE');
  assert.equal(codeOf({ ...CALL, time: Date.UTC(3000, 0) }), 'ASSAY_CALL_FUTURE');
});

test('a record cannot reach prototypes', () => {
  const bytes = Buffer.from(
    `{"__proto__": ${JSON.stringify({ ...CALL, polluted: true })}, "constructor": {"prototype": {"polluted": true}}}`,
  );
  const decoded = decodeNdjson({ bytes, origin: 'x:1' }, NOW);
  assert.ok(isRejection(decoded) && decoded.rejected === 'ASSAY_CALL_MISSING_FIELD');
  assert.ok(!('polluted' in {}));
});

test('any JSON and any bytes give a call or a rejection', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void decode(value)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 99 }), (bytes) => assert.ok(isRejection(decodeNdjson({ bytes, origin: '' }, NOW)))),
  );
});

test('sniffing goes by the brace', () => {
  assert.deepEqual(['{"a":1}', '  {', '[{}]', '192.0.2.7 - -'].map(sniffNdjson), [true, true, false, false]);
});
