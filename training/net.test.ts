import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { createRandom } from '../datasets/simulator/random.ts';
import { rocAuc } from '../service/core/evaluation.ts';
import { createAttribution } from '../service/core/explain.ts';
import { forward } from '../service/core/model.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import {
  createMembers,
  denseOf,
  gather,
  gradientOf,
  hashWeights,
  mergeMembers,
  type NetOptions,
  predictLogits,
  type Rows,
  trainMembers,
} from './net.ts';

const OPTIONS: NetOptions = {
  hidden: [12, 8],
  members: 2,
  seed: 1,
  batch: 64,
  patience: 5,
  l2: 1e-4,
  familyWeight: 0.3,
  noise: 0.05,
  smoothing: 0,
  phases: [
    { epochs: 8, rate: 5e-3 },
    { epochs: 3, rate: 1e-3 },
  ],
  blackouts: [{ columns: [2, 3], probability: 0.3 }],
};

/** An encoding that changes nothing. */
const AS_IT_IS = {
  edges: [0, 1, 2, 3].map(() => [-10, 10]),
  scaling: { mean: Array(4).fill(0.5), deviation: Array(4).fill(0.05), clip: 10 },
};

/** Bad where two inputs have the same sign, which no single one of them tells. */
function sample(seed: number, rows: number): Rows {
  const random = createRandom(seed);
  const x = Float32Array.from({ length: rows * 4 }, () => random.normal());
  const bad = Float32Array.from({ length: rows }, (_, i) => Number(x[i * 4]! * x[i * 4 + 1]! > 0));
  const family = Int32Array.from(bad, (b, i) => (b ? 0 : x[i * 4]! > 0 ? 1 : 2));
  return { width: 4, rows, x, bad, family, weight: new Float32Array(rows).fill(1) };
}

for (const backend of ['wasm', 'cpu'] as const)
  describe(`net on ${backend}`, () => {
    let tf: typeof TensorFlow;
    before(async () => {
      tf = await loadTensorFlow(backend);
    });

    const run = (changes: Partial<NetOptions> = {}, rows = sample(1, 600)) => {
      const options = { ...OPTIONS, ...changes };
      const { members, loss } = trainMembers(tf, createMembers(4, 3, options), rows, sample(2, 300), options);
      return { members, loss, hash: hashWeights(members) };
    };
    const SHORT = { phases: [{ epochs: 1, rate: 1e-3 }] };

    it('gives the same weights for the same seed, others for another', () => {
      assert.equal(run(SHORT).hash, run(SHORT).hash);
      assert.notEqual(run(SHORT).hash, run({ ...SHORT, seed: 2 }).hash);
    });

    it('learns what no single input tells', () => {
      const { members } = run({}, sample(1, 2000));
      const test = sample(3, 500);
      const auc = rocAuc(predictLogits(tf, members, test.x), test.bad)!;
      assert.ok(auc > 0.97, String(auc));
    });

    it('goes down the gradient that TensorFlow.js finds for the same loss', () => {
      const { members } = run(SHORT);
      const batch = sample(5, 40);
      const options = { familyWeight: 0.3, smoothing: 0.02, l2: 0.01 };
      const [units1, units2, outputs] = [24, 16, 5];
      const shapes = [
        [4, units1],
        [1, units1],
        [units1, units2],
        [1, units2],
        [units2, outputs],
        [1, outputs],
      ] as [number, number][];
      const weights = members.weights.map((values, i) => tf.tensor2d(values, shapes[i]!));
      const ones = [tf.ones(shapes[2]!), tf.ones(shapes[4]!)] as [TensorFlow.Tensor2D, TensorFlow.Tensor2D];
      const { loss, gradients } = gradientOf(tf, weights, ones, 2, batch, options);
      const lossOf = (...given: TensorFlow.Tensor[]) => plainLoss(tf, given, batch, options);
      const expected = tf.valueAndGrads(lossOf)(weights);
      const penalty = [0, 2, 4].reduce((sum, i) => sum + 0.01 * weights[i]!.square().sum().dataSync()[0]!, 0);
      // The sum over members is made small, the mean is told.
      const familyPart = 0.3 * familyLossOf(tf, weights, batch).dataSync()[0]!;
      const told = 2 * (loss - familyPart) + 2 * familyPart + penalty;
      assert.ok(Math.abs(told - expected.value.dataSync()[0]!) < 1e-4);
      gradients.forEach((gradient, i) => {
        const [mine, theirs] = [gradient.dataSync(), expected.grads[i]!.dataSync()];
        mine.forEach((value, k) => {
          assert.ok(Math.abs(value - theirs[k]!) < 1e-4, `weight ${i}: ${value} is not ${theirs[k]}`);
        });
      });
    });

    it('keeps members apart: no weight leads from one to the other', () => {
      const [, , kernel2, , kernel3] = run(SHORT).members.weights;
      for (let i = 0; i < 24; i++)
        for (let j = 0; j < 16; j++)
          assert.equal(kernel2![i * 16 + j] === 0, Math.floor(i / 12) !== Math.floor(j / 8), `${i} to ${j}`);
      for (let j = 0; j < 16; j++) for (const m of [0, 1]) assert.equal(kernel3![j * 5 + m] === 0, Math.floor(j / 8) !== m);
    });

    it('merges the members into the layers that serving looks for, with the same logits and attributions that add up', () => {
      const { members } = run(SHORT);
      const model = mergeMembers(tf, members);
      assert.deepEqual(
        model.layers.map(({ name }) => name),
        ['features', 'hidden1', 'hidden2', 'bad', 'family'],
      );
      const test = sample(3, 50);
      const logits = predictLogits(tf, members, test.x);
      const [bad, family] = model.predict(tf.tensor2d(test.x, [50, 4])) as TensorFlow.Tensor[];
      assert.deepEqual(family!.shape, [50, 3]);
      const dense = denseOf(members);
      const attribute = createAttribution(AS_IT_IS, dense);
      bad!.dataSync().forEach((value, i) => {
        assert.ok(Math.abs(value - logits[i]!) < 1e-4);
        const x = Float64Array.from(test.x.subarray(i * 4, i * 4 + 4));
        const parts = attribute(x).reduce((sum, part) => sum + part, forward(dense, new Float64Array(4)));
        assert.ok(Math.abs(parts - logits[i]!) < 1e-4);
      });
      model.dispose();
    });

    it('keeps the weights of the best epoch', () => {
      const losses: number[] = [];
      const { loss } = run({ onEpoch: (_epoch, _train, validation) => losses.push(validation!) });
      assert.equal(loss, Math.min(...losses));
    });

    it('runs all epochs where there is nothing to validate on', () => {
      let epochs = 0;
      const options = { ...OPTIONS, patience: 1, onEpoch: () => void epochs++ };
      trainMembers(tf, createMembers(4, 3, options), sample(1, 100), null, options);
      assert.equal(epochs, 11);
    });

    it('leaves no tensors behind', () => {
      const { members } = run(SHORT);
      const held = tf.memory().numTensors;
      trainMembers(tf, members, sample(1, 200), sample(2, 100), { ...OPTIONS, ...SHORT });
      predictLogits(tf, members, sample(3, 10).x);
      assert.equal(tf.memory().numTensors, held);
    });

    it('does not change the rows it learns from', () => {
      const rows = sample(1, 200);
      const copy = gather(rows, [...Array(200).keys()]);
      run(SHORT, rows);
      assert.deepEqual(rows, copy);
    });
  });

function outputsOf(weights: readonly TensorFlow.Tensor[], x: TensorFlow.Tensor): TensorFlow.Tensor {
  const [kernel1, bias1, kernel2, bias2, kernel3, bias3] = weights as [TensorFlow.Tensor, ...TensorFlow.Tensor[]];
  return x.matMul(kernel1).add(bias1!).relu().matMul(kernel2!).add(bias2!).relu().matMul(kernel3!).add(bias3!);
}

function familyLossOf(tf: typeof TensorFlow, weights: readonly TensorFlow.Tensor[], batch: Rows): TensorFlow.Tensor {
  const family = outputsOf(weights, tf.tensor2d(batch.x, [batch.rows, 4])).slice([0, 2], [batch.rows, 3]);
  const oneHot = tf.oneHot(tf.tensor1d(batch.family, 'int32'), 3).toFloat();
  return tf.mean(family.logSumExp(1).sub(family.mul(oneHot).sum(1)).mul(tf.tensor1d(batch.weight)));
}

/** The loss of two members, the plain way. */
function plainLoss(
  tf: typeof TensorFlow,
  weights: readonly TensorFlow.Tensor[],
  batch: Rows,
  { familyWeight, smoothing, l2 }: Pick<NetOptions, 'familyWeight' | 'smoothing' | 'l2'>,
): TensorFlow.Scalar {
  const logits = outputsOf(weights, tf.tensor2d(batch.x, [batch.rows, 4])).slice([0, 0], [batch.rows, 2]);
  const target = tf
    .tensor2d(batch.bad, [batch.rows, 1])
    .mul(1 - 2 * smoothing)
    .add(smoothing);
  const bad = logits.relu().sub(logits.mul(target)).add(logits.abs().neg().exp().add(1).log());
  const penalty = tf.addN([0, 2, 4].map((i) => weights[i]!.square().sum())).mul(l2);
  const weighted = bad
    .mul(tf.tensor2d(batch.weight, [batch.rows, 1]))
    .sum()
    .div(batch.rows);
  return weighted.add(familyLossOf(tf, weights, batch).mul(2 * familyWeight)).add(penalty) as TensorFlow.Scalar;
}
