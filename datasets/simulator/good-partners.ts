/** Good clients that are machines of partners: syncs, exports, jobs, devices. */
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
  nextThere,
  type Part,
  pickResource,
  post,
  signIn,
  size,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { missingItem } from './good-habits.ts';
import { ALL, type Credential, numbersOf } from './server.ts';

export function* partnerSync(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx, random.chance(0.7) ? ALL : ctx.account);
  const writesTo = pickResource(ctx);
  for (let resources = random.int(1, 3); resources > 0 && !givesUp(ctx); resources--) {
    const resource = pickResource(ctx);
    const pages = size(ctx, 1, 25);
    const since = random.chance(0.4) ? `&updated_since=2026-01-${String(random.int(1, 28)).padStart(2, '0')}` : '';
    for (let n = 0; n < pages && !givesUp(ctx); n++) {
      const answer = yield* ask(ctx, listStep(ctx, resource, n, since ? { query: `page=${n + 1}${since}` } : {}));
      if (!answer.page) continue;
      const shown = numbersOf(answer.page);
      for (const found of random.chance(0.6) ? shown.slice(0, random.int(0, 20)) : []) {
        if (givesUp(ctx)) break;
        yield* ask(ctx, itemStep(ctx, resource, found));
        if (random.chance(0.3))
          yield* ask(
            ctx,
            random.chance(0.7)
              ? write(ctx, 'PUT', `${writesTo.path}/${idOf(writesTo, found % writesTo.count)}`)
              : write(ctx, 'POST', writesTo.path),
          );
      }
      if (answer.page.isLast) break;
    }
  }
  if (random.chance(0.2)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
}

export function* crmBulkSync(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx, ALL);
  // What the two hold differs, in most cases a little.
  const refused = random.pick([0.03, 0.03, 0.1, 0.4, 0.7]);
  for (let queries = size(ctx, 1, 20); queries > 0 && !givesUp(ctx); queries--) {
    const answer = yield* ask(ctx, step(ctx, 'GET', api.at('query'), { query: `q=${lookAlike(random)}` }));
    if (answer.status >= 400) continue;
    for (let more = random.logInt(1, 12); more > 1; more--)
      yield* ask(ctx, step(ctx, 'GET', api.at('query'), { query: `next=c${more * 200}` }));
    const resource = pickResource(ctx);
    for (let writes = random.int(0, 12); writes > 0; writes--)
      yield* ask(
        ctx,
        write(
          ctx,
          random.pick(['POST', 'PATCH']),
          random.chance(0.5) ? resource.path : `${resource.path}/${idOf(resource, random.int(0, resource.count - 1))}`,
          random.chance(refused) ? { wish: random.pick(['invalid', 'conflict', 'missing'] as const) } : {},
        ),
      );
  }
}

/** A month read in sequence, at full speed, with a key; where it began is known from its own books or from a list. */
export function* backfill(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx, ALL);
  const resource = pickResource(ctx, random.chance(0.8));
  const count = size(ctx, 20, random.chance(0.15) ? 2500 : 400);
  const first = random.int(0, Math.max(0, resource.count - count));
  if (random.chance(0.5)) yield* ask(ctx, listStep(ctx, resource, 0));
  const stride = random.pick([1, 1, 1, 1, -1, 2]);
  const withChild = resource.child !== null && random.chance(0.25);
  for (let i = 0; i < count && !givesUp(ctx); i++) {
    const n = stride > 0 ? first + i * stride : first + count - 1 - i;
    if (n >= resource.count) break;
    const answer = yield* ask(ctx, itemStep(ctx, resource, n));
    if (withChild && answer.status < 300)
      yield* ask(ctx, itemStep(ctx, resource, n, { path: `${resource.path}/${idOf(resource, n)}/${resource.child}` }));
  }
}

export function* ciJob(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx, random.chance(0.5) ? ALL : ctx.account);
  for (let builds = random.int(1, 3); builds > 0; builds--) {
    yield* ask(ctx, post(ctx, 'jobs'));
    const id = random.int(1000, 90_000);
    for (let polls = random.logInt(1, 40); polls > 0; polls--)
      yield* ask(ctx, step(ctx, 'GET', api.at('jobs'), { query: `id=${id}` }));
    for (let files = random.int(0, 12); files > 0; files--)
      yield* ask(
        ctx,
        post(ctx, 'upload', {
          method: random.pick(['POST', 'PUT']),
          bodyBytes: random.logInt(1000, 5e6),
          contentType: 'application/octet-stream',
        }),
      );
    if (random.chance(0.5)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('export'))));
    if (random.chance(0.3)) yield* buildCache(ctx);
  }
}

/** What was built before is looked for by its hash; most of a new branch is not there and is put. */
function* buildCache(ctx: Context): Part<void> {
  const { random, api } = ctx;
  const misses = random.real(0.05, 1);
  const puts = random.pick([0, 0.5, 1]);
  const method = random.pick(['GET', 'HEAD']);
  for (let left = random.logInt(1, 150); left > 0 && !givesUp(ctx); left--) {
    const path = `${api.base}/cache/${random.hex(40)}`;
    const isMiss = random.chance(misses);
    yield* call(ctx, step(ctx, method, path, isMiss ? {} : { wish: 'file' }));
    if (isMiss && random.chance(puts))
      yield* call(ctx, write(ctx, 'PUT', path, { bodyBytes: random.logInt(1000, 5e6), wish: random.pick([200, 201, 204]) }));
  }
}

export function* iotTelemetry(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx);
  const bodyBytes = random.logInt(30, 2000);
  const path = random.chance(0.5) ? api.at('telemetry') : pickResource(ctx).path;
  for (let left = size(ctx, 3, 250); left > 0; left--) {
    yield* ask(
      ctx,
      write(ctx, random.chance(0.9) ? 'POST' : 'PUT', path, {
        bodyBytes: bodyBytes + random.int(-9, 9),
        contentType: 'application/json',
      }),
    );
    if (random.chance(0.05)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('read'))));
  }
}

export function* scimProvisioning(ctx: Context): Course {
  const { random, api } = ctx;
  ctx.credential = ctx.issueKey(ALL, 'bearer');
  for (let left = size(ctx, 2, 90); left > 0 && !givesUp(ctx); left--) {
    const users = `${api.scim}/${random.chance(0.8) ? 'Users' : 'Groups'}`;
    const filter = `filter=${encodeURIComponent(`userName eq "user${random.int(1, 9999)}@example.com"`)}`;
    yield* ask(ctx, step(ctx, 'GET', users, { query: filter }));
    if (random.chance(0.4)) yield* ask(ctx, write(ctx, 'POST', users, random.chance(0.1) ? { wish: 'conflict' } : {}));
    if (random.chance(0.5))
      yield* ask(
        ctx,
        write(
          ctx,
          random.pick(['PATCH', 'PUT', 'GET', 'DELETE']),
          `${users}/${random.uuid()}`,
          random.chance(0.06) ? { wish: 'missing' } : {},
        ),
      );
  }
}

/** At the full hour with everyone else. */
export function* cronExport(ctx: Context): Course {
  const { random, api } = ctx;
  const periodMs = random.pick([60_000, 300_000, 900_000, 3600_000]);
  for (let runs = random.int(1, 6); runs > 0; runs--) {
    const toFull = periodMs - (ctx.now % periodMs);
    const first = { waitMs: toFull + random.log(1, 4000) };
    yield* enter(ctx, ALL);
    if (random.chance(0.5))
      yield* ask(
        ctx,
        step(ctx, 'GET', random.pick(api.all('export')), { query: `date=2026-01-${random.int(10, 28)}`, ...first }),
      );
    else yield* ask(ctx, listStep(ctx, pickResource(ctx), 0, first));
    const resource = pickResource(ctx);
    for (let pages = random.logInt(1, 30), n = 0; n < pages && !givesUp(ctx); n++)
      yield* browse(ctx, resource, n, random.chance(0.3) ? random.int(1, 8) : 0);
  }
}

export function* jobPoller(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx);
  // Many APIs say of what is not ready that it isn't there.
  const unready = random.pick([null, null, null, 404, 404, 409, 425, 202] as const);
  for (let jobs = size(ctx, 1, 6); jobs > 0 && !givesUp(ctx); jobs--) {
    yield* ask(ctx, post(ctx, 'jobs'));
    const query = `id=${random.int(1, 1e6)}`;
    for (let polls = random.logInt(2, 60); polls > 0; polls--) {
      const told = unready === null || polls === 1 ? {} : { wish: unready };
      yield* call(ctx, step(ctx, 'GET', api.at('jobs'), { query, ...told }));
    }
  }
}

/** Reads the whole catalogue by agreement: with a key, conditional, page by page. */
export function* cataloguePartner(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx, random.chance(0.7) ? ALL : ctx.account);
  const resource = pickResource(ctx, false);
  const items = random.chance(0.5) ? 0 : random.int(1, 100);
  const lastRun = random.chance(0.6) ? ctx.now - random.log(6e4, 1e8) : undefined;
  for (let n = 0, pages = size(ctx, 2, 120), left = size(ctx, 20, 900); n < pages && left > 0 && !givesUp(ctx); n++) {
    const answer = yield* ask(ctx, listStep(ctx, resource, n, lastRun === undefined ? {} : { seenAt: lastRun }));
    left--;
    if (!answer.page) continue;
    for (const found of numbersOf(answer.page).slice(0, items)) {
      if (--left <= 0) break;
      yield* ask(ctx, itemStep(ctx, resource, found, lastRun === undefined ? {} : { seenAt: lastRun }));
    }
    if (answer.page.isLast) break;
  }
}

/** Fetches what changed by ids from its own database, in order, and never asks for a list: it knows what is there. */
export function* ownBooksExport(ctx: Context): Course {
  const { random } = ctx;
  issuePartnerKey(ctx);
  const resource = pickResource(ctx, random.chance(0.8));
  const gone = random.pick([0, 0, 0.005, 0.02]);
  const stride = random.pick([1, 1, 1, 2, 7, -1]);
  const updates = random.pick([0, 0, 0.1, 0.5]);
  const lastRun = random.chance(0.3) ? { seenAt: ctx.now - random.log(6e4, 1e8) } : {};
  let n = random.int(0, resource.count - 1);
  for (let left = size(ctx, 5, random.chance(0.1) ? 2000 : 300); left > 0 && !givesUp(ctx); left--) {
    n = nextThere(
      resource,
      (n + stride * (random.chance(0.7) ? 1 : random.int(2, 40)) + resource.count) % resource.count,
      stride,
    );
    const at = random.chance(gone) ? resource.count + random.int(0, 5000) : n;
    yield* ask(ctx, itemStep(ctx, resource, at, lastRun));
    if (random.chance(updates)) yield* ask(ctx, write(ctx, 'PATCH', `${resource.path}/${idOf(resource, n)}`));
  }
}

/** Serves other people's requests: objects as they come, some again and again, some mistyped, on kept connections. */
export function* microservice(ctx: Context): Course {
  const { random, api } = ctx;
  issuePartnerKey(ctx);
  const used = Array.from({ length: random.int(1, 4) }, () => pickResource(ctx));
  const hot = new Map(used.map((resource) => [resource, random.int(0, resource.count - 1)]));
  const mistyped = random.pick([0, 0, 0, 0.02, 0.1, 0.4]);
  for (let left = size(ctx, 5, 400); left > 0 && !givesUp(ctx); left--) {
    const resource = random.pick(used);
    if (random.chance(mistyped)) yield* ask(ctx, missingItem(ctx, resource));
    const isHot = random.chance(0.3);
    const n = nextThere(resource, isHot ? hot.get(resource)! : random.int(0, resource.count - 1));
    yield* ask(ctx, itemStep(ctx, resource, n));
    if (random.chance(0.1))
      yield* ask(
        ctx,
        write(ctx, random.pick(['POST', 'PATCH']), isHot ? `${resource.path}/${idOf(resource, n)}` : resource.path),
      );
    if (random.chance(0.02)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('read'))));
  }
}

/** A partner's job that runs wherever its cloud has room: one key, many addresses. */
export function* serverlessSync(ctx: Context): Course {
  const { random } = ctx;
  issuePartnerKey(ctx);
  const resource = pickResource(ctx);
  for (let n = 0, pages = size(ctx, 2, 30); n < pages && !givesUp(ctx); n++) {
    ctx.from = random.int(0, ctx.faces - 1);
    const page = yield* browse(ctx, resource, n, random.int(0, 12));
    if (page?.isLast) break;
  }
}

/** Reads many people's accounts, each with a token that its owner granted, and may have taken back since: no logins. */
export function* consentedAggregator(ctx: Context): Course {
  const { random, api } = ctx;
  const wanted = Array.from({ length: random.int(1, 3) }, () => pickResource(ctx, true));
  const takenBack = random.pick([0, 0, 0.05, 0.2, 0.6]);
  for (let people = size(ctx, 3, 80); people > 0 && !givesUp(ctx); people--) {
    const isGood = !random.chance(takenBack);
    ctx.credential = { ...ctx.issueKey(random.int(0, 1e6), 'bearer'), isValid: isGood };
    if (random.chance(0.3)) {
      const renewed = yield* call(ctx, step(ctx, 'POST', api.at('refresh'), { bodyBytes: 300 }));
      ctx.credential = renewed.credential ?? ctx.credential;
    }
    const { status } = yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    if (!isGood && status >= 400 && random.chance(0.7)) continue;
    for (const resource of wanted) yield* ask(ctx, listStep(ctx, resource, 0));
  }
}

/** Puts many users' pages together, each from several calls at once with that user's token. */
export function* dashboardBackend(ctx: Context): Course {
  const { random, api } = ctx;
  const users = Array.from({ length: random.int(2, 12) }, () => random.int(0, 1e6));
  const tokens = new Map<number, Credential>();
  const parts = Array.from({ length: random.int(2, 5) }, () => pickResource(ctx));
  for (let views = size(ctx, 3, 60); views > 0 && !givesUp(ctx); views--) {
    const user = random.pick(users);
    ctx.credential = tokens.get(user) ?? null;
    if (!ctx.credential) yield* signIn(ctx, true, {}, user);
    for (const resource of parts) yield* ask(ctx, listStep(ctx, resource, 0, { alongside: true, waitMs: random.log(1, 40) }));
    if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    if (ctx.credential) tokens.set(user, ctx.credential);
  }
}

/** Looks after a few objects of a catalogue, round after round; some with conditions. */
export function* priceMonitor(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) issuePartnerKey(ctx);
  const catalogue = pickResource(ctx, false);
  const watched = Array.from({ length: random.logInt(2, 40) }, () => nextThere(catalogue, random.int(0, catalogue.count - 1)));
  const remembers = random.chance(0.5);
  let lastRound: number | null = null;
  for (let rounds = size(ctx, 2, 30); rounds > 0 && !givesUp(ctx); rounds--) {
    const startsAt = ctx.now;
    for (const n of watched)
      yield* ask(ctx, itemStep(ctx, catalogue, n, remembers && lastRound !== null ? { seenAt: lastRound } : {}));
    lastRound = startsAt;
  }
}
