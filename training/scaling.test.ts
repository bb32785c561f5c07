import assert from 'node:assert/strict';
import { it } from 'node:test';
import { scale } from '../service/core/model.ts';
import { fitScaling } from './scaling.ts';

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
  scale({ scaling }, [8, -1], 1, out);
  assert.deepEqual([...out], [1, -2]);
});
