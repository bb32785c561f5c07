/** Policy is data: which score is bad, and what is done about it. */
import { type Static, Type } from 'typebox';
import { checkFile } from './check-file.ts';
import { AssayError } from './errors.ts';
import { hashString } from './stats.ts';

const Actions = Type.Enum(['allow', 'throttle', 'challenge', 'deny']);
const Threshold = Type.Union([Type.Null(), Type.Number({ minimum: 0, maximum: 1 })]);

export const PolicyFile = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    mode: Type.Enum(['live', 'shadow']),
    badAt: Threshold,
    goodBelow: Threshold,
    minCallsForBad: Type.Integer({ minimum: 1, maximum: 1000 }),
    standingCalls: Type.Integer({ minimum: 0, maximum: 1000 }),
    marginLogOdds: Type.Number({ minimum: 0, maximum: 20 }),
    actions: Type.Object({ good: Actions, unsure: Actions, bad: Actions }),
    ttlMs: Type.Object({
      good: Type.Integer({ minimum: 1000 }),
      unsure: Type.Integer({ minimum: 1000 }),
      bad: Type.Integer({ minimum: 1000 }),
    }),
  },
  { additionalProperties: false },
);

/**
 * badAt, goodBelow: scores from which and below which a verdict is bad or good; null takes the model's own.
 * minCallsForBad: no verdict is bad on fewer calls. standingCalls: a bad verdict that has not expired outlives a new
 * session's first so many calls, so that a pause does not wipe the slate. marginLogOdds: by how much a score must pass a
 * threshold, in log-odds, to change a settled verdict at once; with less, it takes two snapshots in a row.
 */
export type PolicyFile = Static<typeof PolicyFile>;

export interface Policy extends PolicyFile {
  /** Name and hash of the content: a verdict names exactly the policy that made it. */
  readonly id: string;
  readonly badAt: number;
  readonly goodBelow: number;
}

/** @throws AssayError ASSAY_POLICY_INVALID, with every fault told at once */
export function readPolicy(file: unknown, thresholds: { badAt: number; goodBelow: number }): Policy {
  checkFile(PolicyFile, file, 'ASSAY_POLICY_INVALID');
  const hash = hashString(JSON.stringify(file)).toString(16).padStart(8, '0');
  const badAt = file.badAt ?? thresholds.badAt;
  const goodBelow = file.goodBelow ?? thresholds.goodBelow;
  if (goodBelow >= badAt) throw new AssayError('ASSAY_POLICY_INVALID', '/goodBelow must be under /badAt');
  return { ...file, badAt, goodBelow, id: `${file.name}@${hash}` };
}
