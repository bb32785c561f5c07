/**
 * The net: a few members side by side, each two hidden layers with one output for "bad" and one for the family. They see
 * the same rows, learn each for itself, and what is served is the mean of their logits: one wider net whose second layer
 * is block-diagonal. Small on purpose: a verdict is explained by exact integrated gradients over it. All that is random
 * comes from the seed.
 */
import { createHash } from 'node:crypto';
import { createRandom, type Random } from '../datasets/simulator/random.ts';
import type { DenseNet } from '../service/core/model.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';

type Tf = typeof TensorFlow;

/** Scaled rows and what is to be learnt of them. */
export interface Rows {
  readonly width: number;
  readonly rows: number;
  readonly x: Float32Array;
  readonly bad: Float32Array;
  readonly family: Int32Array;
  readonly weight: Float32Array;
}

/** Columns that are now and then taken away together, set to their mean, so that the net does not lean on them. */
export interface Blackout {
  readonly columns: readonly number[];
  readonly probability: number;
}

export interface NetShape {
  /** Units of one member's hidden layers. */
  readonly hidden: readonly [number, number];
  readonly members: number;
  readonly seed: number;
}

export interface NetOptions extends NetShape {
  readonly batch: number;
  /** Adam starts afresh in each phase, at a lower rate. */
  readonly phases: readonly { readonly epochs: number; readonly rate: number }[];
  /** Epochs without a better validation loss after which a phase ends; without validation rows all epochs are run. */
  readonly patience: number;
  readonly l2: number;
  readonly familyWeight: number;
  /** Deviation of the noise added to the scaled inputs. */
  readonly noise: number;
  /** How far targets are drawn in from 0 and 1. */
  readonly smoothing: number;
  readonly blackouts: readonly Blackout[];
  readonly onEpoch?: (epoch: number, trainLoss: number, validationLoss: number | null) => void;
}

/** An untrained single net in the layers that serving looks for. */
export function createNet(tf: Tf, width: number, families: number, { hidden, seed }: Pick<NetShape, 'hidden' | 'seed'>) {
  const input = tf.input({ shape: [width], name: 'features' });
  const dense = (name: string, units: number, activation: 'relu' | 'linear', at: number) =>
    tf.layers.dense({ name, units, activation, kernelInitializer: tf.initializers.heNormal({ seed: seed * 10 + at }) });
  const hidden1 = dense('hidden1', hidden[0], 'relu', 1).apply(input);
  const hidden2 = dense('hidden2', hidden[1], 'relu', 2).apply(hidden1);
  const bad = dense('bad', 1, 'linear', 3).apply(hidden2) as TensorFlow.SymbolicTensor;
  const family = dense('family', families, 'linear', 4).apply(hidden2) as TensorFlow.SymbolicTensor;
  return tf.model({ name: 'assay', inputs: input, outputs: [bad, family] });
}

/** Weights of all members side by side, layer by layer. The last layer holds each member's logit of "bad", then the families'. */
export interface Members {
  readonly width: number;
  readonly families: number;
  readonly shape: NetShape;
  /** kernel1 [width, m·h1] · bias1 · kernel2 [m·h1, m·h2], 0 between members · bias2 · kernel3 [m·h2, m + f] · bias3 */
  readonly weights: readonly Float32Array[];
}

function shapesOf(width: number, families: number, { hidden, members }: NetShape): [number, number][] {
  const [units1, units2, outputs] = [members * hidden[0], members * hidden[1], members + families];
  return [
    [width, units1],
    [1, units1],
    [units1, units2],
    [1, units2],
    [units2, outputs],
    [1, outputs],
  ];
}

/** 1 where a weight of the second or the third layer stays within its member, or belongs to the families. */
function masksOf({ hidden, members }: NetShape, families: number): [second: Float32Array, third: Float32Array] {
  const [h1, h2] = hidden;
  const [units2, outputs] = [members * h2, members + families];
  const memberOf = (output: number, unit: number) => output >= members || output === Math.floor(unit / h2);
  return [
    Float32Array.from({ length: members * h1 * units2 }, (_, k) =>
      Number(Math.floor(k / units2 / h1) === Math.floor((k % units2) / h2)),
    ),
    Float32Array.from({ length: units2 * outputs }, (_, k) => Number(memberOf(k % outputs, Math.floor(k / outputs)))),
  ];
}

/** He's initialisation: deviation √(2 / inputs), biases 0. */
export function createMembers(width: number, families: number, shape: NetShape): Members {
  const random = createRandom(shape.seed);
  const masks = [null, null, masksOf(shape, families)[0], null, masksOf(shape, families)[1], null];
  const inputs = [width, 0, shape.hidden[0], 0, shape.hidden[1], 0];
  const weights = shapesOf(width, families, shape).map(([rows, columns], i) => {
    const deviation = inputs[i] === 0 ? 0 : Math.sqrt(2 / inputs[i]!);
    return Float32Array.from({ length: rows * columns }, (_, k) => {
      return inputs[i] === 0 || masks[i]?.[k] === 0 ? 0 : deviation * random.normal();
    });
  });
  return { width, families, shape, weights };
}

export interface Trained {
  readonly members: Members;
  /** Of the epoch whose weights were kept; the training loss of the last one where there was nothing to validate on. */
  readonly loss: number;
}

/**
 * Trains from the members' weights on. With validation rows the weights of the best epoch are returned, without them
 * those of the last one.
 */
export function trainMembers(tf: Tf, start: Members, train: Rows, validation: Rows | null, options: NetOptions): Trained {
  const random = createRandom(options.seed);
  const trainer = createTrainer(tf, start);
  let best = { loss: Number.POSITIVE_INFINITY, weights: start.weights };
  let epoch = 0;
  for (const { epochs, rate } of options.phases) {
    trainer.restart(best.weights, rate);
    for (let [i, since] = [0, 0]; i < epochs && since < options.patience; i++, since++) {
      const trainLoss = runEpoch(trainer, train, options, random);
      const held = validation && trainer.lossOf(validation, options);
      options.onEpoch?.(++epoch, trainLoss, held);
      if (held !== null && !(held < best.loss)) continue;
      best = { loss: held ?? trainLoss, weights: trainer.read() };
      since = -1;
    }
  }
  trainer.dispose();
  return { members: { ...start, weights: best.weights }, loss: best.loss };
}

function runEpoch(trainer: Trainer, train: Rows, options: NetOptions, random: Random): number {
  const order = Uint32Array.from(random.shuffle([...Array(train.rows).keys()]));
  let sum = 0;
  for (let at = 0; at < order.length; at += options.batch) {
    const batch = gather(train, order.subarray(at, at + options.batch));
    disturb(batch, options, random);
    sum += trainer.step(batch, options) * batch.rows;
  }
  return sum / train.rows;
}

interface Trainer {
  restart(weights: Members['weights'], rate: number): void;
  /** One step down the gradient; the batch's loss before it. */
  step(batch: Rows, options: NetOptions): number;
  lossOf(rows: Rows, options: NetOptions): number;
  read(): Float32Array[];
  dispose(): void;
}

/**
 * The gradient is written out rather than left to TensorFlow.js: its products of transposed matrices are ten times as
 * slow on WASM as a transpose and a plain product. A test holds it against TensorFlow.js' own.
 */
function createTrainer(tf: Tf, { width, families, shape, weights }: Members): Trainer {
  const shapes = shapesOf(width, families, shape);
  const variables = weights.map((values, i) => tf.tidy(() => tf.variable(tf.tensor2d(values, shapes[i]!))));
  const [second, third] = masksOf(shape, families);
  const masks = [tf.tensor2d(second, shapes[2]!), tf.tensor2d(third, shapes[4]!)] as const;
  let optimizer = tf.train.adam(1e-3);
  return {
    restart(from, rate) {
      optimizer.dispose();
      optimizer = tf.train.adam(rate);
      tf.tidy(() => {
        for (const [i, variable] of variables.entries()) variable.assign(tf.tensor2d(from[i]!, shapes[i]!));
      });
    },
    step: (batch, options) => {
      let loss = 0;
      tf.tidy(() => {
        const found = gradientOf(tf, variables, masks, shape.members, batch, options);
        loss = found.loss;
        optimizer.applyGradients(found.gradients.map((tensor, i) => ({ name: variables[i]!.name, tensor })));
      });
      return loss;
    },
    lossOf(rows, options) {
      let sum = 0;
      for (let at = 0; at < rows.rows; at += PREDICT_ROWS) {
        const batch = gather(
          rows,
          Uint32Array.from({ length: Math.min(PREDICT_ROWS, rows.rows - at) }, (_, i) => at + i),
        );
        const outputs = tf.tidy(() => forward(tf, variables, batch).outputs.dataSync() as Float32Array);
        sum += lossOf(outputs, batch, shape.members, options).loss * batch.rows;
      }
      return sum / rows.rows;
    },
    read: () => variables.map((variable) => (variable.dataSync() as Float32Array).slice()),
    dispose() {
      optimizer.dispose();
      tf.dispose([...variables, ...masks]);
    },
  };
}

type Tensors = readonly TensorFlow.Tensor2D[];
type Masks = readonly [TensorFlow.Tensor2D, TensorFlow.Tensor2D];

function forward(tf: Tf, weights: readonly TensorFlow.Tensor[], { x, rows, width }: Rows) {
  const [kernel1, bias1, kernel2, bias2, kernel3, bias3] = weights as Tensors;
  const input = tf.tensor2d(x, [rows, width]);
  const hidden1 = input.matMul(kernel1!).add(bias1!).relu() as TensorFlow.Tensor2D;
  const hidden2 = hidden1.matMul(kernel2!).add(bias2!).relu() as TensorFlow.Tensor2D;
  return { input, hidden1, hidden2, outputs: hidden2.matMul(kernel3!).add(bias3!) as TensorFlow.Tensor2D };
}

/** The loss of a batch and its gradient by backpropagation, one tensor a weight; to be called within `tidy`. */
export function gradientOf(
  tf: Tf,
  weights: readonly TensorFlow.Tensor[],
  masks: Masks,
  members: number,
  batch: Rows,
  options: LossOptions & Pick<NetOptions, 'l2'>,
) {
  const { input, hidden1, hidden2, outputs } = forward(tf, weights, batch);
  const { loss, slopes } = lossOf(outputs.dataSync() as Float32Array, batch, members, options);
  const [kernel1, , kernel2, , kernel3] = weights as Tensors;
  const back3 = tf.tensor2d(slopes, outputs.shape);
  const back2 = back3.matMul(kernel3!.transpose()).mul(hidden2.step()) as TensorFlow.Tensor2D;
  const back1 = back2.matMul(kernel2!.transpose()).mul(hidden1.step()) as TensorFlow.Tensor2D;
  const ofKernel = (below: TensorFlow.Tensor2D, back: TensorFlow.Tensor2D, kernel: TensorFlow.Tensor) =>
    below
      .transpose()
      .matMul(back)
      .add(kernel.mul(2 * options.l2));
  const gradients = [
    ofKernel(input, back1, kernel1!),
    back1.sum(0, true),
    ofKernel(hidden1, back2, kernel2!).mul(masks[0]),
    back2.sum(0, true),
    ofKernel(hidden2, back3, kernel3!).mul(masks[1]),
    back3.sum(0, true),
  ];
  return { loss, gradients };
}

type LossOptions = Pick<NetOptions, 'familyWeight' | 'smoothing'>;

/**
 * Weighted cross-entropy of "bad", summed over the members so that each learns at its own pace, plus a share of that of
 * the family; and its slope at every output. The loss told is the mean over rows and members.
 */
function lossOf(outputs: Float32Array, rows: Rows, members: number, { familyWeight, smoothing }: LossOptions) {
  const width = outputs.length / rows.rows;
  const slopes = new Float32Array(outputs.length);
  let loss = 0;
  for (let row = 0; row < rows.rows; row++) {
    const at = row * width;
    const weight = rows.weight[row]! / rows.rows;
    const target = smoothing + (1 - 2 * smoothing) * rows.bad[row]!;
    for (let j = at; j < at + members; j++) {
      const logit = outputs[j]!;
      loss += (weight / members) * (Math.max(0, logit) - logit * target + Math.log1p(Math.exp(-Math.abs(logit))));
      slopes[j] = weight * (1 / (1 + Math.exp(-logit)) - target);
    }
    if (familyWeight > 0)
      loss += addFamily(outputs, slopes, at + members, at + width, rows.family[row]!, weight * familyWeight, members);
  }
  return { loss, slopes };
}

/** Softmax cross-entropy over outputs `from` to `to`. */
function addFamily(
  outputs: Float32Array,
  slopes: Float32Array,
  from: number,
  to: number,
  family: number,
  weight: number,
  members: number,
): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (let j = from; j < to; j++) highest = Math.max(highest, outputs[j]!);
  let sum = 0;
  for (let j = from; j < to; j++) {
    slopes[j] = Math.exp(outputs[j]! - highest);
    sum += slopes[j]!;
  }
  for (let j = from; j < to; j++) slopes[j]! *= (weight * members) / sum;
  slopes[from + family]! -= weight * members;
  return weight * (highest + Math.log(sum) - outputs[from + family]!);
}

const PREDICT_ROWS = 4096;

/** The rows with these indexes, copied. */
export function gather(rows: Rows, indexes: ArrayLike<number>): Rows {
  const { width } = rows;
  const x = new Float32Array(indexes.length * width);
  for (let i = 0; i < indexes.length; i++) x.set(rows.x.subarray(indexes[i]! * width, (indexes[i]! + 1) * width), i * width);
  return {
    width,
    rows: indexes.length,
    x,
    bad: Float32Array.from(indexes, (row) => rows.bad[row]!),
    family: Int32Array.from(indexes, (row) => rows.family[row]!),
    weight: Float32Array.from(indexes, (row) => rows.weight[row]!),
  };
}

function disturb({ x, rows, width }: Rows, { noise, blackouts }: NetOptions, random: Random): void {
  for (let row = 0; row < rows; row++) {
    const from = random.int(0, NOISE.length - 1);
    for (let j = 0; j < width; j++) x[row * width + j]! += noise * NOISE[(from + j) % NOISE.length]!;
    for (const { columns, probability } of blackouts)
      if (random.chance(probability)) for (const column of columns) x[row * width + column] = 0;
  }
}

/** Drawn once, and read from a place drawn for each row: drawing each number anew would take longer than the net. */
const NOISE = (() => {
  const random = createRandom(1);
  return Float32Array.from({ length: 65_537 }, () => random.normal());
})();

/** Mean logits of "bad", one a row of scaled inputs. */
export function predictLogits(tf: Tf, { width, families, shape, weights }: Members, x: Float32Array): Float32Array {
  const { members } = shape;
  const out = new Float32Array(x.length / width);
  const shapes = shapesOf(width, families, shape);
  const tensors = weights.map((values, i) => tf.tensor2d(values, shapes[i]!));
  for (let at = 0; at < out.length; at += PREDICT_ROWS) {
    const rows = Math.min(PREDICT_ROWS, out.length - at);
    const part = { ...NO_TARGETS, width, rows, x: x.subarray(at * width, (at + rows) * width) };
    const outputs = tf.tidy(() => forward(tf, tensors, part).outputs.dataSync() as Float32Array);
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let m = 0; m < members; m++) sum += outputs[i * (members + families) + m]!;
      out[at + i] = sum / members;
    }
  }
  tf.dispose(tensors);
  return out;
}
const NO_TARGETS = { bad: new Float32Array(0), family: new Int32Array(0), weight: new Float32Array(0) };

/** The members as one net for "bad": the mean of their logits. */
export function denseOf({ families, shape: { members }, weights }: Members): DenseNet {
  const [kernel1, bias1, kernel2, bias2, kernel3, bias3] = weights.map((values) => new Float64Array(values));
  const outputs = members + families;
  const meanOf = (values: Float64Array, at: number) => values.subarray(at, at + members).reduce((sum, v) => sum + v, 0) / members;
  return {
    kernel1: kernel1!,
    bias1: bias1!,
    kernel2: kernel2!,
    bias2: bias2!,
    kernel3: Float64Array.from({ length: kernel3!.length / outputs }, (_, unit) => meanOf(kernel3!, unit * outputs)),
    bias3: meanOf(bias3!, 0),
  };
}

/** The members as the layers that serving looks for. */
export function mergeMembers(tf: Tf, trained: Members): TensorFlow.LayersModel {
  const { width, families, shape, weights } = trained;
  const { members, hidden, seed } = shape;
  const model = createNet(tf, width, families, { hidden: [members * hidden[0], members * hidden[1]], seed });
  const dense = denseOf(trained);
  const outputs = members + families;
  const [familyKernel, familyBias] = [weights[4]!, weights[5]!].map((values) =>
    values.filter((_, k) => k % outputs >= members),
  ) as [Float32Array, Float32Array];
  const bad = [Float32Array.from(dense.kernel3), Float32Array.of(dense.bias3)];
  const values = [...weights.slice(0, 4), ...bad, familyKernel, familyBias];
  tf.tidy(() => {
    model.setWeights(model.getWeights().map((weight, i) => tf.tensor(values[i]!, weight.shape)));
  });
  return model;
}

/** SHA-256 over all weights: the same seed, data and backend give the same. */
export function hashWeights({ weights }: Members): string {
  const hash = createHash('sha256');
  for (const values of weights) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return hash.digest('hex');
}
