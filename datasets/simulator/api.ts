/**
 * The shape of one deployment's API or web site, drawn from wide ranges: names, ids, sizes, rules, and how it says no.
 * server.ts answers by it; the kinds read it as a client reads documentation.
 */
import { drawBytes, type Fitted, UNFITTED } from './fitted.ts';
import { gather, type Random, scatter } from './random.ts';

export type IdStyle = 'number' | 'uuid' | 'hex' | 'slug' | 'token' | 'code';

/** Objects of one sort. Object n (0 to count - 1) has an id that is computed, not stored. */
export interface Resource {
  /** Path of the list; an object is one segment below. */
  readonly path: string;
  readonly idStyle: IdStyle;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  /** Share of objects that were deleted. */
  readonly gaps: number;
  readonly isPrivate: boolean;
  /** Object n belongs to account n modulo owners. */
  readonly owners: number;
  readonly bytes: number;
  readonly pageSize: number;
  readonly newestFirst: boolean;
  readonly child: string | null;
}

export type Does =
  | 'read'
  | 'metrics'
  | 'feed'
  | 'page'
  | 'asset'
  | 'login'
  | 'refresh'
  | 'signup'
  | 'payment'
  | 'coupon'
  | 'giftcard'
  | 'payout'
  | 'otpSend'
  | 'otpVerify'
  | 'reset'
  | 'graphql'
  | 'hook'
  | 'telemetry'
  | 'me'
  | 'search'
  | 'query'
  | 'upload'
  | 'jobs'
  | 'cart'
  | 'admin'
  | 'form'
  | 'export';

export interface Endpoint {
  readonly path: string;
  readonly does: Does;
  readonly isOpen: boolean;
  readonly bytes: number;
}

/** How a deployment answers. Shares are 0 to 1. */
export interface Rules {
  readonly unauthorized: number;
  readonly denied: number;
  readonly missing: number;
  readonly invalid: number;
  readonly declined: number;
  readonly loginOk: number;
  readonly loginRefused: number;
  readonly created: number;
  readonly locked: number;
  /** Failed logins after which an account is locked; 0 never. */
  readonly lockAfter: number;
  /** Calls a minute and client; 0 for no limit. */
  readonly limitPerMinute: number;
  readonly loginsPerMinute: number;
  readonly limited: number;
  readonly retryAfterMs: number;
  /** Says how long to wait. */
  readonly tellsWait: boolean;
  /** Share of calls that fail for no reason of the client's, and of slices of time with an outage. */
  readonly faults: number;
  readonly outages: number;
  readonly outageMs: number;
  /** What is made is answered with the whole of it, else with its id alone. */
  readonly echoes: boolean;
  /** Status for what a filter takes for an attack; 0 without filter. */
  readonly filter: number;
  /** Share of odd values answered as if they were none, as invalid; the rest are server errors. */
  readonly oddIgnored: number;
  readonly oddInvalid: number;
  /** Of unknown paths: some gateways forbid what they have no route for, some show a page and say 200. */
  readonly unknown: number;
  /** Without a credential everything is refused before the path is looked at. */
  readonly asksFirst: boolean;
  /** Ownership of objects is not checked: a hole that enumerations live on. */
  readonly hasHole: boolean;
  readonly auth: 'key' | 'token' | 'mixed' | 'open';
  readonly tokenLifeMs: number;
  /** The gateway hashes the token (new at each login), or the `sub` claim within. */
  readonly subjectIs: 'token' | 'account';
  readonly paging: 'page' | 'offset' | 'cursor' | 'none';
  /** How long a content stays the same, for 304. */
  readonly changesEveryMs: number;
  readonly latencyMs: number;
  readonly errorBytes: number;
}

export interface Api {
  readonly isSite: boolean;
  readonly host: string;
  readonly base: string;
  readonly rules: Rules;
  readonly resources: readonly Resource[];
  readonly publicOnes: readonly Resource[];
  readonly privateOnes: readonly Resource[];
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly pages: readonly string[];
  /** What page n shows: its own pictures and the site's styles and scripts. */
  assetsOf(page: number): readonly string[];
  readonly images: readonly string[];
  readonly dav: string;
  readonly scim: string;
  /** The endpoint for a purpose, the same one each time. */
  at(does: Does): string;
  all(does: Does): readonly string[];
}

const NOUNS =
  'orders customers invoices products users accounts tickets shipments items contacts leads projects tasks documents messages reports payments subscriptions devices readings bookings rooms flights patients appointments employees articles comments playlists tracks vehicles routes stores offers reviews categories assets events transactions statements policies claims courses students records batches suppliers contracts notes teams members jobs-board listings cards wallets'.split(
    ' ',
  );
const CHILDREN = ['items', 'lines', 'comments', 'history', 'attachments', 'status', 'details', 'events', 'notes', 'tags'];
const WORDS =
  'amber basin cedar dune ember fern glade harbor iris juniper kelp lagoon maple north ocean pine quartz river stone tundra umber valley willow yarrow zinc puppet logging latency kernel window firefox ubuntu backup install select update union table admin config release notes guide python java cloud query design system paper light green blue'.split(
    ' ',
  );

const BASES = [
  '',
  '/v1',
  '/v1',
  '/v2',
  '/api',
  '/api',
  '/api/v1',
  '/api/v1',
  '/api/v2',
  '/api/v3',
  '/rest',
  '/rest/v1',
  '/services/v1',
  '/public/v1',
  '/gateway',
  '/app/api',
  '/json',
  '/2024-01',
];

/** Paths for a purpose, one or more drawn for each deployment; ~ stands for the API's base. */
const PATHS: Readonly<Partial<Record<Does, readonly string[]>>> = {
  login: [
    '~/login',
    '~/auth/login',
    '~/auth',
    '~/sessions',
    '~/oauth/token',
    '/oauth/token',
    '/oauth2/token',
    '~/users/authenticate',
    '~/signin',
    '/connect/token',
    '~/token',
    '/login',
    '~/account/login',
    '~/user/log-in',
    '~/identity/connect',
    '/j_security_check',
  ],
  refresh: ['~/auth/refresh', '~/token/refresh', '/oauth/refresh', '~/sessions/renew', '/oauth/token/renew'],
  signup: ['~/register', '~/signup', '~/accounts/new', '~/users/register', '~/auth/register', '/join'],
  payment: [
    '~/payments/charge',
    '~/checkout',
    '~/charges',
    '~/checkout/pay',
    '~/cart/payment',
    '~/transactions/authorise',
    '~/donate',
  ],
  coupon: ['~/coupons/redeem', '~/promo/check', '~/vouchers/validate', '~/cart/coupon'],
  giftcard: ['~/giftcards/balance', '~/gift-cards/check', '~/wallet/card-balance', '~/credits/lookup'],
  payout: ['~/payouts', '~/transfers', '~/wallet/withdraw', '~/points/transfer', '~/giftcards/buy', '~/refunds'],
  otpSend: ['~/otp/send', '~/phone/code', '~/verify/sms', '~/auth/sms', '~/auth/phone'],
  otpVerify: ['~/otp/verify', '~/phone/confirm', '~/verify/check', '~/auth/mfa', '~/auth/code'],
  reset: ['~/password/forgot', '~/auth/reset', '~/account/recover', '~/users/exists', '~/check-email'],
  graphql: ['/graphql', '~/graphql', '/query', '/gql'],
  hook: ['/hooks/stripe', '/webhooks/github', '~/callbacks/orders', '/hooks/inbound', '~/integrations/events', '/webhook'],
  telemetry: ['~/telemetry', '~/ingest', '/collect', '~/metrics/push', '~/devices/state', '/t'],
  me: ['~/me', '~/users/me', '~/profile', '~/account', '~/whoami', '~/userinfo'],
  search: ['~/search', '~/find', '~/lookup', '~/products/search', '~/suggest', '~/typeahead'],
  query: ['/services/data/v60.0/query', '~/query', '~/sql', '~/odata/Entities', '~/reports/query'],
  upload: ['~/files', '~/uploads', '~/media', '~/attachments/upload', '~/artifacts'],
  jobs: ['~/jobs', '~/builds', '~/pipelines', '~/exports', '~/tasks/async'],
  cart: ['~/cart/items', '~/cart', '~/basket', '~/reservations', '~/holds'],
  export: ['~/export', '~/reports/daily', '~/dump/orders', '~/bulk/download', '~/backup'],
  read: [
    '/health',
    '/healthz',
    '/status',
    '/ping',
    '~/health',
    '/ready',
    '/version',
    '/actuator/health',
    '/server-status',
    '~/config',
    '/config.json',
    '~/settings',
    '~/features',
  ],
  metrics: ['/metrics', '/actuator/prometheus', '~/metrics', '/internal/metrics'],
  admin: ['/admin', '~/admin/users', '~/admin/audit', '/admin/login', '~/internal/stats', '~/management', '/manager/status'],
  form: ['/contact', '/comments', '~/feedback', '/wp-comments-post.php', '/guestbook', '~/messages/new'],
  feed: [
    '/feed',
    '/rss',
    '/blog/index.xml',
    '/feed.xml',
    '/atom.xml',
    '/blog/tags/release?format=rss',
    '/index.rss',
    '/?flav=atom',
  ],
};

/** Purposes that need no credential. */
const OPEN = new Set<Does>([
  'login',
  'refresh',
  'signup',
  'otpSend',
  'otpVerify',
  'reset',
  'feed',
  'read',
  'hook',
  'form',
  'page',
  'asset',
  'coupon',
  'giftcard',
  'search',
]);
const SOMETIMES_OPEN = new Set<Does>(['metrics', 'payment', 'cart', 'graphql', 'telemetry', 'export']);
const SITE_PATHS: readonly Does[] = ['feed', 'form', 'login', 'search', 'read', 'admin', 'reset', 'upload'];

/** The n-th object's id. */
export function idOf(resource: Resource, n: number): string {
  const { seed, first } = resource;
  switch (resource.idStyle) {
    case 'number':
      return String(first + n);
    case 'code':
      return `${resource.path.slice(-3, -1).toUpperCase()}-${String(first + n).padStart(6, '0')}`;
    case 'slug':
      return `${word(scatter(n, seed))}-${word(scatter(n, seed + 1))}-${n}`;
    case 'hex':
      return `${hex8(0x65000000 + (seed >>> 9))}${hex8(seed)}${hex8(first + n)}`;
    case 'token':
      return `${hex8(scatter(n, seed)).toUpperCase()}${scatter(n, seed + 1).toString(36)}x${scatter(n, seed + 2).toString(36)}`;
    case 'uuid': {
      const tail = hex8(scatter(n, seed + 1));
      return `${hex8(scatter(n, seed))}-${tail.slice(0, 4)}-4${tail.slice(5)}-a${tail.slice(1, 4)}-${hex8(scatter(n, seed + 2))}${tail.slice(4)}`;
    }
  }
}

/** Which object an id names, -1 for none that exists. */
export function objectAt(resource: Resource, id: string): number {
  const n = numberIn(resource, id);
  const known = n >= 0 && n < resource.count && !isGap(resource, n) && idOf(resource, n) === id;
  return known ? n : -1;
}

function numberIn({ idStyle, seed, first }: Resource, id: string): number {
  switch (idStyle) {
    case 'number':
      return Number(id) - first;
    case 'code':
      return Number(id.slice(id.indexOf('-') + 1)) - first;
    case 'slug':
      return Number(id.slice(id.lastIndexOf('-') + 1));
    case 'hex':
      return Number.parseInt(id.slice(16), 16) - first;
    default:
      return gather(Number.parseInt(id.slice(0, 8), 16), seed);
  }
}

export function isGap(resource: Resource, n: number): boolean {
  return scatter(n, resource.seed + 3) < resource.gaps * 2 ** 32;
}

/** An id of the right form, as somebody would guess it. */
export function guessId(random: Random, resource: Resource): string {
  const { idStyle } = resource;
  if (idStyle === 'uuid') return random.uuid();
  if (idStyle === 'hex') return random.hex(24);
  if (idStyle === 'token') return `${random.hex(8).toUpperCase()}${random.hex(6)}x${random.hex(6)}`;
  return idOf(resource, random.int(0, Math.ceil(resource.count * 1.3)));
}

function hex8(n: number): string {
  return (n >>> 0).toString(16).padStart(8, '0');
}

export function word(n: number): string {
  return WORDS[n % WORDS.length]!;
}

export interface ApiSetting {
  /** How much time is compressed, from 1: limits, tokens and outages are shorter by it. */
  readonly quicker: number;
  readonly fitted: Fitted;
}

export function createApi(random: Random, isSite: boolean, setting: ApiSetting = { quicker: 1, fitted: UNFITTED }): Api {
  const base = isSite ? random.pick(['', '/api', '/wp-json/wp/v2']) : random.pick(BASES);
  const endpoints = new Map<string, Endpoint>();
  const pages = isSite ? drawPages(random, random.logInt(20, 400)) : ['/'];
  const images = drawImages(random, isSite ? random.logInt(10, 200) : random.int(0, 6));
  const common = isSite ? drawCommonAssets(random) : [];
  for (const path of pages) put(endpoints, path, 'page', true, random.logInt(2000, 60_000));
  for (const path of [...images, ...common]) put(endpoints, path, 'asset', true, random.logInt(400, 400_000));
  for (const does of (isSite ? SITE_PATHS : Object.keys(PATHS)) as Does[]) putPurpose(random, endpoints, does, base);
  for (const path of ['/favicon.ico', '/robots.txt', '/sitemap.xml', '/apple-touch-icon.png', '/docs'])
    if (random.chance(isSite ? 0.7 : 0.35)) put(endpoints, path, 'asset', true, random.logInt(100, 8000));
  const resources = drawResources(random, base, isSite, setting.fitted);
  return finishApi(random, { isSite, base, endpoints, pages, images, common, resources }, drawRules(random, isSite, setting));
}

interface Parts {
  readonly isSite: boolean;
  readonly base: string;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly pages: readonly string[];
  readonly images: readonly string[];
  readonly common: readonly string[];
  readonly resources: readonly Resource[];
}

function finishApi(random: Random, parts: Parts, rules: Rules): Api {
  const { isSite, base, endpoints, pages, images, common, resources } = parts;
  const byPurpose = new Map<Does, string[]>();
  for (const { does, path } of endpoints.values()) byPurpose.set(does, [...(byPurpose.get(does) ?? []), path]);
  // The rest of a page's pictures comes from elsewhere, or from caches on the way.
  const served = random.pick([0, 0.15, 0.4, 1, 1]);
  const shown = new Map<number, readonly string[]>();
  const all = (does: Does): readonly string[] => byPurpose.get(does) ?? ['/'];
  return {
    isSite,
    base,
    endpoints,
    pages,
    images,
    resources,
    publicOnes: resources.filter((r) => !r.isPrivate),
    privateOnes: resources.filter((r) => r.isPrivate),
    host: `${random.pick(['api', 'www', 'app', 'gw', 'data'])}.${word(random.int(0, 999))}.example`,
    rules,
    dav: random.pick(['/remote.php/dav/files/u1', '/dav', '/webdav', '/caldav/home']),
    scim: `${random.pick(['/scim/v2', `${base}/scim`, '/scim'])}`,
    assetsOf: (page) => {
      const known = shown.get(page);
      if (known) return known;
      const own = images.filter((_path, n) => n % pages.length === page % images.length || (n + page) % 37 === 0);
      const assets = [...common, ...own].slice(0, Math.round(served * (common.length + own.length)));
      shown.set(page, assets);
      return assets;
    },
    at: (does) => all(does)[0]!,
    all,
  };
}

function put(endpoints: Map<string, Endpoint>, path: string, does: Does, isOpen: boolean, bytes: number): void {
  endpoints.set(path, { path, does, isOpen, bytes });
}

function putPurpose(random: Random, endpoints: Map<string, Endpoint>, does: Does, base: string): void {
  const choices = PATHS[does]!;
  const many = does === 'read' || does === 'admin' || does === 'feed' || does === 'hook' || does === 'export';
  const taken = random.shuffle(choices).slice(0, many ? random.int(1, 4) : 1);
  const isOpen = OPEN.has(does) || (SOMETIMES_OPEN.has(does) && random.chance(0.6));
  for (const path of taken)
    put(
      endpoints,
      path.replace('~', base),
      does,
      isOpen,
      random.logInt(40, does === 'metrics' || does === 'feed' ? 90_000 : 6000),
    );
}

function drawPages(random: Random, count: number): string[] {
  const roots = random
    .shuffle([
      '/blog',
      '/articles',
      '/posts',
      '/docs',
      '/projects',
      '/news',
      '/wiki',
      '/2014/05',
      '/shop/products',
      '/presentations',
    ])
    .slice(0, 3);
  const ending = random.pick(['', '/', '.html', '.php']);
  const pages = new Set(['/', ...roots.map((root) => `${root}/`)]);
  const parts = () => Array.from({ length: random.int(1, 4) }, () => word(random.int(0, 999))).join('-');
  for (let i = 0; i < count; i++)
    pages.add(`${random.pick(roots)}${random.chance(0.2) ? `/${parts()}` : ''}/${parts()}${ending}`);
  return [...pages];
}

function drawImages(random: Random, count: number): string[] {
  const root = random.pick(['/images', '/static/img', '/wp-content/uploads/2023/05', '/assets', '/media']);
  return Array.from(
    { length: count },
    (_x, n) => `${root}/${word(random.int(0, 999))}-${n}.${random.pick(['png', 'jpg', 'gif', 'svg', 'webp'])}`,
  );
}

function drawCommonAssets(random: Random): string[] {
  const root = random.pick(['/css', '/static', '/assets', '']);
  const all = [
    'style.css',
    'reset.css',
    'main.js',
    'jquery.min.js',
    'logo.png',
    'fonts/text.woff2',
    'app.js',
    'print.css',
    'banner.png',
  ];
  return random
    .shuffle(all)
    .slice(0, random.int(1, 7))
    .map((name) => `${root}/${name}`);
}

const ID_WEIGHTS: Record<IdStyle, number> = { number: 10, uuid: 4, hex: 2, slug: 2, token: 2, code: 1 };

function drawResources(random: Random, base: string, isSite: boolean, fitted: Fitted): Resource[] {
  const style = random.weighted(ID_WEIGHTS);
  const names = random.shuffle(NOUNS).slice(0, isSite ? random.int(1, 2) : random.int(3, 10));
  const case_ = random.pick([
    (n: string) => n,
    (n: string) => n,
    (n: string) => n[0]!.toUpperCase() + n.slice(1),
    (n: string) => n.replace(/s$/, ''),
  ]);
  return names.map((name, n) => ({
    path: `${base}/${case_(name)}`,
    idStyle: random.chance(0.75) ? style : random.weighted(ID_WEIGHTS),
    seed: random.int(1, 2 ** 31),
    first: random.pick([0, 1, 1, 100, 1000, 10_000, random.logInt(1, 1e8)]),
    count: random.logInt(60, 300_000),
    gaps: random.pick([0, 0.01, 0.03, 0.1, 0.25]),
    isPrivate: n > 0 && !isSite ? random.chance(0.65) || n === 1 : false,
    owners: random.logInt(3, 3000),
    bytes: drawBytes(random, fitted.okBytes, random.logInt(120, 20_000)),
    pageSize: random.pick([5, 10, 20, 25, 50, 100]),
    newestFirst: random.chance(0.5),
    child: random.chance(0.5) ? random.pick(CHILDREN) : null,
  }));
}

function drawRules(random: Random, isSite: boolean, { quicker, fitted }: ApiSetting): Rules {
  const limits = random.chance(isSite ? 0.15 : 0.6);
  return {
    unauthorized: random.pick([401, 401, 401, 401, 401, 401, 403, 401, 302]),
    denied: random.pick([403, 403, 403, 404, 404, 401]),
    missing: random.pick([404, 404, 404, 404, 404, 404, 404, 410, 400]),
    invalid: random.pick([400, 400, 422, 422, 409, 500]),
    declined: random.pick([402, 402, 402, 422, 400, 200]),
    loginOk: isSite ? random.pick([302, 302, 200]) : random.pick([200, 200, 200, 201, 204]),
    loginRefused: isSite ? random.pick([200, 401, 403, 401, 302]) : random.pick([401, 401, 401, 401, 401, 400, 403, 422]),
    created: random.pick([201, 201, 200, 202, 204]),
    locked: random.pick([423, 403, 429, 401]),
    lockAfter: random.pick([0, 0, 0, 5, 8, 10, 20]),
    limitPerMinute: limits ? random.logInt(20, 6000) : 0,
    loginsPerMinute: random.chance(0.35) ? random.logInt(4, 120) : 0,
    limited: random.pick([429, 429, 429, 429, 429, 429, 503, 403]),
    retryAfterMs: Math.ceil(random.logInt(1, 60) / quicker) * 1000,
    tellsWait: random.chance(0.75),
    faults: random.pick([0, 0.0005, 0.002, 0.01, 0.03]),
    outages: random.pick([0, 0, 0.01, 0.04, 0.1]),
    outageMs: quicker > 1 ? random.logInt(3000, 60_000) : 300_000,
    echoes: random.chance(0.5),
    filter: random.pick([0, 0, 0, 403, 403, 406, 400]),
    oddIgnored: random.real(0.1, 0.9),
    oddInvalid: random.real(0.3, 0.95),
    unknown: random.pick([404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 200, 403, 403, 400, 405]),
    asksFirst: !isSite && random.chance(0.3),
    hasHole: random.chance(0.2),
    auth: isSite ? 'open' : random.pick(['key', 'token', 'token', 'mixed', 'mixed', 'mixed', 'open']),
    tokenLifeMs: Math.max(15, Math.round(random.logInt(20, 14_400) / quicker)) * 1000,
    subjectIs: random.chance(0.5) ? 'token' : 'account',
    paging: random.pick(['page', 'page', 'offset', 'cursor', 'none']),
    changesEveryMs: Math.ceil(random.logInt(30, 200_000) / quicker) * 1000,
    latencyMs: random.log(0.6, 250),
    errorBytes: drawBytes(random, fitted.errorBytes, random.logInt(20, 1200)),
  };
}
