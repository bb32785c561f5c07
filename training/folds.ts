/**
 * Holding out whole tools and kinds: a fold is one or more groups of the range's clients, its net has met none of them.
 * Every client of the range is so scored by a net that knows neither it nor its program.
 */
import { calibrate, type Manifest } from '../service/core/model.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { type Case, chooseThresholds, fitPlatt, type ThresholdOptions, type Thresholds } from './calibrate.ts';
import { type Examples, groupOf } from './examples.ts';
import { type Fitted, fitNet, type Net, type Recipe, scoreRows } from './fit.ts';
import { noveltyLimit } from './novelty.ts';
import { dealOut } from './split.ts';

/** Scores of rows, each by a net that its client was held out of; NaN for rows that were not scored. */
export interface HeldOut {
  readonly rows: readonly number[];
  readonly logits: Float64Array;
  readonly distances: Float64Array;
}

/** Names of the groups that rows belong to, in order. */
export function groupsOf(examples: Examples, rows: readonly number[]): string[] {
  return [...new Set(rows.map((row) => groupOf(examples, row)))].sort();
}

/** Groups dealt out to `folds` sets, so that the tools of one family of attacks are in different ones. */
export function dealGroups(examples: Examples, rows: readonly number[], folds: number): string[][] {
  const families = new Map(rows.map((row) => [groupOf(examples, row), familyOf(examples, row)]));
  return dealOut(families.keys(), folds, (group) => families.get(group)!);
}

/** The label and the kind of a row's client: what its program plays. */
export function familyOf({ clients, client }: Examples, row: number): string {
  const { group, kind } = clients[client[row]!]!;
  return `${group.split(' ')[0]} ${kind}`;
}

export interface FoldSetting {
  readonly tf: typeof TensorFlow;
  readonly examples: Examples;
  readonly base: Net | null;
  /** Rows of the simulator that are learnt from beside those of the range. */
  readonly replay: readonly number[];
  readonly recipe: Recipe;
  /** Sees each fold's net once its rows are scored. */
  readonly onFold?: (names: readonly string[], fitted: Fitted) => void;
}

/**
 * Scores every row by a net that was trained without its fold.
 *
 * @param folds sets of names; a row is in the fold that has `nameOf` it
 */
export function holdOut(
  setting: FoldSetting,
  rows: readonly number[],
  folds: readonly (readonly string[])[],
  nameOf = (row: number) => groupOf(setting.examples, row),
): HeldOut {
  const { tf, examples, base, replay, recipe, onFold } = setting;
  const held = emptyHeldOut(examples, rows);
  for (const names of folds) {
    const set = new Set(names);
    const inside = rows.filter((row) => set.has(nameOf(row)));
    const range = rows.filter((row) => !set.has(nameOf(row)));
    const fitted = fitNet(tf, examples, base, { range, replay }, recipe);
    fill(held, inside, scoreRows(tf, examples, inside, fitted));
    onFold?.(names, fitted);
  }
  return held;
}

export function emptyHeldOut({ rows: count }: Examples, rows: readonly number[]): HeldOut {
  return { rows, logits: new Float64Array(count).fill(Number.NaN), distances: new Float64Array(count).fill(Number.NaN) };
}

export function fill(
  held: HeldOut,
  rows: readonly number[],
  scored: { logits: ArrayLike<number>; distances: ArrayLike<number> },
) {
  rows.forEach((row, i) => {
    held.logits[row] = scored.logits[i]!;
    held.distances[row] = scored.distances[i]!;
  });
}

/** What turns a logit and a distance into a verdict. */
export type Judging = Pick<Manifest, 'calibration'> & Thresholds & { readonly noveltyLimit: number };

/** Calibration, thresholds and the limit of novelty, from rows that the nets were held out of. */
export function fitJudging(
  examples: Examples,
  { logits, distances }: Pick<HeldOut, 'logits' | 'distances'>,
  rows: readonly number[],
  recipe: Recipe,
  options: ThresholdOptions,
): Judging {
  const pick = (values: ArrayLike<number>) => Float64Array.from(rows, (row) => values[row]!);
  const calibration = fitPlatt(pick(logits), pick(examples.bad), pick(examples.weight));
  const cases = rows.map(
    (row): Case => ({
      client: examples.client[row]!,
      bad: examples.bad[row] === 1,
      score: calibrate(calibration, logits[row]!),
      calls: examples.calls[row]!,
    }),
  );
  return { calibration, ...chooseThresholds(cases, options), noveltyLimit: noveltyLimit(pick(distances), recipe.novelty) };
}

/** For each name the judging that was fitted on all others: what is told of a tool never stood in its own calibration. */
export function crossFit(
  examples: Examples,
  held: HeldOut,
  recipe: Recipe,
  options: ThresholdOptions,
  nameOf = (row: number) => groupOf(examples, row),
): Map<string, Judging> {
  const judgings = new Map<string, Judging>();
  for (const name of new Set(held.rows.map(nameOf))) {
    const others = held.rows.filter((row) => nameOf(row) !== name);
    judgings.set(name, fitJudging(examples, held, others, recipe, options));
  }
  return judgings;
}
