/** From logits to probabilities that keep their word, and from those to the thresholds of a verdict. */
import { Matrix, solve } from 'ml-matrix';
import { calibrationError } from '../service/core/evaluation.ts';
import { calibrate, type Manifest } from '../service/core/model.ts';

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

/** Temperature (Guo et al. 2017): Platt's scaling without the intercept. */
export function fitTemperature(logits: Numbers, labels: Numbers, weights: Numbers): Manifest['calibration'] {
  // The loss is convex in the slope: halve the stretch in which its derivative changes its sign.
  let [low, high] = [0, 50];
  for (let step = 0; step < 60; step++) {
    const slope = (low + high) / 2;
    let derivative = 0;
    for (let i = 0; i < logits.length; i++)
      derivative += weights[i]! * logits[i]! * (1 / (1 + Math.exp(-slope * logits[i]!)) - labels[i]!);
    if (derivative > 0) high = slope;
    else low = slope;
  }
  return { slope: (low + high) / 2, intercept: 0 };
}

/** Isotonic regression by pooling neighbours that are out of order: a rising staircase from logit to probability. */
export function fitIsotonic(logits: Numbers, labels: Numbers, weights: Numbers): (logit: number) => number {
  const order = Array.from(logits, (_, i) => i).sort((a, b) => logits[a]! - logits[b]!);
  const steps: { from: number; weight: number; sum: number }[] = [];
  for (const i of order) {
    let step = { from: logits[i]!, weight: weights[i]!, sum: weights[i]! * labels[i]! };
    for (let top = steps.at(-1); top && top.sum * step.weight >= step.sum * top.weight; top = steps.at(-1)) {
      step = { from: top.from, weight: top.weight + step.weight, sum: top.sum + step.sum };
      steps.pop();
    }
    steps.push(step);
  }
  return (logit) => {
    let [low, high] = [0, steps.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle]!.from <= logit) low = middle;
      else high = middle;
    }
    const { sum, weight } = steps[low]!;
    // Never quite 0 or 1, which no number of clients could warrant.
    return (sum + 0.5) / (weight + 1);
  };
}

/** A logit of a row held out, and what it was. */
export interface Calibrated {
  readonly logit: number;
  readonly bad: number;
  readonly weight: number;
  /** Rows with the same name are held out together. */
  readonly fold: string;
}

export interface CalibrationFigure {
  readonly name: 'none' | 'temperature' | 'platt' | 'isotonic';
  readonly logLoss: number;
  readonly calibrationError: number;
}

/** Folds in which ways of calibrating are compared. */
const COMPARED_FOLDS = 5;

/** What each way of calibrating comes to on names that it was not fitted on. Isotonic is not served: reasons must add up. */
export function compareCalibrations(cases: readonly Calibrated[]): CalibrationFigure[] {
  const foldOf = new Map([...new Set(cases.map(({ fold }) => fold))].sort().map((name, i) => [name, i % COMPARED_FOLDS]));
  const ways = {
    none: () => (logit: number) => calibrate({ slope: 1, intercept: 0 }, logit),
    temperature: (...of: Fit) => byLine(fitTemperature(...of)),
    platt: (...of: Fit) => byLine(fitPlatt(...of)),
    isotonic: (...of: Fit) => fitIsotonic(...of),
  };
  return Object.entries(ways).map(([name, fit]) => {
    const scores = new Float64Array(cases.length);
    for (let fold = 0; fold < COMPARED_FOLDS; fold++) {
      const learnt = cases.filter((one) => foldOf.get(one.fold) !== fold);
      const column = (key: 'logit' | 'bad' | 'weight') => Float64Array.from(learnt, (one) => one[key]);
      const read = fit(column('logit'), column('bad'), column('weight'));
      cases.forEach((one, i) => {
        if (foldOf.get(one.fold) === fold) scores[i] = read(one.logit);
      });
    }
    return { name: name as CalibrationFigure['name'], ...lossOf(cases, scores) };
  });
}

type Fit = [logits: Numbers, labels: Numbers, weights: Numbers];
const byLine = (line: Manifest['calibration']) => (logit: number) => calibrate(line, logit);

function lossOf(cases: readonly Calibrated[], scores: Float64Array) {
  let [sum, total] = [0, 0];
  cases.forEach(({ bad, weight }, i) => {
    const right = bad === 1 ? scores[i]! : 1 - scores[i]!;
    sum -= weight * Math.log(Math.max(1e-12, right));
    total += weight;
  });
  const error = calibrationError(
    scores,
    cases.map(({ bad }) => bad),
  );
  return { logLoss: sum / total, calibrationError: error ?? 0 };
}

/** A scored snapshot of a client that the scores were not trained on. */
export interface Case {
  readonly client: number;
  readonly bad: boolean;
  readonly score: number;
  readonly calls: number;
}

export interface ThresholdOptions {
  /** Chance that a good client is ever called bad. */
  readonly alphaBad: number;
  /** Chance that a bad client ends as good. */
  readonly alphaGood: number;
  readonly minCalls: number;
  readonly leastBadAt: number;
  readonly mostGoodBelow: number;
}

/** What the thresholds promise, and on how many clients they stand. */
export interface Coverage {
  readonly alphaBad: number;
  readonly alphaGood: number;
  readonly calibrationClients: { readonly good: number; readonly bad: number };
}

export interface Thresholds {
  readonly thresholds: Manifest['thresholds'];
  readonly coverage: Coverage;
}

/**
 * Class-conditional split conformal prediction (Vovk 2012) on one number a client. For a good client that number is the
 * highest score it ever has once it has made `minCalls` calls, for a bad one its last score. Of n such numbers the one of
 * rank ceil((n + 1)(1 - alpha)) is exceeded by that of a new client like them with a chance of at most alpha. As the
 * highest score of a session counts, a verdict may fall as soon as `badAt` is reached: over all looks together a false
 * alarm has that chance, so that this is a sequential test with a stated error. With too few clients to promise alpha,
 * badAt is 1, or goodBelow 0. What lies between is unsure.
 */
export function chooseThresholds(cases: readonly Case[], options: ThresholdOptions): Thresholds {
  const { alphaBad, alphaGood, minCalls, leastBadAt, mostGoodBelow } = options;
  const highest = new Map<number, number>();
  const last = new Map<number, number>();
  const turned = new Set(cases.filter(({ bad }) => bad).map(({ client }) => client));
  for (const { client, score, calls } of cases) {
    if (turned.has(client)) last.set(client, score);
    else if (calls >= minCalls) highest.set(client, Math.max(score, highest.get(client) ?? 0));
  }
  const reached = ranked([...highest.values()], alphaBad);
  const missed = ranked(
    [...last.values()].map((score) => -score),
    alphaGood,
  );
  return {
    thresholds: {
      badAt: Math.max(leastBadAt, reached === null ? 1 : justAbove(reached)),
      goodBelow: Math.min(mostGoodBelow, missed === null ? 0 : -missed),
    },
    coverage: { alphaBad, alphaGood, calibrationClients: { good: highest.size, bad: last.size } },
  };
}

/** The value of rank ceil((n + 1)(1 - alpha)) from below, null where there are too few. */
function ranked(values: readonly number[], alpha: number): number | null {
  // A trifle less, so that 0.9 · 10 is not rounded up to 10.
  const rank = Math.ceil((values.length + 1) * (1 - alpha) - 1e-9);
  return values.toSorted((a, b) => a - b)[rank - 1] ?? null;
}

/** A hundredth of a unit of log-odds higher; what is near 1 stays apart from it. */
function justAbove(score: number): number {
  return score >= 1 ? 1 : 1 / (1 + ((1 - score) / score) * Math.exp(-0.01));
}
