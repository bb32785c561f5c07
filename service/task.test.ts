import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { simulate } from '../datasets/simulator/simulator.ts';
import { readConfig } from './config.ts';
import type { Changes, Entry } from './core/changes.ts';
import { bucketOf, isCohortId } from './core/cohort.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { createObserver } from './core/observe.ts';
import type { Incoming } from './core/source.ts';
import { decodeNdjson } from './gateways/ndjson.ts';
import type { ScoringStages } from './pipeline.ts';
import { createStages } from './stages.ts';
import { PartitionTask, type TaskOptions } from './task.ts';

const CALLS = 6000;
let stages: ScoringStages;
let records: Incoming[];

before(async () => {
  stages = await createStages(readConfig({}));
  records = [];
  for (const { call } of simulate({ seed: 99, clients: 20_000 })) if (records.push(recordOf(call)) === CALLS) break;
});

const encoder = new TextEncoder();

function recordOf(call: ApiCall): Incoming {
  return { bytes: encoder.encode(JSON.stringify(call)), origin: call.id };
}

function createTask(change: Partial<TaskOptions> = {}, maxClients = 10_000): PartitionTask {
  return new PartitionTask({
    ...stages,
    identifies: true,
    createObserver: (hooks) => createObserver({ maxClients, ...hooks }),
    ...change,
  });
}

/** The topics as a reader of them would hold them. */
class Topics {
  readonly entries = new Map<string, Buffer>();
  readonly verdicts = new Map<string, Verdict>();

  write({ state, shared, decisions }: Changes): void {
    for (const { key, value } of [...state, ...shared]) {
      this.entries.delete(key);
      if (value) this.entries.set(key, value);
    }
    for (const [clientId, decision] of decisions) {
      if (decision) this.verdicts.set(clientId, decision.verdict);
      else this.verdicts.delete(clientId);
    }
  }

  restoreTo(task: PartitionTask, committed: number | null): number | null {
    for (const [key, value] of this.entries) task.restore({ key, value } satisfies Entry);
    return task.restored(committed);
  }
}

/** Processes records `from` to `to` in stretches, as a stream does, and commits now and then. */
function run(task: PartitionTask, topics: Topics, from: number, to: number, commitEvery = 1000): void {
  for (let at = from; at < to; at += 100) {
    task.process(records.slice(at, Math.min(to, at + 100)), decodeNdjson);
    task.decide();
    if ((at - from) % commitEvery === commitEvery - 100) topics.write(task.take(at + 100));
  }
  topics.write(task.take(to));
}

const plain = (topics: Topics) => ({
  entries: new Map([...topics.entries].sort()),
  verdicts: new Map([...topics.verdicts].sort()),
});

test('a task that dies at any point and is restored ends in the same bits, verdicts with their reasons included', () => {
  const whole = new Topics();
  run(createTask(), whole, 0, CALLS);
  assert.ok(whole.verdicts.size > 50 && whole.entries.size > 100);
  for (const diesAt of [1, 1234, 3000]) {
    const topics = new Topics();
    const first = createTask();
    run(first, topics, 0, diesAt);
    // Done and not committed: gone with the process.
    first.process(records.slice(diesAt, diesAt + 500), decodeNdjson);
    first.decide();
    const second = createTask();
    assert.equal(topics.restoreTo(second, diesAt), diesAt);
    run(second, topics, diesAt, CALLS, 700);
    assert.deepEqual(plain(topics), plain(whole));
  }
});

test('state goes with its offset: where the group was set back, everything begins anew and the old is taken away', () => {
  const whole = new Topics();
  run(createTask(), whole, 0, 2000);
  const topics = new Topics();
  run(createTask(), topics, 0, CALLS);
  const again = createTask();
  assert.equal(topics.restoreTo(again, 0), 0);
  run(again, topics, 0, 2000);
  const isLink = (key: string) => key.startsWith('anchor:') || key.startsWith('subject:');
  const states = (of: Topics) => [...of.entries].filter(([key]) => !isLink(key)).sort();
  assert.deepEqual(states(topics), states(whole));
});

test('where the group has no offset the state tells it, and without state reading begins where the group says', () => {
  const topics = new Topics();
  run(createTask(), topics, 0, 1000);
  assert.equal(topics.restoreTo(createTask(), null), 1000);
  assert.equal(new Topics().restoreTo(createTask(), null), null);
  assert.equal(new Topics().restoreTo(createTask(), 7), 7);
});

test('a verdict is taken away once it has expired by the time of the calls, whoever holds it then', () => {
  const context = {
    ...stages.context,
    policy: { ...stages.context.policy, ttlMs: { good: 60_000, unsure: 60_000, bad: 60_000 } },
  };
  const ends = [false, true].map((dies) => {
    const topics = new Topics();
    let task = createTask({ context });
    run(task, topics, 0, 3000);
    if (dies) {
      task = createTask({ context });
      topics.restoreTo(task, 3000);
    }
    run(task, topics, 3000, CALLS);
    return topics;
  });
  const last = Math.max(...records.map(({ bytes }) => (JSON.parse(new TextDecoder().decode(bytes)) as ApiCall).time));
  assert.ok([...ends[0]!.verdicts.values()].every(({ expiresAt }) => expiresAt > last - 60_000));
  assert.ok(ends[0]!.verdicts.size > 0);
  assert.deepEqual(plain(ends[1]!), plain(ends[0]!));
});

test('a client that is forgotten for the limit leaves state and verdicts', () => {
  const topics = new Topics();
  const task = createTask({}, 50);
  run(task, topics, 0, CALLS);
  assert.ok(task.observer.evictions > 0);
  const clients = [...topics.entries.keys()].filter((key) => /^[0-9a-f]{32}$/.test(key));
  assert.deepEqual(
    clients.filter((id) => !task.observer.has(id)),
    [],
  );
  assert.equal(clients.length, task.observer.size);
  assert.deepEqual(
    [...topics.verdicts.keys()].filter((id) => !task.observer.has(id)),
    [],
  );
});

test('what cannot be used is a dead letter of the same transaction', () => {
  const task = createTask();
  const told: string[] = [];
  const counting = createTask({ onRejection: ({ rejected }) => told.push(rejected) });
  const bad = { bytes: encoder.encode('{"id":'), origin: 'here' };
  counting.process([records[0]!, bad], decodeNdjson);
  assert.deepEqual(
    counting.take(2).letters.map(({ rejected, origin }) => [rejected, origin]),
    [['ASSAY_CALL_BAD_JSON', 'here']],
  );
  assert.deepEqual(told, ['ASSAY_CALL_BAD_JSON']);
  assert.deepEqual(task.take(0).letters, []);
});

test('takes calls up to the one that must wait, and goes on from there to the same bits', () => {
  const whole = new Topics();
  const count = 2000;
  run(createTask(), whole, 0, count);
  const asked: number[] = [];
  let isOver = false;
  const task = createTask({ mustWait: (time) => asked.push(bucketOf(time)) > 3 && !isOver });
  let at = 0;
  for (let taken = 1; taken > 0; at += taken) taken = task.process(records.slice(at, Math.min(at + 100, count)), decodeNdjson);
  assert.ok(at > 0 && at < count, `${at} calls were taken`);
  // Once for each bucket, and again for the one that waits.
  assert.deepEqual(asked, [...asked].sort());
  assert.equal(new Set(asked).size, 4);
  isOver = true;
  assert.equal(task.process(records.slice(at, count), decodeNdjson), count - at);
  const parted = new Topics();
  parted.write(task.take(count));
  assert.deepEqual(parted.entries.get('position'), whole.entries.get('position'));
  assert.deepEqual([...parted.entries.keys()].sort(), [...whole.entries.keys()].sort());
  for (const [key, value] of parted.entries) if (isCohortId(key)) assert.deepEqual(value, whole.entries.get(key), key);
});

test('tells each bucket of a cohort to its end, but not of a time long past', () => {
  const last = JSON.parse(Buffer.from(records[1999]!.bytes).toString()) as ApiCall;
  const tellAt = (nowMs: number) => {
    const task = createTask({ now: () => nowMs });
    task.process(records.slice(0, 2000), decodeNdjson);
    return task.take(2000).shared.filter(({ key }) => isCohortId(key));
  };
  const live = tellAt(last.time + 1000);
  const past = tellAt(last.time + 3_600_000);
  assert.equal(new Set(past.map(({ key }) => key)).size, past.length);
  assert.ok(live.length > past.length, `${live.length}, ${past.length}`);
  // The newest comes last, for whoever takes the partition over.
  assert.deepEqual(new Map(live.map(({ key, value }) => [key, value!])), new Map(past.map(({ key, value }) => [key, value!])));
});

test('a call that tells whose it is, is not asked again', () => {
  const task = createTask({ identifies: false });
  task.process([{ ...records[0]!, identity: { clientId: 'c'.repeat(32), strength: 2 } }], decodeNdjson);
  const { state, shared } = task.take(1);
  assert.deepEqual(
    state.map(({ key }) => key),
    ['c'.repeat(32), 'position'],
  );
  assert.equal(shared.filter(({ key }) => !key.startsWith('cohort-')).length, 0);
});
