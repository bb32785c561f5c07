/** From a scored snapshot to a verdict with reasons. Pure: the same snapshot, score and standing give the same bytes. */
import type { Reason, Verdict, VerdictName } from './contracts.ts';
import { type ErrorCode, ERRORS } from './errors.ts';
import { describeFeature, FEATURES } from './features.ts';
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

export function decide(
  snapshot: Snapshot,
  scored: Scored,
  explanation: Explanation | null,
  standing: Standing | null,
  { policy, model, featureSet }: DecideContext,
): Verdict {
  const held = isHeld(snapshot, standing, policy);
  const verdict = held ? 'bad' : judge(snapshot, scored, policy);
  return {
    id: `${snapshot.clientId}.${snapshot.sessionStart.toString(36)}.${snapshot.calls}`,
    clientId: snapshot.clientId,
    verdict,
    score: scored.score,
    action: policy.actions[verdict],
    family: scored.family,
    reasons: reasonsFor(snapshot, scored, explanation, held),
    baseLogOdds: explanation?.baseLogOdds ?? null,
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

function judge({ calls }: Snapshot, { score, novelty }: Scored, policy: Policy): VerdictName {
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

function contributions(vector: Float32Array, { contributions: weights }: Explanation): Reason[] {
  return FEATURES.map((feature, i) => ({ feature, i, weight: weights[i]! }))
    .filter(({ weight }) => Math.abs(weight) >= MIN_WEIGHT)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight) || a.i - b.i)
    .slice(0, MAX_CONTRIBUTIONS)
    .map(({ feature, i, weight }) => ({
      kind: 'contribution' as const,
      name: feature.name,
      text: describeFeature(feature, vector[i]!),
      weight,
      value: vector[i]!,
    }));
}
