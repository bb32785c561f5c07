/**
 * What a path and a query say: the route template, the object they name, and whether it is a login, an asset or a probe.
 * Segments that vary by their form (numbers, UUIDs, dates, hex, tokens, numbered keys) become placeholders here;
 * segments that turn out to be of high cardinality are learnt per client in asked.ts.
 */
import { RecentMap } from './recent-map.ts';
import { combine, hashString } from './stats.ts';

export type SegmentKind = 'literal' | 'number' | 'uuid' | 'date' | 'hex' | 'key' | 'slug' | 'token';

/** First match wins; `{name}` is what stands in the template. */
const SEGMENTS: readonly (readonly [SegmentKind, RegExp])[] = [
  ['date', /^\d{4}-\d{2}-\d{2}(?:T[\d:.Z+-]+)?$|^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/],
  ['number', /^\d+(?:\.(?:json|xml|csv|pdf|html?))?$/],
  ['uuid', /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i],
  ['hex', /^(?=\D*\d)[0-9a-f]{8,}$/i],
  ['key', /^(?:[A-Z]{1,10}|[a-z]{1,7}|customer)[-_]\d+$/],
  ['slug', /^[a-z]+(?:-[a-z]+)+-\d+$/i],
  ['token', /^(?=\D*\d)(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[\w~=-]{12,}$/],
  // Digits among letters: a year at the end of some words makes no token.
  ['token', /^(?=(?:.*?(?:[a-z]\d|\d[a-z])){3})[\w~=+-]{20,}$/i],
  ['token', /^eyJ[\w.~=-]{20,}$/],
];
/** No name of a route is longer; what is, was made by a machine. */
const MAX_LITERAL_CHARS = 200;

export function segmentKind(segment: string): SegmentKind {
  if (segment.length > MAX_LITERAL_CHARS) return 'token';
  // Nearly all segments are words or numbers; two tests spare them the table.
  if (!/\d/.test(segment)) return 'literal';
  for (const [kind, pattern] of SEGMENTS) if (pattern.test(segment)) return kind;
  return 'literal';
}

/** Words that mean a login wherever they stand alone: `/users/login`, `/wp-login.php`, `/verify-otp`, `/auth.v1.Auth/Login`. */
const LOGIN_WORD = /(?:^|[/_.-])(?:log-?in|log-?on|sign-?in|authenticate|totp|2fa|mfa)(?:$|[/_.-])/i;
/** A one-time code is a login where it is handed in; where it is asked for, it is a message. */
const LOGIN_CODE = /(?=.*(?:^|[/_.-])otp(?:$|[/_.-]))(?=.*(?:verif|check|confirm|valid|submit))/i;
/** The same in camel case: `/doLogin`, `/LoginUser`. */
const LOGIN_CAMEL = /[a-z]Login(?![a-z])|\/Login[A-Z]/;
/** Words that mean a login as the last segment, right under the root, a version or what hands out credentials. */
const LOGIN_END =
  /(?:^|\/(?:auth|oauth2?|openid-connect|connect|oidc|identity|idp|sso|o|api|rest|sessions?|v\d[\d.]*))\/(?:auth|authorize|token|access_token|sessions?|verify|password)\/?$|\/auth\/(?:tokens|callback\/credentials)\/?$|\/(?:j_security_check|api-token-auth)\/?$/i;
const ASSET = /\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|eot|mp4|webm)$/i;

/** One pattern of several; they are apart only to be read. */
function anyOf(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => source).join('|'), 'i');
}

function wholeSegments(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(`(?:^|/)(?:${anyOf(...patterns).source})(?:$|/)`, 'i');
}

/** What nobody publishes on purpose. */
const HARD_PROBE = wholeSegments(
  // Secrets and the folders of tools
  /\.env[.\w-]*|\.git\/(?:config|head|index|logs|objects)|\.(?:git|svn|hg|aws|ssh|docker|kube|vscode|idea)|id_rsa|id_ed25519/,
  /\.(?:htaccess|htpasswd|ds_store|npmrc|bash_history)|wp-config[.\w-]*|web\.config|etc\/passwd|win\.ini|boot\.ini|proc\/self/,
  // Leftovers
  /(?:backup|dump|database|db|site|www|public_html)\.(?:sql|zip|tar|tgz|gz|bak|rar|7z)[.\w]*|phpinfo(?:\.php)?/,
  // Known holes and what others left in them
  /hnap1|boaform|eval-stdin\.php|_ignition|dana-na|struts2?-showcase|actuator\/(?:env|heapdump|gateway|jolokia|threaddump)/,
  /(?:shell|cmd|c99|r57|wso|alfa)\.(?:php|jspx?|aspx?)/,
);
/** What some sites have and scanners try on all: it counts only where it is not there. */
const SOFT_PROBE = wholeSegments(
  /wp-(?:login\.php|admin|signup\.php)|wp-includes\/wlwmanifest\.xml|wp-content\/plugins\/[^/]*\/readme\.txt|xmlrpc\.php/,
  /php-?my-?admin[\w.-]*|pma|(?:admin|setup|install|test|info|config|upload)\.php|administrator(?:\/index\.php)?|vendor\/phpunit/,
  /config\.(?:ya?ml|ini|bak|inc)|server-(?:status|info)|cgi-bin|manager\/html|solr\/admin|jenkins\/script/,
  /[\w.-]+\.(?:bak|swp|old|orig|sql)/,
);
/** Marks of an injected payload in a decoded path or query; a weak witness, since good calls must carry such text too. */
const INJECTION = anyOf(
  // Paths
  /\.\.[/\\]|\0|[/\\](?:etc[/\\](?:passwd|hosts|shadow)(?![\w.])|proc[/\\]self)/,
  // SQL; queries that a client may send, as SOQL or OData, are none
  /union\s+(?:all\s+)?select\s|'\s*(?:or|and)\s+(?:\d+\s*=\s*\d|'[^']*'\s*=\s*'|exists\s*\()|'\s*(?:--(?:\s|$)|\/\*)/,
  /;\s*(?:drop|exec)\s+|(?:sleep|benchmark|extractvalue|updatexml|load_file)\(|waitfor\s+delay\s|information_schema/,
  // Scripts and templates
  /<script|<\?php|<!--#|\son(?:error|load|click)\s*=|javascript:|\$\{(?:jndi|\$\{|lower:)|\{\{\d+\*\d+\}\}/,
  // Commands
  /[;|`]\s*(?:cat|id|wget|curl|ping|sh|bash)(?:\s|$)|\(\)\s*\{|\/bin\/(?:ba)?sh/,
  // Addresses that only a server can reach; native apps redirect to their own
  /(?:^|[=/\s])(?:gopher|dict|file|php|expect):\/\/|(?<!redirect_uri=https?):\/\/(?:127\.0\.0\.1|localhost|169\.254\.169\.254|\[::1?\])[:/]/,
  // Headers, LDAP, MongoDB
  /\r\n?(?:set-cookie|location|content-\w+|http\/\d)|\)\(\w*[|&]?\w*=\*|"\$(?:gt|ne|where)":\s*"|\[\$(?:gt|ne|regex)\]/,
);
/** Every mark needs one of these. */
const INJECTION_HINT = /['"<({[;|`$:\\\0\r]|\.\.|\/(?:etc|proc|bin)\/|union|waitfor|information_schema/i;

export type Probe = 'none' | 'soft' | 'hard';

/** What a call is for, where abuse of it costs money; a call's number is its place here, -1 for none. */
export const PURPOSES = ['money', 'code', 'signup', 'message', 'reservation', 'admin'] as const;
export type Purpose = (typeof PURPOSES)[number];

/**
 * Words that give a path its purpose; the last segment with one decides, so that `/carts/5/checkout` is about money. A
 * segment is split into words at signs and capitals: `giftCards` reads `gift-cards`. `people` are a sign-up when posted to.
 */
const PURPOSE_WORDS: readonly (readonly [Purpose | 'people', RegExp])[] = [
  ['code', /(?:^|-)(?:coupons?|vouchers?|promo(?:tion)?s?|promo-?codes?|gift-?(?:cards?|codes?)|redeem|redemptions?)(?:-|$)/],
  ['money', /(?:^|-)(?:pay|payments?|charges?|cards?|checkouts?|purchases?)(?:-|$)/],
  [
    'message',
    /(?:^|-)(?:otps?|sms|verify|verification|phone|resend|magic-link|forgot(?:ten)?)(?:-|$)|^(?:password-)?reset(?:-password)?$/,
  ],
  ['signup', /^(?:register|registrations?|sign-?ups?|enrol(?:l|ment)?|create-account)$/],
  ['reservation', /^(?:carts?|baskets?|hold|holds|reserve|reservations?|bookings?|book)$/],
  ['admin', /^(?:admins?|administrators?|administration|superuser|sysadmin)$/],
  ['people', /^(?:users?|accounts?|members?)$/],
];

function purposeOf(segments: readonly string[], kinds: readonly SegmentKind[]): Purpose | 'people' | 'none' {
  for (let i = segments.length - 1; i >= 0; i--) {
    if (kinds[i] !== 'literal') continue;
    const words = segments[i]!.replace(/([a-z])([A-Z])/g, '$1-$2')
      .replace(/[._~]+/g, '-')
      .toLowerCase();
    for (const [purpose, pattern] of PURPOSE_WORDS) if (pattern.test(words)) return purpose;
  }
  return 'none';
}

/** What tells robots where they may go. */
const ROBOTS = /(?:^|\/)(?:robots\.txt|sitemap[\w.-]*\.xml(?:\.gz)?)$/i;

export interface PathFacts {
  /** Hash of the template, last segment included. */
  readonly route: number;
  /** Hash of the template without its last segment. */
  readonly parent: number;
  /** Hash of the whole path, with needless escapes undone. */
  readonly full: number;
  /** Hash of the last segment, whatever its kind. */
  readonly leaf: number;
  readonly leafKind: SegmentKind;
  /** Hash of the last variable segment, 0 where there is none: the object asked for. */
  readonly object: number;
  /** Its number, NaN where it is none. */
  readonly objectNumber: number;
  /** Hash of the template before the object: the list that would show it. 0 at the root. */
  readonly collection: number;
  readonly depth: number;
  readonly isLogin: boolean;
  readonly isAsset: boolean;
  /** robots.txt or a site map. */
  readonly isForRobots: boolean;
  readonly isInjected: boolean;
  readonly probe: Probe;
  /** A place in PURPOSES, -1 for none; `PEOPLE` where a POST would make it a sign-up. */
  readonly purpose: number;
  /** Characters that are neither letters, digits nor the usual signs of a URL. */
  readonly marks: number;
}

/** A purpose that depends on the method. */
export const PEOPLE = PURPOSES.length;

/** What follows from a path's template alone, names of objects aside. */
interface TemplateFacts
  extends Pick<
    PathFacts,
    'route' | 'parent' | 'collection' | 'depth' | 'isLogin' | 'isAsset' | 'isForRobots' | 'probe' | 'purpose'
  > {
  /** Which segment names the object; -1 where none does. */
  readonly objectAt: number;
}

const MAX_CACHED = 20_000;
/** Long strings are seldom asked for twice, and would make the cache heavy. */
const MAX_CACHED_CHARS = 256;
const templates = new RecentMap<TemplateFacts>(MAX_CACHED);
const paths = new RecentMap<PathFacts>(MAX_CACHED);

/**
 * @param path as sent, without the query
 * @param route the template, where the gateway knows it: `/v1/orders/{id}`, `/v1/orders/:id`
 */
export function readPath(path: string, route: string | null = null): PathFacts {
  if (route !== null) return factsOf(path, route);
  const known = paths.get(path);
  if (known !== undefined) return known;
  const facts = factsOf(path, null);
  // Paths with an object are too many to remember, and their templates are.
  if (facts.object === 0 && path.length <= MAX_CACHED_CHARS) paths.set(path, facts);
  return facts;
}

function factsOf(path: string, told: string | null): PathFacts {
  const plain = unescapePlain(path);
  const segments = segmentsOf(plain);
  const kinds = kindsOf(segments, told);
  const { objectAt, route, parent, collection, depth, isLogin, isAsset, isForRobots, probe, purpose } = readTemplate(
    segments,
    kinds,
  );
  const leaf = segments.length === 0 ? 0 : hashString(segments.at(-1)!);
  const object = objectAt < 0 ? '' : segments[objectAt]!;
  return {
    route,
    parent,
    full: hashString(plain),
    leaf,
    leafKind: kinds.at(-1) ?? 'literal',
    object: object === '' ? 0 : hashString(object) || 1,
    objectNumber: object === '' ? Number.NaN : numberIn(object, kinds[objectAt]!),
    collection,
    depth,
    isLogin,
    isAsset,
    isInjected: isInjection(path),
    probe,
    isForRobots,
    purpose,
    marks: countMarks(path),
  };
}

function readTemplate(segments: readonly string[], kinds: readonly SegmentKind[]): TemplateFacts {
  // Two slashes begin a placeholder; no segment can look like one.
  let key = '';
  for (let i = 0; i < segments.length; i++) key += kinds[i] === 'literal' ? `/${segments[i]}` : `//${kinds[i]}`;
  const known = templates.get(key);
  if (known !== undefined) return known;
  const facts = templateFactsOf(segments, kinds, key);
  if (key.length <= MAX_CACHED_CHARS) templates.set(key, facts);
  return facts;
}

function templateFactsOf(segments: readonly string[], kinds: readonly SegmentKind[], key: string): TemplateFacts {
  let [route, parent, collection, objectAt] = [0, 0, 0, -1];
  segments.forEach((segment, i) => {
    const kind = kinds[i]!;
    parent = route;
    route = combine(route, hashString(kind === 'literal' ? segment : `{${kind}}`));
    if (kind === 'literal' || kind === 'date') return;
    [objectAt, collection] = [i, parent];
  });
  const isAsset = ASSET.test(key);
  const purpose = purposeOf(segments, kinds);
  return {
    route,
    parent,
    collection,
    objectAt: isAsset ? -1 : objectAt,
    depth: segments.length,
    isLogin: LOGIN_WORD.test(key) || LOGIN_CODE.test(key) || LOGIN_CAMEL.test(key) || LOGIN_END.test(key),
    isAsset,
    isForRobots: ROBOTS.test(key),
    probe: HARD_PROBE.test(key) ? 'hard' : SOFT_PROBE.test(key) ? 'soft' : 'none',
    purpose: purpose === 'none' ? -1 : purpose === 'people' ? PEOPLE : PURPOSES.indexOf(purpose),
  };
}

/** Undoes the escapes of characters that need none (RFC 3986, 6.2.2.2), so that `/v1/%6Frders` is `/v1/orders`. */
function unescapePlain(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi, (escaped) =>
    String.fromCharCode(Number.parseInt(escaped.slice(1), 16)),
  );
}

/** Of a longer path the last ones are read: what it is after stands at its end. */
const MAX_SEGMENTS = 32;

/** Segments without matrix parameters and without those that lead nowhere; OData's keys, `Products(17)`, are their own. */
function segmentsOf(path: string): string[] {
  let plain = path;
  if (path.includes(';')) plain = plain.replace(/;[^/]*/g, '');
  if (path.includes('(')) plain = plain.replace(/[()]/g, '/');
  const segments = plain.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments.length > MAX_SEGMENTS ? segments.slice(-MAX_SEGMENTS) : segments;
}

function kindsOf(segments: readonly string[], template: string | null): SegmentKind[] {
  const told = template === null ? null : segmentsOf(template);
  const isTold = told !== null && told.length === segments.length;
  return segments.map((segment, i) => {
    if (isTold && !/^[{:<*]/.test(told[i]!)) return 'literal';
    const kind = segmentKind(segment.includes('%') ? decode(segment) : segment);
    if (isTold) return kind === 'literal' ? 'token' : kind;
    return kind === 'number' && isVersion(segments, i) ? 'literal' : kind;
  });
}

/** A small number that opens a path or follows `api`, with more behind it, is a version: `/2/tweets`, `/rest/api/3/issue`. */
function isVersion(segments: readonly string[], i: number): boolean {
  return segments[i]!.length <= 2 && i < segments.length - 1 && (i === 0 || /^(?:api|rest)$/i.test(segments[i - 1]!));
}

function numberIn(segment: string, kind: SegmentKind): number {
  if (kind !== 'number' && kind !== 'key') return Number.NaN;
  const number = Number(/\d+/.exec(segment)![0]);
  return Number.isFinite(number) ? number : Number.NaN;
}

export interface QueryFacts {
  /** Hash of the whole query. */
  readonly full: number;
  /** Hash of the value of the first parameter that names an object, 0 where there is none. */
  readonly object: number;
  readonly objectNumber: number;
  /** Hash of that parameter's name. */
  readonly objectName: number;
  /** Whether a parameter walks through pages. */
  readonly isPaged: boolean;
  readonly isInjected: boolean;
  /** Hash of the names of the parameters, in their order. */
  readonly shape: number;
  readonly marks: number;
}

/** Names of parameters that say which object, when the value has the form of a name for one. */
const OBJECT_NAME =
  /^(?:ids?|uids?|uuid|guid|pk|key|user|username|account|customer|member|order|invoice|item|product|sku|article|file|doc|document|ref|number|no|num|msisdn|phone|email)$|[a-z](?:[_-]id|Id|ID)s?$/;
/** Ids that name a place in a list, or the caller and its call, and not what is asked for. */
const OTHER_ID =
  /^(?:since|max|min|last|first|start|end|from|after|before|next|prev|cursor|page|request|req|trace|span|correlation|session|client|device|app|api|tracking|event|idempotency|install(?:ation)?|visitor|anonymous)(?:[_-]|I)/i;
/** Where the value may be a word. */
const PERSON_NAME = /^(?:username|user|account|phone|msisdn|email|key|sku)$/;
const PAGE_NAME =
  /^\$?(?:page(?:[_-]?(?:no|number|token|index))?|p|offset|cursor|skip|skiptoken|start(?:_?index)?|marker|continuation(?:-?token)?|next(?:_?token)?|after|since_id|max_id)$/i;
const MAX_PARAMETERS = 32;
const queries = new RecentMap<QueryFacts>(MAX_CACHED);

/** @param query as sent, without the question mark */
export function readQuery(query: string): QueryFacts {
  const known = queries.get(query);
  if (known !== undefined) return known;
  const facts = queryFactsOf(query);
  if (query.length <= MAX_CACHED_CHARS) queries.set(query, facts);
  return facts;
}

function queryFactsOf(query: string): QueryFacts {
  let [object, objectNumber, objectName, isPaged, shape] = [0, Number.NaN, 0, false, 1];
  for (const parameter of query.split('&', MAX_PARAMETERS)) {
    const equals = parameter.indexOf('=');
    shape = hashString(equals < 0 ? parameter : parameter.slice(0, equals), shape);
    if (equals < 1 || equals > 40 || equals === parameter.length - 1) continue;
    const name = parameter.slice(0, equals);
    if (PAGE_NAME.test(name)) isPaged = true;
    if (object !== 0 || !OBJECT_NAME.test(name) || OTHER_ID.test(name)) continue;
    const value = decode(parameter.slice(equals + 1));
    const kind = segmentKind(value);
    if ((kind === 'literal' && !PERSON_NAME.test(name)) || kind === 'date') continue;
    [object, objectNumber, objectName] = [hashString(value) || 1, numberIn(value, kind), hashString(name)];
  }
  const marks = countMarks(query);
  return { full: hashString(query), object, objectNumber, objectName, isPaged, isInjected: isInjection(query), shape, marks };
}

/** 0 for letters, digits and `-_.~/=&`; 1 for all other ASCII characters, the percent sign of an escape included. */
const MARKS = Uint8Array.from({ length: 128 }, (_, code) => Number(!/[\w.~/=&-]/.test(String.fromCharCode(code))));

function countMarks(text: string): number {
  let marks = 0;
  for (let i = 0; i < text.length; i++) marks += MARKS[text.charCodeAt(i)] ?? 1;
  return marks;
}

/** The template for people: `/v1/orders/17` → `/v1/orders/{number}`. */
export function routeTemplate(path: string): string {
  const segments = segmentsOf(unescapePlain(path));
  const kinds = kindsOf(segments, null);
  return `/${segments.map((segment, i) => (kinds[i] === 'literal' ? segment : `{${kinds[i]}}`)).join('/')}`;
}

/** Whether a path or query holds text that attacks use. */
export function isInjection(text: string): boolean {
  const decoded = decodeTwice(text);
  return INJECTION_HINT.test(decoded) && INJECTION.test(decoded);
}

/** Bytes of overlong UTF-8 for a dot, and doubled escapes, are how filters are passed by. */
function decodeTwice(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const once = decode(text.replaceAll('+', ' '));
  return once.includes('%') ? decode(once).replaceAll('\xc0\xae', '.') : once;
}

function decode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
