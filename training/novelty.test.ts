import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../datasets/simulator/random.ts';
import { createNoveltyGauge, noveltyOf } from '../service/core/model.ts';
import { distancesOf, fitDirections, type NoveltyOptions, noveltyLimit } from './novelty.ts';

const OPTIONS = { shrinkage: 1e-4, explained: 1, within: 0.99 };

/** Pairs that vary together, and a third number on its own. */
function sample(seed: number, rows: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from(
    Array.from({ length: rows }, () => {
      const a = random.normal();
      return [a, a + 0.2 * random.normal(), random.normal()];
    }).flat(),
  );
}

function fitNovelty(train: Float32Array, held: Float32Array, width: number, options: NoveltyOptions) {
  const directions = fitDirections(train, width, options);
  return { directions, limit: noveltyLimit(distancesOf(held, width, directions), options) };
}

describe('novelty', () => {
  const novelty = fitNovelty(sample(1, 5000), sample(2, 2000), 3, OPTIONS);
  const gauge = createNoveltyGauge(novelty);
  const at = (...x: number[]) => noveltyOf(gauge, Float32Array.from(x), 0, 3);

  it('whitens: along its directions the data has a mean square of 1', () => {
    const x = sample(3, 5000);
    for (const direction of novelty.directions) {
      let sum = 0;
      for (let i = 0; i < x.length; i += 3) sum += direction.reduce((s, d, j) => s + d * x[i + j]!, 0) ** 2;
      assert.ok(Math.abs(sum / 5000 - 1) < 0.1, String(sum / 5000));
    }
  });

  it('holds the given share of unseen data within the limit', () => {
    const x = sample(4, 4000);
    let within = 0;
    for (let i = 0; i < x.length; i += 3) if (noveltyOf(gauge, x, i, 3) <= 1) within++;
    assert.ok(Math.abs(within / 4000 - 0.99) < 0.01, String(within / 4000));
  });

  it('finds a pair that never came apart in training more novel than a large one that kept together', () => {
    assert.ok(at(1.5, -1.5, 0) > 1);
    assert.ok(at(1.5, 1.5, 0) < 1);
  });

  it('keeps the fewest directions that explain enough', () => {
    assert.equal(novelty.directions.length, 3);
    assert.equal(fitNovelty(sample(1, 5000), sample(2, 200), 3, { ...OPTIONS, explained: 0.95 }).directions.length, 2);
  });

  it('lets a direction in which little varied weigh less the more it is shrunk', () => {
    const shrunk = createNoveltyGauge({
      ...fitNovelty(sample(1, 5000), sample(2, 2000), 3, { ...OPTIONS, shrinkage: 0.5 }),
      limit: 1,
    });
    const whole = createNoveltyGauge({ ...novelty, limit: 1 });
    const apart = Float32Array.of(0.5, -0.5, 0);
    assert.ok(noveltyOf(shrunk, apart, 0, 3) < 0.5 * noveltyOf(whole, apart, 0, 3));
  });

  it('stays finite where nothing varies', () => {
    const flat = fitNovelty(new Float32Array(30), new Float32Array(30), 3, OPTIONS);
    assert.ok(flat.limit > 0 && flat.directions.flat().every(Number.isFinite));
  });
});
