import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  FRAME,
  readList,
  readMessages,
  SPOP_STATUS,
  SpopFault,
  type SpopValue,
  takeFrame,
  varint,
  writeFrame,
  writeList,
  writeVariables,
} from './spop.ts';

const LIMIT = 65_536;
const NO_STREAM = { streamId: 0, frameId: 0 };
const latin1 = fc.string({ unit: 'binary-ascii', maxLength: 300 });
const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.nat(2 ** 31 - 1),
  latin1,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
) as fc.Arbitrary<SpopValue>;

/** As HAProxy's doc gives it, bit by bit. */
function encodeByTheBook(number: bigint): number[] {
  if (number < 240n) return [Number(number)];
  const bytes = [Number((number & 0xffn) | 240n)];
  let left = (number - 240n) >> 4n;
  for (; left >= 128n; left = (left - 128n) >> 7n) bytes.push(Number((left & 0xffn) | 128n));
  return [...bytes, Number(left)];
}

describe('SPOP', () => {
  it('writes numbers as its specification does', () => {
    const check = (number: number) =>
      assert.deepEqual([...Buffer.from(varint(number), 'latin1')], encodeByTheBook(BigInt(number)));
    for (const number of [0, 239, 240, 241, 2287, 2288, 264_431, 264_432, 33_818_864, 2 ** 40, 2 ** 52]) check(number);
    fc.assert(fc.property(fc.maxSafeNat(), check));
  });

  it('reads what it writes, however it is cut', () => {
    const entry = fc.tuple(latin1, value);
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 12 }),
        fc.nat(2 ** 31),
        fc.nat(10_000),
        fc.nat(),
        (list, streamId, frameId, at) => {
          const bytes = writeFrame(FRAME.notify, { streamId, frameId }, writeList(list));
          const cut = at % bytes.length;
          assert.equal(takeFrame(bytes.subarray(0, cut), LIMIT), null);
          const { frame, length } = takeFrame(Buffer.concat([bytes, Buffer.from('more')]), LIMIT)!;
          assert.deepEqual(
            [frame.type, frame.isLast, frame.streamId, frame.frameId, length],
            [3, true, streamId, frameId, bytes.length],
          );
          assert.deepEqual([...readList(frame.payload)], [...new Map(list)]);
        },
      ),
    );
  });

  it('reads messages as HAProxy sends them, addresses too', () => {
    const text = (word: string) => [word.length, ...Buffer.from(word)];
    const v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7];
    const args = [
      ...text('a'),
      6,
      192,
      0,
      2,
      1,
      ...text('b'),
      7,
      ...v6,
      ...text('c'),
      7,
      ...mapped,
      ...text('d'),
      0x11,
      ...text('e'),
      0,
    ];
    const payload = Buffer.from([...text('ask'), 5, ...args, ...text('none'), 0]);
    assert.deepEqual(
      readMessages(payload).map(({ name, args: read }) => [name, Object.fromEntries(read)]),
      [
        ['ask', { a: '192.0.2.1', b: '2001:db8::1', c: '::ffff:192.0.2.7', d: true, e: null }],
        ['none', {}],
      ],
    );
    assert.deepEqual([...writeVariables([['v', 'x']])], [1, 3, 2, ...text('v'), 8, ...text('x')]);
  });

  it('tells what is none by the status that DISCONNECT has for it, and nothing else comes out', () => {
    const status = (work: () => unknown) => {
      try {
        work();
        return null;
      } catch (error) {
        assert.ok(error instanceof SpopFault, String(error));
        return error.status;
      }
    };
    assert.equal(
      status(() => takeFrame(Buffer.from([0, 1, 0, 1]), LIMIT)),
      SPOP_STATUS.tooBig,
    );
    assert.equal(
      status(() => takeFrame(Buffer.from([0, 0, 0, 2, 3, 0]), LIMIT)),
      SPOP_STATUS.invalid,
    );
    assert.equal(
      status(() => readList(Buffer.from([1, 97, 0x0a]))),
      SPOP_STATUS.invalid,
    );
    assert.equal(
      status(() => readList(Buffer.from([1, 97, 2, ...new Array(12).fill(255)]))),
      SPOP_STATUS.invalid,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const work of [readList, readMessages]) status(() => work(Buffer.from(bytes)));
        status(() => takeFrame(writeFrame(FRAME.notify, NO_STREAM, Buffer.from(bytes)).subarray(0, 9), LIMIT));
      }),
    );
  });
});
