import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Oldest } from './oldest.ts';

it('gives what came first of what is there, whatever comes and goes meanwhile', () => {
  const step = fc.oneof(
    fc.record({ put: fc.nat(20) }),
    fc.record({ remove: fc.nat(20) }),
    fc.constantFrom({ take: 'delete' }, { take: 'renew' }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const map = new Map<number, null>();
      const oldest = new Oldest(map);
      for (const each of steps) {
        if ('put' in each) map.set(each.put, null);
        else if ('remove' in each) map.delete(each.remove);
        else {
          const expected = map.keys().next().value;
          const first = oldest.next();
          assert.equal(first, expected);
          if (first !== undefined) map.delete(first);
          if (first !== undefined && each.take === 'renew') map.set(first, null);
        }
      }
    }),
  );
});
