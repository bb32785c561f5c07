/** Edges and scaling of the inputs: fitted on training rows only, kept in the manifest. */
import { createEncoder, type Encoder, type Encoding, type Scaling } from '../service/core/encoding.ts';

/**
 * Inputs beyond so many deviations count as so many: no single feature carries a verdict alone. Tools that were held out
 * are ranked better so than with a clip of 5 (measured on the captures, as all of recipe.ts).
 */
const CLIP = 2;
/** A feature that hardly varied in training keeps some room, else its first real value would be at the clip. */
const LEAST_DEVIATION = 0.05;

export function fitScaling(x: Float32Array, width: number, weights: ArrayLike<number>): Scaling {
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

/** Stretches of a feature, about; fewer where it takes few values. */
const STRETCHES = 5;
/** An edge that is nearer to the one before than this share of the feature's range adds nothing. */
const LEAST_STRETCH = 1e-3;

/** Edges at the quantiles of the rows, and the scaling of the columns between them. */
export function fitEncoding(x: Float32Array, width: number, weights: ArrayLike<number>): Encoding {
  const rows = x.length / width;
  const edges = Array.from({ length: width }, (_, j) =>
    edgesOf(Float32Array.from({ length: rows }, (_row, i) => x[i * width + j]!)),
  );
  const encoder = createEncoder({ edges, scaling: null });
  return { edges, scaling: fitScaling(encodeRows(encoder, x), encoder.columns, weights) };
}

/** The value that most rows have is an edge; the quantiles are those of the others, which else could vanish beside it. */
function edgesOf(values: Float32Array): number[] {
  values.sort();
  const common = mostCommon(values);
  const others = values.filter((value) => value !== common);
  const wanted = [common];
  for (let k = 0; k <= STRETCHES && others.length > 0; k++)
    wanted.push(others[Math.round((k / STRETCHES) * (others.length - 1))]!);
  wanted.sort((a, b) => a - b);
  const least = LEAST_STRETCH * (wanted.at(-1)! - wanted[0]!);
  const edges = wanted.filter((edge, i) => i === 0 || edge - wanted[i - 1]! > least);
  return edges.length > 1 ? edges : [common, common + 1];
}

function mostCommon(sorted: Float32Array): number {
  let [best, longest] = [sorted[0] ?? 0, 0];
  for (let from = 0, to = 0; from < sorted.length; from = to) {
    while (to < sorted.length && sorted[to] === sorted[from]) to++;
    if (to - from > longest) [best, longest] = [sorted[from]!, to - from];
  }
  return best;
}

/** All rows encoded, one after the other. */
export function encodeRows(encoder: Encoder, x: Float32Array): Float32Array {
  const rows = x.length / encoder.width;
  const out = new Float32Array(rows * encoder.columns);
  encoder.encode(x, rows, out);
  return out;
}
