/** What held-out scores come to: verdicts as serving would give them, and figures with counts and intervals. */
import { createRandom } from '../datasets/simulator/random.ts';
import type { Verdict, VerdictName } from '../service/core/contracts.ts';
import {
  aucInterval,
  brier,
  type ClientOutcome,
  calibrationError,
  type Interval,
  quantile,
  recallAtFalseAlarmRate,
  rocAuc,
  wilsonInterval,
} from '../service/core/evaluation.ts';
import { calibrate } from '../service/core/model.ts';
import { type PolicyFile, readPolicy } from '../service/core/policy.ts';
import { decide } from '../service/core/verdict.ts';
import type { ExampleClient, Examples } from './examples.ts';
import type { HeldOut, Judging } from './folds.ts';

/** One client's way through its verdicts. */
export interface Judged extends ClientOutcome {
  readonly score: number;
  readonly client: ExampleClient;
  /** The newest verdict, whatever was said before. */
  readonly ends: VerdictName;
  /** How often one verdict followed on another. */
  readonly changes: number;
  /** A client that turns was called bad while it was still good. */
  readonly alarmedEarly: boolean;
}

/** Decides every row in its order, by serving's own `decide`, with what stood before. */
export function judgeClients(
  examples: Examples,
  rows: readonly number[],
  { logits, distances }: Pick<HeldOut, 'logits' | 'distances'>,
  judgingOf: (row: number) => Judging,
  policyFile: PolicyFile,
): Judged[] {
  const context = createContexts(policyFile);
  const courses = new Map<number, Course>();
  for (const row of rows) {
    const index = examples.client[row]!;
    const judging = judgingOf(row);
    const scored = { score: calibrate(judging.calibration, logits[row]!), novelty: distances[row]! / judging.noveltyLimit };
    const course = courses.get(index) ?? {
      standing: null,
      changes: 0,
      detectedAt: null,
      alarmedEarly: false,
      score: 0,
      calls: 0,
    };
    courses.set(index, course);
    const verdict = decide(
      snapshotOf(examples, row),
      { ...scored, family: null, error: null },
      null,
      course.standing,
      context(judging),
    );
    follow(course, verdict, examples, row);
  }
  return [...courses].map(([index, course]) => outcomeOf(examples.clients[index]!, course));
}

interface Course {
  standing: Verdict | null;
  changes: number;
  detectedAt: number | null;
  alarmedEarly: boolean;
  score: number;
  calls: number;
}

function createContexts(file: PolicyFile): (judging: Judging) => Parameters<typeof decide>[4] {
  const known = new Map<Judging, Parameters<typeof decide>[4]>();
  return (judging) => {
    const context = known.get(judging) ?? { policy: readPolicy(file, judging.thresholds), model: '', featureSet: '' };
    known.set(judging, context);
    return context;
  };
}

const NO_VECTOR = new Float32Array(0);

function snapshotOf({ calls, time, sessionStart, client }: Examples, row: number): Parameters<typeof decide>[0] {
  return {
    clientId: String(client[row]),
    calls: calls[row]!,
    time: time[row]!,
    sessionStart: sessionStart[row]!,
    strength: 0,
    vector: NO_VECTOR,
    signals: [],
  };
}

function follow(course: Course, verdict: Verdict, { bad, calls, clients, client }: Examples, row: number): void {
  if (course.standing && course.standing.verdict !== verdict.verdict) course.changes++;
  const { label, callsBeforeBad } = clients[client[row]!]!;
  const isDue = label === 'good' || bad[row] === 1;
  if (verdict.verdict === 'bad' && isDue) course.detectedAt ??= Math.max(1, calls[row]! - (label === 'bad' ? callsBeforeBad : 0));
  if (verdict.verdict === 'bad' && !isDue) course.alarmedEarly = true;
  Object.assign(course, { standing: verdict, score: verdict.score ?? course.score, calls: calls[row]! });
}

function outcomeOf(client: ExampleClient, { standing, changes, detectedAt, alarmedEarly, score, calls }: Course): Judged {
  const ends = standing!.verdict;
  // A verdict that fell before its time finds nothing.
  const verdict = detectedAt !== null ? 'bad' : client.label === 'bad' && ends === 'bad' ? 'unsure' : ends;
  const { label, kind } = client;
  return { client, score, verdict, label, kind, callsAtDetection: detectedAt, calls, ends, changes, alarmedEarly };
}

/** Figures of a set of clients. */
export interface Pooled {
  readonly good: number;
  readonly bad: number;
  readonly rocAuc: number | null;
  /** DeLong's; clients of one program are alike, so that the next one is wider and to be trusted more. */
  readonly rocAucInterval: Interval | null;
  /** From drawing whole tools and kinds with replacement. */
  readonly rocAucByTools: Interval | null;
  readonly recall: number | null;
  readonly recallInterval: Interval;
  readonly recallByTools: Interval | null;
  readonly calibrationError: number | null;
  readonly brier: number | null;
  readonly falseAlarms: number;
  readonly falseAlarmInterval: Interval;
  readonly detected: number;
  readonly detectedInterval: Interval;
  readonly callsUntilDetection: { readonly median: number | null; readonly p95: number | null };
  readonly restless: number;
  readonly restlessInterval: Interval;
  readonly alarmedEarly: number;
}

/** Share of good clients that may score as high as what counts as found. */
export const FALSE_ALARM_RATE = 0.005;
/** Verdict changes of a client that are still calm. */
const CALM_CHANGES = 2;

export function poolOf(clients: readonly Judged[]): Pooled {
  const { scores, labels } = columnsOf(clients);
  const [good, bad] = [clients.filter(({ label }) => label === 'good'), clients.filter(({ label }) => label === 'bad')];
  const found = detectedOf(bad);
  const alarms = detectedOf(good).length;
  const restless = clients.filter(({ changes }) => changes > CALM_CHANGES).length;
  const recall = recallAtFalseAlarmRate(scores, labels, FALSE_ALARM_RATE);
  const until = found.map(({ callsAtDetection }) => callsAtDetection!);
  return {
    good: good.length,
    bad: bad.length,
    rocAuc: rocAuc(scores, labels),
    rocAucInterval: aucInterval(scores, labels),
    recall,
    recallInterval: wilsonInterval(Math.round((recall ?? 0) * bad.length), bad.length),
    ...byTools(clients),
    calibrationError: calibrationError(scores, labels),
    brier: brier(scores, labels),
    falseAlarms: alarms,
    falseAlarmInterval: wilsonInterval(alarms, good.length),
    detected: found.length,
    detectedInterval: wilsonInterval(found.length, bad.length),
    callsUntilDetection: { median: quantile(until, 0.5), p95: quantile(until, 0.95) },
    restless,
    restlessInterval: wilsonInterval(restless, clients.length),
    alarmedEarly: bad.filter(({ alarmedEarly }) => alarmedEarly).length,
  };
}

const detectedOf = (clients: readonly Judged[]) => clients.filter(({ callsAtDetection }) => callsAtDetection !== null);

function columnsOf(clients: readonly Judged[]) {
  return { scores: Float64Array.from(clients, ({ score }) => score), labels: clients.map(({ label }) => label === 'bad') };
}

function byGroup(clients: readonly Judged[]): Map<string, Judged[]> {
  const groups = new Map<string, Judged[]>();
  for (const one of clients) {
    const members = groups.get(one.client.group);
    if (members) members.push(one);
    else groups.set(one.client.group, [one]);
  }
  return groups;
}

const REDRAWS = 400;

/** Percentiles of the figures when whole groups are drawn with replacement (cluster bootstrap). */
function byTools(clients: readonly Judged[]): Pick<Pooled, 'rocAucByTools' | 'recallByTools'> {
  const groups = [...byGroup(clients).values()];
  const random = createRandom(1);
  const aucs: number[] = [];
  const recalls: number[] = [];
  for (let i = 0; i < REDRAWS; i++) {
    const { scores, labels } = columnsOf(groups.flatMap(() => random.pick(groups)));
    const [auc, recall] = [rocAuc(scores, labels), recallAtFalseAlarmRate(scores, labels, FALSE_ALARM_RATE)];
    if (auc === null || recall === null) continue;
    aucs.push(auc);
    recalls.push(recall);
  }
  const interval = (values: number[]): Interval | null =>
    values.length === 0 ? null : [quantile(values, 0.025)!, quantile(values, 0.975)!];
  return { rocAucByTools: interval(aucs), recallByTools: interval(recalls) };
}

/** One tool or kind, held out. */
export interface GroupRow {
  readonly name: string;
  readonly label: 'good' | 'bad';
  readonly clients: number;
  /** Called bad: found, or falsely alarmed. */
  readonly calledBad: number;
  readonly interval: Interval;
  readonly unsure: number;
  /** Called good: missed, or rightly let pass. */
  readonly calledGood: number;
  /** Share over the score that 0.5% of all good clients reach. */
  readonly overHalfPercent: number | null;
  /** Against all clients of the other label. */
  readonly rocAuc: number | null;
  readonly medianCalls: number | null;
}

export function groupRows(clients: readonly Judged[]): GroupRow[] {
  const limit = limitOf(clients.filter(({ label }) => label === 'good').map(({ score }) => score));
  return [...byGroup(clients)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, members]) => groupRow(group, members, clients, limit));
}

/** The score that at most 0.5% of the good clients are over. */
function limitOf(scores: readonly number[]): number {
  const sorted = scores.toSorted((a, b) => b - a);
  return sorted[Math.floor(FALSE_ALARM_RATE * sorted.length)] ?? 0;
}

function groupRow(group: string, members: readonly Judged[], all: readonly Judged[], limit: number): GroupRow {
  const [label, ...name] = group.split(' ') as ['good' | 'bad', ...string[]];
  const { scores, labels } = columnsOf([...members, ...all.filter((other) => other.label !== label)]);
  const called = detectedOf(members);
  const unsure = members.filter(({ verdict, callsAtDetection }) => callsAtDetection === null && verdict === 'unsure').length;
  return {
    name: name.join(' '),
    label,
    clients: members.length,
    calledBad: called.length,
    interval: wilsonInterval(called.length, members.length),
    unsure,
    calledGood: members.length - called.length - unsure,
    overHalfPercent: members.filter(({ score }) => score > limit).length / members.length,
    rocAuc: rocAuc(scores, labels),
    medianCalls: quantile(
      called.map(({ callsAtDetection }) => callsAtDetection!),
      0.5,
    ),
  };
}
