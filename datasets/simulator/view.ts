/** What a gateway tells of a call: from a web server's combined log to a proxy with TLS fingerprints. */
import type { ApiCall } from '../../service/core/contracts.ts';
import type { Random } from './random.ts';

type Field = keyof ApiCall;

const COMBINED: readonly Field[] = ['status', 'query', 'responseBytes', 'userAgent', 'referer', 'httpVersion'];
const VOICE: readonly Field[] = ['accept', 'acceptEncoding', 'acceptLanguage', 'contentType', 'headerNames', 'hasCookie'];
const TLS: readonly Field[] = ['tlsVersion', 'tlsCipher', 'tlsResumed'];
const IDENTITY: readonly Field[] = ['authScheme', 'subject'];
const CONNECTION: readonly Field[] = ['connectionId', 'connectionRequests'];
const SIZES: readonly Field[] = ['requestBytes', 'durationMs', 'host'];

/** To add a view, add what it tells beside id, time, clientIp, method and path. */
const VIEWS = {
  combined: COMBINED,
  'nginx-json': [...COMBINED, ...VOICE, ...TLS, ...IDENTITY, ...CONNECTION, ...SIZES],
  envoy: [
    ...COMBINED,
    ...TLS,
    ...IDENTITY,
    ...SIZES,
    'accept',
    'acceptEncoding',
    'contentType',
    'ja3',
    'ja4',
    'connectionId',
    'route',
    'gateway',
  ],
  sparse: ['status', 'userAgent'],
  mesh: [
    'status',
    'requestBytes',
    'responseBytes',
    'durationMs',
    'host',
    'route',
    'gateway',
    'tenant',
    'httpVersion',
    ...IDENTITY,
    ...CONNECTION,
  ],
} as const satisfies Record<string, readonly Field[]>;

export type ViewName = keyof typeof VIEWS;
export const VIEW_NAMES = Object.keys(VIEWS) as ViewName[];

export interface View {
  readonly name: ViewName;
  readonly tells: ReadonlySet<Field>;
  /** Optional fields that it leaves out, to be set to null. */
  readonly hides: readonly Field[];
  /** Times are cut to whole seconds. */
  readonly wholeSeconds: boolean;
  /** Sizes count headers too, as nginx's $bytes_sent and $request_length do. */
  readonly countsHeaders: boolean;
}

const EVERY: readonly Field[] = [
  ...new Set<Field>([
    ...VIEWS['nginx-json'],
    ...VIEWS.envoy,
    ...VIEWS.mesh,
    'account',
    'identityVerified',
    'clientCertificate',
    'bodySample',
  ]),
];

const API_WEIGHTS: Record<ViewName, number> = { combined: 3, 'nginx-json': 9, envoy: 3, sparse: 1.5, mesh: 2 };
const SITE_WEIGHTS: Record<ViewName, number> = { combined: 8, 'nginx-json': 2, envoy: 0.5, sparse: 0.5, mesh: 0 };

/** @param fixed the view to take instead of drawing one; then no field is dropped */
export function createView(random: Random, isSite: boolean, fixed?: ViewName): View {
  const name = fixed ?? random.weighted(isSite ? SITE_WEIGHTS : API_WEIGHTS);
  const tells = new Set<Field>(VIEWS[name]);
  const tellsMore = name === 'nginx-json' || name === 'envoy' || name === 'mesh';
  if (tellsMore && random.chance(0.4)) tells.add('account');
  if (tellsMore && tells.has('subject') && random.chance(0.15)) tells.add('identityVerified');
  if (name === 'mesh' && random.chance(0.2)) tells.add('clientCertificate');
  if (!fixed) dropSome(random, tells);
  return {
    name,
    tells,
    hides: EVERY.filter((field) => !tells.has(field)),
    wholeSeconds: name === 'combined' || (name === 'sparse' && random.chance(0.3)),
    countsHeaders: name === 'nginx-json' && random.chance(0.7),
  };
}

/** Groups that some gateways do not tell, then single fields. */
function dropSome(random: Random, tells: Set<Field>): void {
  const groups = [IDENTITY, CONNECTION, TLS, VOICE] as const;
  for (const group of groups) if (random.chance(0.15)) for (const field of group) tells.delete(field);
  for (const field of [...tells]) if (field !== 'status' && random.chance(0.06)) tells.delete(field);
  if (random.chance(0.02)) tells.delete('status');
}
