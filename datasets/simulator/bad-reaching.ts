/** Attacks that reach for what is not theirs: places inside the network, and rights of others. */
import { ask, type Context, type Course, enter, isStopped, listStep, pickResource, type Step, step, write } from './actor.ts';
import { idOf, type Resource } from './api.ts';
import { anyShare, campaign, drawBodySize, drawOutcomes, enterAs } from './bad-habits.ts';

/** Routes that take an address to call, as APIs name them. */
const CALLERS =
  'webhooks hooks subscriptions callbacks import fetch preview proxy avatar integrations notifications/targets render'.split(' ');
const INSIDE =
  'http://127.0.0.1/ http://localhost:8080/ http://169.254.169.254/latest/meta-data/ http://10.0.0.1/ http://192.168.1.1/admin http://[::1]:6379/ file:///etc/passwd gopher://127.0.0.1:25/ http://metadata.internal/ http://0x7f000001/ http://internal-api:9200/_cat'.split(
    ' ',
  );

/** Has the server call addresses inside its own network: registered as webhooks, or given to fetch, or in a query. */
export function* webhookAbuse(ctx: Context): Course {
  const { random, api } = ctx;
  const paths = [
    ...random.shuffle(CALLERS).map((name) => `${api.base}/${name}`),
    ...api.all('hook'),
    api.at('upload'),
    api.at('jobs'),
  ];
  const targets = random.shuffle(paths).slice(0, random.pick([1, 1, 1, 2, 6]));
  const inQuery = random.pick([0, 0, 0, 0.3, 1]);
  const outcome = drawOutcomes(ctx, { invalid: 5, forbidden: 3, odd: 2, limited: 1, missing: 1.5, conflict: 0.5 });
  const bodyBytes = drawBodySize(random, 40, 400);
  const after = drawHookUse(ctx);
  yield* campaign(ctx, 120, 0.8, function* () {
    const path = random.pick(targets);
    const result = { wish: 'found' as const, ...outcome() };
    const url = encodeURIComponent(`${random.pick(INSIDE)}${random.chance(0.4) ? random.int(1, 65_535) : ''}`);
    if (random.chance(inQuery))
      yield* ask(ctx, step(ctx, 'GET', path, { query: `${random.pick(['url', 'uri', 'target', 'dest'])}=${url}`, ...result }));
    else yield* ask(ctx, write(ctx, 'POST', path, { bodyBytes: bodyBytes(), ...result }));
    if (result.wish === 'found') yield* after(path);
  });
}

/** What follows a webhook that was taken: a trial call, a look whether it came, its end so that the next fits. */
function drawHookUse(ctx: Context): (path: string) => Course {
  const { random } = ctx;
  const uses = random.shuffle(['test', 'look', 'delete', 'change'] as const).slice(0, random.pick([0, 0, 1, 2]));
  return function* (path) {
    const one = `${path}/${random.int(1, 9999)}`;
    for (const use of uses) {
      if (use === 'test') yield* ask(ctx, write(ctx, 'POST', `${one}/test`, { bodyBytes: 2, wish: 'found' }));
      else if (use === 'look') yield* ask(ctx, step(ctx, 'GET', one, { wish: 'found' }));
      else if (use === 'delete') yield* ask(ctx, step(ctx, 'DELETE', one, { wish: 'found' }));
      else yield* ask(ctx, write(ctx, 'PATCH', one, { bodyBytes: random.int(40, 200), wish: 'found' }));
    }
  };
}

type Probe = (n: number) => Step;

/** A normal account that tries what only others may: admin routes, other methods, fields that are not its own to set. */
export function* privilegeProbing(ctx: Context): Course {
  const { random } = ctx;
  const probes = random
    .shuffle(PROBINGS)
    .slice(0, random.pick([1, 1, 2, 3, 4]))
    .map((probing) => probing(ctx));
  const block = random.pick([1, 1, 10, 50]);
  const others = random.pick([0, 0, 0.1, 0.5]);
  const resource = pickResource(ctx, true);
  yield* enter(ctx);
  yield* campaign(ctx, 140, 0.9, function* (n) {
    yield* ask(ctx, probes[Math.floor(n / block) % probes.length]!(n));
    // Two accounts side by side show whose rights a route checks.
    if (random.chance(others / 5)) yield* enterAs(ctx, random.int(0, 1e6), random.chance(0.5));
    if (random.chance(others) && !isStopped(ctx)) yield* ask(ctx, listStep(ctx, resource, 0));
  });
}

/** Admin routes, those that are there and those that might be; by a share that is drawn they are open, or not there. */
function adminRoutes(ctx: Context): Probe {
  const { random, api } = ctx;
  const names = 'users roles audit settings keys tenants billing flags logs jobs export stats config impersonate'.split(' ');
  const roots = random.shuffle(['admin', 'internal', 'management', 'manage', 'staff', 'backoffice']).slice(0, random.int(1, 4));
  const guessed = random.shuffle(roots.flatMap((root) => names.map((name) => `${api.base}/${root}/${name}`)));
  const known = random.real();
  const outcome = drawOutcomes(ctx, { forbidden: 6, missing: 3, invalid: 0.5 }, random.pick([0, 0, 0.05, anyShare(random)]));
  const methods = random.pick([['GET'], ['GET'], ['GET', 'POST'], ['GET', 'PUT', 'DELETE']]);
  return (n) => {
    const path = random.chance(known) ? random.pick(api.all('admin')) : guessed[n % guessed.length]!;
    const method = random.pick(methods);
    const body = method === 'GET' || method === 'DELETE' ? {} : { bodyBytes: random.int(10, 300) };
    return step(ctx, method, path, { ...body, wish: 'found', ...outcome() });
  };
}

/** Changes and deletes objects, its own and others': which methods are open, and whose objects. */
function methodsOnObjects(ctx: Context): Probe {
  const { random } = ctx;
  const resources = Array.from({ length: random.int(1, 4) }, () => pickResource(ctx, true));
  const methods = random.pick([
    ['DELETE'],
    ['PUT'],
    ['PATCH'],
    ['PUT', 'PATCH', 'DELETE'],
    ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  ]);
  const ownShare = random.pick([0, 0.2, 0.8]);
  const start = random.int(0, 1e6);
  return (n) => {
    const resource = resources[n % resources.length]!;
    const method = methods[Math.floor(n / resources.length) % methods.length]!;
    const path = `${resource.path}/${idOf(resource, random.chance(ownShare) ? ownOf(ctx, resource, n) : (start + n) % resource.count)}`;
    return method === 'DELETE' || method === 'OPTIONS'
      ? step(ctx, method, path)
      : write(ctx, method, path, { bodyBytes: random.int(10, 300) });
  };
}

function ownOf(ctx: Context, resource: Resource, n: number): number {
  return ((ctx.account % resource.owners) + n * resource.owners) % resource.count;
}

/** Mass assignment: its own profile with a field more each time, `role` or `isAdmin`; mostly taken and ignored. */
function massAssignment(ctx: Context): Probe {
  const { random, api } = ctx;
  const path = random.pick([api.at('me'), api.at('me'), api.at('signup'), pickResource(ctx, true).path]);
  const method = path === api.at('me') ? random.pick(['PATCH', 'PUT']) : 'POST';
  const base = random.int(20, 400);
  const outcome = drawOutcomes(ctx, { invalid: 5, forbidden: 2, odd: 1 });
  const looks = random.pick([0, 0.3, 0.5]);
  return (n) =>
    random.chance(looks)
      ? step(ctx, 'GET', api.at('me'))
      : write(ctx, method, path, { bodyBytes: base + (n % 12) * 9 + random.int(0, 12), ...outcome() });
}

/** Rights in the query or another version of the route: `?admin=true`, `?role=owner`, /v1 for /v2. */
function rightsInQuery(ctx: Context): Probe {
  const { random, api } = ctx;
  const paths = [
    api.at('me'),
    ...api.resources.map(({ path }) => path),
    random.pick(api.all('export')),
    random.pick(api.all('admin')),
  ];
  const wanted = random.shuffle(paths).slice(0, random.int(1, paths.length));
  const asks = ['admin=true', 'role=admin', 'debug=1', 'all=true', 'as=1', 'user_id=1', 'scope=all', 'tenant=0'];
  const refused = drawOutcomes(ctx, { forbidden: 4, invalid: 3 });
  return (n) => {
    const path = wanted[n % wanted.length]!;
    const old = random.chance(0.2) ? path.replace(/v\d/, `v${random.int(0, 4)}`) : path;
    return step(ctx, 'GET', old, { query: random.pick(asks), ...refused() });
  };
}

const PROBINGS: readonly ((ctx: Context) => Probe)[] = [
  adminRoutes,
  adminRoutes,
  methodsOnObjects,
  massAssignment,
  rightsInQuery,
];
