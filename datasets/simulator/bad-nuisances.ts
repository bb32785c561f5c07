/** Nuisances: floods, and text that nobody wants. */
import {
  ask,
  type Context,
  type Course,
  call,
  enter,
  isStopped,
  itemStep,
  pickResource,
  post,
  type Step,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { campaign, drawBodySize, drawOutcomes } from './bad-habits.ts';

/** As many calls as fit: one route or a few, with a key or without, and whether it is served is the server's to say. */
export function* flood(ctx: Context): Course {
  const { random, api } = ctx;
  if (!api.isSite && random.chance(0.4)) yield* enter(ctx);
  const targets = random.shuffle(floodTargets(ctx)).slice(0, random.pick([1, 1, 1, 2, 4]));
  const bust = random.chance(0.4);
  const isWave = random.chance(0.3);
  const waveCalls = random.logInt(5, 50);
  const restMs = random.log(300, 30_000);
  const outcome = drawOutcomes(ctx, { limited: 3, odd: 1 }, random.pick([1, 1, 1, 1, 0, 0.1, 0.5]));
  const many = random.weighted({ few: 2, some: 4, most: 3 });
  const count = many === 'few' ? random.int(20, 60) : many === 'some' ? random.logInt(50, 800) : random.logInt(400, 3000);
  for (let n = 1; n <= count; n++) {
    const next = random.pick(targets)();
    const restsNow = isWave && n % waveCalls === 0;
    const waitMs = next.waitMs + (restsNow ? restMs : 0);
    yield* call(ctx, { ...next, waitMs, alongside: true, ...(bust ? { query: `r=${random.hex(8)}` } : {}), ...outcome() });
  }
}

function floodTargets(ctx: Context): (() => Step)[] {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  const item = random.int(0, resource.count - 1);
  const bodyBytes = drawBodySize(random, 20, 5000);
  const account = random.int(0, 1e6);
  const get = (path: string) => () => step(ctx, 'GET', path);
  const send = (path: string) => () => write(ctx, 'POST', path, { bodyBytes: bodyBytes() });
  return [
    get('/'),
    get(resource.path),
    get(api.at('search')),
    get(api.at('me')),
    get(random.pick(api.pages)),
    get(random.pick(api.all('export'))),
    send(api.at('graphql')),
    send(resource.path),
    () => itemStep(ctx, resource, item),
    () => itemStep(ctx, resource, random.int(0, resource.count - 1)),
    () => post(ctx, 'login', { login: { account, isRight: false }, credential: null, bodyBytes: 60 }),
  ];
}

/** Posts wherever posting is possible: forms, lists, what belongs to an object; from no account, one, or many. */
export function* spamPosting(ctx: Context): Course {
  const { random, api } = ctx;
  const target = drawPostTarget(ctx);
  const bodyBytes = drawBodySize(random, 80, 6000);
  const outcome = drawOutcomes(ctx, { invalid: 4, forbidden: 2, conflict: 2, limited: 3, missing: 0.5 });
  const looks = random.pick([0, 0, 0, 0.1, 0.5, 1]);
  const contentType = random.pick(['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data']);
  const refers = random.chance(0.5);
  yield* campaign(ctx, 80, 0.65, function* (n) {
    const page = random.pick(api.pages);
    if (random.chance(looks)) yield* look(ctx, page);
    const referer = refers ? { referer: `https://${api.host}${page}` } : {};
    const more = { bodyBytes: bodyBytes(), contentType, ...referer };
    yield* ask(ctx, step(ctx, 'POST', target(n), { ...more, wish: 'found', ...outcome() }));
  });
}

function* look(ctx: Context, page: string): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, false);
  if (api.isSite || random.chance(0.3)) yield* ask(ctx, step(ctx, 'GET', page));
  else if (!isStopped(ctx)) yield* ask(ctx, itemStep(ctx, resource, random.int(0, resource.count - 1)));
}

/** One place for all, one object's comments, or another object's each time. */
function drawPostTarget(ctx: Context): (n: number) => string {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  const forms = api.all('form');
  const below = resource.child ?? 'comments';
  const one = random.int(0, resource.count - 1);
  switch (random.weighted({ form: api.isSite ? 9 : 3, forms: 1, list: 4, one: 2, each: 3, own: 2 })) {
    case 'form':
      return () => forms[0]!;
    case 'forms':
      return (n) => forms[n % forms.length]!;
    case 'list':
      return () => resource.path;
    case 'one':
      return () => `${resource.path}/${idOf(resource, one)}/${below}`;
    case 'each':
      return (n) => `${resource.path}/${idOf(resource, (one + n) % resource.count)}/${below}`;
    default: {
      const path = `${api.base}/${random.pick(['reviews', 'tickets', 'comments', 'messages', 'posts'])}`;
      return () => path;
    }
  }
}
