/** Scaling of the inputs: fitted on training rows only, kept in the manifest. */
import type { Manifest } from '../service/core/model.ts';

/**
 * Inputs beyond so many deviations count as so many: no single feature carries a verdict alone. Tools that were held out
 * are ranked better so than with a clip of 5 (measured on the captures, as all of recipe.ts).
 */
const CLIP = 2;
/** A feature that hardly varied in training keeps some room, else its first real value would be at the clip. */
const LEAST_DEVIATION = 0.05;

export function fitScaling(x: Float32Array, width: number, weights: ArrayLike<number>): Manifest['scaling'] {
  const [sum, squares] = [new Float64Array(width), new Float64Array(width)];
  let total = 0;
  for (let row = 0; row < weights.length; row++) {
    total += weights[row]!;
    for (let j = 0; j < width; j++) sum[j]! += weights[row]! * x[row * width + j]!;
  }
  const mean = Array.from(sum, (s) => Math.fround(s / Math.max(total, Number.MIN_VALUE)));
  for (let row = 0; row < weights.length; row++)
    for (let j = 0; j < width; j++) squares[j]! += weights[row]! * (x[row * width + j]! - mean[j]!) ** 2;
  const deviation = Array.from(squares, (s) => {
    const d = Math.sqrt(s / Math.max(total, Number.MIN_VALUE));
    return d > 1e-6 ? Math.fround(Math.max(LEAST_DEVIATION, d)) : 1;
  });
  return { mean, deviation, clip: CLIP };
}
