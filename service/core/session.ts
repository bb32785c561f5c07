/**
 * One call's effect on its client's record, in event time. A session ends after an idle gap or at its maximum length;
 * what it held is then folded into the client's history. A call that is late beyond the grace period, or was counted
 * before, changes nothing.
 */
import { type Rejection, reject } from './api-call.ts';
import {
  type Asked,
  type AskedObject,
  askedBy,
  isAnswered,
  isFailure,
  isLogin,
  isReading,
  MESSAGE,
  methodSlot,
  PAYMENT,
  READ_PURPOSES,
  SIGNUP,
} from './asked.ts';
import { C, type ClientRecord, D, F, H, K, SESSION_COUNTS, T, U } from './client-record.ts';
import { type CohortTable, cohortOf, leaveCohort, type Tally } from './cohort.ts';
import type { ApiCall } from './contracts.ts';
import { observePace } from './pace.ts';
import { addDistinct, addMoment, addRecent, combine, hashString, RECENT_CALLS } from './stats.ts';
import { changes, observeVoice } from './voice.ts';

export const SESSION = {
  idleLimitMs: 30 * 60_000,
  maxLengthMs: 24 * 3600_000,
  /** No count of 16 bits can overflow within so many calls. */
  maxCalls: 60_000,
  /** How far behind its client's newest call a call may come. */
  graceMs: 5 * 60_000,
  historyHalfLifeMs: 24 * 3600_000,
} as const;

/** How many of a client's last call ids are kept to know a duplicate by. */
const RECENT_IDS = U.idRoute - U.recentIds;

/** Who calls, as identify found: what session needs of it. */
export interface Caller {
  readonly strength: number;
  readonly clientId?: string;
}

/**
 * Counts the call in its client's record and, where `cohorts` is given, in the client's cohort. A rejection leaves both
 * as they were.
 */
export function observe(
  record: ClientRecord,
  call: ApiCall,
  caller: Caller,
  cohorts: CohortTable | null = null,
): Rejection | null {
  const { t, c } = record;
  const id = hashString(call.id) || 1;
  if (isDuplicate(record, id)) return reject('ASSAY_CALL_DUPLICATE', call.id);
  const behindMs = t[T.last]! - call.time;
  if (behindMs > SESSION.graceMs) return reject('ASSAY_CALL_LATE', `${Math.round(behindMs / 1000)} s behind its client`);
  if (endsSession(record, call.time)) beginSession(record, call);
  const asked = askedBy(record, call);
  // Out of order within the grace period: counted, with no gap.
  const gapMs = c[C.calls]! === 0 ? -1 : Math.max(0, call.time - t[T.last]!);
  remember(record, id);
  if (gapMs >= 0 && c[C.prevStatus]! >= 400) observeAfterNo(record, call, asked);
  observePace(record, call, gapMs);
  observeRequest(record, call, asked);
  observeObject(record, call, asked);
  observeRoute(record, call, asked);
  if (call.status !== null) observeAnswer(record, call.status, asked);
  observeLogin(record, call, asked);
  observePurpose(record, call, asked);
  observeSizes(record, call);
  observeVoice(record, call);
  observeIdentity(record, call, caller);
  closeCall(record, call, asked);
  if (cohorts !== null && record.u[U.cohort] !== 0) observeCohort(record, call, asked, caller, cohorts);
  return null;
}

function isDuplicate({ u }: ClientRecord, id: number): boolean {
  for (let i = 0; i < RECENT_IDS; i++) if (u[U.recentIds + i] === id) return true;
  return false;
}

function remember({ u, c }: ClientRecord, id: number): void {
  u[U.recentIds + c[C.idAt]!] = id;
  c[C.idAt] = (c[C.idAt]! + 1) % RECENT_IDS;
}

function endsSession({ t, c }: ClientRecord, time: number): boolean {
  if (c[C.calls]! === 0 || c[C.calls]! >= SESSION.maxCalls) return true;
  return time - t[T.last]! > SESSION.idleLimitMs || time - t[T.sessionStart]! > SESSION.maxLengthMs;
}

/** Folds the session that ended into the history and clears its slots; ids seen stay, so that a replay is still known. */
function beginSession(record: ClientRecord, call: ApiCall): void {
  const { t, f, u, c, d } = record;
  if (c[C.calls]! > 0) foldSession(record, call.time);
  f.fill(0);
  d.fill(0);
  c.fill(0, 0, SESSION_COUNTS);
  u.fill(0, U.recentPaths);
  t[T.sessionStart] = call.time;
  t[T.answered] = 0;
  // The first call says whose company it is in: later ones may differ in their headers.
  const cohort = cohortOf(call);
  if (u[U.cohort] !== cohort) leaveCohort(record);
  u[U.cohort] = cohort;
}

function foldSession({ t, h, c }: ClientRecord, time: number): void {
  const idleMs = Math.max(0, time - t[T.last]!);
  const keep = 2 ** (-idleMs / SESSION.historyHalfLifeMs);
  const add = (slot: number, value: number) => {
    h[slot] = (h[slot]! + value) * keep;
  };
  add(H.sessions, 1);
  add(H.calls, c[C.calls]!);
  add(H.failures, failures(c));
  add(H.loginFail, c[C.loginFail]!);
  add(H.objects, c[C.idNovel]!);
  add(H.probes, c[C.probe]! + c[C.injected]!);
}

/** Answers that deny or miss, without 304s and server errors. */
export function failures(c: Uint16Array): number {
  return c[C.invalid]! + c[C.s401]! + c[C.s403]! + c[C.s404]! + c[C.s429]! + c[C.otherError]!;
}

/** A wait of this much after a 429 counts as heeding it. */
const WAIT_MS = 1000;

/** What the client does after a 4xx or 5xx. A call that was under way before the answer came says nothing about that. */
function observeAfterNo({ c, t, u }: ClientRecord, call: ApiCall, { path, object, attempt }: Asked): void {
  if (call.time < t[T.answered]!) return;
  const before = c[C.prevStatus]!;
  const samePath = u[U.prevPath] === path.full;
  if (isFailure(before)) {
    c[C.afterFail]! += 1;
    if (u[U.prevTry] === attempt) c[C.afterFailSame]! += 1;
    else if (u[U.prevRoute] === object.route) c[C.afterFailOther]! += 1;
  }
  if (before === 401) {
    c[C.after401]! += 1;
    if (path.isLogin && u[U.prevRoute] !== object.route && isAnswered(call)) c[C.after401Login]! += 1;
  } else if (before === 403) {
    c[C.after403]! += 1;
    if (!samePath) c[C.after403Onward]! += 1;
  } else if (before === 404) {
    c[C.after404]! += 1;
    if (!samePath && call.status === 404) c[C.after404Miss]! += 1;
  } else if (before === 429) {
    c[C.after429]! += 1;
    if (call.time - t[T.answered]! >= WAIT_MS) c[C.after429Wait]! += 1;
  } else if (before >= 500) {
    c[C.after5xx]! += 1;
    if (samePath) c[C.after5xxSame]! += 1;
  }
}

function observeRequest({ f, u, c, d }: ClientRecord, call: ApiCall, { path, query, target }: Asked): void {
  c[methodSlot(call.method)]! += 1;
  f[F.depthSum]! += path.depth;
  if (path.isAsset) c[C.asset]! += 1;
  if (path.isForRobots) c[C.robots]! += 1;
  if (path.probe === 'hard' || (path.probe === 'soft' && !isThere(call))) c[C.probe]! += 1;
  if (path.isInjected || query?.isInjected) c[C.injected]! += 1;
  if (query !== null) {
    c[C.query]! += 1;
    if (query.isPaged) c[C.paged]! += 1;
    addDistinct(d, D.queryShapes, 16, combine(path.route, query.shape));
  }
  if (isRecent(u, target)) c[C.repeat]! += 1;
  const isNew = addDistinct(d, D.paths, 64, target);
  if (isNew) c[C.news]! += 1;
  addRecent(f, F.recentNew, c[C.calls]! + 1, RECENT_CALLS, isNew ? 1 : 0);
  if (call.status === 404) addDistinct(d, D.missed, 32, target);
  u[U.recentPaths + (c[C.calls]! & 7)] = target;
  observeTarget(f, c[C.calls]! + 1, call, path.marks + (query?.marks ?? 0));
}

function observeTarget(f: Float32Array, n: number, { path, query }: ApiCall, marks: number): void {
  const length = path.length + (query?.length ?? 0);
  addMoment(f, F.targetLength, n, Math.log1p(length));
  addMoment(f, F.targetMarks, n, length === 0 ? 0 : marks / length);
}

/** Whether the answer shows that what was asked for exists; a redirect may only lead to HTTPS. */
function isThere({ status }: ApiCall): boolean {
  return status !== null && (status < 300 || status === 304);
}

function isRecent(u: Uint32Array, target: number): boolean {
  for (let i = 0; i < 8; i++) if (u[U.recentPaths + i] === target) return true;
  return false;
}

/** An object in a list takes about so many bytes. */
const LISTED_OBJECT_BYTES = 100;
/** What a list may have shown where its size is not told, or it was read before and has not changed. */
const LISTED_OBJECTS = 20;

function observeObject(record: ClientRecord, call: ApiCall, { path, object }: Asked): void {
  const { f, u, c, d } = record;
  addDistinct(d, D.routes, 32, object.route);
  addRecent(f, F.recentObject, c[C.calls]! + 1, RECENT_CALLS, object.hash === 0 ? 0 : 1);
  // A list that was answered: items under it were shown, not guessed.
  const isListed = object.list !== 0 && u[U.lists + (object.list & 7)] === object.list;
  if (path.leafKind === 'literal' && object.route === path.route && isAnswered(call)) {
    u[U.lists + (path.route & 7)] = path.route;
    f[F.shown]! += shownBy(call);
  }
  if (object.hash === 0) return;
  c[C.idCalls]! += 1;
  if (isListed) c[C.idListed]! += 1;
  if (addDistinct(d, D.objects, 64, object.hash)) c[C.idNovel]! += 1;
  if (call.status === 401 || call.status === 403) c[C.idDenied]! += 1;
  if (call.status === 404 || call.status === 410) c[C.idMissing]! += 1;
  if (!Number.isNaN(object.number)) observeOrder(record, object);
}

/** How many objects an answer without one of its own may have shown: a creation its own, a list by its size. */
function shownBy({ method, status, responseBytes }: ApiCall): number {
  if (method === 'HEAD' || method === 'OPTIONS') return 0;
  if (status === 201) return 1;
  return responseBytes === null || status === 304 ? LISTED_OBJECTS : responseBytes / LISTED_OBJECT_BYTES;
}

function observeOrder({ f, t, u, c }: ClientRecord, { route, number }: AskedObject): void {
  const slot = route & 3;
  if (u[U.idRoute + slot] === route) {
    const step = number - t[T.idLast + slot]!;
    c[C.idOrdered]! += 1;
    if (step > 0) c[C.idAscending]! += 1;
    if (step === 1) c[C.idUnit]! += 1;
    f[F.idStepSum]! += Math.log1p(Math.abs(step));
  }
  u[U.idRoute + slot] = route;
  t[T.idLast + slot] = number;
}

/** Calls of one route after the other, and failures in a row on each of a few routes. */
function observeRoute({ u, f, c }: ClientRecord, { status, responseBytes }: ApiCall, { object }: Asked): void {
  const { route } = object;
  const stays = c[C.calls]! > 0 && u[U.prevRoute] === route;
  addRecent(f, F.recentSame, c[C.calls]! + 1, RECENT_CALLS, stays ? 1 : 0);
  if (stays) {
    c[C.routeSame]! += 1;
    c[C.routeStay]! += 1;
    c[C.routeStayMax] = Math.max(c[C.routeStayMax]!, c[C.routeStay]!);
    if (responseBytes !== null && u[U.prevSize] !== 0) {
      c[C.sizeAgain]! += 1;
      if (u[U.prevSize] === sizeMark(responseBytes)) c[C.sizeSame]! += 1;
    }
  } else c[C.routeStay] = 0;
  u[U.prevSize] = responseBytes === null ? 0 : sizeMark(responseBytes);
  if (status !== null) observeRouteFailures(u, c, route, isFailure(status));
}

/** Never 0, which stands for none. */
function sizeMark(bytes: number): number {
  return (bytes % 0xffff_fffe) + 1;
}

function observeRouteFailures(u: Uint32Array, c: Uint16Array, route: number, fails: boolean): void {
  const slot = route & 3;
  if (u[U.failRoute + slot] !== route) {
    if (!fails) return;
    u[U.failRoute + slot] = route;
    c[C.routeFails + slot] = 0;
    c[C.routeOk + slot] = 0;
  }
  if (!fails) {
    c[C.routeFails + slot] = 0;
    c[C.routeOk + slot]! += 1;
    return;
  }
  c[C.routeFails + slot]! += 1;
  if (c[C.routeFails + slot]! <= c[C.routeFailRun]!) return;
  c[C.routeFailRun] = c[C.routeFails + slot]!;
  c[C.routeFailOk] = c[C.routeOk + slot]!;
}

function statusSlot(status: number): number {
  if (status === 304) return C.notModified;
  if (status < 300) return C.ok;
  if (status < 400) return C.redirect;
  if (status >= 500) return C.s5xx;
  return STATUS_SLOTS[status] ?? C.otherError;
}
const STATUS_SLOTS: Record<number, number> = {
  400: C.invalid,
  402: C.invalid,
  409: C.invalid,
  422: C.invalid,
  401: C.s401,
  403: C.s403,
  404: C.s404,
  410: C.s404,
  429: C.s429,
};

/** So many calls after a 429 are looked at. */
const LIMITED_CALLS = 8;

function observeAnswer({ f, u, c, d }: ClientRecord, status: number, { path, attempt }: Asked): void {
  c[C.statusKnown]! += 1;
  c[statusSlot(status)]! += 1;
  const fails = isFailure(status);
  c[C.failRun] = fails ? c[C.failRun]! + 1 : 0;
  c[C.maxFailRun] = Math.max(c[C.maxFailRun]!, c[C.failRun]!);
  // A limit says nothing of what was asked for.
  if (fails && status !== 429) addDistinct(d, D.failed, 32, attempt);
  if (status === 429) c[C.sinceLimit] = LIMITED_CALLS;
  addRecent(f, F.recentFail, c[C.statusKnown]!, RECENT_CALLS, fails ? 1 : 0);
  if (status >= 400) u[U.failedPath] = path.full;
  else if (u[U.failedPath] === path.full && path.full !== 0) {
    c[C.recovered]! += 1;
    u[U.failedPath] = 0;
  }
}

/** Bits of C.pending. */
const PENDING_LOGIN = 1;
const PENDING_SIGNUP = 2;

function observeLogin({ u, c, d }: ClientRecord, call: ApiCall, asked: Asked): void {
  if (!isLogin(call, asked)) return;
  const { status, account } = call;
  if (status !== null) {
    c[C.login]! += 1;
    if (isFailure(status)) c[C.loginFail]! += 1;
    else if (status < 400) {
      c[C.loginOk]! += 1;
      c[C.pending] = c[C.pending]! | PENDING_LOGIN;
    }
  }
  if (account === null) return;
  const hash = hashString(account);
  addDistinct(d, D.accounts, 16, hash);
  if (status !== null && u[U.account] === hash) c[C.accountSame]! += 1;
  u[U.account] = hash;
}

function observePurpose({ c }: ClientRecord, call: ApiCall, asked: Asked): void {
  const { purpose } = asked;
  if (isAnswered(call) && !isReading(call.method) && !isLogin(call, asked)) c[C.made]! += 1;
  if (purpose >= 0) {
    c[C.purpose + purpose]! += 1;
    if (isFailure(call.status)) c[C.purposeFail + purpose]! += 1;
  }
  if (purpose === SIGNUP && isAnswered(call)) {
    c[C.signupOk]! += 1;
    c[C.pending] = c[C.pending]! | PENDING_SIGNUP;
  } else if (c[C.pending]! !== 0 && isAnswered(call) && !isLogin(call, asked)) {
    // What was got is made use of.
    if (c[C.pending]! & PENDING_LOGIN) c[C.loginUsed]! += 1;
    if (c[C.pending]! & PENDING_SIGNUP) c[C.signupUsed]! += 1;
    c[C.pending] = 0;
  }
}

function observeSizes({ f, c }: ClientRecord, { responseBytes, requestBytes }: ApiCall): void {
  if (responseBytes !== null) {
    c[C.answerSized]! += 1;
    addMoment(f, F.answerSize, c[C.answerSized]!, Math.log1p(responseBytes));
  }
  if (requestBytes !== null) {
    c[C.requestSized]! += 1;
    addMoment(f, F.requestSize, c[C.requestSized]!, Math.log1p(requestBytes));
  }
}

function observeIdentity({ u, c, d }: ClientRecord, call: ApiCall, caller: Caller): void {
  c[C.strength] = Math.max(c[C.strength]!, caller.strength);
  addDistinct(d, D.addresses, 16, hashString(call.clientIp));
  if (call.subject === null) return;
  c[C.subjectCalls]! += 1;
  const subject = hashString(call.subject);
  addDistinct(d, D.subjects, 16, subject);
  if (changes(u, U.subject, subject, c)) c[C.subjectTurns]! += 1;
  if (isAnswered(call)) u[U.subjectOk] = subject;
  if (call.status !== 401) return;
  c[C.subjectRejected]! += 1;
  if (u[U.subjectOk] === subject) c[C.subjectLapsed]! += 1;
}

function closeCall({ t, u, c }: ClientRecord, call: ApiCall, { path, object, attempt }: Asked): void {
  c[C.calls]! += 1;
  c[C.prevStatus] = call.status ?? 0;
  u[U.prevPath] = path.full;
  u[U.prevRoute] = object.route;
  u[U.prevTry] = attempt;
  t[T.last] = Math.max(t[T.last]!, call.time);
  t[T.answered] = call.time + Math.min(call.durationMs ?? 0, SESSION.graceMs);
}

function observeCohort(record: ClientRecord, call: ApiCall, asked: Asked, caller: Caller, cohorts: CohortTable): void {
  const account = call.account === null ? 0 : hashString(call.account) || 1;
  cohorts.count(record, call.time, tallyOf(record.c, call, asked), caller.clientId ?? '', account);
}

/** From this call on a client is no longer brief. */
const STAYED_CALLS = 4;

/** What a call adds to the cohort's sums. */
function tallyOf(c: Uint16Array, call: ApiCall, asked: Asked): Tally {
  const fails = isFailure(call.status);
  const login = isLogin(call, asked);
  const paying = asked.purpose === PAYMENT || READ_PURPOSES.has(asked.purpose);
  const denied = fails && asked.object.hash !== 0;
  return (
    (1 << K.calls) |
    (Number(c[C.calls] === 1) << K.brief) |
    (Number(c[C.calls] === STAYED_CALLS) << K.stayed) |
    (Number(login) << K.logins) |
    (Number(login && fails) << K.loginFails) |
    (Number(fails) << K.failures) |
    (Number(denied) << K.denied) |
    (Number(asked.purpose === SIGNUP) << K.signups) |
    (Number(asked.purpose === MESSAGE) << K.messages) |
    (Number(paying) << K.payments) |
    (Number(paying && fails) << K.paymentFails)
  );
}

/** Snapshots come at calls 1, 2, 3, 5, 8, 13, … of a session, and from 144 on at every 89th. */
export function nextSnapshot(calls: number): number {
  let [a, b] = [1, 2];
  while (b <= calls && b < 144) [a, b] = [b, a + b];
  if (calls < 1) return 1;
  return b > calls ? b : calls + 89 - ((calls - 144) % 89);
}
