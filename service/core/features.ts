/**
 * The feature table: what the model sees of a session. One entry a feature; its order is the vector's order, and the
 * table's hash is the featureSet. All are finite, 0 where the gateway does not tell, and independent of other clients.
 */
import { type ClientRecord, D, F, H, T } from './client-record.ts';
import { failures } from './session.ts';
import { countDistinct, deviation, evenness, hashString, share } from './stats.ts';

export interface Feature {
  readonly name: string;
  /** What it says, for people; a reason shows it beside the value. */
  readonly text: string;
  readonly unit: Unit;
  readonly range: readonly [number, number];
  readonly read: (record: ClientRecord) => number;
}

/** share: 0 to 1 · count: log(1 + n) · gap: log(1 + ms / 10) · plain: as it is */
export type Unit = 'share' | 'count' | 'gap' | 'plain';

type Read = Feature['read'];
const INFINITE = Number.POSITIVE_INFINITY;

/** Share of the session's calls counted in a slot. */
const ofCalls =
  (slot: number): Read =>
  ({ f }) =>
    share(f[slot]!, f[F.calls]!);

const ofSlot =
  (part: number, whole: number): Read =>
  ({ f }) =>
    share(f[part]!, f[whole]!);

/** A share whose confidence grows with its base: 0 while nothing is known, near the share from some ten cases on. */
const steadied =
  (part: number, whole: number): Read =>
  ({ f }) =>
    f[part]! / (f[whole]! + 2);

const logOf =
  (slot: number): Read =>
  ({ f }) =>
    Math.log1p(f[slot]!);

/** An estimate, and never more than there were calls. */
const distinct =
  (at: number, size: number): Read =>
  ({ f, d }) =>
    Math.log1p(Math.min(f[F.calls]!, countDistinct(d, at, size)));

const part = (name: string, text: string, read: Read): Feature => ({ name, text, unit: 'share', range: [0, 1], read });
const scale = (unit: Unit, name: string, text: string, read: Read, high = INFINITE): Feature => ({
  name,
  text,
  unit,
  range: [0, high],
  read,
});

export const FEATURES: readonly Feature[] = [
  // How much, how fast, how regular
  scale('count', 'calls', 'calls in the session', logOf(F.calls)),
  scale('count', 'length', 'length of the session in seconds', ({ t }) =>
    Math.log1p(Math.max(0, t[T.last]! - t[T.sessionStart]!) / 1000),
  ),
  scale('gap', 'gapMean', 'mean gap between calls', ({ f }) => f[F.gap]!),
  scale('plain', 'gapSpread', 'spread of the gaps (log)', ({ f }) => deviation(f, F.gap, f[F.gaps]!)),
  part('gapSteady', 'gaps that equal the gap before', steadied(F.gapSteady, F.gaps)),
  part('gapEvenness', 'how evenly gaps spread over time scales', ({ f }) => evenness(f, F.gapBins, 6)),
  part('gapBurst', 'gaps under 0.1 s', ofSlot(F.gapBins, F.gaps)),
  part('gapQuick', 'gaps of 0.1 to 1 s', ofSlot(F.gapBins + 1, F.gaps)),
  part('gapHand', 'gaps of 1 to 30 s', ({ f }) => share(f[F.gapBins + 2]! + f[F.gapBins + 3]!, f[F.gaps]!)),
  part('gapLong', 'gaps over 5 minutes', ofSlot(F.gapBins + 5, F.gaps)),
  part('onMinute', 'pauses that end on the minute', ({ f }) => f[F.onMinute]! / (f[F.gapBins + 4]! + f[F.gapBins + 5]! + 2)),
  scale('count', 'ratePeak10s', 'peak calls a second over 10 s', logOf(F.ratePeak10s)),
  scale('count', 'ratePeak300s', 'peak calls a second over 5 minutes', logOf(F.ratePeak300s)),
  // Answers
  part('okShare', 'calls answered with success', ofSlot(F.ok, F.statusKnown)),
  part('notModifiedShare', 'calls answered with 304', ofSlot(F.notModified, F.statusKnown)),
  part('redirectShare', 'calls redirected', ofSlot(F.redirect, F.statusKnown)),
  part('invalidShare', 'calls refused as invalid (400, 402, 409, 422)', steadied(F.invalid, F.statusKnown)),
  part('unauthorizedShare', 'calls answered with 401', steadied(F.s401, F.statusKnown)),
  part('forbiddenShare', 'calls answered with 403', steadied(F.s403, F.statusKnown)),
  part('missingShare', 'calls answered with 404', steadied(F.s404, F.statusKnown)),
  part('limitedShare', 'calls answered with 429', steadied(F.s429, F.statusKnown)),
  part('otherErrorShare', 'calls answered with another 4xx', steadied(F.otherError, F.statusKnown)),
  part('serverErrorShare', 'calls answered with 5xx', steadied(F.s5xx, F.statusKnown)),
  scale('count', 'failures', 'calls denied or missed', ({ f }) => Math.log1p(failures(f))),
  scale('count', 'failRunMax', 'longest run of failures', logOf(F.maxFailRun)),
  part('recentFailures', 'failures among the last answers', ({ f }) => f[F.recentFail]!),
  part(
    'recovered',
    'failures after which the same request succeeded',
    ({ f }) => f[F.recovered]! / (failures(f) + f[F.s5xx]! + 2),
  ),
  // What it does after a no
  part('loginAfter401', 'logs in again after a 401', steadied(F.after401Login, F.after401)),
  part('sameAfter401', 'tries the same again after a 401', steadied(F.after401Same, F.after401)),
  part('onwardAfter403', 'goes on to another path after a 403', steadied(F.after403Onward, F.after403)),
  part('missAfter404', 'runs from one 404 into the next', steadied(F.after404Miss, F.after404)),
  part('waitAfter429', 'waits after a 429', steadied(F.after429Wait, F.after429)),
  scale('count', 'hurryAfter429', 'calls right after a 429', ({ f }) => Math.log1p(f[F.after429]! - f[F.after429Wait]!)),
  part('retryAfter5xx', 'tries the same again after a server error', steadied(F.after5xxSame, F.after5xx)),
  part('waitAfterFail', 'waits after a failure', steadied(F.afterFailWait, F.afterFail)),
  // What is asked for
  part('getShare', 'GET', ofCalls(F.get)),
  part('headShare', 'HEAD and OPTIONS', ({ f }) => share(f[F.head]! + f[F.options]!, f[F.calls]!)),
  part('postShare', 'POST', ofCalls(F.post)),
  part('writeShare', 'PUT, PATCH and DELETE', ({ f }) => share(f[F.write]! + f[F.remove]!, f[F.calls]!)),
  part('otherMethodShare', 'other methods', ofCalls(F.otherMethod)),
  scale('count', 'routes', 'distinct routes', distinct(D.routes, 32)),
  scale('count', 'paths', 'distinct requests', distinct(D.paths, 64)),
  scale('count', 'missed', 'distinct requests for what is not there', distinct(D.missed, 32)),
  part('recentNews', 'new requests among the last calls', ({ f }) => f[F.recentNew]!),
  part('repeatShare', 'requests repeated within the last eight', ofCalls(F.repeat)),
  scale('plain', 'routeBreadth', 'routes for each request (log ratio)', ({ d }) =>
    Math.log1p((4 * countDistinct(d, D.routes, 32)) / (1 + countDistinct(d, D.paths, 64))),
  ),
  scale('plain', 'depth', 'mean depth of paths', ofCalls(F.depthSum)),
  part('queryShare', 'calls with a query', ofCalls(F.query)),
  part('pagedShare', 'calls that walk through pages', ofCalls(F.paged)),
  part('assetShare', 'pictures, styles and scripts', ofCalls(F.asset)),
  scale('count', 'probes', 'files that only scanners ask for', logOf(F.probe)),
  scale('count', 'injected', 'requests that look like injections', logOf(F.injected)),
  // Objects
  part('objectShare', 'calls that name an object', ofCalls(F.idCalls)),
  scale('count', 'objects', 'distinct objects asked for', distinct(D.objects, 64)),
  part('objectAscending', 'objects asked for in ascending order', steadied(F.idAscending, F.idOrdered)),
  part('objectNext', 'objects one after the other', steadied(F.idUnit, F.idOrdered)),
  scale('count', 'objectStep', 'mean step from one object number to the next', ({ f }) =>
    share(f[F.idStepSum]!, f[F.idOrdered]!),
  ),
  part('objectListed', 'objects under a list that was read before', steadied(F.idListed, F.idCalls)),
  scale('count', 'objectUnlisted', 'objects asked for without a list', ({ f }) =>
    Math.log1p(Math.max(0, f[F.idNovel]! - f[F.idListed]!)),
  ),
  part('objectDenied', 'objects denied', steadied(F.idDenied, F.idCalls)),
  part('objectMissing', 'objects that were not there', steadied(F.idMissing, F.idCalls)),
  // Logins
  part('loginShare', 'calls that log in', ofCalls(F.login)),
  scale('count', 'loginFailures', 'failed logins', logOf(F.loginFail)),
  part('loginSuccess', 'logins that succeeded', steadied(F.loginOk, F.login)),
  scale('count', 'accounts', 'distinct accounts tried', distinct(D.accounts, 16)),
  part('accountRepeat', 'logins for the same account as the one before', steadied(F.accountSame, F.login)),
  // Sizes
  scale('count', 'sizeMean', 'mean size of answers', ({ f }) => f[F.answerSize]!),
  scale('plain', 'sizeSpread', 'spread of the sizes of answers (log)', ({ f }) => deviation(f, F.answerSize, f[F.answerSized]!)),
  scale('count', 'requestSize', 'mean size of requests', ({ f }) => f[F.requestSize]!),
  // How it speaks
  part('connectionNew', 'calls on a new connection', ofSlot(F.connectionNew, F.connectionKnown)),
  part('noAgent', 'calls without a user agent', ofCalls(F.noAgent)),
  part('agentChanges', 'changes of user agent', steadied(F.agentChanges, F.calls)),
  part('browserAgent', 'says it is a browser', ofCalls(F.browserAgent)),
  part('libraryAgent', 'says it is a library', ofCalls(F.libraryAgent)),
  part('toolAgent', 'says it is a security tool', ofCalls(F.toolAgent)),
  part('declaredBot', 'says it is a crawler or monitor', ofCalls(F.declaredBot)),
  part('acceptAny', 'accepts anything', ofCalls(F.acceptAny)),
  part('language', 'tells a language', ofCalls(F.language)),
  part('encoding', 'accepts compression', ofCalls(F.encoding)),
  part('cookie', 'sends cookies', ofSlot(F.cookie, F.cookieKnown)),
  part('referer', 'tells where it came from', ofCalls(F.referer)),
  part('shapeChanges', 'changes of header shape', steadied(F.shapeChanges, F.headersKnown)),
  part('browserWithoutLanguage', 'says it is a browser and tells no language', ({ f }) =>
    f[F.voiceKnown]! > 0 ? share(Math.max(0, f[F.browserAgent]! - f[F.language]!), f[F.calls]!) : 0,
  ),
  part('tlsChanges', 'changes of TLS fingerprint', steadied(F.tlsChanges, F.tls)),
  part('tlsResumed', 'resumed TLS sessions', ofSlot(F.tlsResumed, F.tls)),
  part('http2', 'HTTP/2 or newer', ofCalls(F.http2)),
  // Who it is
  scale('plain', 'strength', 'strength of identity (0 address to 4 certificate)', ({ f }) => f[F.strength]!, 4),
  part('subjectShare', 'calls with a credential', ofCalls(F.subjectCalls)),
  part('subjectRejected', 'credentials refused', steadied(F.subjectRejected, F.subjectCalls)),
  scale('count', 'subjects', 'distinct credentials', distinct(D.subjects, 16)),
  scale('count', 'addresses', 'distinct addresses', distinct(D.addresses, 16)),
  // What the gateway tells, so that "none" and "not told" differ
  part('knowsVoice', 'the gateway tells headers', ofCalls(F.voiceKnown)),
  part('knowsConnection', 'the gateway tells connections', ofCalls(F.connectionKnown)),
  part('knowsTls', 'TLS', ofCalls(F.tls)),
  part('subSecond', 'the gateway tells parts of seconds', ofCalls(F.subSecond)),
  // Earlier sessions
  scale('count', 'pastSessions', 'earlier sessions', ({ h }) => Math.log1p(h[H.sessions]!)),
  scale('count', 'pastCalls', 'calls in earlier sessions', ({ h }) => Math.log1p(h[H.calls]!)),
  part('pastFailures', 'failures in earlier sessions', ({ h }) => share(h[H.failures]!, h[H.calls]! + 2)),
  scale('count', 'pastLoginFailures', 'failed logins in earlier sessions', ({ h }) => Math.log1p(h[H.loginFail]!)),
  scale('count', 'pastIdle', 'seconds of silence before the session', ({ h }) => h[H.idleLog]!),
];

export const featureNames: readonly string[] = FEATURES.map((feature) => feature.name);

/**
 * Names the set of features: the table, and the version of the counting behind it (session.ts, path.ts, software.ts),
 * which is raised by hand when a count changes its meaning; the golden file of calls and vectors tells when.
 */
const COUNTING_VERSION = 2;
export const featureSet: string = `f${FEATURES.length}.${COUNTING_VERSION}-${hashString(featureNames.join())
  .toString(16)
  .padStart(8, '0')}`;

const SHOW: Record<Unit, (value: number) => string> = {
  share: (value) => `${Math.round(value * 100)}%`,
  // Mostly estimates, so that digits after the point would say more than is known.
  count: (value) => `${roundCount(Math.expm1(value))}`,
  gap: (value) => `${Number((Math.expm1(value) / 100).toPrecision(2))} s`,
  plain: (value) => `${Number(value.toPrecision(3))}`,
};

const roundCount = (count: number) => (count < 10 ? Number(count.toPrecision(2)) : Math.round(count));

/** A feature and its value for people: `failed logins: 12`. */
export function describeFeature({ text, unit }: Feature, value: number): string {
  return `${text}: ${SHOW[unit](value)}`;
}

/** Writes the client's vector into `out` from `at`. */
export function extract(record: ClientRecord, out: Float32Array, at = 0): void {
  for (let i = 0; i < FEATURES.length; i++) out[at + i] = FEATURES[i]!.read(record);
}
