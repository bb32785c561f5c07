/** Good clients that act for many people: sign-in, codes by message, help desks, new staff, a company's way out. */
import {
  ask,
  type Context,
  type Course,
  createPace,
  givesUp,
  issuePartnerKey,
  itemStep,
  listStep,
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
import { idOf, type Resource } from './api.ts';
import { apiTest, byHand } from './good-developers.ts';
import { drawUsed, interleave, missingItem, otpStep, ownNumber } from './good-habits.ts';
import { cronExport, iotTelemetry, microservice, partnerSync } from './good-partners.ts';
import { appUser, browserApp, mobileApp, searchUser } from './good-people.ts';
import { pointOfSale } from './good-shops.ts';
import { outdatedClient, revokedKey, staleSync, webhookSender } from './good-stubborn.ts';
import { ALL, type Credential } from './server.ts';

interface Desk {
  /** Of those who log in: who mistypes, who never gets it right, who is asked for a code. */
  readonly mistypes: number;
  readonly leaves: number;
  readonly codes: number;
  readonly reads: number;
  readonly refreshes: number;
  readonly resets: number;
  readonly used: readonly Resource[];
  /** Accounts. */
  readonly people: readonly number[];
  /** Some gateways show a credential of their own when they log people in. */
  readonly own: Partial<Step>;
}

/** Logs in very many different people from one address or a few, each of whom then reads with a token of their own. */
export function* signInGateway(ctx: Context): Course {
  const { random } = ctx;
  const desk: Desk = {
    mistypes: random.real(0.03, 0.25),
    leaves: random.real(0, 0.3),
    codes: random.pick([0, 0, 0.2, 1]),
    reads: random.pick([0, 1, 3, 8]),
    refreshes: random.pick([0, 0.1, 0.5]),
    resets: random.pick([0, 0.1, 0.3]),
    used: drawUsed(ctx, 3, true),
    // The same people come back, all day.
    people: Array.from({ length: random.logInt(4, 2000) }, () => random.int(0, 1e6)),
    own: random.chance(0.3) ? { credential: ctx.issueKey(ALL, random.pick(['basic', 'apiKey'])) } : {},
  };
  yield* interleave(ctx, size(ctx, 5, random.chance(0.2) ? 600 : 150), random.logInt(1, 30), () => personAt(ctx, desk));
}

function* personAt(ctx: Context, desk: Desk): Course {
  const { random } = ctx;
  const account = random.pick(desk.people);
  const mistypes = random.chance(desk.mistypes);
  for (let wrong = mistypes ? random.int(1, 3) : 0; wrong > 0; wrong--)
    yield* ask(ctx, { ...tryLogin(ctx, account, false), ...desk.own });
  if (mistypes && random.chance(desk.leaves)) {
    if (random.chance(desk.resets)) yield* ask(ctx, post(ctx, 'reset', { bodyBytes: random.int(30, 60) }));
    return;
  }
  const answer = yield* ask(ctx, { ...tryLogin(ctx, account, true), ...desk.own });
  if (random.chance(desk.codes)) yield* enterCode(ctx, account, 0.08);
  if (answer.credential) yield* readsAsPerson(ctx, desk, answer.credential);
}

function* enterCode(ctx: Context, account: number, wrong: number): Part<void> {
  const { random } = ctx;
  for (let tries = random.int(1, 2); tries > 0 && random.chance(wrong); tries--) yield* ask(ctx, otpStep(ctx, account, false));
  yield* ask(ctx, otpStep(ctx, account, true));
}

function* readsAsPerson(ctx: Context, { used, reads, refreshes }: Desk, credential: Credential): Part<void> {
  const { random, api } = ctx;
  if (random.chance(0.7)) yield* ask(ctx, step(ctx, 'GET', api.at('me'), { credential }));
  for (let left = random.int(0, reads); left > 0; left--)
    yield* ask(ctx, listStep(ctx, random.pick(used), random.chance(0.8) ? 0 : 1, { credential }));
  if (random.chance(refreshes)) yield* ask(ctx, post(ctx, 'refresh', { credential, bodyBytes: 200 }));
}

/** Sends codes by message for many people as they come; most come back with the right one. */
export function* phoneVerification(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.7)) issuePartnerKey(ctx);
  const numbers = {
    faulty: random.pick([0, 0.01, 0.08]),
    again: random.real(0, 0.3),
    forgotten: random.real(0.02, 0.3),
    wrong: random.real(0.02, 0.2),
    asks: random.pick([0, 0, 0.5]),
  };
  yield* interleave(ctx, size(ctx, 3, 200), random.logInt(1, 12), () => numberOf(ctx, numbers));
}

function* numberOf(ctx: Context, numbers: Readonly<Record<'faulty' | 'again' | 'forgotten' | 'wrong' | 'asks', number>>): Course {
  const { random, api } = ctx;
  const account = random.int(0, 1e6);
  const bodyBytes = random.int(24, 90);
  if (random.chance(numbers.faulty)) yield* ask(ctx, post(ctx, 'otpSend', { bodyBytes, wish: 'invalid' }));
  yield* ask(ctx, post(ctx, 'otpSend', { bodyBytes }));
  if (random.chance(numbers.again)) yield* ask(ctx, post(ctx, 'otpSend', { bodyBytes }));
  if (random.chance(numbers.forgotten)) return;
  if (random.chance(numbers.asks)) yield* ask(ctx, step(ctx, 'GET', api.at('otpSend'), { query: `id=${random.hex(12)}` }));
  yield* enterCode(ctx, account, numbers.wrong);
}

/** A help desk: whose turn it is decides what is looked up, in no order; now and then something is put right. */
export function* supportAgent(ctx: Context): Course {
  const { random, api } = ctx;
  const isBrowser = random.chance(0.6);
  const page = isBrowser ? { referer: `https://desk.${api.host}/`, hasOrigin: random.chance(0.7) } : {};
  if (random.chance(0.6)) {
    for (let wrong = random.chance(0.15) ? random.int(1, 2) : 0; wrong > 0; wrong--) yield* signIn(ctx, false, page);
    yield* signIn(ctx, true, page);
  }
  ctx.credential = ctx.issueKey(ALL, isBrowser ? 'bearer' : random.pick(['bearer', 'apiKey', 'basic']));
  const habits = {
    searches: random.real(0, 1),
    mistyped: random.real(0, 0.2),
    forbidden: random.pick([0, 0, 0.02, 0.1]),
    edits: random.real(0, 0.4),
    resets: random.pick([0, 0.03, 0.15]),
    views: random.int(1, 6),
  };
  const used = drawUsed(ctx, 4, true);
  for (let customers = size(ctx, 3, 120); customers > 0 && !givesUp(ctx); customers--)
    yield* helpCustomer(ctx, used, habits, page);
}

type DeskHabits = Readonly<Record<'searches' | 'mistyped' | 'forbidden' | 'edits' | 'resets' | 'views', number>>;

function* helpCustomer(ctx: Context, used: readonly Resource[], habits: DeskHabits, page: Partial<Step>): Part<void> {
  const { random, api } = ctx;
  const text = random.pick([
    `user${random.int(1, 9999)}%40example.com`,
    `%2B49${random.int(1e6, 9e6)}`,
    'o%27brien',
    `A-${random.int(1, 9e5)}`,
  ]);
  if (random.chance(habits.searches)) yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `q=${text}`, ...page }));
  if (random.chance(habits.mistyped)) yield* ask(ctx, missingItem(ctx, random.pick(used), page));
  for (let views = random.int(1, habits.views); views > 0; views--) {
    const resource = random.pick(used);
    const found = itemStep(ctx, resource, ownNumber(ctx, resource), page);
    yield* ask(ctx, { ...found, ...(random.chance(habits.forbidden) ? { wish: 403 } : {}) });
    if (resource.child && random.chance(0.3)) yield* ask(ctx, { ...found, path: `${found.path}/${resource.child}` });
    if (!random.chance(habits.edits)) continue;
    const mistake = random.chance(0.08) ? ({ wish: 'invalid' } as const) : {};
    yield* ask(ctx, write(ctx, random.pick(['PATCH', 'PUT']), found.path, { ...page, ...mistake }));
  }
  if (random.chance(habits.resets)) yield* ask(ctx, post(ctx, 'reset', { bodyBytes: random.int(30, 60), ...page }));
}

interface Onboarding {
  readonly path: string;
  readonly bodyBytes: number;
  readonly there: number;
  readonly faulty: number;
  readonly mends: number;
  readonly asksFirst: number;
  readonly readsBack: number;
  readonly invites: 'reset' | 'otpSend' | 'form' | null;
}

/** Makes accounts for a whole company or class at once, with a key: some are there already, some rows are faulty. */
export function* bulkOnboarding(ctx: Context): Course {
  const { random, api } = ctx;
  issuePartnerKey(ctx);
  const people = pickResource(ctx, true);
  const plan: Onboarding = {
    path: random.pick([api.at('signup'), api.at('signup'), people.path, `${api.scim}/Users`]),
    bodyBytes: random.logInt(80, 2000),
    there: random.pick([0, 0.02, 0.1, 0.5]),
    faulty: random.pick([0, 0.02, 0.08, 0.25]),
    mends: random.real(0, 1),
    asksFirst: random.pick([0, 0, 0, 1]),
    readsBack: random.pick([0, 0.1, 1]),
    invites: random.pick([null, 'reset', 'otpSend', 'form'] as const),
  };
  const batch = random.logInt(5, 200);
  for (let n = 0, count = size(ctx, 5, random.chance(0.2) ? 800 : 200); n < count && !givesUp(ctx); n++) {
    if (n % batch === batch - 1) yield* ask(ctx, listStep(ctx, people, 0, { waitMs: random.log(500, 60_000) }));
    yield* addPerson(ctx, plan, people);
  }
}

function* addPerson(ctx: Context, plan: Onboarding, people: Resource): Part<void> {
  const { random, api } = ctx;
  const wanted = write(ctx, 'POST', plan.path, { bodyBytes: plan.bodyBytes + random.int(-20, 20) });
  const query = `email=user${random.int(1, 1e5)}%40example.com`;
  if (random.chance(plan.asksFirst)) yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query }));
  if (random.chance(plan.faulty)) {
    yield* ask(ctx, { ...wanted, wish: 'invalid' });
    if (!random.chance(plan.mends)) return;
  }
  const { status } = yield* ask(ctx, random.chance(plan.there) ? { ...wanted, wish: 'conflict' } : wanted);
  if (status >= 400) {
    if (random.chance(0.3)) yield* ask(ctx, write(ctx, 'PATCH', `${people.path}/${idOf(people, ownNumber(ctx, people))}`));
    return;
  }
  if (random.chance(plan.readsBack)) yield* ask(ctx, itemStep(ctx, people, ownNumber(ctx, people)));
  if (plan.invites) yield* ask(ctx, post(ctx, plan.invites, { bodyBytes: random.int(30, 90) }));
}

const TENANTS = [
  partnerSync,
  microservice,
  cronExport,
  iotTelemetry,
  mobileApp,
  browserApp,
  appUser,
  searchUser,
  outdatedClient,
  revokedKey,
  staleSync,
  webhookSender,
  signInGateway,
  supportAgent,
  pointOfSale,
  apiTest,
  byHand,
];

/** A company's only way out: different good programs behind one address, each with its key, its pace and its troubles. */
export function* companyGateway(ctx: Context): Course {
  const { random } = ctx;
  const tenants = Array.from({ length: ctx.faces }, (_x, from) => ({ from, course: tenantOf(ctx, from) }));
  const pending = tenants.map(({ course, from }) => ({ course, from, next: course.next() })).filter(({ next }) => !next.done);
  while (pending.length > 0) {
    const n = random.int(0, pending.length - 1);
    const tenant = pending[n]!;
    ctx.from = tenant.from;
    tenant.next = tenant.course.next(yield tenant.next.value as Step);
    if (tenant.next.done) pending.splice(n, 1);
  }
}

/** Its steps carry its own credential: the client as a whole has none. */
function* tenantOf(ctx: Context, from: number): Course {
  const { random, faces } = ctx;
  const pace = createPace(random, [30, 20_000]);
  const own: Context = { ...ctx, account: random.int(0, 1e6), credential: null, faces: 1, from, pace: () => pace() / faces };
  const course = random.pick(TENANTS)(own);
  let next = course.next();
  while (!next.done) {
    const { credential, waitMs, ...wanted } = next.value;
    const shown = credential === undefined ? own.credential : credential;
    const answer = yield { ...wanted, credential: shown, waitMs: waitMs / faces };
    next = course.next(answer);
  }
}
