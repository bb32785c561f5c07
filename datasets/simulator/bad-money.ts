/** Attacks on money: cards, codes, baskets. */
import {
  ask,
  type Context,
  type Course,
  effort,
  enter,
  isStopped,
  itemStep,
  listStep,
  pickResource,
  planAddresses,
  post,
  type Step,
  spread,
  step,
} from './actor.ts';
import { idOf } from './api.ts';
import { campaign, drawBodySize, drawCodes, drawOutcomes, warmUp } from './bad-habits.ts';

const CARD_FAULTS = { declined: 8, invalid: 1.5, limited: 0.4, forbidden: 0.4, conflict: 0.2 } as const;
const CODE_FAULTS = { declined: 5, missing: 3, invalid: 2, limited: 0.5 } as const;

/** What a shop wants before it takes a card or a code: a new basket, an item, an address; drawn once. */
function drawBasket(ctx: Context): () => Course {
  const { random, api } = ctx;
  const catalogue = pickResource(ctx, false);
  const all: readonly (() => Step)[] = [
    () => post(ctx, 'cart', { bodyBytes: random.int(20, 60) }),
    () => itemStep(ctx, catalogue, random.int(0, catalogue.count - 1)),
    () => step(ctx, 'GET', api.at('cart')),
    () => step(ctx, 'DELETE', api.at('cart')),
    () => listStep(ctx, catalogue, random.int(0, 5)),
  ];
  const parts = random.chance(0.5) ? [] : random.shuffle(all).slice(0, random.int(1, 3));
  const each = random.pick([1, 1, 1, 0.2]);
  return function* () {
    if (random.chance(each)) for (const part of parts) yield* ask(ctx, part());
  };
}

export function* cardTesting(ctx: Context): Course {
  const { random } = ctx;
  const outcome = drawOutcomes(ctx, CARD_FAULTS);
  const bodyBytes = drawBodySize(random, 90, 600);
  const basket = drawBasket(ctx);
  const does = random.chance(0.85) ? 'payment' : 'payout';
  yield* campaign(ctx, 120, 0.75, function* () {
    yield* basket();
    yield* ask(ctx, post(ctx, does, { bodyBytes: bodyBytes(), ...outcome() }));
  });
}

/** Codes in a body, in a query or in a path, with or without the basket that they are for. */
export function* couponGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  const where = random.weighted({ body: 5, path: 3, query: 2, postPath: 1 });
  const code = drawCodes(random);
  const basket = drawBasket(ctx);
  const outcome = drawOutcomes(ctx, CODE_FAULTS, random.pick([0, 0, 0.01, 0.05, 0.3]));
  const root = `${api.base}/${random.pick(['coupons', 'vouchers', 'promotions', 'discounts'])}`;
  yield* campaign(ctx, 200, 0.5, function* () {
    yield* basket();
    const result = outcome();
    const inPath = result.wish ? result : { wish: 'found' as const };
    if (where === 'body') yield* ask(ctx, post(ctx, 'coupon', { bodyBytes: 20 + code().length, ...result }));
    else if (where === 'query') yield* ask(ctx, step(ctx, 'GET', api.at('coupon'), { query: `code=${code()}`, ...result }));
    else yield* ask(ctx, step(ctx, where === 'path' ? 'GET' : 'POST', `${root}/${code()}`, inPath));
  });
}

/** Puts the goods in baskets, or seats on hold, and renews the hold, and never pays. */
export function* inventoryHolding(ctx: Context): Course {
  const { random, api } = ctx;
  const catalogue = pickResource(ctx, false);
  const outcome = drawOutcomes(ctx, { conflict: 5, limited: 1, forbidden: 0.5, invalid: 1 });
  const bodyBytes = drawBodySize(random, 30, 200);
  const wanted = Array.from({ length: random.logInt(1, 60) }, () => random.int(0, catalogue.count - 1));
  const looks = random.pick([0, 0, 0.05, 0.3, 1]);
  const renewal = random.weighted({ again: 4, put: 2, hold: 2, release: 1.5 });
  yield* campaign(ctx, 140, 0.75, function* (n) {
    const item = wanted[n % wanted.length]!;
    if (random.chance(looks)) yield* ask(ctx, random.chance(0.5) ? listStep(ctx, catalogue, 0) : itemStep(ctx, catalogue, item));
    if (renewal === 'release' && n > 0) yield* ask(ctx, step(ctx, 'DELETE', api.at('cart')));
    const more = { bodyBytes: bodyBytes(), ...outcome() };
    if (renewal === 'hold') yield* ask(ctx, step(ctx, 'POST', `${catalogue.path}/${idOf(catalogue, item)}`, more));
    else yield* ask(ctx, step(ctx, renewal === 'put' && n > 0 ? 'PUT' : 'POST', api.at('cart'), more));
  });
}

/** One card, or a few: the date and the code are missing and are gone through. Each try is the same size. */
export function* cardCracking(ctx: Context): Course {
  const { random } = ctx;
  const bodyBytes = random.int(90, 420);
  const perCard = random.logInt(5, 900);
  const outcome = drawOutcomes(ctx, CARD_FAULTS, 0);
  const basket = drawBasket(ctx);
  const isDry = random.chance(0.3);
  let tried = 0;
  yield* campaign(ctx, 300, 0.65, function* () {
    const isFound = !isDry && tried++ >= perCard;
    if (isFound) tried = 0;
    yield* basket();
    yield* ask(ctx, post(ctx, 'payment', { bodyBytes, ...(isFound ? {} : outcome()) }));
  });
}

/** Numbers of gift cards, in order or at random, for those with money on them. */
export function* giftCardCracking(ctx: Context): Course {
  const { random, api } = ctx;
  const where = random.weighted({ path: 4, query: 3, body: 3 });
  const code = drawCodes(random);
  const outcome = drawOutcomes(ctx, CODE_FAULTS, random.pick([0, 0.005, 0.02, 0.1, 0.5]));
  const root = `${api.base}/${random.pick(['giftcards', 'gift-cards', 'cards', 'credits'])}`;
  const tail = random.pick(['/balance', '/balance', '', '/status']);
  const spends = random.chance(0.3);
  yield* campaign(ctx, 250, 0.4, function* () {
    const result = outcome();
    const inPath = result.wish ? result : { wish: 'found' as const };
    if (where === 'path') yield* ask(ctx, step(ctx, 'GET', `${root}/${code()}${tail}`, inPath));
    else if (where === 'query') yield* ask(ctx, step(ctx, 'GET', api.at('giftcard'), { query: `code=${code()}`, ...result }));
    else yield* ask(ctx, post(ctx, 'giftcard', { bodyBytes: 24 + code().length, ...result }));
    if (!result.wish && spends) yield* ask(ctx, post(ctx, 'payment', { bodyBytes: 240 }));
  });
}

/** Watches one object until it is on sale, then takes as much as it gets, faster than people, and pays. */
export function* scalping(ctx: Context): Course {
  const { random } = ctx;
  const catalogue = pickResource(ctx, false);
  const wanted = Array.from({ length: random.pick([1, 1, 1, random.int(2, 12)]) }, () => random.int(0, catalogue.count - 1));
  if (random.chance(0.3)) yield* warmUp(ctx);
  if (random.chance(0.8)) yield* enter(ctx);
  const watches = Math.round(effort(ctx, 150) * random.pick([0, 0.3, 0.7, 0.9]));
  const byList = random.pick([0, 0, 0.2, 1]);
  for (let i = 0; i < watches && !isStopped(ctx); i++)
    yield* ask(ctx, random.chance(byList) ? listStep(ctx, catalogue, 0) : itemStep(ctx, catalogue, wanted[i % wanted.length]!));
  const quickMs = random.log(2, 300);
  const taken = drawOutcomes(ctx, { conflict: 6, limited: 1, forbidden: 1, missing: 0.5 });
  const paid = drawOutcomes(ctx, { declined: 3, conflict: 2, limited: 1 }, random.pick([1, 1, 0.8, 0.3]));
  const next = () => ({ waitMs: random.around(quickMs, 0.4) });
  for (let left = random.logInt(2, 200); left > 0 && !isStopped(ctx); left--) {
    const sold = taken();
    yield* ask(ctx, post(ctx, 'cart', { bodyBytes: 60, ...next(), ...sold }));
    if (!sold.wish) yield* ask(ctx, post(ctx, 'payment', { bodyBytes: 240, ...next(), ...paid() }));
  }
}

/** A few cards from each of many addresses. */
export function* distributedCardTesting(ctx: Context): Course {
  const { random } = ctx;
  const outcome = drawOutcomes(ctx, CARD_FAULTS);
  const hasKey = random.chance(0.5);
  for (const from of spread(ctx, planAddresses(ctx, random.int(1, 4)))) {
    ctx.from = from;
    ctx.credential = hasKey ? ctx.issueKey(random.int(0, 1e6), 'bearer') : null;
    if (random.chance(0.3)) yield* ask(ctx, post(ctx, 'cart'));
    yield* ask(ctx, post(ctx, 'payment', { bodyBytes: random.int(180, 420), ...outcome() }));
  }
}
