/** Whole catalogues and sites, taken by downloaders, by scripts that look like browsers, or through a key. */
import {
  ask,
  type Context,
  type Course,
  enter,
  isStopped,
  issuePartnerKey,
  itemStep,
  listStep,
  type Part,
  type Step,
  step,
} from './actor.ts';
import { idOf, type Resource, word } from './api.ts';
import { enterAs, rests, tries } from './bad-habits.ts';
import { numbersOf } from './server.ts';

/** Takes the whole catalogue: every page, every object, or every page of the site; nothing conditional, nothing left out. */
export function* scraping(ctx: Context): Course {
  const { random, api } = ctx;
  rests(ctx);
  if (api.isSite) return yield* siteScraping(ctx);
  const hold = random.weighted({ none: 5, account: 3, key: 2, fresh: 1 });
  if (hold === 'account') yield* enter(ctx);
  else if (hold === 'key') issuePartnerKey(ctx);
  else if (hold === 'fresh') yield* enterAs(ctx, random.int(0, 1e6), random.chance(0.5));
  if (random.chance(0.15)) yield* readMaps(ctx);
  const catalogues = random
    .shuffle(api.publicOnes.length > 0 ? api.publicOnes : api.resources)
    .slice(0, random.pick([1, 1, 1, 2, 5]));
  const how = random.weighted({ lists: 4, both: 4, items: 3, search: 2, ranges: 1.5 });
  const left = tries(ctx, 300);
  for (const resource of catalogues) {
    const share = Math.ceil(left / catalogues.length);
    if (how === 'search') yield* takeSearches(ctx, share);
    else if (how === 'items') yield* takeItems(ctx, resource, share);
    else if (how === 'ranges') yield* takeRanges(ctx, resource, share);
    else yield* takeLists(ctx, resource, share, how === 'both');
  }
}

function* readMaps(ctx: Context): Part<void> {
  const paths = ['/robots.txt', '/sitemap.xml', '/sitemap_index.xml', '/sitemap-1.xml', '/llms.txt', '/feed.xml'];
  for (const path of ctx.random.shuffle(paths).slice(0, ctx.random.int(1, 3))) yield* ask(ctx, step(ctx, 'GET', path));
}

function* takeLists(ctx: Context, resource: Resource, count: number, opens: boolean): Course {
  const { random } = ctx;
  let left = count;
  const start = random.chance(0.7) ? 0 : random.int(0, 60);
  // Some filter, sort or ask for larger pages than the API's own client does.
  const more = random.chance(0.2) ? `&${random.pick(['sort=id', 'order=asc', 'filter=all', 'view=full'])}` : '';
  const backwards = random.chance(0.1);
  const endsAtLast = random.chance(0.8);
  const share = random.pick([1, 1, 1, 0.5]);
  const alongside = random.chance(0.2);
  for (let n = start; left > 0 && !isStopped(ctx); n++) {
    const list = listStep(ctx, resource, backwards ? Math.max(0, 60 - n) : n, { alongside });
    const { page } = yield* ask(ctx, more && list.query ? { ...list, query: list.query + more } : list);
    left--;
    for (const found of opens && page ? numbersOf(page) : []) {
      if (left <= 0 || isStopped(ctx)) return;
      if (!random.chance(share)) continue;
      left--;
      yield* ask(ctx, itemStep(ctx, resource, found, { alongside }));
    }
    if (page?.isLast && endsAtLast) break;
  }
}

/** Objects whose addresses it has from a map or from last time; a part of them are gone. */
function* takeItems(ctx: Context, resource: Resource, count: number): Course {
  const { random } = ctx;
  const from = random.int(0, resource.count - 1);
  const stride = random.pick([1, 1, 2, random.int(3, 500)]);
  const alongside = random.chance(0.4);
  const tail = resource.child !== null && random.chance(0.2) ? `/${resource.child}` : '';
  for (let i = 0; i < count && !isStopped(ctx); i++) {
    const path = `${resource.path}/${idOf(resource, (from + i * stride) % resource.count)}${tail}`;
    yield* ask(ctx, step(ctx, 'GET', path, { alongside }));
  }
}

function* takeSearches(ctx: Context, count: number): Course {
  const { random, api } = ctx;
  const deep = random.logInt(1, 30);
  const name = random.pick(['q', 'query', 'term', 's', 'prefix']);
  const start = random.int(0, 900);
  const letters = random.chance(0.3);
  for (let i = 0; i < count && !isStopped(ctx); i++) {
    const n = Math.floor(i / deep);
    const term = letters
      ? String.fromCharCode(97 + (n % 26)) + String.fromCharCode(97 + (Math.floor(n / 26) % 26))
      : word(start + n);
    yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `${name}=${term}&page=${1 + (i % deep)}` }));
  }
}

/** As downloaders do: each file in pieces over connections side by side, so that one path is asked for several times. */
function* takeRanges(ctx: Context, resource: Resource, count: number): Course {
  const { random, api } = ctx;
  const pieces = random.int(1, 16);
  const files = [
    ...api.images,
    ...api.all('export'),
    ...Array.from({ length: 200 }, (_x, n) => `${resource.path}/${idOf(resource, n)}`),
  ];
  const wanted = random.chance(0.5) ? random.shuffle(files) : files;
  const looksFirst = random.chance(0.5);
  let left = count;
  for (const path of wanted) {
    if (looksFirst) yield* ask(ctx, step(ctx, 'HEAD', path));
    for (let piece = 0; piece < pieces; piece++) {
      if (left-- <= 0 || isStopped(ctx)) return;
      yield* ask(ctx, pieceStep(ctx, path, piece));
    }
  }
}

function pieceStep(ctx: Context, path: string, piece: number): Step {
  return step(ctx, 'GET', path, piece === 0 ? {} : { alongside: true, waitMs: ctx.random.log(0.5, 30) });
}

function* siteScraping(ctx: Context): Course {
  const { random, api } = ctx;
  const withImages = random.pick([0, 0, 0, 0.3, 1]);
  const withAssets = random.chance(0.1);
  const pieces = random.chance(0.1) ? random.int(2, 8) : 1;
  if (random.chance(0.3)) yield* readMaps(ctx);
  const pages = random.chance(0.5) ? api.pages : random.shuffle(api.pages);
  const refers = random.pick([0, 0.3, 1]);
  const alongside = random.chance(0.25);
  let referer: string | null = null;
  for (const path of pages.slice(0, tries(ctx, 200))) {
    if (isStopped(ctx)) return;
    for (let piece = 0; piece < pieces; piece++)
      yield* ask(ctx, { ...pieceStep(ctx, path, piece), referer, ...(alongside ? { alongside } : {}) });
    if (withAssets)
      for (const asset of api.assetsOf(api.pages.indexOf(path)).slice(0, 10)) yield* ask(ctx, step(ctx, 'GET', asset));
    if (random.chance(withImages) && api.images.length > 0) yield* ask(ctx, step(ctx, 'GET', random.pick(api.images)));
    referer = random.chance(refers) ? `https://${api.host}${path}` : null;
  }
}
