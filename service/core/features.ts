/**
 * The feature table: what the model sees of a session. One entry a feature; its order is the vector's order, and the
 * table's hash is the featureSet. All are finite and 0 where the gateway does not tell. Those of the cohort come from
 * what its other clients did before the current ten seconds; all others from the client's own calls.
 */
import { C, type ClientRecord, D, F, H, K, T } from './client-record.ts';
import { O } from './cohort.ts';
import type { ApiCall } from './contracts.ts';
import { PURPOSES, type Purpose } from './path.ts';
import { failures } from './session.ts';
import { countDistinct, deviation, evenness, hashString, share } from './stats.ts';

export interface Feature {
  readonly name: string;
  /** What it says, for people; a reason shows it beside the value. */
  readonly text: string;
  readonly unit: Unit;
  readonly range: readonly [number, number];
  /** Fields of ApiCall that it comes from; 0 where the gateway tells none of them. */
  readonly source: readonly (keyof ApiCall)[];
  /** From the client's record and from what the others of its cohort did (see O in cohort.ts). */
  readonly read: (record: ClientRecord, others: Float32Array) => number;
}

/** share: 0 to 1, or -1 to 1 for a difference · count: log(1 + n) · gap: log(1 + ms / 10) · ratio: its log · plain: as it is */
export type Unit = 'share' | 'count' | 'gap' | 'ratio' | 'plain';

type Read = Feature['read'];
const INFINITE = Number.POSITIVE_INFINITY;

/** Share of the session's calls counted in a slot. */
const ofCalls =
  (slot: number): Read =>
  ({ c }) =>
    share(c[slot]!, c[C.calls]!);

const ofSlot =
  (part: number, whole: number): Read =>
  ({ c }) =>
    share(c[part]!, c[whole]!);

/** A share whose confidence grows with its base: 0 while nothing is known, near the share from some ten cases on. */
const steadied =
  (part: number, whole: number): Read =>
  ({ c }) =>
    c[part]! / (c[whole]! + 2);

const logOf =
  (slot: number): Read =>
  ({ c }) =>
    Math.log1p(c[slot]!);

/** An estimate, and never more than there were calls. */
const countAt = ({ c, d }: ClientRecord, at: number, size: number) => Math.min(c[C.calls]!, countDistinct(d, at, size));
const distinct =
  (at: number, size: number): Read =>
  (record) =>
    Math.log1p(countAt(record, at, size));

const purposeShare = (name: Purpose): Read => steadied(C.purpose + PURPOSES.indexOf(name), C.calls);
const purposeFails = (name: Purpose): Read =>
  steadied(C.purposeFail + PURPOSES.indexOf(name), C.purpose + PURPOSES.indexOf(name));

/** A share of what the cohort's others did; sums that halve in ten minutes. */
const othersShare =
  (part: number, whole: number): Read =>
  (_record, others) =>
    Math.min(1, others[part]! / (others[whole]! + 4));
/** For each of the others, so that a lone client in a crowd is not judged by how many they are. */
const othersMean =
  (...slots: readonly number[]): Read =>
  (_record, others) =>
    Math.log1p(slots.reduce((sum, slot) => sum + others[slot]!, 0) / (others[O.clients]! + 1));

/** A feature but for its source, which those of a theme share. */
type Entry = Omit<Feature, 'source'>;
const from = (source: Feature['source'], entries: readonly Entry[]): Feature[] => entries.map((entry) => ({ ...entry, source }));

const part = (name: string, text: string, read: Read): Entry => ({ name, text, unit: 'share', range: [0, 1], read });
const scale = (unit: Unit, name: string, text: string, read: Read, high = INFINITE): Entry => ({
  name,
  text,
  unit,
  range: [0, high],
  read,
});
/** A difference of shares or of logarithms, either way. */
const change = (unit: 'share' | 'ratio', name: string, text: string, read: Read): Entry => ({
  name,
  text,
  unit,
  range: unit === 'share' ? [-1, 1] : [-20, 20],
  read: (record, others) => {
    const difference = read(record, others);
    // Less is what rounding leaves of nothing.
    return Math.abs(difference) < 1e-4 ? 0 : difference;
  },
});

/** Objects asked for under lists that were read: no more of them can have been shown than these lists held. */
function objectsBeyondShown(record: ClientRecord): number {
  const { f, c, d } = record;
  if (c[C.idCalls] === 0) return 0;
  const asked = Math.min(c[C.idCalls]!, countDistinct(d, D.objects, 64));
  const listed = asked * share(c[C.idListed]!, c[C.idCalls]!);
  return Math.log1p(Math.max(0, asked - Math.min(listed, f[F.shown]!)));
}

function objectsPerShown(record: ClientRecord): number {
  const { f, c, d } = record;
  return Math.log1p(Math.min(c[C.idCalls]!, countDistinct(d, D.objects, 64)) / (1 + f[F.shown]!));
}

/** Failures, but for those by a limit, beyond the first of each request. */
function failedAgain({ c, d }: ClientRecord): number {
  const failed = failures(c) - c[C.s429]!;
  return Math.max(0, failed - countDistinct(d, D.failed, 32)) / (failed + 2);
}

/** Reservations that no payment followed. */
function reservationsKept({ c }: ClientRecord): number {
  const [money, reservation] = [PURPOSES.indexOf('money'), PURPOSES.indexOf('reservation')];
  const paid = c[C.purpose + money]! - c[C.purposeFail + money]!;
  return Math.max(0, c[C.purpose + reservation]! - paid) / (c[C.purpose + reservation]! + 2);
}

export const FEATURES: readonly Feature[] = [
  // How much, how fast, how regular
  ...from(
    ['time'],
    [
      scale('count', 'calls', 'calls in the session', logOf(C.calls)),
      scale('count', 'length', 'length of the session in seconds', ({ t }) =>
        Math.log1p(Math.max(0, t[T.last]! - t[T.sessionStart]!) / 1000),
      ),
      scale('gap', 'gapMean', 'mean gap between calls', ({ f }) => f[F.gap]!),
      scale('plain', 'gapSpread', 'spread of the gaps (log)', ({ f, c }) => deviation(f, F.gap, c[C.gaps]!)),
      part('gapSteady', 'gaps that equal the gap before', steadied(C.gapSteady, C.gaps)),
      part('gapKnown', 'gaps that equal one of the last four', steadied(C.gapKnown, C.gaps)),
      part('gapEvenness', 'how evenly gaps spread over time scales', ({ c }) => evenness(c, C.gapBins, 6)),
      part('gapBurst', 'gaps under 0.1 s', ofSlot(C.gapBins, C.gaps)),
      part('onMinute', 'pauses that end on the minute', ({ c }) => c[C.onMinute]! / (c[C.gapBins + 4]! + c[C.gapBins + 5]! + 2)),
      scale('count', 'ratePeak10s', 'peak calls a second over 10 s', ({ f }) => Math.log1p(f[F.ratePeak10s]!)),
      scale('count', 'ratePeak300s', 'peak calls a second over 5 minutes', ({ f }) => Math.log1p(f[F.ratePeak300s]!)),
      scale('count', 'burstCalls', 'calls in a row without a gap over 2 s', ({ c }) =>
        Math.log1p(share(c[C.calls]!, c[C.bursts]!)),
      ),
      scale('count', 'bursts', 'bursts of calls', logOf(C.bursts)),
      scale('plain', 'burstSpread', 'spread of the times between bursts (log)', ({ f, c }) =>
        deviation(f, F.burstPeriod, Math.max(0, c[C.bursts]! - 1)),
      ),
    ],
  ),
  // Whether it has turned: the last sixteen calls against the session
  ...from(
    ['time', 'status', 'path', 'query'],
    [
      change('ratio', 'paceTurn', 'gaps of late against those of the session', ({ f }) => f[F.recentGap]! - f[F.gap]!),
      change(
        'share',
        'failTurn',
        'more failures of late',
        ({ f, c }) => f[F.recentFail]! - share(failures(c), c[C.statusKnown]!),
      ),
      change('share', 'newsTurn', 'more new requests of late', ({ f, c }) => f[F.recentNew]! - share(c[C.news]!, c[C.calls]!)),
      change(
        'share',
        'routeTurn',
        'stays on one route more of late',
        ({ f, c }) => f[F.recentSame]! - share(c[C.routeSame]!, c[C.calls]!),
      ),
      change('share', 'objectTurn', 'more objects of late', ({ f, c }) => f[F.recentObject]! - share(c[C.idCalls]!, c[C.calls]!)),
    ],
  ),
  // Answers
  ...from(
    ['status', 'path'],
    [
      part('okShare', 'calls answered with success', ofSlot(C.ok, C.statusKnown)),
      part('notModifiedShare', 'calls answered with 304', ofSlot(C.notModified, C.statusKnown)),
      part('redirectShare', 'calls redirected', ofSlot(C.redirect, C.statusKnown)),
      part('invalidShare', 'calls refused as invalid (400, 402, 409, 422)', steadied(C.invalid, C.statusKnown)),
      part('unauthorizedShare', 'calls answered with 401', steadied(C.s401, C.statusKnown)),
      part('forbiddenShare', 'calls answered with 403', steadied(C.s403, C.statusKnown)),
      part('missingShare', 'calls answered with 404', steadied(C.s404, C.statusKnown)),
      part('limitedShare', 'calls answered with 429', steadied(C.s429, C.statusKnown)),
      part('serverErrorShare', 'calls answered with 5xx', steadied(C.s5xx, C.statusKnown)),
      scale('count', 'failures', 'calls denied or missed', ({ c }) => Math.log1p(failures(c))),
      scale('count', 'failRunMax', 'longest run of failures', logOf(C.maxFailRun)),
      part('recentFailures', 'failures among the last answers', ({ f }) => f[F.recentFail]!),
      part(
        'recovered',
        'failures after which the same request succeeded',
        ({ c }) => c[C.recovered]! / (failures(c) + c[C.s5xx]! + 2),
      ),
    ],
  ),
  // What it does after a no
  ...from(
    ['status', 'time', 'durationMs', 'method', 'path', 'query', 'requestBytes', 'account'],
    [
      part('renewedAfter401', 'logs in after a 401 with success', steadied(C.after401Login, C.after401)),
      part('onwardAfter403', 'goes on to another path after a 403', steadied(C.after403Onward, C.after403)),
      part('missAfter404', 'runs from one 404 into the next', steadied(C.after404Miss, C.after404)),
      part('waitAfter429', 'waits after a 429', steadied(C.after429Wait, C.after429)),
      scale('count', 'hurryAfter429', 'calls right after a 429', ({ c }) => Math.log1p(c[C.after429]! - c[C.after429Wait]!)),
      change(
        'ratio',
        'slowAfter429',
        'gaps in the eight calls after a 429 against the others',
        ({ f, c }) => f[F.limitedGap]! / (c[C.limitedGaps]! + 4),
      ),
      part('retryAfter5xx', 'tries the same again after a server error', steadied(C.after5xxSame, C.after5xx)),
      change('ratio', 'backOff', 'gaps after a failure against the others', ({ f, c }) => f[F.backOff]! / (c[C.backOffs]! + 2)),
      part('sameAfterFail', 'repeats exactly the same after a failure', steadied(C.afterFailSame, C.afterFail)),
      part('otherAfterFail', 'tries another value on the same route after a failure', steadied(C.afterFailOther, C.afterFail)),
      part(
        'onwardAfterFail',
        'goes on to another route after a failure',
        ({ c }) => (c[C.afterFail]! - c[C.afterFailSame]! - c[C.afterFailOther]!) / (c[C.afterFail]! + 2),
      ),
      scale('count', 'failedKinds', 'distinct requests that failed', ({ c, d }) =>
        Math.log1p(Math.min(failures(c), countDistinct(d, D.failed, 32))),
      ),
      part('failedAgain', 'failures of what had failed before', failedAgain),
      scale('count', 'routeFailRun', 'longest run of failures on one route', logOf(C.routeFailRun)),
      part(
        'routeFailShare',
        'failures of that run against the successes on its route before it',
        ({ c }) => c[C.routeFailRun]! / (c[C.routeFailRun]! + c[C.routeFailOk]! + 2),
      ),
    ],
  ),
  // What is asked for
  ...from(
    ['method', 'path', 'route', 'query', 'status'],
    [
      part('getShare', 'GET', ofCalls(C.get)),
      part('headShare', 'HEAD and OPTIONS', ({ c }) => share(c[C.head]! + c[C.options]!, c[C.calls]!)),
      part('postShare', 'POST', ofCalls(C.post)),
      part('writeShare', 'PUT, PATCH and DELETE', ({ c }) => share(c[C.write]! + c[C.remove]!, c[C.calls]!)),
      part('otherMethodShare', 'other methods', ofCalls(C.otherMethod)),
      scale('count', 'routes', 'distinct routes', distinct(D.routes, 32)),
      scale('count', 'paths', 'distinct requests', distinct(D.paths, 64)),
      scale('count', 'missed', 'distinct requests for what is not there', distinct(D.missed, 32)),
      part('recentNews', 'new requests among the last calls', ({ f }) => f[F.recentNew]!),
      part('repeatShare', 'requests repeated within the last eight', ofCalls(C.repeat)),
      scale('plain', 'routeBreadth', 'routes for each request (log ratio)', ({ d }) =>
        Math.log1p((4 * countDistinct(d, D.routes, 32)) / (1 + countDistinct(d, D.paths, 64))),
      ),
      scale('plain', 'depth', 'mean depth of paths', ({ f, c }) => share(f[F.depthSum]!, c[C.calls]!)),
      part('queryShare', 'calls with a query', ofCalls(C.query)),
      part('pagedShare', 'calls that walk through pages', ofCalls(C.paged)),
      scale('count', 'robots', 'readings of robots.txt and site maps', logOf(C.robots)),
      part('assetShare', 'pictures, styles and scripts', ofCalls(C.asset)),
      scale('count', 'probes', 'files that only scanners ask for', logOf(C.probe)),
      scale('count', 'injected', 'requests that look like injections', logOf(C.injected)),
    ],
  ),
  // Guessing
  ...from(
    ['path', 'route', 'query', 'responseBytes'],
    [
      part('routeSame', 'calls of the same route as the call before', steadied(C.routeSame, C.calls)),
      scale('count', 'routeStayMax', 'longest run of calls of one route', logOf(C.routeStayMax)),
      part('sizeSame', 'answers of the same size as the one before on the same route', steadied(C.sizeSame, C.sizeAgain)),
      scale('count', 'queryShapes', 'distinct sets of parameter names', distinct(D.queryShapes, 16)),
      scale('count', 'targetLength', 'mean length of what is asked for in characters', ({ f }) => f[F.targetLength]!),
      scale('plain', 'targetLengthSpread', 'spread of that length (log)', ({ f, c }) =>
        deviation(f, F.targetLength, c[C.calls]!),
      ),
      part('targetMarks', 'special characters in what is asked for', ({ f }) => f[F.targetMarks]!),
      scale('plain', 'targetMarksSpread', 'spread of that share', ({ f, c }) => deviation(f, F.targetMarks, c[C.calls]!), 1),
    ],
  ),
  // Objects
  ...from(
    ['path', 'route', 'query', 'status', 'responseBytes'],
    [
      part('objectShare', 'calls that name an object', ofCalls(C.idCalls)),
      scale('count', 'objects', 'distinct objects asked for', distinct(D.objects, 64)),
      part('objectAscending', 'objects asked for in ascending order', steadied(C.idAscending, C.idOrdered)),
      part('objectNext', 'objects one after the other', steadied(C.idUnit, C.idOrdered)),
      scale('count', 'objectStep', 'mean step from one object number to the next', ({ f, c }) =>
        share(f[F.idStepSum]!, c[C.idOrdered]!),
      ),
      part('objectListed', 'objects under a list that was read before', steadied(C.idListed, C.idCalls)),
      scale(
        'count',
        'objectsBeyondShown',
        'objects asked for beyond what lists and creations can have shown',
        objectsBeyondShown,
      ),
      scale('count', 'objectsPerShown', 'objects asked for against those that answers can have shown', objectsPerShown),
      part('objectDenied', 'objects denied', steadied(C.idDenied, C.idCalls)),
      part('objectMissing', 'objects that were not there', steadied(C.idMissing, C.idCalls)),
    ],
  ),
  // Logins
  ...from(
    ['method', 'path', 'status', 'account'],
    [
      part('loginShare', 'calls that log in', ofCalls(C.login)),
      scale('count', 'loginFailures', 'failed logins', logOf(C.loginFail)),
      part('loginSuccess', 'logins that succeeded', steadied(C.loginOk, C.login)),
      scale('count', 'loginsOk', 'successful logins', logOf(C.loginOk)),
      part('useAfterLogin', 'logins that were made use of', steadied(C.loginUsed, C.loginOk)),
      scale('count', 'accounts', 'distinct accounts tried', distinct(D.accounts, 16)),
      part('accountRepeat', 'logins for the same account as the one before', steadied(C.accountSame, C.login)),
    ],
  ),
  // What it is for: words in the path
  ...from(
    ['method', 'path', 'status'],
    [
      part('moneyShare', 'payments and checkouts', purposeShare('money')),
      part('moneyFails', 'payments refused', purposeFails('money')),
      part('codeShare', 'coupons, vouchers and gift cards', purposeShare('code')),
      part('codeFails', 'coupons, vouchers and gift cards refused', purposeFails('code')),
      part('signupShare', 'sign-ups', purposeShare('signup')),
      part('useAfterSignup', 'sign-ups that were made use of', steadied(C.signupUsed, C.signupOk)),
      part('messageShare', 'calls that send or check a code or a reset by message', purposeShare('message')),
      part('messageFails', 'such calls refused', purposeFails('message')),
      part('reservationShare', 'carts and reservations', purposeShare('reservation')),
      part('reservationsKept', 'carts and reservations that no payment followed', reservationsKept),
      part('adminShare', 'calls for administrators', purposeShare('admin')),
      scale('count', 'made', 'successful writes but for logins', logOf(C.made)),
    ],
  ),
  // Sizes
  ...from(
    ['responseBytes', 'requestBytes'],
    [
      scale('count', 'sizeMean', 'mean size of answers', ({ f }) => f[F.answerSize]!),
      scale('plain', 'sizeSpread', 'spread of the sizes of answers (log)', ({ f, c }) =>
        deviation(f, F.answerSize, c[C.answerSized]!),
      ),
      scale('count', 'requestSize', 'mean size of requests', ({ f }) => f[F.requestSize]!),
      scale('plain', 'requestSizeSpread', 'spread of the sizes of requests (log)', ({ f, c }) =>
        deviation(f, F.requestSize, c[C.requestSized]!),
      ),
    ],
  ),
  // How it speaks
  ...from(
    [
      'connectionId',
      'connectionRequests',
      'userAgent',
      'accept',
      'acceptLanguage',
      'acceptEncoding',
      'hasCookie',
      'referer',
      'headerNames',
    ],
    [
      part('connectionNew', 'calls on a new connection', ofSlot(C.connectionNew, C.connectionKnown)),
      part('noAgent', 'calls without a user agent', ofCalls(C.noAgent)),
      part('agentChanges', 'changes of user agent', steadied(C.agentChanges, C.calls)),
      part('browserAgent', 'says it is a browser', ofCalls(C.browserAgent)),
      part('libraryAgent', 'says it is a library', ofCalls(C.libraryAgent)),
      part('toolAgent', 'says it is a security tool', ofCalls(C.toolAgent)),
      part('declaredBot', 'says it is a crawler or monitor', ofCalls(C.declaredBot)),
      scale('count', 'botPace', 'peak calls a second of a declared crawler or monitor', ({ f, c }) =>
        Math.log1p(f[F.ratePeak10s]! * share(c[C.declaredBot]!, c[C.calls]!)),
      ),
      part('acceptAny', 'accepts anything', ofCalls(C.acceptAny)),
      part('language', 'tells a language', ofCalls(C.language)),
      part('encoding', 'accepts compression', ofCalls(C.encoding)),
      part('cookie', 'sends cookies', ofSlot(C.cookie, C.cookieKnown)),
      part('referer', 'tells where it came from', ofCalls(C.referer)),
      part('shapeChanges', 'changes of header shape', steadied(C.shapeChanges, C.headersKnown)),
      scale('plain', 'headerNames', 'mean number of headers', ({ f }) => f[F.headerNames]!, 128),
      part('conditional', 'asks only for what has changed', ofSlot(C.conditional, C.headersKnown)),
    ],
  ),
  // Whether what it says of itself agrees
  ...from(
    ['userAgent', 'headerNames', 'acceptEncoding', 'httpVersion', 'tlsVersion', 'tlsCipher', 'ja4', 'tlsResumed'],
    [
      part('bareBrowser', 'says it is a browser and sends no fetch metadata', steadied(C.bareBrowser, C.headersKnown)),
      part('disguised', 'headers that its user agent would not send', steadied(C.disguised, C.voiceKnown)),
      part('oldBrowser', 'says it is a browser and speaks HTTP/1 over TLS', steadied(C.oldBrowser, C.tls)),
      part('oddBrowser', "says it is a browser and has no browser's TLS handshake", steadied(C.oddBrowser, C.ja4Known)),
      scale('plain', 'tlsCiphers', 'TLS ciphers offered', ({ c }) => c[C.ja4Ciphers]!, 99),
      scale('plain', 'tlsExtensions', 'TLS extensions offered', ({ c }) => c[C.ja4Extensions]!, 99),
      part('tlsHttp2', 'TLS handshakes that offer HTTP/2', ofSlot(C.ja4Http2, C.ja4Known)),
      part('tlsChanges', 'changes of TLS fingerprint', steadied(C.tlsChanges, C.tls)),
      part('tlsResumed', 'resumed TLS sessions', ofSlot(C.tlsResumed, C.tls)),
      part('http2', 'HTTP/2 or newer', ofCalls(C.http2)),
    ],
  ),
  // Who it is
  ...from(
    ['subject', 'authScheme', 'identityVerified', 'clientCertificate', 'clientIp', 'status'],
    [
      scale('plain', 'strength', 'strength of identity (0 address to 4 certificate)', ({ c }) => c[C.strength]!, 4),
      part('subjectShare', 'calls with a credential', ofCalls(C.subjectCalls)),
      part('subjectRejected', 'credentials refused', steadied(C.subjectRejected, C.subjectCalls)),
      part('subjectLapsed', 'refusals of a credential that was good before', steadied(C.subjectLapsed, C.subjectRejected)),
      scale('count', 'subjects', 'distinct credentials', distinct(D.subjects, 16)),
      scale('count', 'subjectReturns', 'returns to a credential used before another one', ({ c, d }) =>
        Math.log1p(Math.max(0, c[C.subjectTurns]! - countDistinct(d, D.subjects, 16))),
      ),
      scale('count', 'addresses', 'distinct addresses', distinct(D.addresses, 16)),
    ],
  ),
  // The others of its cohort, in the minutes before
  ...from(
    ['ja4', 'tlsVersion', 'tlsCipher', 'userAgent', 'headerNames', 'host', 'tenant'],
    [
      scale('count', 'cohortClients', 'other clients of its fingerprint', (_record, others) => Math.log1p(others[O.clients]!)),
      scale('count', 'cohortCalls', 'calls of each other client of its fingerprint', othersMean(K.calls)),
      part(
        'cohortBrief',
        'others of its fingerprint that made three calls at most',
        (_record, others) => Math.max(0, others[K.brief]! - others[K.stayed]!) / (others[K.brief]! + 4),
      ),
      scale('count', 'cohortLoginFails', 'failed logins of each other client of its fingerprint', othersMean(K.loginFails)),
      part('cohortLoginFailShare', 'failures among the logins of others of its fingerprint', othersShare(K.loginFails, K.logins)),
      part('cohortLoginShare', 'logins among the calls of others of its fingerprint', othersShare(K.logins, K.calls)),
      scale('count', 'cohortAccounts', 'accounts that each other client of its fingerprint tried', othersMean(O.accounts)),
      part('cohortFailureShare', 'failures among the calls of others of its fingerprint', othersShare(K.failures, K.calls)),
      scale('count', 'cohortDenied', 'objects denied to each other client of its fingerprint', othersMean(K.denied)),
      scale(
        'count',
        'cohortCreations',
        'sign-ups and messages of each other client of its fingerprint',
        othersMean(K.signups, K.messages),
      ),
      scale(
        'count',
        'cohortPaymentFails',
        'refused payments and codes of each other client of its fingerprint',
        othersMean(K.paymentFails),
      ),
      part(
        'cohortPaymentFailShare',
        'refusals among payments and codes of others of its fingerprint',
        othersShare(K.paymentFails, K.payments),
      ),
    ],
  ),
  // What the gateway tells, so that "none" and "not told" differ
  ...from(
    ['headerNames', 'accept', 'connectionId', 'ja4', 'tlsVersion', 'time'],
    [
      part('knowsVoice', 'the gateway tells headers', ofCalls(C.voiceKnown)),
      part('knowsConnection', 'the gateway tells connections', ofCalls(C.connectionKnown)),
      part('knowsTls', 'calls over TLS, as the gateway tells', ofCalls(C.tls)),
      part('subSecond', 'the gateway tells parts of seconds', ofCalls(C.subSecond)),
    ],
  ),
  // Earlier sessions
  ...from(
    ['time', 'status', 'path'],
    [
      scale('count', 'pastSessions', 'earlier sessions', ({ h }) => Math.log1p(h[H.sessions]!)),
      scale('count', 'pastCalls', 'calls in earlier sessions', ({ h }) => Math.log1p(h[H.calls]!)),
      part('pastFailures', 'failures in earlier sessions', ({ h }) => share(h[H.failures]!, h[H.calls]! + 2)),
      scale('count', 'pastLoginFailures', 'failed logins in earlier sessions', ({ h }) => Math.log1p(h[H.loginFail]!)),
    ],
  ),
];

export const featureNames: readonly string[] = FEATURES.map((feature) => feature.name);

/**
 * Names the set of features: the table, and the version of the counting behind it (session.ts and what it counts by),
 * which is raised by hand when a count changes its meaning; the golden file of calls and vectors tells when.
 */
const COUNTING_VERSION = 5;
export const featureSet: string = `f${FEATURES.length}.${COUNTING_VERSION}-${hashString(featureNames.join())
  .toString(16)
  .padStart(8, '0')}`;

const SHOW: Record<Unit, (value: number) => string> = {
  share: (value) => `${Math.round(value * 100)}%`,
  // Mostly estimates, so that digits after the point would say more than is known.
  count: (value) => `${roundCount(Math.expm1(value))}`,
  ratio: (value) => `${Number(Math.exp(value).toPrecision(2))} times`,
  gap: (value) => `${Number((Math.expm1(value) / 100).toPrecision(2))} s`,
  plain: (value) => `${Number(value.toPrecision(3))}`,
};

const roundCount = (count: number) => (count < 10 ? Number(count.toPrecision(2)) : Math.round(count));

/** A feature and its value for people: `failed logins: 12`. */
export function describeFeature({ text, unit }: Feature, value: number): string {
  return `${text}: ${SHOW[unit](value)}`;
}

/** Writes the client's vector into `out` from `at`. */
export function extract(record: ClientRecord, others: Float32Array, out: Float32Array, at = 0): void {
  for (let i = 0; i < FEATURES.length; i++) out[at + i] = FEATURES[i]!.read(record, others);
}
