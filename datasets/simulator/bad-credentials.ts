/** Attacks on credentials: passwords, tokens, codes, names. */

import {
  ask,
  type Context,
  type Course,
  call,
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
import { type Does, word } from './api.ts';
import { anyShare, campaign, drawBodySize, drawOutcomes, rests, tries, warmUp } from './bad-habits.ts';
import { PROBES } from './bad-holes.ts';
import { drawOrder } from './bad-ids.ts';

export function* credentialStuffing(ctx: Context): Course {
  const { random, api } = ctx;
  const luck = hits(ctx, [0, 0.005, 0.02, 0.05, 0.15]);
  const preflight = random.pick([0, 0, 0, 0.3, 1]);
  const cover = random.pick([0, 0, 0.05, 0.3]);
  const uses = random.pick([0, 0.6, 1]);
  rests(ctx);
  if (random.chance(0.3)) yield* warmUp(ctx);
  for (let left = tries(ctx, 150); left > 0 && !isStopped(ctx); left--) {
    if (random.chance(preflight)) yield* call(ctx, step(ctx, 'GET', api.isSite ? api.at('login') : '/', { credential: null }));
    const answer = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(luck)));
    if (answer.credential && random.chance(uses)) yield* plunder(ctx, answer.credential);
    yield* pretend(ctx, cover);
  }
}

export function* passwordCracking(ctx: Context): Course {
  const { random, api } = ctx;
  // A short list of names, the same words for each of them.
  const accounts = Array.from({ length: random.pick([1, 1, 1, 1, random.int(2, 6)]) }, () => random.int(0, 1e6));
  const isBasic = !api.isSite && random.chance(0.25);
  const breaks = random.chance(0.15);
  const goesOn = random.chance(0.3);
  rests(ctx);
  for (let left = tries(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const account = accounts[left % accounts.length]!;
    if (isBasic) {
      yield* ask(ctx, step(ctx, 'GET', api.at('me'), { credential: { ...ctx.issueKey(account, 'basic'), isValid: false } }));
      continue;
    }
    const { credential } = yield* ask(ctx, tryLogin(ctx, account, breaks && left === 1));
    if (!credential) continue;
    if (goesOn) yield* plunder(ctx, credential);
    return;
  }
}

export function* passwordSpraying(ctx: Context): Course {
  const { random } = ctx;
  const accounts = Array.from({ length: random.logInt(4, 300) }, () => random.int(0, 1e6));
  const luck = random.pick([0, 0.005, 0.01, 0.05, 0.2]);
  const betweenMs = random.log(1000, Math.max(2000, ctx.lifeMs / 10));
  const cover = random.pick([0, 0.2, 0.7]);
  for (let rounds = random.int(1, 4); rounds > 0; rounds--) {
    for (const account of accounts) {
      const answer = yield* ask(ctx, tryLogin(ctx, account, random.chance(luck)));
      if (answer.credential && random.chance(0.4)) yield* plunder(ctx, answer.credential);
      if (isStopped(ctx)) return;
    }
    yield* pretend(ctx, cover);
    if (rounds > 1) yield* ask(ctx, { ...tryLogin(ctx, accounts[0]!, false), waitMs: betweenMs });
  }
}

export function* tokenGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  const items = pickResource(ctx, true);
  const all = [api.at('me'), items.path, api.at('query'), random.pick(api.all('admin')), random.pick(api.all('export'))];
  const paths = random.shuffle(all).slice(0, random.pick([1, 1, 1, 2, 5]));
  const scheme = random.pick(['bearer', 'bearer', 'apiKey', 'basic'] as const);
  const luck = random.pick([0, 0, 0.001, 0.01, 0.1, 0.5]);
  // One that is right is tried again, or used, or noted and left.
  const uses = random.pick([0, 0, 1, 8]);
  const isReset = random.chance(0.15);
  yield* campaign(ctx, 200, 0, function* () {
    const isValid = random.chance(luck);
    if (isReset)
      yield* ask(
        ctx,
        step(ctx, 'POST', `${api.at('reset')}/${random.hex(32)}`, { bodyBytes: 60, wish: isValid ? 'found' : 'invalid' }),
      );
    else {
      const credential = { ...ctx.issueKey(random.int(0, 1e6), scheme), isValid };
      yield* ask(ctx, step(ctx, 'GET', random.pick(paths), { credential }));
      if (isValid) for (let left = uses; left > 0; left--) yield* ask(ctx, step(ctx, 'GET', items.path, { credential }));
    }
  });
}

export function* otpGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  const accounts = Array.from({ length: random.pick([1, 1, 1, random.logInt(2, 60)]) }, () => random.int(0, 1e6));
  const perAccount = random.pick([1e9, random.int(1, 10), random.int(3, 100)]);
  const resends = random.pick([0, 0.03, 0.3, 1]);
  const logsIn = random.pick([0, 0, 0.1, 1]);
  const luck = random.pick([0, 0.002, 0.02, 0.2]);
  const bodyBytes = random.int(18, 120);
  const wrongForm = random.pick([0, 0, 0.05, 0.5]);
  const sends: Does = random.pick(['otpSend', 'otpSend', 'reset']);
  if (random.chance(0.7)) yield* ask(ctx, post(ctx, sends));
  yield* campaign(ctx, 250, 0.1, function* (n) {
    const account = accounts[Math.floor(n / perAccount) % accounts.length]!;
    if (random.chance(logsIn)) yield* ask(ctx, tryLogin(ctx, account, true));
    const isFaulty = random.chance(wrongForm);
    const login = { login: { account, isRight: random.chance(luck) } };
    const more = { credential: null, bodyBytes: bodyBytes - (isFaulty ? 1 : 0) };
    if (isFaulty) yield* ask(ctx, step(ctx, 'POST', api.at('otpVerify'), more));
    else yield* ask(ctx, post(ctx, 'otpVerify', { ...login, ...more }));
    if (random.chance(resends)) yield* ask(ctx, post(ctx, sends, { bodyBytes: random.int(20, 60) }));
  });
}

/** Asks which accounts exist, by what a form says of them. */
export function* userEnumeration(ctx: Context): Course {
  const { random, api } = ctx;
  const how = random.weighted({ reset: 4, signup: api.isSite ? 0 : 3, login: 2, profile: api.isSite ? 0 : 3, query: 1.5 });
  const exists = anyShare(random);
  const bodyBytes = drawBodySize(random, 20, 120);
  const isTold = random.chance(0.8);
  const faults = random.pick([0, 0, 0.05, 0.3]);
  const names = `${api.base}/${random.pick(['users', 'profiles', 'members', 'u', 'accounts'])}`;
  const resource = pickResource(ctx);
  const nth = random.int(0, resource.count);
  yield* campaign(ctx, 180, how === 'profile' ? 0.4 : 0.05, function* (n) {
    const isThere = random.chance(exists);
    // Careful servers say the same to both.
    const missing: Partial<Step> = isThere || !isTold ? {} : { wish: 'missing' };
    const more = { bodyBytes: bodyBytes(), ...missing, ...(random.chance(faults) ? { wish: 'invalid' as const } : {}) };
    if (how === 'login') yield* ask(ctx, { ...tryLogin(ctx, random.int(0, 1e6), false), bodyBytes: bodyBytes() });
    else if (how === 'signup')
      yield* ask(ctx, post(ctx, 'signup', { ...more, ...(isThere ? { wish: 'conflict' } : { wish: 'invalid' }) }));
    else if (how === 'profile') yield* ask(ctx, step(ctx, 'GET', `${names}/${word(nth + n)}`, { wish: 'found', ...missing }));
    else if (how === 'query')
      yield* ask(ctx, step(ctx, 'GET', api.at('reset'), { query: `email=${word(nth + n)}%40mail.example`, ...missing }));
    else yield* ask(ctx, post(ctx, 'reset', more));
  });
}

/** Any of these at the pace of a person, with a person's detours and a wait after each no. */
export function* lowAndSlow(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, true);
  const onApi = api.isSite ? 0 : 1;
  const doing = random.weighted({ login: 3, ids: 3 * onApi, probe: 2, code: onApi, pay: onApi, admin: onApi });
  if (doing !== 'login' && doing !== 'probe') yield* enter(ctx);
  const outcome = drawOutcomes(ctx, { declined: 3, forbidden: 2, invalid: 1 });
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const cover = random.pick([0, 0.1, 0.4]);
  for (let i = 0, count = random.logInt(3, 90); i < count; i++) {
    if (doing === 'login') yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(0.02)));
    else if (doing === 'ids') yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i)}`));
    else if (doing === 'probe') yield* ask(ctx, step(ctx, 'GET', random.pick(PROBES)));
    else if (doing === 'admin') yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('admin'))));
    else yield* ask(ctx, post(ctx, doing === 'pay' ? 'payment' : 'coupon', { bodyBytes: random.int(20, 300), ...outcome() }));
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
