/**
 * What each feature contributes to a score: integrated gradients (Sundararajan, Taly & Yan 2017) from the average training
 * session (the zero vector of the net's inputs) to a session's own. On a ReLU net the integral needs no steps: along the
 * straight line each hidden unit is active on known stretches, so the gradient is summed over those exactly.
 */
import { type Encoding, scaledTo } from './encoding.ts';
import { type DenseNet, dot } from './model.ts';

/**
 * Returns what explains a vector: one number a feature; together they are forward(encoded vector) - forward(0).
 *
 * @param net whose inputs are the columns of `encoding`
 */
export function createAttribution(encoding: Encoding, net: DenseNet): (vector: ArrayLike<number>) => Float64Array {
  const layer = firstLayer(encoding, net);
  const pullOf = createPull(net);
  return (vector) => {
    const places = placesOf(encoding, layer, vector);
    return sharesOf(layer, places, pullOf(pushOf(layer, places)));
  };
}

/**
 * What the features add to the inputs of the first layer, without going through all columns: those of a feature lie
 * wholly below its value or wholly above, but for one, and what they add is known beforehand.
 */
interface FirstLayer {
  readonly units: number;
  /** The net's: a row a column. */
  readonly kernel: Float64Array;
  /** What the columns of a feature add, a row for each number of them that lie wholly below the value. */
  readonly sums: Float64Array;
  /** Of each feature its first column, and where its first row begins in `sums`. */
  readonly column: Int32Array;
  readonly lowest: Int32Array;
  /** What all add when each is below its lowest edge, as most features of most sessions are. */
  readonly base: Float64Array;
}

function firstLayer(encoding: Encoding, { kernel1: kernel, bias1 }: DenseNet): FirstLayer {
  const { edges } = encoding;
  const units = bias1.length;
  const count = edges.reduce((sum, of) => sum + of.length, 0);
  const column = new Int32Array(edges.length);
  const lowest = new Int32Array(edges.length);
  const layer = { units, kernel, sums: new Float64Array(count * units), column, lowest, base: new Float64Array(units) };
  let row = 0;
  edges.forEach((of, feature) => {
    column[feature] = row - feature;
    lowest[feature] = row * units;
    for (let below = 0; below < of.length; below++, row++)
      addColumns(encoding, layer, row * units, row - feature - below, below, of.length - 1);
    addRow(layer.base, layer.sums, lowest[feature]!, 1);
  });
  return layer;
}

/** Sums up `count` columns from `first` on, of which `below` are at their highest and the others at their lowest. */
function addColumns(
  encoding: Encoding,
  { units, kernel, sums }: FirstLayer,
  at: number,
  first: number,
  below: number,
  count: number,
) {
  const row = sums.subarray(at, at + units);
  for (let i = 0; i < count; i++)
    addRow(row, kernel, (first + i) * units, scaledTo(encoding.scaling, first + i, i < below ? 1 : 0));
}

/** Where a vector's features are: in which row of the sums, and how far into which column. */
interface Places {
  readonly row: Int32Array;
  readonly column: Int32Array;
  readonly share: Float64Array;
}

function placesOf(encoding: Encoding, { units, column, lowest }: FirstLayer, vector: ArrayLike<number>): Places {
  const { edges } = encoding;
  const places = { row: lowest.slice(), column: column.slice(), share: new Float64Array(edges.length) };
  for (let f = 0; f < edges.length; f++) {
    const of = edges[f]!;
    const value = vector[f]!;
    if (value <= of[0]!) continue;
    const below = countBelow(of, value);
    places.row[f]! += below * units;
    if (below === of.length - 1) continue;
    const at = column[f]! + below;
    const [low, high] = [of[below]!, of[below + 1]!];
    places.column[f] = at;
    places.share[f] = scaledTo(encoding.scaling, at, (value - low) / (high - low)) - scaledTo(encoding.scaling, at, 0);
  }
  return places;
}

/** How many of a feature's stretches end at or below the value. */
function countBelow(edges: readonly number[], value: number): number {
  let count = 0;
  while (count < edges.length - 1 && value >= edges[count + 1]!) count++;
  return count;
}

/** What all features together add to the inputs of the first layer. */
function pushOf({ units, kernel, sums, lowest, base }: FirstLayer, { row, column, share }: Places): Float64Array {
  const push = base.slice();
  for (let f = 0; f < row.length; f++) {
    if (row[f] !== lowest[f]) {
      addRow(push, sums, row[f]!, 1);
      addRow(push, sums, lowest[f]!, -1);
    }
    if (share[f] !== 0) addRow(push, kernel, column[f]! * units, share[f]!);
  }
  return push;
}

function sharesOf({ units, kernel, sums }: FirstLayer, { row, column, share }: Places, pull: Float64Array): Float64Array {
  const shares = new Float64Array(row.length);
  for (let f = 0; f < row.length; f++) {
    const partly = share[f] === 0 ? 0 : share[f]! * dot(kernel, column[f]! * units, pull);
    shares[f] = dot(sums, row[f]!, pull) + partly;
  }
  return shares;
}

/** Returns what finds, for each unit of the first layer, the gradient of the output by its input, summed over the way from 0 to `push`. */
function createPull(net: DenseNet): (push: Float64Array) => Float64Array {
  const { bias1, bias2, kernel2, kernel3 } = net;
  const [units1, units2] = [bias1.length, bias2.length];
  const outward = kernel2.map((weight, k) => weight * kernel3[k % units2]!);
  const level = bias2.slice();
  for (let i = 0; i < units1; i++) if (bias1[i]! > 0) addRow(level, kernel2, i * units2, bias1[i]!);
  return (push) => {
    const switching = switches(bias1, push);
    const isActive = bias1.map((bias, i) => Number(bias + push[i]! / 2 > 0));
    for (const [, i] of switching) isActive[i] = Number(bias1[i]! > 0);
    const way: Way = {
      kernel2,
      outward,
      level: level.slice(),
      slope: new Float64Array(units2),
      active: new Float64Array(units2),
    };
    for (let i = 0; i < units1; i++) if (isActive[i]) addRow(way.slope, kernel2, i * units2, push[i]!);
    const pull = new Float64Array(units1);
    let from = 0;
    for (const [at, i] of switching) {
      // Active until here counts what was; active from here on counts the rest, added at the end.
      const sign = isActive[i] ? 1 : -1;
      pull[i] = sign * walk(way, at - from, i, -sign * push[i]!);
      isActive[i] = 1 - isActive[i]!;
      from = at;
    }
    walk(way, 1 - from, 0, 0);
    for (let i = 0; i < units1; i++) if (isActive[i]) pull[i]! += dot(outward, i * units2, way.active);
    return pull;
  };
}

/** The second layer on the way from 0 to 1: its inputs here, their slopes, and for how much of the way so far they were above 0. */
interface Way {
  readonly kernel2: Float64Array;
  /** What a unit of the first layer adds to the output by way of one of the second. */
  readonly outward: Float64Array;
  readonly level: Float64Array;
  readonly slope: Float64Array;
  readonly active: Float64Array;
}

/**
 * Walks on to where unit i of the first layer switches, and changes the slopes by `push` times what it weighs: this is where
 * explaining spends its time.
 * @returns what the unit would have added to the output's gradient, had it been active from 0 to here
 */
function walk({ kernel2, outward, level, slope, active }: Way, length: number, i: number, push: number): number {
  let sum = 0;
  for (let j = 0, k = i * level.length; j < level.length; j++, k++) {
    const start = level[j]!;
    const end = start + length * slope[j]!;
    let above = active[j]!;
    if (end > 0) above += start > 0 ? length : (length * end) / (end - start);
    else if (start > 0) above += (length * start) / (start - end);
    active[j] = above;
    level[j] = end;
    slope[j]! += push * kernel2[k]!;
    sum += outward[k]! * above;
  }
  return sum;
}

/** Where on the way which units of the first layer switch, in order: unit i is bias1 + t · push, which is 0 at most once. */
function switches(bias1: Float64Array, push: Float64Array): [at: number, unit: number][] {
  const found: [number, number][] = [];
  for (let i = 0; i < push.length; i++) {
    const at = -bias1[i]! / push[i]!;
    if (at > 0 && at < 1) found.push([at, i]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}

function addRow(sum: Float64Array, rows: Float64Array, at: number, weight: number): void {
  for (let i = 0, k = at; i < sum.length; i++, k++) sum[i]! += weight * rows[k]!;
}
