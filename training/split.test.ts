import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dealOut, stratify } from './split.ts';

describe('dealOut', () => {
  it('gives each name to one set', () => {
    assert.deepEqual(dealOut(['c', 'a', 'b', 'a', 'd'], 3), [['a', 'd'], ['b'], ['c']]);
    assert.deepEqual(dealOut(['a'], 3), [['a']]);
  });
  it('sets apart what belongs together', () => {
    const families = { a: 'scan', b: 'flood', c: 'scan', d: 'flood' } as Record<string, string>;
    assert.deepEqual(
      dealOut('abcd', 2, (name) => families[name]!),
      [
        ['b', 'a'],
        ['d', 'c'],
      ],
    );
  });
});

describe('stratify', () => {
  const labels = Uint8Array.from({ length: 503 }, (_, i) => Number(i % 7 === 0));

  it('gives each fold the same share of each label, to one', () => {
    const fold = stratify(labels, 5, 1);
    for (const label of [0, 1]) {
      const counts = [0, 1, 2, 3, 4].map((k) => labels.filter((l, i) => l === label && fold[i] === k).length);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    }
  });

  it('follows its seed', () => {
    assert.deepEqual(stratify(labels, 5, 1), stratify(labels, 5, 1));
    assert.notDeepEqual(stratify(labels, 5, 1), stratify(labels, 5, 2));
  });
});
