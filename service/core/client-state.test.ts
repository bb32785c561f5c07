import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RECORD_BYTES } from './client-record.ts';
import { packClient, STATE_LAYOUT, unpackClient } from './client-state.ts';
import type { Standing } from './verdict.ts';

const double = fc.double({ noNaN: true });
const standing: fc.Arbitrary<Standing> = fc.record(
  {
    verdict: fc.constantFrom('good', 'unsure', 'bad'),
    score: fc.option(double),
    novelty: fc.option(double),
    time: double,
    sessionStart: double,
    expiresAt: double,
    calls: fc.nat(65_535),
  },
  { noNullPrototype: true },
);
/** Mostly zeros, as a client's record is. */
const record = fc.array(fc.tuple(fc.nat(RECORD_BYTES - 1), fc.nat(255)), { maxLength: 300 }).map((bytes) => {
  const filled = new Uint8Array(RECORD_BYTES);
  for (const [at, value] of bytes) filled[at] = value;
  return filled;
});

test('a packed state comes back to the bit', () => {
  fc.assert(
    fc.property(record, fc.option(standing), (bytes, stands) => {
      assert.deepEqual(unpackClient(packClient({ record: bytes, standing: stands })), { record: bytes, standing: stands });
    }),
  );
});

test('zeros take no room, and nothing takes more than is promised', () => {
  assert.equal(packClient({ record: new Uint8Array(RECORD_BYTES), standing: null }).length, 21);
  const stands = { verdict: 'bad', score: 1, novelty: 1, time: 1, sessionStart: 1, expiresAt: 1, calls: 1 } as const;
  const full = new Uint8Array(RECORD_BYTES).fill(255);
  assert.equal(packClient({ record: full, standing: stands }).length, 1057);
});

test('what another layout wrote, and what is cut, is nothing', () => {
  const packed = packClient({ record: new Uint8Array(RECORD_BYTES).fill(1), standing: null });
  for (let length = 0; length < packed.length; length++) assert.equal(unpackClient(packed.subarray(0, length)), null);
  packed.writeUInt32LE((STATE_LAYOUT ^ 1) >>> 0, 0);
  assert.equal(unpackClient(packed), null);
});
