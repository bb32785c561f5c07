/**
 * One net from rows, in two steps: a base learns from the simulator, then it goes on learning from the range's captures
 * with some of the simulator's rows among them, so that it forgets nothing. The served model and every fold of the
 * evaluation are made by this code.
 */
import { createRandom } from '../datasets/simulator/random.ts';
import { createEncoder, type Encoder, type Encoding, type Scaling, scale } from '../service/core/encoding.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { type Examples, groupOf } from './examples.ts';
import {
  type Blackout,
  createMembers,
  gather,
  type Members,
  type NetOptions,
  predictLogits,
  type Rows,
  trainMembers,
} from './net.ts';
import { distancesOf, fitDirections, type NoveltyOptions } from './novelty.ts';
import { encodeRows, fitEncoding, fitScaling } from './scaling.ts';

type Tf = typeof TensorFlow;

export interface Recipe {
  readonly base: NetOptions;
  /** What differs from the base when it goes on learning. */
  readonly tune: Pick<NetOptions, 'phases'>;
  /**
   * How far from the base's weights towards the tuned ones the net goes (Wortsman et al. 2022): the captures are few and
   * alike, and what is learnt from them alone is forgotten elsewhere.
   */
  readonly reach: number;
  /** Rows of the simulator among those of the captures, at most. */
  readonly replayRows: number;
  /** Their weight in all, as a share of the captures'. */
  readonly replayWeight: number;
  /** How far tools and kinds with many clients are held back: 0 not at all, 1 until all count alike. */
  readonly balance: number;
  readonly novelty: NoveltyOptions;
}

export interface Net {
  readonly encoding: Encoding;
  readonly members: Members;
}

/** A net, and the directions in which its scaled training rows vary. */
export interface Fitted extends Net {
  readonly scaling: Scaling;
  readonly directions: number[][];
}

/** Learns from rows of captures and of the simulator, going on from `base` where there is one. */
export function fitNet(tf: Tf, examples: Examples, base: Net | null, rows: MixedRows, recipe: Recipe): Fitted {
  const weight = weigh(examples, rows, recipe);
  const raw = selectRows(examples, [...rows.range, ...rows.replay], weight);
  const encoding = base?.encoding ?? fitEncoding(raw.x, raw.width, raw.weight);
  const encoder = createEncoder(encoding);
  const train = encodeAll(encoder, raw);
  const options = base ? { ...recipe.base, ...recipe.tune } : recipe.base;
  const start = base?.members ?? createMembers(train.width, examples.families.length, recipe.base);
  const trained = trainMembers(tf, start, train, null, { ...options, blackouts: blackOut(encoder, options.blackouts) }).members;
  const members = base ? between(start, trained, recipe.reach) : trained;
  const scaling = fitScaling(raw.x, raw.width, raw.weight);
  scale(scaling, raw.x, raw.rows, raw.x);
  return { encoding, members, scaling, directions: fitDirections(raw.x, raw.width, recipe.novelty) };
}

/** Weights on the way from one net to another that was trained on from it: 0 the first, 1 the second. */
function between(from: Members, to: Members, reach: number): Members {
  const weights = to.weights.map((layer, k) =>
    layer.map((value, i) => from.weights[k]![i]! + reach * (value - from.weights[k]![i]!)),
  );
  return { ...to, weights };
}

function encodeAll(encoder: Encoder, rows: Rows): Rows {
  return { ...rows, width: encoder.columns, x: encodeRows(encoder, rows.x) };
}

/** Blackouts of features, as columns. */
function blackOut({ featureOf }: Encoder, blackouts: readonly Blackout[]): Blackout[] {
  return blackouts.map(({ probability, columns }) => {
    const features = new Set(columns);
    return { probability, columns: [...featureOf.keys()].filter((column) => features.has(featureOf[column]!)) };
  });
}

export interface MixedRows {
  readonly range: readonly number[];
  readonly replay: readonly number[];
}

/** A sample of the rows, the same for the same seed, in their order. */
export function sampleRows(rows: readonly number[], count: number, seed: number): number[] {
  if (rows.length <= count) return [...rows];
  return createRandom(seed)
    .shuffle(rows)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** A weight for every row of the examples; mean 1 over the rows that are learnt from. */
export function weigh(examples: Examples, { range, replay }: MixedRows, { balance, replayWeight }: Recipe): Float32Array {
  const weight = Float32Array.from(examples.weight);
  const sizes = new Map<string, number>();
  for (const row of range) {
    const group = groupOf(examples, row);
    sizes.set(group, (sizes.get(group) ?? 0) + weight[row]!);
  }
  for (const row of range) weight[row]! *= sizes.get(groupOf(examples, row))! ** -balance;
  const count = range.length + replay.length;
  const [ofRange, ofReplay] = [range, replay].map((rows) => rows.reduce((sum, row) => sum + weight[row]!, 0)) as [number, number];
  const share = range.length === 0 ? 1 : replay.length === 0 ? 0 : replayWeight / (1 + replayWeight);
  for (const row of range) weight[row]! *= ((1 - share) * count) / ofRange;
  for (const row of replay) weight[row]! *= (share * count) / ofReplay;
  return weight;
}

function selectRows(examples: Examples, rows: readonly number[], weight: Float32Array): Rows {
  const { width, x, family } = examples;
  return gather({ width, rows: examples.rows, x, bad: Float32Array.from(examples.bad), family, weight }, rows);
}

/** Logits of rows, and how far they are from what was learnt from. */
export function scoreRows(
  tf: Tf,
  examples: Examples,
  rows: readonly number[],
  { members, encoding, scaling, directions }: Fitted,
) {
  const raw = selectRows(examples, rows, examples.weight);
  const logits = predictLogits(tf, members, encodeRows(createEncoder(encoding), raw.x));
  scale(scaling, raw.x, raw.rows, raw.x);
  return { logits, distances: distancesOf(raw.x, raw.width, directions) };
}
