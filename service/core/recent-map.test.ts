import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecentMap } from './recent-map.ts';

test('holds no more than its limit, and the newest half of it always', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(fc.nat(50), { maxLength: 200 }), (limit, keys) => {
      const map = new RecentMap<number>(limit);
      for (const key of keys) map.set(String(key), key);
      assert.ok(map.size <= limit);
      const newest = [...new Set(keys.toReversed())].slice(0, Math.floor(limit / 2));
      for (const key of newest) assert.equal(map.peek(String(key)), key);
    }),
  );
});

test('keeps what is used, forgets what is not', () => {
  const map = new RecentMap<string>(10);
  map.set('used', 'a');
  map.set('unused', 'b');
  for (let i = 0; i < 100; i++) {
    map.set(`other ${i}`, '');
    assert.equal(map.get('used'), 'a');
  }
  assert.equal(map.get('unused'), undefined);
});

test('gives the newest value', () => {
  const map = new RecentMap<number>(4);
  map.set('a', 1);
  map.set('b', 1);
  map.set('c', 1);
  map.set('a', 2);
  assert.equal(map.get('a'), 2);
});
