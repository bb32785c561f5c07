/** Attacks on data: objects of others, whole catalogues. */
import {
  ask,
  type Context,
  type Course,
  effort,
  enter,
  isStopped,
  issuePartnerKey,
  itemStep,
  listStep,
  nextThere,
  pickResource,
  planAddresses,
  pretend,
  spread,
  step,
  tryLogin,
} from './actor.ts';
import { guessId, idOf, type Resource, word } from './api.ts';
import { ALL, type Answer, type Credential, numbersOf } from './server.ts';

type Order = (i: number) => string;

/** How ids are gone through. Those who hold a key of their own start near their own objects. */
export function drawOrder(ctx: Context, resource: Resource, from: number): Order {
  const { random } = ctx;
  const kind = random.weighted({ up: 6, down: 1, shuffled: 2, guessed: 2, leaps: 1, jittered: 1, harvested: 1.5 });
  const wrap = (n: number) => ((n % (resource.count + 50)) + resource.count + 50) % (resource.count + 50);
  switch (kind) {
    case 'up':
      return (i) => idOf(resource, wrap(from + i));
    case 'down':
      return (i) => idOf(resource, wrap(from - i));
    case 'leaps': {
      const leap = random.int(2, 200);
      return (i) => idOf(resource, wrap(from + i * leap));
    }
    case 'jittered':
      return (i) => idOf(resource, wrap(from + i + random.int(-3, 3)));
    case 'harvested': {
      // Ids that leaked elsewhere: all of them exist, in the order in which they were found.
      const strides = random.chance(0.5) ? 1 : random.int(2, 5000);
      return (i) => idOf(resource, nextThere(resource, (from + i * strides) % resource.count));
    }
    case 'shuffled':
      return () => idOf(resource, random.int(0, Math.ceil(resource.count * 1.05)));
    default:
      return () => guessId(random, resource);
  }
}

export function* idEnumeration(ctx: Context): Course {
  const { random } = ctx;
  const isPrivate = random.chance(0.85);
  const resource = pickResource(ctx, isPrivate);
  if (random.chance(0.85)) yield* enter(ctx);
  const cover = random.pick([0, 0, 0, 0.05, 0.2]);
  if (random.chance(0.3)) yield* ask(ctx, listStep(ctx, resource, 0));
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const suffix = resource.child !== null && random.chance(0.2) ? `/${resource.child}` : '';
  const method = random.pick(['GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'DELETE']);
  for (let i = 0, count = effort(ctx, 250); i < count && !isStopped(ctx); i++) {
    yield* ask(ctx, step(ctx, method, `${resource.path}/${order(i)}${suffix}`));
    yield* pretend(ctx, cover);
  }
}

/** Takes the whole catalogue: every page, every object, or every page of the site; nothing conditional, nothing left out. */
export function* scraping(ctx: Context): Course {
  const { random, api } = ctx;
  if (api.isSite) return yield* siteScraping(ctx);
  const resource = pickResource(ctx, false);
  if (random.chance(0.3)) yield* enter(ctx);
  const how = random.weighted({ lists: 3, both: 4, items: 2, search: 1 });
  let left = effort(ctx, 300);
  const isDeep = random.chance(0.7);
  const start = isDeep ? 0 : random.int(0, 60);
  for (let n = start; left > 0 && !isStopped(ctx); n++) {
    if (how === 'search') yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `q=${word(n)}&page=${1 + (n % 5)}` }));
    const answer: Answer | null = how === 'search' ? null : yield* ask(ctx, listStep(ctx, resource, n));
    left--;
    if (answer?.page && how !== 'lists') {
      for (const found of numbersOf(answer.page)) {
        if (--left <= 0 || isStopped(ctx)) return;
        yield* ask(ctx, itemStep(ctx, resource, found));
      }
    }
    if (answer?.page?.isLast && random.chance(0.8)) break;
  }
}

function* siteScraping(ctx: Context): Course {
  const { random, api } = ctx;
  const withImages = random.chance(0.3);
  const readsRobots = random.chance(0.25);
  if (readsRobots) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  const isOrdered = random.chance(0.5);
  const pages = isOrdered ? api.pages : random.shuffle(api.pages);
  let referer: string | null = null;
  for (const path of pages.slice(0, effort(ctx, 200))) {
    if (isStopped(ctx)) return;
    yield* ask(ctx, step(ctx, 'GET', path, { referer }));
    if (withImages && api.images.length > 0) yield* ask(ctx, step(ctx, 'GET', random.pick(api.images)));
    referer = random.chance(0.3) ? `https://${api.host}${path}` : null;
  }
}

/** A partner's key, bought or found, or one's own: what it opens is read in order, gaps and all, though never listed. */
export function* keyEnumeration(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, true);
  issuePartnerKey(ctx, random.chance(0.35) ? ALL : ctx.account);
  const order = drawOrder(ctx, resource, random.chance(0.5) ? 0 : random.int(0, resource.count - 1));
  const cover = random.pick([0, 0, 0.02, 0.1]);
  if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
  for (let i = 0, count = effort(ctx, 400); i < count && !isStopped(ctx); i++) {
    yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i)}`));
    yield* pretend(ctx, cover);
  }
}

/** Ids in order, but each address asks for a few of them only; with no credential, one for all, or one for each. */
export function* distributedEnumeration(ctx: Context): Course {
  const { random } = ctx;
  const resource = pickResource(ctx, random.chance(0.7));
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const hold = random.weighted({ none: 2, one: 1, each: 3 });
  const keys = new Map<number, Credential>();
  if (hold === 'one') issuePartnerKey(ctx, ctx.account);
  let i = 0;
  for (const from of spread(ctx, planAddresses(ctx, random.int(1, 5)))) {
    ctx.from = from;
    if (hold === 'each') {
      const own = keys.get(from) ?? ctx.issueKey(random.int(0, 1e6), 'bearer');
      keys.set(from, own);
      ctx.credential = own;
    }
    for (let burst = random.int(1, 4); burst > 0; burst--) yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i++)}`));
  }
}

/** The catalogue or the site in small pieces, each from another address. */
export function* distributedScraping(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, false);
  const burst = random.logInt(1, 12);
  const pages = random.shuffle(api.pages);
  let n = 0;
  for (const from of spread(ctx, planAddresses(ctx, random.int(1, 3)))) {
    ctx.from = from;
    if (api.isSite) {
      for (let i = 0; i < burst; i++) yield* ask(ctx, step(ctx, 'GET', pages[n++ % pages.length]!));
      continue;
    }
    const { page } = yield* ask(ctx, listStep(ctx, resource, n++));
    if (page) for (const found of numbersOf(page).slice(0, burst)) yield* ask(ctx, itemStep(ctx, resource, found));
  }
}

/**
 * Reads many people's accounts with the passwords they gave away: nearly every login is right, and each is followed by the
 * same few calls.
 */
export function* accountAggregation(ctx: Context): Course {
  const { random, api } = ctx;
  const wrong = random.real(0.02, 0.15);
  const wanted = Array.from({ length: random.int(1, 3) }, () => pickResource(ctx, true));
  for (let left = effort(ctx, 60); left > 0 && !isStopped(ctx); left--) {
    const { credential } = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), !random.chance(wrong)));
    if (!credential) continue;
    ctx.credential = credential;
    yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    for (const resource of wanted) yield* ask(ctx, listStep(ctx, resource, 0));
    left -= 2;
  }
}
