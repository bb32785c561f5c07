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

/** The product of `b` and what lies in `a` from `at` on; four sums side by side, so that one addition need not wait for the one before. */
export function dot(a: Float64Array, at: number, b: Float64Array): number {
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
