/** Attacks by way of accounts: opened by the dozen, taken over and emptied, or used to send messages that cost. */
import {
  ask,
  type Context,
  type Course,
  enter,
  isStopped,
  listStep,
  type Part,
  pickResource,
  post,
  pretend,
  step,
} from './actor.ts';
import type { Does } from './api.ts';
import { anyShare, campaign, drawBodySize, drawOutcomes, enterAs, rests, tries, warmUp } from './bad-habits.ts';

/** Opens accounts; what comes after each differs: a code, a login, a profile, a claim of what newcomers are given. */
export function* accountCreation(ctx: Context): Course {
  const { random, api } = ctx;
  const looks = random.pick([0, 0, 0.3, 1]);
  const outcome = drawOutcomes(ctx, { conflict: 3, invalid: 3, limited: 2, forbidden: 1 });
  const bodyBytes = drawBodySize(random, 60, 500);
  const after = random.shuffle(['code', 'login', 'profile', 'claim', 'look'] as const).slice(0, random.pick([0, 0, 1, 2, 3]));
  yield* campaign(ctx, 90, 0, function* () {
    if (random.chance(looks)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    const result = outcome();
    yield* ask(ctx, post(ctx, 'signup', { credential: null, bodyBytes: bodyBytes(), ...result }));
    if (!result.wish) for (const what of after) yield* useNewcomer(ctx, what);
  });
}

function* useNewcomer(ctx: Context, what: 'code' | 'login' | 'profile' | 'claim' | 'look'): Course {
  const { random, api } = ctx;
  const account = random.int(0, 1e6);
  if (what === 'code') yield* ask(ctx, post(ctx, 'otpVerify', { login: { account, isRight: true }, bodyBytes: 40 }));
  else if (what === 'login') yield* enterAs(ctx, account, true);
  else if (what === 'profile') yield* ask(ctx, step(ctx, 'PATCH', api.at('me'), { bodyBytes: random.int(40, 200) }));
  else if (what === 'claim') yield* ask(ctx, post(ctx, 'coupon', { bodyBytes: random.int(20, 40) }));
  else yield* ask(ctx, listStep(ctx, pickResource(ctx, false), 0));
}

/** Has codes sent to numbers that earn by it: with new accounts, with one account, or with none. */
export function* smsPumping(ctx: Context): Course {
  const { random, api } = ctx;
  const signsUp = random.chance(0.3);
  const looks = random.pick([0, 0, 0.3, 1]);
  const does: readonly Does[] = random.pick([['otpSend'], ['otpSend'], ['reset'], ['otpSend', 'reset']]);
  const outcome = drawOutcomes(ctx, { invalid: 3, limited: 3, forbidden: 1, conflict: 0.5 });
  const bodyBytes = drawBodySize(random, 20, 120);
  const verifies = random.pick([0, 0, 0.1, 1]);
  yield* campaign(ctx, 120, 0.3, function* () {
    if (random.chance(looks)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    if (signsUp) yield* ask(ctx, post(ctx, 'signup', { bodyBytes: random.int(60, 200) }));
    yield* ask(ctx, post(ctx, random.pick(does), { bodyBytes: bodyBytes(), ...outcome() }));
    if (random.chance(verifies))
      yield* ask(ctx, post(ctx, 'otpVerify', { login: { account: random.int(0, 1e6), isRight: false }, bodyBytes: 40 }));
  });
}

/** How the accounts or cards to be emptied are held. */
type Hold = 'logins' | 'tokens' | 'one' | 'cards';

/** One way to turn what an account holds into money, drawn for each thief. */
interface Cashing {
  readonly method: string;
  readonly path: string;
  readonly bodyBytes: () => number;
}

/** Empties accounts that are known to work: many or one, by login or with ready tokens, or stolen cards without either. */
export function* cashingOut(ctx: Context): Course {
  const { random } = ctx;
  const hold = random.weighted<Hold>({ logins: 4, tokens: 3, one: 3, cards: 2 });
  const works = anyShare(random);
  const ways = drawCashings(ctx);
  const perAccount = hold === 'one' ? 1 : random.logInt(1, 12);
  const outcome = drawOutcomes(ctx, { declined: 6, invalid: 1, forbidden: 2, limited: 1.5, conflict: 0.7 });
  const before = drawPreparations(ctx);
  rests(ctx);
  if (random.chance(0.3)) yield* warmUp(ctx);
  if (hold === 'one') yield* enter(ctx);
  if (hold === 'one' || hold === 'cards') yield* before();
  const cover = random.pick([0, 0, 0, 0.05, 0.3]);
  for (let left = tries(ctx, 90); left > 0 && !isStopped(ctx); left--) {
    if (hold === 'logins' && !(yield* openAccount(ctx, works))) continue;
    if (hold === 'tokens') yield* enterAs(ctx, random.int(0, 1e6), false);
    if (hold === 'logins' || hold === 'tokens') yield* before();
    for (let i = random.int(1, perAccount); i > 0 && !isStopped(ctx); i--) yield* cash(ctx, random.pick(ways), outcome);
    yield* pretend(ctx, cover);
  }
}

function* openAccount(ctx: Context, works: number): Part<boolean> {
  const { random, api } = ctx;
  // Lists of stolen logins are stale in part, though who cashes out has mostly tried them before.
  if (random.chance(Math.max(0.2, works))) return yield* enterAs(ctx, random.int(0, 1e6), true);
  const login = { account: random.int(0, 1e6), isRight: false };
  yield* ask(ctx, post(ctx, 'login', { login, credential: null, bodyBytes: random.int(38, 90) }));
  return api.isSite;
}

function drawCashings(ctx: Context): Cashing[] {
  const { random, api } = ctx;
  const orders = pickResource(ctx).path;
  const small = random.chance(0.4);
  const size = () => (small ? drawBodySize(random, 50, 90) : drawBodySize(random, 60, 900));
  const choices: readonly (readonly [string, string])[] = [
    ['POST', api.at('payout')],
    ['POST', api.at('payment')],
    ['POST', api.at('giftcard')],
    ['POST', orders],
    ['POST', api.all('payout').at(-1)!],
    ['PUT', api.at('payout')],
  ];
  const count = random.pick([1, 1, 1, 2, 3]);
  return random
    .shuffle(choices)
    .slice(0, count)
    .map(([method, path]) => ({ method, path, bodyBytes: size() }));
}

function* cash(ctx: Context, { method, path, bodyBytes }: Cashing, outcome: ReturnType<typeof drawOutcomes>): Course {
  const contentType = 'application/json';
  yield* ask(ctx, step(ctx, method, path, { bodyBytes: bodyBytes(), contentType, ...outcome() }));
}

/** What a thief does before the money moves: looks what there is, changes where the goods or the notices go, or nothing. */
function drawPreparations(ctx: Context): () => Course {
  const { random, api } = ctx;
  const me = api.at('me');
  const all = [
    () => step(ctx, 'GET', me),
    () => step(ctx, 'GET', me),
    () => listStep(ctx, pickResource(ctx, true), 0),
    () => step(ctx, 'PATCH', me, { bodyBytes: random.int(30, 160) }),
    () => step(ctx, 'POST', `${me}/password`, { bodyBytes: random.int(40, 90), wish: 'found' }),
    () => step(ctx, 'PUT', `${me}/address`, { bodyBytes: random.int(80, 260), wish: 'found' }),
    () => post(ctx, 'cart', { bodyBytes: random.int(30, 80) }),
    () => step(ctx, 'GET', api.at('giftcard')),
  ];
  const taken = random.shuffle(all).slice(0, random.pick([0, 0, 1, 1, 2, 4]));
  return function* () {
    for (const next of taken) yield* ask(ctx, next());
  };
}
