import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attribute, calibrate, createNoveltyGauge, type DenseNet, forward, noveltyOf, readManifest } from './model.ts';

const WIDTH = 5;

function netOf(numbers: number[], [units1, units2] = [7, 4]): DenseNet {
  let at = 0;
  const take = (n: number) => Float64Array.from({ length: n }, () => numbers[at++ % numbers.length]!);
  return {
    kernel1: take(WIDTH * units1!),
    bias1: take(units1!),
    kernel2: take(units1! * units2!),
    bias2: take(units2!),
    kernel3: take(units2!),
    bias3: take(1)[0]!,
  };
}

const weight = fc.double({ min: -2, max: 2, noNaN: true });
const anyNet = fc.array(weight, { minLength: 101, maxLength: 101 }).map((numbers) => netOf(numbers));
const anyVector = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: WIDTH, maxLength: WIDTH });

/** Riemann sum of numerical gradients along the way: slow, and written without knowing how a ReLU net behaves. */
function attributeByBruteForce(net: DenseNet, x: Float64Array, steps = 4000): number[] {
  return [...x].map((value, f) => {
    let sum = 0;
    for (let s = 0; s < steps; s++) {
      const here = Float64Array.from(x, (v) => (v * (s + 0.5)) / steps);
      const up = here.slice();
      up[f]! += 1e-5;
      here[f]! -= 1e-5;
      sum += (forward(net, up) - forward(net, here)) / 2e-5;
    }
    return (value * sum) / steps;
  });
}

describe('attribute', () => {
  it('adds up to the difference that the vector makes', () => {
    fc.assert(
      fc.property(anyNet, anyVector, (net, vector) => {
        const x = Float64Array.from(vector);
        const total = attribute(net, x).reduce((a, b) => a + b, 0);
        const difference = forward(net, x) - forward(net, new Float64Array(WIDTH));
        assert.ok(Math.abs(total - difference) < 1e-9 * (1 + Math.abs(difference)), `${total} is not ${difference}`);
      }),
      { numRuns: 300 },
    );
  });

  it('equals the integral taken in small steps', () => {
    const numbers = Array.from({ length: 101 }, (_, i) => Math.sin(i * 12.9898) * 1.5);
    const net = netOf(numbers);
    const x = Float64Array.of(1.5, -2, 0.25, 3, -0.75);
    const exact = attribute(net, x);
    attributeByBruteForce(net, x).forEach((value, i) => {
      assert.ok(Math.abs(value - exact[i]!) < 5e-3 * (1 + Math.abs(value)), `feature ${i}: ${exact[i]} is not ${value}`);
    });
  });

  it('gives an absent feature no share', () => {
    const net = netOf(Array.from({ length: 101 }, (_, i) => Math.cos(i)));
    assert.equal(Math.abs(attribute(net, Float64Array.of(0, 1, 0, 1, 1))[2]!), 0);
  });
});

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
