import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MERGE, type MergeItem, PartitionMerge } from './partition-merge.ts';

const NOW = 1_700_000_000_000;
/** Within the last minute, so that only what is known to be missing is waited for. */
const LIVE = NOW - 1000;
const HISTORIC = NOW - 3600_000;

function item(time: number | null, offset: number): MergeItem {
  return { time, offset };
}

/** A merge of partitions that are known to be empty and have been silent for long. */
function idleMerge(...partitions: number[]): PartitionMerge<MergeItem> {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign(partitions, 0);
  for (const partition of partitions) merge.expect(partition, 0, 0);
  return merge;
}

/** The brokers answer, once a second. */
function live(merge: PartitionMerge<MergeItem>, from: number, forMs: number): void {
  for (let ms = 0; ms < forMs; ms += 1000) merge.beat(from + ms);
  merge.beat(from + forMs);
}

function names(taken: { partition: number; item: MergeItem }[]): string {
  return taken.map(({ partition, item }) => `${partition}@${item.offset}`).join(' ');
}

test('heads go in event-time order, within a partition in offset order', () => {
  const merge = idleMerge(0, 1, 2);
  merge.add(0, [item(LIVE + 1, 0), item(LIVE + 4, 1)], 2, 2, NOW);
  merge.add(1, [item(LIVE + 2, 0), item(LIVE, 1), item(LIVE + 9, 2)], 3, 3, NOW);
  merge.add(2, [item(LIVE + 3, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW, 100)), '0@0 1@0 1@1 2@0 0@1 1@2');
  assert.ok(merge.isEmpty);
});

test('ties go by offset, then to the partition that has waited longest, then to the first', () => {
  const merge = idleMerge(0, 1, 2);
  merge.add(2, [item(LIVE, 5)], 6, 6, NOW);
  merge.add(1, [item(LIVE, 6), item(LIVE, 7)], 8, 8, NOW);
  merge.add(0, [item(LIVE, 6), item(LIVE, 7)], 8, 8, NOW);
  assert.equal(names(merge.take(NOW, 100)), '2@5 0@6 1@6 0@7 1@7');
});

test('a producer that went round the partitions in any order is followed, ties and all', () => {
  for (const round of [
    [0, 1, 2, 3],
    [2, 3, 0, 1],
    [3, 1, 0, 2],
  ]) {
    const merge = idleMerge(0, 1, 2, 3);
    // The first round shows the order; from then on there are three calls to a millisecond.
    const timeOf = (i: number) => HISTORIC + (i < 4 ? i : 4 + Math.floor(i / 3));
    const sent = Array.from({ length: 40 }, (_, i) => ({ partition: round[i % 4]!, time: timeOf(i), offset: i >> 2 }));
    for (const partition of round) {
      const items = sent.filter((s) => s.partition === partition).map(({ time, offset }) => item(time, offset));
      merge.add(partition, items, 10, 10, NOW);
    }
    const expected = sent.map(({ partition, offset }) => `${partition}@${offset}`).join(' ');
    assert.equal(names(merge.take(NOW + MERGE.silenceMs, 100)), expected);
  }
});

test('no more than the limit is taken at once, and nothing is lost between', () => {
  const merge = idleMerge(0);
  merge.add(0, [item(LIVE, 0), item(LIVE, 1), item(LIVE, 2)], 3, 3, NOW);
  assert.equal(names(merge.take(NOW, 2)), '0@0 0@1');
  merge.add(0, [item(LIVE, 3)], 4, 4, NOW);
  assert.equal(merge.buffered(0), 2);
  assert.equal(names(merge.take(NOW, 2)), '0@2 0@3');
});

test('live calls wait for nobody', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1], NOW);
  merge.expect(0, 0, 0);
  merge.expect(1, 0, 0);
  merge.add(0, [item(LIVE, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW, 10)), '0@0');
});

test('a partition that is known to hold more is waited for, but not for ever', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1], NOW);
  merge.expect(0, 0, 1);
  merge.expect(1, 4, 5);
  merge.add(0, [item(LIVE, 0)], 1, 1, NOW);
  live(merge, NOW, MERGE.patienceMs - 1);
  assert.equal(names(merge.take(NOW + MERGE.patienceMs - 1, 10)), '');
  merge.renew(NOW + MERGE.patienceMs);
  live(merge, NOW + MERGE.patienceMs, MERGE.patienceMs - 1);
  assert.equal(names(merge.take(NOW + 2 * MERGE.patienceMs - 1, 10)), '');
  assert.equal(names(merge.take(NOW + 2 * MERGE.patienceMs, 10)), '0@0');
});

test('in an outage nobody is passed over, and after it the first to come back waits for the others', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1, 2], NOW);
  merge.expect(0, 0, 2);
  merge.expect(1, 0, 1);
  merge.expect(2, 0, 0);
  merge.add(0, [item(HISTORIC, 0)], 1, 2, NOW);
  const back = NOW + 10 * MERGE.patienceMs;
  assert.equal(names(merge.take(back, 10)), '');
  merge.add(0, [item(HISTORIC + 2, 1)], 2, 2, back);
  assert.equal(names(merge.take(back, 10)), '');
  merge.add(1, [item(HISTORIC + 1, 0)], 1, 1, back + 1000);
  merge.beat(back + MERGE.silenceMs);
  // The third holds nothing more that is known of, and has been silent since for as long as a historic head waits.
  assert.equal(names(merge.take(back + MERGE.silenceMs, 10)), '0@0 1@0');
});

test('a new partition counts as holding more until it is known what it holds', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1], NOW);
  merge.add(0, [item(LIVE, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW, 10)), '');
  merge.expect(1, null, 0);
  assert.equal(names(merge.take(NOW, 10)), '0@0');
});

test('taking stops where a partition runs dry that holds more', () => {
  const merge = idleMerge(0, 1);
  merge.add(0, [item(LIVE, 0), item(LIVE + 5, 1)], 2, 2, NOW);
  merge.add(1, [item(LIVE + 2, 0)], 1, 9, NOW);
  assert.equal(names(merge.take(NOW, 10)), '0@0 1@0');
  merge.add(1, [item(LIVE + 4, 1)], 2, 2, NOW);
  assert.equal(names(merge.take(NOW, 10)), '1@1 0@1');
});

test('a historic head waits until the others have been silent for a while', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1], NOW);
  merge.expect(1, 0, 0);
  merge.add(0, [item(HISTORIC, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW + MERGE.silenceMs - 1, 10)), '');
  assert.equal(names(merge.take(NOW + MERGE.silenceMs, 10)), '0@0');
});

test('what has no time keeps its place, and waits for nobody where it has none', () => {
  const merge = new PartitionMerge<MergeItem>();
  merge.assign([0, 1], NOW);
  merge.add(0, [item(null, 0), item(LIVE + 1, 1), item(null, 2), item(LIVE + 3, 3)], 4, 4, NOW);
  assert.equal(names(merge.take(NOW, 10)), '0@0');
  merge.add(1, [item(LIVE, 0), item(LIVE + 2, 1)], 2, 2, NOW);
  assert.equal(names(merge.take(NOW, 10)), '1@0 0@1 0@2 1@1 0@3');
});

test('a new assignment drops the buffers; a kept partition goes on behind what was taken', () => {
  const merge = idleMerge(0, 1);
  merge.add(0, [item(LIVE, 0), item(LIVE + 1, 1)], 2, 2, NOW);
  merge.add(1, [item(LIVE + 1, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW, 1)), '0@0');
  merge.assign([0, 2], NOW);
  assert.ok(merge.isEmpty);
  assert.deepEqual(merge.partitions, [0, 2]);
  merge.expect(0, 0, 2);
  merge.expect(2, 0, 0);
  merge.add(0, [item(LIVE, 0), item(LIVE + 1, 1)], 2, 2, NOW);
  merge.add(1, [item(LIVE + 1, 0)], 1, 1, NOW);
  assert.equal(names(merge.take(NOW, 10)), '0@1');
});

test('a commit by another group member moves the position on', () => {
  const merge = idleMerge(0);
  merge.add(0, [item(LIVE, 0)], 1, 1, NOW);
  merge.take(NOW, 1);
  merge.assign([0], NOW);
  assert.equal(merge.position(0), 1);
  merge.expect(0, 7, 9);
  assert.equal(merge.position(0), 7);
});

test('a batch that comes twice is taken once', () => {
  const merge = idleMerge(0);
  const items = [item(LIVE, 0), item(LIVE, 1)];
  merge.add(0, items, 2, 2, NOW);
  merge.add(0, items, 2, 2, NOW);
  assert.equal(names(merge.take(NOW, 10)), '0@0 0@1');
});

test('whatever the batches, a backlog comes out complete and in order of time', () => {
  const partition = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 }).map((times) => times.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(fc.array(partition, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 7 }), (partitions, size) => {
      const merge = new PartitionMerge<MergeItem>();
      merge.assign(partitions.keys(), NOW);
      for (const [i, times] of partitions.entries()) merge.expect(i, 0, times.length);
      const out: number[] = [];
      for (let round = 0; round < 40; round++) {
        for (const [i, times] of partitions.entries()) {
          const at = merge.position(i)!;
          const items = times.slice(at, at + size).map((time, j) => item(HISTORIC + time, at + j));
          if (items.length > 0 && merge.buffered(i) < size) merge.add(i, items, at + items.length, times.length, NOW);
        }
        out.push(...merge.take(NOW + MERGE.silenceMs, 11).map(({ item }) => item.time! - HISTORIC));
      }
      assert.deepEqual(
        out,
        partitions.flat().toSorted((a, b) => a - b),
      );
    }),
  );
});
