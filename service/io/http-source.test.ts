import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiCall } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import type { Decode, Delivery, Incoming } from '../core/source.ts';
import { createHttpSource } from './http-source.ts';
import { splitBody } from './post-body.ts';

const decode: Decode = () => ({ rejected: 'ASSAY_INTERNAL', detail: '' });
const record = (origin: string): Incoming => ({ bytes: new Uint8Array([1]), origin });
const isOverloaded = (error: unknown) => error instanceof AssayError && error.code === 'ASSAY_OVERLOADED' && error.canRetry;

/** The next delivery of a source that is known to have one or to end. */
async function nextOf(deliveries: AsyncIterator<Delivery>): Promise<Delivery> {
  const { value, done } = await deliveries.next();
  assert.equal(done, false);
  return value;
}

test('posts that wait share one delivery, and each gets its own outcome', async () => {
  const source = createHttpSource({ maxWaiting: 4 });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  const decodeAs =
    (detail: string): Decode =>
    () => ({ rejected: 'ASSAY_CALL_BAD_JSON', detail });
  const posts = [
    source.post([record('a0'), record('a1')], decodeAs('a')),
    source.post([record('b0')], decodeAs('b')),
    source.post([record('c0')], decodeAs('c')),
  ];
  const delivery = await nextOf(deliveries);
  assert.deepEqual(
    delivery.records.map(({ origin }) => origin),
    ['a0', 'a1', 'b0', 'c0'],
  );
  assert.deepEqual(
    delivery.records.map((r) => (delivery.decode(r, 0) as { detail: string }).detail),
    ['a', 'a', 'b', 'c'],
  );
  const [, a1, b0] = delivery.records;
  const late = { rejected: 'ASSAY_CALL_LATE', detail: '' } as const;
  await delivery.acknowledge({ accepted: 2, rejections: [a1!, b0!].map((r) => ({ ...late, ...r })) });
  const outcomes = await Promise.all(posts);
  assert.deepEqual(
    outcomes.map(({ accepted, rejections }) => [accepted, rejections.map(({ origin }) => origin)]),
    [
      [1, ['a1']],
      [0, ['b0']],
      [1, []],
    ],
  );
});

test('a record of every content type finds its way back to its post', async () => {
  const call = '{"id":"1","time":1700000000000,"clientIp":"192.0.2.7","method":"GET","path":"/"}';
  for (const type of ['application/x-ndjson', 'application/json']) {
    const source = createHttpSource({ maxWaiting: 4 });
    const { records, decode: decodeBody } = splitBody(Buffer.from(call), type);
    const post = source.post(records, decodeBody);
    const delivery = await nextOf(source.deliveries(new AbortController().signal)[Symbol.asyncIterator]());
    const [record] = delivery.records;
    assert.equal((delivery.decode(record!, Date.now()) as ApiCall).id, '1', type);
    const letter = { rejected: 'ASSAY_CALL_LATE', detail: '', origin: record!.origin, bytes: record!.bytes } as const;
    await delivery.acknowledge({ accepted: 0, rejections: [letter] });
    assert.equal((await post).rejections.length, 1, type);
  }
});

test('a delivery of several posts stays within 10,000 records', async () => {
  const source = createHttpSource({ maxWaiting: 4 });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  const many = (n: number) => Array.from({ length: n }, (_, i) => record(String(i)));
  const posts = [many(6000), many(5000), many(4000)].map((records) => source.post(records, decode));
  const first = await nextOf(deliveries);
  assert.equal(first.records.length, 6000);
  await first.acknowledge({ accepted: 6000, rejections: [] });
  const second = await nextOf(deliveries);
  assert.equal(second.records.length, 9000);
  await second.acknowledge({ accepted: 9000, rejections: [] });
  assert.deepEqual(
    (await Promise.all(posts)).map(({ accepted }) => accepted),
    [6000, 5000, 4000],
  );
});

test('a post that comes while the pipeline waits wakes it', async () => {
  const source = createHttpSource({ maxWaiting: 1 });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  const waiting = nextOf(deliveries);
  const post = source.post([record('late')], decode);
  await (await waiting).acknowledge({ accepted: 1, rejections: [] });
  assert.equal((await post).accepted, 1);
});

test('what is not yet acknowledged counts as waiting, and one over the limit is refused at once', async () => {
  const source = createHttpSource({ maxWaiting: 2 });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  const first = source.post([record('1')], decode);
  const second = source.post([record('2')], decode);
  const inHand = await nextOf(deliveries);
  await assert.rejects(source.post([record('3')], decode), isOverloaded);
  await inHand.acknowledge({ accepted: 2, rejections: [] });
  await Promise.all([first, second]);
  const fourth = source.post([record('4')], decode);
  await (await nextOf(deliveries)).acknowledge({ accepted: 1, rejections: [] });
  assert.deepEqual(await fourth, { accepted: 1, rejections: [] });
});

test('an abort ends the iteration, refuses what waits, and lets what is in hand be acknowledged', async () => {
  const source = createHttpSource({ maxWaiting: 4 });
  const abort = new AbortController();
  const deliveries = source.deliveries(abort.signal)[Symbol.asyncIterator]();
  const inHand = source.post([record('in hand')], decode);
  const delivery = await nextOf(deliveries);
  const queued = source.post([record('queued')], decode);
  abort.abort();
  await assert.rejects(queued, isOverloaded);
  await delivery.acknowledge({ accepted: 1, rejections: [] });
  assert.equal((await inHand).accepted, 1);
  assert.equal((await deliveries.next()).done, true);
  await assert.rejects(source.post([record('after')], decode), isOverloaded);
});

test('an abort ends a pipeline that waits, and one that starts afterwards', async () => {
  const source = createHttpSource({ maxWaiting: 1 });
  const abort = new AbortController();
  const deliveries = source.deliveries(abort.signal)[Symbol.asyncIterator]();
  const waiting = deliveries.next();
  abort.abort();
  assert.equal((await waiting).done, true);
  assert.equal((await source.deliveries(abort.signal)[Symbol.asyncIterator]().next()).done, true);
});

test('a pipeline that breaks off refuses what it had in hand', async () => {
  const source = createHttpSource({ maxWaiting: 2 });
  const post = source.post([record('in hand')], decode);
  const refused = assert.rejects(post, isOverloaded);
  await assert.rejects(async () => {
    for await (const _delivery of source.deliveries(new AbortController().signal)) throw new Error('the disk is full');
  }, /the disk is full/);
  await refused;
});
