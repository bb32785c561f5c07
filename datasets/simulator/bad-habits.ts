/**
 * What attacks share whatever they are after: how they come in, how long they go on, what lies between two tries and how
 * many of them succeed. All of it is drawn for each client, so that no attack is known by a length, a share or an order.
 */
import {
  ask,
  browse,
  type Context,
  type Course,
  effort,
  enter,
  hits,
  isStopped,
  type Part,
  pickResource,
  pretend,
  type Step,
  step,
} from './actor.ts';
import type { Random } from './random.ts';
import type { Wish } from './wish.ts';

/** From none to all, the ends as likely as the middle: an API may let everything through, or nothing. */
export function anyShare(random: Random): number {
  const rest = random.log(0.003, 0.3);
  return random.pick([0, 1, rest, rest, 1 - rest, random.real(), random.real(), random.real()]);
}

/** How many times it tries: a handful, as programs with care do; dozens; now and then thousands. */
export function tries(ctx: Context, high: number): number {
  const { random, fitted } = ctx;
  if (fitted) return effort(ctx, high);
  const size = random.weighted({ few: 2.5, some: 5, many: 1 });
  if (size === 'few') return random.logInt(1, 16);
  return size === 'some' ? random.logInt(8, high) : random.logInt(high, Math.max(high, Math.min(3000, high * 10)));
}

/** Some rest for minutes every so often, others grow quicker or slower as they go; what was measured is left as it is. */
export function rests(ctx: Context): void {
  const { random, lifeMs, fitted } = ctx;
  if (fitted) return;
  if (random.chance(0.2)) drift(ctx);
  const { pace } = ctx;
  if (!random.chance(0.3)) return;
  const often = 1 / random.log(4, 120);
  const longMs = random.log(1000, Math.max(2000, Math.min(900_000, lifeMs / 8)));
  ctx.pace = () => pace() + (random.chance(often) ? longMs * random.real(0.6, 1.4) : 0);
}

/** From a careful beginning to full speed, or slower the longer it lasts, within a factor of thirty. */
function drift(ctx: Context): void {
  const { random, pace } = ctx;
  const end = random.log(1 / 30, 30);
  const calls = random.logInt(5, 300);
  let made = 0;
  ctx.pace = () => pace() * end ** Math.min(1, made++ / calls);
}

/** A look around before the work starts, as long as some people's whole visit. */
export function* warmUp(ctx: Context): Course {
  const { random, api } = ctx;
  if (!random.chance(0.25)) return;
  for (let left = random.logInt(1, 12); left > 0; left--) {
    const looks = api.isSite ? 'page' : random.weighted({ page: 2, own: 2, list: 4 });
    if (looks === 'list') yield* browse(ctx, pickResource(ctx), random.int(0, 3), random.int(0, 3));
    else if (looks === 'own') yield* ask(ctx, step(ctx, 'GET', random.pick([api.at('me'), api.at('search')])));
    else yield* ask(ctx, step(ctx, 'GET', random.pick(api.isSite ? api.pages : api.all('read'))));
  }
}

/** Comes in as somebody else: by a login, or with a credential that was bought ready. */
export function* enterAs(ctx: Context, account: number, byLogin: boolean): Part<boolean> {
  const { random, api } = ctx;
  if (!byLogin) {
    ctx.credential = ctx.issueKey(account, random.chance(0.8) ? 'bearer' : 'apiKey');
    return true;
  }
  const login = { account, isRight: true };
  const bodyBytes = random.int(38, 90);
  const answer = yield* ask(ctx, step(ctx, 'POST', api.at('login'), { login, credential: null, bodyBytes }));
  ctx.credential = answer.credential ?? ctx.credential;
  return answer.credential !== null;
}

/** Runs tries: in through a session or not, another account every so often, decoys and rests in between. */
export function* campaign(ctx: Context, high: number, enters: number, attempt: (n: number) => Part<unknown>): Course {
  const { random, api } = ctx;
  rests(ctx);
  if (random.chance(0.5)) yield* warmUp(ctx);
  const hasSession = !api.isSite && random.chance(enters);
  if (hasSession) yield* enter(ctx);
  const swaps = hasSession && random.chance(0.2) ? random.logInt(1, 40) : 0;
  const byLogin = random.chance(0.6);
  const cover = random.pick([0, 0, 0, 0.02, 0.1, 0.4]);
  for (let n = 0, count = tries(ctx, high); n < count && !isStopped(ctx); n++) {
    if (swaps > 0 && n > 0 && n % swaps === 0) yield* enterAs(ctx, random.int(0, 1e6), byLogin);
    yield* attempt(n);
    yield* pretend(ctx, cover);
  }
}

/** What each try comes to: a share succeeds, the rest fails in one way or in several, by the weights given at most. */
export function drawOutcomes(ctx: Context, ways: Readonly<Partial<Record<Wish, number>>>, success?: number): () => Partial<Step> {
  const { random } = ctx;
  const succeeds = ctx.fitted ? hits(ctx, [0]) : (success ?? anyShare(random));
  const names = Object.keys(ways) as Wish[];
  const main = random.weighted(ways as Record<Wish, number>);
  const isMixed = random.chance(0.6);
  const shares = Object.fromEntries(names.map((name) => [name, name === main ? 1 : isMixed ? random.log(0.01, 0.8) : 0]));
  return () => (random.chance(succeeds) ? {} : { wish: random.weighted(shares) as Wish });
}

/** Bodies of one size, of nearly one size, or of many, as the text or the form behind them is. */
export function drawBodySize(random: Random, low: number, high: number): () => number {
  const middle = random.logInt(low, high);
  const spread = random.pick([0, 0, 2, 12, 0.3 * middle]);
  if (random.chance(0.2)) return () => random.logInt(low, high);
  return () => Math.max(2, Math.round(middle + spread * random.real(-1, 1)));
}

/** Codes and numbers: a space gone through in order, with leaps, or at random; of one length. */
export function drawCodes(random: Random): () => string {
  const order = random.weighted({ up: 3, leaps: 1, random: 4, prefixed: 2 });
  const digits = random.int(4, 16);
  const prefix = random.pick(['', 'SAVE', 'VIP', 'GC-', 'SUMMER', 'WELCOME']);
  const leap = order === 'leaps' ? random.int(2, 500) : 1;
  let next = random.int(0, 1e9);
  if (order === 'random') return () => random.hex(digits).toUpperCase();
  if (order === 'prefixed') return () => `${prefix}${random.int(0, 10 ** Math.min(4, digits))}`;
  return () => {
    next += leap;
    return `${prefix}${String(next).padStart(digits, '0')}`;
  };
}
