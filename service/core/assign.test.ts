import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assignPartitions } from './assign.ts';

const members = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 10 })
  .chain((ids) => fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), owned: fc.uniqueArray(fc.nat(40)) }))));

test('every partition goes to one member, shares differ by one at most, and the order of members is of no account', () => {
  fc.assert(
    fc.property(members, fc.nat(40), (group, count) => {
      const shares = assignPartitions(group, count);
      assert.deepEqual(
        [...shares.values()].flat().sort((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      );
      const sizes = [...shares.values()].map(({ length }) => length);
      assert.equal(shares.size, group.length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      const other = assignPartitions(group.toReversed(), count);
      for (const [id, share] of shares) assert.deepEqual(new Set(other.get(id)), new Set(share));
    }),
  );
});

test('who comes takes a fair share, who goes leaves its share, and the others keep theirs', () => {
  const two = assignPartitions(
    [
      { id: 'a', owned: [0, 1, 2, 3, 4, 5, 6, 7] },
      { id: 'b', owned: [] },
    ],
    8,
  );
  assert.deepEqual(two.get('a'), [0, 1, 2, 3]);
  const three = assignPartitions([...[...two].map(([id, owned]) => ({ id, owned })), { id: 'c', owned: [] }], 8);
  const kept = ['a', 'b'].flatMap((id) => three.get(id)!.filter((partition) => two.get(id)!.includes(partition)));
  assert.equal(kept.length, 6);
  const left = assignPartitions(
    [...three].filter(([id]) => id !== 'b').map(([id, owned]) => ({ id, owned })),
    8,
  );
  for (const id of ['a', 'c']) assert.ok(three.get(id)!.every((partition) => left.get(id)!.includes(partition)));
});

test('where one is to have all, whoever has most keeps them', () => {
  const group = [
    { id: 'a', owned: [] },
    { id: 'b', owned: [0, 1, 2] },
  ];
  assert.deepEqual([...assignPartitions(group, 3, true)].sort(), [
    ['a', []],
    ['b', [0, 1, 2]],
  ]);
});
