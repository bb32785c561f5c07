/**
 * One call's effect on its client's record, in event time. A session ends after an idle gap or at its maximum length;
 * what it held is then folded into the client's history. A call that is late beyond the grace period, or was counted
 * before, changes nothing.
 */
import { type Rejection, reject } from './api-call.ts';
import { type ClientRecord, D, F, H, T, U } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { looksInjected, type PathFacts, readPath } from './path.ts';
import { softwareOf } from './software.ts';
import { addDistinct, addMoment, combine, hashString, share } from './stats.ts';

export const SESSION = {
  idleLimitMs: 30 * 60_000,
  maxLengthMs: 24 * 3600_000,
  /** How far behind its client's newest call a call may come. */
  graceMs: 5 * 60_000,
  historyHalfLifeMs: 24 * 3600_000,
  /** Children of one path, answered well, from which on its children are taken for names of objects. */
  learntChildren: 8,
} as const;

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
  const path = readPath(call.path);
  // Out of order within the grace period: counted, with no gap.
  const gapMs = record.f[F.calls]! === 0 ? -1 : Math.max(0, call.time - t[T.last]!);
  remember(record, id);
  const object = objectOf(record, path, isAnswered(call));
  observePace(record, call, gapMs);
  observeAfterNo(record, call, path, gapMs);
  observeRequest(record, call, path);
  observeObject(record, call, path, object);
  observeAnswer(record, call, path);
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
  u[U.prevPath] = 0;
  u[U.prevRoute] = 0;
  t[T.sessionStart] = time;
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

/** The object a call names: a variable segment, or a name under a parent whose children have shown to be many. */
function objectOf({ u }: ClientRecord, path: PathFacts, answered: boolean): { hash: number; route: number } {
  if (path.object !== 0) return { hash: path.object, route: path.route };
  if (path.isAsset || path.depth < 2) return { hash: 0, route: path.route };
  let slot = 0;
  while (slot < 3 && u[U.learntParent + slot] !== path.parent && u[U.learntParent + slot] !== 0) slot++;
  if (u[U.learntParent + slot] !== path.parent) {
    if (!answered) return { hash: 0, route: path.route };
    u[U.learntParent + slot] = path.parent;
    u[U.learntChildren + slot] = 0;
  }
  // Only answered paths teach: a scanner's many misses under one parent stay many routes.
  if (answered) u[U.learntChildren + slot]! |= 1 << (path.leaf & 31);
  const isLearnt = bitCount(u[U.learntChildren + slot]!) >= SESSION.learntChildren;
  return isLearnt ? { hash: path.leaf, route: combine(path.parent, 1) } : { hash: 0, route: path.route };
}

function bitCount(bits: number): number {
  let n = 0;
  for (let left = bits >>> 0; left !== 0; left &= left - 1) n++;
  return n;
}

/** Upper limits of the gap bins, in ms: bursts, machine pace, hands, patience, polling, long waits. */
const GAP_BINS_MS = [100, 1000, 5000, 30_000, 300_000];

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
  // Calls a second, decaying over 10 s and 300 s.
  f[F.rate10s] = f[F.rate10s]! * Math.exp(-gapMs / 10_000) + 0.1;
  f[F.rate300s] = f[F.rate300s]! * Math.exp(-gapMs / 300_000) + 1 / 300;
  f[F.ratePeak10s] = Math.max(f[F.ratePeak10s]!, f[F.rate10s]!);
  f[F.ratePeak300s] = Math.max(f[F.ratePeak300s]!, f[F.rate300s]!);
}

/** A wait of this much after a 429 or a failure counts as heeding it. */
const WAIT_MS = 1000;

function observeAfterNo({ f, u }: ClientRecord, call: ApiCall, path: PathFacts, gapMs: number): void {
  const before = f[F.prevStatus]!;
  if (gapMs < 0 || before < 400) return;
  const samePath = u[U.prevPath] === path.full;
  const waits = gapMs >= WAIT_MS;
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

const METHOD_SLOTS: Record<string, number> = {
  GET: F.get,
  HEAD: F.head,
  POST: F.post,
  PUT: F.write,
  PATCH: F.write,
  DELETE: F.remove,
  OPTIONS: F.options,
};

function observeRequest({ f, u, d }: ClientRecord, call: ApiCall, path: PathFacts): void {
  f[METHOD_SLOTS[call.method] ?? F.otherMethod]! += 1;
  f[F.depthSum]! += path.depth;
  f[F.pathLengthSum]! += Math.log1p(call.path.length);
  if (path.isAsset) f[F.asset]! += 1;
  if (path.isProbe) f[F.probe]! += 1;
  if (path.isRobots) f[F.robots]! += 1;
  if (looksInjected(call.path, call.query)) f[F.injected]! += 1;
  const query = call.query ? hashString(call.query) : 0;
  if (call.query) {
    f[F.query]! += 1;
    addDistinct(d, D.queries, 32, query);
  }
  const asked = combine(path.full, query);
  if (isRecent(u, asked)) f[F.repeat]! += 1;
  if (addDistinct(d, D.paths, 64, asked)) {
    f[F.novelPath]! += 1;
    if (call.status === 404) f[F.novelMiss]! += 1;
  }
  u[U.recentPaths + (u[U.pathAt]! % 8)] = asked;
  u[U.pathAt]! += 1;
}

function isRecent(u: Uint32Array, asked: number): boolean {
  for (let i = 0; i < 8; i++) if (u[U.recentPaths + i] === asked) return true;
  return false;
}

function observeObject(record: ClientRecord, call: ApiCall, path: PathFacts, object: { hash: number; route: number }): void {
  const { f, t, u, d } = record;
  addDistinct(d, D.routes, 32, object.route);
  if (object.hash === 0) {
    // A list that was answered: items under it were shown, not guessed.
    if (isAnswered(call)) u[U.parents + (path.route & 7)] = path.route;
    return;
  }
  f[F.idCalls]! += 1;
  if (u[U.parents + (path.parent & 7)] === path.parent) f[F.idListed]! += 1;
  if (addDistinct(d, D.objects, 64, object.hash)) f[F.idNovel]! += 1;
  if (call.status === 401 || call.status === 403) f[F.idDenied]! += 1;
  if (call.status === 404 || call.status === 410) f[F.idMissing]! += 1;
  if (Number.isNaN(path.objectNumber)) return;
  const slot = object.route & 3;
  if (u[U.idRoute + slot] === object.route) {
    const step = path.objectNumber - t[T.idLast + slot]!;
    f[F.idOrdered]! += 1;
    if (step > 0) f[F.idAscending]! += 1;
    if (step === 1) f[F.idUnit]! += 1;
    if (step === 0) f[F.idRepeat]! += 1;
  }
  u[U.idRoute + slot] = object.route;
  t[T.idLast + slot] = path.objectNumber;
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

function observeAnswer({ f, d }: ClientRecord, call: ApiCall, path: PathFacts): void {
  const { status, responseBytes, requestBytes } = call;
  if (status !== null) {
    f[F.statusKnown]! += 1;
    f[statusSlot(status)]! += 1;
    f[F.failRun] = isFailure(status) ? f[F.failRun]! + 1 : 0;
    f[F.maxFailRun] = Math.max(f[F.maxFailRun]!, f[F.failRun]!);
    if (call.method === 'POST' && statusSlot(status) === F.invalid) f[F.postInvalid]! += 1;
    if ((path.isLogin && call.method === 'POST') || call.account !== null) {
      f[F.login]! += 1;
      f[isFailure(status) ? F.loginFail : F.loginOk]! += 1;
    }
  }
  if (call.account !== null) addDistinct(d, D.accounts, 32, hashString(call.account));
  if (responseBytes !== null) {
    f[F.sized]! += 1;
    addMoment(f, F.size, f[F.sized]!, Math.log1p(responseBytes));
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
  if (call.accept === null || call.accept === '' || call.accept === '*/*') f[F.acceptAny]! += 1;
  if (call.acceptLanguage) f[F.language]! += 1;
  if (call.acceptEncoding) f[F.encoding]! += 1;
  if (call.referer) f[F.referer]! += 1;
  if (call.hasCookie !== null) f[F.cookieKnown]! += 1;
  if (call.hasCookie) f[F.cookie]! += 1;
  if (call.headerNames !== null) {
    f[F.headersKnown]! += 1;
    f[F.headerCount]! += call.headerNames.length;
    if (changes(u, U.shape, hashString(`${call.method} ${call.headerNames.join()}`), f)) f[F.shapeChanges]! += 1;
  }
  if (call.httpVersion?.startsWith('2') || call.httpVersion?.startsWith('3')) f[F.http2]! += 1;
  observeConnection(f, u, call);
}

function observeConnection(f: Float32Array, u: Uint32Array, call: ApiCall): void {
  if (call.tlsVersion !== null || call.tlsCipher !== null) {
    f[F.tls]! += 1;
    if (call.tlsResumed) f[F.tlsResumed]! += 1;
    const tls = hashString(call.ja4 ?? call.ja3 ?? `${call.tlsVersion} ${call.tlsCipher}`);
    if (changes(u, U.tls, tls, f)) f[F.tlsChanges]! += 1;
  }
  if (call.connectionId === null && call.connectionRequests === null) return;
  f[F.connectionKnown]! += 1;
  const connection = call.connectionId === null ? 0 : hashString(call.connectionId);
  const isNew = call.connectionRequests === null ? u[U.connection] !== connection : call.connectionRequests <= 1;
  if (isNew) f[F.connectionNew]! += 1;
  u[U.connection] = connection;
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
  addDistinct(d, D.subjects, 32, hashString(call.subject));
  if (call.status === 401) f[F.subjectRejected]! += 1;
}

function closeCall({ f, t, u }: ClientRecord, call: ApiCall, path: PathFacts): void {
  f[F.calls]! += 1;
  f[F.prevStatus] = call.status ?? 0;
  u[U.prevPath] = path.full;
  u[U.prevRoute] = path.route;
  t[T.last] = Math.max(t[T.last]!, call.time);
}

/** Snapshots come at calls 1, 2, 3, 5, 8, 13, … of a session, and from 144 on at every 89th. */
export function nextSnapshot(calls: number): number {
  let [a, b] = [1, 2];
  while (b <= calls && b < 144) [a, b] = [b, a + b];
  if (calls < 1) return 1;
  return b > calls ? b : calls + 89 - ((calls - 144) % 89);
}

/** Share of the answers known that deny or miss. */
export function failureShare(f: Float32Array): number {
  return share(failures(f), f[F.statusKnown]!);
}
