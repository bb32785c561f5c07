/** The labelled table of real API access behaviour: loaded with danfojs, learnt with the same net by cross-validation. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scale } from '../service/core/encoding.ts';
import { brier, quantile, rocAuc } from '../service/core/evaluation.ts';
import { calibrate } from '../service/core/model.ts';
import { packageRoot } from '../service/io/package-root.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { fitPlatt } from './calibrate.ts';
import { loadDanfo } from './danfo.ts';
import { createMembers, hashWeights, type NetOptions, predictLogits, type Rows, trainMembers } from './net.ts';
import { fitScaling } from './scaling.ts';
import { stratify } from './split.ts';

type Tf = typeof TensorFlow;

const FILE = join(packageRoot, 'datasets', 'access-behaviour', 'supervised_dataset.csv');
const LABEL = 'classification';
const IDS = ['', '_id'];
const CATEGORIES = ['ip_type', 'source'];
/** Columns over several orders of magnitude, and the unit in which log(1 + x) tells their small values apart. */
const SKEWED: Record<string, number> = {
  'inter_api_access_duration(sec)': 1e6,
  'sequence_length(count)': 1,
  'vsession_duration(min)': 1,
  num_sessions: 1,
  num_users: 1,
  num_unique_apis: 1,
};

/** Numbers row by row, NaN where the table is empty. */
export interface BehaviourTable {
  readonly columns: readonly string[];
  readonly x: readonly (readonly number[])[];
  /** 1 for an outlier. */
  readonly labels: Uint8Array;
  readonly read: number;
  readonly duplicates: number;
  readonly sha256: string;
}

/** Reads the table without ids, categories as indicator columns, skewed columns as logarithms, each row once. */
export async function loadAccessBehaviour(tf: Tf, file = FILE): Promise<BehaviourTable> {
  const danfo = loadDanfo(tf);
  const frame = (await danfo.readCSV(file)).drop({ columns: IDS });
  const numbers = frame.drop({ columns: [LABEL, ...CATEGORIES] });
  const dummies = danfo.getDummies(frame.loc({ columns: CATEGORIES }));
  const columns: string[] = [...numbers.columns, ...dummies.columns];
  const seen = new Set<string>();
  const x: number[][] = [];
  const labels: number[] = [];
  frame.values.forEach((row, i) => {
    const key = JSON.stringify(row);
    if (seen.has(key)) return;
    seen.add(key);
    const values = [...(numbers.values[i] as unknown[]), ...(dummies.values[i] as unknown[])];
    x.push(values.map((value, j) => readCell(value, columns[j]!)));
    labels.push(Number((row as unknown[])[frame.columns.indexOf(LABEL)] === 'outlier'));
  });
  return {
    columns,
    x,
    labels: Uint8Array.from(labels),
    read: frame.values.length,
    duplicates: frame.values.length - x.length,
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
  };
}

function readCell(value: unknown, column: string): number {
  if (value === null || value === undefined || value === '') return Number.NaN;
  const unit = SKEWED[column];
  return unit === undefined ? Number(value) : Math.log1p(unit * Number(value));
}

/** The same table without the columns whose name starts with one of `prefixes`. */
export function withoutColumns(table: BehaviourTable, prefixes: readonly string[]): BehaviourTable {
  const kept = table.columns.map((name, j) => ({ name, j })).filter(({ name }) => !prefixes.some((p) => name.startsWith(p)));
  return { ...table, columns: kept.map(({ name }) => name), x: table.x.map((row) => kept.map(({ j }) => row[j]!)) };
}

export interface FoldResult {
  readonly rocAuc: number;
  readonly accuracy: number;
  readonly brier: number;
  readonly weightsHash: string;
}

const NET: Omit<NetOptions, 'seed'> = {
  hidden: [48, 24],
  members: 1,
  batch: 64,
  phases: [
    { epochs: 30, rate: 3e-3 },
    { epochs: 15, rate: 5e-4 },
  ],
  patience: 6,
  l2: 1e-4,
  familyWeight: 0,
  noise: 0.05,
  smoothing: 0,
  blackouts: [],
};

/** Share of a fold's training rows kept for stopping early and for calibration. */
const HELD_FOLDS = 6;

/** Stratified cross-validation; gaps are filled and inputs scaled by what the training rows of each fold know. */
export function crossValidate(tf: Tf, table: BehaviourTable, folds: number, seed: number): FoldResult[] {
  const fold = stratify(table.labels, folds, seed);
  return Array.from({ length: folds }, (_, k) => {
    const rows = [...table.x.keys()];
    const inside = rows.filter((row) => fold[row] !== k);
    const test = rows.filter((row) => fold[row] === k);
    const part = stratify(
      inside.map((row) => table.labels[row]!),
      HELD_FOLDS,
      seed + 1,
    );
    const held = inside.filter((_, i) => part[i] === 0);
    const train = inside.filter((_, i) => part[i] !== 0);
    return runFold(tf, table, { train, held, test }, seed + k);
  });
}

type Rowset = Record<'train' | 'held' | 'test', readonly number[]>;

function runFold(tf: Tf, table: BehaviourTable, parts: Rowset, seed: number): FoldResult {
  const fill = table.columns.map(
    (_, j) =>
      quantile(
        parts.train.map((row) => table.x[row]![j]!).filter((v) => !Number.isNaN(v)),
        0.5,
      ) ?? 0,
  );
  const [train, held, test] = [parts.train, parts.held, parts.test].map((rows) => toRows(table, rows, fill)) as [
    Rows,
    Rows,
    Rows,
  ];
  const scaling = fitScaling(train.x, train.width, train.weight);
  for (const { x, rows } of [train, held, test]) scale(scaling, x, rows, x);
  const options = { ...NET, seed };
  const { members } = trainMembers(tf, createMembers(train.width, 2, options), train, held, options);
  const calibration = fitPlatt(predictLogits(tf, members, held.x), held.bad, held.weight);
  const scores = predictLogits(tf, members, test.x).map((logit) => calibrate(calibration, logit));
  const weightsHash = hashWeights(members);
  const right = scores.filter((score, i) => Number(score >= 0.5) === test.bad[i]).length;
  return { rocAuc: rocAuc(scores, test.bad)!, accuracy: right / test.rows, brier: brier(scores, test.bad)!, weightsHash };
}

/** Fills gaps with the training rows' medians, and adds a column that tells of a gap for each column that has any. */
function toRows(table: BehaviourTable, rows: readonly number[], fill: readonly number[]): Rows {
  const gapped = table.columns.map((_, j) => j).filter((j) => table.x.some((row) => Number.isNaN(row[j])));
  const vectors = rows.map((row) => {
    const values = table.x[row]!;
    return [...values.map((v, j) => (Number.isNaN(v) ? fill[j]! : v)), ...gapped.map((j) => Number(Number.isNaN(values[j])))];
  });
  const bad = Float32Array.from(rows, (row) => table.labels[row]!);
  return {
    width: table.columns.length + gapped.length,
    rows: rows.length,
    x: Float32Array.from(vectors.flat()),
    bad,
    family: Int32Array.from(bad),
    weight: new Float32Array(rows.length).fill(1),
  };
}

/** Columns left out one after the other, to show what the figures hang on. */
const VARIANTS: readonly { readonly title: string; readonly leaveOut: readonly string[] }[] = [
  { title: 'all columns', leaveOut: [] },
  { title: 'without source', leaveOut: ['source'] },
  { title: 'without source and num_users', leaveOut: ['source', 'num_users'] },
];

/** Prints every fold and the means. */
export async function trainAccessBehaviour(tf: Tf, seed: number, print: (line: string) => void): Promise<void> {
  const table = await loadAccessBehaviour(tf);
  print(`access-behaviour: ${table.read} rows, ${table.duplicates} duplicates left out, sha256 ${table.sha256.slice(0, 16)}…`);
  for (const { title, leaveOut } of VARIANTS) {
    const results = crossValidate(tf, withoutColumns(table, leaveOut), 5, seed);
    print(`\n${title}`);
    for (const [i, result] of results.entries())
      print(`  fold ${i + 1}   ${format(result)}   weights ${result.weightsHash.slice(0, 12)}`);
    print(`  mean     ${format(meanOf(results))}`);
  }
}

const format = ({ rocAuc: auc, accuracy, brier: b }: Omit<FoldResult, 'weightsHash'>) =>
  `ROC-AUC ${auc.toFixed(4)}   accuracy ${accuracy.toFixed(4)}   Brier ${b.toFixed(4)}`;

export function meanOf(results: readonly FoldResult[]): Omit<FoldResult, 'weightsHash'> {
  const mean = (key: 'rocAuc' | 'accuracy' | 'brier') => results.reduce((sum, result) => sum + result[key], 0) / results.length;
  return { rocAuc: mean('rocAuc'), accuracy: mean('accuracy'), brier: mean('brier') };
}
