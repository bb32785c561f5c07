/** Good clients: what each is for, and how it goes about it. To add one, add an entry. */
import {
  ask,
  browse,
  type Context,
  type Course,
  call,
  enter,
  givesUp,
  itemStep,
  type Kind,
  kindOf,
  listStep,
  lookAlike,
  openPage,
  type Part,
  pickResource,
  post,
  type Step,
  signIn,
  step,
  write,
} from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { ALL, numbersOf } from './server.ts';
import { BROWSERS, LIBRARIES, MOBILE, type StackName } from './stacks.ts';

const OWN = { none: 8, 'own-name': 3, browser: 2, 'full-browser': 1 } as const;
const PLAIN = { none: 9, 'own-name': 1 } as const;
const WEB = { none: 1 } as const;
const SYNCS: readonly StackName[] = [...LIBRARIES, 'jsforce', 'axios', 'python-requests'];

export const GOOD_KINDS: Readonly<Record<string, Kind>> = {
  'mobile-app': kindOf(3, 0, MOBILE, OWN, [80, 9000], mobileApp),
  'retry-storm': kindOf(2, 0, MOBILE, OWN, [40, 2500], retryStorm),
  'partner-sync': kindOf(3, 0, SYNCS, OWN, [5, 2500], partnerSync),
  'crm-bulk-sync': kindOf(2, 0, SYNCS, OWN, [10, 3000], crmBulkSync),
  backfill: kindOf(3, 0, SYNCS, OWN, [2, 700], backfill),
  'stale-sync': kindOf(2, 0, SYNCS, OWN, [20, 4000], staleSync),
  monitor: kindOf(2, 1, ['monitor', 'monitor', 'curl', 'go', 'python-requests', 'axios'], PLAIN, [900, 300_000], monitor),
  'metrics-scraper': kindOf(1.5, 0, ['prometheus', 'prometheus', 'go', 'python-requests'], PLAIN, [1000, 60_000], metricsScraper),
  'webhook-sender': kindOf(2, 0, ['sender-hook', 'sender-hook', ...LIBRARIES], OWN, [30, 60_000], webhookSender),
  'ci-job': kindOf(1.5, 0, ['curl', 'go', 'python-requests', 'java-http', 'node-fetch', 'got', 'wget'], OWN, [30, 6000], ciJob),
  'feed-reader': kindOf(
    0.8,
    5,
    ['feed-reader', 'feed-reader', 'feed-reader', 'python-requests', 'go'],
    PLAIN,
    [2000, 3_600_000],
    feedReader,
  ),
  crawler: kindOf(0.8, 5, ['crawler', 'crawler', 'scrapy', 'copy-tool'], PLAIN, [300, 60_000], crawler),
  'link-checker': kindOf(0.4, 1, ['crawler', 'wget', 'python-requests', 'go', 'curl'], OWN, [100, 5000], linkChecker),
  'web-visitor': kindOf(0.6, 22, BROWSERS, WEB, [1500, 90_000], webVisitor),
  'hot-link': kindOf(0.3, 14, BROWSERS, WEB, [1000, 9000], hotLink),
  'link-preview': kindOf(0.3, 2, ['link-preview', 'curl', 'python-requests'], PLAIN, [100, 5000], linkPreview),
  'browser-app': kindOf(2, 0, ['chrome', 'firefox', 'safari'], WEB, [100, 15_000], browserApp),
  'graphql-client': kindOf(1.5, 0, [...BROWSERS.slice(0, 5), ...MOBILE, 'axios', 'node-fetch'], OWN, [50, 9000], graphqlClient),
  'iot-telemetry': kindOf(1.5, 0, ['device', 'device', 'go', 'python-requests', 'perl'], OWN, [300, 120_000], iotTelemetry),
  'scim-provisioning': kindOf(
    1,
    0,
    ['java-http', 'apache-httpclient', 'dotnet', 'ruby', 'go'],
    OWN,
    [20, 3000],
    scimProvisioning,
  ),
  'webdav-sync': kindOf(1.5, 0, ['rclone', 'rclone', 'davclient', 'davclient'], PLAIN, [5, 3000], webdavSync),
  'agent-tools': kindOf(1.5, 0, ['python-requests', 'httpx', 'undici', 'aiohttp', 'axios'], OWN, [400, 25_000], agentTools),
  'cron-export': kindOf(2, 0, SYNCS, OWN, [5, 2000], cronExport),
  'token-loop': kindOf(1.5, 0, [...MOBILE, ...LIBRARIES], OWN, [50, 5000], tokenLoop),
  'load-test': kindOf(1, 0.3, ['load-tool', 'load-tool', 'wrk', 'python-requests', 'aiohttp'], PLAIN, [1, 60], loadTest),
  'mistyping-user': kindOf(2.5, 1.5, [...BROWSERS, ...MOBILE], WEB, [1500, 15_000], mistypingUser),
  'one-call': kindOf(2.5, 5, [...LIBRARIES, ...BROWSERS, ...MOBILE], OWN, [100, 20_000], oneCall),
  'search-user': kindOf(1.5, 1, [...BROWSERS, ...LIBRARIES], OWN, [150, 15_000], searchUser),
  'job-poller': kindOf(1, 0, LIBRARIES, OWN, [200, 15_000], jobPoller),
  uploader: kindOf(1, 0, [...MOBILE, ...LIBRARIES, 'chrome'], OWN, [50, 4000], uploader),
  shopper: kindOf(2, 0, [...BROWSERS, ...MOBILE], WEB, [1000, 25_000], shopper),
  newcomer: kindOf(1.5, 0, [...BROWSERS, ...MOBILE], WEB, [2000, 30_000], newcomer),
  'catalogue-partner': kindOf(1.5, 0, SYNCS, OWN, [20, 3000], cataloguePartner),
  'site-owner': kindOf(0.5, 1, BROWSERS, WEB, [1000, 30_000], siteOwner),
};

/** Mostly small, now and then large: 1 to `high`. */
function size(ctx: Context, low: number, high: number): number {
  return ctx.random.logInt(low, high);
}

function* mobileApp(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx);
  if (random.chance(0.6)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
  if (random.chance(0.3)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('read'))));
  const favourites = Array.from({ length: random.int(1, 4) }, () => pickResource(ctx));
  for (let rounds = size(ctx, 1, 30); rounds > 0 && !givesUp(ctx); rounds--) {
    const resource = random.pick(favourites);
    const page = yield* browse(ctx, resource, random.chance(0.8) ? 0 : random.int(1, 4), random.int(0, 5));
    if (page && page.count > 0 && random.chance(0.25)) yield* ask(ctx, change(ctx, resource, page.first));
  }
}

function change(ctx: Context, resource: Resource, n: number): Step {
  const { random } = ctx;
  if (random.chance(0.5)) return write(ctx, 'POST', resource.path);
  return write(ctx, random.pick(['PUT', 'PATCH', 'DELETE']), `${resource.path}/${idOf(resource, n)}`);
}

/** A bad network: the same request again and again, many of them cut off, then all at once. */
function* retryStorm(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  for (let rounds = size(ctx, 1, 14); rounds > 0; rounds--) {
    const resource = pickResource(ctx);
    const isWrite = random.chance(0.3);
    const wanted = isWrite ? write(ctx, 'POST', resource.path) : listStep(ctx, resource, 0);
    const cutOff = random.real(0.2, 0.9);
    for (let tries = random.logInt(2, 40); tries > 0; tries--) {
      const lost = random.chance(cutOff);
      const answer = yield* call(ctx, {
        ...wanted,
        waitMs: ctx.pace() * random.log(0.05, 1),
        ...(lost ? { wish: 'abort' } : {}),
      });
      if (answer.status === 401) yield* ask(ctx, listStep(ctx, resource, 0));
      if (!lost && answer.status < 400 && random.chance(0.8)) break;
    }
    if (random.chance(0.5)) yield* browse(ctx, resource, 0, random.int(1, 6));
  }
}

function* partnerSync(ctx: Context): Course {
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

function* crmBulkSync(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx, ALL);
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
          random.chance(0.03) ? { wish: 'invalid' } : {},
        ),
      );
  }
}

/** A month read in sequence, at full speed, with a key; where it began is known from its own books or from a list. */
function* backfill(ctx: Context): Course {
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

/** Books that are out of date: part of the ids are gone. */
function* staleSync(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx, random.chance(0.8) ? ALL : ctx.account);
  const resource = pickResource(ctx);
  const gone = random.real(0.08, 0.6);
  const owners = ctx.credential && ctx.credential.owner !== ALL ? resource.owners : 1;
  let n = random.int(0, resource.count - 1);
  for (let left = size(ctx, 4, 250); left > 0; left--) {
    n = random.chance(0.6) ? n + owners * random.int(1, 3) : random.int(0, resource.count - 1);
    const isGone = random.chance(gone);
    const at = isGone ? resource.count + random.int(0, 5000) : n % resource.count;
    const wanted = itemStep(ctx, resource, at);
    yield* ask(ctx, random.chance(0.3) ? { ...wanted, method: 'PUT', bodyBytes: random.logInt(40, 2000) } : wanted);
    if (random.chance(0.05)) yield* ask(ctx, listStep(ctx, resource, 0));
  }
}

function* monitor(ctx: Context): Course {
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

function* metricsScraper(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.5)) ctx.credential = ctx.issueKey(ALL, random.pick(['bearer', 'basic']));
  for (let left = size(ctx, 5, 250); left > 0; left--) yield* call(ctx, step(ctx, 'GET', api.at('metrics')));
}

function* webhookSender(ctx: Context): Course {
  const { random, api } = ctx;
  const targets = random.chance(0.7) ? [random.pick(api.all('hook'))] : api.all('hook');
  const isGone = random.chance(0.12);
  for (let left = size(ctx, 1, 120); left > 0 && !givesUp(ctx); left--) {
    const path = isGone ? '/hooks/old-endpoint' : random.pick(targets);
    const bodyBytes = random.logInt(200, 20_000);
    yield* ask(ctx, write(ctx, 'POST', path, { bodyBytes, ...(random.chance(0.02) ? { wish: 'invalid' } : {}) }));
  }
}

function* ciJob(ctx: Context): Course {
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
    if (random.chance(0.3)) yield* ask(ctx, step(ctx, 'GET', `${api.base}/cache/${random.hex(40)}`));
  }
}

function* feedReader(ctx: Context): Course {
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

/** Old links lead nowhere; so a few answers are 404. */
function* crawler(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.85)) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  if (random.chance(0.2)) yield* ask(ctx, step(ctx, 'GET', '/sitemap.xml'));
  const stale = random.pick([0, 0.01, 0.05, 0.15]);
  const resource = pickResource(ctx, false);
  const known = new Map<string, number>();
  for (let left = size(ctx, 1, 200); left > 0 && !givesUp(ctx); left--) {
    if (random.chance(stale)) yield* ask(ctx, step(ctx, 'GET', `${random.pick(api.pages)}-old`.replace('/-', '-')));
    else if (!api.isSite && random.chance(0.6)) yield* browse(ctx, resource, random.int(0, 20), random.int(0, 4));
    else {
      const path = random.pick(random.chance(0.85) || api.images.length === 0 ? api.pages : api.images);
      const seenAt = known.get(path) ?? (random.chance(0.2) ? ctx.now - 3600_000 : undefined);
      const answer = yield* ask(
        ctx,
        step(ctx, random.chance(0.03) ? 'HEAD' : 'GET', path, seenAt === undefined ? {} : { seenAt }),
      );
      known.set(path, answer.at);
    }
  }
}

function* linkChecker(ctx: Context): Course {
  const { random, api } = ctx;
  const broken = random.pick([0.02, 0.1, 0.25]);
  const method = random.pick(['HEAD', 'GET']);
  yield* ask(ctx, step(ctx, 'GET', '/'));
  for (const path of random.shuffle([...api.pages, ...api.images]).slice(0, size(ctx, 3, 200)))
    yield* ask(ctx, step(ctx, method, random.chance(broken) ? `${path}.bak`.replace('/.', '.').replace('.bak', '-moved') : path));
}

const ENTRANCES = [
  'https://www.google.com/',
  'https://duckduckgo.com/',
  'https://news.ycombinator.com/',
  'https://t.co/x',
  null,
  null,
];

function* webVisitor(ctx: Context): Course {
  const { random, api } = ctx;
  const seen = new Map<string, number>();
  let referer: string | null = random.pick(ENTRANCES);
  for (let left = random.logInt(1, random.chance(0.2) ? 30 : 3); left > 0; left--) {
    const page = random.chance(0.2) ? 0 : random.int(0, api.pages.length - 1);
    yield* openPage(ctx, page, referer, seen);
    if (!seen.has('/favicon.ico') && random.chance(0.6)) {
      seen.set('/favicon.ico', ctx.now);
      yield* call(ctx, step(ctx, 'GET', '/favicon.ico', { waitMs: 60 }));
    }
    if (random.chance(0.03)) yield* call(ctx, step(ctx, 'GET', `${api.pages[page]}x`, { referer }));
    // Some come back hours later.
    if (random.chance(0.06)) yield* call(ctx, step(ctx, 'GET', '/', { waitMs: random.log(1.8e6, 2e7) }));
    referer = random.chance(0.9) ? `https://${api.host}${api.pages[page]}` : null;
  }
}

function* hotLink(ctx: Context): Course {
  const { random, api } = ctx;
  const image = random.pick(api.images.length > 0 ? api.images : ['/favicon.ico']);
  const referer = random.chance(0.85) ? `http://forum${random.int(1, 400)}.example/thread/${random.int(1, 9e5)}` : null;
  for (let left = random.chance(0.8) ? 1 : random.int(2, 6); left > 0; left--)
    yield* call(ctx, step(ctx, 'GET', random.chance(0.9) ? image : random.pick(api.pages), { referer }));
}

function* linkPreview(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.2)) yield* call(ctx, step(ctx, 'GET', '/robots.txt'));
  yield* call(ctx, step(ctx, random.chance(0.2) ? 'HEAD' : 'GET', random.pick(api.pages)));
  if (api.images.length > 0 && random.chance(0.5)) yield* call(ctx, step(ctx, 'GET', random.pick(api.images)));
}

/** A page's script calls an API of another origin: questions before calls, and many calls at once. */
function* browserApp(ctx: Context): Course {
  const { random, api } = ctx;
  const referer = `https://app.${api.host}/`;
  const asked = new Set<string>();
  const allowed = random.chance(0.7);
  yield* enter(ctx);
  for (let views = size(ctx, 1, 25); views > 0 && !givesUp(ctx); views--) {
    const resources = Array.from({ length: random.int(1, 4) }, () => pickResource(ctx));
    for (const resource of resources) {
      if (allowed && !asked.has(resource.path))
        yield* call(ctx, step(ctx, 'OPTIONS', resource.path, { credential: null, referer, hasOrigin: true }));
      asked.add(resource.path);
      const answer = yield* ask(
        ctx,
        listStep(ctx, resource, random.chance(0.8) ? 0 : random.int(1, 5), {
          referer,
          hasOrigin: true,
          alongside: true,
          waitMs: random.log(1, 400),
        }),
      );
      if (answer.page && random.chance(0.6))
        for (const n of random.shuffle(numbersOf(answer.page)).slice(0, random.int(0, 3)))
          yield* ask(ctx, itemStep(ctx, resource, n, { referer }));
    }
    if (random.chance(0.2))
      yield* ask(
        ctx,
        write(ctx, 'POST', random.pick(resources).path, { referer, ...(random.chance(0.15) ? { wish: 'invalid' } : {}) }),
      );
  }
}

function* graphqlClient(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  for (let left = size(ctx, 1, 160); left > 0 && !givesUp(ctx); left--)
    yield* ask(
      ctx,
      post(ctx, 'graphql', { bodyBytes: random.logInt(120, 5000), ...(random.chance(0.02) ? { wish: 'invalid' } : {}) }),
    );
}

function* iotTelemetry(ctx: Context): Course {
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

function* scimProvisioning(ctx: Context): Course {
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

function* webdavSync(ctx: Context): Course {
  const { random, api } = ctx;
  ctx.credential = ctx.issueKey(ctx.account, random.pick(['basic', 'basic', 'bearer']));
  // Many clients try without a credential first, and are told to send one.
  const isAsked = random.chance(0.4);
  for (let folders = size(ctx, 1, 25); folders > 0 && !givesUp(ctx); folders--) {
    const folder = `${api.dav}/${random.pick(['Photos', 'Documents', 'backup', 'work', 'calendar'])}/${random.int(2015, 2026)}`;
    if (isAsked) yield* call(ctx, step(ctx, 'PROPFIND', folder, { credential: null }));
    yield* ask(ctx, step(ctx, 'PROPFIND', folder, { bodyBytes: random.int(0, 400), contentType: 'application/xml' }));
    for (let files = random.int(0, 12); files > 0; files--) {
      const path = `${folder}/file-${random.int(1, 900)}.${random.pick(['jpg', 'pdf', 'ics', 'md'])}`;
      if (random.chance(0.25)) yield* ask(ctx, step(ctx, 'HEAD', path, { wish: 'missing' }));
      yield* ask(
        ctx,
        random.chance(0.5)
          ? write(ctx, 'PUT', path, { bodyBytes: random.logInt(500, 5e6) })
          : step(ctx, random.pick(['GET', 'GET', 'DELETE', 'PROPFIND']), path),
      );
    }
    if (random.chance(0.2)) yield* ask(ctx, step(ctx, 'MKCOL', `${folder}/new`, random.chance(0.4) ? { wish: 'conflict' } : {}));
  }
}

/** A language model's tool calls: searches, reads what it found, sometimes guesses a name that is not there. */
function* agentTools(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx);
  for (let turns = size(ctx, 1, 30); turns > 0 && !givesUp(ctx); turns--) {
    const resource = pickResource(ctx);
    if (random.chance(0.5)) yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `q=${lookAlike(random)}&limit=5` }));
    const guesses = random.chance(0.12);
    if (guesses)
      yield* ask(
        ctx,
        step(ctx, 'GET', `${api.base}/${random.pick(['schema', 'openapi.json', 'help', 'list', 'customers/all'])}`),
      );
    else yield* browse(ctx, resource, 0, random.int(0, 3));
    if (random.chance(0.2)) yield* ask(ctx, write(ctx, 'POST', resource.path, random.chance(0.3) ? { wish: 'invalid' } : {}));
  }
}

/** At the full hour with everyone else. */
function* cronExport(ctx: Context): Course {
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

/** A client that loses its token again and again: refused, renewed, served, refused. */
function* tokenLoop(ctx: Context): Course {
  const { random, api } = ctx;
  yield* signIn(ctx, true);
  const path = random.pick([api.at('me'), pickResource(ctx, true).path]);
  for (let left = size(ctx, 3, 70); left > 0; left--) {
    const stale = { ...(ctx.credential ?? ctx.issueKey(ctx.account, 'bearer')), expiresAt: 0 };
    const answer = yield* call(ctx, step(ctx, 'GET', path, random.chance(0.8) ? { credential: stale } : {}));
    if (answer.status !== 401 && answer.status !== 403) continue;
    if (random.chance(0.5)) yield* signIn(ctx, true, { waitMs: random.log(5, 400) });
    else {
      const renewed = yield* call(ctx, step(ctx, 'POST', api.at('refresh'), { waitMs: random.log(5, 400), bodyBytes: 200 }));
      if (renewed.credential) ctx.credential = renewed.credential;
    }
    yield* call(ctx, step(ctx, 'GET', path, { waitMs: random.log(5, 400) }));
  }
}

/** The owner's own: announced by a key or not, fast, on a few routes that exist. */
function* loadTest(ctx: Context): Course {
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

function* mistypingUser(ctx: Context): Course {
  const { random, api } = ctx;
  const form = api.isSite || random.chance(0.3);
  if (form) yield* call(ctx, step(ctx, 'GET', random.chance(0.5) ? api.at('login') : random.pick(api.pages)));
  for (let wrong = random.int(1, 4); wrong > 0; wrong--) {
    const answer = yield* signIn(ctx, false, { waitMs: random.around(6000, 0.7) });
    if (answer.retryAfterMs > 0) yield* call(ctx, step(ctx, 'GET', random.pick(api.pages), { waitMs: answer.retryAfterMs }));
  }
  if (random.chance(0.15)) yield* ask(ctx, post(ctx, 'reset'));
  // Some don't remember at all and leave it.
  if (random.chance(0.1)) return;
  yield* signIn(ctx, true, { waitMs: random.around(7000, 0.7) });
  if (api.isSite) yield* webVisitor(ctx);
  else yield* mobileApp(ctx);
}

/** One call, rarely two or three: a look at the documentation, a picture, a check by hand, a form. */
function* oneCall(ctx: Context): Course {
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

function* searchUser(ctx: Context): Course {
  const { random, api } = ctx;
  const types = random.chance(0.4);
  if (random.chance(0.4)) yield* enter(ctx);
  const resource = pickResource(ctx);
  for (let left = size(ctx, 1, 40); left > 0 && !givesUp(ctx); left--) {
    const text = random.chance(0.5)
      ? lookAlike(random)
      : encodeURIComponent(random.pick(["o'brien", 'union street', 'select specialty', 'drop-in sessions', 'a & b', 'lamp']));
    const from = types ? Math.max(1, text.length - 6) : text.length;
    for (let n = from; n <= text.length; n++)
      yield* ask(
        ctx,
        step(ctx, 'GET', api.at('search'), {
          query: `q=${text.slice(0, n)}`,
          ...(n < text.length ? { waitMs: random.real(60, 400) } : {}),
        }),
      );
    if (random.chance(0.4)) yield* browse(ctx, resource, 0, random.int(0, 2));
  }
}

function* jobPoller(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx);
  for (let jobs = size(ctx, 1, 6); jobs > 0 && !givesUp(ctx); jobs--) {
    yield* ask(ctx, post(ctx, 'jobs'));
    const query = `id=${random.int(1, 1e6)}`;
    for (let polls = random.logInt(2, 60); polls > 0; polls--) yield* ask(ctx, step(ctx, 'GET', api.at('jobs'), { query }));
  }
}

function* uploader(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  const bodyBytes = random.logInt(10_000, 5e6);
  for (let left = size(ctx, 1, 90); left > 0 && !givesUp(ctx); left--)
    yield* ask(
      ctx,
      post(ctx, 'upload', {
        method: random.chance(0.6) ? 'POST' : 'PUT',
        bodyBytes,
        query: random.chance(0.5) ? `part=${left}` : null,
        contentType: 'application/octet-stream',
      }),
    );
}

/** Buys: looks, fills a basket, pays; a card or a coupon is refused now and then. */
function* shopper(ctx: Context): Course {
  const { random, api } = ctx;
  const catalogue = pickResource(ctx, false);
  if (random.chance(0.85)) yield* enter(ctx);
  for (let looks = random.logInt(1, 12); looks > 0; looks--) yield* browse(ctx, catalogue, random.int(0, 3), random.int(0, 4));
  for (let items = random.int(0, 3); items > 0; items--) yield* ask(ctx, post(ctx, 'cart'));
  if (random.chance(0.3))
    for (let tries = random.int(1, 3); tries > 0; tries--)
      yield* ask(
        ctx,
        random.chance(0.3)
          ? step(ctx, 'GET', `${api.base}/coupons/${random.hex(8).toUpperCase()}`)
          : post(ctx, 'coupon', random.chance(0.6) ? { wish: 'declined' } : {}),
      );
  for (let refused = random.weighted({ none: 8, one: 2, more: 1 }) === 'none' ? 0 : random.int(1, 3); refused > 0; refused--)
    yield* ask(ctx, post(ctx, 'payment', { wish: random.chance(0.8) ? 'declined' : 'invalid' }));
  yield* ask(ctx, post(ctx, 'payment'));
  if (random.chance(0.5)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
}

function* newcomer(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.6)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
  for (let faulty = random.int(0, 2); faulty > 0; faulty--)
    yield* ask(ctx, post(ctx, 'signup', { wish: random.chance(0.6) ? 'invalid' : 'conflict' }));
  yield* ask(ctx, post(ctx, 'signup'));
  if (random.chance(0.5)) {
    for (let codes = random.int(1, 3); codes > 0; codes--) yield* ask(ctx, post(ctx, 'otpSend'));
    if (random.chance(0.4)) yield* call(ctx, otpStep(ctx, false));
    yield* call(ctx, otpStep(ctx, true));
  }
  yield* signIn(ctx, true);
  yield* mobileApp(ctx);
}

function otpStep(ctx: Context, isRight: boolean): Step {
  return post(ctx, 'otpVerify', { login: { account: ctx.account, isRight }, credential: null, bodyBytes: 40 });
}

/** Reads the whole catalogue by agreement: with a key, conditional, page by page. */
function* cataloguePartner(ctx: Context): Course {
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

/** Works in the site's or the API's own administration. */
function* siteOwner(ctx: Context): Course {
  const { random, api } = ctx;
  const seen = new Map<string, number>();
  yield* signIn(ctx, random.chance(0.8));
  yield* signIn(ctx, true);
  ctx.credential = ctx.issueKey(ALL, 'bearer');
  for (let left = size(ctx, 2, 40); left > 0; left--) yield* ownersCall(ctx, seen);
  if (random.chance(0.1)) yield* ask(ctx, step(ctx, 'GET', '/wp-admin/'));
  if (random.chance(0.3)) yield* ask(ctx, step(ctx, 'GET', api.at('admin')));
}

function* ownersCall(ctx: Context, seen: Map<string, number>): Part<void> {
  const { random, api } = ctx;
  const what = random.weighted({ admin: 4, page: 2, upload: 1, form: 1 });
  if (what === 'admin') yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('admin'))));
  else if (what === 'page') yield* openPage(ctx, random.int(0, api.pages.length - 1), null, seen);
  else yield* ask(ctx, post(ctx, what));
}
