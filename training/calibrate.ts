/** From logits to probabilities that keep their word, and from those to the thresholds of a verdict. */
import { Matrix, solve } from 'ml-matrix';
import type { Manifest } from '../service/core/model.ts';

type Numbers = ArrayLike<number>;

/**
 * Platt's scaling (1999): logistic regression of the label on the logit, by Newton's method (Lin, Lin & Weng 2007).
 * Targets are drawn in a little from 0 and 1, as Platt did, so that separable data gives finite numbers.
 */
export function fitPlatt(logits: Numbers, labels: Numbers, weights: Numbers): Manifest['calibration'] {
  const total = [0, 0];
  for (let i = 0; i < labels.length; i++) total[labels[i]!]! += weights[i]!;
  const targets = [1 / (total[0]! + 2), (total[1]! + 1) / (total[1]! + 2)];
  let [slope, intercept] = [0, Math.log((total[1]! + 1) / (total[0]! + 1))];
  for (let step = 0; step < 100; step++) {
    const { gradient, hessian } = derivatives(logits, labels, weights, targets, slope, intercept);
    const move = solve(hessian, gradient).to1DArray();
    // A long first step could overshoot; two units of slope at a time are enough.
    const damp = Math.min(1, 2 / Math.max(Math.abs(move[0]!), Math.abs(move[1]!), 1e-300));
    slope -= damp * move[0]!;
    intercept -= damp * move[1]!;
    if (Math.abs(move[0]!) + Math.abs(move[1]!) < 1e-10) break;
  }
  return { slope, intercept };
}

function derivatives(
  logits: Numbers,
  labels: Numbers,
  weights: Numbers,
  targets: readonly number[],
  slope: number,
  intercept: number,
) {
  let [g0, g1, h00, h01, h11] = [0, 0, 0, 0, 0];
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i]!;
    const p = 1 / (1 + Math.exp(-(slope * x + intercept)));
    const error = weights[i]! * (p - targets[labels[i]!]!);
    const curve = weights[i]! * p * (1 - p);
    g0 += error * x;
    g1 += error;
    h00 += curve * x * x;
    h01 += curve * x;
    h11 += curve;
  }
  // A trace of a ridge: the matrix is singular where all logits are equal.
  const ridge = 1e-9 * (1 + h00 + h11);
  return {
    gradient: Matrix.columnVector([g0, g1]),
    hessian: new Matrix([
      [h00 + ridge, h01],
      [h01, h11 + ridge],
    ]),
  };
}

/** A scored snapshot of a calibration client. */
export interface Case {
  readonly client: number;
  readonly bad: boolean;
  readonly score: number;
  readonly calls: number;
}

export interface ThresholdOptions {
  /** Share of good clients that may ever reach badAt. */
  readonly falseAlarmRate: number;
  /** Share of bad clients that may end under goodBelow. */
  readonly missRate: number;
  readonly minCalls: number;
  readonly leastBadAt: number;
  readonly mostGoodBelow: number;
}

/**
 * badAt: the lowest score, not under `leastBadAt`, that at most the allowed share of good clients ever reaches once they
 * have made `minCalls` calls. goodBelow: the highest score, not over `mostGoodBelow`, under which at most the allowed
 * share of bad clients ends. What lies between is unsure.
 */
export function chooseThresholds(cases: readonly Case[], options: ThresholdOptions): Manifest['thresholds'] {
  const highest = new Map<number, number>();
  const last = new Map<number, number>();
  const turned = new Set(cases.filter(({ bad }) => bad).map(({ client }) => client));
  for (const { client, score, calls } of cases) {
    if (turned.has(client)) last.set(client, score);
    else if (calls >= options.minCalls) highest.set(client, Math.max(score, highest.get(client) ?? 0));
  }
  const alarms = [...highest.values()].sort((a, b) => b - a);
  const ends = [...last.values()].sort((a, b) => a - b);
  const reached = alarms[Math.floor(options.falseAlarmRate * alarms.length)];
  const missed = ends[Math.floor(options.missRate * ends.length)];
  return {
    badAt: Math.max(options.leastBadAt, reached === undefined ? 0 : justAbove(reached)),
    goodBelow: Math.min(options.mostGoodBelow, missed ?? options.mostGoodBelow),
  };
}

/** A tenth of a unit of log-odds higher; what is near 1 stays apart from it. */
function justAbove(score: number): number {
  return score >= 1 ? 1 : 1 / (1 + ((1 - score) / score) * Math.exp(-0.1));
}
