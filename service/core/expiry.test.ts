import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpiryTable, hasExpired } from './expiry.ts';

const MINUTE = 60_000;

test('what has expired is taken once, up to a minute late; what was taken out before is not', () => {
  const table = new ExpiryTable();
  table.put('a', 10 * MINUTE + 1);
  table.put('b', 10 * MINUTE + 59_999);
  table.put('c', 11 * MINUTE);
  table.put('gone', 10 * MINUTE);
  table.remove('gone', 10 * MINUTE);
  table.remove('never', 10 * MINUTE);
  assert.deepEqual(table.take(10 * MINUTE + 59_999), []);
  assert.deepEqual(table.take(11 * MINUTE), ['a', 'b']);
  assert.deepEqual(table.take(11 * MINUTE), []);
  assert.deepEqual(table.take(12 * MINUTE), ['c']);
});

test('what is said to have expired is what is taken', () => {
  for (const expiresAt of [0, 1, 59_999, 60_000, 90_000])
    for (const time of [0, 59_999, 60_000, 119_999, 120_000]) {
      const table = new ExpiryTable();
      table.put('a', expiresAt);
      assert.equal(table.take(time).length === 1, hasExpired(expiresAt, time), `${expiresAt} at ${time}`);
    }
});
