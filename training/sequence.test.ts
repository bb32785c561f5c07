import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { LabelledCall } from '../datasets/dataset.ts';
import { UNFITTED } from '../datasets/simulator/fitted.ts';
import { simulate } from '../datasets/simulator/simulator.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { collectExamples } from './examples.ts';
import { collectWindows, createSequenceNet, STEPS, WINDOW_WIDTH } from './sequence.ts';

const calls = (): Iterable<LabelledCall> => simulate({ seed: 5, clients: 40, fitted: UNFITTED });
const TOKEN = WINDOW_WIDTH / STEPS;

describe('windows', () => {
  it('come in the order of the examples, one a snapshot, and hold as many calls as were made', async () => {
    const examples = await collectExamples([{ origin: 'a', calls: calls() }]);
    const windows = await collectWindows(calls());
    assert.equal(windows.length, examples.rows);
    windows.forEach((window, row) => {
      const held = Array.from({ length: STEPS }, (_, i) => window[i * TOKEN]!).filter((one) => one === 1).length;
      assert.ok(held >= Math.min(STEPS, examples.calls[row]!), `${held} calls at row ${row}`);
      // The newest call stands last.
      assert.equal(window[(STEPS - 1) * TOKEN], 1);
      assert.ok(window.every(Number.isFinite));
    });
  });
});

describe('the convolution', () => {
  let tf: typeof TensorFlow;
  before(async () => {
    tf = await loadTensorFlow('wasm');
  });

  it('gives a logit a row, the same for the same seed, and sees the features where it is given some', () => {
    const logits = (features: number, first: number) => {
      const width = features + WINDOW_WIDTH;
      const model = createSequenceNet(tf, { features, seed: 3 });
      const x = tf.tensor2d(
        Float32Array.from({ length: 2 * width }, (_, i) => (i === 0 ? first : (i % 7) / 7)),
        [2, width],
      );
      const out = (model.apply(x) as TensorFlow.Tensor).dataSync();
      model.dispose();
      return [...out];
    };
    assert.equal(logits(0, 1).length, 2);
    assert.deepEqual(logits(4, 1), logits(4, 1));
    assert.notEqual(logits(4, 1)[0], logits(4, 9)[0]);
    assert.equal(logits(4, 1)[1], logits(4, 9)[1]);
  });
});
