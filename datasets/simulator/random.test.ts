import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, gather, scatter } from './random.ts';

test('the same seed gives the same draws, another seed others', () => {
  const draws = (seed: number) => {
    const random = createRandom(seed);
    return [random.real(), random.int(0, 1e6), random.hex(20), random.uuid(), random.normal(), random.log(1, 1e6)];
  };
  assert.deepEqual(draws(7), draws(7));
  assert.notDeepEqual(draws(7), draws(8));
  assert.notDeepEqual(draws(7), draws(7 + 2 ** 32), 'seeds beyond 32 bits count too');
});

test('draws lie in their ranges and fill them', () => {
  const random = createRandom(1);
  const ints = Array.from({ length: 2000 }, () => random.int(3, 6));
  assert.deepEqual([...new Set(ints)].sort(), [3, 4, 5, 6]);
  const logs = Array.from({ length: 4000 }, () => random.log(1, 10_000));
  assert.ok(logs.every((x) => x >= 1 && x < 10_000));
  const small = logs.filter((x) => x < 100).length / logs.length;
  assert.ok(small > 0.45 && small < 0.55, `half lie in the lower half of the magnitudes, got ${small}`);
});

test('weights hold, and a weight of 0 is never drawn', () => {
  const random = createRandom(2);
  const counts = { often: 0, rarely: 0, never: 0 };
  for (let i = 0; i < 4000; i++) counts[random.weighted({ often: 3, rarely: 1, never: 0 })]++;
  assert.equal(counts.never, 0);
  assert.ok(Math.abs(counts.often / 4000 - 0.75) < 0.03, String(counts.often));
});

test('normal draws have mean 0 and deviation 1', () => {
  const random = createRandom(3);
  const all = Array.from({ length: 20_000 }, () => random.normal());
  const mean = all.reduce((a, b) => a + b) / all.length;
  const deviation = Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length);
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(deviation - 1) < 0.03, `${mean} ${deviation}`);
});

test('shuffle keeps every item once; a fork does not shift the draws after it', () => {
  const random = createRandom(4);
  assert.deepEqual(random.shuffle([1, 2, 3, 4, 5]).sort(), [1, 2, 3, 4, 5]);
  const [one, two] = [createRandom(5), createRandom(5)];
  const child = one.fork();
  two.fork();
  for (let i = 0; i < 10; i++) child.real();
  assert.equal(one.real(), two.real());
});

test('gather undoes scatter', () => {
  for (const n of [0, 1, 17, 65_536, 2 ** 31, 2 ** 32 - 1]) assert.equal(gather(scatter(n, 99), 99), n);
  const scattered = new Set(Array.from({ length: 10_000 }, (_x, n) => scatter(n, 5)));
  assert.equal(scattered.size, 10_000);
});
