import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { AssayError } from '../core/errors.ts';
import type { ClientAttributes } from '../core/identify.ts';
import { attributesOf } from './ask.ts';
import { countDecisions, createTestApp, NOW_MS, verdictOf } from './http.test.data.ts';

const FROM = { 'x-real-ip': '203.0.113.9', 'user-agent': 'curl/8.5.0' };
const hashOf = (credential: string) => createHash('sha256').update(`salt${credential}`, 'latin1').digest('hex').slice(0, 16);
const NOTHING: ClientAttributes = {
  clientIp: '',
  userAgent: null,
  ja3: null,
  ja4: null,
  subject: null,
  authScheme: 'none',
  identityVerified: null,
  clientCertificate: null,
  tenant: null,
};

test('attributes come from the headers, the more exact one first', async (t) => {
  const cases: [string, Record<string, string>, Partial<ClientAttributes>][] = [
    ['nothing', {}, {}],
    ['the address that the gateway saw', { 'x-real-ip': '1.1.1.1', 'x-forwarded-for': '2.2.2.2' }, { clientIp: '1.1.1.1' }],
    ['the last of those forwarded for', { 'x-forwarded-for': ' 2.2.2.2 , 3.3.3.3 ' }, { clientIp: '3.3.3.3' }],
    ['no address', { 'x-forwarded-for': '3.3.3.3, ' }, {}],
    ['the user agent', { 'user-agent': 'a' }, { userAgent: 'a' }],
    ['the original user agent', { 'user-agent': 'gateway', 'x-original-user-agent': 'b' }, { userAgent: 'b' }],
    ['a UTF-8 user agent', { 'user-agent': Buffer.from('Café').toString('latin1') }, { userAgent: 'Café' }],
    ['a long user agent', { 'user-agent': 'x'.repeat(9000) }, { userAgent: 'x'.repeat(8192) }],
    ['bearer', { authorization: 'Bearer t' }, { authScheme: 'Bearer', subject: hashOf('Bearer t') }],
    ['no scheme', { authorization: 'secret' }, { authScheme: 'opaque', subject: hashOf('secret') }],
    ['odd bytes', { authorization: 'Bearer \xff\xfe' }, { authScheme: 'Bearer', subject: hashOf('Bearer \xff\xfe') }],
    ['an empty authorization', { authorization: '' }, {}],
    ['an API key', { 'x-api-key': 'k' }, { authScheme: 'apiKey', subject: hashOf('k') }],
    [
      'authorization before API key',
      { authorization: 'Basic eA==', 'x-api-key': 'k' },
      { authScheme: 'Basic', subject: hashOf('Basic eA==') },
    ],
    ['fingerprints', { 'x-ja3': 'j3', 'x-ja4': 'j4' }, { ja3: 'j3', ja4: 'j4' }],
    ['a certificate', { 'x-client-cert-sha256': 'ab' }, { clientCertificate: 'ab' }],
    ['a tenant', { 'x-tenant': 't1' }, { tenant: 't1' }],
  ];
  for (const [name, headers, expected] of cases)
    await t.test(name, () => assert.deepEqual(attributesOf(headers, 'salt'), { ...NOTHING, ...expected }));
});

test("the subject is what the gateways' recipe logs: 16 hex digits of SHA-256 over salt and header value", () => {
  // printf 'per-deployment-saltBearer abc' | sha256sum | cut -c1-16
  assert.equal(attributesOf({ authorization: 'Bearer abc' }, 'per-deployment-salt').subject, '1f6f75781bd0c57a');
});

test('answers 200 or 403, with the stored headers and no body', async (t) => {
  const { app, store, observer, metrics } = createTestApp(t);
  const clientId = observer.identifier.find(attributesOf(FROM, 'salt')).clientId;
  const cases: [string, Parameters<typeof verdictOf>[0], number, string][] = [
    ['a live denial', {}, 403, 'deny'],
    ['a denial in shadow', { mode: 'shadow' }, 200, 'shadow'],
    ['a denial that expired this moment', { expiresAt: NOW_MS }, 200, 'expired'],
    ['an allowed bad client', { action: 'allow' }, 200, 'allow'],
    ['a throttled client', { action: 'throttle' }, 200, 'allow'],
    ['a challenge in shadow', { action: 'challenge', mode: 'shadow' }, 200, 'allow'],
    ['a good client', { verdict: 'good', action: 'allow', score: 0.01 }, 200, 'allow'],
    ['no score', { verdict: 'unsure', action: 'allow', score: null }, 200, 'allow'],
  ];
  for (const [name, overrides, status, result] of cases)
    await t.test(name, async () => {
      const verdict = verdictOf({ ...overrides, clientId });
      store.put(verdict);
      const before = await countDecisions(metrics, result);
      const reply = await app.inject({ url: '/v1/authz', headers: FROM });
      assert.equal(reply.statusCode, status);
      assert.equal(reply.body, '');
      assert.equal(reply.headers['content-length'], '0');
      assert.equal(reply.headers['x-assay-verdict'], verdict.verdict);
      assert.equal(reply.headers['x-assay-action'], overrides?.action === 'throttle' ? 'throttle' : undefined);
      assert.equal(reply.headers['x-assay-score'], verdict.score === null ? '' : verdict.score.toFixed(4));
      assert.equal(reply.headers['x-assay-reasons'], 'ordered-ids,pace');
      assert.equal(reply.headers['x-assay-decision'], verdict.id);
      assert.equal(reply.headers['x-assay-expired'], result === 'expired' ? 'true' : undefined);
      assert.equal(await countDecisions(metrics, result), before + 1);
    });
});

test('a gateway may keep a denial, and the yes to a client that is good, has been for long and calls often; nothing else', async (t) => {
  const { app, store, observer } = createTestApp(t);
  const clientId = observer.identifier.find(attributesOf(FROM, 'salt')).clientId;
  const steady = { verdict: 'good', action: 'allow', calls: 400, time: NOW_MS, sessionStart: NOW_MS - 40_000 } as const;
  const cases: [string, Parameters<typeof verdictOf>[0], string | undefined][] = [
    ['a denial', {}, 'max-age=1, stale-if-error=300'],
    ['ten calls a second', steady, 'max-age=1'],
    ['in shadow, too', { ...steady, mode: 'shadow' }, 'max-age=1'],
    ['fewer a second', { ...steady, calls: 399 }, undefined],
    ['a hundred calls', { ...steady, calls: 100, sessionStart: NOW_MS }, 'max-age=1'],
    ['fewer in all', { ...steady, calls: 99, sessionStart: NOW_MS }, undefined],
    ['unsure', { ...steady, verdict: 'unsure' }, undefined],
    ['throttled', { ...steady, action: 'throttle' }, undefined],
    ['a denial in shadow', { mode: 'shadow', calls: 400, sessionStart: NOW_MS }, undefined],
    ['expired', { ...steady, expiresAt: NOW_MS }, undefined],
  ];
  for (const [name, overrides, expected] of cases) {
    store.put(verdictOf({ ...overrides, clientId }));
    const reply = await app.inject({ url: '/v1/authz', headers: FROM });
    assert.equal(reply.headers['cache-control'], expected, name);
  }
});

test('whether a client may pass is answered without explaining its verdict; a denial has all reasons', async (t) => {
  const { app, store, observer } = createTestApp(t);
  const clientId = observer.identifier.find(attributesOf(FROM, 'salt')).clientId;
  for (const [action, asked] of [
    ['allow', 0],
    ['deny', 1],
  ] as const) {
    let explained = 0;
    const verdict = verdictOf({ clientId, action });
    store.put(verdict, () => {
      explained++;
      return verdict;
    });
    await app.inject({ url: '/v1/authz', headers: FROM });
    assert.equal(explained, asked, action);
  }
});

test('an unknown client is let through, without a verdict', async (t) => {
  const { app, metrics } = createTestApp(t);
  const reply = await app.inject({ url: '/v1/authz' });
  assert.equal(reply.statusCode, 200);
  assert.equal(reply.headers['x-assay-verdict'], undefined);
  assert.equal(reply.headers['x-assay-reasons'], 'no-verdict');
  assert.equal(await countDecisions(metrics, 'unknown'), 1);
});

test('a credential leads to its own client, whatever the address', async (t) => {
  const { app, store } = createTestApp(t, {
    identifier: { find: ({ subject }) => ({ clientId: subject ?? 'none', strength: 0 }) },
  });
  store.put(verdictOf({ clientId: hashOf('Bearer stolen') }));
  const ask = async (authorization: string) => (await app.inject({ url: '/v1/authz', headers: { authorization } })).statusCode;
  assert.equal(await ask('Bearer stolen'), 403);
  assert.equal(await ask('Bearer other'), 200);
});

test('a denied client is denied by any method, at any path below, with any body and however it spoils its request', async (t) => {
  const { app, store, metrics } = createTestApp(t, { identifier: { find: () => ({ clientId: 'c1', strength: 0 }) } });
  store.put(verdictOf());
  const headers = { 'x-assay-verdict': 'good', 'x-assay-score': '0', 'x-assay-decision': 'forged' };
  const ways: InjectOptions[] = [
    ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'].map((method) => ({
      method: method as 'GET',
    })),
    { url: '/v1/authz/v1/orders/17?x=1' },
    { url: '/v1/authz/%zz' },
    { url: '/v1/authz?verdict=good' },
    { method: 'POST', payload: '{', headers: { ...headers, 'content-type': 'application/json' } },
    { method: 'POST', payload: 'x', headers: { ...headers, 'content-type': 'junk' } },
    { method: 'POST', payload: Buffer.alloc(2 ** 21), headers: { ...headers, 'content-type': 'text/plain' } },
  ];
  for (const way of ways) {
    const reply = await app.inject({ url: '/v1/authz', headers, ...way });
    assert.equal(reply.statusCode, 403, JSON.stringify(way).slice(0, 200));
    assert.equal(reply.body, '');
    assert.equal(reply.headers['x-assay-verdict'], 'bad');
    assert.equal(reply.headers['x-assay-decision'], 'c1.k1.3');
  }
  assert.equal(await countDecisions(metrics, 'deny'), ways.length);
});

test('what only begins like the path is not a question', async (t) => {
  const { app } = createTestApp(t);
  assert.equal((await app.inject('/v1/authzoo')).statusCode, 404);
});

test('an error of ours lets the request through, says its code, and is counted', async (t) => {
  const faults: [string, unknown, string][] = [
    ['coded', new AssayError('ASSAY_MODEL_MISSING'), 'ASSAY_MODEL_MISSING'],
    ['foreign', new TypeError('secret detail'), 'ASSAY_INTERNAL'],
    ['not an error', 'secret detail', 'ASSAY_INTERNAL'],
  ];
  for (const [name, fault, code] of faults)
    await t.test(name, async (t) => {
      const find = () => {
        throw fault;
      };
      const { app, metrics } = createTestApp(t, { identifier: { find } });
      const reply = await app.inject({ url: '/v1/authz', headers: FROM });
      assert.equal(reply.statusCode, 200);
      assert.equal(reply.body, '');
      assert.equal(reply.headers['x-assay-reasons'], code);
      assert.equal(JSON.stringify(reply.headers).includes('secret'), false);
      assert.equal(await countDecisions(metrics, 'error'), 1);
    });
});

test('a stored header that cannot be sent lets the request through', async (t) => {
  const { app, store } = createTestApp(t, { identifier: { find: () => ({ clientId: 'c1', strength: 0 }) } });
  store.put(verdictOf({ reasons: [{ kind: 'signal', name: 'two\nlines', text: '', weight: null, value: null }] }));
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  const reply = await fetch(`${base}/v1/authz`);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('x-assay-reasons'), 'ASSAY_INTERNAL');
  assert.equal(reply.headers.get('x-assay-verdict'), null);
  assert.equal(reply.headers.get('cache-control'), null);
});

test('headers as large as gateways let through are read; larger ones get a coded 431', async (t) => {
  const { app, store } = createTestApp(t, { identifier: { find: ({ clientIp }) => ({ clientId: clientIp, strength: 0 }) } });
  store.put(verdictOf({ clientId: '9.9.9.9' }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const ask = (bytes: number) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { 'x-real-ip': '9.9.9.9', cookie: 'c'.repeat(bytes) };
      const asked = httpRequest({ port, host: '127.0.0.1', path: '/v1/authz', headers }, async (response) => {
        const body = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode!, body });
      });
      asked.on('error', reject).end();
    });
  assert.deepEqual(await ask(48 * 1024), { status: 403, body: '' });
  const refused = await ask(80 * 1024);
  assert.equal(refused.status, 431);
  assert.equal(JSON.parse(refused.body).error.code, 'ASSAY_REQUEST_TOO_LARGE');
});

test('a question that comes while the server closes is answered, and its connection ends', async (t) => {
  const { app } = createTestApp(t);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  app.addHook('preClose', () => held);
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ask = (path: string) =>
    new Promise<[number, string | undefined]>((resolve, reject) => {
      const asked = httpRequest(`${base}${path}`, { agent }, (response) => {
        response.resume().on('end', () => resolve([response.statusCode!, response.headers.connection]));
      });
      asked.on('error', reject).end();
    });
  assert.deepEqual(await ask('/v1/authz'), [200, 'keep-alive']);
  const closed = app.close();
  await new Promise(setImmediate);
  assert.deepEqual(await ask('/v1/authz'), [200, 'close']);
  release();
  await closed;
});

test('any headers get an answer of 200 or 403 with an empty body', async (t) => {
  const { app } = createTestApp(t);
  const text = fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 });
  const names = ['x-real-ip', 'x-forwarded-for', 'user-agent', 'x-original-user-agent', 'authorization', 'x-api-key', 'x-ja4'];
  const headers = fc.dictionary(fc.constantFrom(...names, 'x-client-cert-sha256', 'x-assay-verdict', 'x-ja3'), text);
  await fc.assert(
    fc.asyncProperty(headers, async (given) => {
      const reply = await app.inject({ url: '/v1/authz', headers: given });
      assert.equal(reply.statusCode, 200);
      assert.equal(reply.body, '');
      assert.equal(reply.headers['x-assay-reasons'], 'no-verdict');
    }),
    { numRuns: 300, seed: 7 },
  );
});

test('a route that is only watched is told the verdict, and nobody is denied; the client has no say in which it is', async (t) => {
  const { app, store, observer, metrics } = createTestApp(t);
  store.put(verdictOf({ clientId: observer.identifier.find(attributesOf(FROM, 'salt')).clientId }));
  const ask = async (url: string, headers: Record<string, string> = {}) => {
    const { statusCode, headers: said } = await app.inject({ url, headers: { ...FROM, ...headers } });
    return [statusCode, said['x-assay-verdict']];
  };
  for (const url of ['/v1/shadow', '/v1/shadow/v1/orders/7?a=1', '/v1/shadow?x'])
    assert.deepEqual(await ask(url), [200, 'bad'], url);
  for (const url of ['/v1/authz/v1/shadow', '/v1/authz/shadow', '/v1/authz?/v1/shadow'])
    assert.deepEqual(await ask(url), [403, 'bad'], url);
  assert.deepEqual(await ask('/v1/authz', { 'x-assay-mode': 'shadow', mode: 'shadow' }), [403, 'bad']);
  assert.equal(await countDecisions(metrics, 'shadow'), 3);
});
