import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createEncoder, scale } from '../service/core/encoding.ts';
import { encodeRows, fitEncoding, fitScaling } from './scaling.ts';

it('scales to mean 0 and deviation 1, by weight', () => {
  const scaling = fitScaling(Float32Array.of(1, 3, 5), 1, [1, 1, 2]);
  assert.ok(Math.abs(scaling.mean[0]! - 3.5) < 1e-6);
  assert.ok(Math.abs(scaling.deviation[0]! - Math.sqrt((6.25 + 0.25 + 2 * 2.25) / 4)) < 1e-6);
});

it('never divides by nothing, and cuts what lies far out', () => {
  const scaling = fitScaling(Float32Array.of(7, 0, 7, 0.001, 7, 0), 2, [1, 1, 1]);
  assert.equal(scaling.deviation[0], 1);
  assert.ok(Math.abs(scaling.deviation[1]! - 0.05) < 1e-6);
  const out = new Float32Array(2);
  scale(scaling, [8, -1], 1, out);
  assert.deepEqual([...out], [1, -2]);
});

it('cuts a feature at its quantiles, however rarely it is other than 0', () => {
  const x = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? i / 2 : i % 100 === 1 ? (i - 1) / 100 : 0));
  const { edges } = fitEncoding(x, 2, new Float32Array(1000).fill(1));
  edges[0]!.slice(-5).forEach((edge, i) => {
    assert.ok(Math.abs(edge - 200 * (i + 1)) < 3, String(edge));
  });
  assert.equal(edges[1]![0], 0);
  assert.ok(edges[1]!.length >= 5 && edges[1]!.every((edge, i, all) => i === 0 || edge > all[i - 1]!));
});

it('gives a feature that never varied one column', () => {
  const encoding = fitEncoding(Float32Array.of(3, 3, 3), 1, [1, 1, 1]);
  assert.deepEqual(encoding.edges, [[3, 4]]);
  assert.deepEqual([...encodeRows(createEncoder(encoding), Float32Array.of(3))], [0]);
});
