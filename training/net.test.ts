import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { createRandom } from '../datasets/simulator/random.ts';
import { rocAuc } from '../service/core/evaluation.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { createNet, gather, hashWeights, type NetOptions, predictLogits, type Rows, trainNet } from './net.ts';

const OPTIONS: NetOptions = {
  hidden: [12, 8],
  seed: 1,
  batch: 64,
  patience: 5,
  l2: 1e-4,
  familyWeight: 0.3,
  noise: 0.05,
  phases: [
    { epochs: 8, rate: 5e-3 },
    { epochs: 3, rate: 1e-3 },
  ],
  blackouts: [{ columns: [2, 3], probability: 0.3 }],
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
      const model = createNet(tf, 4, 3, options);
      const loss = trainNet(tf, model, rows, sample(2, 300), options);
      return { model, loss, hash: hashWeights(model) };
    };

    it('gives the same weights for the same seed, others for another', () => {
      assert.equal(run().hash, run().hash);
      assert.notEqual(run().hash, run({ seed: 2 }).hash);
    });

    it('learns what no single input tells', () => {
      const { model } = run({}, sample(1, 2000));
      const test = sample(3, 500);
      const auc = rocAuc(predictLogits(tf, model, test.x, 4), test.bad)!;
      assert.ok(auc > 0.97, String(auc));
    });

    it('has the layers that serving looks for', () => {
      const { model } = run({ phases: [{ epochs: 1, rate: 1e-3 }] });
      assert.deepEqual(
        model.layers.map(({ name }) => name),
        ['features', 'hidden1', 'hidden2', 'bad', 'family'],
      );
      assert.deepEqual(
        model.outputs.map(({ shape }) => shape),
        [
          [null, 1],
          [null, 3],
        ],
      );
    });

    it('keeps the weights of the best epoch', () => {
      const losses: number[] = [];
      const { loss } = run({ onEpoch: (_epoch, _train, validation) => losses.push(validation) });
      assert.equal(loss, Math.min(...losses));
    });

    it('leaves no tensors behind', () => {
      const { model } = run({ phases: [{ epochs: 1, rate: 1e-3 }] });
      const held = tf.memory().numTensors;
      trainNet(tf, model, sample(1, 200), sample(2, 100), OPTIONS);
      predictLogits(tf, model, sample(3, 10).x, 4);
      assert.equal(tf.memory().numTensors, held);
      model.dispose();
    });

    it('does not change the rows it learns from', () => {
      const rows = sample(1, 200);
      const copy = gather(rows, [...Array(200).keys()]);
      run({ phases: [{ epochs: 1, rate: 1e-3 }] }, rows);
      assert.deepEqual(rows, copy);
    });
  });
