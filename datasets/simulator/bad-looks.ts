/** Looks before an attack: what there is, what stands in front of it, what an error says. */
import {
  ask,
  type Context,
  type Course,
  call,
  enter,
  isStopped,
  itemStep,
  listStep,
  pickResource,
  type Step,
  step,
  tryLogin,
  write,
} from './actor.ts';
import type { Api } from './api.ts';
import { rests, tries, warmUp } from './bad-habits.ts';
import { INJECTIONS, PARAMETERS, PROBES } from './bad-holes.ts';

/** A few calls, or some dozens to one page: nothing is taken, and much of it looks like anyone's. */
export function* reconnaissance(ctx: Context): Course {
  const { random } = ctx;
  const how = random.weighted({ few: 4, filter: 3, page: 2, hosts: 2 });
  if (how === 'few') yield* lookOnce(ctx);
  else if (how === 'filter') yield* lookForFilter(ctx);
  else if (how === 'page') yield* lookAtPage(ctx);
  else yield* lookForHosts(ctx);
}

/** One to three calls that nobody can tell from anyone's; some of them are a known hole's address. */
function* lookOnce(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  for (let left = random.int(1, 3); left > 0; left--) {
    yield* call(
      ctx,
      random.pick([
        () => step(ctx, 'GET', '/'),
        () => step(ctx, 'GET', random.pick(api.pages)),
        () => step(ctx, 'GET', random.pick(PROBES)),
        () => step(ctx, 'HEAD', '/'),
        () => listStep(ctx, resource, 0),
        () => itemStep(ctx, resource, random.int(0, resource.count - 1)),
        () => tryLogin(ctx, random.int(0, 1e6), random.chance(0.1)),
        () => step(ctx, 'GET', random.pick(['/robots.txt', '/favicon.ico', '/docs', '/index.html', '/swagger.json'])),
      ])(),
    );
  }
}

/** Which firewall is there: the same page with harmless and with hostile queries, and how the answers differ. */
function* lookForFilter(ctx: Context): Course {
  const { random, api } = ctx;
  const target = random.pick(['/', '/', '/', random.pick(api.pages), api.at('search'), pickResource(ctx, false).path]);
  const count = random.logInt(3, 40);
  const harmless = random.pick([0.1, 0.3, 0.5]);
  const name = random.chance(0.5) ? random.pick(PARAMETERS) : null;
  const strays = random.pick([0, 0, 0.15]);
  const isFiltered = api.rules.filter > 0;
  for (let i = 0; i < count; i++) {
    if (i === 0 || random.chance(harmless)) {
      yield* call(ctx, step(ctx, random.pick(['GET', 'GET', 'GET', 'HEAD']), target));
      continue;
    }
    const text = encodeURIComponent(random.pick(INJECTIONS));
    const path = random.chance(strays) ? `/${random.hex(8)}${random.pick(['', '.php', '.asp', '/../../etc/passwd'])}` : target;
    // Most pages take no notice of a query that they don't know.
    const wish = isFiltered || random.chance(0.15) ? { wish: 'attack' as const } : {};
    yield* call(
      ctx,
      step(ctx, random.chance(0.9) ? 'GET' : 'POST', path, { query: `${name ?? random.pick(PARAMETERS)}=${text}`, ...wish }),
    );
  }
}

/** What a site is made of: its page, icon, styles, an error, methods, well-known files. */
function* lookAtPage(ctx: Context): Course {
  const { random, api } = ctx;
  const all: readonly (() => Step)[] = [
    () => step(ctx, 'GET', '/'),
    () => step(ctx, 'HEAD', '/'),
    () => step(ctx, 'OPTIONS', '/'),
    () => step(ctx, 'TRACE', '/'),
    () => step(ctx, 'GET', '/favicon.ico'),
    () => step(ctx, 'GET', '/robots.txt'),
    () => step(ctx, 'GET', `/${random.hex(10)}`),
    () => step(ctx, 'GET', random.pick(DOCUMENTS)),
    () => step(ctx, 'GET', api.base || '/'),
    () => step(ctx, 'GET', random.pick(api.all('read'))),
    () => step(ctx, 'GET', random.pick(PROBES)),
    () => step(ctx, 'GET', random.pick(api.pages)),
  ];
  const wanted = random.shuffle(all).slice(0, random.int(2, all.length));
  yield* call(ctx, step(ctx, 'GET', '/'));
  for (let left = random.int(2, 30); left > 0; left--) yield* call(ctx, random.pick(wanted)());
}

/** One path or a few, again over names, ports and schemes of the host, of which the gateway sees the calls alone. */
function* lookForHosts(ctx: Context): Course {
  const { random } = ctx;
  const paths = random.chance(0.6)
    ? ['/']
    : random.shuffle(['/', '/login', '/api', '/favicon.ico', random.pick(PROBES), random.pick(DOCUMENTS)]).slice(0, 3);
  const method = random.pick(['GET', 'GET', 'HEAD']);
  for (let i = 0, count = random.logInt(3, 30); i < count; i++)
    yield* call(ctx, step(ctx, method, paths[i % paths.length]!, { alongside: random.chance(0.3) }));
}

const DOCUMENTS =
  '/openapi.json /swagger.json /v3/api-docs /swagger/v1/swagger.json /docs /redoc /graphql /.well-known/openid-configuration /.well-known/security.txt /robots.txt /sitemap.xml /version /health /api /v1 /v2 /v3 /internal /beta /rest'.split(
    ' ',
  );

/** Feeds that have a query of their own are left out. */
export function routesOf({ endpoints }: Api): string[] {
  return [...endpoints.keys()].filter((path) => !path.includes('?'));
}

/** Learns the lay of the land: documents, methods, versions, what an error says; little is asked twice. */
export function* footprinting(ctx: Context): Course {
  const { random, api } = ctx;
  const documents = random.shuffle(DOCUMENTS);
  const routes = random.shuffle([...api.resources.map((r) => r.path), ...routesOf(api)]);
  rests(ctx);
  if (random.chance(0.2)) yield* warmUp(ctx);
  if (random.chance(0.35)) yield* enter(ctx);
  const wants = random.pick([{}, { document: 12 }, { route: 12 }, { options: 9 }, { method: 9 }, { version: 9 }]);
  for (let i = 0, count = tries(ctx, 80); i < count && !isStopped(ctx); i++) {
    const route = routes[i % routes.length]!;
    const what = random.weighted({ document: 4, route: 3, options: 2, method: 2, version: 2, ...wants });
    if (what === 'document') yield* ask(ctx, step(ctx, 'GET', documents[i % documents.length]!));
    else if (what === 'route') yield* ask(ctx, step(ctx, 'GET', route));
    else if (what === 'options') yield* ask(ctx, step(ctx, 'OPTIONS', route));
    else if (what === 'method') yield* ask(ctx, write(ctx, random.pick(['POST', 'PUT', 'DELETE']), route, { wish: 'odd' }));
    else yield* ask(ctx, step(ctx, 'GET', route.replace(/v\d/, `v${random.int(0, 9)}`)));
  }
}
