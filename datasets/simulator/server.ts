/**
 * Answers calls as a deployment's API would: existing objects, whose they are, tokens that expire, limits, locks,
 * outages, 304 for a copy that is still good. Statuses follow from what was asked, so that behaviour explains them.
 */
import { type Api, type Endpoint, isGap, objectAt, type Resource, type Rules } from './api.ts';
import { type Random, scatter } from './random.ts';
import type { Wish } from './wish.ts';

export interface Credential {
  /** As the gateway hashes it. */
  readonly subject: string;
  readonly scheme: 'bearer' | 'apiKey' | 'basic';
  /** Event time, ms. */
  readonly expiresAt: number;
  /** The account that it speaks for; ALL may read everything, as a partner's key. */
  readonly owner: number;
  readonly isValid: boolean;
}

export const ALL = -1;

export interface Login {
  readonly account: number;
  readonly isRight: boolean;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly query: string | null;
  readonly address: string;
  readonly credential: Credential | null;
  readonly login: Login | null;
  readonly wish: Wish | null;
  /** When the client took the copy that it asks about; null without condition. */
  readonly seenAt: number | null;
}

/** A part of a list: object numbers `first`, `first + step`, … `count` of them. */
export interface Page {
  readonly resource: Resource;
  readonly first: number;
  readonly step: number;
  readonly count: number;
  readonly isLast: boolean;
}

export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Event time of the call. */
  readonly at: number;
  /** As the answer says; 0 where it says none. */
  readonly retryAfterMs: number;
  /** Refused because there were too many. */
  readonly isLimited: boolean;
  readonly page: Page | null;
  /** Handed out by a login. */
  readonly credential: Credential | null;
}

export interface Server {
  answer(ask: Ask, at: number): Answer;
  /** A key that was made before, for a partner or an account. */
  issueKey(owner: number, scheme?: Credential['scheme']): Credential;
}

interface Reply {
  status: number;
  bytes?: number;
  page?: Page;
  credential?: Credential;
  retryAfterMs?: number;
  isLimited?: true;
}

/** A time in which every login fails, as after a bad release. */
export interface LoginFailure {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly status: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Clients and accounts remembered; the oldest go first. */
const MAX_KEPT = 4096;

interface State {
  readonly api: Api;
  readonly rules: Rules;
  readonly random: Random;
  readonly buckets: Map<string, Bucket>;
  readonly failedLogins: Map<number, number>;
  readonly seed: number;
  readonly loginFailure: LoginFailure | null;
}

export function createServer(api: Api, random: Random, loginFailure: LoginFailure | null = null): Server {
  const seed = random.int(1, 2 ** 31);
  const state: State = { api, rules: api.rules, random, buckets: new Map(), failedLogins: new Map(), seed, loginFailure };
  return {
    answer: (ask, at) => toAnswer(state, ask, at, reply(state, ask, at)),
    issueKey: (owner, scheme = 'apiKey') => ({
      subject: random.hex(16),
      scheme,
      expiresAt: Number.POSITIVE_INFINITY,
      owner,
      isValid: true,
    }),
  };
}

function toAnswer({ rules, random }: State, ask: Ask, at: number, made: Reply): Answer {
  const { status } = made;
  let bytes = made.bytes ?? (status >= 400 ? rules.errorBytes + (status % 7) * 3 : 2);
  if (status === 304 || status === 204 || ask.method === 'HEAD') bytes = 0;
  const isSlow = status >= 502 ? 30 : status === 499 ? 8 : 1;
  const durationMs = rules.latencyMs * isSlow * Math.exp(0.5 * random.normal()) * (1 + bytes / 200_000);
  return {
    status,
    bytes,
    durationMs: Math.round(durationMs * 1000) / 1000,
    at,
    retryAfterMs: made.retryAfterMs ?? 0,
    isLimited: made.isLimited ?? false,
    page: made.page ?? null,
    credential: made.credential ?? null,
  };
}

function reply(state: State, ask: Ask, at: number): Reply {
  const { rules, random } = state;
  if (ask.wish === 'abort') return { status: 499, bytes: 0 };
  if (hasFault(state, at)) return { status: random.pick([500, 502, 503, 503, 504]) };
  const waitMs = takeTurn(state, ask, at);
  if (waitMs > 0) return { status: rules.limited, retryAfterMs: rules.tellsWait ? waitMs : 0, isLimited: true };
  if (ask.wish === 'attack' && rules.filter > 0 && random.chance(0.7)) return { status: rules.filter };
  if (typeof ask.wish === 'number') return { status: ask.wish };
  if (ask.wish === 'file' || ask.wish === 'part') return replyFile(state, ask, at);
  const endpoint = state.api.endpoints.get(ask.path);
  if (endpoint) return replyEndpoint(state, ask, at, endpoint);
  return replyObject(state, ask, at);
}

function hasFault({ rules, random, seed }: State, at: number): boolean {
  const inOutage = rules.outages > 0 && scatter(Math.floor(at / rules.outageMs), seed) < rules.outages * 2 ** 32;
  return random.chance(inOutage ? 0.5 : rules.faults);
}

/** Ms to wait before the client may call again, 0 where it may now: a token bucket of ten seconds' worth. */
function takeTurn(state: State, ask: Ask, at: number): number {
  const { rules } = state;
  const isLogin = ask.login !== null && rules.loginsPerMinute > 0;
  const perMinute = isLogin ? rules.loginsPerMinute : rules.limitPerMinute;
  if (perMinute === 0) return 0;
  const name = isLogin || !ask.credential?.isValid ? ask.address : ask.credential.subject;
  const key = isLogin ? `login ${name}` : name;
  const burst = Math.max(3, perMinute / 6);
  const bucket = state.buckets.get(key) ?? { tokens: burst, at };
  bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) * perMinute) / 60_000);
  bucket.at = at;
  keep(state.buckets, key, bucket);
  if (bucket.tokens < 1) return rules.retryAfterMs;
  bucket.tokens -= 1;
  return 0;
}

function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (map.size >= MAX_KEPT && !map.has(key)) map.delete(map.keys().next().value!);
  map.set(key, value);
}

/** Null where the call may pass. */
function refuse({ rules, random }: State, { credential, path }: Ask, at: number): Reply | null {
  if (rules.auth === 'open' && !path.includes('admin')) return credential && !isGood(credential, at) ? { status: 401 } : null;
  if (!credential) return { status: rules.unauthorized };
  if (!isGood(credential, at)) return { status: rules.unauthorized === 302 ? 401 : rules.unauthorized };
  return random.chance(0.0005) ? { status: 401 } : null;
}

function isGood(credential: Credential, at: number): boolean {
  return credential.isValid && at < credential.expiresAt;
}

function replyObject(state: State, ask: Ask, at: number): Reply {
  const { api, rules, random } = state;
  const found = findResource(api, ask.path);
  if (!found) return replyUnknown(state, ask, at);
  const { resource, id, isChild } = found;
  // Some gateways forget that browsers ask first and without credential; most don't.
  if (ask.method === 'OPTIONS' && !rules.asksFirst) return { status: random.chance(0.7) ? 204 : 200, bytes: 0 };
  const refused = resource.isPrivate || isWrite(ask.method) ? refuse(state, ask, at) : null;
  if (refused) return refused;
  if (ask.wish && ask.wish !== 'found')
    return replyWish(state, ask.wish) ?? { status: 200, bytes: sizeOf(state, ask, resource.bytes) };
  if (id === null)
    return isWrite(ask.method)
      ? { status: rules.created, bytes: madeBytes(state, resource.bytes >> 1) }
      : replyList(state, ask, at, resource);
  const n = objectAt(resource, id);
  if (n < 0) return { status: rules.missing };
  const owner = ask.credential?.owner ?? ALL;
  if (resource.isPrivate && !rules.hasHole && owner !== ALL && n % resource.owners !== owner % resource.owners)
    return { status: rules.denied };
  if (ask.method === 'DELETE') return { status: 204 };
  if (ask.method !== 'GET' && ask.method !== 'HEAD') return { status: 200, bytes: resource.bytes };
  return isUnchanged(state, ask, at)
    ? { status: 304 }
    : { status: 200, bytes: sizeOf(state, ask, resource.bytes >> (isChild ? 2 : 0)) };
}

/** The size of what answers a creation: the same for all that are made alike. */
function madeBytes({ rules, seed }: State, whole: number): number {
  return rules.echoes ? whole : 20 + (seed % 40);
}

function isWrite(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' || method === 'DELETE';
}

function findResource(api: Api, path: string): { resource: Resource; id: string | null; isChild: boolean } | null {
  for (const resource of api.resources) {
    if (!path.startsWith(resource.path)) continue;
    const rest = path.slice(resource.path.length);
    if (rest === '') return { resource, id: null, isChild: false };
    if (rest[0] !== '/') continue;
    const [id, child, more] = rest.slice(1).split('/', 3) as [string, string?, string?];
    if (child !== undefined && (child !== resource.child || more !== undefined)) continue;
    return { resource, id, isChild: child !== undefined };
  }
  return null;
}

function replyUnknown(state: State, ask: Ask, at: number): Reply {
  const { api, rules } = state;
  if (ask.path.startsWith(api.dav)) return replyDav(state, ask, at);
  if (ask.path.startsWith(api.scim)) return replyScim(state, ask, at);
  const told = ask.wish && ask.wish !== 'odd' && ask.wish !== 'attack' ? replyWish(state, ask.wish) : null;
  if (told) return told;
  if (ask.wish === 'found') return { status: ask.method === 'POST' ? rules.created : 200, bytes: 30 + (rules.errorBytes >> 2) };
  if (rules.filter > 0 && ask.path.startsWith('/.')) return { status: rules.filter };
  if (rules.asksFirst && !(ask.credential && isGood(ask.credential, at))) return { status: rules.unauthorized };
  return rules.unknown === 200 ? { status: 200, bytes: 1421 } : { status: rules.unknown };
}

/** A folder's files are of one order of magnitude, from pictures to archives. */
function replyFile(state: State, ask: Ask, at: number): Reply {
  const refused = refuse(state, ask, at);
  if (refused) return refused;
  if (isUnchanged(state, ask, at)) return { status: 304 };
  const middle = 10_000 * 2 ** (scatter(ask.path.lastIndexOf('/'), state.seed) % 9);
  return { status: ask.wish === 'part' ? 206 : 200, bytes: sizeOf(state, ask, middle) };
}

/** Files exist by name: one in twelve that were never put is not there. */
function replyDav(state: State, ask: Ask, at: number): Reply {
  const refused = refuse(state, ask, at);
  if (refused) return refused;
  if (ask.method === 'PROPFIND' || ask.method === 'REPORT') return { status: 207, bytes: sizeOf(state, ask, 4000) };
  if (ask.method === 'PUT' || ask.method === 'MKCOL') return { status: ask.wish === 'conflict' ? 405 : 201, bytes: 0 };
  if (ask.method === 'DELETE') return { status: 204 };
  if (ask.wish === 'missing') return { status: 404 };
  return isUnchanged(state, ask, at) ? { status: 304 } : { status: 200, bytes: sizeOf(state, ask, 60_000) };
}

function replyScim(state: State, ask: Ask, at: number): Reply {
  const refused = refuse(state, ask, at);
  if (refused) return refused;
  if (ask.wish) return replyWish(state, ask.wish) ?? { status: 200, bytes: 900 };
  if (ask.method === 'POST') return { status: 201, bytes: 800 };
  return { status: ask.method === 'DELETE' ? 204 : 200, bytes: sizeOf(state, ask, 900) };
}

function replyWish({ rules, random }: State, wish: Wish): Reply | null {
  switch (wish) {
    case 'declined':
      return { status: rules.declined, bytes: rules.errorBytes };
    case 'invalid':
      return { status: rules.invalid };
    case 'conflict':
      return { status: random.chance(0.8) ? 409 : rules.invalid };
    case 'missing':
      return { status: rules.missing };
    case 'found':
      return null;
    case 'forbidden':
      return { status: random.chance(0.9) ? rules.denied : 403 };
    case 'limited':
      return { status: rules.limited, retryAfterMs: rules.tellsWait ? rules.retryAfterMs : 0, isLimited: true };
    default:
      if (random.chance(rules.oddIgnored)) return null;
      return { status: random.chance(rules.oddInvalid) ? rules.invalid : 500 };
  }
}

function replyEndpoint(state: State, ask: Ask, at: number, endpoint: Endpoint): Reply {
  const { rules, random } = state;
  if (ask.method === 'OPTIONS') return { status: random.chance(0.7) ? 204 : 200, bytes: 0 };
  if (endpoint.does === 'login' || endpoint.does === 'otpVerify') return replyLogin(state, ask, at, endpoint);
  if (endpoint.does === 'refresh') return replyRefresh(state, ask, at);
  const refused = endpoint.isOpen ? null : refuse(state, ask, at);
  if (refused) return refused;
  if (ask.wish && ask.wish !== 'found')
    return replyWish(state, ask.wish) ?? { status: 200, bytes: sizeOf(state, ask, endpoint.bytes) };
  if (endpoint.does === 'admin' && ask.credential?.owner !== ALL) return { status: ask.credential ? 403 : rules.unauthorized };
  const isRead = ask.method === 'GET' || ask.method === 'HEAD';
  if (!isRead && (endpoint.does === 'page' || endpoint.does === 'asset' || endpoint.does === 'read')) return { status: 405 };
  if (isRead && isUnchanged(state, ask, at)) return { status: 304 };
  const makes =
    endpoint.does === 'signup' ||
    endpoint.does === 'upload' ||
    endpoint.does === 'form' ||
    endpoint.does === 'payment' ||
    endpoint.does === 'payout' ||
    endpoint.does === 'jobs';
  const isStatic = endpoint.does === 'asset' || endpoint.does === 'page';
  const bytes = isStatic ? endpoint.bytes : sizeOf(state, ask, endpoint.bytes);
  return !isRead && makes ? { status: rules.created, bytes: madeBytes(state, endpoint.bytes) } : { status: 200, bytes };
}

function replyLogin(state: State, ask: Ask, at: number, endpoint: Endpoint): Reply {
  const { rules, random, failedLogins } = state;
  const { login } = ask;
  if (!login)
    return ask.method === 'GET' ? { status: state.api.isSite ? 200 : 405, bytes: endpoint.bytes } : { status: rules.invalid };
  if (state.loginFailure && at >= state.loginFailure.fromMs && at < state.loginFailure.untilMs)
    return { status: state.loginFailure.status };
  const failed = failedLogins.get(login.account) ?? 0;
  if (rules.lockAfter > 0 && failed >= rules.lockAfter) return { status: rules.locked };
  if (!login.isRight) {
    keep(failedLogins, login.account, failed + 1);
    return { status: rules.loginRefused, bytes: rules.errorBytes };
  }
  failedLogins.delete(login.account);
  return { status: rules.loginOk, bytes: 40 + (endpoint.bytes % 1500), credential: tokenFor(state, random, login.account, at) };
}

function tokenFor({ rules, seed }: State, random: Random, account: number, at: number): Credential {
  const fresh = random.hex(16);
  const lasting = scatter(account, seed).toString(16) + scatter(account, seed + 1).toString(16);
  return {
    subject: rules.subjectIs === 'account' ? lasting : fresh,
    scheme: 'bearer',
    expiresAt: at + rules.tokenLifeMs,
    owner: account,
    isValid: true,
  };
}

function replyRefresh(state: State, { credential }: Ask, at: number): Reply {
  if (!credential?.isValid) return { status: 401 };
  return { status: 200, bytes: 600, credential: tokenFor(state, state.random, credential.owner, at) };
}

function replyList(state: State, ask: Ask, at: number, resource: Resource): Reply {
  const owner = ask.credential?.owner ?? ALL;
  const stride = resource.isPrivate && owner !== ALL ? resource.owners : 1;
  const offset = stride === 1 ? 0 : owner % resource.owners;
  const total = Math.max(1, Math.floor((resource.count - 1 - offset) / stride) + 1);
  const skip = skipOf(ask.query, resource.pageSize);
  const count = Math.max(0, Math.min(resource.pageSize, total - skip));
  const step = resource.newestFirst ? -stride : stride;
  const first = offset + (resource.newestFirst ? total - 1 - skip : skip) * stride;
  const page = { resource, first, step, count, isLast: skip + count >= total };
  if (isUnchanged(state, ask, at)) return { status: 304, page };
  return { status: 200, bytes: 60 + listBytes(state, ask, count * resource.bytes * 0.3), page };
}

/** Which objects of a list the query asks for; cursors carry the number after a `c`. */
function skipOf(query: string | null, pageSize: number): number {
  if (query === null) return 0;
  const found = /(page|offset|cursor)=c?(\d+)/.exec(query);
  if (!found) return 0;
  const n = Number(found[2]);
  return found[1] === 'page' ? Math.max(0, n - 1) * pageSize : n;
}

/** The objects of a page that are still there. */
export function numbersOf({ resource, first, step, count }: Page): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) if (!isGap(resource, first + i * step)) numbers.push(first + i * step);
  return numbers;
}

function isUnchanged({ rules, seed }: State, { seenAt, path }: Ask, at: number): boolean {
  if (seenAt === null) return false;
  const shift = scatter(path.length * 131 + path.charCodeAt(path.length - 1), seed) % rules.changesEveryMs;
  return Math.floor((seenAt + shift) / rules.changesEveryMs) === Math.floor((at + shift) / rules.changesEveryMs);
}

/** Grows with what a list shows; what single objects differ in evens out. */
function listBytes(state: State, ask: Ask, middle: number): number {
  return Math.round(middle * 0.9 + sizeOf(state, ask, middle) * 0.1);
}

/** The same size for the same request, spread about the middle. */
function sizeOf({ seed }: State, { path, query }: Ask, middle: number): number {
  let h = seed;
  for (let i = Math.max(0, path.length - 12); i < path.length; i++) h = Math.imul(h ^ path.charCodeAt(i), 0x01000193);
  if (query) for (let i = 0; i < query.length && i < 24; i++) h = Math.imul(h ^ query.charCodeAt(i), 0x01000193);
  return Math.max(2, Math.round(middle * (0.4 + (1.4 * scatter(h, seed)) / 2 ** 32)));
}
