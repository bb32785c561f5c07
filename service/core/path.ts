/**
 * What a path says: its route template, the object it names, and whether it is a login, an asset or a probe.
 * Segments that vary by their form (numbers, UUIDs, dates, hex, tokens) become placeholders here; segments that turn
 * out to be of high cardinality are learnt per client in session.ts.
 */
import { combine, hashString } from './stats.ts';

export type SegmentKind = 'literal' | 'number' | 'uuid' | 'date' | 'hex' | 'token';

/** First match wins; `{name}` is what stands in the template. */
const SEGMENTS: readonly (readonly [SegmentKind, RegExp])[] = [
  ['date', /^\d{4}-\d{2}-\d{2}(?:T[\d:.Z+-]+)?$/],
  ['number', /^\d+$/],
  ['uuid', /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i],
  ['hex', /^(?=.*\d)[0-9a-f]{8,}$/i],
  ['token', /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w~=-]{12,}$/],
  ['token', /^(?=(?:.*\d){3})[\w~=-]{20,}$/],
];

export function segmentKind(segment: string): SegmentKind {
  // Nearly all literal segments hold no digit; that test spares them the table.
  if (!/\d/.test(segment)) return 'literal';
  for (const [kind, pattern] of SEGMENTS) if (pattern.test(segment)) return kind;
  return 'literal';
}

const LOGIN = /(?:^|[/_.-])(?:log-?in|sign-?in|auth(?:enticate|orize)?|oauth2?|token|sessions?|otp|verify|password|2fa|mfa)(?:$|[/_.-])/i;
const ASSET = /\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|eot|mp4|webm)$/i;
/** Files and folders that scanners ask for and that ordinary clients of an API do not. */
const PROBE =
  /(?:^|\/)(?:\.env|\.git|\.svn|\.hg|\.aws|\.ssh|\.ht(?:access|passwd)|\.DS_Store|wp-(?:login|admin|content|includes|config)|xmlrpc\.php|php-?my-?admin|pma|mysql|cgi-bin|etc\/passwd|win\.ini|server-status|phpinfo|info\.php|config\.(?:php|json|ya?ml|bak)|backup|dump|shell|admin(?:istrator)?(?:\.php)?|manager\/html|actuator|solr|jenkins|vendor\/phpunit|boaform|hnap1|web\.config|id_rsa|test\.php|setup\.php|install\.php)(?:$|[/.?])/i;
/** Marks of an injected payload in a path or query; a weak witness, since good calls must carry such text too. */
const INJECTION =
  /(?:\.\.[/\\]|%2e%2e|%00|union(?:\s|%20|\+|\/\*)+(?:all(?:\s|%20|\+)+)?select|(?:'|%27)(?:\s|%20|\+)*(?:or|and)(?:\s|%20|\+)|sleep(?:\(|%28)|benchmark(?:\(|%28)|waitfor(?:\s|%20|\+)+delay|<script|%3cscript|onerror(?:=|%3d)|\$\{jndi|%24%7bjndi|etc(?:\/|%2f)passwd|(?:;|%3b|\||%7c)(?:\s|%20|\+)*(?:cat|id|wget|curl|ping)(?:\s|%20|\+)|extractvalue|updatexml|information_schema|\{\{\d+\*\d+\}\})/i;

export interface PathFacts {
  /** Hash of the template, last segment included. */
  readonly route: number;
  /** Hash of the template without its last segment. */
  readonly parent: number;
  /** Hash of the whole path as sent. */
  readonly full: number;
  /** Hash of the last segment, whatever its kind. */
  readonly leaf: number;
  readonly leafKind: SegmentKind;
  /** Hash of the last variable segment, 0 where there is none: the object asked for. */
  readonly object: number;
  /** Its number, NaN where it is none. */
  readonly objectNumber: number;
  readonly depth: number;
  readonly isLogin: boolean;
  readonly isAsset: boolean;
  readonly isProbe: boolean;
  readonly isRobots: boolean;
}

export function readPath(path: string): PathFacts {
  let route = 0;
  let parent = 0;
  let object = 0;
  let objectNumber = Number.NaN;
  let leaf = 0;
  let leafKind: SegmentKind = 'literal';
  let depth = 0;
  for (const segment of segmentsOf(path)) {
    leafKind = segmentKind(segment);
    leaf = hashString(segment);
    parent = route;
    route = combine(route, leafKind === 'literal' ? leaf : hashString(leafKind));
    depth++;
    if (leafKind === 'literal' || leafKind === 'date') continue;
    object = leaf;
    objectNumber = leafKind === 'number' ? Number(segment) : Number.NaN;
  }
  return {
    route,
    parent,
    full: hashString(path),
    leaf,
    leafKind,
    object,
    objectNumber,
    depth,
    isLogin: LOGIN.test(path),
    isAsset: ASSET.test(path),
    isProbe: PROBE.test(path),
    isRobots: path === '/robots.txt',
  };
}

const MAX_SEGMENTS = 32;

function segmentsOf(path: string): string[] {
  return path.split('/', MAX_SEGMENTS).filter((segment) => segment !== '');
}

/** The template for people: `/v1/orders/17` → `/v1/orders/{number}`. */
export function routeTemplate(path: string): string {
  const parts = segmentsOf(path).map((segment) => {
    const kind = segmentKind(segment);
    return kind === 'literal' ? segment : `{${kind}}`;
  });
  return `/${parts.join('/')}`;
}

export function looksInjected(path: string, query: string | null): boolean {
  return INJECTION.test(path) || (query !== null && INJECTION.test(query));
}
