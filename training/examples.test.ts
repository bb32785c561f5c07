import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelledCall } from '../datasets/dataset.ts';
import { checkCall } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { FEATURES, featureNames } from '../service/core/features.ts';
import { createObserver } from '../service/core/observe.ts';
import { blackoutsOf } from './blackouts.ts';
import { collectExamples, type Recording, rowsOf } from './examples.ts';
import { loadToyCalls } from './toy.test.data.ts';

const load = (seed = 1) => [...(loadToyCalls({ seed, clients: 12 }) as Iterable<LabelledCall>)];
const record = (calls: Recording['calls']): Recording[] => [{ origin: 'a', calls }];

describe('collectExamples', async () => {
  const examples = await collectExamples(record(load()));

  it("gives the vectors that serving's observer gives, in the same order", () => {
    const observer = createObserver();
    const vectors = load().flatMap(({ call }) => {
      const seen = observer.observe(checkCall(call, call.time) as ApiCall);
      return 'snapshot' in seen && seen.snapshot ? [seen.snapshot.vector] : [];
    });
    assert.equal(examples.rows, vectors.length);
    assert.ok(examples.rows > 12 * 6);
    vectors.forEach((vector, i) => {
      assert.deepEqual(examples.x.subarray(i * FEATURES.length, (i + 1) * FEATURES.length), vector);
    });
  });

  it('labels a client that turns bad only from its turn on', () => {
    const rows = [...examples.client.keys()].filter((row) => examples.clients[examples.client[row]!]!.actor === 'a c3');
    assert.deepEqual(
      rows.map((row) => [examples.calls[row], examples.bad[row]]),
      [
        [1, 0],
        [2, 0],
        [3, 0],
        [5, 0],
        [8, 0],
        [13, 1],
        [21, 1],
      ],
    );
    const { label, kind, group, calls, callsBeforeBad } = examples.clients[examples.client[rows[0]!]!]!;
    assert.deepEqual([label, kind, group, calls, callsBeforeBad], ['bad', 'walker', 'bad tool-0', 24, 12]);
    assert.deepEqual(rows.map((row) => examples.families[examples.family[row]!]).slice(4, 6), ['poller', 'walker']);
  });

  it('makes clients count alike, and weights mean 1', () => {
    const sums = new Map<number, number>();
    examples.client.forEach((client, row) => {
      sums.set(client, (sums.get(client) ?? 0) + examples.weight[row]!);
    });
    const [first, ...others] = [...sums.values()];
    for (const sum of others) assert.ok(Math.abs(sum - first!) < 1e-5);
    const mean = examples.weight.reduce((sum, w) => sum + w, 0) / examples.rows;
    assert.ok(Math.abs(mean - 1) < 1e-5);
  });

  it('names its data by a hash that the data alone decides', async () => {
    const again = await collectExamples(record(load()));
    assert.equal(again.sources[0]!.sha256, examples.sources[0]!.sha256);
    const other = await collectExamples(record(load(2)));
    assert.notEqual(other.sources[0]!.sha256, examples.sources[0]!.sha256);
    assert.deepEqual([examples.sources[0]!.calls, examples.sources[0]!.rejected], [12 * 24, 0]);
  });

  it('counts calls that serving would reject', async () => {
    const [first, ...rest] = load();
    const broken = { ...rest[0]!, call: { ...rest[0]!.call, status: 999 } };
    const { sources } = await collectExamples(record([first!, first!, broken]));
    assert.deepEqual([sources[0]!.calls, sources[0]!.rejected], [3, 2]);
  });
});

describe('rowsOf', () => {
  it('has no client in two origins, even if the same address calls in both', async () => {
    const examples = await collectExamples([
      { origin: 'a', calls: load() },
      { origin: 'b', calls: load() },
    ]);
    const [first, second] = ['a', 'b'].map((origin) => rowsOf(examples, (client) => client.origin === origin));
    assert.equal(first!.length, second!.length);
    assert.equal(first!.length + second!.length, examples.rows);
    const inFirst = new Set(first!.map((row) => examples.client[row]!));
    assert.ok(second!.every((row) => !inFirst.has(examples.client[row]!)));
  });
});

describe('groups', () => {
  it('are the programs of attacks, whatever they play, and the kinds of good clients', async () => {
    const { clients } = await collectExamples(record(load()));
    const groups = new Map(clients.map(({ actor, group }) => [actor, group]));
    assert.deepEqual(
      ['a c0', 'a c1', 'a c2', 'a c3'].map((actor) => groups.get(actor)),
      ['good poller', 'good poller', 'bad tool-2', 'bad tool-0'],
    );
  });

  it('keep all addresses of an actor together, also those from which it did no harm', async () => {
    const calls = load().map(({ call, truth }) => {
      // c3 turns; what it does before is moved to another address
      const isBefore = truth.client === 'c3' && truth.label === 'good';
      return { truth, call: isBefore ? { ...call, clientIp: '10.9.9.9' } : call };
    });
    const { clients } = await collectExamples(record(calls));
    const own = clients.filter(({ actor }) => actor === 'a c3');
    assert.deepEqual(
      own.map(({ label, group }) => [label, group]),
      [
        ['good', 'bad tool-0'],
        ['bad', 'bad tool-0'],
      ],
    );
  });
});

describe('blackoutsOf', () => {
  it('finds every feature it names', () => {
    for (const { columns, probability } of blackoutsOf(featureNames)) {
      assert.ok(columns.length > 0 && probability > 0 && probability < 1);
      assert.equal(new Set(columns).size, columns.length);
    }
  });

  it('refuses a name that is no feature', () => {
    assert.throws(() => blackoutsOf(['calls'], [[0.1, ['nonsense']]]), /"nonsense"/);
  });
});
