import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from './api-call.ts';
import { callOf, NOON } from './calls.test.data.ts';
import { bucketOf, COHORT, CohortPeers, cohortIdOf, cohortOf } from './cohort.ts';
import { COHORT_WAIT, CohortWait } from './cohort-wait.ts';
import type { ApiCall } from './contracts.ts';
import { createObserver } from './observe.ts';

const at = (bucket: number) => NOON + bucket * COHORT.bucketMs;
const LATER = at(20);

describe('a partition waits', () => {
  const reached = (...buckets: number[]) => new Map(buckets.map((bucket, partition) => [partition, bucketOf(at(bucket))]));
  const mustWait = (others: readonly number[], bucket: number, nowMs = LATER) =>
    new CohortWait(reached(bucket, ...others), 0).mustWait(at(bucket), nowMs);

  test('for those that have not told all of the bucket before the last finished one', () => {
    assert.equal(mustWait([10, 10], 10), false);
    assert.equal(mustWait([9, 12], 10), false);
    assert.equal(mustWait([8, 12], 10), true);
    assert.equal(mustWait([12, 3], 10), true);
  });

  test('for nobody where it is alone, nor with calls of just now or of a time long past', () => {
    assert.equal(mustWait([], 10), false);
    for (const [behindMs, waits] of [
      [-60_000, false],
      [COHORT_WAIT.behindMs - 1, false],
      [COHORT_WAIT.behindMs, true],
      [COHORT_WAIT.historicMs, true],
      [COHORT_WAIT.historicMs + 1, false],
    ] as const)
      assert.equal(mustWait([3], 10, at(10) + behindMs), waits, `${behindMs} ms behind`);
  });

  test('and no longer than it is patient, once for each that tells nothing more', () => {
    const told = reached(10, 3, 3);
    const wait = new CohortWait(told, 0);
    const end = LATER + COHORT_WAIT.patienceMs;
    assert.equal(wait.mustWait(at(10), LATER), true);
    assert.equal(wait.mustWait(at(10), end - 1), true);
    assert.equal(wait.mustWait(at(10), end), false);
    assert.equal(wait.mustWait(at(11), end), false);
    told.set(2, bucketOf(at(4)));
    assert.equal(wait.mustWait(at(11), end), true);
  });
});

const PARTITIONS = 3;
const stack = { ja4: 't13d1516h2_aaaa_bbbb', userAgent: 'curl/8.5.0', headerNames: ['host', 'user-agent', 'accept'] };

/** Of a hundred clients a call every tenth of a second or so, by partition. */
const byPartition = Array.from({ length: PARTITIONS }, (_, partition) =>
  Array.from({ length: 600 }, (_, i): ApiCall => {
    const client = (i * 7) % 100;
    const status = (i + partition) % 3 === 0 ? 401 : 200;
    const clientIp = `10.${partition}.0.${client}`;
    return callOf({ ...stack, clientIp, time: NOON + i * 131 + partition, method: 'POST', path: '/v1/login', status });
  }),
);

/** Partitions that tell each other of their one cohort when they are asked to. */
function createGroup() {
  const peers = new CohortPeers();
  const id = cohortIdOf(cohortOf(byPartition[0]![0]!));
  return byPartition.map((calls, partition) => {
    const ended: Uint8Array[] = [];
    const onBucketEnd = (_: string, record: Uint8Array) => void ended.push(record.slice());
    const observer = createObserver({ peers: peers.besides(partition), onBucketEnd });
    const wait = new CohortWait(peers.reached, partition);
    const vectors: string[] = [];
    let done = 0;
    let bucket = 0;
    return {
      vectors,
      isDone: () => done === calls.length,
      tell() {
        if (done > 0) for (const record of [...ended.splice(0), observer.dump(id)!]) peers.set(partition, id, record);
      },
      /** Counts up to so many calls; false where the first of them must wait. */
      go(count: number, nowMs: number): boolean {
        for (let i = 0; i < count && done < calls.length; i++) {
          const call = calls[done]!;
          if (bucketOf(call.time) > bucket && wait.mustWait(call.time, nowMs)) return i > 0;
          bucket = bucketOf(call.time);
          const seen = observer.observe(call);
          if (!isRejection(seen) && seen.snapshot) vectors.push(seen.snapshot.vector.join());
          done++;
        }
        return true;
      },
    };
  });
}

/** As they come, each telling the others at once. */
function inPeace(): string[][] {
  const group = createGroup();
  for (let i = 0; i < 600; i++)
    for (const part of group) {
      part.go(1, 0);
      part.tell();
    }
  return group.map(({ vectors }) => vectors);
}

test('whoever is behind together comes to the same vectors to the bit, in whatever order they catch up', () => {
  const expected = inPeace();
  const steps = fc.array(
    fc.record({ partition: fc.nat(PARTITIONS - 1), count: fc.integer({ min: 1, max: 200 }), tells: fc.boolean() }),
    { maxLength: 60 },
  );
  const catchUp = fc.property(steps, (planned) => {
    const group = createGroup();
    const step = (partition: number, count: number, tells: boolean) => {
      if (!group[partition]!.go(count, LATER) || tells) group[partition]!.tell();
    };
    // Who has never told anything is not waited for.
    for (let partition = 0; partition < PARTITIONS; partition++) step(partition, 1, true);
    for (const { partition, count, tells } of planned) step(partition, count, tells);
    for (let round = 0; round < 100 && !group.every((part) => part.isDone()); round++)
      for (let partition = 0; partition < PARTITIONS; partition++) step(partition, 100, true);
    assert.deepEqual(
      group.map(({ vectors }) => vectors),
      expected,
    );
  });
  fc.assert(catchUp, { numRuns: 40 });
});

test('without waiting they do not', () => {
  const group = createGroup();
  for (const part of group) {
    part.go(600, 0);
    part.tell();
  }
  assert.notDeepEqual(
    group.map(({ vectors }) => vectors),
    inPeace(),
  );
});
