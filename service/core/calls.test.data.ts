/** ApiCalls for tests: complete ones from a few fields, and random ones that pass the check. */
import fc from 'fast-check';
import { checkCall, isRejection } from './api-call.ts';
import type { ApiCall } from './contracts.ts';

/** 1 June 2025, 12:00 UTC. */
export const NOON = Date.UTC(2025, 5, 1, 12);
const RECEIVED = Date.UTC(2100, 0, 1);
let serial = 0;

/** A plain accepted GET; each has its own id. */
export function callOf(fields: Partial<ApiCall> = {}): ApiCall {
  const call = checkCall(
    { id: `call-${++serial}`, time: NOON, clientIp: '192.0.2.1', method: 'GET', path: '/v1/orders', status: 200, ...fields },
    RECEIVED,
  );
  if (isRejection(call)) throw new Error(call.detail);
  return call;
}

/** Calls `stepMs` apart from noon on, each made from its number. */
export function callsOf(n: number, stepMs: number, make: (i: number) => Partial<ApiCall>): ApiCall[] {
  return Array.from({ length: n }, (_, i) => callOf({ time: NOON + i * stepMs, ...make(i) }));
}

const segment = fc.oneof(
  fc.constantFrom('v1', 'orders', 'users', 'login', '.env', 'wp-login.php', 'Products(17)', 'a;b=c', '..', '%2e%2e', '\u{1f600}'),
  fc.nat(1e6).map(String),
  fc.uuid(),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const path = fc.oneof(
  fc.array(segment, { maxLength: 40 }).map((segments) => `/${segments.join('/')}`),
  fc.string({ unit: 'binary', maxLength: 300 }),
);
const maybe = <V>(value: fc.Arbitrary<V>) => fc.option(value, { freq: 3 });
const word = fc.string({ unit: 'binary', maxLength: 40 });

/** Any record that is an ApiCall, the odd ones too; a few clients only, so that sessions form. */
export const anyCall: fc.Arbitrary<ApiCall> = fc
  .record({
    time: fc.nat(7200_000).map((ms) => NOON + ms),
    clientIp: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
    method: fc.oneof(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND'),
      word.map((w) => `M${w}`),
    ),
    path,
    status: maybe(fc.oneof(fc.constantFrom(200, 304, 302, 401, 403, 404, 422, 429, 503), fc.integer({ min: 100, max: 599 }))),
    query: maybe(
      fc.oneof(
        word,
        fc.nat(99).map((n) => `user_id=${n}&page=${n}`),
      ),
    ),
    route: maybe(fc.constantFrom('/v1/orders/{id}', '/{a}/{b}', '', '/')),
    requestBytes: maybe(fc.maxSafeNat()),
    responseBytes: maybe(fc.maxSafeNat()),
    durationMs: maybe(fc.float({ min: 0, noNaN: true, noDefaultInfinity: true })),
    httpVersion: maybe(fc.constantFrom('1.1', '2', '3', 'x')),
    userAgent: maybe(
      fc.oneof(word, fc.constantFrom('curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0', 'sqlmap/1.8')),
    ),
    accept: maybe(fc.constantFrom('*/*', 'application/json')),
    acceptEncoding: maybe(word),
    acceptLanguage: maybe(word),
    referer: maybe(word),
    headerNames: maybe(fc.array(word, { maxLength: 20 })),
    hasCookie: maybe(fc.boolean()),
    tlsVersion: maybe(word),
    tlsCipher: maybe(word),
    ja4: maybe(fc.oneof(word, fc.constant('t13d1516h2_8daaf6152771_e5627efa2ab1'))),
    tlsResumed: maybe(fc.boolean()),
    connectionId: maybe(fc.constantFrom('a', 'b', 'c')),
    connectionRequests: maybe(fc.nat(100)),
    authScheme: maybe(fc.constantFrom('bearer', 'apiKey', 'basic', 'none')),
    subject: maybe(fc.constantFrom('s1', 's2', 's3')),
    identityVerified: maybe(fc.boolean()),
    clientCertificate: fc.option(word, { freq: 20 }),
    account: maybe(fc.constantFrom('alice', 'bob', 'carol')),
    tenant: fc.option(fc.constantFrom('t1', 't2'), { freq: 20 }),
    bodySample: maybe(fc.uint8Array({ maxLength: 20 })),
  })
  .map(callOf);
