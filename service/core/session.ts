/**
 * One call's effect on its client's record, in event time. A session ends after an idle gap or at its maximum length;
 * what it held is then folded into the client's history. A call that is late beyond the grace period, or was counted
 * before, changes nothing.
 */
import { type Rejection, reject } from './api-call.ts';
import { type ClientRecord, D, F, H, T, U } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { type PathFacts, type QueryFacts, readPath, readQuery } from './path.ts';
import { fingerprintOf, softwareOf } from './software.ts';
import { addDistinct, addMoment, addRecent, combine, hashString } from './stats.ts';

export const SESSION = {
  idleLimitMs: 30 * 60_000,
  maxLengthMs: 24 * 3600_000,
  /** How far behind its client's newest call a call may come. */
  graceMs: 5 * 60_000,
  historyHalfLifeMs: 24 * 3600_000,
  /** Of 32 bits that the children of a path set by hash, how many make them names of objects: about 22 children do. */
  learntBits: 16,
} as const;

/** Over how many calls the recent shares run. */
const RECENT_CALLS = 16;

/** How many of a client's last call ids are kept to know a duplicate by. */
const RECENT_IDS = U.recentPaths - U.recentIds;

/** Who calls, as identify found: what session needs of it. */
export interface Caller {
  readonly strength: number;
}

/** Counts the call in its client's record. A rejection leaves the record as it was. */
export function observe(record: ClientRecord, call: ApiCall, caller: Caller): Rejection | null {
  const { t } = record;
  const id = hashString(call.id) || 1;
  if (isDuplicate(record, id)) return reject('ASSAY_CALL_DUPLICATE', call.id);
  const behindMs = t[T.last]! - call.time;
  if (behindMs > SESSION.graceMs) return reject('ASSAY_CALL_LATE', `${Math.round(behindMs / 1000)} s behind its client`);
  if (endsSession(record, call.time)) beginSession(record, call.time);
  const path = readPath(call.path, call.route);
  const query = call.query === null ? null : readQuery(call.query);
  // Out of order within the grace period: counted, with no gap.
  const gapMs = record.f[F.calls]! === 0 ? -1 : Math.max(0, call.time - t[T.last]!);
  remember(record, id);
  observePace(record, call, gapMs);
  if (gapMs >= 0 && record.f[F.prevStatus]! >= 400) observeAfterNo(record, call, path);
  observeRequest(record, call, path, query);
  observeObject(record, call, path, objectOf(record, path, query, isAnswered(call)));
  if (call.status !== null) observeAnswer(record, call.status, path);
  observeLogin(record, call, path);
  observeSizes(record, call);
  observeVoice(record, call);
  observeIdentity(record, call, caller);
  closeCall(record, call, path);
  return null;
}

function isDuplicate({ u }: ClientRecord, id: number): boolean {
  for (let i = 0; i < RECENT_IDS; i++) if (u[U.recentIds + i] === id) return true;
  return false;
}

function remember({ u }: ClientRecord, id: number): void {
  u[U.recentIds + (u[U.idAt]! % RECENT_IDS)] = id;
  u[U.idAt]! += 1;
}

function endsSession({ t, f }: ClientRecord, time: number): boolean {
  if (f[F.calls]! === 0) return true;
  return time - t[T.last]! > SESSION.idleLimitMs || time - t[T.sessionStart]! > SESSION.maxLengthMs;
}

/** Folds the session that ended into the history and clears its slots; ids seen stay, so that a replay is still known. */
function beginSession(record: ClientRecord, time: number): void {
  const { t, f, h, u, d } = record;
  if (t[T.first] === 0) t[T.first] = time;
  if (f[F.calls]! > 0) {
    const idleMs = Math.max(0, time - t[T.last]!);
    const keep = 2 ** (-idleMs / SESSION.historyHalfLifeMs);
    const add = (slot: number, value: number) => {
      h[slot] = (h[slot]! + value) * keep;
    };
    add(H.sessions, 1);
    add(H.calls, f[F.calls]!);
    add(H.failures, failures(f));
    add(H.loginFail, f[F.loginFail]!);
    add(H.objects, f[F.idNovel]!);
    add(H.probes, f[F.probe]! + f[F.injected]!);
    h[H.idleLog] = Math.log1p(idleMs / 1000);
  }
  f.fill(0);
  d.fill(0);
  u.fill(0, U.recentPaths, U.idRoute);
  u.fill(0, U.prevPath, U.agent);
  t[T.sessionStart] = time;
  t[T.answered] = 0;
}

/** Answers that deny or miss, without 304s and server errors. */
export function failures(f: Float32Array): number {
  return f[F.invalid]! + f[F.s401]! + f[F.s403]! + f[F.s404]! + f[F.s429]! + f[F.otherError]!;
}

function isAnswered({ status }: ApiCall): boolean {
  return status !== null && status < 400;
}

function isFailure(status: number): boolean {
  return status >= 400 && status < 500;
}

interface AskedObject {
  /** 0 where the call names none. */
  readonly hash: number;
  readonly number: number;
  /** The route with the object as a placeholder. */
  readonly route: number;
  /** The route of the list that would show it. */
  readonly list: number;
}

/** The object a call names: a variable segment, a parameter, or a name under a parent whose children have shown to be many. */
function objectOf({ u }: ClientRecord, path: PathFacts, query: QueryFacts | null, answered: boolean): AskedObject {
  const { route, parent, leaf } = path;
  if (path.object !== 0) return { hash: path.object, number: path.objectNumber, route, list: path.collection };
  if (query !== null && query.object !== 0)
    return { hash: query.object, number: query.objectNumber, route: combine(route, query.objectName), list: route };
  if (path.isAsset || path.depth < 2 || !learn(u, parent, leaf, answered)) return { hash: 0, number: Number.NaN, route, list: 0 };
  return { hash: leaf || 1, number: Number.NaN, route: combine(parent, 1), list: parent };
}

/** Learns a child of a path and says whether its children are names of objects. Of four parents the last gives way. */
function learn(u: Uint32Array, parent: number, child: number, answered: boolean): boolean {
  let slot = 0;
  while (slot < 3 && u[U.learntParent + slot] !== parent && u[U.learntParent + slot] !== 0) slot++;
  if (u[U.learntParent + slot] !== parent) {
    if (!answered) return false;
    u[U.learntParent + slot] = parent;
    u[U.learntChildren + slot] = 0;
  }
  // Only answered paths teach: a scanner's many misses under one parent stay many routes.
  if (answered) u[U.learntChildren + slot] = u[U.learntChildren + slot]! | (1 << (child & 31));
  return bitCount(u[U.learntChildren + slot]!) >= SESSION.learntBits;
}

function bitCount(bits: number): number {
  let n = 0;
  for (let left = bits >>> 0; left !== 0; left &= left - 1) n++;
  return n;
}

/** Upper limits of the gap bins, in ms: bursts, machine pace, hands, patience, polling, long waits. */
const GAP_BINS_MS = [100, 1000, 5000, 30_000, 300_000];

/** A call after a pause begins something; a scheduler begins it on the minute. */
const PAUSE_MS = 30_000;
const ON_MINUTE_MS = 2000;

function observePace({ f }: ClientRecord, call: ApiCall, gapMs: number): void {
  if (call.time % 1000 !== 0) f[F.subSecond]! += 1;
  if (gapMs < 0) {
    f[F.rate10s] = 0.1;
    f[F.rate300s] = 1 / 300;
    return;
  }
  const log = Math.log1p(gapMs / 10);
  f[F.gaps]! += 1;
  addMoment(f, F.gap, f[F.gaps]!, log);
  if (f[F.gaps]! > 1 && Math.abs(log - f[F.gapLast]!) < 0.1) f[F.gapSteady]! += 1;
  f[F.gapLast] = log;
  let bin = 0;
  while (bin < GAP_BINS_MS.length && gapMs >= GAP_BINS_MS[bin]!) bin++;
  f[F.gapBins + bin]! += 1;
  if (gapMs >= PAUSE_MS && call.time % 60_000 < ON_MINUTE_MS) f[F.onMinute]! += 1;
  // Calls a second, decaying over 10 s and 300 s.
  f[F.rate10s] = f[F.rate10s]! * Math.exp(-gapMs / 10_000) + 0.1;
  f[F.rate300s] = f[F.rate300s]! * Math.exp(-gapMs / 300_000) + 1 / 300;
  f[F.ratePeak10s] = Math.max(f[F.ratePeak10s]!, f[F.rate10s]!);
  f[F.ratePeak300s] = Math.max(f[F.ratePeak300s]!, f[F.rate300s]!);
}

/** A wait of this much after a 429 or a failure counts as heeding it. */
const WAIT_MS = 1000;

/** What the client does after a 4xx or 5xx. A call that was under way before the answer came says nothing about that. */
function observeAfterNo({ f, t, u }: ClientRecord, call: ApiCall, path: PathFacts): void {
  if (call.time < t[T.answered]!) return;
  const before = f[F.prevStatus]!;
  const samePath = u[U.prevPath] === path.full;
  const waits = call.time - t[T.answered]! >= WAIT_MS;
  if (isFailure(before)) {
    f[F.afterFail]! += 1;
    if (waits) f[F.afterFailWait]! += 1;
  }
  if (before === 401) {
    f[F.after401]! += 1;
    if (path.isLogin && u[U.prevRoute] !== path.route) f[F.after401Login]! += 1;
    if (samePath) f[F.after401Same]! += 1;
  } else if (before === 403) {
    f[F.after403]! += 1;
    if (!samePath) f[F.after403Onward]! += 1;
  } else if (before === 404) {
    f[F.after404]! += 1;
    if (!samePath && call.status === 404) f[F.after404Miss]! += 1;
  } else if (before === 429) {
    f[F.after429]! += 1;
    if (waits) f[F.after429Wait]! += 1;
  } else if (before >= 500) {
    f[F.after5xx]! += 1;
    if (samePath) f[F.after5xxSame]! += 1;
  }
}

function methodSlot(method: string): number {
  switch (method) {
    case 'GET':
      return F.get;
    case 'POST':
      return F.post;
    case 'PUT':
    case 'PATCH':
      return F.write;
    case 'DELETE':
      return F.remove;
    case 'HEAD':
      return F.head;
    case 'OPTIONS':
      return F.options;
    default:
      return F.otherMethod;
  }
}

function observeRequest({ f, u, d }: ClientRecord, call: ApiCall, path: PathFacts, query: QueryFacts | null): void {
  f[methodSlot(call.method)]! += 1;
  f[F.depthSum]! += path.depth;
  if (path.isAsset) f[F.asset]! += 1;
  if (path.probe === 'hard' || (path.probe === 'soft' && !isThere(call))) f[F.probe]! += 1;
  if (path.isInjected || query?.isInjected) f[F.injected]! += 1;
  if (query !== null) f[F.query]! += 1;
  if (query?.isPaged) f[F.paged]! += 1;
  const asked = query === null ? path.full : combine(path.full, query.full);
  if (isRecent(u, asked)) f[F.repeat]! += 1;
  const isNew = addDistinct(d, D.paths, 64, asked);
  addRecent(f, F.recentNew, f[F.calls]! + 1, RECENT_CALLS, isNew ? 1 : 0);
  if (call.status === 404) addDistinct(d, D.missed, 32, asked);
  u[U.recentPaths + (u[U.pathAt]! % 8)] = asked;
  u[U.pathAt]! += 1;
}

/** Whether the answer shows that what was asked for exists; a redirect may only lead to HTTPS. */
function isThere({ status }: ApiCall): boolean {
  return status !== null && (status < 300 || status === 304);
}

function isRecent(u: Uint32Array, asked: number): boolean {
  for (let i = 0; i < 8; i++) if (u[U.recentPaths + i] === asked) return true;
  return false;
}

function observeObject(record: ClientRecord, call: ApiCall, path: PathFacts, object: AskedObject): void {
  const { f, u, d } = record;
  addDistinct(d, D.routes, 32, object.route);
  // A list that was answered: items under it were shown, not guessed.
  const isListed = object.list !== 0 && u[U.lists + (object.list & 7)] === object.list;
  if (path.leafKind === 'literal' && object.route === path.route && isAnswered(call)) u[U.lists + (path.route & 7)] = path.route;
  if (object.hash === 0) return;
  f[F.idCalls]! += 1;
  if (isListed) f[F.idListed]! += 1;
  if (addDistinct(d, D.objects, 64, object.hash)) f[F.idNovel]! += 1;
  if (call.status === 401 || call.status === 403) f[F.idDenied]! += 1;
  if (call.status === 404 || call.status === 410) f[F.idMissing]! += 1;
  if (!Number.isNaN(object.number)) observeOrder(record, object);
}

function observeOrder({ f, t, u }: ClientRecord, { route, number }: AskedObject): void {
  const slot = route & 3;
  if (u[U.idRoute + slot] === route) {
    const step = number - t[T.idLast + slot]!;
    f[F.idOrdered]! += 1;
    if (step > 0) f[F.idAscending]! += 1;
    if (step === 1) f[F.idUnit]! += 1;
    f[F.idStepSum]! += Math.log1p(Math.abs(step));
  }
  u[U.idRoute + slot] = route;
  t[T.idLast + slot] = number;
}

function statusSlot(status: number): number {
  if (status === 304) return F.notModified;
  if (status < 300) return F.ok;
  if (status < 400) return F.redirect;
  if (status >= 500) return F.s5xx;
  return STATUS_SLOTS[status] ?? F.otherError;
}
const STATUS_SLOTS: Record<number, number> = {
  400: F.invalid,
  402: F.invalid,
  409: F.invalid,
  422: F.invalid,
  401: F.s401,
  403: F.s403,
  404: F.s404,
  410: F.s404,
  429: F.s429,
};

function observeAnswer({ f, u }: ClientRecord, status: number, path: PathFacts): void {
  f[F.statusKnown]! += 1;
  f[statusSlot(status)]! += 1;
  const fails = isFailure(status);
  f[F.failRun] = fails ? f[F.failRun]! + 1 : 0;
  f[F.maxFailRun] = Math.max(f[F.maxFailRun]!, f[F.failRun]!);
  addRecent(f, F.recentFail, f[F.statusKnown]!, RECENT_CALLS, fails ? 1 : 0);
  if (status >= 400) u[U.failedPath] = path.full;
  else if (u[U.failedPath] === path.full && path.full !== 0) {
    f[F.recovered]! += 1;
    u[U.failedPath] = 0;
  }
}

function observeLogin({ f, u, d }: ClientRecord, { status, method, account }: ApiCall, path: PathFacts): void {
  if (account === null && !(path.isLogin && method === 'POST')) return;
  if (status !== null) {
    f[F.login]! += 1;
    if (isFailure(status)) f[F.loginFail]! += 1;
    else if (status < 400) f[F.loginOk]! += 1;
  }
  if (account === null) return;
  const hash = hashString(account);
  addDistinct(d, D.accounts, 16, hash);
  if (status !== null && u[U.account] === hash) f[F.accountSame]! += 1;
  u[U.account] = hash;
}

function observeSizes({ f }: ClientRecord, { responseBytes, requestBytes }: ApiCall): void {
  if (responseBytes !== null) {
    f[F.answerSized]! += 1;
    addMoment(f, F.answerSize, f[F.answerSized]!, Math.log1p(responseBytes));
  }
  if (requestBytes !== null) {
    f[F.requestSized]! += 1;
    addMoment(f, F.requestSize, f[F.requestSized]!, Math.log1p(requestBytes));
  }
}

function observeVoice({ f, u }: ClientRecord, call: ApiCall): void {
  const software = softwareOf(call.userAgent);
  if (software.name === 'none') f[F.noAgent]! += 1;
  if (software.isBrowser) f[F.browserAgent]! += 1;
  if (software.isLibrary) f[F.libraryAgent]! += 1;
  if (software.isTool) f[F.toolAgent]! += 1;
  if (software.isDeclaredBot) f[F.declaredBot]! += 1;
  if (changes(u, U.agent, software.hash, f)) f[F.agentChanges]! += 1;
  if (tellsVoice(call)) f[F.voiceKnown]! += 1;
  if (call.accept === '*/*') f[F.acceptAny]! += 1;
  if (call.acceptLanguage) f[F.language]! += 1;
  if (call.acceptEncoding) f[F.encoding]! += 1;
  if (call.referer) f[F.referer]! += 1;
  if (call.hasCookie !== null) f[F.cookieKnown]! += 1;
  if (call.hasCookie) f[F.cookie]! += 1;
  if (call.headerNames !== null) {
    f[F.headersKnown]! += 1;
    if (changes(u, U.shape, shapeOf(call.method, call.headerNames), f)) f[F.shapeChanges]! += 1;
  }
  if (call.httpVersion?.startsWith('2') || call.httpVersion?.startsWith('3')) f[F.http2]! += 1;
  observeConnection(f, u, call);
}

/** Whether the gateway tells more of the headers than the user agent and the referer, which every access log has. */
function tellsVoice({ accept, acceptEncoding, acceptLanguage, headerNames }: ApiCall): boolean {
  return accept !== null || acceptEncoding !== null || acceptLanguage !== null || headerNames !== null;
}

function shapeOf(method: string, names: readonly string[]): number {
  let hash = hashString(method);
  for (const name of names) hash = hashString(name, hash);
  return hash;
}

function observeConnection(f: Float32Array, u: Uint32Array, call: ApiCall): void {
  if (call.ja4 !== null || call.tlsVersion !== null || call.tlsCipher !== null) {
    f[F.tls]! += 1;
    if (call.tlsResumed) f[F.tlsResumed]! += 1;
    if (changes(u, U.tls, handshakeOf(call), f)) f[F.tlsChanges]! += 1;
  }
  if (call.connectionId === null && call.connectionRequests === null) return;
  f[F.connectionKnown]! += 1;
  const connection = call.connectionId === null ? 0 : hashString(call.connectionId);
  const isNew = call.connectionRequests === null ? u[U.connection] !== connection : call.connectionRequests <= 1;
  if (isNew) f[F.connectionNew]! += 1;
  u[U.connection] = connection;
}

function handshakeOf({ ja4, tlsVersion, tlsCipher }: ApiCall): number {
  if (ja4 !== null) return hashString(fingerprintOf(ja4));
  return hashString(tlsCipher ?? '', hashString(tlsVersion ?? ''));
}

/** Whether a slot's hash differs from the call before; the first call of a session changes nothing. */
function changes(u: Uint32Array, slot: number, hash: number, f: Float32Array): boolean {
  const before = u[slot]!;
  u[slot] = hash;
  return f[F.calls]! > 0 && before !== hash;
}

function observeIdentity({ f, d }: ClientRecord, call: ApiCall, caller: Caller): void {
  f[F.strength] = Math.max(f[F.strength]!, caller.strength);
  addDistinct(d, D.addresses, 16, hashString(call.clientIp));
  if (call.subject === null) return;
  f[F.subjectCalls]! += 1;
  addDistinct(d, D.subjects, 16, hashString(call.subject));
  if (call.status === 401) f[F.subjectRejected]! += 1;
}

function closeCall({ f, t, u }: ClientRecord, call: ApiCall, path: PathFacts): void {
  f[F.calls]! += 1;
  f[F.prevStatus] = call.status ?? 0;
  u[U.prevPath] = path.full;
  u[U.prevRoute] = path.route;
  t[T.last] = Math.max(t[T.last]!, call.time);
  t[T.answered] = call.time + Math.min(call.durationMs ?? 0, SESSION.graceMs);
}

/** Snapshots come at calls 1, 2, 3, 5, 8, 13, … of a session, and from 144 on at every 89th. */
export function nextSnapshot(calls: number): number {
  let [a, b] = [1, 2];
  while (b <= calls && b < 144) [a, b] = [b, a + b];
  if (calls < 1) return 1;
  return b > calls ? b : calls + 89 - ((calls - 144) % 89);
}
