import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, CLIENT_HEADER, startApi } from './api.ts';
import { codeOf } from './api-access.ts';
import { createWorld, credentialsOf, MAX_SEATS, type World } from './api-world.ts';
import { SHAPES, type ShapeName } from './shape.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

let address = 0;

/** A client of the API at an address of its own, so that rate limits of one test do not reach the next. */
function clientOf(api: Api) {
  const own = `127.20.9.${++address}`;
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const type: Record<string, string> = typeof body === 'object' ? { 'content-type': 'application/json' } : {};
    const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
      method,
      headers: { [CLIENT_HEADER]: own, ...type, ...headers },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text };
  };
}

/** Limits by the minute start anew at any moment: tests try twice as often as one minute allows. */
function setUp(shape: ShapeName, seed = 5) {
  const hold: { api: Api; world: World } = {
    api: { port: 0, close: async () => {} },
    world: createWorld(SHAPES[shape], seed, 0),
  };
  before(async () => {
    hold.api = await startApi({ shape, seed, port: 0, hasOutages: false });
  });
  after(() => hold.api.close());
  return hold;
}

const own = (world: World, seat = 0) => credentialsOf(world, seat);
const bearer = (token: unknown) => ({ authorization: `Bearer ${token}` });

describe('the shop', () => {
  const hold = setUp('shop');
  const { map } = SHAPES.shop;

  it('lets a user in, shows what is its own and denies the rest', async () => {
    const call = clientOf(hold.api);
    const { email, password } = own(hold.world);
    const login = await call('POST', map.login!, { email, password });
    assert.equal(login.status, 200);
    assert.equal(login.body.expiresIn, 45);
    assert.match(login.headers.get('x-account') ?? '', /^[0-9a-f]{16}$/);
    const user = bearer(login.body.token);
    const list = await call('GET', `${map.orders}?limit=3`, undefined, user);
    const items = list.body.items as { id: string }[];
    assert.ok(items.length > 0);
    assert.equal((await call('GET', map.order!.replace('{}', items[0]!.id), undefined, user)).status, 200);
    const foreign = hold.world.orderIds.find((id) => hold.world.orders.get(id)!.owner === 7)!;
    assert.equal((await call('GET', map.order!.replace('{}', foreign), undefined, user)).status, 403);
    assert.equal((await call('GET', map.order!.replace('{}', '1'), undefined, user)).status, 404);
    assert.equal((await call('GET', map.customers!, undefined, user)).status, 403);
    assert.equal((await call('GET', map.orders!)).status, 401);
  });

  it('answers 304 to a caller that has the newest version already', async () => {
    const call = clientOf(hold.api);
    const path = map.product!.replace('{}', hold.world.productIds[0]!);
    const first = await call('GET', path);
    const etag = first.headers.get('etag')!;
    const second = await call('GET', path, undefined, { 'if-none-match': etag });
    assert.deepEqual([first.status, second.status, second.text], [200, 304, '']);
  });

  it('walks through all pages by next, each order once', async () => {
    const call = clientOf(hold.api);
    const key = { 'x-api-key': own(hold.world).apiKey };
    const seen = new Set<string>();
    let path: string | null = `${map.customers}?limit=100`;
    for (let pages = 0; path !== null && pages < 60; pages++) {
      const { body }: Answer = await call('GET', path, undefined, key);
      for (const { id } of body.items as { id: string }[]) seen.add(id);
      path = body.next as string | null;
    }
    assert.equal(seen.size, hold.world.customerIds.length);
  });

  it('locks an account after eight failures, and limits a client that calls too fast', async () => {
    const call = clientOf(hold.api);
    const { email } = own(hold.world, 3);
    const statuses = [];
    for (let i = 0; i < 18; i++) statuses.push((await call('POST', map.login!, { email, password: `no${i}` })).status);
    assert.deepEqual(statuses.slice(0, 8), Array(8).fill(401));
    assert.ok(statuses.includes(429), `${statuses}`);
    const many = await Promise.all(Array.from({ length: 80 }, () => call('GET', map.products!)));
    const refused = many.filter(({ status }) => status === 429);
    assert.ok(refused.length > 10 && refused.length < 80, `${refused.length}`);
    assert.match(refused[0]!.headers.get('retry-after') ?? '', /^[1-4]$/);
  });

  it('renews a token once for each refresh token, and gives one to an application', async () => {
    const call = clientOf(hold.api);
    const { email, password, clientId, clientSecret } = own(hold.world, 1);
    const { body } = await call('POST', map.login!, { email, password });
    const renew = () => call('POST', map.token!, { grant_type: 'refresh_token', refresh_token: body.refresh });
    const first = await renew();
    assert.equal((await call('GET', map.me!, undefined, bearer(first.body.access_token))).body.email, email);
    assert.equal((await renew()).status, 400);
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const app = await call('POST', map.token!, 'grant_type=client_credentials', { authorization: `Basic ${basic}`, ...form });
    assert.equal((await call('GET', map.customers!, undefined, bearer(app.body.access_token))).status, 200);
  });

  it('sells: cart, coupon, payment, checkout; and holds stock while a cart does', async () => {
    const call = clientOf(hold.api);
    const { card, coupon } = own(hold.world, 2);
    const product = hold.world.products.get(hold.world.productIds[5]!)!;
    const cart = (await call('POST', map.cart!)).body.id as string;
    const at = (name: string) => map[name]!.replace('{}', cart);
    const add = () => call('POST', at('cartItems'), { productId: product.id, qty: product.stock });
    assert.equal((await add()).status, 201);
    assert.equal((await add()).status, 409);
    assert.equal((await call('POST', at('coupon'), { code: 'WRONG1' })).status, 422);
    assert.equal((await call('POST', at('coupon'), { code: coupon })).status, 200);
    assert.equal((await call('POST', at('checkout'))).status, 402);
    const pay = (number: string) =>
      call('POST', map.payments!, { card: number, expiry: '11/29', cvc: '123', amount: 10, cartId: cart });
    assert.equal((await pay('4539000000000000')).status, 422);
    let paid = 402;
    for (let tries = 0; paid === 402 && tries < 10; tries++) paid = (await pay(card)).status;
    assert.equal(paid, 201);
    assert.equal((await call('POST', at('checkout'))).status, 201);
  });

  it('declines most cards that are guessed', async () => {
    const call = clientOf(hold.api);
    const guesses = [
      '4000056655665556',
      '6011111111111117',
      '378282246310005',
      '30569309025904',
      '3530111333300000',
      '5105105105105100',
    ];
    const answers = await Promise.all(
      guesses.map((card) => call('POST', map.payments!, { card, expiry: '11/29', cvc: '123', amount: 10 })),
    );
    assert.ok(answers.filter(({ status }) => status === 402).length >= 4);
  });

  it('sends codes, five a minute to a phone, and knows the right one', async () => {
    const call = clientOf(hold.api);
    const { phone } = own(hold.world, 4);
    const sent = [];
    for (let i = 0; i < 12; i++) sent.push((await call('POST', map.otpSend!, { phone })).status);
    assert.ok(sent.includes(202) && sent.includes(429), `${sent}`);
    assert.equal((await call('POST', map.otpVerify!, { phone, code: 'x' })).status, 401);
    assert.equal((await call('POST', map.otpVerify!, { phone, code: codeOf(phone) })).status, 200);
  });

  it('keeps a file, whole and in ranges', async () => {
    const call = clientOf(hold.api);
    const key = { 'x-api-key': own(hold.world).apiKey };
    const form = '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhello\r\n--b--\r\n';
    const made = await call('POST', map.files!, form, { ...key, 'content-type': 'multipart/form-data; boundary=b' });
    const path = map.file!.replace('{}', made.body.id as string);
    assert.equal((await call('GET', path, undefined, key)).text, 'hello');
    const part = await call('GET', path, undefined, { ...key, range: 'bytes=1-2' });
    assert.deepEqual([part.status, part.text], [206, 'el']);
  });

  it('answers GraphQL with aliases, variables and fragments, and describes itself', async () => {
    const call = clientOf(hold.api);
    const query = `query Q($n: Int!) { first: products(first: $n) { nodes { ...F } pageInfo { hasNextPage } } me { email } }
      fragment F on Product { id name }`;
    const { body } = await call('POST', map.graphql!, { query, variables: { n: 2 } });
    const data = body.data as { first: { nodes: Record<string, unknown>[]; pageInfo: object }; me: null };
    assert.deepEqual(Object.keys(data.first.nodes[1]!), ['id', 'name']);
    assert.deepEqual([data.first.nodes.length, data.first.pageInfo, data.me], [2, { hasNextPage: true }, null]);
    const schema = await call('POST', map.graphql!, { query: '{ __schema { types { name } } }' });
    assert.match(schema.text, /"ProductConnection"/);
    assert.equal((await call('POST', map.graphql!, { query: `{${'a{'.repeat(50)}` })).status, 400);
  });

  it('answers SOQL in batches that lead through a whole table', async () => {
    const call = clientOf(hold.api);
    const key = bearer(own(hold.world, 6).apiKey);
    const first = await call('GET', `${map.query}?q=${encodeURIComponent('SELECT Id, Name FROM Account')}`, undefined, key);
    assert.equal(first.body.totalSize, 5000);
    const second = await call('GET', first.body.nextRecordsUrl as string, undefined, key);
    assert.equal((second.body.records as { Id: string }[])[0]!.Id, hold.world.customerIds[200]);
    const stranger = await call('GET', `${map.query}?q=SELECT+Id+FROM+Account`);
    assert.match(stranger.text, /INVALID_SESSION_ID/);
  });

  it('finds, makes, changes and removes SCIM users', async () => {
    const call = clientOf(hold.api);
    const key = { ...bearer(own(hold.world, 8).apiKey), 'content-type': 'application/scim+json' };
    const made = await call('POST', map.scimUsers!, JSON.stringify({ userName: 'new@x.example' }), key);
    assert.equal(made.status, 201);
    assert.equal((await call('POST', map.scimUsers!, JSON.stringify({ userName: 'new@x.example' }), key)).status, 409);
    const filter = encodeURIComponent('userName eq "new@x.example"');
    assert.equal((await call('GET', `${map.scimUsers}?filter=${filter}`, undefined, key)).body.totalResults, 1);
    const path = map.scimUser!.replace('{}', made.body.id as string);
    const patch = JSON.stringify({ Operations: [{ op: 'replace', path: 'active', value: false }] });
    assert.equal((await call('PATCH', path, patch, key)).body.active, false);
    assert.equal((await call('DELETE', path, undefined, key)).status, 204);
    assert.equal((await call('GET', path, undefined, key)).status, 404);
  });

  it('takes garbage for what it is and lives on', async () => {
    const call = clientOf(hold.api);
    assert.equal((await call('POST', map.login!, '{"email":')).status, 400);
    assert.equal((await call('POST', map.login!, '[1,2]')).status, 400);
    assert.equal((await call('GET', '/%c0%ae%c0%ae/etc/passwd')).status, 404);
    assert.equal((await call('GET', '/a'.repeat(40))).status, 404);
    assert.equal((await call('PUT', map.login!, '{}')).status, 405);
    assert.equal(
      (await call('GET', `${map.orders}?limit=-1&page=1e99`, undefined, { authorization: 'Bearer null' })).status,
      401,
    );
    assert.equal((await call('POST', map.files!, 'x'.repeat(3_000_000))).status, 413);
    assert.equal((await call('GET', map.admin!)).status, 403);
    assert.equal((await call('GET', map.health!)).status, 200);
  });

  it('links its pages to each other and to what is there', async () => {
    const call = clientOf(hold.api);
    const home = await call('GET', '/');
    const links = [...home.text.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, link]) => link!);
    assert.ok(links.length > 20);
    for (const link of [...new Set(links)].slice(0, 30)) assert.equal((await call('GET', link)).status, 200, link);
    assert.match((await call('GET', map.robots!)).text, /Disallow: \/v1\/orders/);
  });
});

describe('the bank', () => {
  const hold = setUp('bank');
  const { map } = SHAPES.bank;

  it('says 404 for what is not the caller’s, 423 for a locked account, 403 to introspection', async () => {
    const call = clientOf(hold.api);
    const { email, password } = own(hold.world);
    const user = bearer((await call('POST', map.login!, { email, password })).body.token);
    const foreign = hold.world.orderIds.find((id) => hold.world.orders.get(id)!.owner === 9)!;
    assert.match(foreign, /^[0-9a-f-]{36}$/);
    assert.equal((await call('GET', map.order!.replace('{}', foreign), undefined, user)).status, 404);
    const statuses = [];
    for (let i = 0; i < 18; i++) statuses.push((await call('POST', map.login!, { email: 'a@b.cd', password: 'x' })).status);
    assert.ok(statuses.includes(423), `${statuses}`);
    assert.equal((await call('POST', map.graphql!, { query: '{__schema{types{name}}}' })).status, 403);
  });
});

describe('the desk', () => {
  const hold = setUp('desk');
  const { map } = SHAPES.desk;

  it('leads through lists by a cursor', async () => {
    const call = clientOf(hold.api);
    const first = await call('GET', `${map.products}?limit=2`);
    assert.match(first.body.next as string, /cursor=/);
    const second = await call('GET', first.body.next as string);
    assert.equal((second.body.items as { id: string }[])[0]!.id, hold.world.productIds[2]);
  });
});

describe('data', () => {
  it('differ by seed, are the same for one seed, and leave one number in five out', () => {
    const [one, same, other] = [1, 1, 2].map((seed) => createWorld(SHAPES.shop, seed, 0));
    assert.deepEqual(own(one!), own(same!));
    assert.notEqual(own(one!).email, own(other!).email);
    assert.notDeepEqual(one!.productIds.slice(0, 5), other!.productIds.slice(0, 5));
    const ids = one!.orderIds.map(Number);
    const share = ids.length / (ids.at(-1)! - ids[0]! + 1);
    assert.ok(share > 0.78 && share < 0.82, `${share}`);
  });

  it('gives each seat credentials of its own', () => {
    const world = createWorld(SHAPES.shop, 1, 0);
    const keys = new Set(Array.from({ length: MAX_SEATS }, (_, seat) => credentialsOf(world, seat).apiKey));
    assert.equal(keys.size, MAX_SEATS);
  });
});
