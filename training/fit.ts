/** One model from rows: scale → train → calibrate → thresholds → novelty, each on the clients meant for it. */
import { type ClientOutcome, type EvaluationReport, evaluateClients } from '../service/core/evaluation.ts';
import { calibrate, createNoveltyGauge, type Manifest, noveltyOf, scale } from '../service/core/model.ts';
import { judge } from '../service/core/verdict.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { chooseThresholds, fitPlatt, type ThresholdOptions } from './calibrate.ts';
import type { Examples } from './examples.ts';
import { createNet, gather, type NetOptions, predictLogits, type Rows, trainNet } from './net.ts';
import { fitNovelty, type NoveltyOptions } from './novelty.ts';
import { fitScaling } from './scaling.ts';

type Tf = typeof TensorFlow;

export interface FitOptions {
  readonly net: NetOptions;
  readonly thresholds: ThresholdOptions;
  readonly novelty: NoveltyOptions;
}

/** Row numbers of the examples. */
export interface FitRows {
  readonly train: readonly number[];
  readonly validate: readonly number[];
  readonly calibrate: readonly number[];
}

export type Fitted = Pick<Manifest, 'scaling' | 'calibration' | 'thresholds' | 'novelty'> & {
  readonly model: TensorFlow.LayersModel;
  readonly validationLoss: number;
};

export function fitModel(tf: Tf, examples: Examples, parts: FitRows, options: FitOptions): Fitted {
  const { width } = examples;
  const raw = selectRows(examples, parts.train);
  const scaling = fitScaling(raw.x, width, raw.weight);
  const scaled = (rows: readonly number[]): Rows => {
    const selected = selectRows(examples, rows);
    scale({ scaling }, selected.x, selected.rows, selected.x);
    return selected;
  };
  const [train, validate, held] = [scaled(parts.train), scaled(parts.validate), scaled(parts.calibrate)];
  const model = createNet(tf, width, examples.families.length, options.net);
  const validationLoss = trainNet(tf, model, train, validate, options.net);
  const logits = predictLogits(tf, model, held.x, width);
  const calibration = fitPlatt(logits, held.bad, held.weight);
  const cases = parts.calibrate.map((row, i) => ({
    client: examples.client[row]!,
    bad: examples.bad[row] === 1,
    score: calibrate(calibration, logits[i]!),
    calls: examples.calls[row]!,
  }));
  const thresholds = chooseThresholds(cases, options.thresholds);
  const novelty = fitNovelty(train.x, held.x, width, options.novelty);
  return { model, scaling, calibration, thresholds, novelty, validationLoss };
}

function selectRows(examples: Examples, rows: readonly number[]): Rows {
  const { width, x, family, weight } = examples;
  return gather({ width, rows: examples.rows, x, bad: Float32Array.from(examples.bad), family, weight }, rows);
}

/** As `assay evaluate` does: a client ranks by its newest score, and is called bad once a verdict was, whatever came later. */
function judgeRows(
  tf: Tf,
  examples: Examples,
  rows: readonly number[],
  fitted: Fitted,
  minCalls: number,
): Map<number, ClientOutcome> {
  const { scaling, calibration, thresholds } = fitted;
  const { x } = selectRows(examples, rows);
  scale({ scaling }, x, rows.length, x);
  const logits = predictLogits(tf, fitted.model, x, examples.width);
  const gauge = createNoveltyGauge(fitted.novelty);
  const outcomes = new Map<number, ClientOutcome>();
  rows.forEach((row, i) => {
    const score = calibrate(calibration, logits[i]!);
    const calls = examples.calls[row]!;
    const novelty = noveltyOf(gauge, x, i * examples.width, examples.width);
    const judged = judge({ calls }, { score, novelty }, { ...thresholds, minCallsForBad: minCalls });
    const { label, kind } = examples.clients[examples.client[row]!]!;
    const callsAtDetection = outcomes.get(examples.client[row]!)?.callsAtDetection ?? (judged === 'bad' ? calls : null);
    const verdict = callsAtDetection !== null ? 'bad' : judged;
    outcomes.set(examples.client[row]!, { score, verdict, label, kind, callsAtDetection, calls });
  });
  return outcomes;
}

export function evaluateRows(
  tf: Tf,
  examples: Examples,
  rows: readonly number[],
  fitted: Fitted,
  minCalls: number,
): EvaluationReport {
  return evaluateClients([...judgeRows(tf, examples, rows, fitted, minCalls).values()]);
}

/** Each client's newest score in these rows. */
export function scoreClients(tf: Tf, examples: Examples, rows: readonly number[], fitted: Fitted) {
  const outcomes = judgeRows(tf, examples, rows, fitted, 1);
  return [...outcomes].map(([index, { score }]) => ({ client: examples.clients[index]!, score: score! }));
}
