import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  besideOf,
  headerBytes,
  type Letter,
  looksLikeJson,
  MAX_RESUBMISSIONS,
  NewestLetters,
  packBeside,
  printable,
  RESUBMITTED_HEADER,
  readCount,
  resubmissionsOf,
  unpackBeside,
  viewOf,
  whyLeft,
} from './dead-letter.ts';

function letterOf(change: Partial<Letter> = {}): Letter {
  const bytes = Buffer.from('{"id":');
  return {
    place: 'd/0@1',
    time: Date.UTC(2026, 0, 1),
    code: 'ASSAY_CALL_BAD_JSON',
    detail: 'ends too early',
    origin: 'c/3@7',
    bytes,
    size: bytes.length,
    putBack: false,
    ...change,
  };
}

test('a letter shows its time, its code in words, its source, its size and its beginning', () => {
  assert.deepEqual(viewOf(letterOf()), {
    place: 'd/0@1',
    time: '2026-01-01T00:00:00.000Z',
    code: 'ASSAY_CALL_BAD_JSON',
    text: 'The record is not valid JSON: ends too early',
    origin: 'c/3@7',
    size: 6,
    resubmitted: 0,
    putBack: false,
    beginning: '{"id":',
  });
});

test('no letter steers the terminal or stops the listing, whatever is in it', () => {
  const steering = '\u001b[2J\u009b1m\u202eabc\r\n';
  const bytes = Buffer.concat([Buffer.from([0, 255, 254]), Buffer.from(steering.repeat(1000))]);
  const view = viewOf(letterOf({ code: steering, detail: steering, origin: steering, bytes, time: Number.NaN }));
  for (const text of [view.code, view.text, view.origin, view.beginning]) assert.doesNotMatch(text, /[\p{C}\u2028\u2029]/u);
  assert.equal(view.time, null);
  assert.equal([...view.beginning].length, 80);
  assert.match(view.text, /^An unknown code/);
  assert.equal(viewOf(letterOf({ time: 1e300 })).time, null);
  assert.equal(printable('déjà 語 😀'), 'déjà 語 😀');
});

test('the newest are kept, newest first, however many come and in which order', () => {
  const newest = new NewestLetters(3, null);
  for (let i = 0; i < 5000; i++) newest.add(letterOf({ place: `p${i}`, time: (i * 7919) % 5000 }));
  assert.deepEqual(
    newest.newest().map(({ time }) => Date.parse(time!)),
    [4999, 4998, 4997],
  );
});

test('only letters of one code, where one is asked for', () => {
  const newest = new NewestLetters(10, 'ASSAY_CALL_LATE');
  for (const code of ['ASSAY_CALL_LATE', 'ASSAY_CALL_FUTURE', 'ASSAY_CALL_LATE'])
    newest.add(letterOf({ code, place: String(Math.random()) }));
  assert.equal(newest.newest().length, 2);
});

test('a letter that was put back since shows so', () => {
  const newest = new NewestLetters(10, null);
  for (const place of ['a', 'b']) newest.add(letterOf({ place }));
  newest.mark('a');
  newest.mark('never seen');
  assert.deepEqual(
    newest.newest().map(({ place, putBack }) => [place, putBack]),
    [
      ['b', false],
      ['a', true],
    ],
  );
});

test('what can not or should not be put back is left, with the reason', () => {
  assert.equal(whyLeft(letterOf()), null);
  assert.equal(whyLeft(letterOf({ resubmitted: MAX_RESUBMISSIONS - 1 })), null);
  assert.match(whyLeft(letterOf({ resubmitted: MAX_RESUBMISSIONS }))!, /failed again .* 3 times/);
  assert.match(whyLeft(letterOf({ headers: { [RESUBMITTED_HEADER]: '7' } }))!, /failed again .* 7 times/);
  assert.match(whyLeft(letterOf({ putBack: true }))!, /put back before/);
  assert.match(whyLeft(letterOf({ size: 2e6 }))!, /too large/);
  assert.match(whyLeft(letterOf({ code: 'ASSAY_CALL_TOO_LARGE' }))!, /too large/);
  assert.match(whyLeft(letterOf({ bytes: new Uint8Array(0), size: 0 }))!, /no bytes/);
});

test('the count of a header is a whole number or nothing', () => {
  assert.deepEqual(
    ['2', Buffer.from('3'), ['1', '4'], '-1', 'x', '', '1e9', '99999999', undefined].map(readCount),
    [2, 3, 4, 0, 0, 0, 0, 0, 0],
  );
  assert.equal(resubmissionsOf({ resubmitted: 1, headers: { [RESUBMITTED_HEADER]: '9' } }), 1);
});

test('key and headers come back as they were, names of our own included', () => {
  const beside = { key: Buffer.from([1, 255]), headers: { code: Buffer.from('x'), many: [Buffer.from('a'), 'b'], time: 't' } };
  const dead = { ...beside, rejected: 'ASSAY_CALL_LATE', detail: '', origin: '', bytes: new Uint8Array(1) } as const;
  const packed = packBeside(dead);
  assert.deepEqual(unpackBeside({ ...packed, code: 'ASSAY_CALL_LATE' }), beside);
  assert.deepEqual(unpackBeside({}), { key: null, headers: {} });
  const { key: _, ...keyless } = dead;
  assert.deepEqual(packBeside({ ...keyless, headers: { big: 'x'.repeat(40_000) } }), {});
});

test('headers are weighed, and nothing is kept of nothing', () => {
  assert.ok(headerBytes({ a: Buffer.alloc(100), b: ['x', Buffer.alloc(50)] }) >= 150);
  assert.equal(headerBytes(undefined), 0);
  assert.deepEqual(besideOf({ key: null, headers: {}, resubmitted: 0 }), {});
});

test('one line that begins like an object may be JSON', () => {
  assert.ok(looksLikeJson(Buffer.from('{"id":')));
  for (const text of ['', '192.0.2.1 - -', '{\n}', '[1]']) assert.ok(!looksLikeJson(Buffer.from(text)), text);
});
