import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import type { Verdict } from '../core/contracts.ts';
import { AssayError, type ErrorCode } from '../core/errors.ts';
import type { ClientAttributes } from '../core/identify.ts';
import { createTestApp, NOW_MS, type TestApp, verdictOf } from './http.test.data.ts';
import type { HttpDeps } from './http.ts';
import { packageRoot } from './package-root.ts';

const ndjson = { 'content-type': 'application/x-ndjson' };
const json = { 'content-type': 'application/json' };

/** Asks, and expects a coded error. */
async function assertError({ app }: TestApp, ask: InjectOptions, status: number, code: ErrorCode, telling = ''): Promise<void> {
  const reply = await app.inject(ask);
  assert.equal(reply.statusCode, status, reply.body);
  assert.match(String(reply.headers['content-type']), /^application\/json/);
  const { error } = reply.json();
  assert.deepEqual(Object.keys(error), ['code', 'message', 'canRetry']);
  assert.equal(error.code, code);
  assert.ok(error.message.includes(telling), error.message);
  assert.equal(reply.headers['retry-after'], status === 503 ? '1' : undefined);
}

// POST /v1/calls

test('calls that were dead letters before are known as such, and a count that is none is nothing', async (t) => {
  const counts: (number | undefined)[] = [];
  const { app } = createTestApp(t, {
    post: async (records) => {
      counts.push(...records.map(({ resubmitted }) => resubmitted));
      return { accepted: records.length, rejections: [] };
    },
  });
  for (const count of ['2', 'many', '0']) {
    const headers = { 'content-type': 'application/x-ndjson', 'assay-resubmitted': count };
    await app.inject({ method: 'POST', url: '/v1/calls', headers, payload: '{}' });
  }
  assert.deepEqual(counts, [2, undefined, undefined]);
});

test('posted calls reach the pipeline as they were sent, and what it says is answered', async (t) => {
  const seen: unknown[] = [];
  const rejections = Array.from({ length: 150 }, (_, i) => ({
    rejected: 'ASSAY_CALL_BAD_JSON' as const,
    detail: `no ${i}`,
    origin: `body[${i}]`,
    bytes: new Uint8Array(),
  }));
  const { app } = createTestApp(t, {
    splitBody: (bytes, contentType) => {
      seen.push(Buffer.from(bytes).toString(), contentType);
      return { records: [{ bytes, origin: 'body[0]' }], decode: () => rejections[0]! };
    },
    post: async (records) => {
      seen.push(records.length);
      return { accepted: 7, rejections };
    },
  });
  const reply = await app.inject({ method: 'POST', url: '/v1/calls', headers: ndjson, payload: '{"id":"ü"}\n' });
  assert.equal(reply.statusCode, 202);
  assert.deepEqual(seen, ['{"id":"ü"}\n', 'application/x-ndjson', 1]);
  const { accepted, rejected, rejections: told } = reply.json();
  assert.deepEqual([accepted, rejected, told.length], [7, 150, 100]);
  assert.deepEqual(told[99], { origin: 'body[99]', code: 'ASSAY_CALL_BAD_JSON', detail: 'no 99' });
});

test('every content type goes through as bytes, JSON and none at all included', async (t) => {
  const types: string[] = [];
  const { app } = createTestApp(t, {
    splitBody: (bytes, contentType) => {
      assert.equal(Buffer.from(bytes).toString(), 'not json');
      types.push(contentType);
      return { records: [], decode: () => ({ rejected: 'ASSAY_INTERNAL', detail: '' }) };
    },
    post: async () => assert.fail('nothing was sent'),
  });
  for (const type of ['application/json', 'avro/binary', 'text/plain; charset=utf-8']) {
    const reply = await app.inject({ method: 'POST', url: '/v1/calls', headers: { 'content-type': type }, payload: 'not json' });
    assert.deepEqual(reply.json(), { accepted: 0, rejected: 0, rejections: [] });
  }
  await app.inject({ method: 'POST', url: '/v1/calls', payload: Buffer.from('not json') });
  assert.deepEqual(types, ['application/json', 'avro/binary', 'text/plain; charset=utf-8', '']);
});

test('a gzipped body is unpacked', async (t) => {
  let seen = '';
  const { app } = createTestApp(t, {
    splitBody: (bytes) => {
      seen = Buffer.from(bytes).toString();
      return { records: [], decode: () => ({ rejected: 'ASSAY_INTERNAL', detail: '' }) };
    },
  });
  const headers = { ...ndjson, 'content-encoding': 'GZIP' };
  const reply = await app.inject({ method: 'POST', url: '/v1/calls', headers, payload: gzipSync('{}\n{}\n') });
  assert.equal(reply.statusCode, 202);
  assert.equal(seen, '{}\n{}\n');
});

test('posts that cannot be taken get a coded error', async (t) => {
  const whole = createTestApp(t);
  const failing = (name: keyof HttpDeps, code: ErrorCode) =>
    createTestApp(t, {
      [name]: () => {
        throw new AssayError(code, 'detail');
      },
    });
  const post = (payload: string | Buffer, headers: Record<string, string> = ndjson): InjectOptions => ({
    method: 'POST',
    url: '/v1/calls',
    headers,
    payload,
  });
  const gzip = { ...ndjson, 'content-encoding': 'gzip' };
  const packed = gzipSync('{}\n'.repeat(1000));
  const bomb = gzipSync(Buffer.alloc(16 * 2 ** 20 + 1));
  const cases: [string, TestApp, InjectOptions, number, ErrorCode, string?][] = [
    [
      'a body that is not understood',
      failing('splitBody', 'ASSAY_REQUEST_INVALID'),
      post('x'),
      400,
      'ASSAY_REQUEST_INVALID',
      'detail',
    ],
    [
      'a type that is not known',
      failing('splitBody', 'ASSAY_CONTENT_TYPE_UNKNOWN'),
      post('x'),
      415,
      'ASSAY_CONTENT_TYPE_UNKNOWN',
    ],
    ['too many waiting', failing('post', 'ASSAY_OVERLOADED'), post('x'), 503, 'ASSAY_OVERLOADED'],
    ['Kafka away', failing('post', 'ASSAY_KAFKA_UNAVAILABLE'), post('x'), 503, 'ASSAY_KAFKA_UNAVAILABLE'],
    ['a body over 16 MiB', whole, post(Buffer.alloc(16 * 2 ** 20 + 1)), 413, 'ASSAY_REQUEST_TOO_LARGE'],
    ['a bomb', whole, post(bomb, gzip), 413, 'ASSAY_REQUEST_TOO_LARGE', 'unpacked'],
    ['a truncated gzip', whole, post(packed.subarray(0, -9), gzip), 400, 'ASSAY_REQUEST_INVALID', 'gzip'],
    ['no gzip at all', whole, post('{}', gzip), 400, 'ASSAY_REQUEST_INVALID', 'gzip'],
    ['another coding', whole, post('{}', { ...ndjson, 'content-encoding': 'br' }), 415, 'ASSAY_CONTENT_TYPE_UNKNOWN', 'br'],
    ['a malformed content type', whole, post('{}', { 'content-type': 'junk' }), 415, 'ASSAY_CONTENT_TYPE_UNKNOWN'],
  ];
  for (const [name, from, ask, status, code, telling] of cases)
    await t.test(name, () => assertError(from, ask, status, code, telling));
});

test('only so many bodies are unpacked at once', async (t) => {
  const { app } = createTestApp(t);
  const headers = { ...ndjson, 'content-encoding': 'gzip' };
  const payload = gzipSync(Buffer.alloc(15 * 2 ** 20, '\n'));
  const posts = Array.from({ length: 12 }, () => app.inject({ method: 'POST', url: '/v1/calls', headers, payload }));
  const statuses = (await Promise.all(posts)).map(({ statusCode }) => statusCode);
  assert.equal(statuses.filter((status) => status === 202).length, 8);
  assert.equal(statuses.filter((status) => status === 503).length, 4);
  const after = await app.inject({ method: 'POST', url: '/v1/calls', headers, payload });
  assert.equal(after.statusCode, 202);
});

// Look-ups

test('a verdict is sent as it is stored, with its headers', async (t) => {
  const { app, store } = createTestApp(t);
  store.put(verdictOf());
  store.put(verdictOf({ clientId: 'old', expiresAt: NOW_MS, mode: 'shadow' }));
  const live = await app.inject('/v1/clients/c1/verdict');
  assert.equal(live.statusCode, 200);
  assert.equal(live.body, store.get('c1')!.body);
  assert.equal(live.headers['content-type'], 'application/json; charset=utf-8');
  assert.equal(live.headers['x-assay-verdict'], 'bad');
  assert.equal(live.headers['x-assay-expired'], undefined);
  const expired = await app.inject('/v1/clients/old/verdict');
  assert.equal(expired.statusCode, 200);
  assert.equal(expired.json().mode, 'shadow');
  assert.equal(expired.headers['x-assay-expired'], 'true');
});

test('many verdicts are looked up by id and by attributes, in order', async (t) => {
  const asked: ClientAttributes[] = [];
  const find = (attributes: ClientAttributes) => {
    asked.push(attributes);
    return { clientId: attributes.clientIp === '1.1.1.1' ? 'c2' : 'nobody', strength: 0 };
  };
  const { app, store } = createTestApp(t, { identifier: { find } });
  store.put(verdictOf());
  store.put(verdictOf({ clientId: 'c2', verdict: 'good', action: 'allow' }));
  const clients = [
    { clientIp: '1.1.1.1', ja4: 'j' },
    { clientId: 'x' },
    { clientId: 'c1' },
    { clientIp: '2.2.2.2', userAgent: null },
  ];
  const reply = await app.inject({ method: 'POST', url: '/v1/verdicts', payload: { clients } });
  assert.equal(reply.statusCode, 200);
  assert.deepEqual(
    reply.json().verdicts.map((verdict: Verdict | null) => verdict?.clientId ?? null),
    ['c2', null, 'c1', null],
  );
  const none = { userAgent: null, ja3: null, ja4: null, subject: null, authScheme: null, identityVerified: null };
  const rest = { ...none, clientCertificate: null, tenant: null };
  assert.deepEqual(asked, [
    { ...rest, clientIp: '1.1.1.1', ja4: 'j' },
    { ...rest, clientIp: '2.2.2.2' },
  ]);
  const empty = await app.inject({ method: 'POST', url: '/v1/verdicts', payload: { clients: [] } });
  assert.equal(empty.body, '{"verdicts":[]}');
});

test('the clients that changed last are listed, of one verdict or of all', async (t) => {
  const { app, store } = createTestApp(t);
  for (let i = 0; i < 60; i++)
    store.put(verdictOf({ clientId: `c${i}`, time: NOW_MS + i, verdict: i % 3 === 0 ? 'bad' : 'good' }));
  const list = async (query: string) => (await app.inject(`/v1/clients${query}`)).json().clients as Verdict[];
  assert.equal((await list('')).length, 50);
  assert.deepEqual(
    (await list('?limit=2')).map(({ clientId }) => clientId),
    ['c59', 'c58'],
  );
  assert.deepEqual(
    (await list('?limit=2&verdict=bad')).map(({ clientId }) => clientId),
    ['c57', 'c54'],
  );
  assert.deepEqual(await list('?verdict=unsure&limit=1000'), []);
});

test('questions that are not understood get a coded error that says where', async (t) => {
  const from = createTestApp(t);
  const lookUp = (payload: unknown): InjectOptions => ({
    method: 'POST',
    url: '/v1/verdicts',
    headers: json,
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });
  const cases: [string, InjectOptions, number, ErrorCode, string?][] = [
    ['an unknown client', { url: '/v1/clients/nobody/verdict' }, 404, 'ASSAY_CLIENT_UNKNOWN'],
    ['a client id that is too long', { url: `/v1/clients/${'x'.repeat(200)}/verdict` }, 400, 'ASSAY_REQUEST_INVALID', 'clientId'],
    ['an endless client id', { url: `/v1/clients/${'x'.repeat(2000)}/verdict` }, 400, 'ASSAY_REQUEST_INVALID'],
    ['no body', { method: 'POST', url: '/v1/verdicts' }, 400, 'ASSAY_REQUEST_INVALID'],
    ['broken JSON', lookUp('{"clients":'), 400, 'ASSAY_REQUEST_INVALID'],
    ['no clients', lookUp({}), 400, 'ASSAY_REQUEST_INVALID', 'clients'],
    [
      'a client without a name',
      lookUp({ clients: [{ clientId: 'a' }, { userAgent: 'x' }] }),
      400,
      'ASSAY_REQUEST_INVALID',
      'clients/1',
    ],
    ['a number for a name', lookUp({ clients: [{ clientId: 5 }] }), 400, 'ASSAY_REQUEST_INVALID', 'clients/0'],
    ['too many', lookUp({ clients: Array(1001).fill({ clientId: 'a' }) }), 400, 'ASSAY_REQUEST_INVALID', '1000'],
    ['a poisoned prototype', lookUp('{"clients":[],"__proto__":{"x":1}}'), 400, 'ASSAY_REQUEST_INVALID'],
    ['a body over 4 MiB', lookUp(' '.repeat(4 * 2 ** 20 + 1)), 413, 'ASSAY_REQUEST_TOO_LARGE'],
    ['another type', { ...lookUp('clients: []'), headers: { 'content-type': 'text/yaml' } }, 415, 'ASSAY_CONTENT_TYPE_UNKNOWN'],
    ['an unknown verdict', { url: '/v1/clients?verdict=evil' }, 400, 'ASSAY_REQUEST_INVALID', 'verdict'],
    ['a limit of 0', { url: '/v1/clients?limit=0' }, 400, 'ASSAY_REQUEST_INVALID', 'limit'],
    ['a limit of 1001', { url: '/v1/clients?limit=1001' }, 400, 'ASSAY_REQUEST_INVALID', 'limit'],
    ['a limit in words', { url: '/v1/clients?limit=many' }, 400, 'ASSAY_REQUEST_INVALID', 'limit'],
    ['a stream of an unknown verdict', { url: '/v1/verdicts/stream?verdict=evil' }, 400, 'ASSAY_REQUEST_INVALID', 'verdict'],
    ['an unknown path', { url: '/v2/clients' }, 404, 'ASSAY_NOT_FOUND'],
    ['an unknown method', { method: 'DELETE', url: '/v1/clients' }, 404, 'ASSAY_NOT_FOUND'],
    ['a path that is none', { url: '/v1/%zz' }, 400, 'ASSAY_REQUEST_INVALID'],
    ['a way out of the page', { url: '/../package.json' }, 404, 'ASSAY_NOT_FOUND'],
  ];
  for (const [name, ask, status, code, telling] of cases) await t.test(name, () => assertError(from, ask, status, code, telling));
});

test('what goes wrong inside is a 500 that tells nothing of it', async (t) => {
  const find = () => {
    throw new TypeError('secret detail');
  };
  const from = createTestApp(t, { identifier: { find } });
  const ask: InjectOptions = { method: 'POST', url: '/v1/verdicts', payload: { clients: [{ clientIp: '1.1.1.1' }] } };
  await assertError(from, ask, 500, 'ASSAY_INTERNAL');
  assert.equal((await from.app.inject(ask)).body.includes('secret'), false);
});

// POST /v1/labels

test('labels come as one, as an array and as lines, and are kept whole', async (t) => {
  const { app, labels } = createTestApp(t);
  const post = async (headers: Record<string, string>, payload: string) => {
    const reply = await app.inject({ method: 'POST', url: '/v1/labels', headers, payload });
    assert.equal(reply.statusCode, 202, reply.body);
    return reply.json().accepted;
  };
  const full = {
    label: 'bad',
    subject: 's',
    kind: 'scraping',
    by: 'ann',
    at: 5,
    why: 'asked',
    until: 9,
    sessionStart: 1,
    later: 'field',
  };
  assert.equal(await post(json, JSON.stringify({ label: 'good', clientId: 'c1', clientIp: null })), 1);
  assert.equal(await post(json, JSON.stringify([full])), 1);
  assert.equal(await post(ndjson, '\n{"label":"bad","clientIp":"1.1.1.1"}\r\n\n{"label":"good","clientIp":"2.2.2.2"}'), 2);
  assert.equal(await post(json, '[]'), 0);
  const none = {
    clientId: null,
    clientIp: null,
    subject: null,
    sessionStart: null,
    kind: null,
    by: null,
    why: null,
    until: null,
  };
  const { later: _ignored, ...kept } = full;
  assert.deepEqual(labels, [
    { ...none, label: 'good', clientId: 'c1', at: NOW_MS },
    { ...none, ...kept },
    { ...none, label: 'bad', clientIp: '1.1.1.1', at: NOW_MS },
    { ...none, label: 'good', clientIp: '2.2.2.2', at: NOW_MS },
  ]);
});

test('labels that are not valid are told, and none of their like are kept', async (t) => {
  const from = createTestApp(t);
  const good = { label: 'good', clientId: 'c1' };
  const cases: [string, string, string][] = [
    ['not JSON', '{', 'not JSON'],
    ['no object', '5', 'label 0'],
    ['no label', JSON.stringify([good, { clientId: 'c1' }]), 'label 1 must have /label'],
    ['an unknown label', JSON.stringify([good, good, { label: 'evil', clientId: 'c' }]), 'label 2 /label'],
    ['no client', JSON.stringify({ label: 'bad' }), 'exactly one'],
    ['an empty client', JSON.stringify({ label: 'bad', clientId: '' }), 'exactly one'],
    ['two clients', JSON.stringify({ ...good, subject: 's' }), 'exactly one'],
    ['a number for a client', JSON.stringify({ label: 'bad', clientId: 7 }), '/clientId'],
    ['a time before time', JSON.stringify({ ...good, until: -1 }), '/until'],
    ['a time beyond time', JSON.stringify({ ...good, at: 1e300 }), '/at'],
    ['a novel', JSON.stringify({ ...good, why: 'x'.repeat(1025) }), '/why'],
    ['too many', JSON.stringify(Array(10_001).fill(good)), '10000'],
    ['bad UTF-8', '\xff', 'UTF-8'],
  ];
  for (const [name, payload, telling] of cases)
    await t.test(name, () => {
      const ask: InjectOptions = { method: 'POST', url: '/v1/labels', headers: json, payload: Buffer.from(payload, 'latin1') };
      return assertError(from, ask, 400, 'ASSAY_LABEL_INVALID', telling);
    });
  const lines: InjectOptions = { method: 'POST', url: '/v1/labels', headers: ndjson, payload: `${JSON.stringify(good)}\n\n{` };
  await assertError(from, lines, 400, 'ASSAY_LABEL_INVALID', 'line 3');
  const form: InjectOptions = { ...lines, headers: { 'content-type': 'text/plain' } };
  await assertError(from, form, 415, 'ASSAY_CONTENT_TYPE_UNKNOWN', 'text/plain');
  assert.deepEqual(from.labels, []);
});

test('a label that cannot be kept is not accepted', async (t) => {
  const from = createTestApp(t, { keepLabels: () => Promise.reject(new AssayError('ASSAY_KAFKA_UNAVAILABLE')) });
  const ask: InjectOptions = { method: 'POST', url: '/v1/labels', payload: { label: 'good', clientId: 'c' } };
  await assertError(from, ask, 503, 'ASSAY_KAFKA_UNAVAILABLE');
});

// Health, metrics, documents, page

test('where verdicts come from other processes too, look-ups tell how old the copy may be', async (t) => {
  const { app, store, metrics } = createTestApp(t);
  store.put(verdictOf());
  const url = `/v1/clients/${verdictOf().clientId}/verdict`;
  assert.equal((await app.inject(url)).headers['x-assay-staleness'], undefined);
  metrics.staleness.ms = () => 1340;
  assert.equal((await app.inject(url)).headers['x-assay-staleness'], '1.3');
  assert.equal((await app.inject('/v1/authz')).headers['x-assay-staleness'], '1.3');
  assert.match((await app.inject('/metrics')).body, /^assay_verdicts_staleness_seconds 1\.34$/m);
});

test('health is always, readiness when there is', async (t) => {
  let ready = false;
  const { app } = createTestApp(t, { readiness: () => ({ ready, detail: ready ? 'reading' : 'waiting for Kafka' }) });
  assert.equal((await app.inject('/healthz')).statusCode, 200);
  const before = await app.inject('/readyz');
  assert.equal(before.statusCode, 503);
  assert.deepEqual(before.json(), { ready: false, detail: 'waiting for Kafka' });
  ready = true;
  assert.equal((await app.inject('/readyz')).statusCode, 200);
});

test('metrics tell durations by route, not by path', async (t) => {
  const { app } = createTestApp(t);
  for (const url of ['/v1/clients/a/verdict', '/v1/clients/b/verdict', '/v1/authz', '/nowhere/at/all']) await app.inject(url);
  const reply = await app.inject('/metrics');
  assert.match(String(reply.headers['content-type']), /^text\/plain/);
  assert.match(reply.body, /assay_http_seconds_count\{route="\/v1\/clients\/:clientId\/verdict",status="4xx"\} 2/);
  assert.match(reply.body, /assay_http_seconds_count\{route="\/v1\/authz",status="2xx"\} 1/);
  assert.match(reply.body, /assay_http_seconds_count\{route="none",status="4xx"\} 1/);
  assert.match(reply.body, /assay_authz_total\{result="unknown"\} 1/);
});

test('the page and its files are served as what they are, and may load nothing foreign', async (t) => {
  const { app } = createTestApp(t);
  const files = { '/': 'text/html', '/page.js': 'text/javascript', '/page.css': 'text/css', '/icon.svg': 'image/svg+xml' };
  for (const [url, type] of Object.entries(files)) {
    const reply = await app.inject(url);
    assert.equal(reply.statusCode, 200);
    assert.ok(String(reply.headers['content-type']).startsWith(type));
    assert.match(String(reply.headers['content-security-policy']), /^default-src 'self';/);
    assert.equal(reply.headers['x-content-type-options'], 'nosniff');
    if (url !== '/icon.svg')
      assert.doesNotMatch(reply.body, /https?:\/\/|innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(/);
  }
  const page = (await app.inject('/')).body;
  assert.doesNotMatch(page, /<style|<script>|\sstyle=|\son\w+=/);
});

test('the document at /docs is the committed one', async (t) => {
  const { app } = createTestApp(t);
  await app.ready();
  const file = join(packageRoot, 'service', 'openapi.json');
  const text = `${JSON.stringify(app.swagger(), null, 2)}\n`;
  // UPDATE=1 writes it anew, to be read and committed.
  if (process.env.UPDATE) writeFileSync(file, text);
  assert.equal(readFileSync(file, 'utf8'), text, 'service/openapi.json is out of date: run this test with UPDATE=1');
  assert.deepEqual((await app.inject('/docs/json')).json(), JSON.parse(text));
  assert.match((await app.inject('/docs')).body, /<title>Assay API/);
});

test('every route is documented, with an operation of its own', async (t) => {
  const { app } = createTestApp(t);
  await app.ready();
  const operations = Object.entries(app.swagger().paths ?? {}).flatMap(([path, item]) =>
    Object.keys(item ?? {}).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(operations.sort(), [
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'GET /v1/authz',
    'GET /v1/clients',
    'GET /v1/clients/{clientId}/verdict',
    'GET /v1/verdicts/stream',
    'POST /v1/calls',
    'POST /v1/labels',
    'POST /v1/logs',
    'POST /v1/traces',
    'POST /v1/verdicts',
  ]);
});

test('bytes that are not HTTP get a coded 400', async (t: TestContext) => {
  const { app } = createTestApp(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = createConnection((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('\x16\x03\x01 hello\r\n\r\n');
  const text = Buffer.concat(await socket.toArray()).toString();
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /"code":"ASSAY_REQUEST_INVALID"/);
});

test('what comes while the server closes is answered as ever, on a connection that then ends', async (t) => {
  const { app } = createTestApp(t);
  let answer: Response | null = null;
  let url = '';
  app.addHook('preClose', async () => {
    answer = await fetch(`${url}/v1/authz`);
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  await app.close();
  const { status, headers } = answer! as Response;
  assert.deepEqual([status, headers.get('connection')], [200, 'close']);
});
