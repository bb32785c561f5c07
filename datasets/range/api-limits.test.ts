import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BoundedMap, isOutage, MinuteCount, RateLimit } from './api-limits.ts';

describe('BoundedMap', () => {
  it('forgets the oldest when full, and tells', () => {
    const dropped: number[] = [];
    const map = new BoundedMap<number>(2, (value) => dropped.push(value));
    map.set('a', 1).set('b', 2).set('a', 3).set('c', 4);
    assert.deepEqual([[...map.keys()], dropped], [['b', 'c'], [3]]);
  });
});

describe('RateLimit', () => {
  it('grants a burst, then so many a second, to each name', () => {
    const limit = new RateLimit();
    const granted = (name: string, nowMs: number, tries: number) =>
      Array.from({ length: tries }, () => limit.take(name, 2, 5, nowMs)).filter(Boolean).length;
    assert.equal(granted('a', 0, 9), 5);
    assert.equal(granted('b', 0, 9), 5);
    assert.equal(granted('a', 1500, 9), 3);
  });
});

describe('MinuteCount', () => {
  it('starts anew each minute', () => {
    const counts = new MinuteCount();
    counts.add('a', 59_000);
    counts.add('a', 59_500);
    assert.deepEqual([counts.count('a', 59_900), counts.count('a', 60_100), counts.count('b', 59_900)], [2, 0, 0]);
  });
});

describe('isOutage', () => {
  it('is 4 s long in each 90, at different moments', () => {
    const starts: number[] = [];
    for (let round = 0; round < 20; round++) {
      const ill = Array.from({ length: 900 }, (_, i) => round * 90_000 + i * 100).filter((ms) => isOutage(ms, 3));
      assert.ok(Math.abs(ill.length - 40) <= 1, `${ill.length}`);
      starts.push(ill[0]! % 90_000);
    }
    assert.ok(new Set(starts).size > 15);
  });
});
