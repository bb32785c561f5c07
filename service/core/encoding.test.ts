import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEncoder, scale } from './encoding.ts';

describe('scale', () => {
  it('centres, divides and clips each row', () => {
    const out = new Float32Array(4);
    scale({ mean: [1, 10], deviation: [2, 5], clip: 3 }, [3, 10, 1, 1000], 2, out);
    assert.deepEqual([...out], [1, 0, 0, 3]);
  });
});

describe('createEncoder', () => {
  const edges = [
    [0, 1],
    [0, 2, 6],
  ];
  const plain = createEncoder({ edges, scaling: null });
  const encode = (vectors: number[], encoder = plain) => {
    const out = new Float32Array((vectors.length / 2) * 3);
    encoder.encode(vectors, vectors.length / 2, out);
    return [...out];
  };

  it('fills stretch after stretch', () => {
    assert.deepEqual(encode([0.5, 1]), [0.5, 0.5, 0]);
    assert.deepEqual(encode([0, 4, 1, 6]), [0, 1, 0.5, 1, 1, 1]);
  });
  it('ends at the outermost edges', () => assert.deepEqual(encode([-9, 1e9]), [0, 1, 1]));
  it('scales the columns', () => {
    const scaling = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.1, 1], clip: 2 };
    assert.deepEqual(encode([1, 2], createEncoder({ edges, scaling })), [1, 2, -0.5]);
  });
  it('hides nothing that is not finite', () => assert.ok(encode([Number.NaN, 1]).some(Number.isNaN)));
  it('knows the feature of each column', () => assert.deepEqual([...plain.featureOf], [0, 1, 1]));
});
