/** Attacks on money and nuisances: cards, codes, baskets, accounts, floods. */
import {
  ask,
  type Context,
  type Course,
  call,
  effort,
  enter,
  hits,
  isStopped,
  itemStep,
  listStep,
  pickResource,
  planAddresses,
  post,
  spread,
  step,
  tryLogin,
} from './actor.ts';

export function* cardTesting(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) yield* enter(ctx);
  const accepted = hits(ctx, [0.02, 0.1, 0.3]);
  const withCart = random.chance(0.4);
  for (let left = effort(ctx, 100); left > 0 && !isStopped(ctx); left--) {
    if (withCart) yield* ask(ctx, post(ctx, 'cart'));
    yield* ask(
      ctx,
      post(ctx, 'payment', {
        bodyBytes: random.int(180, 420),
        ...(random.chance(accepted) ? {} : { wish: random.chance(0.9) ? 'declined' : 'invalid' }),
      }),
    );
  }
}

export function* couponGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.4)) yield* enter(ctx);
  const inPath = random.chance(0.4);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const code = random.hex(random.int(6, 10)).toUpperCase();
    const wish = random.chance(0.01) ? {} : { wish: 'declined' as const };
    if (inPath) yield* ask(ctx, step(ctx, 'GET', `${api.base}/coupons/${code}`));
    else yield* ask(ctx, post(ctx, 'coupon', { bodyBytes: 20 + code.length, ...wish }));
  }
}

export function* accountCreation(ctx: Context): Course {
  const { random, api } = ctx;
  const confirms = random.chance(0.5);
  const looks = random.chance(0.3);
  for (let left = effort(ctx, 70); left > 0 && !isStopped(ctx); left--) {
    if (looks) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    yield* ask(
      ctx,
      post(ctx, 'signup', {
        credential: null,
        bodyBytes: random.int(90, 220),
        ...(random.chance(0.1) ? { wish: 'conflict' } : {}),
      }),
    );
    if (confirms) yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), true));
  }
}

export function* smsPumping(ctx: Context): Course {
  const { random, api } = ctx;
  const signsUp = random.chance(0.3);
  const looks = random.chance(0.3);
  for (let left = effort(ctx, 100); left > 0 && !isStopped(ctx); left--) {
    if (looks) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    if (signsUp) yield* ask(ctx, post(ctx, 'signup'));
    yield* ask(ctx, post(ctx, 'otpSend', { bodyBytes: random.int(24, 60), ...(random.chance(0.08) ? { wish: 'invalid' } : {}) }));
  }
}

export function* flood(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  const paths = random
    .shuffle([
      '/',
      resource.path,
      api.at('search'),
      api.at('login'),
      random.pick(api.pages),
      api.at('graphql'),
      random.pick(api.all('export')),
    ])
    .slice(0, random.pick([1, 1, 2, 4]));
  if (!api.isSite && random.chance(0.25)) yield* enter(ctx);
  const bust = random.chance(0.4);
  for (let left = random.logInt(60, 2500); left > 0; left--) {
    const path = random.pick(paths);
    const method = path === api.at('graphql') && path !== '/' ? 'POST' : 'GET';
    yield* call(ctx, step(ctx, method, path, { alongside: true, query: bust ? `r=${random.hex(8)}` : null }));
  }
}

/** Puts the goods in baskets, or seats on hold, and renews the hold, and never pays. */
export function* inventoryHolding(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) yield* enter(ctx);
  const catalogue = pickResource(ctx, false);
  const looks = random.pick([0, 0.05, 0.3]);
  for (let left = effort(ctx, 120); left > 0 && !isStopped(ctx); left--) {
    yield* ask(ctx, post(ctx, 'cart', { bodyBytes: random.int(40, 120), ...(random.chance(0.1) ? { wish: 'conflict' } : {}) }));
    if (random.chance(looks)) yield* ask(ctx, listStep(ctx, catalogue, 0));
  }
}

export function* spamPosting(ctx: Context): Course {
  const { random, api } = ctx;
  const looks = random.chance(0.5);
  for (let left = effort(ctx, 50); left > 0 && !isStopped(ctx); left--) {
    const page = random.pick(api.pages);
    if (looks) yield* ask(ctx, step(ctx, 'GET', page));
    yield* ask(
      ctx,
      post(ctx, 'form', {
        referer: `https://${api.host}${page}`,
        bodyBytes: random.int(300, 5000),
        ...(random.chance(0.3) ? { wish: 'invalid' } : {}),
      }),
    );
  }
}

/** One card, or a few: the date and the code are missing and are gone through. Each try is the same size. */
export function* cardCracking(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.7)) yield* enter(ctx);
  const bodyBytes = random.int(180, 420);
  const perCard = random.logInt(20, 500);
  for (let left = effort(ctx, 300), tried = 0; left > 0 && !isStopped(ctx); left--, tried++) {
    const isFound = tried >= perCard;
    const wish = isFound ? {} : { wish: random.chance(0.93) ? ('declined' as const) : ('invalid' as const) };
    yield* ask(ctx, post(ctx, 'payment', { bodyBytes, ...wish }));
    if (isFound) tried = 0;
  }
}

/** Numbers of gift cards, in order or at random, for those with money on them. */
export function* giftCardCracking(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.35)) yield* enter(ctx);
  const inPath = random.chance(0.6);
  const luck = hits(ctx, [0, 0.005, 0.02]);
  const isOrdered = random.chance(0.4);
  let number = random.int(1e8, 9e8);
  for (let left = effort(ctx, 250); left > 0 && !isStopped(ctx); left--) {
    const code = isOrdered ? String(number++) : random.hex(10).toUpperCase();
    const isFound = random.chance(luck);
    if (inPath) yield* ask(ctx, step(ctx, 'GET', `${api.base}/giftcards/${code}/balance`, isFound ? { wish: 'found' } : {}));
    else
      yield* ask(ctx, step(ctx, 'GET', api.at('giftcard'), { query: `code=${code}`, ...(isFound ? {} : { wish: 'missing' }) }));
  }
}

/** Watches one object until it is on sale, then takes as much as it gets, faster than people, and pays. */
export function* scalping(ctx: Context): Course {
  const { random } = ctx;
  const catalogue = pickResource(ctx, false);
  const wanted = random.int(0, catalogue.count - 1);
  if (random.chance(0.8)) yield* enter(ctx);
  const watches = Math.round(effort(ctx, 150) * random.pick([0.3, 0.7, 0.9]));
  for (let i = 0; i < watches && !isStopped(ctx); i++) yield* ask(ctx, itemStep(ctx, catalogue, wanted));
  const quickMs = random.log(2, 300);
  for (let left = random.logInt(2, 60); left > 0 && !isStopped(ctx); left--) {
    const sold = random.chance(0.4) ? { wish: 'conflict' as const } : {};
    yield* ask(ctx, post(ctx, 'cart', { bodyBytes: 60, waitMs: random.around(quickMs, 0.4), ...sold }));
    if (!sold.wish) yield* ask(ctx, post(ctx, 'payment', { bodyBytes: 240, waitMs: random.around(quickMs, 0.4) }));
  }
}

/** Empties accounts that are known to work: in, a look at what is there, out with it, next. */
export function* cashingOut(ctx: Context): Course {
  const { random, api } = ctx;
  const works = random.real(0.6, 0.98);
  const isPaid = random.real(0.3, 0.9);
  for (let left = effort(ctx, 90); left > 0 && !isStopped(ctx); left -= 3) {
    const { credential } = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(works)));
    if (!credential) continue;
    ctx.credential = credential;
    if (random.chance(0.5)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    for (let payouts = random.int(1, 3); payouts > 0; payouts--)
      yield* ask(
        ctx,
        post(ctx, 'payout', { bodyBytes: random.int(90, 260), ...(random.chance(isPaid) ? {} : { wish: 'declined' }) }),
      );
  }
}

/** A few cards from each of many addresses. */
export function* distributedCardTesting(ctx: Context): Course {
  const { random } = ctx;
  const accepted = hits(ctx, [0.02, 0.1, 0.3]);
  const hasKey = random.chance(0.5);
  for (const from of spread(ctx, planAddresses(ctx, random.int(1, 4)))) {
    ctx.from = from;
    ctx.credential = hasKey ? ctx.issueKey(random.int(0, 1e6), 'bearer') : null;
    if (random.chance(0.3)) yield* ask(ctx, post(ctx, 'cart'));
    yield* ask(
      ctx,
      post(ctx, 'payment', { bodyBytes: random.int(180, 420), ...(random.chance(accepted) ? {} : { wish: 'declined' }) }),
    );
  }
}
