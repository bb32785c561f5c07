/**
 * What a model's manifest says, and the arithmetic that goes with it: calibration, novelty, explanation.
 * Training writes these numbers and serving reads them, so that both do the same sums.
 */
import { type Static, Type } from 'typebox';
import { checkFile } from './check-file.ts';
import { checkEncoding, checkScaling, Encoding, Scaling } from './encoding.ts';
import { AssayError } from './errors.ts';

const Numbers = Type.Array(Type.Number());
const Probability = Type.Number({ minimum: 0, maximum: 1 });

export const Manifest = Type.Object({
  format: Type.Literal(2),
  id: Type.String({ minLength: 1 }),
  featureSet: Type.String(),
  features: Type.Array(Type.String()),
  /** Names of the family head's outputs, in order. */
  families: Type.Array(Type.String()),
  /** What the net sees of a vector. */
  encoding: Encoding,
  /** What novelty is measured on. */
  scaling: Scaling,
  /** Platt 1999: log-odds = slope · logit + intercept. Linear, so that contributions still add up. */
  calibration: Type.Object({ slope: Type.Number(), intercept: Type.Number() }),
  thresholds: Type.Object({ badAt: Probability, goodBelow: Probability }),
  /** Distance² is the mean of (direction · scaled)² over whitened directions; beyond the limit a session is novel. */
  novelty: Type.Object({ directions: Type.Array(Numbers), limit: Type.Number({ exclusiveMinimum: 0 }) }),
  checksums: Type.Object({ 'model.json': Type.String(), 'weights.bin': Type.String() }),
  data: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  seed: Type.Integer(),
  backend: Type.String(),
  metrics: Type.Record(Type.String(), Type.Unknown()),
});
export type Manifest = Static<typeof Manifest>;

/** @throws AssayError ASSAY_MODEL_MALFORMED, with every fault told at once */
export function readManifest(file: unknown): Manifest {
  checkFile(Manifest, file, 'ASSAY_MODEL_MALFORMED');
  const width = file.features.length;
  const { encoding, scaling, novelty } = file;
  if (novelty.directions.some((row) => row.length !== width))
    throw new AssayError('ASSAY_MODEL_MALFORMED', `not all directions are ${width} wide`);
  checkScaling(scaling, width);
  checkEncoding(encoding, width);
  return file;
}

export function calibrate({ slope, intercept }: Manifest['calibration'], logit: number): number {
  return 1 / (1 + Math.exp(-(slope * logit + intercept)));
}

/** Directions laid out flat once, since novelty is taken of every snapshot. */
export interface NoveltyGauge {
  readonly directions: Float64Array;
  readonly limit: number;
}

export function createNoveltyGauge({ directions, limit }: Manifest['novelty']): NoveltyGauge {
  return { directions: Float64Array.from(directions.flat()), limit };
}

/** Distance of one scaled vector from the training data over the limit: above 1 is novel. 0 where there are no directions. */
export function noveltyOf({ directions, limit }: NoveltyGauge, scaled: Float32Array, at: number, width: number): number {
  const count = directions.length / width;
  // Widened once, not once a direction.
  const wide = new Float64Array(scaled.subarray(at, at + width));
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const along = dot(directions, i * width, wide);
    sum += along * along;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count) / limit;
}

/** Four sums side by side, so that one addition need not wait for the one before: novelty is taken of every snapshot. */
function dot(a: Float64Array, at: number, b: Float64Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const end = b.length - (b.length % 4);
  for (let j = 0, k = at; j < end; j += 4, k += 4) {
    s0 += a[k]! * b[j]!;
    s1 += a[k + 1]! * b[j + 1]!;
    s2 += a[k + 2]! * b[j + 2]!;
    s3 += a[k + 3]! * b[j + 3]!;
  }
  for (let j = end; j < b.length; j++) s0 += a[at + j]! * b[j]!;
  return s0 + s1 + (s2 + s3);
}

/**
 * A dense net with two hidden ReLU layers and one output; matrices are row by row, input first, as TensorFlow.js keeps
 * them, widened once so that the arithmetic need not.
 */
export interface DenseNet {
  readonly kernel1: Float64Array;
  readonly bias1: Float64Array;
  readonly kernel2: Float64Array;
  readonly bias2: Float64Array;
  readonly kernel3: Float64Array;
  readonly bias3: number;
}

/** The net's output for one scaled vector. */
export function forward(net: DenseNet, x: Float64Array): number {
  const hidden1 = rectify(affine(x, net.kernel1, net.bias1));
  const hidden2 = rectify(affine(hidden1, net.kernel2, net.bias2));
  let sum = net.bias3;
  for (let j = 0; j < hidden2.length; j++) sum += hidden2[j]! * net.kernel3[j]!;
  return sum;
}

function affine(x: ArrayLike<number>, kernel: Float64Array, bias: ArrayLike<number>): Float64Array {
  const out = new Float64Array(bias);
  const width = out.length;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    if (value === 0) continue;
    for (let j = 0, k = i * width; j < width; j++, k++) out[j]! += value * kernel[k]!;
  }
  return out;
}

function rectify(values: Float64Array): Float64Array {
  for (let i = 0; i < values.length; i++) if (values[i]! < 0) values[i] = 0;
  return values;
}

/**
 * Integrated gradients (Sundararajan, Taly & Yan 2017) from the average training session (the zero vector) to `x`,
 * one number a feature; together they are forward(x) - forward(0).
 */
export function attribute(net: DenseNet, x: Float64Array): Float64Array {
  const units1 = net.bias1.length;
  const parts = net.kernel1.map((weight, k) => weight * x[Math.floor(k / units1)]!);
  return attributeParts(net, parts);
}

/**
 * The same for parts of the way that are each a sum over inputs: row by row, what each adds to the inputs of the first
 * layer. On a ReLU net the integral needs no steps: along the straight line each hidden unit is active on known stretches,
 * so the gradient is summed over those exactly.
 */
export function attributeParts(net: DenseNet, parts: Float64Array): Float64Array {
  const units1 = net.bias1.length;
  const push = new Float64Array(units1);
  for (let k = 0; k < parts.length; k += units1) for (let i = 0; i < units1; i++) push[i]! += parts[k + i]!;
  const pull = pullOf(net, push);
  const shares = new Float64Array(parts.length / units1);
  for (let n = 0; n < shares.length; n++) shares[n] = dot(parts, n * units1, pull);
  return shares;
}

/** For each unit of the first layer: the gradient of the output by its input, summed over the way from 0 to all of `push`. */
function pullOf(net: DenseNet, push: Float64Array): Float64Array {
  const { bias1, bias2 } = net;
  // Unit i is bias1 + t · push; it switches at most once on the way, where that is 0.
  const switching = switches(bias1, push);
  const isActive = new Uint8Array(bias1.length);
  for (let i = 0; i < isActive.length; i++) isActive[i] = Number(bias1[i]! + 0.5 * push[i]! > 0);
  for (const [, i] of switching) isActive[i] = Number(bias1[i]! > 0);
  const line: Line = { level: new Float64Array(bias2), slope: new Float64Array(bias2.length) };
  for (let i = 0; i < isActive.length; i++) if (isActive[i]) steer(line, net, push, i, 1);
  const pull = new Float64Array(bias1.length);
  const activeSoFar = new Float64Array(bias2.length);
  let from = 0;
  for (const [at, i] of switching) {
    // Active until here counts what was; active from here on counts the rest, added at the end.
    const sign = isActive[i] ? 1 : -1;
    pull[i] = sign * pass(net, line, activeSoFar, from, at, i, -sign * bias1[i]!, -sign * push[i]!);
    isActive[i] = Number(!isActive[i]);
    from = at;
  }
  addActive(activeSoFar, line, from, 1);
  for (let i = 0; i < isActive.length; i++) if (isActive[i]) pull[i]! += gain(net, activeSoFar, i);
  return pull;
}

/** `addActive` up to where unit i switches, its `gain` there, and `steer` by it, in one go: this is where explaining spends its time. */
function pass(
  { kernel2, kernel3 }: DenseNet,
  { level, slope }: Line,
  active: Float64Array,
  from: number,
  to: number,
  i: number,
  bias: number,
  push: number,
): number {
  const length = to - from;
  let sum = 0;
  for (let j = 0, k = i * active.length; j < active.length; j++, k++) {
    const [l, s, weight] = [level[j]!, slope[j]!, kernel2[k]!];
    const start = l + from * s;
    const end = l + to * s;
    if (start > 0) active[j]! += end > 0 ? length : (length * start) / (start - end);
    else if (end > 0) active[j]! += (length * end) / (end - start);
    sum += weight * kernel3[j]! * active[j]!;
    level[j] = l + bias * weight;
    slope[j] = s + push * weight;
  }
  return sum;
}

/** What unit i of the first layer adds to the output, where each unit of the second is active for its share of the way. */
function gain({ kernel2, kernel3 }: DenseNet, active: Float64Array, i: number): number {
  let sum = 0;
  for (let j = 0, k = i * active.length; j < active.length; j++, k++) sum += kernel2[k]! * kernel3[j]! * active[j]!;
  return sum;
}

/** The inputs of the second layer along the way: level + t · slope. */
interface Line {
  readonly level: Float64Array;
  readonly slope: Float64Array;
}

/** Where on the way which units of the first layer switch, in order. */
function switches(bias1: Float64Array, push: Float64Array): [at: number, unit: number][] {
  const found: [number, number][] = [];
  for (let i = 0; i < push.length; i++) {
    const at = -bias1[i]! / push[i]!;
    if (at > 0 && at < 1) found.push([at, i]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}

/** Adds unit i of the first layer to the second layer's inputs, or takes it away. */
function steer({ level, slope }: Line, { bias1, kernel2 }: DenseNet, push: Float64Array, i: number, sign: number): void {
  const bias = sign * bias1[i]!;
  const pull = sign * push[i]!;
  const count = level.length;
  for (let j = 0, k = i * count; j < count; j++, k++) {
    level[j]! += bias * kernel2[k]!;
    slope[j]! += pull * kernel2[k]!;
  }
}

/** Adds, for each unit of the second layer, how much of the stretch from `from` to `to` its input is above 0. */
function addActive(sum: Float64Array, { level, slope }: Line, from: number, to: number): void {
  const length = to - from;
  for (let j = 0; j < sum.length; j++) {
    const start = level[j]! + from * slope[j]!;
    const end = level[j]! + to * slope[j]!;
    if (start > 0) sum[j]! += end > 0 ? length : (length * start) / (start - end);
    else if (end > 0) sum[j]! += (length * end) / (end - start);
  }
}
