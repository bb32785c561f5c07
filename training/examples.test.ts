import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelledCall } from '../datasets/dataset.ts';
import { checkCall } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { FEATURES, featureNames } from '../service/core/features.ts';
import { createObserver } from '../service/core/observe.ts';
import { blackoutsOf } from './blackouts.ts';
import { collectExamples, type Recording, rowsByPart } from './examples.ts';
import { loadToyCalls } from './toy.test.data.ts';

const load = (seed = 1) => [...(loadToyCalls({ seed, clients: 12 }) as Iterable<LabelledCall>)];
const record = (calls: Recording['calls']): Recording[] => [{ part: 'train', calls }];

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
    const rows = [...examples.client.keys()].filter((row) => examples.clients[examples.client[row]!]!.group === 'g3');
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
    const { label, kind } = examples.clients[examples.client[rows[0]!]!]!;
    assert.deepEqual([label, kind], ['bad', 'walker']);
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

describe('rowsByPart', () => {
  it('has no client in two parts, even if the same address calls in both', async () => {
    const examples = await collectExamples([
      { part: 'train', calls: load() },
      { part: 'test', calls: load() },
    ]);
    const { train, test, validate } = rowsByPart(examples);
    assert.equal(train.length + test.length, examples.rows);
    assert.equal(validate.length, 0);
    const inTrain = new Set(train.map((row) => examples.client[row]!));
    assert.ok(test.every((row) => !inTrain.has(examples.client[row]!)));
    assert.equal(train.length, test.length);
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
