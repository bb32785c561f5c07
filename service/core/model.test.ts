import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrate, createNoveltyGauge, noveltyOf, readManifest } from './model.ts';

describe('calibrate', () => {
  it('is the logistic function of a line, and finite at both ends', () => {
    assert.equal(calibrate({ slope: 1, intercept: 0 }, 0), 0.5);
    assert.ok(Math.abs(calibrate({ slope: 0.5, intercept: 1 }, 2) - 1 / (1 + Math.exp(-2))) < 1e-15);
    assert.equal(calibrate({ slope: 1, intercept: 0 }, -1e6), 0);
    assert.equal(calibrate({ slope: 1, intercept: 0 }, 1e6), 1);
  });
});

describe('noveltyOf', () => {
  it('is the root mean square along the directions, over the limit', () => {
    const gauge = createNoveltyGauge({
      directions: [
        [1, 0],
        [0, 2],
      ],
      limit: 2,
    });
    const value = noveltyOf(gauge, Float32Array.of(9, 3, 2), 1, 2);
    assert.ok(Math.abs(value - Math.sqrt((9 + 16) / 2) / 2) < 1e-12);
  });
  it('is 0 where a model has none', () => {
    assert.equal(noveltyOf(createNoveltyGauge({ directions: [], limit: 1 }), Float32Array.of(5), 0, 1), 0);
  });
});

describe('readManifest', () => {
  const good = {
    format: 2,
    id: 'm',
    featureSet: 'f',
    features: ['a', 'b'],
    families: ['x'],
    encoding: {
      edges: [
        [0, 1],
        [0, 1, 2],
      ],
      scaling: { mean: [0, 0, 0], deviation: [1, 1, 1], clip: 5 },
    },
    scaling: { mean: [0, 0], deviation: [1, 1], clip: 5 },
    calibration: { slope: 1, intercept: 0 },
    thresholds: { badAt: 0.9, goodBelow: 0.5 },
    novelty: { directions: [[1, 0]], limit: 1 },
    checksums: { 'model.json': '', 'weights.bin': '' },
    data: [],
    seed: 1,
    backend: 'wasm',
    metrics: {},
  };
  const refused = (change: object, why: RegExp) =>
    assert.throws(() => readManifest({ ...good, ...change }), { code: 'ASSAY_MODEL_MALFORMED', message: why });

  it('takes a whole one', () => assert.equal(readManifest(good).id, 'm'));
  it('tells every fault at once', () => refused({ id: 7, seed: 'x' }, /\/id.*\/seed/));
  it('refuses rows of another width', () => refused({ novelty: { directions: [[1]], limit: 1 } }, /2 wide/));
  it('refuses a deviation of 0', () => refused({ scaling: { mean: [0, 0], deviation: [1, 0], clip: 5 } }, /deviation/));
  it('refuses edges that do not ascend', () =>
    refused(
      {
        encoding: {
          ...good.encoding,
          edges: [
            [0, 1],
            [0, 2, 2],
          ],
        },
      },
      /ascend/,
    ));
  it('refuses edges that do not fit the columns', () =>
    refused(
      {
        encoding: {
          ...good.encoding,
          edges: [
            [0, 1],
            [0, 2],
          ],
        },
      },
      /2 wide/,
    ));
  it('refuses an earlier format', () => refused({ format: 1 }, /\/format/));
});
