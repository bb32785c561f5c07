import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, createApi, guessId, type IdStyle, idOf, isGap, objectAt, type Resource, type Rules } from './api.ts';
import { createRandom } from './random.ts';
import { type Ask, createServer, type LoginFailure, numbersOf } from './server.ts';

const T0 = Date.UTC(2026, 0, 6);

const PRIVATE: Resource = {
  path: '/v1/orders',
  idStyle: 'number',
  seed: 5,
  first: 100,
  count: 1000,
  gaps: 0,
  isPrivate: true,
  owners: 10,
  bytes: 500,
  pageSize: 20,
  newestFirst: false,
  child: 'items',
};

/** An API that never fails by itself, limits nothing and asks for tokens; `rules` and resource as the test wants them. */
function serverWith(rules: Partial<Rules> = {}, resource: Partial<Resource> = {}, loginFailure: LoginFailure | null = null) {
  const drawn = createApi(createRandom(3), false);
  const calm: Partial<Rules> = {
    unauthorized: 401,
    denied: 403,
    missing: 404,
    loginOk: 200,
    loginRefused: 401,
    declined: 402,
    limited: 429,
    retryAfterMs: 5000,
    tellsWait: true,
    echoes: false,
    outageMs: 300_000,
    lockAfter: 0,
    limitPerMinute: 0,
    loginsPerMinute: 0,
    faults: 0,
    outages: 0,
    filter: 0,
    unknown: 404,
    asksFirst: false,
    hasHole: false,
    auth: 'token',
    tokenLifeMs: 60_000,
    subjectIs: 'token',
    changesEveryMs: 3600_000,
    paging: 'page',
  };
  const api: Api = { ...drawn, resources: [{ ...PRIVATE, ...resource }], rules: { ...drawn.rules, ...calm, ...rules } };
  const server = createServer(api, createRandom(4), loginFailure);
  const ask = (path: string, more: Partial<Ask> = {}, at = T0) =>
    server.answer(
      {
        method: 'GET',
        path,
        query: null,
        address: '198.51.100.1',
        credential: null,
        login: null,
        wish: null,
        seenAt: null,
        ...more,
      },
      at,
    );
  return { api, server, ask };
}

for (const idStyle of ['number', 'uuid', 'hex', 'slug', 'token', 'code'] as IdStyle[])
  test(`ids of style ${idStyle} name one object each, and guesses mostly none`, () => {
    const resource = { ...PRIVATE, idStyle };
    for (const n of [0, 1, 500, 999]) assert.equal(objectAt(resource, idOf(resource, n)), n);
    assert.equal(objectAt(resource, idOf(resource, 1000)), -1);
    assert.equal(objectAt(resource, 'nonsense'), -1);
    if (idStyle !== 'uuid' && idStyle !== 'hex' && idStyle !== 'token') return;
    assert.equal(objectAt(resource, guessId(createRandom(1), resource)), -1);
  });

test('deleted objects are not there', () => {
  const resource = { ...PRIVATE, gaps: 0.3 };
  const gone = Array.from({ length: 1000 }, (_x, n) => n).filter((n) => isGap(resource, n));
  assert.ok(gone.length > 230 && gone.length < 370, String(gone.length));
  assert.equal(objectAt(resource, idOf(resource, gone[0]!)), -1);
});

test('an object is refused without credential, denied to others, given to its owner and to a key for all', () => {
  const { ask, server } = serverWith();
  const path = '/v1/orders/107'; // object 7, of account 7
  assert.equal(ask(path).status, 401);
  assert.equal(ask(path, { credential: server.issueKey(3) }).status, 403);
  assert.equal(ask(path, { credential: server.issueKey(7) }).status, 200);
  assert.equal(ask(path, { credential: server.issueKey(-1) }).status, 200);
  assert.equal(ask('/v1/orders/5000', { credential: server.issueKey(-1) }).status, 404);
  assert.equal(ask('/v1/orders/107/items', { credential: server.issueKey(7) }).status, 200);
  assert.equal(ask('/v1/orders/107/secrets', { credential: server.issueKey(7) }).status, 404);
});

test('a hole lets any credential read any object', () => {
  const { ask, server } = serverWith({ hasHole: true });
  assert.equal(ask('/v1/orders/107', { credential: server.issueKey(3) }).status, 200);
});

test('a list shows what its reader may read, page by page', () => {
  const { ask, server } = serverWith();
  const credential = server.issueKey(3);
  const first = ask('/v1/orders', { credential, query: 'page=1' });
  assert.deepEqual(numbersOf(first.page!).slice(0, 3), [3, 13, 23]);
  const second = ask('/v1/orders', { credential, query: 'page=2' });
  assert.equal(second.page!.first, 203);
  assert.equal(ask('/v1/orders', { credential, query: 'page=5' }).page!.isLast, true);
  for (const n of numbersOf(second.page!)) assert.equal(ask(`/v1/orders/${idOf(PRIVATE, n)}`, { credential }).status, 200);
});

test('a login hands out a token that works until it expires; a wrong one is refused', () => {
  const { api, ask } = serverWith();
  const path = api.at('login');
  assert.equal(ask(path, { method: 'POST', login: { account: 7, isRight: false } }).status, 401);
  const { status, credential } = ask(path, { method: 'POST', login: { account: 7, isRight: true } });
  assert.equal(status, 200);
  assert.equal(ask('/v1/orders/107', { credential }, T0 + 59_000).status, 200);
  assert.equal(ask('/v1/orders/107', { credential }, T0 + 61_000).status, 401);
  const renewed = ask(api.at('refresh'), { method: 'POST', credential }, T0 + 61_000).credential;
  assert.notEqual(renewed?.subject, credential?.subject);
  assert.equal(ask('/v1/orders/107', { credential: renewed }, T0 + 62_000).status, 200);
});

test('the subject lasts over logins where the gateway hashes the account', () => {
  const { api, ask } = serverWith({ subjectIs: 'account' });
  const login = () => ask(api.at('login'), { method: 'POST', login: { account: 7, isRight: true } }).credential?.subject;
  assert.equal(login(), login());
});

test('an account is locked after its failures, and a right password no longer helps', () => {
  const { api, ask } = serverWith({ lockAfter: 3, locked: 423 });
  const login = (isRight: boolean, account = 1) => ask(api.at('login'), { method: 'POST', login: { account, isRight } }).status;
  assert.deepEqual([login(false), login(false), login(false), login(true)], [401, 401, 401, 423]);
  assert.equal(login(true, 2), 200);
});

test('beyond the limit there is 429 and a wait, each client by itself, and after the wait it is served', () => {
  const { ask, server } = serverWith({ limitPerMinute: 60 });
  const credential = server.issueKey(-1);
  const statuses = Array.from({ length: 15 }, (_x, i) => ask('/v1/orders', { credential }, T0 + i).status);
  assert.deepEqual([...new Set(statuses.slice(0, 10))], [200]);
  assert.equal(statuses.at(-1), 429);
  assert.equal(ask('/v1/orders', { credential }, T0 + 20).retryAfterMs, 5000);
  assert.equal(ask('/v1/orders', { credential: server.issueKey(-1) }, T0 + 20).status, 200);
  assert.equal(ask('/v1/orders', { credential }, T0 + 5020).status, 200);
});

test('a copy that is still good is answered with 304 and no body', () => {
  const { ask, server } = serverWith({ changesEveryMs: 1e15 });
  const answer = ask('/v1/orders/107', { credential: server.issueKey(-1), seenAt: T0 - 1000 });
  assert.deepEqual([answer.status, answer.bytes], [304, 0]);
  const changed = serverWith({ changesEveryMs: 1000 });
  assert.equal(changed.ask('/v1/orders/107', { credential: changed.server.issueKey(-1), seenAt: T0 - 5000 }).status, 200);
});

test('unknown paths: 404, or 200 where a page answers for all, or 401 where credentials are asked first', () => {
  assert.equal(serverWith().ask('/nothing').status, 404);
  assert.equal(serverWith({ unknown: 200 }).ask('/nothing').status, 200);
  assert.equal(serverWith({ asksFirst: true }).ask('/nothing').status, 401);
});

test('a route in the path that is right answers as if it were there, a forbidden or limited action as the rules say', () => {
  const { ask, server } = serverWith({ created: 201, denied: 403 });
  const credential = server.issueKey(-1);
  assert.equal(ask('/v1/webhooks', { method: 'POST', credential, wish: 'found' }).status, 201);
  assert.equal(ask('/v1/webhooks', { credential, wish: 'found' }).status, 200);
  assert.equal(ask('/v1/orders', { method: 'POST', credential, wish: 'forbidden' }).status, 403);
  const limited = ask('/v1/orders', { method: 'POST', credential, wish: 'limited' });
  assert.deepEqual([limited.status, limited.isLimited, limited.retryAfterMs], [429, true, 5000]);
});

test('what the body would tell: a declined card, a client that hangs up, the same request the same size', () => {
  const { api, ask, server } = serverWith();
  const credential = server.issueKey(-1);
  assert.equal(ask(api.at('payment'), { method: 'POST', credential, wish: 'declined' }).status, 402);
  assert.equal(ask('/v1/orders', { wish: 'abort' }).status, 499);
  assert.equal(ask('/v1/orders/107', { credential }).bytes, ask('/v1/orders/107', { credential }).bytes);
});

test('an outage fails about half of the calls of its five minutes', () => {
  const { ask, server } = serverWith({ outages: 1 });
  const credential = server.issueKey(-1);
  const failed = Array.from({ length: 400 }, () => ask('/v1/orders', { credential }).status).filter((s) => s >= 500).length;
  assert.ok(failed > 150 && failed < 250, String(failed));
});

test('while logins fail nobody comes in, before and after everybody does', () => {
  const { api, ask } = serverWith({}, {}, { fromMs: T0 + 1000, untilMs: T0 + 2000, status: 503 });
  const login = { method: 'POST', login: { account: 7, isRight: true } };
  const statuses = [0, 1000, 1999, 2000].map((ms) => ask(api.at('login'), login, T0 + ms).status);
  assert.deepEqual(statuses, [200, 503, 503, 200]);
});

test('a limit that does not say how long is still told from other refusals', () => {
  const { ask } = serverWith({ limitPerMinute: 6, tellsWait: false });
  const { status, retryAfterMs, isLimited } = Array.from({ length: 9 }, (_x, i) => ask('/v1/orders', {}, T0 + i)).at(-1)!;
  assert.deepEqual([status, retryAfterMs, isLimited], [429, 0, true]);
  assert.equal(ask('/v1/orders', { address: '198.51.100.2' }).isLimited, false);
});

test('a list grows with what it shows; what is made, and what is refused, is answered alike each time', () => {
  const few = serverWith({}, { pageSize: 5 });
  const many = serverWith({}, { pageSize: 50 });
  const sizeOfList = ({ ask, server }: ReturnType<typeof serverWith>) =>
    ask('/v1/orders', { credential: server.issueKey(-1), query: 'page=1' }).bytes;
  assert.ok(sizeOfList(many) > 7 * sizeOfList(few), `${sizeOfList(many)} ${sizeOfList(few)}`);
  const credential = few.server.issueKey(-1);
  const made = Array.from({ length: 5 }, () => few.ask('/v1/orders', { method: 'POST', credential }).bytes);
  const refused = ['/v1/orders/9999', '/v1/orders/8888'].map((path) => few.ask(path, { credential }).bytes);
  assert.deepEqual([new Set(made).size, new Set(refused).size], [1, 1]);
});

test('a number is answered as the status that it is; a file that is there in full, in part, or not at all', () => {
  const { ask, server } = serverWith();
  const credential = server.issueKey(-1);
  for (const status of [301, 410, 423]) assert.equal(ask('/v1/old', { wish: status, credential }).status, status);
  const whole = ask('/files/a.zip', { wish: 'file', credential });
  assert.equal(whole.status, 200);
  assert.ok(whole.bytes > 3000, String(whole.bytes));
  assert.equal(ask('/files/a.zip', { wish: 'part', credential }).status, 206);
  assert.equal(ask('/files/a.zip', { wish: 'file', credential, seenAt: T0 - 1 }).status, 304);
  assert.equal(ask('/files/a.zip', { wish: 'file' }).status, 401);
  assert.equal(ask('/files/a.zip', { credential }).status, 404);
});
