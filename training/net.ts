/**
 * The net: two hidden layers, one output for "bad" and one for the family. Small on purpose: a verdict is explained by
 * exact integrated gradients over it. All that is random comes from the seed.
 */
import { createHash } from 'node:crypto';
import { createRandom, type Random } from '../datasets/simulator/random.ts';
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

export interface NetOptions {
  readonly hidden: readonly [number, number];
  readonly seed: number;
  readonly batch: number;
  /** Adam starts afresh in each phase, at a lower rate. */
  readonly phases: readonly { readonly epochs: number; readonly rate: number }[];
  /** Epochs without a better validation loss after which a phase ends. */
  readonly patience: number;
  readonly l2: number;
  readonly familyWeight: number;
  /** Deviation of the noise added to the scaled inputs. */
  readonly noise: number;
  readonly blackouts: readonly Blackout[];
  readonly onEpoch?: (epoch: number, trainLoss: number, validationLoss: number) => void;
}

export function createNet(tf: Tf, width: number, families: number, { hidden, seed }: Pick<NetOptions, 'hidden' | 'seed'>) {
  const input = tf.input({ shape: [width], name: 'features' });
  const dense = (name: string, units: number, activation: 'relu' | 'linear', at: number) =>
    tf.layers.dense({ name, units, activation, kernelInitializer: tf.initializers.heNormal({ seed: seed * 10 + at }) });
  const hidden1 = dense('hidden1', hidden[0], 'relu', 1).apply(input);
  const hidden2 = dense('hidden2', hidden[1], 'relu', 2).apply(hidden1);
  const bad = dense('bad', 1, 'linear', 3).apply(hidden2) as TensorFlow.SymbolicTensor;
  const family = dense('family', families, 'linear', 4).apply(hidden2) as TensorFlow.SymbolicTensor;
  return tf.model({ name: 'assay', inputs: input, outputs: [bad, family] });
}

/** Trains until the validation loss stops falling and leaves the best weights in the model. Returns that loss. */
export function trainNet(tf: Tf, model: TensorFlow.LayersModel, train: Rows, validation: Rows, options: NetOptions): number {
  const random = createRandom(options.seed);
  let best = { loss: Number.POSITIVE_INFINITY, weights: copyWeights(model) };
  let epoch = 0;
  for (const { epochs, rate } of options.phases) {
    restoreWeights(tf, model, best.weights);
    const optimizer = tf.train.adam(rate);
    for (let [i, since] = [0, 0]; i < epochs && since < options.patience; i++, since++) {
      const trainLoss = runEpoch(tf, model, optimizer, train, options, random);
      const loss = lossOf(tf, model, validation, options);
      options.onEpoch?.(++epoch, trainLoss, loss);
      if (!(loss < best.loss)) continue;
      best = { loss, weights: copyWeights(model) };
      since = -1;
    }
    optimizer.dispose();
  }
  restoreWeights(tf, model, best.weights);
  return best.loss;
}

function runEpoch(
  tf: Tf,
  model: TensorFlow.LayersModel,
  optimizer: TensorFlow.Optimizer,
  train: Rows,
  options: NetOptions,
  random: Random,
): number {
  const order = Uint32Array.from(random.shuffle([...Array(train.rows).keys()]));
  const kernels = model.layers.flatMap((layer) => layer.trainableWeights.slice(0, 1).map((weight) => weight.read()));
  let sum = 0;
  for (let at = 0; at < order.length; at += options.batch) {
    const batch = gather(train, order.subarray(at, at + options.batch));
    disturb(batch, options, random);
    sum += tf.tidy(() => {
      const cost = optimizer.minimize(() => {
        const penalty = tf.addN(kernels.map((kernel) => kernel.square().sum() as TensorFlow.Scalar));
        return batchLoss(tf, model, batch, options.familyWeight).add(penalty.mul(options.l2)) as TensorFlow.Scalar;
      }, true);
      return cost!.dataSync()[0]! * batch.rows;
    });
  }
  return sum / train.rows;
}

/** Weighted cross-entropy of "bad", plus a share of that of the family; each from the logits, so that neither overflows. */
function batchLoss(tf: Tf, model: TensorFlow.LayersModel, rows: Rows, familyWeight: number): TensorFlow.Scalar {
  const [bad, family] = model.apply(tf.tensor2d(rows.x, [rows.rows, rows.width]), { training: true }) as TensorFlow.Tensor[];
  const logit = bad!.reshape([rows.rows]);
  const target = tf.tensor1d(rows.bad);
  const badLoss = logit.relu().sub(logit.mul(target)).add(logit.abs().neg().exp().add(1).log());
  const oneHot = tf.oneHot(tf.tensor1d(rows.family, 'int32'), family!.shape[1]!).toFloat();
  const familyLoss = family!.logSumExp(1).sub(family!.mul(oneHot).sum(1));
  return badLoss.add(familyLoss.mul(familyWeight)).mul(tf.tensor1d(rows.weight)).mean();
}

const PREDICT_ROWS = 4096;

function lossOf(tf: Tf, model: TensorFlow.LayersModel, rows: Rows, { familyWeight }: NetOptions): number {
  const all = Uint32Array.from({ length: rows.rows }, (_, i) => i);
  let sum = 0;
  for (let at = 0; at < rows.rows; at += PREDICT_ROWS) {
    const batch = gather(rows, all.subarray(at, at + PREDICT_ROWS));
    sum += tf.tidy(() => batchLoss(tf, model, batch, familyWeight).dataSync()[0]!) * batch.rows;
  }
  return sum / rows.rows;
}

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

/** Logits of "bad", one a row of scaled inputs. */
export function predictLogits(tf: Tf, model: TensorFlow.LayersModel, x: Float32Array, width: number): Float32Array {
  const out = new Float32Array(x.length / width);
  for (let at = 0; at < out.length; at += PREDICT_ROWS) {
    const end = Math.min(out.length, at + PREDICT_ROWS);
    tf.tidy(() => {
      const input = tf.tensor2d(x.subarray(at * width, end * width), [end - at, width]);
      const [bad] = model.predict(input) as TensorFlow.Tensor[];
      out.set(bad!.dataSync() as Float32Array, at);
    });
  }
  return out;
}

function copyWeights(model: TensorFlow.LayersModel): Float32Array[] {
  return model.getWeights().map((weight) => (weight.dataSync() as Float32Array).slice());
}

function restoreWeights(tf: Tf, model: TensorFlow.LayersModel, weights: readonly Float32Array[]): void {
  tf.tidy(() => {
    model.setWeights(model.getWeights().map((weight, i) => tf.tensor(weights[i]!, weight.shape)));
  });
}

/** SHA-256 over all weights: the same seed, data and backend give the same. */
export function hashWeights(model: TensorFlow.LayersModel): string {
  const hash = createHash('sha256');
  for (const weights of copyWeights(model)) hash.update(new Uint8Array(weights.buffer));
  return hash.digest('hex');
}
