/**
 * Calls and the vectors that they gave when this file was written: the fourth lock against skew. When a count changes
 * its meaning on purpose, raise COUNTING_VERSION in features.ts and write the file anew: UPDATE_GOLDEN=1 npm test
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../io/package-root.ts';
import { checkCall, isRejection } from './api-call.ts';
import { featureNames, featureSet } from './features.ts';
import { createObserver, type Snapshot } from './observe.ts';

interface Golden {
  featureSet: string;
  features: readonly string[];
  calls: Record<string, unknown>[];
  snapshots: { clientId: string; calls: number; signals: string[]; vector: number[] }[];
}

const FILE = join(packageRoot, 'service', 'core', 'golden.json');
const RECEIVED = Date.UTC(2030, 0);

function replay(calls: Golden['calls']): Golden['snapshots'] {
  const observer = createObserver({ key: 'golden' });
  const snapshots: Snapshot[] = [];
  for (const record of calls) {
    const call = checkCall(record, RECEIVED);
    if (isRejection(call)) assert.fail(call.detail);
    const seen = observer.observe(call);
    if (!isRejection(seen) && seen.snapshot) snapshots.push(seen.snapshot);
  }
  return snapshots.map(({ clientId, calls: n, signals, vector }) => ({
    clientId,
    calls: n,
    signals: signals.map(({ name }) => name),
    vector: [...vector],
  }));
}

const golden = JSON.parse(readFileSync(FILE, 'utf8')) as Golden;

if (process.env.UPDATE_GOLDEN === '1') {
  const lines = (items: readonly unknown[]) => `[\n    ${items.map((item) => JSON.stringify(item)).join(',\n    ')}\n  ]`;
  const fresh = `{
  "featureSet": ${JSON.stringify(featureSet)},
  "features": ${lines(featureNames)},
  "calls": ${lines(golden.calls)},
  "snapshots": ${lines(replay(golden.calls))}
}
`;
  writeFileSync(FILE, fresh);
  Object.assign(golden, JSON.parse(fresh));
}

test('the golden calls give the golden vectors, to the bit', () => {
  assert.equal(golden.featureSet, featureSet);
  assert.deepEqual(golden.features, featureNames);
  const snapshots = replay(golden.calls);
  assert.equal(snapshots.length, golden.snapshots.length);
  snapshots.forEach((snapshot, i) => {
    const { vector, ...rest } = golden.snapshots[i]!;
    assert.deepEqual({ clientId: snapshot.clientId, calls: snapshot.calls, signals: snapshot.signals }, rest);
    for (const [k, value] of vector.entries())
      assert.ok(Object.is(snapshot.vector[k], value), `${featureNames[k]} of snapshot ${i}: ${snapshot.vector[k]}, was ${value}`);
  });
});

test('the golden calls exercise most features', () => {
  const moved = featureNames.filter((_, k) => golden.snapshots.some(({ vector }) => vector[k] !== 0));
  assert.ok(moved.length >= 0.85 * featureNames.length, `unmoved: ${featureNames.filter((name) => !moved.includes(name))}`);
});
