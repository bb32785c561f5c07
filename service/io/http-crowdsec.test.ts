import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { InjectOptions } from 'fastify';
import { attributesOf } from './ask.ts';
import { createTestApp, NOW_MS, verdictOf } from './http.test.data.ts';

const KEY = 'a-key';

function open(t: TestContext, denied: Map<string, number>) {
  const bench = createTestApp(t, { crowdSec: { keys: ['another', '', KEY], deniedAddresses: () => new Map(denied) } });
  const get = async (url: string, headers: InjectOptions['headers'] = { 'x-api-key': KEY }) => {
    const { statusCode, body } = await bench.app.inject({ url, headers });
    return [statusCode, body === '' ? '' : JSON.parse(body)] as const;
  };
  return { ...bench, get };
}

const ban = (value: string, duration: string) => ({
  duration,
  origin: 'assay',
  scenario: 'assay/bad-automation',
  scope: 'Ip',
  type: 'ban',
  value,
});
const plain = (bans: readonly { id: number; value: string }[] | null) =>
  bans?.map(({ id, ...rest }) => {
    assert.ok(Number.isInteger(id) && id >= 0);
    return rest;
  }) ?? null;

test('decisions on an address, as bouncers ask for them', async (t) => {
  const { get } = open(
    t,
    new Map([
      ['192.0.2.1', NOW_MS + 90_500],
      ['2001:db8::1', NOW_MS + 1000],
    ]),
  );
  const all = [ban('192.0.2.1', '91s'), ban('2001:db8::1', '1s')];
  for (const [query, expected] of [
    ['', all],
    ['?ip=192.0.2.1', [all[0]]],
    ['?ip=2001:0db8:0:0::1', [all[1]]],
    ['?scope=ip&value=192.0.2.1&type=ban', [all[0]]],
    ['?ip=192.0.2.9', null],
    ['?range=192.0.2.0/24', null],
    ['?scope=country&value=AT', null],
    ['?type=captcha', null],
  ] as const) {
    const [status, bans] = await get(`/v1/decisions${query}`);
    assert.deepEqual([status, plain(bans)], [200, expected], query);
  }
});

test('a bouncer is told all at its start, then what has changed since, each its own', async (t) => {
  const denied = new Map([['192.0.2.1', NOW_MS + 600_000]]);
  const { get } = open(t, denied);
  const stream = async (isStart: boolean, key = KEY) => {
    const [, { new: added, deleted }] = await get(`/v1/decisions/stream?startup=${isStart}`, { 'x-api-key': key });
    return [plain(added)?.map(({ value }) => value) ?? null, plain(deleted)?.map(({ value }) => value) ?? null];
  };
  assert.deepEqual(await stream(true), [['192.0.2.1'], null]);
  assert.deepEqual(await stream(false), [null, null]);
  denied.set('192.0.2.2', NOW_MS + 600_000);
  denied.set('192.0.2.1', NOW_MS + 630_000);
  assert.deepEqual(await stream(false), [['192.0.2.2'], null]);
  assert.deepEqual(await stream(false, 'another'), [['192.0.2.1', '192.0.2.2'], null]);
  denied.delete('192.0.2.2');
  denied.set('192.0.2.1', NOW_MS + 3_600_000);
  assert.deepEqual(await stream(false), [['192.0.2.1'], ['192.0.2.2']]);
  assert.deepEqual(await stream(true), [['192.0.2.1'], null]);
});

test('a wrong key is refused and told nothing, and without keys there is no such API', async (t) => {
  const { get, app } = open(t, new Map([['192.0.2.1', NOW_MS + 1000]]));
  for (const url of ['/v1/decisions', '/v1/decisions/stream?startup=true'])
    for (const headers of [{}, { 'x-api-key': 'wrong' }, { 'x-api-key': '' }])
      assert.deepEqual(await get(url, headers), [403, { message: 'access forbidden' }]);
  assert.equal((await app.inject({ method: 'HEAD', url: '/v1/decisions', headers: { 'x-api-key': KEY } })).statusCode, 200);
  assert.equal(
    (await app.inject({ method: 'POST', url: '/v1/usage-metrics', headers: { 'x-api-key': KEY }, payload: {} })).statusCode,
    201,
  );
  assert.equal((await app.inject({ method: 'POST', url: '/v1/usage-metrics', payload: {} })).statusCode, 403);
  assert.equal((await app.inject({ url: `/v1/decisions?ip=${'1'.repeat(100)}`, headers: { 'x-api-key': KEY } })).statusCode, 400);
  const without = createTestApp(t);
  assert.equal((await without.app.inject({ url: '/v1/decisions', headers: { 'x-api-key': '' } })).statusCode, 404);
});

test('AppSec: asks about each request by the client of that request, and fails open', async (t) => {
  const { app, store, observer } = open(t, new Map());
  const clientId = observer.identifier.find(
    attributesOf({ 'x-real-ip': '192.0.2.7', 'user-agent': 'sqlmap/1.7' }, 'salt'),
  ).clientId;
  store.put(verdictOf({ clientId }));
  const ask = async (headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') => {
    const known = { 'x-crowdsec-appsec-api-key': KEY, 'x-crowdsec-appsec-verb': 'POST', 'x-crowdsec-appsec-uri': '/login' };
    const { statusCode, body } = await app.inject({
      method,
      url: '/v1/appsec',
      headers: { ...known, ...headers },
      payload: method === 'POST' ? 'a=1' : '',
    });
    return [statusCode, body === '' ? '' : JSON.parse(body)];
  };
  const bad = { 'x-crowdsec-appsec-ip': '192.0.2.7', 'x-crowdsec-appsec-user-agent': 'sqlmap/1.7' };
  assert.deepEqual(await ask(bad), [403, { action: 'ban', http_status: 403 }]);
  assert.deepEqual(await ask({ ...bad, 'x-real-ip': '192.0.2.9', 'x-original-user-agent': 'okhttp' }, 'POST'), [
    403,
    { action: 'ban', http_status: 403 },
  ]);
  assert.deepEqual(await ask({ ...bad, 'x-crowdsec-appsec-ip': '192.0.2.8' }), [200, { action: 'allow', http_status: 200 }]);
  assert.deepEqual(await ask({ 'x-crowdsec-appsec-api-key': 'wrong' }), [401, '']);
  store.get = () => {
    throw new Error('on purpose');
  };
  assert.deepEqual(await ask(bad), [200, { action: 'allow', http_status: 200 }]);
});
