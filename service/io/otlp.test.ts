import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { isRejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import type { DeadLetter } from '../core/source.ts';
import { openGrpc } from './grpc.ts';
import { createTestApp } from './http.test.data.ts';
import type { HttpSource } from './http-source.ts';
import { otlpServices } from './otlp.ts';
import { packageRoot } from './package-root.ts';

const START = Date.UTC(2026, 10, 20, 10, 5, 3, 250);
const NOW = START + 60_000;
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const whole = (key: string, intValue: string) => ({ key, value: { intValue } });

/** A server's span as today's semantic conventions have it, a client's, one of a queue, and one that lacks the address. */
const NEW = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  kind: 2,
  startTimeUnixNano: `${START}000000`,
  endTimeUnixNano: `${START + 12}500000`,
  attributes: [
    ...[
      text('http.request.method', 'POST'),
      text('url.path', '/v1/orders'),
      text('url.query', 'a=1'),
      text('url.scheme', 'https'),
    ],
    ...[whole('http.response.status_code', '404'), text('http.route', '/v1/orders'), text('server.address', 'api.example')],
    ...[whole('server.port', '8443'), text('client.address', '203.0.113.9'), text('network.protocol.version', '2')],
    ...[
      text('user_agent.original', 'okhttp/4.12.0'),
      whole('http.response.body.size', '612'),
      text('tls.protocol.version', '1.3'),
    ],
    { key: 'http.request.header.accept', value: { arrayValue: { values: [{ stringValue: 'application/json' }] } } },
  ],
};
const OLD = {
  ...{
    traceId: '01',
    spanId: '02',
    kind: 'SPAN_KIND_SERVER',
    startTimeUnixNano: `${START}000000`,
    endTimeUnixNano: `${START}000000`,
  },
  attributes: [
    ...[text('http.method', 'GET'), text('http.target', '/v1/orders/7?b=2'), whole('http.status_code', '200')],
    ...[text('http.host', 'api.example'), text('net.sock.peer.addr', '203.0.113.9'), text('http.flavor', '1.1')],
  ],
};
const CLIENTS = { ...NEW, kind: 3 };
const QUEUE = { ...NEW, attributes: [text('messaging.system', 'kafka')] };
const FAR = { ...NEW, attributes: NEW.attributes.filter(({ key }) => key !== 'client.address') };
const spansOf = (...spans: object[]) => ({
  resourceSpans: [{ resource: { attributes: [text('service.name', 'shop')] }, scopeSpans: [{ spans }] }],
});

interface Taken {
  readonly calls: ApiCall[];
  readonly post: HttpSource['post'];
}

function taking(fault?: AssayError): Taken {
  const calls: ApiCall[] = [];
  const post: HttpSource['post'] = async (records, decode) => {
    if (fault) throw fault;
    const rejections: DeadLetter[] = [];
    for (const record of records) {
      const call = decode(record, NOW);
      if (isRejection(call)) rejections.push({ ...call, origin: record.origin, bytes: record.bytes });
      else calls.push(call);
    }
    return { accepted: records.length - rejections.length, rejections };
  };
  return { calls, post };
}

const send = (
  t: TestContext,
  post: HttpSource['post'],
  payload: object | Buffer,
  headers: Record<string, string> = {},
  url = '/v1/traces',
) =>
  createTestApp(t, { post }).app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });

test("a server's spans are calls, by today's names and by those before; others are passed over", async (t) => {
  const { calls, post } = taking();
  const reply = await send(t, post, spansOf(NEW, CLIENTS, QUEUE, OLD));
  assert.deepEqual([reply.statusCode, reply.json()], [200, {}]);
  assert.equal(calls.length, 2);
  const expected: Partial<ApiCall> = {
    ...{ id: `${NEW.traceId}-${NEW.spanId}`, gateway: 'shop', time: START, durationMs: 12.5, clientIp: '203.0.113.9' },
    ...{ method: 'POST', path: '/v1/orders', query: 'a=1', status: 404, route: '/v1/orders', host: 'api.example:8443' },
    ...{ userAgent: 'okhttp/4.12.0', responseBytes: 612, httpVersion: '2', tlsVersion: 'TLSv1.3', accept: 'application/json' },
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(calls[0]![name as keyof ApiCall], value, name);
  const { method, path, query, status, host, clientIp, httpVersion, time } = calls[1]!;
  assert.deepEqual(
    [method, path, query, status, host, clientIp, httpVersion, time],
    ['GET', '/v1/orders/7', 'b=2', 200, 'api.example', '203.0.113.9', '1.1', START],
  );
});

test('one that lacks the address is told, and the others count', async (t) => {
  const { calls, post } = taking();
  const { partialSuccess } = (await send(t, post, spansOf(FAR, NEW))).json();
  assert.deepEqual(partialSuccess, { rejectedSpans: 1, errorMessage: 'ASSAY_CALL_MISSING_FIELD clientIp' });
  assert.equal(calls.length, 1);
});

test('log records tell the same, and so does one under the names of our own log', async (t) => {
  const { calls, post } = taking();
  const attributes = Object.entries({
    ...{ log: 'assay-1', id: 'x7', startedAt: `${START / 1000}`, ip: '203.0.113.9', method: 'GET', uri: '/a?b=1', status: '200' },
  }).map(([key, value]) => text(key, value));
  const logRecords = [
    { timeUnixNano: NEW.startTimeUnixNano, attributes: NEW.attributes },
    { timeUnixNano: NEW.startTimeUnixNano, attributes },
    { timeUnixNano: NEW.startTimeUnixNano, attributes: [text('message', 'started')] },
  ];
  const reply = await send(t, post, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] }, {}, '/v1/logs');
  assert.deepEqual([reply.statusCode, reply.json()], [200, {}]);
  assert.deepEqual(
    calls.map(({ id, path, query, time }) => [id.replace(/-[0-9a-f]{16}\[/, '['), path, query, time]),
    [
      ['otlp[0]', '/v1/orders', 'a=1', START],
      ['x7', '/a', 'b=1', START],
    ],
  );
});

test('log records without a span are other calls in another request', async (t) => {
  const { calls, post } = taking();
  const record = (timeUnixNano: string) => ({
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ ...NEW, timeUnixNano, spanId: '' }] }] }],
  });
  for (const time of [NEW.startTimeUnixNano, NEW.endTimeUnixNano, NEW.startTimeUnixNano])
    await send(t, post, record(time), {}, '/v1/logs');
  const [one, other, again] = calls.map(({ id }) => id);
  assert.ok(one !== other && one === again, `${one} ${other} ${again}`);
});

/** As an exporter writes it. */
function protobufOf(request: object): Buffer {
  const proto = loadSync(join(packageRoot, 'service', 'gateways', 'otlp.proto'));
  return (proto['assay.otlp.Traces'] as grpc.ServiceDefinition).Export!.requestSerialize(request);
}

/** Names of kinds are of JSON alone. */
const BINARY = spansOf({ ...NEW, traceId: Buffer.from(NEW.traceId, 'hex'), spanId: Buffer.from(NEW.spanId, 'hex') });

test('protobuf is read too, packed or not, and answered so', async (t) => {
  const { calls, post } = taking();
  const type = { 'content-type': 'application/x-protobuf' };
  const reply = await send(t, post, protobufOf(BINARY), type);
  assert.deepEqual(
    [reply.statusCode, reply.headers['content-type'], reply.rawPayload.length],
    [200, 'application/x-protobuf', 0],
  );
  await send(t, post, gzipSync(protobufOf(BINARY)), { ...type, 'content-encoding': 'gzip' });
  assert.deepEqual(
    calls.map(({ path, status, time, durationMs }) => [path, status, time, durationMs]),
    [
      ['/v1/orders', 404, START, 12.5],
      ['/v1/orders', 404, START, 12.5],
    ],
  );
});

test('over gRPC, with a word on whether to send again', async (t) => {
  const ask = async (post: HttpSource['post'], request: object) => {
    const server = await openGrpc('127.0.0.1', 0, otlpServices(post));
    const client = new grpc.Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
    t.after(async () => {
      client.close();
      await server.close();
    });
    const { definition } = otlpServices(post)[0]!;
    const { path, requestSerialize, responseDeserialize } = definition.Export!;
    return new Promise<object>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, reply) =>
        error ? reject(error) : resolve(reply as object),
      );
    });
  };
  const { calls, post } = taking();
  await ask(post, BINARY);
  assert.equal(calls[0]!.path, '/v1/orders');
  await assert.rejects(ask(taking(new AssayError('ASSAY_OVERLOADED', 'full')).post, BINARY), { code: grpc.status.UNAVAILABLE });
});

test('what is no OTLP gets a coded 400, another type a 415, and nothing is taken in', async (t) => {
  const { calls, post } = taking();
  const codeOf = async (payload: object | Buffer, type = 'application/json') => {
    const reply = await send(t, post, payload, { 'content-type': type });
    return [reply.statusCode, reply.json().error?.code ?? reply.json().code];
  };
  assert.deepEqual(await codeOf(Buffer.from('{')), [400, 'ASSAY_REQUEST_INVALID']);
  assert.deepEqual(await codeOf(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'application/x-protobuf'), [
    400,
    'ASSAY_REQUEST_INVALID',
  ]);
  assert.deepEqual(await codeOf(Buffer.from('x'), 'text/plain'), [415, 'ASSAY_CONTENT_TYPE_UNKNOWN']);
  for (const odd of [
    [],
    { resourceSpans: 7 },
    { resourceSpans: [null, { scopeSpans: [{ spans: [1, { kind: 2, attributes: 'x' }] }] }] },
  ])
    assert.equal((await send(t, post, odd)).statusCode, 200);
  assert.deepEqual(calls, []);
});
