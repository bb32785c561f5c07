/** Good clients that people sit before: phones, browsers, shops. */
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
  lookAlike,
  openPage,
  type Part,
  pickResource,
  post,
  type Step,
  signIn,
  size,
  step,
  write,
} from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { ALL, type Credential, numbersOf } from './server.ts';

export function* mobileApp(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.1)) yield* signsInAnew(ctx);
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

/** The app has logged its owner out, who remembers the password at the second try, or at the fifth, or asks for another. */
function* signsInAnew(ctx: Context): Part<void> {
  const { random } = ctx;
  for (let wrong = random.logInt(1, 6); wrong > 0; wrong--) {
    const answer = yield* signIn(ctx, false, { waitMs: random.around(6000, 0.7) });
    if (answer.isLimited) break;
  }
  if (random.chance(0.2)) yield* ask(ctx, post(ctx, 'reset', { bodyBytes: random.int(30, 60) }));
  yield* signIn(ctx, true, { waitMs: random.around(7000, 0.7) });
}

function change(ctx: Context, resource: Resource, n: number): Step {
  const { random } = ctx;
  if (random.chance(0.5)) return write(ctx, 'POST', resource.path);
  return write(ctx, random.pick(['PUT', 'PATCH', 'DELETE']), `${resource.path}/${idOf(resource, n)}`);
}

/** A page's script calls an API of another origin: questions before calls, and many calls at once. */
export function* browserApp(ctx: Context): Course {
  const { random, api } = ctx;
  const referer = `https://app.${api.host}/`;
  const asked = new Set<string>();
  const allowed = random.chance(0.7);
  if (random.chance(0.1)) yield* signsInAnew(ctx);
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

export function* graphqlClient(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  const faulty = random.pick([0, 0.02, 0.02, 0.15, 0.6]);
  for (let left = size(ctx, 1, 160); left > 0 && !givesUp(ctx); left--)
    yield* ask(
      ctx,
      post(ctx, 'graphql', {
        bodyBytes: random.logInt(120, 5000),
        ...(random.chance(faulty) ? { wish: random.pick(['invalid', 400, 401, 403] as const) } : {}),
      }),
    );
}

export function* mistypingUser(ctx: Context): Course {
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

export function* searchUser(ctx: Context): Course {
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

export function* uploader(ctx: Context): Course {
  const { random } = ctx;
  yield* enter(ctx);
  const bodyBytes = random.logInt(10_000, 5e6);
  // Too large, of a type that is not taken, or a part that is there already.
  const refused = random.pick([0, 0, 0, 0.05, 0.4]);
  for (let left = size(ctx, 1, 90); left > 0 && !givesUp(ctx); left--)
    yield* ask(
      ctx,
      post(ctx, 'upload', {
        method: random.chance(0.6) ? 'POST' : 'PUT',
        bodyBytes,
        query: random.chance(0.5) ? `part=${left}` : null,
        contentType: 'application/octet-stream',
        ...(random.chance(refused) ? { wish: random.pick([413, 415, 409, 412, 416, 400]) } : {}),
      }),
    );
}

/** Buys: looks, fills a basket, pays; a card or a coupon is refused now and then. */
export function* shopper(ctx: Context): Course {
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

export function* newcomer(ctx: Context): Course {
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

/** Works in the site's or the API's own administration. */
export function* siteOwner(ctx: Context): Course {
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

const ENTRANCES = [
  'https://www.google.com/',
  'https://duckduckgo.com/',
  'https://news.ycombinator.com/',
  'https://t.co/x',
  null,
  null,
];

/** What browsers and phones ask every site for, whether it is there or not. */
const ASKED_UNASKED = [
  '/apple-touch-icon-120x120-precomposed.png',
  '/apple-touch-icon-precomposed.png',
  '/apple-touch-icon.png',
  '/browserconfig.xml',
  '/manifest.json',
  '/.well-known/assetlinks.json',
  '/.well-known/apple-app-site-association',
  '/.well-known/change-password',
  '/opensearch.xml',
  '/ads.txt',
];

export function* webVisitor(ctx: Context): Course {
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
    if (random.chance(0.06)) yield* call(ctx, step(ctx, 'GET', random.pick(ASKED_UNASKED), { waitMs: random.log(20, 900) }));
    // Some come back hours later.
    if (random.chance(0.06)) yield* call(ctx, step(ctx, 'GET', '/', { waitMs: random.log(1.8e6, 2e7) }));
    referer = random.chance(0.9) ? `https://${api.host}${api.pages[page]}` : null;
  }
}

export function* hotLink(ctx: Context): Course {
  const { random, api } = ctx;
  const image = random.pick(api.images.length > 0 ? api.images : ['/favicon.ico']);
  const referer = random.chance(0.85) ? `http://forum${random.int(1, 400)}.example/thread/${random.int(1, 9e5)}` : null;
  for (let left = random.chance(0.8) ? 1 : random.int(2, 6); left > 0; left--)
    yield* call(ctx, step(ctx, 'GET', random.chance(0.9) ? image : random.pick(api.pages), { referer }));
}

/** One of many phones with the same app: it is opened, the person logs in, looks, and puts it away. */
export function* appUser(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.5)) yield* call(ctx, step(ctx, 'GET', random.pick(api.all('read')), { credential: null }));
  // Most phones kept their token; who logs in gets it right, at the latest at the second or third try.
  if (random.chance(0.25)) yield* enter(ctx);
  else if (!(yield* logIn(ctx))) return;
  yield* ask(ctx, step(ctx, 'GET', api.at('me')));
  for (let views = random.logInt(1, 8); views > 0 && !givesUp(ctx); views--)
    yield* browse(ctx, pickResource(ctx), 0, random.int(0, 3));
}

function* logIn(ctx: Context): Part<boolean> {
  const { random, manners } = ctx;
  for (let wrong = random.chance(0.9) ? 0 : random.int(1, 3); wrong > 0; wrong--)
    yield* signIn(ctx, false, { waitMs: random.around(6000, 0.6) });
  for (let tries = 0; tries <= Math.max(1, manners.retries) && !givesUp(ctx); tries++) {
    const waitMs = tries === 0 ? ctx.pace() : random.around(4000, 0.8);
    if ((yield* signIn(ctx, true, { waitMs })).status < 400) return true;
  }
  return false;
}

/** Reloads the page of what is soon on sale, as people do, then wants one of it. */
export function* dropFan(ctx: Context): Course {
  const { random } = ctx;
  const catalogue = pickResource(ctx, false);
  const wanted = random.int(0, catalogue.count - 1);
  if (random.chance(0.8)) yield* enter(ctx);
  yield* browse(ctx, catalogue, 0, random.int(0, 2));
  for (let looks = size(ctx, 2, 60); looks > 0 && !givesUp(ctx); looks--) yield* ask(ctx, itemStep(ctx, catalogue, wanted));
  for (let tries = random.int(1, 4); tries > 0; tries--) {
    const { status } = yield* ask(ctx, post(ctx, 'cart', { bodyBytes: 60, ...(random.chance(0.6) ? { wish: 'conflict' } : {}) }));
    if (status >= 400) continue;
    yield* ask(ctx, post(ctx, 'payment', { bodyBytes: 240 }));
    return;
  }
}

/** Several people behind one address, each with a program, an account and habits of their own; some mistype. */
export function* sharedOffice(ctx: Context): Course {
  const { random, api } = ctx;
  const people = Array.from({ length: ctx.faces }, (_x, from) => ({
    from,
    account: random.int(0, 1e6),
    credential: null as Credential | null,
  }));
  const mistypes = random.pick([0.05, 0.15, 0.3]);
  for (let turns = size(ctx, ctx.faces, ctx.faces * 12); turns > 0 && !givesUp(ctx); turns--) {
    const person = random.pick(people);
    ctx.from = person.from;
    ctx.credential = person.credential;
    if (!person.credential) {
      for (let wrong = random.int(1, 3); wrong > 0 && random.chance(mistypes); wrong--)
        yield* signIn(ctx, false, { waitMs: random.around(5000, 0.6) }, person.account);
      yield* signIn(ctx, true, {}, person.account);
      yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    }
    yield* browse(ctx, pickResource(ctx), 0, random.int(0, 3));
    person.credential = ctx.credential;
  }
}
