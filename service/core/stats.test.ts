import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  addDistinct,
  addMoment,
  addRecent,
  combine,
  countDistinct,
  deviation,
  evenness,
  hashString,
  joinDistinct,
  share,
} from './stats.ts';

describe('hashString', () => {
  test('known answers, which stored records and feature sets depend on', () => {
    assert.deepEqual(
      ['', 'a', '/v1/orders', '\u00e9\u{1f600}'].map((text) => hashString(text)),
      KNOWN,
    );
  });

  test('spreads over all bits', () => {
    const ones = new Uint32Array(32);
    for (let i = 0; i < 4096; i++) for (let bit = 0; bit < 32; bit++) ones[bit]! += (hashString(`key-${i}`) >>> bit) & 1;
    for (const n of ones) assert.ok(Math.abs(n - 2048) < 200, `${n} of 4096`);
  });

  test('order matters to combine', () => assert.notEqual(combine(1, 2), combine(2, 1)));
});
/** Computed by another implementation, in Python. */
const KNOWN = [2872998923, 444641715, 1593975731, 4159213040];

describe('countDistinct', () => {
  for (const size of [16, 32, 64]) {
    // The paper's standard error is 1.04 / √size; over 50 runs, the mean error of a sound sketch stays well within it.
    test(`${size} registers: errors as the paper says, from 1 to 20,000 values`, () => {
      for (const n of [1, 2, 5, 10, 30, 100, 1000, 20_000]) {
        const errors = Array.from({ length: 50 }, (_, run) => relativeError(size, n, run));
        const root = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
        const bias = errors.reduce((sum, e) => sum + e, 0) / errors.length;
        assert.ok(root < (1.45 * 1.04) / Math.sqrt(size), `${n}: root mean square error ${root.toFixed(3)}`);
        assert.ok(Math.abs(bias) < 0.7 / Math.sqrt(size), `${n}: bias ${bias.toFixed(3)}`);
      }
    });
  }

  test('nothing is 0; what was seen adds nothing; order is of no account', () => {
    const numbers = fc.array(fc.nat(0xffffffff), { maxLength: 50 });
    fc.assert(
      fc.property(numbers, (hashes) => {
        const [a, b] = [new Uint8Array(16), new Uint8Array(16)];
        for (const hash of hashes) addDistinct(a, 0, 32, hash);
        for (const hash of hashes.toReversed()) addDistinct(b, 0, 32, hash);
        assert.deepEqual(a, b);
        for (const hash of hashes) assert.equal(addDistinct(a, 0, 32, hash), false);
        assert.equal(countDistinct(a, 0, 32) === 0, hashes.length === 0);
      }),
    );
  });

  test('the hash 0 is a value like any other', () => {
    const registers = new Uint8Array(8);
    addDistinct(registers, 0, 16, 0);
    assert.ok(registers[0]! > 0 && registers[0]! < 10 && registers.subarray(1).every((r) => r === 0));
  });

  test('two sketches joined are the sketch of all values', () => {
    const [a, b, all, joined] = [0, 1, 2, 3].map(() => new Uint8Array(32)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    for (let i = 0; i < 300; i++) {
      addDistinct(i % 3 ? a : b, 0, 64, hashString(String(i)));
      addDistinct(all, 0, 64, hashString(String(i)));
    }
    joinDistinct(a, b, 32, joined);
    assert.deepEqual(joined, all);
  });

  test('keeps to its own slice', () => {
    const registers = new Uint8Array(48);
    for (let i = 0; i < 1000; i++) addDistinct(registers, 16, 16, hashString(String(i)));
    assert.ok(registers.subarray(0, 16).every((r) => r === 0) && registers.subarray(24).every((r) => r === 0));
    assert.ok(registers.subarray(16, 24).every((r) => (r & 15) > 0 && r >> 4 > 0));
  });
});

function relativeError(size: number, n: number, run: number): number {
  const registers = new Uint8Array(size / 2);
  for (let i = 0; i < n; i++) addDistinct(registers, 0, size, hashString(`${run}/${i}`));
  return countDistinct(registers, 0, size) / n - 1;
}

describe('moments', () => {
  test('equal those counted at once', () => {
    const values = fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, (list) => {
        const slots = new Float32Array(3);
        for (const [i, value] of list.entries()) addMoment(slots, 1, i + 1, value);
        const mean = list.reduce((sum, v) => sum + v, 0) / list.length;
        const squares = list.reduce((sum, v) => sum + (v - mean) ** 2, 0);
        const spread = list.length > 1 ? Math.sqrt(squares / (list.length - 1)) : 0;
        assert.ok(Math.abs(slots[1]! - mean) < 1e-3);
        assert.ok(Math.abs(deviation(slots, 1, list.length) - spread) < 1e-2, `${deviation(slots, 1, list.length)} ${spread}`);
        assert.equal(slots[0], 0);
      }),
    );
  });

  test('a recent share is the mean at first, then follows the newest', () => {
    const slots = new Float32Array(1);
    for (const [i, value] of [1, 0, 1, 0].entries()) addRecent(slots, 0, i + 1, 16, value);
    assert.equal(slots[0], 0.5);
    for (let i = 5; i < 200; i++) addRecent(slots, 0, i, 16, 1);
    assert.ok(slots[0]! > 0.99 && slots[0]! <= 1);
  });
});

test('share of nothing is 0', () => assert.deepEqual([share(0, 0), share(1, 4)], [0, 0.25]));

test('evenness: 0 in one bin, 1 when even, between otherwise', () => {
  assert.equal(evenness(Float32Array.of(9, 0, 0), 0, 3), 0);
  assert.ok(Math.abs(evenness(Float32Array.of(3, 3, 3), 0, 3) - 1) < 1e-9);
  assert.equal(evenness(new Float32Array(3), 0, 3), 0);
  const middle = evenness(Float32Array.of(8, 1, 1), 0, 3);
  assert.ok(middle > 0.4 && middle < 0.8);
});
