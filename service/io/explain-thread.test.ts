import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAttribution } from '../core/explain.ts';
import { type Explained, ExplainThread } from './explain-thread.ts';

const EXPLAINED: Explained = {
  encoding: {
    edges: [
      [0, 1, 3],
      [-2, 2],
    ],
    scaling: { mean: [0.1, 0.5, 0.4], deviation: [0.5, 0.1, 1], clip: 5 },
  },
  net: {
    kernel1: Float64Array.from({ length: 3 * 7 }, (_, i) => Math.sin(i)),
    bias1: Float64Array.from({ length: 7 }, (_, i) => Math.cos(i)),
    kernel2: Float64Array.from({ length: 7 * 4 }, (_, i) => Math.sin(3 * i)),
    bias2: Float64Array.from({ length: 4 }, (_, i) => Math.cos(3 * i)),
    kernel3: Float64Array.from([1, -2, 0.5, 1.5]),
    bias3: 0.25,
  },
};
const vectorsOf = (count: number) => Array.from({ length: count }, (_, i) => Float32Array.from([i % 5, Math.sin(i) * 3]));

describe('the thread that explains', () => {
  it('finds the same bits as whoever explains here, for all that ask at once', async () => {
    const attribute = createAttribution(EXPLAINED.encoding, EXPLAINED.net);
    const thread = new ExplainThread(EXPLAINED);
    const asked = [vectorsOf(1), vectorsOf(100), [], vectorsOf(3)];
    const answers = await Promise.all(asked.map((vectors) => thread.attribute(vectors)));
    assert.deepEqual(
      answers,
      asked.map((vectors) => vectors.map((vector) => attribute(vector))),
    );
  });

  it('leaves nobody waiting when it fails, and starts anew', async () => {
    const broken = { ...EXPLAINED } as { -readonly [key in keyof Explained]: Explained[key] };
    const thread = new ExplainThread(broken);
    broken.net = null as unknown as Explained['net'];
    const outcomes = await Promise.allSettled([thread.attribute(vectorsOf(2)), thread.attribute(vectorsOf(1))]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    broken.net = EXPLAINED.net;
    assert.equal((await thread.attribute(vectorsOf(2))).length, 2);
  });
});
