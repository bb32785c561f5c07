/** From a scored snapshot to a verdict with reasons. Pure: the same snapshot, score and standing give the same bytes. */
import type { Reason, Verdict, VerdictName } from './contracts.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import { describeFeature, FEATURES, type Feature } from './features.ts';
import { STRENGTH } from './identify.ts';
import type { Snapshot } from './observe.ts';
import type { Policy } from './policy.ts';

export interface Scored {
  /** Calibrated probability of bad, null where none could be computed. */
  readonly score: number | null;
  readonly family: string | null;
  /** Distance from the training data over its limit. */
  readonly novelty: number | null;
  readonly error: ErrorCode | null;
}

/** Contributions, one a feature, that with `baseLogOdds` add up to the score's log-odds. */
export interface Explanation {
  readonly baseLogOdds: number;
  readonly contributions: ArrayLike<number>;
}

/** What a decision asks of a snapshot. */
export type Decidable = Omit<Snapshot, 'others' | 'span'>;

export interface DecideContext {
  readonly policy: Policy;
  readonly model: string;
  readonly featureSet: string;
}

/** What stands from before; only this of an earlier verdict matters. */
export type Standing = Pick<Verdict, 'verdict' | 'score' | 'novelty' | 'calls' | 'time' | 'sessionStart' | 'expiresAt'>;

const MAX_CONTRIBUTIONS = 5;
/** Contributions smaller than this, in log-odds, explain nothing. */
const MIN_WEIGHT = 0.05;

/**
 * Decides on a snapshot. A score or novelty that is not finite, or a score outside 0 to 1, becomes null with an error
 * code, and the verdict unsure.
 */
export function decide(
  snapshot: Decidable,
  raw: Scored,
  explanation: Explanation | null,
  standing: Standing | null,
  { policy, model, featureSet }: DecideContext,
): Verdict {
  const scored = soundOf(raw);
  const { verdict, held, expiresAt } = settle(snapshot, scored, standing, policy);
  const explained = scored.score !== null && Number.isFinite(explanation?.baseLogOdds) ? explanation : null;
  return {
    id: verdictId(snapshot),
    clientId: snapshot.clientId,
    verdict,
    score: scored.score,
    action: policy.actions[verdict],
    family: scored.family,
    reasons: reasonsFor(snapshot, scored, explained, held),
    baseLogOdds: explained?.baseLogOdds ?? null,
    calls: snapshot.calls,
    time: snapshot.time,
    sessionStart: snapshot.sessionStart,
    novelty: scored.novelty,
    model,
    featureSet,
    policy: policy.id,
    mode: policy.mode,
    expiresAt,
  };
}

/** The same calls give the same. */
export function verdictId({ clientId, sessionStart, calls }: Pick<Verdict, 'clientId' | 'sessionStart' | 'calls'>): string {
  return `${clientId}.${sessionStart.toString(36)}.${calls}`;
}

function soundOf({ score, novelty, family, error }: Scored): Scored {
  const sound = {
    score: score !== null && score >= 0 && score <= 1 ? score : null,
    novelty: novelty !== null && Number.isFinite(novelty) ? novelty : null,
  };
  const isWhole = sound.score !== null && sound.novelty !== null;
  return { ...sound, family: sound.score === null ? null : family, error: error ?? (isWhole ? null : 'ASSAY_SCORE_NOT_FINITE') };
}

/** The rule from score to verdict, by itself, so that training judges as serving does. */
export function judge(
  { calls }: Pick<Snapshot, 'calls'>,
  { score, novelty }: Pick<Scored, 'score' | 'novelty'>,
  policy: Pick<Policy, 'badAt' | 'goodBelow' | 'minCallsForBad'>,
): VerdictName {
  if (score === null || novelty === null || novelty > 1) return 'unsure';
  if (score >= policy.badAt) return calls >= policy.minCallsForBad ? 'bad' : 'unsure';
  return score < policy.goodBelow ? 'good' : 'unsure';
}

/** Why a verdict is not what its snapshot says by itself. */
const HOLDS = {
  'standing-verdict': 'was bad in the session before, and that has not expired',
  'bad-session': 'was bad before in this session',
  'settled-verdict': 'the score has passed a threshold by little and once: the verdict stands',
} as const;
type Hold = keyof typeof HOLDS;

export interface Settled {
  readonly verdict: VerdictName;
  readonly held: Hold | null;
  readonly expiresAt: number;
}

export type SettlePolicy = Pick<Policy, 'badAt' | 'goodBelow' | 'minCallsForBad' | 'standingCalls' | 'marginLogOdds' | 'ttlMs'>;

/**
 * What becomes of a snapshot's own judgement in the light of the verdict that stands, so that verdicts do not flap. Bad
 * stays bad for the session. Any other verdict of this session changes when the score passes the threshold by the
 * policy's margin, or when the snapshot before said something else than the verdict, too; unsure becomes bad at once.
 */
export function settle(
  snapshot: Pick<Snapshot, 'calls' | 'time' | 'sessionStart'>,
  scored: Pick<Scored, 'score' | 'novelty'>,
  standing: Standing | null,
  policy: SettlePolicy,
): Settled {
  const judged = judge(snapshot, scored, policy);
  const as = (verdict: VerdictName, held: Hold | null) => ({ verdict, held, expiresAt: snapshot.time + policy.ttlMs[verdict] });
  if (standing === null || judged === standing.verdict) return as(judged, null);
  if (standing.verdict === 'bad') {
    if (isOwn(snapshot, standing, policy)) return as('bad', 'bad-session');
    if (!isHeld(snapshot, standing, policy)) return as(judged, null);
    return { ...as('bad', 'standing-verdict'), expiresAt: standing.expiresAt };
  }
  const changes =
    (judged === 'bad' && standing.verdict === 'unsure') ||
    standing.sessionStart !== snapshot.sessionStart ||
    isClear(judged, scored, policy) ||
    judge(standing, standing, policy) !== standing.verdict;
  return changes ? as(judged, null) : as(standing.verdict, 'settled-verdict');
}

/** Whether a bad verdict is of this session; one that is carried over from an earlier one keeps its end. */
function isOwn({ sessionStart }: Pick<Snapshot, 'sessionStart'>, standing: Standing, { ttlMs }: SettlePolicy): boolean {
  return standing.sessionStart === sessionStart && standing.expiresAt === standing.time + ttlMs.bad;
}

/** A bad client that pauses and starts anew stays bad until its verdict expires or the new session says enough. */
function isHeld({ time, calls }: Pick<Snapshot, 'time' | 'calls'>, standing: Standing, { standingCalls }: SettlePolicy): boolean {
  return standing.expiresAt > time && calls < standingCalls;
}

/** What is nearly as novel as to be unsure is not clearly good. */
const CLEAR_NOVELTY = 0.9;

/** Whether a score lies on the side that a judgement stands for by more than the margin. */
function isClear(
  judged: VerdictName,
  { score, novelty }: Pick<Scored, 'score' | 'novelty'>,
  { badAt, goodBelow, marginLogOdds }: SettlePolicy,
): boolean {
  if (score === null || novelty === null) return false;
  const past = (threshold: number) => logOdds(score) - logOdds(threshold);
  if (judged === 'bad') return past(badAt) >= marginLogOdds;
  if (judged === 'good') return past(goodBelow) < -marginLogOdds && novelty < CLEAR_NOVELTY;
  return past(goodBelow) >= marginLogOdds;
}

function logOdds(probability: number): number {
  return Math.log(probability / (1 - probability));
}

/** One client's snapshots in order, settled one after the other as serving does: for training and evaluation. */
export function settleAll(
  snapshots: readonly (Pick<Snapshot, 'calls' | 'time' | 'sessionStart'> & Pick<Scored, 'score' | 'novelty'>)[],
  policy: SettlePolicy,
): VerdictName[] {
  let standing: Standing | null = null;
  return snapshots.map((snapshot) => {
    const { verdict, expiresAt } = settle(snapshot, snapshot, standing, policy);
    const { score, novelty, calls, time, sessionStart } = snapshot;
    standing = { verdict, score, novelty, calls, time, sessionStart, expiresAt };
    return verdict;
  });
}

function reasonsFor(snapshot: Decidable, scored: Scored, explanation: Explanation | null, held: Hold | null): Reason[] {
  const reasons: Reason[] = [];
  if (scored.error) reasons.push(plain('error', scored.error, ERRORS[scored.error][0]));
  if (held) reasons.push(plain('default', held, HOLDS[held]));
  if (scored.novelty !== null && scored.novelty > 1)
    reasons.push(plain('default', 'novel', 'unlike anything the model was trained on', scored.novelty));
  for (const { name, text, value } of snapshot.signals) reasons.push(plain('signal', name, text, value));
  if (snapshot.strength >= STRENGTH.key)
    reasons.push(plain('identity', 'strong-identity', 'known by a stable or verified credential', snapshot.strength));
  if (explanation) reasons.push(...contributions(snapshot.vector, explanation));
  return reasons;
}

function plain(kind: Reason['kind'], name: string, text: string, value: number | null = null): Reason {
  return { kind, name, text, weight: null, value };
}

/** The largest few contributions, largest first; of equal ones the earlier feature. */
function contributions(vector: Float32Array, { contributions: weights }: Explanation): Reason[] {
  const largest: number[] = [];
  for (let i = 0; i < FEATURES.length; i++) {
    const size = Math.abs(weights[i]!);
    if (!(size >= MIN_WEIGHT && size < Number.POSITIVE_INFINITY)) continue;
    let at = largest.length;
    while (at > 0 && Math.abs(weights[largest[at - 1]!]!) < size) at--;
    if (at < MAX_CONTRIBUTIONS) largest.splice(at, 0, i);
    if (largest.length > MAX_CONTRIBUTIONS) largest.pop();
  }
  return largest.map((i) => reasonOf(FEATURES[i]!, vector[i]!, weights[i]!));
}

function reasonOf(feature: Feature, value: number, weight: number): Reason {
  return { kind: 'contribution', name: feature.name, text: describeFeature(feature, value), weight, value };
}
