/** Habits that good kinds share: what a client that knows the API asks for, what an old one still asks for. */
import { type Context, type Course, itemStep, listStep, nextThere, pickResource, post, type Step, step, write } from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { ALL } from './server.ts';

/** An object that is there and that the client may see. */
export function ownNumber(ctx: Context, resource: Resource): number {
  const { random, credential } = ctx;
  const owner = credential?.owner ?? ALL;
  if (!resource.isPrivate || owner === ALL) return nextThere(resource, random.int(0, resource.count - 1));
  const first = owner % resource.owners;
  const last = Math.max(0, Math.floor((resource.count - 1 - first) / resource.owners));
  return nextThere(resource, first + resource.owners * random.int(0, last), resource.owners);
}

/** An object of somebody else, where there is anybody else. */
export function foreignNumber(ctx: Context, resource: Resource): number {
  const n = ownNumber(ctx, resource);
  return nextThere(resource, (n + ctx.random.int(1, resource.owners)) % resource.count);
}

/** An id that never was or no longer is. */
export function missingItem(ctx: Context, resource: Resource, more: Partial<Step> = {}): Step {
  return itemStep(ctx, resource, resource.count + ctx.random.int(1, 50_000), more);
}

/** How often each sort of call comes in an ordinary walk. */
export type Mix = Readonly<Record<'list' | 'item' | 'me' | 'read' | 'write' | 'search', number>>;

/** Some read only, some write most of the time; each client has its own mix. */
export function drawMix({ random }: Context): Mix {
  const some = (most: number) => (random.chance(0.6) ? random.real(0, most) : 0);
  return { list: random.real(0.1, 4), item: random.real(0, 6), me: some(1), read: some(0.5), write: some(3), search: some(1.5) };
}

/** One call of a client that knows what is there and whose it is. */
export function usualStep(ctx: Context, used: readonly Resource[], mix: Mix): Step {
  const { random, api } = ctx;
  const resource = random.pick(used);
  switch (random.weighted(mix)) {
    case 'list':
      return listStep(ctx, resource, random.chance(0.7) ? 0 : random.int(1, 9));
    case 'item':
      return itemStep(ctx, resource, ownNumber(ctx, resource));
    case 'me':
      return step(ctx, 'GET', api.at('me'));
    case 'read':
      return step(ctx, 'GET', random.pick(api.all('read')));
    case 'search':
      return step(ctx, 'GET', api.at('search'), {
        query: `q=${random.pick(['lamp', 'north', 'blue', 'invoice'])}${random.int(1, 99)}`,
      });
    case 'write':
      return random.chance(0.6)
        ? write(ctx, 'POST', resource.path)
        : write(ctx, random.pick(['PUT', 'PATCH']), `${resource.path}/${idOf(resource, ownNumber(ctx, resource))}`);
  }
}

/** What a client has business with: one to `most` sorts of objects, private ones first where it matters. */
export function drawUsed(ctx: Context, most: number, isPrivate?: boolean): Resource[] {
  return Array.from({ length: ctx.random.int(1, most) }, () => pickResource(ctx, isPrivate));
}

/** A base that was the API's once, or that somebody took for it. */
export function oldBase({ random, api }: Context): string {
  const { base } = api;
  const version = /\d+/.exec(base)?.[0];
  return random.pick([
    `/v0${base}`,
    `/legacy${base}`,
    `${base}${base}`.replace(/^$/, '/api'),
    `${base}/v${random.int(3, 9)}`,
    `/mobile${base}`,
    `/prod${base}`,
    `/staging${base}`,
    `/${random.pick(['svc', 'backend', 'apis', 'ws', 'soap', 'beta'])}`,
    version ? base.replace(version, String(Number(version) + random.pick([-1, 1]))) : `${base}/v1beta`,
  ]);
}

const OLD_NAMES =
  'banner notifications sync config profile push/register avatars settings devices home catalog ads translations version-check messages favourites feed.json session status.php'.split(
    ' ',
  );

/** The path of a route that is no more, by name, by version or by ending. */
export function oldPath(ctx: Context): string {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  return random.pick([
    () => `${oldBase(ctx)}/${random.pick(OLD_NAMES)}`,
    () => `${api.base}/${random.pick(OLD_NAMES)}`,
    () => `${oldBase(ctx)}${resource.path.slice(api.base.length)}`,
    () => `${resource.path}.${random.pick(['json', 'xml', 'php', 'aspx'])}`,
    () => `${resource.path}/${random.pick(['list', 'all', 'latest', 'count', 'recent'])}-v${random.int(1, 3)}`,
  ])();
}

/** A code that came by message, entered by its owner. */
export function otpStep(ctx: Context, account: number, isRight: boolean, more: Partial<Step> = {}): Step {
  return post(ctx, 'otpVerify', { login: { account, isRight }, credential: null, bodyBytes: ctx.random.int(20, 90), ...more });
}

/**
 * Several people's business through one client, interleaved as they come: each call belongs to one of those who are there,
 * and where one is done the next comes.
 */
export function* interleave(ctx: Context, people: number, atOnce: number, begin: () => Course): Course {
  const { random } = ctx;
  const there: Course[] = [];
  const pending = new Map<Course, Step>();
  let left = people;
  while (left > 0 || there.length > 0) {
    if (left > 0 && there.length < atOnce && (there.length === 0 || random.chance(0.5))) {
      left--;
      const course = begin();
      const first = course.next();
      if (first.done) continue;
      there.push(course);
      pending.set(course, first.value);
    }
    const course = random.pick(there);
    // One of several addresses, as the calls are shared out.
    if (ctx.from !== null && ctx.faces > 1) ctx.from = random.int(0, ctx.faces - 1);
    const answer = yield pending.get(course)!;
    const following = course.next(answer);
    if (!following.done) pending.set(course, following.value);
    else {
      there.splice(there.indexOf(course), 1);
      pending.delete(course);
    }
  }
}
