/** Good clients that take money for others: tills, subscriptions, the backends of shops. Cards are declined there daily. */
import {
  ask,
  browse,
  type Context,
  type Course,
  givesUp,
  issuePartnerKey,
  itemStep,
  listStep,
  type Part,
  pickResource,
  post,
  type Step,
  size,
  step,
  tryLogin,
  write,
} from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { interleave, ownNumber } from './good-habits.ts';
import { ALL, type Credential, numbersOf } from './server.ts';

/** Sales come in rushes, with quiet in between. */
function rush({ random, pace }: Context): () => number {
  const quiet = random.real(0, 0.25);
  const quietly = random.log(3, 60);
  return () => pace() * (random.chance(quiet) ? quietly : 1);
}

interface Till {
  readonly credential: Credential;
  readonly bodyBytes: number;
  readonly declined: number;
  /** A declined card is put in again, or another one. */
  readonly again: number;
  readonly refunds: number;
  readonly looksUp: number;
  /** Gift cards are looked up before they are taken. */
  readonly giftCards: number;
  /** Pays orders of its own, or through the route for payments. */
  readonly pay: (ctx: Context) => string;
}

function drawTill(ctx: Context): Till {
  const { random, api } = ctx;
  const orders = pickResource(ctx, true);
  const byOrder = random.chance(0.3);
  return {
    credential: ctx.credential!,
    bodyBytes: random.logInt(60, 1200),
    declined: random.real(0.03, 0.4),
    again: random.real(0, 0.9),
    refunds: random.pick([0, 0.02, 0.05, 0.15]),
    looksUp: random.pick([0, 0, 0.2, 1]),
    giftCards: random.pick([0, 0, 0.05, 0.3]),
    pay: (till) => (byOrder ? `${orders.path}/${idOf(orders, ownNumber(till, orders))}` : api.at('payment')),
  };
}

/** One till or a shop's many behind one address, each with a key or all with one: small payments, some declined. */
export function* pointOfSale(ctx: Context): Course {
  const { random } = ctx;
  const catalogue = pickResource(ctx, false);
  const owner = random.chance(0.6) ? ALL : ctx.account;
  issuePartnerKey(ctx, owner);
  const first = drawTill(ctx);
  const tills = Array.from({ length: random.chance(0.6) ? 1 : random.logInt(2, 20) }, (_x, n) =>
    n === 0 || random.chance(0.4) ? first : { ...first, credential: ctx.issueKey(owner) },
  );
  const scans = random.pick([0, 0, 0.5, 3]);
  const pace = rush(ctx);
  for (let sales = size(ctx, 3, 300); sales > 0 && !givesUp(ctx); sales--) {
    const till = random.pick(tills);
    ctx.credential = till.credential;
    for (let items = Math.round(random.real(0, scans)); items > 0; items--)
      yield* ask(ctx, itemStep(ctx, catalogue, ownNumber(ctx, catalogue)));
    yield* sell(ctx, till, pace());
  }
}

function* sell(ctx: Context, till: Till, waitMs: number): Part<void> {
  const { random } = ctx;
  const payment = write(ctx, 'POST', till.pay(ctx), { bodyBytes: till.bodyBytes + random.int(-20, 20) });
  if (random.chance(till.giftCards))
    for (let tries = random.int(1, 2); tries > 0; tries--)
      yield* ask(ctx, post(ctx, 'giftcard', { bodyBytes: 40, ...(random.chance(0.2) ? { wish: 'missing' } : {}) }));
  let isDeclined = random.chance(till.declined);
  let answer = yield* ask(ctx, { ...payment, waitMs, ...(isDeclined ? { wish: 'declined' } : {}) });
  for (let tries = random.int(1, 3); tries > 0 && isDeclined && random.chance(till.again); tries--) {
    isDeclined = random.chance(0.4);
    answer = yield* ask(ctx, { ...payment, waitMs: random.around(9000, 0.8), ...(isDeclined ? { wish: 'declined' } : {}) });
  }
  if (answer.status >= 400) return;
  if (random.chance(till.looksUp)) yield* ask(ctx, step(ctx, 'GET', payment.path, { query: `ref=${random.hex(10)}` }));
  if (random.chance(till.refunds)) yield* ask(ctx, post(ctx, 'payout', { bodyBytes: till.bodyBytes }));
}

/** Charges what is due from stored cards, in order, with one key; what was declined is tried again in a later round. */
export function* recurringBilling(ctx: Context): Course {
  const { random, api } = ctx;
  issuePartnerKey(ctx);
  const customers = pickResource(ctx, true);
  const byCustomer = random.chance(0.3);
  const bodyBytes = random.logInt(60, 900);
  const habits = { declined: random.real(0.05, 0.45), marks: random.pick([0, 0, 0.5, 1]), reads: random.pick([0, 0, 1]) };
  const charge = (n: number): Step =>
    write(ctx, 'POST', byCustomer ? `${customers.path}/${idOf(customers, n)}` : api.at('payment'), {
      bodyBytes: bodyBytes + random.int(-8, 8),
    });
  let due = yield* drawDue(ctx, customers);
  for (let rounds = random.int(1, 5); rounds > 0 && due.length > 0 && !givesUp(ctx); rounds--) {
    const refused: number[] = [];
    for (const n of due) {
      if (random.chance(habits.reads)) yield* ask(ctx, itemStep(ctx, customers, n));
      const isDeclined = random.chance(habits.declined);
      yield* ask(ctx, { ...charge(n), ...(isDeclined ? { wish: random.chance(0.95) ? 'declined' : 'invalid' } : {}) });
      if (isDeclined) refused.push(n);
      else if (random.chance(habits.marks)) yield* ask(ctx, write(ctx, 'PATCH', `${customers.path}/${idOf(customers, n)}`));
    }
    due = refused;
    // Of cards that were declined once most are declined again.
    habits.declined = Math.min(0.9, habits.declined + random.real(0.1, 0.5));
    yield* ask(ctx, listStep(ctx, customers, 0, { waitMs: random.log(30_000, 7_200_000) }));
  }
}

/** Whose turn it is: from a list, or from its own books. */
function* drawDue(ctx: Context, customers: Resource): Part<number[]> {
  const { random } = ctx;
  const count = size(ctx, 4, random.chance(0.15) ? 800 : 200);
  const due: number[] = [];
  if (random.chance(0.5))
    for (let page = 0; due.length < count && page < 6; page++) {
      const answer = yield* ask(ctx, listStep(ctx, customers, page));
      if (!answer.page) break;
      due.push(...numbersOf(answer.page));
      if (answer.page.isLast) break;
    }
  while (due.length < count) due.push(ownNumber(ctx, customers));
  return due.slice(0, count).sort((a, b) => a - b);
}

interface Shop {
  readonly isLoggedIn: number;
  readonly looks: number;
  readonly coupons: number;
  readonly wrongCoupons: number;
  readonly declined: number;
  readonly takenAway: number;
  readonly pays: number;
  readonly releases: number;
}

/** A shop's own backend: baskets and holds for many people, some of which they pay, release or forget. */
export function* cartService(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.75)) issuePartnerKey(ctx);
  const shop: Shop = {
    isLoggedIn: random.pick([0, 0, 0.3, 0.8]),
    looks: random.int(0, 6),
    coupons: random.real(0, 0.5),
    wrongCoupons: random.real(0.2, 0.8),
    declined: random.real(0.02, 0.25),
    takenAway: random.pick([0, 0.02, 0.1, 0.3]),
    pays: random.real(0.1, 0.9),
    releases: random.real(0, 0.7),
  };
  yield* interleave(ctx, size(ctx, 3, 120), random.logInt(1, 20), () => shopperOf(ctx, shop));
}

function* shopperOf(ctx: Context, shop: Shop): Course {
  const { random, api } = ctx;
  let { credential } = ctx;
  if (random.chance(shop.isLoggedIn)) {
    const account = random.int(0, 1e6);
    if (random.chance(0.1)) yield* ask(ctx, tryLogin(ctx, account, false));
    credential = (yield* ask(ctx, tryLogin(ctx, account, true))).credential ?? credential;
  }
  const catalogue = pickResource(ctx, false);
  for (let looks = random.int(0, shop.looks); looks > 0; looks--)
    yield* ask(ctx, itemStep(ctx, catalogue, ownNumber(ctx, catalogue), { credential }));
  for (let items = random.int(1, 4); items > 0; items--)
    yield* ask(ctx, post(ctx, 'cart', { credential, ...(random.chance(shop.takenAway) ? { wish: 'conflict' } : {}) }));
  if (random.chance(shop.coupons))
    for (let tries = random.int(1, 3); tries > 0; tries--)
      yield* ask(ctx, post(ctx, 'coupon', { credential, ...(random.chance(shop.wrongCoupons) ? { wish: 'declined' } : {}) }));
  if (random.chance(shop.pays)) yield* payBasket(ctx, shop, credential);
  else if (random.chance(shop.releases)) yield* ask(ctx, step(ctx, 'DELETE', api.at('cart'), { credential }));
}

function* payBasket(ctx: Context, shop: Shop, credential: Credential | null): Part<void> {
  const { random } = ctx;
  for (let tries = random.int(1, 3); tries > 0 && random.chance(shop.declined * 2); tries--)
    yield* ask(ctx, post(ctx, 'payment', { credential, wish: 'declined' }));
  yield* ask(ctx, post(ctx, 'payment', { credential }));
  if (random.chance(0.1)) yield* browse(ctx, pickResource(ctx, false), 0, 0);
}
