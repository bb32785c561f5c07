import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createEncoder, type Encoding } from './encoding.ts';
import { createAttribution } from './explain.ts';
import { type DenseNet, forward } from './model.ts';

const EDGES = [
  [0, 1, 3],
  [-2, 2],
  [0, 0.5, 1, 8],
];
const ENCODING: Encoding = {
  edges: EDGES,
  scaling: { mean: [0.1, 0.5, 0.4, 0.2, 0.9, 0.3], deviation: [0.5, 0.1, 1, 0.2, 2, 0.3], clip: 5 },
};
const encoder = createEncoder(ENCODING);
const UNITS = [7, 4] as const;
const NUMBERS = encoder.columns * UNITS[0] + UNITS[0] + UNITS[0] * UNITS[1] + UNITS[1] * 2 + 1;

function netOf(numbers: readonly number[]): DenseNet {
  let at = 0;
  const take = (n: number) => Float64Array.from({ length: n }, () => numbers[at++]!);
  return {
    kernel1: take(encoder.columns * UNITS[0]),
    bias1: take(UNITS[0]),
    kernel2: take(UNITS[0] * UNITS[1]),
    bias2: take(UNITS[1]),
    kernel3: take(UNITS[1]),
    bias3: take(1)[0]!,
  };
}

const weight = fc.double({ min: -2, max: 2, noNaN: true });
const anyNet = fc.array(weight, { minLength: NUMBERS, maxLength: NUMBERS }).map(netOf);
/** Below, on, between and above the edges. */
const anyValue = fc.oneof(fc.constantFrom(...EDGES.flat()), fc.double({ min: -5, max: 12, noNaN: true }));
const anyVector = fc.array(anyValue, { minLength: EDGES.length, maxLength: EDGES.length });

function inputsOf(vector: readonly number[]): Float64Array {
  const inputs = new Float32Array(encoder.columns);
  encoder.encode(vector, 1, inputs);
  return Float64Array.from(inputs);
}

/** Riemann sum of numerical gradients along the way: slow, and written without knowing how a ReLU net behaves. */
function attributeByBruteForce(net: DenseNet, vector: readonly number[], steps = 4000): Float64Array {
  const x = inputsOf(vector);
  const shares = new Float64Array(EDGES.length);
  x.forEach((value, column) => {
    let sum = 0;
    for (let s = 0; s < steps; s++) {
      const here = x.map((v) => (v * (s + 0.5)) / steps);
      const up = here.slice();
      up[column]! += 1e-5;
      here[column]! -= 1e-5;
      sum += (forward(net, up) - forward(net, here)) / 2e-5;
    }
    shares[encoder.featureOf[column]!]! += (value * sum) / steps;
  });
  return shares;
}

describe('attribution', () => {
  it('adds up to the difference that the vector makes', () => {
    fc.assert(
      fc.property(anyNet, anyVector, (net, vector) => {
        const total = createAttribution(ENCODING, net)(vector).reduce((a, b) => a + b, 0);
        const difference = forward(net, inputsOf(vector)) - forward(net, new Float64Array(encoder.columns));
        assert.ok(Math.abs(total - difference) < 1e-9 * (1 + Math.abs(difference)), `${total} is not ${difference}`);
      }),
      { numRuns: 300 },
    );
  });

  it('equals the integral taken in small steps', () => {
    const net = netOf(Array.from({ length: NUMBERS }, (_, i) => Math.sin(i * 12.9898) * 1.5));
    const attribute = createAttribution(ENCODING, net);
    for (const vector of [
      [-9, 0.5, 0],
      [0, -2, 0.7],
      [2, 1, 3],
      [99, 99, 99],
    ]) {
      const exact = attribute(vector);
      attributeByBruteForce(net, vector).forEach((share, f) => {
        const message = `${vector}, feature ${f}: ${exact[f]} is not ${share}`;
        assert.ok(Math.abs(share - exact[f]!) < 5e-3 * (1 + Math.abs(share)), message);
      });
    }
  });

  it('gives a feature that is as on average no share', () => {
    const net = netOf(Array.from({ length: NUMBERS }, (_, i) => Math.cos(i)));
    const [, share] = createAttribution(ENCODING, net)([1, -0.4, 1]);
    // Its one column is then at its mean, but for rounding.
    assert.ok(Math.abs(share!) < 1e-6, String(share));
  });

  it('hides nothing that is not finite', () => {
    const net = netOf(Array.from({ length: NUMBERS }, (_, i) => Math.cos(i)));
    assert.ok(createAttribution(ENCODING, net)([1, Number.NaN, 1]).some(Number.isNaN));
  });
});
