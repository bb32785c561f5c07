import assert from 'node:assert/strict';
import { test } from 'node:test';
import avro from 'avsc';
import fc from 'fast-check';
import { isRejection, type Rejection } from '../core/api-call.ts';
import { compileType } from '../core/avro-type.ts';
import { type ApiCall, ApiCallSchema, type Label, type Verdict, VerdictSchema } from '../core/contracts.ts';
import {
  BARE_IDS,
  BUNDLED_IDS,
  createAvroReader,
  createLabelReader,
  createVerdictReader,
  encodeCall,
  encodeLabel,
  encodeVerdict,
  MAX_RECORD_BYTES,
  registerContracts,
  type WireFormat,
} from './avro.ts';
import { BUNDLED_SCHEMAS, type SchemaStore } from './schema-registry.ts';

const NOW = Date.UTC(2026, 0, 2);
const FIVE = { id: 'r-1', time: NOW - 1000, clientIp: '192.0.2.7', method: 'GET', path: '/v1/orders/17' };
const NULLS = Object.fromEntries(ApiCallSchema.fields.map(({ name }) => [name, null]));
const CALL = {
  ...NULLS,
  ...FIVE,
  status: 200,
  responseBytes: 2 ** 40,
  durationMs: Math.fround(12.3),
  userAgent: 'curl/8.0 ü',
  headerNames: ['host', 'accept'],
  hasCookie: false,
  bodySample: Buffer.from([0, 255, 7]),
} as unknown as ApiCall;

const VERDICT: Verdict = {
  id: 'c1.abc.5',
  clientId: 'c1',
  verdict: 'bad',
  score: 0.1 + 0.2,
  action: 'deny',
  family: null,
  reasons: [
    { kind: 'signal', name: 'ordered-ids', text: '412 object ids asked for in order', weight: null, value: 412 },
    { kind: 'contribution', name: 'pace', text: 'steady', weight: -1 / 3, value: 5e-324 },
  ],
  baseLogOdds: -1.7,
  calls: 5,
  time: NOW,
  sessionStart: NOW - 5000,
  novelty: 0.25,
  model: 'm',
  featureSet: 'f',
  policy: 'p',
  mode: 'shadow',
  expiresAt: NOW + 1,
};

const LABEL: Label = {
  label: 'bad',
  clientId: null,
  clientIp: '192.0.2.7',
  subject: null,
  sessionStart: null,
  kind: 'scraping',
  by: 'ann',
  at: NOW,
  why: null,
  until: null,
};

/** A store with further schemas under given ids. */
function storeOf(schemas: Record<number, object>): SchemaStore {
  return {
    find: (id) => schemas[id] ?? 'ASSAY_CALL_UNKNOWN_SCHEMA',
    prepare: async () => {},
    register: async () => 0,
  };
}

function read(bytes: Uint8Array, wireFormat: WireFormat = 'auto', schemas?: SchemaStore): ApiCall | Rejection {
  const reader = createAvroReader({ wireFormat, registryUrl: '', ...(schemas ? { schemas } : {}) });
  return reader.decode({ bytes, origin: 'test' }, NOW);
}

function codeOf(result: object): string {
  return isRejection(result) ? result.rejected : 'accepted';
}

function withId(id: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, body]);
}

test('a call comes back the same in both wire formats', () => {
  for (const [id, format] of [
    [1, 'confluent'],
    [1, 'auto'],
    [null, 'bare'],
    [null, 'auto'],
  ] as const)
    assert.deepEqual(read(encodeCall(CALL, id), format), CALL, `${id} read as ${format}`);
});

test('the bundled ids are part of the contract and never change', () => {
  assert.deepEqual(BUNDLED_IDS, { call: 1, verdict: 2, label: 3 });
  assert.deepEqual([...encodeCall(CALL).subarray(0, 5)], [0, 0, 0, 0, 1]);
});

test('the schema under a bundled id never changes', () => {
  // Where this fails a contract has changed: leave the old schema under its id, give the new one the next id.
  const fingerprints = BUNDLED_SCHEMAS.map(({ id, schema }) => [
    id,
    avro.Type.forSchema(schema as never)
      .fingerprint()
      .toString('hex'),
  ]);
  assert.deepEqual(fingerprints, [
    [1, '0c0a754845015dc8b3cabf6295497695'],
    [2, 'cab3d3256fe64c6781041485ac949a84'],
    [3, 'f48511f4a096342e418ea10c98bfc0ce'],
  ]);
});

test('a plain Uint8Array is read as well as a Buffer', () => {
  assert.deepEqual(read(new Uint8Array(encodeCall(CALL))), CALL);
});

test('a call in JSON is taken in auto mode only', () => {
  const json = Buffer.from(JSON.stringify(FIVE));
  assert.deepEqual(read(json), { ...NULLS, ...FIVE });
  assert.equal(codeOf(read(json, 'bare')), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(json, 'confluent')), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(Buffer.from('{"id": '))), 'ASSAY_CALL_BAD_JSON');
  assert.equal(codeOf(read(Buffer.from([0x7b, 0xff, 0x7d]))), 'ASSAY_CALL_BAD_UTF8');
});

test('a JSON record cannot pass itself off as a rejection', () => {
  assert.equal(codeOf(read(Buffer.from('{"rejected":"ASSAY_OVERLOADED","detail":""}'))), 'ASSAY_CALL_MISSING_FIELD');
});

test('records of old and new writers decode with the present reader', () => {
  const { fields } = ApiCallSchema;
  const older = { ...ApiCallSchema, fields: fields.slice(0, -3) };
  const oldest = { ...ApiCallSchema, namespace: 'com.other', fields: fields.slice(0, 5) };
  const newer = {
    ...ApiCallSchema,
    fields: [{ name: 'edge', type: { type: 'array', items: 'string' } }, ...fields, { name: 'cost', type: 'double', default: 0 }],
  };
  const schemas = storeOf({ 7: older, 8: oldest, 9: newer });
  const write = (schema: object, value: object) => avro.Type.forSchema(schema as never).toBuffer(value);
  const { bodySample: _b, account: _a, identityVerified: _i, ...oldCall } = CALL;
  assert.deepEqual(read(withId(7, write(older, oldCall)), 'auto', schemas), { ...CALL, bodySample: null });
  assert.deepEqual(read(withId(8, write(oldest, FIVE)), 'auto', schemas), { ...NULLS, ...FIVE });
  assert.deepEqual(read(withId(9, write(newer, { ...CALL, edge: ['a', 'b'], cost: 1 })), 'auto', schemas), CALL);
});

test('what cannot be read is rejected with its code', () => {
  const bytes = encodeCall(CALL);
  assert.equal(codeOf(read(withId(99, bytes.subarray(5)))), 'ASSAY_CALL_UNKNOWN_SCHEMA');
  assert.equal(codeOf(read(withId(99, bytes.subarray(5)), 'confluent')), 'ASSAY_CALL_UNKNOWN_SCHEMA');
  assert.equal(codeOf(read(Buffer.concat([bytes, Buffer.from([0])]))), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(bytes.subarray(0, -1))), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(bytes.subarray(0, 3))), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(Buffer.alloc(0))), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(encodeVerdict(VERDICT))), 'ASSAY_CALL_BAD_AVRO', 'another contract');
  assert.equal(codeOf(read(encodeCall(CALL, null), 'confluent')), 'ASSAY_CALL_BAD_AVRO');
  assert.equal(codeOf(read(withId(7, bytes.subarray(5)), 'auto', storeOf({ 7: { type: 'nonsense' } }))), 'ASSAY_CALL_BAD_AVRO');
});

test('every record is checked against the contract', () => {
  assert.equal(codeOf(read(encodeCall({ ...CALL, id: '' }))), 'ASSAY_CALL_MISSING_FIELD');
  assert.equal(codeOf(read(encodeCall({ ...CALL, requestBytes: -1 }))), 'ASSAY_CALL_BAD_FIELD');
  assert.equal(codeOf(read(encodeCall({ ...CALL, time: Date.UTC(3000, 0, 1) }))), 'ASSAY_CALL_FUTURE');
});

test('the limit on a record is 1 MiB, to the byte', () => {
  assert.equal(codeOf(read(Buffer.alloc(MAX_RECORD_BYTES + 1))), 'ASSAY_CALL_TOO_LARGE');
  assert.notEqual(codeOf(read(Buffer.alloc(MAX_RECORD_BYTES))), 'ASSAY_CALL_TOO_LARGE');
});

test('a count of billions in a few bytes is refused at once', () => {
  const short = encodeCall({ ...CALL, headerNames: [] }, null);
  const at = encodeCall({ ...CALL, headerNames: null }, null).indexOf(Buffer.from('curl/8.0 ü')) + 11;
  const arrayAt = short.indexOf(Buffer.from([2, 0]), at);
  const huge = Buffer.concat([short.subarray(0, arrayAt + 1), Buffer.from([0x80, 0x80, 0x80, 0x80, 0x10])]);
  const started = performance.now();
  assert.deepEqual(read(huge, 'bare'), { rejected: 'ASSAY_CALL_BAD_AVRO', detail: 'more items than bytes' });
  assert.ok(performance.now() - started < 100);
});

test('a map or an array that a newer writer added is skipped within the same limit', () => {
  const newer = { ...ApiCallSchema, fields: [...ApiCallSchema.fields, { name: 'tags', type: { type: 'map', values: 'null' } }] };
  const body = encodeCall(CALL, null);
  const schemas = storeOf({ 9: newer });
  assert.deepEqual(read(withId(9, Buffer.concat([body, Buffer.from([2, 2, 97, 0])])), 'auto', schemas), CALL);
  const huge = Buffer.concat([body, Buffer.from([0x80, 0x80, 0x80, 0x80, 0x10])]);
  assert.equal(codeOf(read(withId(9, huge), 'auto', schemas)), 'ASSAY_CALL_BAD_AVRO');
});

test('items that take no bytes are refused, however few bytes ask for them', () => {
  const type = compileType({ type: 'array', items: 'null' });
  assert.throws(() => type.fromBuffer(Buffer.from([4, 0])), /an array of nothing/);
  assert.deepEqual(type.fromBuffer(Buffer.from([0])), []);
});

test('no bytes make the reader throw', () => {
  const valid = encodeCall(CALL);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(valid.length - 1), fc.nat(255), (noise, at, value) => {
      const damaged = Buffer.from(valid);
      damaged[at] = value;
      for (const format of ['auto', 'bare', 'confluent'] as const)
        for (const bytes of [noise, damaged, withId(1, noise)]) assert.equal(typeof read(bytes, format), 'object');
    }),
    { numRuns: 2000 },
  );
});

test('a verdict comes back equal, its numbers to the bit', () => {
  for (const id of [2, null]) {
    const reader = createVerdictReader({ wireFormat: 'auto', registryUrl: '' });
    const back = reader.read(encodeVerdict(VERDICT, id)) as Verdict;
    assert.deepStrictEqual(back, VERDICT);
    assert.ok(Object.is(back.score, 0.30000000000000004));
    assert.ok(Object.is(back.reasons[1]!.value, 5e-324));
  }
});

test('a verdict of an older writer gets the defaults of the fields it lacks', () => {
  const older = { ...VerdictSchema, fields: VerdictSchema.fields.filter(({ name }) => name !== 'novelty' && name !== 'family') };
  const reader = createVerdictReader({ wireFormat: 'auto', registryUrl: '', schemas: storeOf({ 5: older }) });
  const body = avro.Type.forSchema(older as never).toBuffer(VERDICT);
  assert.deepStrictEqual(reader.read(withId(5, body)), { ...VERDICT, novelty: null });
});

test('a label is read from Avro and from JSON, and must name a client', () => {
  const reader = createLabelReader({ wireFormat: 'auto', registryUrl: '' });
  assert.deepStrictEqual(reader.read(encodeLabel(LABEL)), LABEL);
  assert.deepStrictEqual(reader.read(encodeLabel(LABEL, null)), LABEL);
  const short = { label: 'good', subject: 's' };
  assert.deepEqual(reader.read(Buffer.from(JSON.stringify(short))), {
    ...LABEL,
    ...short,
    clientIp: null,
    kind: null,
    by: null,
    at: null,
  });
  assert.equal(codeOf(reader.read(encodeLabel({ ...LABEL, clientIp: null }))), 'ASSAY_LABEL_INVALID');
  assert.equal(codeOf(reader.read(Buffer.from('{"label":"nice","subject":"s"}'))), 'ASSAY_LABEL_INVALID');
  assert.equal(codeOf(reader.read(Buffer.from([9]))), 'ASSAY_LABEL_INVALID');
});

test('without a registry the contracts have their fixed ids, bare Avro none', async () => {
  const topics = { calls: 'c', verdicts: 'v', labels: 'l' };
  assert.deepEqual(await registerContracts({ wireFormat: 'auto', registryUrl: '', topics }), BUNDLED_IDS);
  assert.deepEqual(await registerContracts({ wireFormat: 'bare', registryUrl: '', topics }), BARE_IDS);
});
