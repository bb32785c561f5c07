/**
 * What a kind is written with: an actor is a generator of steps that is told each answer, so that what it does after a
 * "no" follows from the "no". The helpers here are habits that good and bad clients share.
 */
import { type Api, type Does, idOf, isGap, type Resource } from './api.ts';
import { drawQuantile, type FittedKind, okShareOf } from './fitted.ts';
import type { Random } from './random.ts';
import { ALL, type Answer, type Credential, type Login, numbersOf, type Page } from './server.ts';
import type { Disguise } from './software.ts';
import type { StackName } from './stacks.ts';
import type { Wish } from './wish.ts';

/** One call that an actor means to make. */
export interface Step {
  /** After the answer before it, ms; with `alongside`, after the call before it began. */
  readonly waitMs: number;
  readonly method: string;
  readonly path: string;
  readonly query?: string | null;
  /** Left out: the actor's own. Null: none. */
  readonly credential?: Credential | null;
  readonly login?: Login;
  readonly wish?: Wish;
  readonly seenAt?: number;
  readonly referer?: string | null;
  readonly accept?: string;
  readonly contentType?: string;
  /** Of the body. */
  readonly bodyBytes?: number;
  readonly alongside?: boolean;
  /** Sends an Origin header, as scripts in pages do. */
  readonly hasOrigin?: boolean;
}

/** How a client takes a "no"; drawn for each, with both labels in every corner. */
export interface Manners {
  /** Waits as long as a 429 says; where that doesn't say, longer each time. */
  readonly heeds: boolean;
  /** Comes back on the moment, as many libraries do; else some time after. */
  readonly isPunctual: boolean;
  readonly retries: number;
  readonly retryMs: number;
  /** Logs in again when its token is refused. */
  readonly renews: boolean;
  /** Failures in a row after which it stops. */
  readonly patience: number;
}

export interface Context {
  readonly random: Random;
  readonly api: Api;
  readonly manners: Manners;
  /** The account that it owns or speaks for. */
  readonly account: number;
  credential: Credential | null;
  failRun: number;
  /** The good kind that a bad actor is for the moment: a session is good until it is hijacked. */
  posesAs: string | null;
  /** Addresses (or ways of speaking) that it has. */
  readonly faces: number;
  /** Which of them it shows; null while they are gone through by themselves. */
  from: number | null;
  /** How long it has from its start, ms. */
  readonly lifeMs: number;
  /** What was measured of its kind, where this client follows that instead of the ranges. */
  readonly fitted: FittedKind | null;
  /** Event time of the last answer, ms. */
  now: number;
  /** How long it waits before its next call, ms, by its own pace. */
  pace: () => number;
  /** A key for this account (or ALL), had from before. */
  issueKey(owner: number, scheme?: Credential['scheme']): Credential;
}

export type Course = Generator<Step, void, Answer>;
/** A part of a course that comes to something. */
export type Part<T = Answer> = Generator<Step, T, Answer>;

/** One entry of a table of kinds. */
export interface Kind {
  /** How often it occurs beside the others of its label; 0 where it never does. */
  readonly onApi: number;
  readonly onSite: number;
  /** Programs to draw from. */
  readonly software: readonly StackName[];
  readonly disguises?: Readonly<Partial<Record<Disguise, number>>>;
  /** Mean pause between calls, ms: the range it is drawn from, evenly by orders of magnitude. */
  readonly paceMs: readonly [number, number];
  readonly run: (ctx: Context) => Course;
  /** Of OWASP's automated threats (OAT-…) and API risks (API…). */
  readonly threats?: readonly string[];
  /** Has so many addresses, from and to, and says itself which one a call comes from. */
  readonly addresses?: readonly [number, number];
  /** Speaks in so many ways from one address, from and to, as people in an office do. */
  readonly voices?: readonly [number, number];
  /** Good until it turns; some turn by a thief who calls from elsewhere. */
  readonly turns?: true;
}

/** An entry of a table of kinds, in the order of its fields. */
export function kindOf(
  onApi: number,
  onSite: number,
  software: readonly StackName[],
  disguises: NonNullable<Kind['disguises']>,
  paceMs: readonly [number, number],
  run: Kind['run'],
): Kind {
  return { onApi, onSite, software, disguises, paceMs, run };
}

/** An attack, by the threats that it is; else as kindOf. */
export function attackOf(threats: readonly string[], ...rest: Parameters<typeof kindOf>): Kind {
  return { ...kindOf(...rest), threats };
}

/**
 * A pace of one's own: steady, jittered, at random, in bursts, or by hand.
 * @param quicker how much time is compressed, from 1
 */
export function createPace(random: Random, [low, high]: readonly [number, number], quicker = 1): () => number {
  const mean = Math.max(0.4, random.log(low, high) / quicker);
  switch (random.weighted({ steady: 2, jittered: 3, random: 2, bursts: 2, hand: 3 })) {
    case 'steady':
      return () => mean * random.real(0.99, 1.01);
    case 'jittered':
      return () => mean * random.real(0.4, 1.6);
    case 'random':
      return () => -mean * Math.log(1 - random.real());
    case 'bursts':
      return () => (random.chance(0.85) ? mean * random.real(0.02, 0.3) : mean * random.real(2, 9));
    default:
      return () => random.around(mean * 0.7, 0.9);
  }
}

export function step(ctx: Context, method: string, path: string, more: Partial<Step> = {}): Step {
  return { waitMs: ctx.pace(), method, path, ...more };
}

/** A step whose answer is taken note of; every helper goes through it. */
export function* call(ctx: Context, next: Step): Part {
  const answer = yield next;
  ctx.now = answer.at + answer.durationMs;
  ctx.failRun = answer.status >= 400 ? ctx.failRun + 1 : 0;
  return answer;
}

/** Calls, and by its manners waits, tries again or logs in again. */
export function* ask(ctx: Context, next: Step): Part {
  const { manners, random } = ctx;
  let answer = yield* call(ctx, next);
  if (answer.status === 401 && manners.renews && (yield* renew(ctx)))
    answer = yield* call(ctx, { ...next, waitMs: random.log(1, 50) });
  // Who heeds a limit also comes back after the wait.
  const most = manners.heeds && answer.isLimited ? manners.retries + 3 : manners.retries;
  for (let tries = 0; tries < most && ctx.failRun < manners.patience; tries++) {
    const waitMs = retryAfter(manners, random, answer, tries);
    if (waitMs < 0) break;
    answer = yield* call(ctx, { ...next, waitMs });
  }
  return answer;
}

/** Ms until the next try, -1 for none. */
function retryAfter({ heeds, isPunctual, retryMs }: Manners, random: Random, answer: Answer, tries: number): number {
  const { status, retryAfterMs, isLimited } = answer;
  if (isLimited && !heeds) return retryMs * random.real(0.3, 1.5);
  if (retryAfterMs > 0) return retryAfterMs + (isPunctual ? random.real(0, 25) : random.real(0, retryMs));
  if (isLimited) return Math.max(1000, retryMs) * 2 ** Math.min(tries, 6) * (isPunctual ? 1 : random.real(0.5, 1.5));
  if (status >= 500 || status === 499) return retryMs * 2 ** Math.min(tries, 6) * random.real(0.5, 1.5);
  return -1;
}

/** Whether there is a new token. */
function* renew(ctx: Context): Part<boolean> {
  const { credential, random, api } = ctx;
  if (credential === null || !credential.isValid || credential.expiresAt === Number.POSITIVE_INFINITY) return false;
  if (random.chance(0.5)) return (yield* signIn(ctx, true, { waitMs: random.log(5, 300) })).credential !== null;
  const answer = yield* call(ctx, step(ctx, 'POST', api.at('refresh'), { waitMs: random.log(5, 300), bodyBytes: 300 }));
  ctx.credential = answer.credential ?? credential;
  return answer.credential !== null;
}

/** One try to log in; the token is kept where it is given. */
export function* signIn(ctx: Context, isRight: boolean, more: Partial<Step> = {}, account = ctx.account): Part {
  const login = { account, isRight };
  const form = { contentType: ctx.api.isSite ? 'application/x-www-form-urlencoded' : 'application/json' };
  const bodyBytes = ctx.random.int(38, 90);
  const answer = yield* call(
    ctx,
    step(ctx, 'POST', ctx.api.at('login'), { login, credential: null, bodyBytes, ...form, ...more }),
  );
  if (answer.credential) ctx.credential = answer.credential;
  return answer;
}

/** Comes in as the API wants it: with a key from before, or by logging in. */
export function* enter(ctx: Context, owner = ctx.account): Part<void> {
  const { rules } = ctx.api;
  if (ctx.credential || (rules.auth === 'open' && ctx.random.chance(0.7))) return;
  const hasKey = rules.auth === 'key' || (rules.auth !== 'token' && ctx.random.chance(0.6));
  if (hasKey || owner !== ctx.account) {
    ctx.credential = ctx.issueKey(owner, ctx.random.pick(['apiKey', 'apiKey', 'basic', 'bearer']));
    return;
  }
  // A token that was kept from yesterday needs no login, or turns out to have expired.
  const keptForMs = ctx.random.chance(0.3) ? 0 : ctx.random.log(1e4, 1e7);
  if (ctx.random.chance(0.4)) ctx.credential = { ...ctx.issueKey(owner, 'bearer'), expiresAt: ctx.now + keptForMs };
  else {
    const login = { account: ctx.account, isRight: true };
    const answer = yield* ask(ctx, step(ctx, 'POST', ctx.api.at('login'), { login, credential: null, bodyBytes: 60 }));
    if (answer.credential) ctx.credential = answer.credential;
  }
}

/** True where the client leaves it at that. */
export function givesUp(ctx: Context): boolean {
  return ctx.failRun >= ctx.manners.patience;
}

/** The query for the n-th page (from 0) of a list. */
export function pageQuery(ctx: Context, resource: Resource, n: number): string | null {
  const { paging } = ctx.api.rules;
  const from = n * resource.pageSize;
  switch (paging) {
    case 'page':
      return `page=${n + 1}&per_page=${resource.pageSize}`;
    case 'offset':
      return `offset=${from}&limit=${resource.pageSize}`;
    case 'cursor':
      return n === 0 ? `limit=${resource.pageSize}` : `cursor=c${from}&limit=${resource.pageSize}`;
    case 'none':
      return n === 0 ? null : `page=${n + 1}`;
  }
}

export function listStep(ctx: Context, resource: Resource, n = 0, more: Partial<Step> = {}): Step {
  return step(ctx, 'GET', resource.path, { query: pageQuery(ctx, resource, n), ...more });
}

export function itemStep(ctx: Context, resource: Resource, n: number, more: Partial<Step> = {}): Step {
  return step(ctx, 'GET', `${resource.path}/${idOf(resource, n)}`, more);
}

/** Reads a list and some of what it shows. Returns the page, null where there was none. */
export function* browse(ctx: Context, resource: Resource, pageNumber: number, items: number): Part<Page | null> {
  const answer = yield* ask(ctx, listStep(ctx, resource, pageNumber));
  if (!answer.page) return null;
  const shown = numbersOf(answer.page);
  const wanted = items >= shown.length ? shown : ctx.random.shuffle(shown).slice(0, items);
  for (const n of wanted) {
    if (givesUp(ctx)) break;
    yield* ask(ctx, itemStep(ctx, resource, n));
  }
  return answer.page;
}

/** A resource that this client has business with. */
export function pickResource(ctx: Context, isPrivate?: boolean): Resource {
  const { resources, privateOnes, publicOnes } = ctx.api;
  const some = isPrivate === undefined ? resources : isPrivate ? privateOnes : publicOnes;
  return ctx.random.pick(some.length > 0 ? some : resources);
}

export function write(ctx: Context, method: string, path: string, more: Partial<Step> = {}): Step {
  return step(ctx, method, path, { bodyBytes: ctx.random.logInt(30, 4000), contentType: 'application/json', ...more });
}

export function post(ctx: Context, does: Does, more: Partial<Step> = {}): Step {
  return write(ctx, 'POST', ctx.api.at(does), more);
}

/** Opens a page with what it shows, as browsers do; a page seen before comes from the cache in part. */
export function* openPage(ctx: Context, page: number, referer: string | null, seen: Map<string, number>): Part {
  const { api, random } = ctx;
  const path = api.pages[page % api.pages.length]!;
  const answer = yield* call(ctx, step(ctx, 'GET', path, { referer, ...seenBefore(seen, path) }));
  if (answer.status >= 400) return answer;
  seen.set(path, answer.at);
  const self = `https://${api.host}${path}`;
  for (const asset of api.assetsOf(page).slice(0, 30)) {
    if (seen.has(asset) && !random.chance(0.15)) continue;
    const took = yield* call(
      ctx,
      step(ctx, 'GET', asset, { referer: self, waitMs: random.log(1, 200), alongside: true, ...seenBefore(seen, asset) }),
    );
    seen.set(asset, took.at);
  }
  return answer;
}

function seenBefore(seen: Map<string, number>, path: string): Partial<Step> {
  const seenAt = seen.get(path);
  return seenAt === undefined ? {} : { seenAt };
}

/** Text that must be encoded in a query and looks like an attack to who reads only payloads. */
export function lookAlike(random: Random): string {
  const name = random.pick(['Name', 'Owner', 'Status', 'Amount', 'CreatedDate', 'Email']);
  return encodeURIComponent(
    random.pick([
      () => `SELECT Id, ${name} FROM Account WHERE ${name} = 'O\\'Brien' OR CreatedDate > 2025-01-0${random.int(1, 9)}`,
      () => `${name} eq 'select specialty' and Amount gt ${random.int(1, 900)}`,
      () => `filter[${name}]=union station <b>${random.int(1, 99)}</b>`,
      () => `{"where":{"${name.toLowerCase()}":{"$gt":${random.int(1, 999)}}},"limit":20}`,
      () => Buffer.from(random.hex(random.int(16, 90))).toString('base64'),
      () => `../docs/page-${random.int(1, 60)}`,
      () => `it's ${name} and 1=${random.int(1, 9)} | sort`,
      () => `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(random.hex(40)).toString('base64')}.${random.hex(20)}`,
    ])(),
  );
}

/** Mostly small, now and then large: 1 to `high`. */
export function size(ctx: Context, low: number, high: number): number {
  return ctx.random.logInt(low, high);
}

/** Calls that an attack makes: as measured, or mostly dozens to hundreds, now and then a few, rarely thousands. */
export function effort(ctx: Context, high: number): number {
  const { random, fitted } = ctx;
  if (fitted) return Math.max(1, Math.round(drawQuantile(random, fitted.calls)));
  return random.chance(0.1) ? random.logInt(2, 12) : random.chance(0.08) ? random.logInt(high, high * 6) : random.logInt(8, high);
}

/** Share of its tries that an attack comes through with: as measured, or one of the choices. */
export function hits(ctx: Context, choices: readonly number[]): number {
  return ctx.fitted ? okShareOf(ctx.fitted) : ctx.random.pick(choices);
}

/** Some give up where they meet a wall of refusals; tools go on to the end of their lists. */
export function isStopped(ctx: Context): boolean {
  return ctx.failRun >= 8 * ctx.manners.patience ** 1.5;
}

/** A few look around as people and apps do, before or in between. */
export function* pretend(ctx: Context, chance: number): Course {
  const { random, api } = ctx;
  if (!random.chance(chance)) return;
  if (api.isSite) yield* openPage(ctx, random.int(0, api.pages.length - 1), null, new Map());
  else yield* browse(ctx, pickResource(ctx), 0, random.int(0, 3));
}

export function tryLogin(ctx: Context, account: number, isRight: boolean): Step {
  const contentType = ctx.api.isSite ? 'application/x-www-form-urlencoded' : 'application/json';
  return step(ctx, 'POST', ctx.api.at('login'), {
    login: { account, isRight },
    credential: null,
    bodyBytes: ctx.random.int(38, 90),
    contentType,
  });
}

/** What a thief does with an account: a look at what it is worth. */
export function* plunder(ctx: Context, credential: Credential): Course {
  const { random, api } = ctx;
  yield* call(ctx, step(ctx, 'GET', api.at('me'), { credential }));
  for (let left = random.int(0, 3); left > 0; left--) yield* call(ctx, listStep(ctx, pickResource(ctx, true), 0, { credential }));
}

/** A key for everything, or for one account with luck; what a partner or a thief of its key holds. */
export function issuePartnerKey(ctx: Context, owner = ALL): void {
  ctx.credential = ctx.issueKey(owner, ctx.random.pick(['apiKey', 'apiKey', 'bearer', 'basic']));
}

/** The next object, from n on, that is still there; n where none is near. */
export function nextThere(resource: Resource, n: number, stride = 1): number {
  for (let i = 0, at = n; i < 50 && at >= 0 && at < resource.count; i++, at += stride) if (!isGap(resource, at)) return at;
  return n;
}

/** Numbers of its addresses, each 1 to `most` times, at random or in turn. */
export function planAddresses({ random, faces }: Context, most: number): number[] {
  const all = Array.from({ length: faces }, (_x, n) => n);
  const rounds = Array.from({ length: most }, (_x, round) => (round === 0 ? all : all.filter(() => random.chance(0.6))));
  return random.chance(0.7) ? random.shuffle(rounds.flat()) : rounds.flat();
}

/** Goes through a plan evenly over minutes to hours, as far as its life lasts; sets the pace. */
export function* spread(ctx: Context, plan: readonly number[]): Generator<number, void> {
  const { random } = ctx;
  const lastsMs = random.log(Math.min(60_000, ctx.lifeMs / 4), Math.min(6 * 3600_000, ctx.lifeMs * 0.9));
  const meanMs = lastsMs / Math.max(1, plan.length);
  const isEven = random.chance(0.3);
  for (const from of plan) {
    // The first call after a change of address waits; what follows from the same address comes at once.
    let isFirst = true;
    ctx.pace = () => {
      const waitMs = isFirst ? meanMs * (isEven ? random.real(0.9, 1.1) : -Math.log(1 - random.real())) : random.log(20, 2000);
      isFirst = false;
      return waitMs;
    };
    yield from;
  }
}
