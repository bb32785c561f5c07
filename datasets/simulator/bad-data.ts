/** Attacks on data from many addresses, or through many accounts. */
import {
  ask,
  browse,
  type Context,
  type Course,
  isStopped,
  issuePartnerKey,
  itemStep,
  listStep,
  pickResource,
  planAddresses,
  spread,
  step,
  tryLogin,
} from './actor.ts';
import { rests, tries } from './bad-habits.ts';
import { drawOrder } from './bad-ids.ts';
import { type Credential, numbersOf } from './server.ts';

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
  // A list that was bought, or tried before, has hardly a wrong one left.
  const wrong = random.pick([0, 0, random.log(0.005, 0.4)]);
  const looks = random.pick([0, 1, 1]);
  const pages = random.pick([1, 1, random.int(2, 6)]);
  const items = random.pick([0, 0, 1, 4, 8]);
  const codes = random.pick([0, 0, 0, 0.4]);
  const wanted = Array.from({ length: random.int(1, 4) }, () => pickResource(ctx, true));
  rests(ctx);
  for (let left = tries(ctx, 60); left > 0 && !isStopped(ctx); left -= 3) {
    const { credential } = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), !random.chance(wrong)));
    if (!credential) continue;
    ctx.credential = credential;
    if (random.chance(looks)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
    for (const resource of wanted) for (let n = 0; n < pages; n++) yield* browse(ctx, resource, n, random.int(0, items));
    if (random.chance(codes)) yield* ask(ctx, step(ctx, 'GET', random.pick(api.all('giftcard'))));
  }
}
