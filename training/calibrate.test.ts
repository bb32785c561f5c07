import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../datasets/simulator/random.ts';
import { calibrate } from '../service/core/model.ts';
import { type Case, chooseThresholds, compareCalibrations, fitIsotonic, fitPlatt, fitTemperature } from './calibrate.ts';

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

describe('fitTemperature', () => {
  it('finds the slope that made the labels', () => {
    const random = createRandom(6);
    const logits = Array.from({ length: 40_000 }, () => 3 * random.normal());
    const labels = logits.map((z) => Number(random.real() < 1 / (1 + Math.exp(-0.6 * z))));
    const { slope, intercept } = fitTemperature(
      logits,
      labels,
      logits.map(() => 1),
    );
    near(slope, 0.6, 0.02);
    assert.equal(intercept, 0);
  });
});

describe('fitIsotonic', () => {
  it('pools what is out of order and keeps the rest', () => {
    const read = fitIsotonic([1, 2, 3, 4], [0, 1, 0, 1], [100, 100, 100, 100]);
    near(read(1), 0, 0.01);
    near(read(2), 0.5, 0.01);
    assert.equal(read(2.9), read(3));
    near(read(9), 1, 0.01);
    assert.ok(read(-9) > 0 && read(9) < 1);
  });
});

describe('compareCalibrations', () => {
  it('tells that a stretched and shifted logit wants both numbers', () => {
    const random = createRandom(8);
    const cases = Array.from({ length: 20_000 }, (_, i) => {
      const z = 2 * random.normal();
      return { logit: 4 * z + 3, bad: Number(random.real() < 1 / (1 + Math.exp(-z))), weight: 1, fold: `tool-${i % 10}` };
    });
    const [none, temperature, platt, isotonic] = compareCalibrations(cases);
    assert.ok(platt!.logLoss < temperature!.logLoss && temperature!.logLoss < none!.logLoss);
    near(isotonic!.logLoss, platt!.logLoss, 0.01);
    assert.ok(platt!.calibrationError < 0.03 && none!.calibrationError > 0.1);
  });
});

describe('chooseThresholds', () => {
  const options = { alphaBad: 0.01, alphaGood: 0.1, minCalls: 3, leastBadAt: 0.9, mostGoodBelow: 0.5 };
  const good = (client: number, score: number, calls = 5): Case => ({ client, bad: false, score, calls });
  const bad = (client: number, score: number, calls = 5): Case => ({ client, bad: true, score, calls });
  const badAt = (cases: readonly Case[], changes = {}) => chooseThresholds(cases, { ...options, ...changes }).thresholds.badAt;

  it('takes the score of rank ceil((n + 1)(1 - alpha)) among the good', () => {
    const cases = Array.from({ length: 299 }, (_, i) => good(i, 0.9 + i / 3000));
    // ceil(300 · 0.99) = 297: two of 299 reach what lies above
    assert.equal(cases.filter(({ score }) => score >= badAt(cases)).length, 2);
  });

  it('lets a new good client reach it no more often than it says', () => {
    const random = createRandom(3);
    let alarms = 0;
    for (let round = 0; round < 400; round++) {
      const cases = Array.from({ length: 60 }, (_, i) => good(i, random.real()));
      const at = badAt(cases, { alphaBad: 0.1, leastBadAt: 0 });
      for (let i = 0; i < 50; i++) if (random.real() >= at) alarms++;
    }
    near(alarms / 20_000, 0.1, 0.015);
  });

  it('looks at the highest score of a good client, from the third call on', () => {
    const cases = [good(1, 0.99, 2), good(1, 0.1, 3), good(2, 0.93, 8), good(2, 0.1, 13)];
    const at = badAt(cases, { alphaBad: 0.34 });
    assert.ok(at > 0.93 && at < 0.94, String(at));
  });

  it('calls nobody bad, or good, where there are too few to promise it', () => {
    const { thresholds, coverage } = chooseThresholds([good(1, 0.2), bad(2, 0.99)], options);
    assert.deepEqual(thresholds, { badAt: 1, goodBelow: 0 });
    assert.deepEqual(coverage, { alphaBad: 0.01, alphaGood: 0.1, calibrationClients: { good: 1, bad: 1 } });
  });

  it('does not go under the least, even if no good client came near', () => {
    assert.equal(badAt(Array.from({ length: 200 }, (_, i) => good(i, 0.2))), 0.9);
  });

  it('sets goodBelow so that few bad clients end under it', () => {
    const cases = Array.from({ length: 19 }, (_, i) => [bad(i, 0.01, 1), bad(i, 0.1 + i / 100)]).flat();
    const { goodBelow } = chooseThresholds(cases, options).thresholds;
    assert.equal(cases.filter(({ score, calls }) => calls === 5 && score < goodBelow).length, 1);
    const high = Array.from({ length: 40 }, (_, i) => bad(i, 0.99));
    assert.equal(chooseThresholds(high, options).thresholds.goodBelow, 0.5);
  });

  it('counts a client that turned among the bad', () => {
    const calm = Array.from({ length: 200 }, (_, i) => good(i, 0.2));
    assert.equal(badAt([...calm, good(999, 0.97, 5), bad(999, 0.99, 8)]), 0.9);
  });
});
