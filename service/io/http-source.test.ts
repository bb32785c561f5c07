import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssayError } from '../core/errors.ts';
import { createHttpSource } from './http-source.ts';
import type { Decode, Delivery, Incoming } from './source.ts';

const decode: Decode = () => ({ rejected: 'ASSAY_INTERNAL', detail: '' });
const record = (origin: string): Incoming => ({ bytes: new Uint8Array([1]), origin });
const isOverloaded = (error: unknown) => error instanceof AssayError && error.code === 'ASSAY_OVERLOADED' && error.canRetry;

/** The next delivery of a source that is known to have one or to end. */
async function nextOf(deliveries: AsyncIterator<Delivery>): Promise<Delivery> {
  const { value, done } = await deliveries.next();
  assert.equal(done, false);
  return value;
}

test('a post resolves with the outcome that the pipeline acknowledges, in the order of arrival', async () => {
  const source = createHttpSource({ maxWaiting: 4 });
  const deliveries = source.deliveries(new AbortController().signal)[Symbol.asyncIterator]();
  const posts = ['a', 'b'].map((name) => source.post([record(name)], decode));
  for (const name of ['a', 'b']) {
    const delivery = await nextOf(deliveries);
    assert.equal(delivery.records[0]!.origin, name);
    assert.equal(delivery.decode, decode);
    await delivery.acknowledge({ accepted: 1, rejections: [{ rejected: 'ASSAY_CALL_LATE', detail: name, origin: name }] });
  }
  const outcomes = await Promise.all(posts);
  assert.deepEqual(
    outcomes.map(({ rejections }) => rejections[0]!.origin),
    ['a', 'b'],
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
  await inHand.acknowledge({ accepted: 1, rejections: [] });
  await first;
  const fourth = source.post([record('4')], decode);
  for (let i = 0; i < 2; i++) await (await nextOf(deliveries)).acknowledge({ accepted: 1, rejections: [] });
  assert.deepEqual(await Promise.all([second, fourth]), Array(2).fill({ accepted: 1, rejections: [] }));
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
