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
  const featureOf = Int32Array.from(edges.flatMap((of, feature) => of.slice(1).fill(feature)));
  const first = edges.map((_, feature) => featureOf.indexOf(feature));
  const columns = featureOf.length;
  const columnOf = scaling ? scaledTo.bind(null, scaling) : (_column: number, share: number) => bounded(share);
  // Most features of most sessions are below their lowest edge.
  const lowest = Float32Array.from({ length: columns }, (_, column) => columnOf(column, 0));
  const encodeFeature = (feature: number, value: number, out: Float32Array, at: number) => {
    const of = edges[feature]!;
    const column = first[feature]!;
    for (let i = 1; i < of.length; i++) {
      const low = of[i - 1]!;
      out[at + column + i - 1] = columnOf(column + i - 1, (value - low) / (of[i]! - low));
    }
  };
  return {
    width,
    columns,
    featureOf,
    encode(vectors, rows, out) {
      for (let i = 0; i < rows; i++) {
        out.set(lowest, i * columns);
        for (let f = 0; f < width; f++) {
          const value = vectors[i * width + f]!;
          if (!(value <= edges[f]![0]!)) encodeFeature(f, value, out, i * columns);
        }
      }
    },
  };
}

/** The value of a column of which the session's own value covers `share`, which may lie outside 0 to 1. */
export function scaledTo({ mean, deviation, clip }: Scaling, column: number, share: number): number {
  return Math.fround(Math.max(-clip, Math.min(clip, (bounded(share) - mean[column]!) / deviation[column]!)));
}

/** In the precision in which the net sees it. */
function bounded(share: number): number {
  return Math.fround(Math.max(0, Math.min(1, share)));
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
