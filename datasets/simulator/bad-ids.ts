/** Objects of others by their ids: by scripts, by loops in a shell, through an account, a key, or nothing. */
import {
  ask,
  type Context,
  type Course,
  enter,
  isStopped,
  issuePartnerKey,
  itemStep,
  listStep,
  nextThere,
  type Part,
  pickResource,
  pretend,
  type Step,
  step,
  write,
} from './actor.ts';
import { guessId, idOf, type Resource } from './api.ts';
import { enterAs, rests, tries, warmUp } from './bad-habits.ts';
import { ALL, numbersOf } from './server.ts';

type Order = (i: number) => string;

/** How ids are gone through. Those who hold a key of their own start near their own objects. */
export function drawOrder(ctx: Context, resource: Resource, from: number): Order {
  const { random } = ctx;
  const kind = random.weighted({
    up: 6,
    down: 1,
    shuffled: 2,
    guessed: 2,
    leaps: 1,
    jittered: 1,
    harvested: 1.5,
    lanes: 1,
    beyond: 0.5,
  });
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
    case 'lanes': {
      // Workers side by side, each with a block of its own.
      const lanes = random.int(2, 16);
      const block = random.logInt(20, 2000);
      return (i) => idOf(resource, wrap(from + (i % lanes) * block + Math.floor(i / lanes)));
    }
    case 'beyond':
      return (i) => idOf(resource, resource.count + i);
    case 'shuffled':
      return () => idOf(resource, random.int(0, Math.ceil(resource.count * 1.05)));
    default:
      return () => guessId(random, resource);
  }
}

/** Ids that a list showed, or links elsewhere gave away: each of them is there. */
function* harvest(ctx: Context, resource: Resource): Part<Order> {
  const { random } = ctx;
  const found: number[] = [];
  for (let n = 0, pages = random.logInt(1, 8); n < pages && !isStopped(ctx); n++) {
    const { page } = yield* ask(ctx, listStep(ctx, resource, n));
    if (page) found.push(...numbersOf(page));
  }
  if (found.length === 0) return drawOrder(ctx, resource, 0);
  const numbers = random.chance(0.5) ? found : random.shuffle(found);
  // Past what was shown it goes on as it guesses.
  return (i) => idOf(resource, i < numbers.length ? numbers[i]! : numbers[i % numbers.length]! + Math.floor(i / numbers.length));
}

/** Calls that a script puts between, as its author copied them: health, oneself, the list again. */
function* decoy(ctx: Context, resource: Resource): Course {
  const { random, api } = ctx;
  const item = random.int(0, resource.count - 1);
  const choices = [
    () => step(ctx, 'GET', api.at('me')),
    () => step(ctx, 'GET', random.pick(api.all('read'))),
    () => listStep(ctx, resource, random.int(0, 3)),
    () => itemStep(ctx, resource, nextThere(resource, item)),
  ];
  yield* ask(ctx, random.pick(choices)());
}

/** One or two lists of objects, with what belongs to each or without; the method mostly reads. */
export function* idEnumeration(ctx: Context): Course {
  const { random } = ctx;
  const isPrivate = random.chance(0.85);
  rests(ctx);
  if (random.chance(0.3)) yield* warmUp(ctx);
  const hold = random.weighted({ account: 5, key: 2, all: 1, none: 2 });
  if (hold === 'key') issuePartnerKey(ctx, ctx.account);
  else if (hold === 'all') issuePartnerKey(ctx);
  else if (hold === 'account') yield* enter(ctx);
  const wanted = Array.from({ length: random.pick([1, 1, 1, 2]) }, () => pickResource(ctx, isPrivate));
  const orders: Order[] = [];
  for (const resource of wanted)
    orders.push(
      random.chance(0.15) ? yield* harvest(ctx, resource) : drawOrder(ctx, resource, random.int(0, resource.count - 1)),
    );
  const draw = drawItemStep(ctx, wanted, orders);
  const cover = random.pick([0, 0, 0, 0.05, 0.2, 0.5]);
  const swaps = random.chance(0.1) ? random.logInt(1, 30) : 0;
  for (let i = 0, count = tries(ctx, 250); i < count && !isStopped(ctx); i++) {
    if (swaps > 0 && i % swaps === swaps - 1) yield* enterAs(ctx, random.int(0, 1e6), random.chance(0.5));
    yield* ask(ctx, draw(i));
    if (random.chance(cover)) yield* decoy(ctx, random.pick(wanted));
    yield* pretend(ctx, cover / 10);
  }
}

function drawItemStep(ctx: Context, wanted: readonly Resource[], orders: readonly Order[]): (i: number) => Step {
  const { random } = ctx;
  const method = random.pick(['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'DELETE', 'PATCH', 'PUT', 'OPTIONS']);
  const childShare = random.pick([0, 0, 0, 1, 1, 0.5]);
  const madeUp = random.chance(0.1) ? `/${random.pick(['details', 'history', 'files', 'invoice', 'notes'])}` : '';
  const query = random.chance(0.1) ? random.pick(['expand=all', 'include=owner', 'format=json', 'fields=email,phone']) : null;
  const alongside = random.chance(0.2);
  return (i) => {
    const at = i % wanted.length;
    const { path, child } = wanted[at]!;
    const tail = child !== null && random.chance(childShare) ? `/${child}` : madeUp;
    const full = `${path}/${orders[at]!(Math.floor(i / wanted.length))}${tail}`;
    if (method === 'PATCH' || method === 'PUT') return write(ctx, method, full, { bodyBytes: random.int(10, 200), alongside });
    return step(ctx, method, full, { query, alongside });
  };
}

/** A partner's key, bought or found, or one's own: what it opens is read in order, gaps and all, though never listed. */
export function* keyEnumeration(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, true);
  issuePartnerKey(ctx, random.chance(0.35) ? ALL : ctx.account);
  rests(ctx);
  if (random.chance(0.2)) yield* warmUp(ctx);
  const order = drawOrder(ctx, resource, random.chance(0.5) ? 0 : random.int(0, resource.count - 1));
  const cover = random.pick([0, 0, 0.02, 0.1, 0.3]);
  const tail = resource.child !== null && random.chance(0.2) ? `/${resource.child}` : '';
  const alongside = random.chance(0.15);
  if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', api.at('me')));
  for (let i = 0, count = tries(ctx, 400); i < count && !isStopped(ctx); i++) {
    yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i)}${tail}`, { alongside }));
    if (random.chance(cover)) yield* decoy(ctx, resource);
  }
}
