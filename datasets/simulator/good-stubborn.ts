/** Good clients that go on in spite of refusals: what they want moved, is gone, or no longer theirs, and nobody told them. */
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
  type Part,
  pickResource,
  post,
  type Step,
  signIn,
  size,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { drawMix, drawUsed, missingItem, oldBase, oldPath, ownNumber, usualStep } from './good-habits.ts';
import { ALL, type Credential } from './server.ts';
import type { Wish } from './wish.ts';

/** How a route that is no more answers; the plain 404 needs no saying. */
const GONE: readonly (Wish | undefined)[] = [undefined, undefined, undefined, 404, 410, 410, 301, 308, 302, 400, 405, 501, 403];

interface OldRoute {
  readonly path: string;
  readonly method: string;
  readonly wish: Wish | undefined;
  /** Asks for objects below it. */
  readonly hasIds: boolean;
}

function drawOldRoute(ctx: Context): OldRoute {
  const { random } = ctx;
  const method = random.pick(['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD']);
  return { path: oldPath(ctx), method, wish: random.pick(GONE), hasIds: random.chance(0.25) };
}

function oldStep(ctx: Context, { path, method, wish, hasIds }: OldRoute): Step {
  const { random } = ctx;
  const told = wish === undefined ? {} : { wish };
  const body =
    method === 'POST' || method === 'PUT' ? { bodyBytes: random.logInt(20, 1500), contentType: 'application/json' } : {};
  return step(ctx, method, hasIds ? `${path}/${random.int(1, 9e5)}` : path, { ...body, ...told });
}

/** An old app: a few routes that are no more, again and again, beside those that still work; some bodies of an old form. */
export function* outdatedClient(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx, random.chance(0.4) ? ALL : ctx.account);
  const old = Array.from({ length: random.logInt(1, 8) }, () => drawOldRoute(ctx));
  const used = drawUsed(ctx, 4);
  const mix = drawMix(ctx);
  const share = random.real(0.1, 0.97);
  const oldBodies = random.chance(0.3) ? random.real(0.2, 1) : 0;
  const inTurn = random.chance(0.5);
  const follows = random.chance(0.3);
  const count = size(ctx, 3, random.chance(0.15) ? 1500 : 200);
  for (let i = 0; i < count; i++) {
    if (random.chance(share)) {
      const { status } = yield* ask(ctx, oldStep(ctx, inTurn ? old[i % old.length]! : random.pick(old)));
      if (follows && status >= 301 && status <= 308) yield* ask(ctx, usualStep(ctx, used, mix));
    } else if (random.chance(oldBodies)) yield* ask(ctx, write(ctx, 'POST', random.pick(used).path, { wish: 'invalid' }));
    else yield* ask(ctx, usualStep(ctx, used, mix));
  }
}

/** Its ordinary walk below a base that moved, or that was set wrong when it was deployed; some are mended in the end. */
export function* movedApi(ctx: Context): Course {
  const { random, api } = ctx;
  const base = oldBase(ctx);
  const wish = random.pick([undefined, undefined, undefined, 404, 404, 410, 301, 308, 403, 400] as const);
  const told = wish === undefined ? {} : { wish };
  issuePartnerKey(ctx, random.chance(0.6) ? ALL : ctx.account);
  if (random.chance(0.25)) ctx.credential = null;
  const used = drawUsed(ctx, 5);
  const mix = drawMix(ctx);
  const follows = wish === 301 || wish === 308 ? random.pick([0, 0, 0.5, 1]) : 0;
  const sameAgain = random.pick([0, 0, 0.5, 0.95]);
  // Some moved in part.
  const moved = random.pick([1, 1, 1, random.real(0.2, 1)]);
  const count = size(ctx, 3, random.chance(0.2) ? 1200 : 200);
  let wanted = usualStep(ctx, used, mix);
  for (let left = count; left > 0; left--) {
    if (!random.chance(sameAgain)) wanted = usualStep(ctx, used, mix);
    const path = `${base}${wanted.path.startsWith(api.base) ? wanted.path.slice(api.base.length) : wanted.path}`;
    if (random.chance(moved)) yield* ask(ctx, { ...wanted, ...told, path, waitMs: ctx.pace() });
    else yield* ask(ctx, { ...wanted, waitMs: ctx.pace() });
    if (random.chance(follows)) yield* ask(ctx, { ...wanted, waitMs: random.log(1, 60) });
  }
  if (random.chance(0.3)) for (let left = size(ctx, 2, 60); left > 0; left--) yield* ask(ctx, usualStep(ctx, used, mix));
}

/** The pause after a refusal: as before, or longer each time up to some most. */
function drawBackoff({ random, pace }: Context): (refusals: number) => number {
  if (random.chance(0.5)) return pace;
  const factor = random.real(1.2, 2.5);
  const mostMs = random.log(2000, 1_800_000);
  return (refusals) => Math.min(mostMs, pace() * factor ** Math.min(refusals, 30));
}

/** A key that was good until somebody revoked it, or that was never put right after a change; its service does not notice. */
export function* revokedKey(ctx: Context): Course {
  const { random } = ctx;
  issuePartnerKey(ctx, random.chance(0.6) ? ALL : ctx.account);
  const good: Credential = ctx.credential!;
  const used = drawUsed(ctx, 4, true);
  const mix = { ...drawMix(ctx), read: 0, search: random.chance(0.3) ? 0.5 : 0 };
  const always = random.chance(0.45) ? usualStep(ctx, used, mix) : null;
  const next = () => (always ? { ...always, waitMs: ctx.pace() } : usualStep(ctx, used, mix));
  const told = random.chance(0.3) ? ({ wish: random.pick([403, 403, 401]) } as const) : {};
  if (random.chance(0.6)) for (let left = size(ctx, 1, 200); left > 0; left--) yield* ask(ctx, next());
  ctx.credential = { ...good, isValid: false };
  const backoff = drawBackoff(ctx);
  const renewal = random.pick([0, 0, 0, 0.1, 1]);
  for (let n = 0, count = size(ctx, 3, random.chance(0.2) ? 1500 : 250); n < count; n++) {
    yield* ask(ctx, { ...next(), ...told, waitMs: backoff(n) });
    if (random.chance(renewal)) yield* call(ctx, post(ctx, 'refresh', { bodyBytes: 200, waitMs: random.log(5, 500) }));
  }
  if (!random.chance(0.2)) return;
  ctx.credential = { ...good, subject: random.hex(16) };
  for (let left = size(ctx, 2, 60); left > 0; left--) yield* ask(ctx, next());
}

/** Books that are out of date: part of the ids, or nearly all, are gone. */
export function* staleSync(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx, random.chance(0.8) ? ALL : ctx.account);
  const resource = pickResource(ctx);
  const gone = random.real(0.08, random.chance(0.4) ? 0.95 : 0.6);
  const shuffled = random.chance(0.4);
  const lists = random.pick([0, 0.05, 0.05, 0.2]);
  const writes = random.pick([0, 0.3, 0.3, 0.9]);
  const owners = ctx.credential && ctx.credential.owner !== ALL ? resource.owners : 1;
  let n = random.int(0, resource.count - 1);
  for (let left = size(ctx, 4, random.chance(0.2) ? 1000 : 250); left > 0; left--) {
    n = !shuffled && random.chance(0.6) ? n + owners * random.int(1, 3) : random.int(0, resource.count - 1);
    const wanted = random.chance(gone) ? missingItem(ctx, resource) : itemStep(ctx, resource, n % resource.count);
    const isWrite = random.chance(writes);
    const method = random.pick(['PUT', 'PUT', 'PATCH', 'DELETE']);
    yield* ask(ctx, isWrite ? { ...wanted, method, bodyBytes: random.logInt(40, 2000) } : wanted);
    if (random.chance(lists)) yield* ask(ctx, listStep(ctx, resource, random.pick([0, 0, 1, 4])));
  }
}

interface Hook {
  readonly path: string;
  /** What is not known as a target is there all the same while it works. */
  readonly told: Partial<Step>;
  /** Share of its deliveries that fail, and how. */
  readonly failing: number;
  readonly wish: Wish;
}

/** A target works, works mostly, or is gone, wrongly signed or broken for good. */
function drawHook(ctx: Context): Hook {
  const { random, api } = ctx;
  const made = [`/hooks/${random.hex(12)}`, `${api.base}/webhooks/${random.int(1, 9999)}`, `/callbacks/${random.uuid()}`];
  const isKnown = random.chance(0.55);
  const path = isKnown ? random.pick(api.all('hook')) : random.pick(made);
  const failing = random.weighted({ never: 5, some: 3, always: 2 });
  const share = failing === 'never' ? 0 : failing === 'some' ? random.real(0.02, 0.6) : 1;
  return {
    path,
    told: isKnown ? {} : { wish: 'found' },
    failing: share,
    wish: random.pick([401, 403, 404, 404, 410, 400, 422, 500, 503, 'invalid'] as const),
  };
}

/** Delivers events to one target or many; what fails is sent again, later each time, for hours where nobody mends it. */
export function* webhookSender(ctx: Context): Course {
  const { random } = ctx;
  const hooks = Array.from({ length: random.chance(0.6) ? 1 : random.logInt(2, 40) }, () => drawHook(ctx));
  const retries = random.pick([0, 0, 1, 3, 8, 16]);
  const firstMs = random.log(200, 60_000);
  const factor = random.real(1, 3);
  for (let left = size(ctx, 1, random.chance(0.2) ? 800 : 120); left > 0; left--) {
    const { path, told: works, failing, wish } = random.pick(hooks);
    const delivery = write(ctx, 'POST', path, { bodyBytes: random.logInt(200, 20_000) });
    for (let tries = 0, fails = random.chance(failing); tries <= retries; tries++) {
      const waitMs = tries === 0 ? delivery.waitMs : firstMs * factor ** Math.min(tries, 9);
      const told = fails ? { wish } : works;
      const { status } = yield* call(ctx, { ...delivery, ...told, waitMs });
      if (status < 400 || status === 410) break;
      fails = random.chance(Math.max(failing, 0.3));
    }
  }
}

/** A bad network: the same request again and again, many of them cut off, then all at once; or one that never comes right. */
export function* retryStorm(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  for (let rounds = size(ctx, 1, 14); rounds > 0; rounds--) {
    const resource = pickResource(ctx);
    const wanted = random.chance(0.3) ? write(ctx, 'POST', resource.path) : listStep(ctx, resource, 0);
    if (random.chance(0.15)) yield* stuck(ctx, wanted);
    else yield* cutOff(ctx, wanted);
    if (random.chance(0.5)) yield* browse(ctx, resource, 0, random.int(1, 6));
  }
}

function* cutOff(ctx: Context, wanted: Step): Part<void> {
  const { random } = ctx;
  const share = random.real(0.2, 0.9);
  for (let tries = random.logInt(2, 40); tries > 0; tries--) {
    const lost = random.chance(share);
    const told = lost ? ({ wish: 'abort' } as const) : {};
    const answer = yield* call(ctx, { ...wanted, waitMs: ctx.pace() * random.log(0.05, 1), ...told });
    if (answer.status === 401) yield* ask(ctx, listStep(ctx, pickResource(ctx), 0));
    if (!lost && answer.status < 400 && random.chance(0.8)) break;
  }
}

/** The same call and the same failure, hundreds of times, since nobody told the program when to stop. */
function* stuck(ctx: Context, wanted: Step): Part<void> {
  const { random } = ctx;
  const wish = random.pick([500, 502, 503, 504, 400, 401, 403, 404, 409, 422, 'abort'] as const);
  const comesThrough = random.pick([0, 0, 0.01, 0.1]);
  const hurry = random.log(0.02, 2);
  for (let tries = random.logInt(20, random.chance(0.2) ? 2000 : 400); tries > 0; tries--) {
    const isThrough = random.chance(comesThrough);
    yield* call(ctx, { ...wanted, ...(isThrough ? {} : { wish }), waitMs: ctx.pace() * hurry });
  }
}

/** A client whose token and its renewal do not fit together; in one of several ways. */
export function* tokenLoop(ctx: Context): Course {
  const { random, api } = ctx;
  yield* signIn(ctx, true);
  const resource = pickResource(ctx, true);
  const path = random.pick([api.at('me'), resource.path, `${resource.path}/${idOf(resource, ownNumber(ctx, resource))}`]);
  const how = random.weighted({ losesIt: 4, isDead: 2, hammersRefresh: 2, renewsAlways: 1, logsInAlways: 1, oldPassword: 1.5 });
  if (how === 'oldPassword') {
    yield* oldPassword(ctx);
    return;
  }
  if (how === 'isDead' || how === 'hammersRefresh') yield* deadToken(ctx, path, how === 'hammersRefresh');
  else if (how === 'losesIt') yield* losesToken(ctx, path);
  else
    for (let left = size(ctx, 3, 150); left > 0 && !givesUp(ctx); left--) {
      if (how === 'logsInAlways') yield* signIn(ctx, true);
      else yield* renewToken(ctx);
      for (let calls = random.int(1, 3); calls > 0; calls--)
        yield* call(ctx, step(ctx, 'GET', path, { waitMs: random.log(1, 400) }));
    }
}

/** A saved password that was changed elsewhere: tried again and again, until its owner types the new one in. */
function* oldPassword(ctx: Context): Part<void> {
  const { random } = ctx;
  const backoff = drawBackoff(ctx);
  const leastMs = random.log(300, 60_000);
  const bodyBytes = random.int(38, 90);
  for (let n = 0, count = size(ctx, 3, random.chance(0.2) ? 400 : 60); n < count; n++)
    yield* signIn(ctx, false, { waitMs: leastMs + backoff(n), bodyBytes });
  if (!random.chance(0.6)) return;
  yield* signIn(ctx, true, { waitMs: random.log(5000, 600_000) });
  yield* browse(ctx, pickResource(ctx), 0, random.int(0, 4));
}

function* renewToken(ctx: Context, more: Partial<Step> = {}): Part {
  const renewed = yield* call(ctx, post(ctx, 'refresh', { waitMs: ctx.random.log(5, 400), bodyBytes: 200, ...more }));
  if (renewed.credential) ctx.credential = renewed.credential;
  return renewed;
}

/** Refused, renewed, served, refused. */
function* losesToken(ctx: Context, path: string): Part<void> {
  const { random } = ctx;
  for (let left = size(ctx, 3, 70); left > 0; left--) {
    const stale = { ...(ctx.credential ?? ctx.issueKey(ctx.account, 'bearer')), expiresAt: 0 };
    const answer = yield* call(ctx, step(ctx, 'GET', path, random.chance(0.8) ? { credential: stale } : {}));
    if (answer.status !== 401 && answer.status !== 403) continue;
    if (random.chance(0.5)) yield* signIn(ctx, true, { waitMs: random.log(5, 400) });
    else yield* renewToken(ctx);
    yield* call(ctx, step(ctx, 'GET', path, { waitMs: random.log(5, 400) }));
  }
}

/** Neither token nor renewal is good any more, and the client asks on, until its owner logs in at last. */
function* deadToken(ctx: Context, path: string, renewsOnly: boolean): Part<void> {
  const { random } = ctx;
  ctx.credential = { ...(ctx.credential ?? ctx.issueKey(ctx.account, 'bearer')), isValid: false };
  const told = random.chance(0.5) ? ({ wish: random.pick([400, 401, 403]) } as const) : {};
  const renews = renewsOnly ? 1 : random.pick([0, 0, 0.3, 1]);
  const backoff = drawBackoff(ctx);
  for (let n = 0, count = size(ctx, 3, random.chance(0.2) ? 1000 : 150); n < count; n++) {
    const waitMs = backoff(n);
    if (!renewsOnly) yield* call(ctx, step(ctx, 'GET', path, { waitMs }));
    if (random.chance(renews)) yield* renewToken(ctx, { ...told, ...(renewsOnly ? { waitMs } : {}) });
  }
  if (random.chance(0.3)) yield* signIn(ctx, true);
}
