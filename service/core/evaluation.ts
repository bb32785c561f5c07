/**
 * How good scores are, against known labels. Ties count right: clients with equal scores are ranked together, so that
 * the order in which they came changes nothing. A figure for which a class is missing is null.
 */
import type { VerdictName } from './contracts.ts';

type Numbers = ArrayLike<number>;
/** 1 or true for bad. */
type Labels = ArrayLike<number | boolean>;

/** Numbers of good and bad cases at and above each distinct score, from the highest down. */
interface Step {
  readonly score: number;
  readonly good: number;
  readonly bad: number;
}

function steps(scores: Numbers, labels: Labels): Step[] {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const out: Step[] = [];
  let [good, bad] = [0, 0];
  order.forEach((row, rank) => {
    if (labels[row]) bad++;
    else good++;
    const isLast = rank + 1 === order.length || scores[order[rank + 1]!] !== scores[row];
    if (isLast) out.push({ score: scores[row]!, good, bad });
  });
  return out;
}

/** Probability that a bad case scores higher than a good one; a tie counts one half. */
export function rocAuc(scores: Numbers, labels: Labels): number | null {
  const curve = steps(scores, labels);
  const { good, bad } = curve.at(-1) ?? { good: 0, bad: 0 };
  if (good === 0 || bad === 0) return null;
  let area = 0;
  let before = { good: 0, bad: 0 };
  for (const step of curve) {
    area += (step.good - before.good) * (step.bad + before.bad) * 0.5;
    before = step;
  }
  return area / (good * bad);
}

/** Average precision: precision at each score, weighted by the recall gained there. */
export function prAuc(scores: Numbers, labels: Labels): number | null {
  const curve = steps(scores, labels);
  const all = curve.at(-1)?.bad ?? 0;
  if (all === 0) return null;
  let [sum, found] = [0, 0];
  for (const { good, bad } of curve) {
    sum += ((bad - found) * bad) / (good + bad);
    found = bad;
  }
  return sum / all;
}

/** The highest recall of bad cases at a score above which at most `rate` of the good ones lie. */
export function recallAtFalseAlarmRate(scores: Numbers, labels: Labels, rate: number): number | null {
  const curve = steps(scores, labels);
  const all = curve.at(-1) ?? { good: 0, bad: 0 };
  if (all.good === 0 || all.bad === 0) return null;
  let found = 0;
  for (const { good, bad } of curve) if (good <= rate * all.good) found = bad;
  return found / all.bad;
}

/** Expected calibration error (Naeini et al. 2015): mean distance of score and share of bad, over bins of equal width. */
export function calibrationError(scores: Numbers, labels: Labels, bins = 15): number | null {
  if (scores.length === 0) return null;
  const gap = new Float64Array(bins);
  for (let i = 0; i < scores.length; i++) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(scores[i]! * bins)));
    gap[bin]! += scores[i]! - Number(labels[i]);
  }
  return gap.reduce((sum, g) => sum + Math.abs(g), 0) / scores.length;
}

/** Mean squared distance of score and label: 0 is perfect, 0.25 is knowing nothing. */
export function brier(scores: Numbers, labels: Labels): number | null {
  if (scores.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += (scores[i]! - Number(labels[i])) ** 2;
  return sum / scores.length;
}

export type Interval = readonly [low: number, high: number];
const Z95 = 1.959963984540054;

/** Wilson's 95% interval of a share; [0, 1] where nothing was tried. */
export function wilsonInterval(successes: number, n: number): Interval {
  if (n === 0) return [0, 1];
  const p = successes / n;
  const z2 = Z95 ** 2;
  const centre = p + z2 / (2 * n);
  const half = Z95 * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  const low = successes === 0 ? 0 : (centre - half) / (1 + z2 / n);
  const high = successes === n ? 1 : (centre + half) / (1 + z2 / n);
  return [low, high];
}

/** DeLong's 95% interval of the ROC-AUC (1988), cut to 0 to 1; null where a class has fewer than two cases. */
export function aucInterval(scores: Numbers, labels: Labels): Interval | null {
  const auc = rocAuc(scores, labels);
  const curve = steps(scores, labels);
  const { good, bad } = curve.at(-1) ?? { good: 0, bad: 0 };
  if (auc === null || good < 2 || bad < 2) return null;
  // A placement is the share of the other class that a case is ranked right against.
  let [overBad, overGood] = [0, 0];
  let before = { good: 0, bad: 0 };
  for (const step of curve) {
    const [goods, bads] = [step.good - before.good, step.bad - before.bad];
    overBad += bads * (1 - (before.good + goods / 2) / good - auc) ** 2;
    overGood += goods * ((before.bad + bads / 2) / bad - auc) ** 2;
    before = step;
  }
  const half = Z95 * Math.sqrt(overBad / (bad - 1) / bad + overGood / (good - 1) / good);
  return [Math.max(0, auc - half), Math.min(1, auc + half)];
}

/** The value under which a share `q` of the values lies, linear between neighbours (type 7 of Hyndman and Fan). */
export function quantile(values: Numbers, q: number): number | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = Math.min(1, Math.max(0, q)) * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

/** What came out for one labelled client. */
export interface ClientOutcome {
  /** null where none could be computed; such clients count among the verdicts but not in the ranking. */
  readonly score: number | null;
  readonly verdict: VerdictName;
  readonly label: 'good' | 'bad';
  readonly kind: string;
  /** Calls of the session when the verdict first was bad, null where it never was. */
  readonly callsAtDetection: number | null;
  readonly calls: number;
}

export interface GoodKind {
  readonly kind: string;
  readonly clients: number;
  readonly falseAlarms: number;
  readonly rate: number;
  readonly interval: Interval;
}

export interface BadKind {
  readonly kind: string;
  readonly clients: number;
  readonly detected: number;
  readonly unsure: number;
  readonly missed: number;
  readonly recall: number;
  readonly interval: Interval;
}

export interface EvaluationReport {
  readonly clients: number;
  readonly good: number;
  readonly bad: number;
  /** Clients without a score. */
  readonly unscored: number;
  readonly rocAuc: number | null;
  readonly rocAucInterval: Interval | null;
  readonly prAuc: number | null;
  /** Recall where 1%, and 0.1%, of the good clients score as high. */
  readonly recallAt1Percent: number | null;
  readonly recallAt01Percent: number | null;
  readonly calibrationError: number | null;
  readonly brier: number | null;
  /** By verdict: a client counts once it was called bad, whatever it is called later. */
  readonly falseAlarmRate: number | null;
  readonly recall: number | null;
  readonly callsUntilDetection: { readonly median: number | null; readonly p95: number | null };
  readonly goodKinds: readonly GoodKind[];
  readonly badKinds: readonly BadKind[];
}

/** Judges scores and verdicts of labelled clients; each client counts once. */
export function evaluateClients(clients: readonly ClientOutcome[]): EvaluationReport {
  const scored = clients.filter(({ score }) => score !== null);
  const scores = Float64Array.from(scored, ({ score }) => score!);
  const labels = scored.map(isBad);
  const good = clients.filter((client) => !isBad(client));
  const bad = clients.filter(isBad);
  const detections = bad.flatMap(({ callsAtDetection }) => callsAtDetection ?? []);
  return {
    clients: clients.length,
    good: good.length,
    bad: bad.length,
    unscored: clients.length - scored.length,
    rocAuc: rocAuc(scores, labels),
    rocAucInterval: aucInterval(scores, labels),
    prAuc: prAuc(scores, labels),
    recallAt1Percent: recallAtFalseAlarmRate(scores, labels, 0.01),
    recallAt01Percent: recallAtFalseAlarmRate(scores, labels, 0.001),
    calibrationError: calibrationError(scores, labels),
    brier: brier(scores, labels),
    falseAlarmRate: good.length === 0 ? null : good.filter(isCalledBad).length / good.length,
    recall: bad.length === 0 ? null : bad.filter(isCalledBad).length / bad.length,
    callsUntilDetection: { median: quantile(detections, 0.5), p95: quantile(detections, 0.95) },
    goodKinds: byKind(good).map(([kind, members]) => goodKind(kind, members)),
    badKinds: byKind(bad).map(([kind, members]) => badKind(kind, members)),
  };
}

const isBad = ({ label }: ClientOutcome): boolean => label === 'bad';
const isCalledBad = (client: ClientOutcome): boolean => client.verdict === 'bad' || client.callsAtDetection !== null;

function byKind(clients: readonly ClientOutcome[]): [string, ClientOutcome[]][] {
  const kinds = new Map<string, ClientOutcome[]>();
  for (const client of clients) {
    const members = kinds.get(client.kind);
    if (members) members.push(client);
    else kinds.set(client.kind, [client]);
  }
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
}

function goodKind(kind: string, members: readonly ClientOutcome[]): GoodKind {
  const falseAlarms = members.filter(isCalledBad).length;
  const clients = members.length;
  return { kind, clients, falseAlarms, rate: falseAlarms / clients, interval: wilsonInterval(falseAlarms, clients) };
}

function badKind(kind: string, members: readonly ClientOutcome[]): BadKind {
  const detected = members.filter(isCalledBad).length;
  const unsure = members.filter((client) => !isCalledBad(client) && client.verdict === 'unsure').length;
  const clients = members.length;
  const missed = clients - detected - unsure;
  return { kind, clients, detected, unsure, missed, recall: detected / clients, interval: wilsonInterval(detected, clients) };
}
