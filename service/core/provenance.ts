/** What a verdict was made from, so that it can be made again to the same bits. */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { O } from './cohort.ts';
import type { Verdict } from './contracts.ts';
import type { Snapshot } from './observe.ts';
import type { Standing } from './verdict.ts';

const NullableNumber = Type.Union([Type.Null(), Type.Number()]);
const Offset = Type.Integer({ minimum: 0 });
const Before = Type.Object({
  verdict: Type.Enum(['good', 'bad', 'unsure']),
  score: NullableNumber,
  novelty: NullableNumber,
  calls: Type.Integer(),
  time: Type.Number(),
  sessionStart: Type.Number(),
  expiresAt: Type.Number(),
});
const Provenance = Type.Object({
  /** The first and the last call that it counts, by their offsets in the partition; null where the input has none. */
  span: Type.Union([Type.Null(), Type.Object({ first: Offset, last: Offset })]),
  /** What stood of the client. */
  before: Type.Union([Type.Null(), Before]),
  /** What was known of the others of its cohort, null where nothing was. */
  others: Type.Union([Type.Null(), Type.Array(Type.Number(), { minItems: O.size, maxItems: O.size })]),
});

/** Besides the calls, which the input keeps, and the model and the policy, which the verdict names. */
export type Provenance = Static<typeof Provenance>;

/** A verdict and what it was made from, null where that is not known any more. */
export interface Decision {
  readonly verdict: Verdict;
  readonly provenance: Provenance | null;
}

export function provenanceOf({ span, others }: Pick<Snapshot, 'span' | 'others'>, before: Standing | null): Provenance {
  return { span, before: before && standingOf(before), others: others.some((value) => value !== 0) ? [...others] : null };
}

/** Only what a later decision asks for: a verdict with its reasons is ten times that. */
export function standingOf({ verdict, score, novelty, calls, time, sessionStart, expiresAt }: Standing): Standing {
  return { verdict, score, novelty, calls, time, sessionStart, expiresAt };
}

/** Null where it is none. */
export function readProvenance(text: string): Provenance | null {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Provenance, value) ? value : null;
  } catch {
    return null;
  }
}
