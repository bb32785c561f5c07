/** Good clients that watch and read: monitors, crawlers, previews, load tests, and those that call once. */
import {
  ask,
  browse,
  type Context,
  type Course,
  call,
  enter,
  givesUp,
  itemStep,
  listStep,
  pickResource,
  planAddresses,
  post,
  type Step,
  size,
  spread,
  step,
} from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { ALL, type Credential } from './server.ts';
import type { Wish } from './wish.ts';

export function* monitor(ctx: Context): Course {
  const { random, api } = ctx;
  const path = random.pick([
    ...api.all('read'),
    ...api.all('admin'),
    '/',
    `${pickResource(ctx).path}/0-not-there`,
    api.at('me'),
    api.at('login'),
  ]);
  const method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'OPTIONS']);
  const second = random.chance(0.3) ? random.pick(api.all('read')) : null;
  if (random.chance(0.15)) ctx.credential = ctx.issueKey(ALL);
  for (let left = size(ctx, 3, 250); left > 0; left--) {
    yield* ask(ctx, step(ctx, method, path));
    if (second) yield* ask(ctx, step(ctx, 'GET', second, { waitMs: random.real(1, 60) }));
  }
}

export function* metricsScraper(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.5)) ctx.credential = ctx.issueKey(ALL, random.pick(['bearer', 'basic']));
  for (let left = size(ctx, 5, 250); left > 0; left--) yield* call(ctx, step(ctx, 'GET', api.at('metrics')));
}

export function* feedReader(ctx: Context): Course {
  const { random, api } = ctx;
  const feeds = random.shuffle(api.all('feed')).slice(0, random.int(1, 2));
  const isConditional = random.chance(0.8);
  const seen = new Map<string, number>();
  if (random.chance(0.15)) yield* call(ctx, step(ctx, 'GET', '/favicon.ico'));
  for (let left = size(ctx, 1, 80); left > 0; left--) {
    for (const feed of feeds) {
      const [path, query] = feed.split('?') as [string, string?];
      const seenAt = isConditional ? seen.get(feed) : undefined;
      const answer = yield* ask(
        ctx,
        step(ctx, 'GET', path, { query: query ?? null, ...(seenAt === undefined ? {} : { seenAt }) }),
      );
      if (answer.status === 200) seen.set(feed, answer.at);
    }
    if (random.chance(0.05)) yield* call(ctx, step(ctx, 'GET', random.pick(api.pages)));
  }
}

/** Old links lead nowhere; so some answers are 404. Most go one by one, some in small bursts. */
export function* crawler(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.85)) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  const fromMap = random.chance(0.3);
  if (fromMap || random.chance(0.1)) yield* ask(ctx, step(ctx, 'GET', '/sitemap.xml'));
  const stale = random.pick([0, 0.01, 0.05, 0.15, 0.4, 0.7]);
  const burst = random.pick([1, 1, 1, 3, 6]);
  const objects = api.isSite ? 0 : random.real(0, 0.9);
  const resource = pickResource(ctx, false);
  const known = new Map<string, number>();
  for (let n = 0, count = size(ctx, 1, random.chance(0.2) ? 800 : 200); n < count && !givesUp(ctx); n++) {
    const quick = n % burst === 0 ? {} : { alongside: true, waitMs: random.log(1, 120) };
    if (random.chance(stale)) yield* ask(ctx, step(ctx, 'GET', oldPage(ctx), quick));
    else if (random.chance(objects)) yield* browse(ctx, resource, random.int(0, 20), random.int(0, 4));
    else {
      const isPage = random.chance(0.85) || api.images.length === 0;
      const path = fromMap ? api.pages[n % api.pages.length]! : random.pick(isPage ? api.pages : api.images);
      const seenAt = known.get(path) ?? (random.chance(0.2) ? ctx.now - 3600_000 : undefined);
      const method = random.chance(0.03) ? 'HEAD' : 'GET';
      const answer = yield* ask(ctx, step(ctx, method, path, { ...quick, ...(seenAt === undefined ? {} : { seenAt }) }));
      known.set(path, answer.at);
    }
  }
}

/** A page that was there when somebody linked it: from an old layout, an old campaign, or with a mistake. */
function oldPage({ random, api }: Context): string {
  const page = random.pick(api.pages);
  return random.pick([
    () => `${page}-old`.replace('/-', '-'),
    () => `/archive/${random.int(2005, 2024)}${page}`,
    () => `${page.replace(/(\.html|\.php|\/)$/, '')}/amp`,
    () => `/${random.pick(['tag', 'author', 'category', 'p', 'node'])}/${random.int(1, 9000)}`,
    () => `${page}%22`,
  ])();
}

/** Visits what a page or a book of links points to; what is broken there is what it was sent to find. */
export function* linkChecker(ctx: Context): Course {
  const { random, api } = ctx;
  const broken = random.pick([0.02, 0.1, 0.25, 0.4, 0.6]);
  const isHead = random.chance(0.6);
  // Where HEAD is not served it asks again in full.
  const noHead = random.pick([0, 0, 0.1, 1]);
  const parallel = random.pick([1, 1, 4, 16]);
  if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  yield* ask(ctx, step(ctx, 'GET', '/'));
  const resource = pickResource(ctx, false);
  const items = api.isSite
    ? []
    : Array.from({ length: random.logInt(50, 1500) }, (_x, n) => `${resource.path}/${idOf(resource, n % resource.count)}`);
  const links = random.shuffle([...api.pages, ...api.images, ...(random.chance(0.6) ? items : [])]);
  for (const [n, path] of links.slice(0, size(ctx, 3, random.chance(0.2) ? 1500 : 400)).entries()) {
    const quick = n % parallel === 0 ? {} : { alongside: true, waitMs: random.log(1, 80) };
    const isBroken = random.chance(broken);
    const told = isBroken && random.chance(0.3) ? ({ wish: random.pick([403, 410, 401, 404, 500]) } as const) : {};
    const target = isBroken ? (random.chance(0.5) ? oldPage(ctx) : `${path.replace(/\/$/, '')}-moved`) : path;
    const refusesHead = isHead && random.chance(noHead);
    yield* call(ctx, step(ctx, isHead ? 'HEAD' : 'GET', target, { ...quick, ...(refusesHead ? { wish: 405 } : told) }));
    if (refusesHead || (isBroken && isHead && random.chance(0.5)))
      yield* call(ctx, step(ctx, 'GET', target, { waitMs: random.log(1, 200), ...told }));
  }
}

interface Probe {
  readonly method: string;
  readonly path: string;
  readonly wish?: Wish;
  readonly credential: Credential | null;
}

/** What a prober looks for is the answer it was told to expect, and that may well be a refusal. */
function drawProbe(ctx: Context): Probe {
  const { random, api } = ctx;
  const bad = { ...ctx.issueKey(ctx.account, 'bearer'), isValid: false };
  const resource = pickResource(ctx, true);
  return random.pick<() => Probe>([
    () => ({ method: 'GET', path: random.pick(api.all('read')), credential: null }),
    () => ({ method: 'GET', path: '/', credential: null }),
    () => ({ method: 'GET', path: api.at('me'), credential: random.pick([null, bad]) }),
    () => ({ method: 'GET', path: resource.path, credential: null, ...(random.chance(0.5) ? { wish: 401 } : {}) }),
    () => ({ method: 'GET', path: random.pick(api.all('admin')), credential: null, wish: random.pick([401, 403, 302]) }),
    () => ({
      method: 'GET',
      path: random.pick(['/healthcheck', '/lb-status', '/nginx_status', '/alive.txt', '/ping.html']),
      credential: null,
    }),
    () => ({ method: 'POST', path: api.at('login'), credential: null }),
    () => ({ method: 'HEAD', path: random.pick(['/', api.base || '/']), credential: null }),
    () => ({ method: 'OPTIONS', path: resource.path, credential: null }),
  ])();
}

/** A balancer's probes or an uptime service's: a fixed set, round after round, whatever the answers are. */
export function* healthProbe(ctx: Context): Course {
  const { random } = ctx;
  const probes = Array.from({ length: random.logInt(1, 12) }, () => drawProbe(ctx));
  const atOnce = random.chance(0.5);
  const confirms = random.pick([0, 0, 0.5, 1]);
  for (let rounds = size(ctx, 5, random.chance(0.2) ? 600 : 150); rounds > 0; rounds--)
    for (const [n, probe] of probes.entries()) {
      if (ctx.from !== null) ctx.from = random.int(0, ctx.faces - 1);
      const quick = n > 0 && atOnce ? { alongside: true, waitMs: random.log(1, 50) } : {};
      const answer = yield* call(ctx, step(ctx, probe.method, probe.path, { ...probe, ...quick }));
      if (answer.status >= 500 && random.chance(confirms)) yield* call(ctx, step(ctx, probe.method, probe.path, { ...probe }));
    }
}

export function* linkPreview(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.2)) yield* call(ctx, step(ctx, 'GET', '/robots.txt'));
  yield* call(ctx, step(ctx, random.chance(0.2) ? 'HEAD' : 'GET', random.pick(api.pages)));
  if (api.images.length > 0 && random.chance(0.5)) yield* call(ctx, step(ctx, 'GET', random.pick(api.images)));
}

/** The owner's own: announced by a key or not, fast, on a few routes that exist. */
export function* loadTest(ctx: Context): Course {
  const { random, api } = ctx;
  if (!api.isSite) yield* enter(ctx, random.chance(0.6) ? ALL : ctx.account);
  const resource = pickResource(ctx);
  const paths = api.isSite
    ? random.shuffle(api.pages).slice(0, 5)
    : [
        resource.path,
        `${resource.path}/${idOf(resource, random.int(0, resource.count - 1))}`,
        random.pick(api.all('read')),
        api.at('search'),
      ].slice(0, random.int(1, 4));
  for (let left = size(ctx, 80, 1500); left > 0; left--) {
    const path = random.pick(paths);
    yield* call(
      ctx,
      step(ctx, 'GET', path, { alongside: true, query: path === api.at('search') ? `q=${random.int(1, 99)}` : null }),
    );
  }
}

/** One call, rarely two or three: a look at the documentation, a picture, a check by hand, a form. */
export function* oneCall(ctx: Context): Course {
  const { random, api } = ctx;
  for (let left = random.chance(0.75) ? 1 : random.int(2, 3); left > 0; left--) {
    if (!api.isSite && random.chance(0.3)) yield* enter(ctx);
    yield* call(ctx, random.pick(api.isSite ? LOOKS_AT_SITE : LOOKS_AT_API)(ctx));
  }
}

const LOOKS_AT_SITE: readonly ((ctx: Context) => Step)[] = [
  (ctx) => step(ctx, 'GET', '/'),
  (ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.pages)),
  (ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.pages)),
  (ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.images)),
  (ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.images)),
  (ctx) => step(ctx, 'GET', ctx.random.pick(['/favicon.ico', '/robots.txt', '/apple-touch-icon.png', '/index.html'])),
  (ctx) => step(ctx, 'HEAD', '/'),
  (ctx) => post(ctx, 'form'),
];

const LOOKS_AT_API: readonly ((ctx: Context) => Step)[] = [
  (ctx) => step(ctx, 'GET', '/'),
  (ctx) => step(ctx, 'GET', ctx.random.pick(ctx.api.all('read'))),
  (ctx) => listStep(ctx, pickResource(ctx), 0),
  (ctx) => someItem(ctx, pickResource(ctx)),
  (ctx) =>
    step(ctx, 'GET', ctx.random.pick(['/favicon.ico', '/robots.txt', '/docs', '/.well-known/security.txt', '/swagger.json'])),
  (ctx) => post(ctx, ctx.random.pick(['form', 'hook', 'telemetry', 'graphql'])),
  (ctx) => tryOnce(ctx),
  (ctx) => step(ctx, 'HEAD', '/'),
];

function someItem(ctx: Context, resource: Resource): Step {
  return itemStep(ctx, resource, ctx.random.int(0, resource.count - 1));
}

function tryOnce(ctx: Context): Step {
  return step(ctx, 'POST', ctx.api.at('login'), {
    login: { account: ctx.account, isRight: ctx.random.chance(0.6) },
    bodyBytes: 60,
  });
}

/** A search engine's fleet: many addresses, few pages from each, with conditions, as robots.txt allows. */
export function* fleetCrawler(ctx: Context): Course {
  const { random, api } = ctx;
  const pages = random.shuffle(api.pages);
  const resource = pickResource(ctx, false);
  let n = 0;
  for (const from of spread(ctx, planAddresses(ctx, random.int(1, 4)))) {
    ctx.from = from;
    if (random.chance(0.2)) yield* call(ctx, step(ctx, 'GET', '/robots.txt'));
    const seen = random.chance(0.5) ? { seenAt: ctx.now - random.log(6e4, 1e9) } : {};
    if (!api.isSite && random.chance(0.6)) yield* ask(ctx, listStep(ctx, resource, n++, seen));
    else yield* ask(ctx, step(ctx, 'GET', pages[n++ % pages.length]!, seen));
  }
}

/** Keeps a copy of the pages, or of a feed, up to date: all of it, conditional from the second round on. */
export function* docsMirror(ctx: Context): Course {
  const { random, api } = ctx;
  const wanted = random.chance(0.4) ? [random.pick(api.all('feed')).split('?')[0]!] : api.pages.slice(0, random.logInt(5, 120));
  const seen = new Map<string, number>();
  if (random.chance(0.7)) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  for (let rounds = wanted.length === 1 ? random.logInt(5, 60) : random.int(1, 3); rounds > 0 && !givesUp(ctx); rounds--)
    for (const path of wanted) {
      const seenAt = seen.get(path);
      const answer = yield* ask(ctx, step(ctx, 'GET', path, seenAt === undefined ? {} : { seenAt }));
      if (answer.status === 200) seen.set(path, answer.at);
    }
}
