/** How unlike the training data a session is: its Mahalanobis distance along the directions in which that data varies. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { quantile } from '../service/core/evaluation.ts';
import { createNoveltyGauge, noveltyOf } from '../service/core/model.ts';

export interface NoveltyOptions {
  /** Share of the unit matrix in the covariance, so that a direction in which nothing varied does not weigh without end. */
  readonly shrinkage: number;
  /** Directions are kept until they explain this share of the variance. */
  readonly explained: number;
  /** Share of the snapshots of clients held out that is within the limit. */
  readonly within: number;
}

/** The directions, fitted on scaled training rows. */
export function fitDirections(train: Float32Array, width: number, options: NoveltyOptions): number[][] {
  return whiten(covariance(train, width), options);
}

/** How far each scaled row is from the training data. */
export function distancesOf(x: Float32Array, width: number, directions: number[][]): Float64Array {
  const gauge = createNoveltyGauge({ directions, limit: 1 });
  return Float64Array.from({ length: x.length / width }, (_, i) => noveltyOf(gauge, x, i * width, width));
}

/** The distance that a share `within` of the given ones keeps under; they are those of clients never trained on. */
export function noveltyLimit(distances: ArrayLike<number>, { within }: NoveltyOptions): number {
  return Math.max(1e-6, quantile(distances, within) ?? 1);
}

/** Second moments about zero, which is the mean of the scaled training data. */
function covariance(x: Float32Array, width: number): Matrix {
  const sums = new Float64Array(width * width);
  for (let at = 0; at < x.length; at += width)
    for (let i = 0; i < width; i++) {
      const value = x[at + i]!;
      if (value !== 0) for (let j = i; j < width; j++) sums[i * width + j]! += value * x[at + j]!;
    }
  const rows = Math.max(1, x.length / width);
  const out = new Matrix(width, width);
  for (let i = 0; i < width; i++)
    for (let j = i; j < width; j++) {
      out.set(i, j, sums[i * width + j]! / rows);
      out.set(j, i, sums[i * width + j]! / rows);
    }
  return out;
}

/** Eigenvectors over the root of their eigenvalue, the largest first. */
function whiten(spread: Matrix, { shrinkage, explained }: NoveltyOptions): number[][] {
  const width = spread.rows;
  const scale = spread.trace() / width || 1;
  const shrunk = Matrix.add(Matrix.mul(spread, 1 - shrinkage), Matrix.mul(Matrix.eye(width), shrinkage * scale));
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(shrunk, { assumeSymmetric: true });
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const total = values.reduce((sum, value) => sum + value, 0);
  const directions: number[][] = [];
  let sum = 0;
  for (const i of order) {
    if (sum >= explained * total) break;
    sum += values[i]!;
    directions.push(vectors.getColumn(i).map((v) => Math.fround(v / Math.sqrt(values[i]!))));
  }
  return directions;
}
