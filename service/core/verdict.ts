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

export interface DecideContext {
  readonly policy: Policy;
  readonly model: string;
  readonly featureSet: string;
}

/** What stands from before; only this of an earlier verdict matters. */
export type Standing = Pick<Verdict, 'verdict' | 'expiresAt' | 'sessionStart'>;

const MAX_CONTRIBUTIONS = 5;
/** Contributions smaller than this, in log-odds, explain nothing. */
const MIN_WEIGHT = 0.05;

/**
 * Decides on a snapshot. A score or novelty that is not finite, or a score outside 0 to 1, becomes null with an error
 * code, and the verdict unsure.
 */
export function decide(
  snapshot: Snapshot,
  raw: Scored,
  explanation: Explanation | null,
  standing: Standing | null,
  { policy, model, featureSet }: DecideContext,
): Verdict {
  const scored = soundOf(raw);
  const judged = judge(snapshot, scored, policy);
  const held = judged !== 'bad' && isHeld(snapshot, standing, policy);
  const verdict = held ? 'bad' : judged;
  const explained = scored.score !== null && Number.isFinite(explanation?.baseLogOdds) ? explanation : null;
  return {
    id: `${snapshot.clientId}.${snapshot.sessionStart.toString(36)}.${snapshot.calls}`,
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
    expiresAt: held ? standing!.expiresAt : snapshot.time + policy.ttlMs[verdict],
  };
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

/** A bad client that pauses and starts anew stays bad until its verdict expires or the new session says enough. */
function isHeld(snapshot: Snapshot, standing: Standing | null, policy: Policy): boolean {
  return (
    standing?.verdict === 'bad' &&
    standing.expiresAt > snapshot.time &&
    standing.sessionStart !== snapshot.sessionStart &&
    snapshot.calls < policy.standingCalls
  );
}

function reasonsFor(snapshot: Snapshot, scored: Scored, explanation: Explanation | null, held: boolean): Reason[] {
  const reasons: Reason[] = [];
  if (scored.error) reasons.push(plain('error', scored.error, ERRORS[scored.error][0]));
  if (held) reasons.push(plain('default', 'standing-verdict', 'was bad in the session before, and that has not expired'));
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
