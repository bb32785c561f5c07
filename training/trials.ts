/** Other ways to divide what there is into what is learnt and what is judged, and what the features are worth. */
import { join } from 'node:path';
import { readConfig } from '../service/config.ts';
import { AssayError } from '../service/core/errors.ts';
import { rocAuc, wilsonInterval } from '../service/core/evaluation.ts';
import { createAttribution } from '../service/core/explain.ts';
import { featureNames } from '../service/core/features.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { scoreFiles } from '../service/score.ts';
import type { Comparison } from './comparators.ts';
import type { Examples } from './examples.ts';
import { type Judged, judgeClients, type Pooled, poolOf } from './figures.ts';
import { type Fitted, fitNet, sampleRows, scoreRows } from './fit.ts';
import {
  crossFit,
  emptyHeldOut,
  type FoldSetting,
  familyOf,
  fill,
  fitJudging,
  groupsOf,
  type HeldOut,
  holdOut,
  type Judging,
} from './folds.ts';
import { denseOf } from './net.ts';
import { type Data, isRanked, POLICY, THRESHOLDS } from './recipe.ts';
import { dealOut } from './split.ts';

/** Scores of rows, all by one net. */
function scoreAll(tf: FoldSetting['tf'], examples: Examples, rows: readonly number[], net: Fitted): HeldOut {
  const held = emptyHeldOut(examples, rows);
  fill(held, rows, scoreRows(tf, examples, rows, net));
  return held;
}

/** Verdicts on rows by one net. */
export function judgeWith({ tf, examples }: FoldSetting, net: Fitted, rows: readonly number[], judging: Judging): Judged[] {
  const held = scoreAll(tf, examples, rows, net);
  return judgeClients(examples, rows, held, () => judging, POLICY);
}

export interface CaptureFigure
  extends Pick<Pooled, 'good' | 'bad' | 'rocAuc' | 'rocAucInterval' | 'recall' | 'calibrationError'> {
  readonly capture: string;
}

/** Each capture judged by a net that learnt from the others: another API, another gateway, other clients, the same tools. */
export function judgeCaptures(setup: FoldSetting, range: readonly number[]): CaptureFigure[] {
  const { examples, recipe } = setup;
  const originOf = (row: number) => examples.clients[examples.client[row]!]!.origin;
  const origins = [...new Set(range.map(originOf))];
  if (origins.length < 2) return [];
  const held = holdOut(
    setup,
    range,
    origins.map((origin) => [origin]),
    originOf,
  );
  const judgings = crossFit(examples, held, recipe, THRESHOLDS, originOf);
  return origins.map((capture) => {
    const rows = range.filter((row) => originOf(row) === capture);
    const judged = judgeClients(examples, rows, held, () => judgings.get(capture)!, POLICY);
    const { good, bad, rocAuc: auc, rocAucInterval, recall, calibrationError } = poolOf(judged.filter(isRanked));
    return { capture, good, bad, rocAuc: auc, rocAucInterval, recall, calibrationError };
  });
}

/** Sets in which families are left out whole; fewer and larger ones would leave too little to learn from. */
const FAMILY_FOLDS = 8;

/** Each family of attacks and each kind of good client judged by a net that has met none of its programs. */
export function judgeFamilies(setup: FoldSetting, range: readonly number[]): Pooled {
  const { examples, recipe } = setup;
  const nameOf = (row: number) => familyOf(examples, row);
  const held = holdOut(setup, range, dealOut(range.map(nameOf), FAMILY_FOLDS), nameOf);
  const judgings = crossFit(examples, held, recipe, THRESHOLDS, nameOf);
  return poolOf(judgeClients(examples, range, held, (row) => judgings.get(nameOf(row))!, POLICY).filter(isRanked));
}

/** In how many folds half of the tools are held out of one another, for a calibration that knows nothing of the other half. */
const HALF_FOLDS = 4;

/** Learnt, calibrated and thresholded on the first half of tools and kinds by their names; judged on the second. */
export function judgeDrift(setup: FoldSetting, range: readonly number[]): Pooled {
  const { tf, examples, base, replay, recipe } = setup;
  const first = new Set(['good', 'bad'].flatMap((label) => firstHalf(groupsOf(examples, range), label)));
  const isFirst = (row: number) => first.has(examples.clients[examples.client[row]!]!.group);
  const [learnt, judged] = [range.filter(isFirst), range.filter((row) => !isFirst(row))];
  const held = holdOut(setup, learnt, dealOut(groupsOf(examples, learnt), HALF_FOLDS));
  const judging = fitJudging(examples, held, learnt, recipe, THRESHOLDS);
  const net = fitNet(tf, examples, base, { range: learnt, replay }, recipe);
  return poolOf(judgeWith(setup, net, judged, judging).filter(isRanked));
}

function firstHalf(groups: readonly string[], label: string): string[] {
  const own = groups.filter((group) => group.startsWith(label));
  return own.slice(0, Math.ceil(own.length / 2));
}

/** The net that knows the simulator only, on the range; one that knows the range only, on a simulated world. */
export function judgeWorlds(setup: FoldSetting & { base: Fitted }, { examples, range, test }: Data, served: Judging) {
  const { tf, base, recipe } = setup;
  const own = scoreAll(tf, examples, test, base);
  const simulated = fitJudging(examples, own, test, recipe, THRESHOLDS);
  const real = fitNet(tf, examples, null, { range, replay: [] }, recipe);
  return {
    simulatorToRange: poolOf(judgeWith(setup, base, range, simulated).filter(isRanked)),
    rangeToSimulator: poolOf(judgeWith(setup, real, test, served).filter(isRanked)),
    simulatorToSimulator: poolOf(judgeClients(examples, test, own, () => simulated, POLICY).filter(isRanked)),
  };
}

/** Mean ROC-AUC over tools and kinds, each against all clients of the other label, so that large ones do not rule. */
export function meanOfGroups(clients: readonly Judged[]): number | null {
  const groups = [...new Set(clients.map(({ client }) => client.group))];
  const aucs = groups.flatMap((group) => {
    const label = group.split(' ')[0];
    const pool = clients.filter((one) => one.client.group === group || one.label !== label);
    return (
      rocAuc(
        pool.map(({ score }) => score),
        pool.map((one) => one.label === 'bad'),
      ) ?? []
    );
  });
  return aucs.length === 0 ? null : aucs.reduce((sum, auc) => sum + auc, 0) / aucs.length;
}

const APACHE = join(packageRoot, 'datasets', 'apache-access', 'access.log.gz');

/** A real site's log, by the model that is served; null where that is of another feature set. */
export async function judgeApache() {
  try {
    const { clients } = await scoreFiles(readConfig({ ASSAY_KEY: 'evaluate' }), [APACHE]);
    const by = (name: string) => clients.filter(({ verdict }) => verdict === name).length;
    const [bad, unsure] = [by('bad'), by('unsure')];
    return { model: clients[0]!.model, clients: clients.length, bad, unsure, interval: wilsonInterval(bad, clients.length) };
  } catch (error) {
    if (error instanceof AssayError) return { model: null, why: `${error.code}: ${error.message}` };
    throw error;
  }
}

/** What another learner makes of the clients that the net was ranked on. */
export function rankComparison(examples: Examples, { name, version, seconds, logits }: Comparison, ranked: readonly Judged[]) {
  const newest = new Map<object, number>();
  for (let row = 0; row < examples.rows; row++)
    if (!Number.isNaN(logits[row]!)) newest.set(examples.clients[examples.client[row]!]!, logits[row]!);
  const clients = ranked.map((one) => ({ ...one, score: newest.get(one.client)! }));
  const { rocAuc: auc, rocAucInterval, recall } = poolOf(clients);
  return { name, version, seconds: Math.round(seconds), rocAuc: auc, rocAucInterval, recall, groupsAlike: meanOfGroups(clients) };
}

const EXPLAINED_ROWS = 2000;

/** Share of each feature in the net's contributions and in the gain of LightGBM's trees, largest difference first. */
export function weighFeatures(examples: Examples, net: Fitted, range: readonly number[], comparisons: readonly Comparison[]) {
  const trees = comparisons.find(({ importance }) => importance !== null)?.importance ?? null;
  const attribute = createAttribution(net.encoding, denseOf(net.members));
  const { width, x } = examples;
  const shares = new Float64Array(width);
  for (const row of sampleRows(range, EXPLAINED_ROWS, 1)) {
    attribute(x.subarray(row * width, (row + 1) * width)).forEach((part, i) => {
      shares[i]! += Math.abs(part);
    });
  }
  const total = shares.reduce((sum, share) => sum + share, 0) || 1;
  return featureNames
    .map((name, i) => ({ name, net: shares[i]! / total, trees: trees?.[i] ?? null }))
    .sort((a, b) => (b.trees ?? b.net) - (a.trees ?? a.net));
}
