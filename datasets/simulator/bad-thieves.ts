/** What thieves do with a session or a key of somebody else's; each of them does one thing, or several. */
import {
  ask,
  type Context,
  type Course,
  isStopped,
  listStep,
  nextThere,
  pickResource,
  post,
  type Step,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { anyShare, drawBodySize, drawOutcomes, tries } from './bad-habits.ts';
import { drawOrder } from './bad-ids.ts';
import { numbersOf } from './server.ts';

type Theft = (ctx: Context) => Course;

/** Takes lists with it, page by page, and some of what they show. */
function* takeLists(ctx: Context): Course {
  const { random, api } = ctx;
  const wanted = random.shuffle(api.resources).slice(0, random.int(1, api.resources.length));
  const opens = random.pick([0, 0, 0.1, 1]);
  let left = tries(ctx, 200);
  for (const resource of wanted) {
    for (let n = 0; left-- > 0 && !isStopped(ctx); n++) {
      const { page } = yield* ask(ctx, listStep(ctx, resource, n));
      if (!page) break;
      for (const found of numbersOf(page)) {
        if (left <= 0 || !random.chance(opens)) continue;
        left--;
        yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${idOf(resource, found)}`));
      }
      if (page.isLast) break;
    }
  }
}

/** Walks ids, in one list or in several, or what belongs to each. */
function* walkIds(ctx: Context): Course {
  const { random } = ctx;
  const wanted = Array.from({ length: random.int(1, 3) }, () => pickResource(ctx, random.chance(0.8)));
  const orders = wanted.map((resource) => drawOrder(ctx, resource, random.int(0, resource.count - 1)));
  const withChild = random.chance(0.3);
  for (let i = 0, count = tries(ctx, 200); i < count && !isStopped(ctx); i++) {
    const at = i % wanted.length;
    const { path, child } = wanted[at]!;
    yield* ask(ctx, step(ctx, 'GET', `${path}/${orders[at]!(i)}${withChild && child ? `/${child}` : ''}`));
  }
}

/** Exports and reports: few calls, much data; or a job that makes one, and looks whether it is done. */
function* takeExports(ctx: Context): Course {
  const { random, api } = ctx;
  const paths = [...api.all('export'), api.at('query'), ...api.resources.map(({ path }) => path)];
  const asks = random.chance(0.3);
  for (let left = random.logInt(2, 60); left > 0 && !isStopped(ctx); left--) {
    if (asks) yield* ask(ctx, post(ctx, 'jobs', { bodyBytes: random.int(40, 300) }));
    const query = random.chance(0.5)
      ? random.pick(['format=csv', 'all=true', `from=2020-01-0${random.int(1, 9)}`, 'limit=10000'])
      : null;
    yield* ask(ctx, step(ctx, 'GET', random.pick(paths), { query }));
  }
}

/** Makes the account the thief's own: address, password, second factor; a no does not always stop it. */
function* takeOver(ctx: Context): Course {
  const { random, api } = ctx;
  const me = api.at('me');
  const outcome = drawOutcomes(ctx, { invalid: 2, forbidden: 3, conflict: 1, limited: 1 });
  const change = (method: string, tail: string) =>
    write(ctx, method, me + tail, { bodyBytes: random.int(30, 160), wish: 'found', ...outcome() });
  const all: readonly (() => Step)[] = [
    () => step(ctx, 'GET', me),
    () => change('PATCH', ''),
    () => change('PUT', ''),
    () => change('POST', '/password'),
    () => change('POST', '/email'),
    () => change('DELETE', '/mfa'),
    () => change('PUT', '/phone'),
    () => post(ctx, 'reset', { bodyBytes: random.int(24, 60) }),
    () => step(ctx, 'DELETE', `${me}/sessions`, { wish: 'found' }),
  ];
  const wanted = random.shuffle(all).slice(0, random.int(1, 6));
  for (let rounds = random.pick([1, 1, 2, 5]); rounds > 0; rounds--) for (const next of wanted) yield* ask(ctx, next());
}

/** Leaves doors open: keys, users, webhooks, forwarding; by paths that exist, or that it takes for usual. */
function* openDoors(ctx: Context): Course {
  const { random, api } = ctx;
  const names = ['keys', 'tokens', 'users', 'webhooks', 'apps', 'invitations', 'members', 'roles', 'integrations'];
  const paths = random.shuffle([...names.map((name) => `${api.base}/${name}`), api.at('hook'), pickResource(ctx).path]);
  const wanted = paths.slice(0, random.int(1, 4));
  const outcome = drawOutcomes(ctx, { forbidden: 5, invalid: 2, conflict: 1, missing: 2, limited: 0.5 });
  const looks = random.chance(0.5);
  const bodyBytes = drawBodySize(random, 30, 500);
  for (let left = random.logInt(1, 60); left > 0 && !isStopped(ctx); left--) {
    const path = random.pick(wanted);
    if (looks) yield* ask(ctx, step(ctx, 'GET', path, { wish: 'found' }));
    yield* ask(ctx, write(ctx, 'POST', path, { bodyBytes: bodyBytes(), wish: 'found', ...outcome() }));
  }
}

/** Buys and pays with what the account has, in many small sums or few. */
function* spend(ctx: Context): Course {
  const { random } = ctx;
  const does = random.pick(['payment', 'payout', 'giftcard', 'cart'] as const);
  const outcome = drawOutcomes(ctx, { declined: 4, forbidden: 2, limited: 1, conflict: 1 });
  const bodyBytes = drawBodySize(random, 50, 600);
  const basket = random.pick([0, 0, 0.5, 1]);
  for (let left = random.logInt(2, 150); left > 0 && !isStopped(ctx); left--) {
    if (random.chance(basket)) yield* ask(ctx, post(ctx, 'cart', { bodyBytes: random.int(30, 80) }));
    yield* ask(ctx, post(ctx, does, { bodyBytes: bodyBytes(), ...outcome() }));
  }
}

/** Changes or deletes what it finds, as for revenge or ransom. */
function* destroy(ctx: Context): Course {
  const { random } = ctx;
  const resource = pickResource(ctx, true);
  const method = random.pick(['DELETE', 'DELETE', 'PUT', 'PATCH']);
  const knows = anyShare(random);
  const own = ctx.account % resource.owners;
  for (let i = 0, count = random.logInt(3, 200); i < count && !isStopped(ctx); i++) {
    // Its own are every so many; of the others it may only guess.
    const n = random.chance(knows) ? own + i * resource.owners : random.int(0, resource.count - 1);
    const body = method === 'DELETE' ? {} : { bodyBytes: random.int(10, 300) };
    yield* ask(ctx, step(ctx, method, `${resource.path}/${idOf(resource, nextThere(resource, n % resource.count))}`, body));
  }
}

export const THEFTS: readonly Theft[] = [
  takeLists,
  takeLists,
  walkIds,
  walkIds,
  takeExports,
  takeOver,
  openDoors,
  spend,
  destroy,
];

/** One of these after the other, one to four of them. */
export function* steal(ctx: Context): Course {
  const { random } = ctx;
  for (const theft of random.shuffle(THEFTS).slice(0, random.pick([1, 1, 1, 2, 3, 4]))) {
    ctx.failRun = 0;
    yield* theft(ctx);
  }
}
