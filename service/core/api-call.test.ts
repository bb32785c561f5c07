import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkCall, isRejection, LIMITS } from './api-call.ts';
import { NOON } from './calls.test.data.ts';
import { type ApiCall, ApiCallSchema } from './contracts.ts';

const required = { id: 'a', time: NOON, clientIp: '192.0.2.1', method: 'get', path: '/v1/orders' };

function accepted(fields: object): ApiCall {
  const call = checkCall({ ...required, ...fields }, NOON);
  if (isRejection(call)) assert.fail(`${call.rejected} ${call.detail}`);
  return call;
}

function rejected(record: unknown, receivedAtMs = NOON): string {
  const call = checkCall(record, receivedAtMs);
  return isRejection(call) ? `${call.rejected} ${call.detail}` : 'accepted';
}

describe('checkCall', () => {
  test('gives every field of the contract, null where nothing is told, and the method in upper case', () => {
    const call = accepted({});
    assert.deepEqual(Object.keys(call).sort(), ApiCallSchema.fields.map((f) => f.name).sort());
    assert.equal(call.method, 'GET');
    assert.equal(call.status, null);
  });

  for (const name of Object.keys(required))
    test(`rejects a record without ${name}`, () => {
      assert.equal(rejected({ ...required, [name]: undefined }), `ASSAY_CALL_MISSING_FIELD ${name}`);
      assert.equal(rejected({ ...required, [name]: null }), `ASSAY_CALL_MISSING_FIELD ${name}`);
    });

  for (const name of ['id', 'clientIp', 'method'])
    test(`rejects an empty ${name}`, () => assert.match(rejected({ ...required, [name]: '' }), /^ASSAY_CALL_MISSING_FIELD/));

  for (const [what, record] of [
    ['null', null],
    ['a number', 7],
    ['a string', '{}'],
    ['an array', [required]],
    ['nothing', undefined],
  ])
    test(`rejects ${what} as a record`, () => assert.match(rejected(record), /^ASSAY_CALL_NOT_OBJECT/));

  const wrong: [string, unknown][] = [
    ['time', '2025-06-01'],
    ['time', 1.5],
    ['time', Number.NaN],
    ['time', -1],
    ['time', 9e15],
    ['id', 7],
    ['path', ['a']],
    ['status', '200'],
    ['status', 99],
    ['status', 600],
    ['status', 200.5],
    ['requestBytes', -1],
    ['responseBytes', -0.5],
    ['responseBytes', 2 ** 60],
    ['durationMs', -1],
    ['durationMs', Number.POSITIVE_INFINITY],
    ['durationMs', 1e39],
    ['connectionRequests', -1],
    ['hasCookie', 'yes'],
    ['headerNames', 'accept'],
    ['headerNames', ['accept', 1]],
    ['bodySample', 5],
    ['subject', {}],
  ];
  for (const [name, value] of wrong)
    test(`rejects ${name} ${String(value)}`, () =>
      assert.match(rejected({ ...required, [name]: value }), new RegExp(`^ASSAY_CALL_BAD_FIELD ${name} `)));

  test('rejects the year 3000, and takes a clock that is an hour ahead', () => {
    assert.equal(rejected({ ...required, time: Date.UTC(3000, 0) }), 'ASSAY_CALL_FUTURE time 3000-01-01T00:00:00.000Z');
    assert.equal(accepted({ time: NOON + LIMITS.clockSkewMs }).time, NOON + LIMITS.clockSkewMs);
    assert.match(rejected({ ...required, time: NOON + LIMITS.clockSkewMs + 1 }), /^ASSAY_CALL_FUTURE/);
  });

  test('cuts long strings, lists and samples instead of rejecting them', () => {
    const call = accepted({
      userAgent: 'x'.repeat(1e5),
      headerNames: Array.from({ length: 500 }, () => 'X'.repeat(1000)),
      bodySample: Buffer.alloc(1e5, 'y').toString('base64'),
    });
    assert.equal(call.userAgent!.length, LIMITS.stringChars);
    assert.equal(call.headerNames!.length, LIMITS.arrayItems);
    assert.equal(call.headerNames![0], 'x'.repeat(LIMITS.arrayItemChars));
    assert.deepEqual(Buffer.from(call.bodySample!), Buffer.alloc(LIMITS.bodySampleBytes, 'y'));
  });

  test('reads bytes as base64 or as they are', () => {
    assert.deepEqual([...accepted({ bodySample: 'AQID' }).bodySample!], [1, 2, 3]);
    assert.deepEqual([...accepted({ bodySample: Uint8Array.of(1, 2, 3) }).bodySample!], [1, 2, 3]);
  });

  test('takes an empty optional string for one that is not told', () => {
    const call = accepted({ subject: '', userAgent: '', query: '', tenant: '' });
    assert.deepEqual([call.subject, call.userAgent, call.query, call.tenant], [null, null, null, null]);
  });

  test('parts a query that came within the path', () => {
    const { path, query } = accepted({ path: '/v1/search?q=a?b' });
    assert.deepEqual([path, query], ['/v1/search', 'q=a?b']);
    assert.deepEqual([accepted({ path: '/a?', query: null }).query, accepted({ path: '/a?x', query: 'y' }).query], [null, 'y']);
  });

  test('ignores unknown names, and those that would touch prototypes', () => {
    const call = checkCall(
      JSON.parse(JSON.stringify(required).replace('{', '{"__proto__":{"status":500},"constructor":1,"later":2,')),
      NOON,
    );
    assert.ok(!isRejection(call));
    assert.equal('later' in call, false);
    assert.equal(call.status, null);
    assert.equal(Object.getPrototypeOf(call), Object.prototype);
    assert.equal(({} as { status?: number }).status, undefined);
  });

  test('gives the same number whichever format brought it', () => {
    assert.ok(Object.is(accepted({ requestBytes: -0 }).requestBytes, 0));
    assert.equal(accepted({ durationMs: 0.1 }).durationMs, Math.fround(0.1));
  });

  test('never throws', () => {
    const names = ApiCallSchema.fields.map((f) => f.name);
    const record = fc.dictionary(fc.constantFrom(...names), fc.anything());
    fc.assert(fc.property(record, (fields) => typeof checkCall({ ...required, ...fields }, NOON) === 'object'));
    fc.assert(fc.property(fc.anything(), (value) => typeof checkCall(value, NOON) === 'object'));
  });
});
