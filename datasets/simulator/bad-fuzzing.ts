/** Strange values for routes that exist, mostly through a credential that is good. */
import {
  ask,
  type Context,
  type Course,
  enter,
  isStopped,
  issuePartnerKey,
  pickResource,
  pretend,
  type Step,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { drawBodySize, enterAs, rests, tries, warmUp } from './bad-habits.ts';
import { COMMON, PARAMETERS } from './bad-holes.ts';
import { routesOf } from './bad-looks.ts';

/** An account, a key for all, a token had ready, or nothing. */
function* holdSomething(ctx: Context): Course {
  const hold = ctx.random.weighted({ own: 6, key: 2, ready: 1.5, none: 2 });
  if (hold === 'own') yield* enter(ctx);
  else if (hold === 'key') issuePartnerKey(ctx);
  else if (hold === 'ready') yield* enterAs(ctx, ctx.account, false);
}

/** Parameter names and strange values on routes that exist: much is refused as invalid, some is an error. */
export function* parameterFuzzing(ctx: Context): Course {
  const { random, api } = ctx;
  rests(ctx);
  if (random.chance(0.2)) yield* warmUp(ctx);
  if (!api.isSite) yield* holdSomething(ctx);
  const draw = drawFuzz(ctx);
  const cover = random.pick([0, 0, 0, 0.02, 0.1, 0.3]);
  for (let n = 0, count = tries(ctx, 250); n < count && !isStopped(ctx); n++) {
    yield* ask(ctx, draw(n));
    yield* pretend(ctx, cover);
  }
}

function drawFuzz(ctx: Context): (n: number) => Step {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  const item = `${resource.path}/${idOf(resource, random.int(0, resource.count - 1))}`;
  const paths = [
    ...api.resources.map((r) => r.path),
    item,
    api.at('search'),
    api.at('me'),
    api.at('cart'),
    random.pick(api.pages),
  ];
  const targets = random.shuffle(paths).slice(0, random.chance(0.3) ? 1 : random.int(1, paths.length));
  const methods = random.pick([['GET'], ['GET'], ['POST'], ['PUT', 'PATCH'], ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']]);
  const names = random.shuffle([...PARAMETERS, ...COMMON]).slice(0, random.chance(0.3) ? 1 : 400);
  const inOrder = random.chance(0.5);
  const odd = random.real(0.1, 1);
  const inPath = random.pick([0, 0.15, 0.5]);
  const hasQuery = random.pick([0.2, 0.7, 1]);
  const bodyBytes = drawBodySize(random, 2, 2000);
  return (n) => {
    const method = random.pick(methods);
    const path = random.pick(targets);
    const value = oddValue(ctx);
    const name = inOrder ? names[n % names.length]! : random.pick(names);
    const body = method === 'GET' ? {} : { bodyBytes: bodyBytes(), contentType: 'application/json' };
    return step(ctx, method, random.chance(inPath) ? `${path}/${value || '0'}` : path, {
      query: random.chance(hasQuery) ? `${name}=${value}` : null,
      ...body,
      ...(random.chance(odd) ? { wish: 'odd' as const } : {}),
    });
  };
}

function oddValue({ random }: Context): string {
  const long = 'a'.repeat(random.int(10, 400));
  return random.pick([random.hex(6), '-1', '99999999999', 'null', 'true', '%00', '[]', '', long, random.pick(COMMON)]);
}

/** From the API's own description: every route with bodies and values that fit and that don't, and with other methods. */
export function* schemaFuzzing(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.7))
    yield* ask(ctx, step(ctx, 'GET', random.pick(['/openapi.json', '/swagger.json', '/docs']), { credential: null }));
  yield* holdSomething(ctx);
  const odd = random.real(0.1, 1);
  const routes = [...api.resources.flatMap(({ path }) => [path, `${path}/{}`]), ...routesOf(api)];
  const examples = random.logInt(1, 60);
  let left = tries(ctx, 400);
  for (const route of random.chance(0.7) ? routes : random.shuffle(routes))
    for (let i = 0; i < examples && !isStopped(ctx); i++) {
      if (left-- <= 0) return;
      yield* ask(ctx, exampleOf(ctx, route, odd));
    }
}

function exampleOf(ctx: Context, route: string, odd: number): Step {
  const { random } = ctx;
  const isItem = route.endsWith('{}');
  const method = random.pick(isItem ? ['GET', 'GET', 'PUT', 'PATCH', 'DELETE'] : ['GET', 'POST', 'POST']);
  const path = route.replace(
    '{}',
    random.pick(['0', '-1', String(random.int(0, 2 ** 31)), random.hex(8), '%00', 'null', random.uuid()]),
  );
  const wish = random.chance(odd) ? { wish: 'odd' as const } : {};
  if (method !== 'GET' && method !== 'DELETE') return write(ctx, method, path, { bodyBytes: random.logInt(2, 3000), ...wish });
  return step(ctx, method, path, {
    query: random.chance(0.5) ? `${random.pick(PARAMETERS)}=${random.hex(random.int(1, 30))}` : null,
    ...wish,
  });
}
