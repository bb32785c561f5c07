/** Attacks on credentials: passwords, tokens, codes, names. */

import {
  ask,
  type Context,
  type Course,
  call,
  effort,
  enter,
  hits,
  isStopped,
  pickResource,
  planAddresses,
  plunder,
  post,
  pretend,
  type Step,
  spread,
  step,
  tryLogin,
} from './actor.ts';
import { PROBES } from './bad-holes.ts';
import { drawOrder } from './bad-ids.ts';

export function* credentialStuffing(ctx: Context): Course {
  const { random, api } = ctx;
  const luck = hits(ctx, [0, 0.005, 0.02, 0.05]);
  const preflight = random.chance(0.2);
  const cover = random.pick([0, 0, 0.05, 0.3]);
  for (let left = effort(ctx, 150); left > 0 && !isStopped(ctx); left--) {
    if (preflight) yield* call(ctx, step(ctx, 'GET', api.isSite ? api.at('login') : '/', { credential: null }));
    const answer = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(luck)));
    if (answer.credential && random.chance(0.6)) yield* plunder(ctx, answer.credential);
    yield* pretend(ctx, cover);
  }
}

export function* passwordCracking(ctx: Context): Course {
  const { random, api } = ctx;
  const account = random.int(0, 1e6);
  const isBasic = !api.isSite && random.chance(0.25);
  const breaks = random.chance(0.15);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    if (isBasic)
      yield* ask(ctx, step(ctx, 'GET', api.at('me'), { credential: { ...ctx.issueKey(account, 'basic'), isValid: false } }));
    else if ((yield* ask(ctx, tryLogin(ctx, account, breaks && left === 1))).credential) return;
  }
}

export function* passwordSpraying(ctx: Context): Course {
  const { random } = ctx;
  const accounts = Array.from({ length: random.logInt(5, 100) }, () => random.int(0, 1e6));
  for (let rounds = random.int(1, 3); rounds > 0; rounds--) {
    for (const account of accounts) yield* ask(ctx, tryLogin(ctx, account, random.chance(0.01)));
    yield* pretend(ctx, 0.2);
  }
}

export function* tokenGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  const paths = random.chance(0.7)
    ? [random.pick([api.at('me'), pickResource(ctx, true).path])]
    : [api.at('me'), pickResource(ctx, true).path, api.at('query')];
  const scheme = random.pick(['bearer', 'bearer', 'apiKey', 'basic'] as const);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const credential = { ...ctx.issueKey(0, scheme), isValid: random.chance(0.001) };
    yield* ask(ctx, step(ctx, 'GET', random.pick(paths), { credential }));
  }
}

export function* otpGuessing(ctx: Context): Course {
  const { random } = ctx;
  const account = random.int(0, 1e6);
  if (random.chance(0.7)) yield* ask(ctx, post(ctx, 'otpSend'));
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    yield* ask(
      ctx,
      post(ctx, 'otpVerify', { login: { account, isRight: random.chance(0.002) }, credential: null, bodyBytes: 40 }),
    );
    if (random.chance(0.03)) yield* ask(ctx, post(ctx, 'otpSend'));
  }
}

/** Asks which accounts exist, by what a form says of them. */
export function* userEnumeration(ctx: Context): Course {
  const { random, api } = ctx;
  const does = api.isSite ? 'reset' : random.pick(['reset', 'signup'] as const);
  const exists = random.real(0.02, 0.4);
  for (let left = effort(ctx, 150); left > 0 && !isStopped(ctx); left--) {
    const isThere = random.chance(exists);
    const wish = does === 'reset' ? (isThere ? undefined : 'missing') : isThere ? 'conflict' : undefined;
    yield* ask(ctx, post(ctx, does, { bodyBytes: random.int(30, 60), ...(wish ? { wish } : {}) }));
  }
}

/** Any of these at the pace of a person, with a person's detours and a wait after each no. */
export function* lowAndSlow(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, true);
  const doing = random.weighted({ login: 3, ids: api.isSite ? 0 : 3, probe: 2, code: api.isSite ? 0 : 1 });
  if (doing === 'ids') yield* enter(ctx);
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const cover = random.pick([0, 0.1, 0.4]);
  for (let i = 0, count = random.logInt(3, 90); i < count; i++) {
    if (doing === 'login') yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(0.02)));
    else if (doing === 'ids') yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i)}`));
    else if (doing === 'probe') yield* ask(ctx, step(ctx, 'GET', random.pick(PROBES)));
    else yield* ask(ctx, post(ctx, 'coupon', { wish: 'declined' }));
    yield* pretend(ctx, cover);
  }
}

/**
 * One actor, dozens to hundreds of addresses, one to five logins from each, all of one program: no address does enough to
 * be seen by itself. In turn or at random, within minutes or over hours.
 */
export function* distributedStuffing(ctx: Context): Course {
  const { random, api } = ctx;
  const luck = hits(ctx, [0.002, 0.01, 0.03, 0.08]);
  const preflight = random.pick([0, 0, 0.3, 1]);
  const plan = planAddresses(ctx, random.int(1, 5));
  for (const from of spread(ctx, plan)) {
    ctx.from = from;
    if (random.chance(preflight)) yield* call(ctx, openingCall(ctx));
    const isRight = random.chance(luck);
    const answer = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), isRight));
    if (!answer.credential || random.chance(0.4)) continue;
    if (api.isSite) yield* call(ctx, step(ctx, 'GET', '/', { credential: answer.credential }));
    else yield* plunder(ctx, answer.credential);
  }
}

/** What the app or page that is imitated calls before it logs in. */
function openingCall(ctx: Context): Step {
  const { random, api } = ctx;
  return step(ctx, 'GET', api.isSite ? api.at('login') : random.pick(api.all('read')), { credential: null });
}
