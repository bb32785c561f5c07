import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../datasets/simulator/random.ts';
import { calibrate } from '../service/core/model.ts';
import { type Case, chooseThresholds, fitPlatt } from './calibrate.ts';

const near = (actual: number, expected: number, within: number) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not near ${expected}`);

describe('fitPlatt', () => {
  it('finds the slope and the intercept that made the labels', () => {
    const random = createRandom(4);
    const logits = Array.from({ length: 60_000 }, () => 3 * random.normal());
    const labels = logits.map((z) => Number(random.real() < 1 / (1 + Math.exp(-(0.7 * z - 1.2)))));
    const { slope, intercept } = fitPlatt(
      logits,
      labels,
      logits.map(() => 1),
    );
    near(slope, 0.7, 0.02);
    near(intercept, -1.2, 0.04);
  });

  it('counts a row of weight 2 like two rows', () => {
    const logits = [-2, -1, 0, 1, 2, 3];
    const labels = [0, 0, 1, 0, 1, 1];
    const weighted = fitPlatt(logits, labels, [1, 2, 1, 1, 1, 1]);
    const repeated = fitPlatt([...logits, -1], [...labels, 0], [1, 1, 1, 1, 1, 1, 1]);
    near(weighted.slope, repeated.slope, 1e-9);
    near(weighted.intercept, repeated.intercept, 1e-9);
  });

  it('stays finite and in order on separable and on constant logits', () => {
    const apart = fitPlatt([-9, -8, 8, 9], [0, 0, 1, 1], [1, 1, 1, 1]);
    assert.ok(apart.slope > 0 && Number.isFinite(apart.slope) && Number.isFinite(apart.intercept));
    const flat = fitPlatt([0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]);
    near(calibrate(flat, 0), (3 * (1 / 5) + 2 / 3) / 4, 1e-6);
  });
});

describe('chooseThresholds', () => {
  const options = { falseAlarmRate: 0.01, missRate: 0.1, minCalls: 3, leastBadAt: 0.9, mostGoodBelow: 0.5 };
  const good = (client: number, score: number, calls = 5): Case => ({ client, bad: false, score, calls });
  const bad = (client: number, score: number, calls = 5): Case => ({ client, bad: true, score, calls });

  it('lets no more than the allowed share of good clients reach badAt', () => {
    const cases = Array.from({ length: 300 }, (_, i) => good(i, i < 5 ? 0.95 + i / 100 : 0.2));
    const { badAt } = chooseThresholds(cases, options);
    const alarms = cases.filter(({ score }) => score >= badAt).length;
    assert.equal(alarms, 3);
    assert.ok(badAt > 0.96 && badAt < 0.97, String(badAt));
  });

  it('looks at the highest score of a good client, from the third call on', () => {
    const cases = [good(1, 0.99, 2), good(1, 0.1, 3), good(2, 0.93, 8), good(2, 0.1, 13)];
    const { badAt } = chooseThresholds(cases, options);
    assert.ok(badAt > 0.93 && badAt < 0.95, String(badAt));
  });

  it('does not go under the least, even if no good client came near', () => {
    assert.equal(chooseThresholds([good(1, 0.2), bad(2, 0.99)], options).badAt, 0.9);
  });

  it('sets goodBelow so that few bad clients end under it', () => {
    const cases = Array.from({ length: 20 }, (_, i) => [bad(i, 0.01, 1), bad(i, 0.1 + i / 100)]).flat();
    const { goodBelow } = chooseThresholds(cases, options);
    assert.equal(cases.filter(({ score, calls }) => calls === 5 && score < goodBelow).length, 2);
    assert.equal(chooseThresholds([bad(1, 0.99)], options).goodBelow, 0.5);
  });

  it('counts a client that turned among the bad', () => {
    assert.equal(chooseThresholds([good(1, 0.97, 5), bad(1, 0.99, 8)], options).badAt, 0.9);
  });
});
