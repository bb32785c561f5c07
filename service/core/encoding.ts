/**
 * What the net sees of a vector: each feature cut into stretches, a column for each (piecewise linear encoding; Gorishniy,
 * Rubachev & Babenko 2022). A plain net bends a feature's effect with its few units only, where trees cut as they like;
 * on the same rows this brought it up to them.
 */
import { type Static, Type } from 'typebox';
import { AssayError } from './errors.ts';

const Numbers = Type.Array(Type.Number());

/** A number becomes clamp((x - mean) / deviation, ±clip). */
export const Scaling = Type.Object({ mean: Numbers, deviation: Numbers, clip: Type.Number({ exclusiveMinimum: 0 }) });
export type Scaling = Static<typeof Scaling>;

/** Edges of each feature, ascending, and how the columns between them are scaled. */
export const Encoding = Type.Object({ edges: Type.Array(Type.Array(Type.Number(), { minItems: 2 })), scaling: Scaling });
export type Encoding = Static<typeof Encoding>;

/** Scales `rows` vectors, one after the other in `vectors`, into `out`, which may be `vectors`. */
export function scale({ mean, deviation, clip }: Scaling, vectors: ArrayLike<number>, rows: number, out: Float32Array): void {
  const width = mean.length;
  for (let i = 0, k = 0; i < rows; i++)
    for (let j = 0; j < width; j++, k++) out[k] = Math.max(-clip, Math.min(clip, (vectors[k]! - mean[j]!) / deviation[j]!));
}

export interface Encoder {
  /** Features. */
  readonly width: number;
  readonly columns: number;
  /** The feature of each column. */
  readonly featureOf: Int32Array;
  /** Encodes `rows` vectors into `out`: in each column 0 below its stretch, 1 above, between them linear; then scaled. */
  encode(vectors: ArrayLike<number>, rows: number, out: Float32Array): void;
}

/** `edges` alone encode without scaling. */
export function createEncoder({
  edges,
  scaling,
}: {
  readonly edges: Encoding['edges'];
  readonly scaling: Scaling | null;
}): Encoder {
  const width = edges.length;
  const stretches = edges.flatMap((of, feature) =>
    of.slice(1).map((high, i) => ({ feature, low: of[i]!, length: high - of[i]! })),
  );
  const columns = stretches.length;
  const featureOf = Int32Array.from(stretches, ({ feature }) => feature);
  const low = Float64Array.from(stretches, (stretch) => stretch.low);
  const length = Float64Array.from(stretches, (stretch) => stretch.length);
  return {
    width,
    columns,
    featureOf,
    encode(vectors, rows, out) {
      for (let i = 0, k = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, k++)
          out[k] = Math.max(0, Math.min(1, (vectors[i * width + featureOf[j]!]! - low[j]!) / length[j]!));
      if (scaling) scale(scaling, out, rows, out);
    },
  };
}

/**
 * What each feature of a vector adds to the inputs of a net's first layer, a row of `units` each, without going through all
 * columns: those of a feature lie wholly below its value or wholly above, but for one, and what they add is known beforehand.
 *
 * @param kernel of the first layer, a row of `units` a column
 */
export function createPartsOf(
  encoding: Encoding,
  kernel: Float64Array,
  units: number,
): (vector: ArrayLike<number>) => Float64Array {
  const { edges } = encoding;
  let first = 0;
  const features = edges.map((of) => {
    const feature = { edges: of, first, sums: sumsOf(encoding, kernel, units, first, of.length - 1) };
    first += of.length - 1;
    return feature;
  });
  return (vector) => {
    const parts = new Float64Array(edges.length * units);
    features.forEach((feature, f) => {
      const value = vector[f]!;
      const below = countBelow(feature.edges, value);
      parts.set(feature.sums.subarray(below * units, (below + 1) * units), f * units);
      if (below === feature.edges.length - 1) return;
      const column = feature.first + below;
      const [low, high] = [feature.edges[below]!, feature.edges[below + 1]!];
      const share = scaledTo(encoding, column, (value - low) / (high - low)) - scaledTo(encoding, column, 0);
      if (share !== 0) for (let i = 0; i < units; i++) parts[f * units + i]! += share * kernel[column * units + i]!;
    });
    return parts;
  };
}

/** How many of a feature's stretches end at or below the value. */
function countBelow(edges: readonly number[], value: number): number {
  let count = 0;
  while (count < edges.length - 1 && value >= edges[count + 1]!) count++;
  return count;
}

/** What `count` columns add together, a row for each number of them that lie wholly below the value. */
function sumsOf(encoding: Encoding, kernel: Float64Array, units: number, first: number, count: number): Float64Array {
  const sums = new Float64Array((count + 1) * units);
  for (let below = 0; below <= count; below++)
    for (let column = first; column < first + count; column++) {
      const value = scaledTo(encoding, column, column < first + below ? 1 : 0);
      for (let i = 0; i < units; i++) sums[below * units + i]! += value * kernel[column * units + i]!;
    }
  return sums;
}

/** A column's value as `encode` makes it, in the same precision. */
function scaledTo({ scaling: { mean, deviation, clip } }: Encoding, column: number, value: number): number {
  const raw = Math.fround(Math.max(0, Math.min(1, value)));
  return Math.fround(Math.max(-clip, Math.min(clip, (raw - mean[column]!) / deviation[column]!)));
}

/** Sums what columns contribute by feature. */
export function sumByFeature({ width, featureOf }: Encoder, ofColumns: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(width);
  for (let j = 0; j < featureOf.length; j++) sums[featureOf[j]!]! += ofColumns[j]!;
  return sums;
}

/** @throws AssayError ASSAY_MODEL_MALFORMED */
export function checkEncoding({ edges, scaling }: Encoding, width: number): void {
  if (edges.length !== width) throw new AssayError('ASSAY_MODEL_MALFORMED', `edges of ${edges.length} features, not of ${width}`);
  if (edges.some((of) => of.some((edge, i) => i > 0 && !(edge > of[i - 1]!))))
    throw new AssayError('ASSAY_MODEL_MALFORMED', 'edges do not ascend');
  checkScaling(
    scaling,
    edges.reduce((sum, of) => sum + of.length - 1, 0),
  );
}

/** @throws AssayError ASSAY_MODEL_MALFORMED */
export function checkScaling({ mean, deviation }: Scaling, width: number): void {
  if (mean.length !== width || deviation.length !== width)
    throw new AssayError('ASSAY_MODEL_MALFORMED', `a scaling is not ${width} wide`);
  if (deviation.some((d) => !(d > 0))) throw new AssayError('ASSAY_MODEL_MALFORMED', 'a deviation is not above 0');
}
