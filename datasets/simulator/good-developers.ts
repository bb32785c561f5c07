/** Good clients of those who build with the API: test-suites, calls by hand, agents that learn it as they go. */
import {
  ask,
  browse,
  type Context,
  type Course,
  call,
  enter,
  givesUp,
  issuePartnerKey,
  itemStep,
  listStep,
  lookAlike,
  type Part,
  pickResource,
  post,
  type Step,
  signIn,
  size,
  step,
  tryLogin,
  write,
} from './actor.ts';
import { guessId, idOf, type Resource } from './api.ts';
import { drawMix, drawUsed, foreignNumber, missingItem, oldPath, otpStep, ownNumber, usualStep } from './good-habits.ts';
import type { Credential } from './server.ts';

/** What a suite works with: accounts and objects of its own. */
interface Suite {
  readonly accounts: readonly number[];
  readonly resource: Resource;
  readonly other: Resource;
  /** Of the account that it logs in with, or a key. */
  token: Credential | null;
}

type Case = (ctx: Context, suite: Suite) => Course;

function one(make: (ctx: Context, suite: Suite) => Step): Case {
  return function* (ctx, suite) {
    yield* call(ctx, make(ctx, suite));
  };
}

const GOOD_CASES: readonly Case[] = [
  function* (ctx, suite) {
    suite.token = (yield* call(ctx, tryLogin(ctx, suite.accounts[0]!, true))).credential ?? suite.token;
  },
  one((ctx) => step(ctx, 'GET', ctx.api.at('me'))),
  one((ctx, { resource }) => listStep(ctx, resource, 0)),
  one((ctx, { resource }) => listStep(ctx, resource, ctx.random.int(1, 3))),
  one((ctx, { resource }) => itemStep(ctx, resource, ownNumber(ctx, resource))),
  one((ctx, { other }) => listStep(ctx, other, 0)),
  one((ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.all('read')), { credential: null })),
  one((ctx) => step(ctx, 'GET', ctx.api.at('search'), { query: `q=${lookAlike(ctx.random)}` })),
  one((ctx) => post(ctx, 'payment')),
  one((ctx) => post(ctx, 'upload', { bodyBytes: 2048 })),
  one((ctx, { accounts }) => otpStep(ctx, accounts[0]!, true)),
  one((ctx) => post(ctx, 'signup', { bodyBytes: 90 })),
  lifeCycle,
  lifeCycle,
];

/** What must be refused: each is written down with the status that it has to have. */
const NEGATIVE_CASES: readonly Case[] = [
  one((ctx, { accounts }) => tryLogin(ctx, ctx.random.pick(accounts), false)),
  function* (ctx, { accounts }) {
    for (let tries = ctx.random.int(1, 2); tries > 0; tries--) yield* call(ctx, tryLogin(ctx, accounts.at(-1)!, false));
    yield* call(ctx, tryLogin(ctx, accounts.at(-1)!, true));
  },
  one((ctx, { resource }) => missingItem(ctx, resource)),
  one((ctx, { resource }) =>
    step(ctx, 'GET', `${resource.path}/${ctx.random.pick(['0', 'nope', '-1', '999999999', 'undefined'])}`),
  ),
  one((ctx) => step(ctx, 'GET', ctx.api.at('me'), { credential: null })),
  one((ctx, { resource }) => listStep(ctx, resource, 0, { credential: null })),
  one((ctx, { resource }) =>
    listStep(ctx, resource, 0, { credential: { ...ctx.issueKey(ctx.account, 'bearer'), isValid: false } }),
  ),
  one((ctx) => step(ctx, 'GET', ctx.api.at('me'), { credential: { ...ctx.issueKey(ctx.account, 'bearer'), expiresAt: 0 } })),
  one((ctx, { resource }) => itemStep(ctx, resource, foreignNumber(ctx, resource))),
  one((ctx, { resource }) => ({ ...itemStep(ctx, resource, foreignNumber(ctx, resource)), method: 'DELETE', wish: 403 })),
  one((ctx, { resource }) => write(ctx, 'POST', resource.path, { wish: 'invalid', bodyBytes: 2 })),
  one((ctx, { resource }) => write(ctx, 'POST', resource.path, { wish: ctx.random.pick([400, 422, 415, 413, 409]) })),
  one((ctx, { resource }) =>
    write(ctx, 'PUT', `${resource.path}/${idOf(resource, ownNumber(ctx, resource))}`, { wish: 'invalid' }),
  ),
  one((ctx) => step(ctx, ctx.random.pick(['DELETE', 'POST', 'PUT']), ctx.random.pick(ctx.api.all('read')))),
  one((ctx, { other }) => step(ctx, ctx.random.pick(['PATCH', 'DELETE']), other.path, { wish: 405 })),
  one((ctx) => post(ctx, 'payment', { wish: 'declined' })),
  one((ctx) => post(ctx, 'coupon', { wish: 'declined' })),
  one((ctx) => post(ctx, 'signup', { wish: ctx.random.pick(['conflict', 'invalid'] as const), bodyBytes: 60 })),
  one((ctx, { accounts }) => otpStep(ctx, accounts[0]!, false)),
  one((ctx) => step(ctx, 'GET', ctx.api.at('admin'), { wish: 403 })),
  one((ctx) => step(ctx, 'GET', `${ctx.api.base}/no-such-route`)),
  one((ctx) => post(ctx, 'refresh', { credential: null, bodyBytes: 40 })),
  atOnce,
];

/** Whether the limit is there. */
function* atOnce(ctx: Context, { resource }: Suite): Course {
  for (let left = ctx.random.logInt(5, 80); left > 0; left--)
    yield* call(ctx, listStep(ctx, resource, 0, { alongside: true, waitMs: ctx.random.log(1, 20) }));
}

/** Makes an object, looks at it, changes it, deletes it, and looks whether it is gone. */
function* lifeCycle(ctx: Context, { resource }: Suite): Course {
  const { random } = ctx;
  const path = `${resource.path}/${idOf(resource, ownNumber(ctx, resource))}`;
  yield* call(ctx, write(ctx, 'POST', resource.path));
  if (random.chance(0.8)) yield* call(ctx, step(ctx, 'GET', path));
  if (random.chance(0.6)) yield* call(ctx, write(ctx, random.pick(['PUT', 'PATCH']), path));
  yield* call(ctx, step(ctx, 'DELETE', path));
  if (random.chance(0.6)) yield* call(ctx, step(ctx, 'GET', path, { wish: 'missing' }));
  if (random.chance(0.2)) yield* call(ctx, step(ctx, 'DELETE', path, { wish: 'missing' }));
}

/** A test-suite with accounts of its own, run after run: what must work, what must be refused, and tidying up after. */
export function* apiTest(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.4)) issuePartnerKey(ctx, ctx.account);
  const accounts = [ctx.account, ...Array.from({ length: random.int(0, 3) }, () => random.int(0, 1e6))];
  const suite: Suite = { accounts, resource: pickResource(ctx, true), other: pickResource(ctx), token: ctx.credential };
  const good = random.shuffle([...GOOD_CASES, ...GOOD_CASES]).slice(0, random.logInt(1, 20));
  const negative = random.shuffle(NEGATIVE_CASES).slice(0, random.logInt(1, NEGATIVE_CASES.length));
  const cases = random.chance(0.5) ? [...good, ...negative] : random.shuffle([...good, ...negative]);
  const isShuffled = random.chance(0.2);
  // A run for each change, or one after the other.
  const pauseMs = random.pick([0, 0, random.log(2000, 3_600_000)]);
  const logsIn = suite.token === null || random.chance(0.3);
  for (let runs = size(ctx, 1, 15); runs > 0; runs--) {
    if (pauseMs > 0)
      yield* call(ctx, step(ctx, 'GET', random.pick(api.all('read')), { waitMs: pauseMs * random.real(0.3, 1.7) }));
    if (logsIn) yield* GOOD_CASES[0]!(ctx, suite);
    ctx.credential = suite.token ?? ctx.credential;
    for (const testCase of isShuffled ? random.shuffle(cases) : cases) yield* testCase(ctx, suite);
  }
}

/** By hand, from a terminal or a tool for it: a few calls, wrong at first, right in the end more often than not. */
export function* byHand(ctx: Context): Course {
  const { random, api } = ctx;
  const wanted = drawUsed(ctx, 2);
  const mix = drawMix(ctx);
  if (random.chance(0.3))
    yield* call(ctx, step(ctx, 'GET', random.pick(['/', '/docs', '/openapi.json', '/swagger', api.base || '/api'])));
  if (random.chance(0.5)) yield* call(ctx, usualStep(ctx, wanted, mix));
  if (random.chance(0.4)) {
    for (let wrong = random.int(0, 2); wrong > 0; wrong--) yield* signIn(ctx, false);
    yield* signIn(ctx, random.chance(0.9));
  } else if (random.chance(0.7)) yield* enter(ctx);
  const clumsy = random.real(0, 0.6);
  for (let left = size(ctx, 1, 25); left > 0; left--) {
    const next = usualStep(ctx, wanted, mix);
    if (random.chance(clumsy)) yield* call(ctx, mistaken(ctx, next));
    yield* call(ctx, random.chance(0.85) ? next : { ...next, waitMs: random.log(60_000, 3_600_000) });
  }
}

/** What goes wrong when a call is typed: the path, the method, the body, or the key that is forgotten. */
function mistaken({ random, api }: Context, next: Step): Step {
  const cut = random.int(1, Math.max(1, next.path.length - 1));
  return random.pick<() => Step>([
    () => ({ ...next, path: `${next.path}${random.pick(['/', 's', 'x', '%20', '/list'])}` }),
    () => ({ ...next, path: next.path.slice(0, cut) + next.path.slice(cut + 1) || '/' }),
    () => ({ ...next, path: next.path.slice(api.base.length) || '/' }),
    () => ({ ...next, credential: null }),
    () => ({ ...next, wish: random.pick([400, 405, 415, 422, 406]) }),
    () => ({ ...next, method: 'POST', wish: 'invalid', bodyBytes: random.int(2, 300) }),
  ])();
}

/** A text browser, a screen reader's, an old phone: pages without what they show, a link that is wrong, a password too. */
export function* textBrowser(ctx: Context): Course {
  const { random, api } = ctx;
  const wrongLinks = random.pick([0, 0.05, 0.2, 0.4]);
  const seen = new Map<string, number>();
  let referer: string | null = null;
  for (let left = size(ctx, 1, 30); left > 0 && !givesUp(ctx); left--) {
    const page = random.pick(api.pages);
    const isWrong = random.chance(wrongLinks);
    const path = isWrong ? `${page}${random.pick(['/', 'l', '.htm', '%20', '/index.html'])}` : page;
    const seenAt = seen.get(path);
    yield* call(
      ctx,
      step(ctx, random.chance(0.03) ? 'HEAD' : 'GET', path, { referer, ...(seenAt === undefined ? {} : { seenAt }) }),
    );
    seen.set(path, ctx.now);
    referer = random.chance(0.8) ? `http://${api.host}${page}` : null;
    if (random.chance(0.06)) yield* ask(ctx, post(ctx, random.pick(['form', 'search'])));
    if (!random.chance(0.05)) continue;
    for (let wrong = random.int(0, 2); wrong > 0; wrong--) yield* signIn(ctx, false);
    yield* signIn(ctx, random.chance(0.8));
  }
}

interface Agent {
  readonly guesses: number;
  readonly faulty: number;
  readonly searches: number;
  readonly writes: number;
}

/** A language model's tool calls: it searches, reads what it found, guesses routes and ids, mends a body that was refused. */
export function* agentTools(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.2))
    yield* call(ctx, step(ctx, 'GET', random.pick(['/openapi.json', '/docs', `${api.base}/schema`]), { credential: null }));
  if (random.chance(0.15)) yield* call(ctx, listStep(ctx, pickResource(ctx, true), 0));
  yield* enter(ctx);
  const agent: Agent = {
    guesses: random.pick([0.05, 0.12, 0.3, 0.6]),
    faulty: random.real(0.05, 0.7),
    searches: random.real(0, 0.8),
    writes: random.pick([0, 0.2, 0.2, 0.6]),
  };
  for (let turns = size(ctx, 1, random.chance(0.2) ? 120 : 30); turns > 0 && !givesUp(ctx); turns--) {
    const resource = pickResource(ctx);
    if (random.chance(agent.searches))
      yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `q=${lookAlike(random)}&limit=5` }));
    if (random.chance(agent.guesses)) yield* guessRoutes(ctx, resource);
    else yield* browse(ctx, resource, 0, random.int(0, 3));
    if (random.chance(agent.writes)) yield* mendBody(ctx, resource, agent.faulty);
  }
}

/** One guess after the other until one fits or it thinks of something else. */
function* guessRoutes(ctx: Context, resource: Resource): Part<void> {
  const { random, api } = ctx;
  for (let tries = random.logInt(1, 8); tries > 0; tries--) {
    const path = random.pick([
      () =>
        `${api.base}/${random.pick(['schema', 'openapi.json', 'help', 'list', 'customers/all', 'users', 'status', 'reports'])}`,
      () => `${resource.path}/${random.pick(['search', 'list', 'latest', 'all', 'me', 'summary', 'count'])}`,
      () => `${resource.path}/${guessId(random, resource)}`,
      () => oldPath(ctx),
    ])();
    const { status } = yield* ask(ctx, step(ctx, 'GET', path, random.chance(0.3) ? { query: `q=${lookAlike(random)}` } : {}));
    if (status < 400) return;
  }
  yield* ask(ctx, listStep(ctx, resource, 0));
}

function* mendBody(ctx: Context, resource: Resource, faulty: number): Part<void> {
  const { random } = ctx;
  const wanted = write(ctx, random.pick(['POST', 'POST', 'PATCH']), resource.path);
  for (let tries = random.int(1, 5); tries > 0 && random.chance(faulty); tries--) {
    const wish = random.chance(0.7) ? 'invalid' : random.pick([400, 422]);
    yield* ask(ctx, { ...wanted, wish, bodyBytes: random.logInt(30, 3000), waitMs: ctx.pace() });
  }
  yield* ask(ctx, { ...wanted, waitMs: ctx.pace() });
}
