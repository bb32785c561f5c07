import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ExampleClient, Examples } from './examples.ts';
import { groupRows, judgeClients, poolOf } from './figures.ts';
import type { Judging } from './folds.ts';
import { POLICY } from './recipe.ts';

const JUDGING: Judging = {
  calibration: { slope: 1, intercept: 0 },
  thresholds: { badAt: 0.9, goodBelow: 0.3 },
  coverage: { alphaBad: 0.01, alphaGood: 0.05, calibrationClients: { good: 1, bad: 1 } },
  noveltyLimit: 2,
};

interface Way {
  readonly group: string;
  readonly scores: readonly number[];
  /** Calls before it turned. */
  readonly before?: number;
}

const CALLS = [1, 2, 3, 5, 8, 13, 21, 34];

/** Examples of nothing but scores: one client a way. */
function judge(ways: readonly Way[], distance = 0) {
  const clients = ways.map(({ group, before = 0 }, i): ExampleClient => {
    const label = group.startsWith('bad') ? 'bad' : 'good';
    const common = { id: `${i}`, origin: 'o', actor: `${i}`, tool: 't', software: 's', kind: 'k', snapshots: 0, calls: 99 };
    return { ...common, group, label, callsBeforeBad: before };
  });
  const rows = ways.flatMap(({ scores, before = 0, group }, client) =>
    scores.map((score, i) => ({ client, score, calls: CALLS[i]!, bad: Number(group.startsWith('bad') && CALLS[i]! > before) })),
  );
  const examples = {
    clients,
    client: Int32Array.from(rows, ({ client }) => client),
    calls: Float64Array.from(rows, ({ calls }) => calls),
    time: Float64Array.from(rows, ({ calls }) => 1e12 + 1000 * calls),
    sessionStart: new Float64Array(rows.length).fill(1e12),
    bad: Uint8Array.from(rows, ({ bad }) => bad),
  } as unknown as Examples;
  const logits = Float64Array.from(rows, ({ score }) => Math.log(score / (1 - score)));
  const distances = new Float64Array(rows.length).fill(distance);
  return judgeClients(examples, [...rows.keys()], { logits, distances }, () => JUDGING, POLICY);
}

describe('judgeClients', () => {
  it('counts the calls until the first verdict of bad, which is never before the third', () => {
    const [early, late, never] = judge([
      { group: 'bad a', scores: [0.99, 0.99, 0.99, 0.99] },
      { group: 'bad a', scores: [0.2, 0.2, 0.5, 0.6, 0.95] },
      { group: 'good b', scores: [0.2, 0.2, 0.2] },
    ]);
    assert.deepEqual([early!.callsAtDetection, late!.callsAtDetection, never!.callsAtDetection], [3, 8, null]);
    assert.deepEqual([early!.verdict, late!.verdict, never!.verdict], ['bad', 'bad', 'good']);
  });

  it('counts from the turn of a client that turns, and what came before as an early alarm', () => {
    const [found, early] = judge([
      { group: 'bad a', scores: [0.2, 0.2, 0.2, 0.2, 0.2, 0.99], before: 8 },
      { group: 'bad a', scores: [0.2, 0.2, 0.99, 0.99], before: 8 },
    ]);
    assert.deepEqual([found!.callsAtDetection, found!.alarmedEarly], [5, false]);
    assert.deepEqual([early!.callsAtDetection, early!.alarmedEarly], [null, true]);
    assert.notEqual(early!.verdict, 'bad');
  });

  it('calls what is novel unsure', () => {
    assert.deepEqual(
      judge([{ group: 'bad a', scores: [0.99, 0.99, 0.99] }], 2.1).map(({ verdict }) => verdict),
      ['unsure'],
    );
  });

  it('counts how often the verdict changes', () => {
    const [calm, restless] = judge([
      { group: 'good b', scores: [0.01, 0.01, 0.01, 0.01] },
      { group: 'good b', scores: [0.01, 0.7, 0.01, 0.01] },
    ]);
    assert.equal(calm!.changes, 0);
    assert.ok(restless!.changes >= 2);
  });
});

describe('poolOf and groupRows', () => {
  const good = Array.from(
    { length: 400 },
    (_, i): Way => ({ group: `good g${i % 4}`, scores: [0.1, 0.1, i === 0 ? 0.97 : 0.1 + i / 4000] }),
  );
  const bad = Array.from({ length: 40 }, (_, i): Way => ({ group: `bad b${i % 2}`, scores: [0.1, 0.5, i < 4 ? 0.05 : 0.95] }));
  const judged = judge([...good, ...bad]);

  it('gives counts, rates and intervals', () => {
    const pooled = poolOf(judged);
    assert.deepEqual([pooled.good, pooled.bad, pooled.falseAlarms, pooled.detected], [400, 40, 1, 36]);
    // Of the bad, 36 lie over all good ones but one; the rest under all.
    assert.ok(Math.abs(pooled.rocAuc! - (0.9 * 399) / 400) < 1e-9);
    assert.equal(pooled.recall, 0.9);
    assert.deepEqual([pooled.callsUntilDetection.median, pooled.restless], [3, 0]);
    for (const [low, high] of [pooled.rocAucByTools!, pooled.recallByTools!, pooled.detectedInterval])
      assert.ok(low < 0.95 && high > 0.89);
  });

  it('gives each tool and each kind its own row', () => {
    const rows = groupRows(judged);
    assert.deepEqual(
      rows.map(({ label, name, clients, calledBad }) => [label, name, clients, calledBad]),
      [
        ['bad', 'b0', 20, 18],
        ['bad', 'b1', 20, 18],
        ['good', 'g0', 100, 1],
        ['good', 'g1', 100, 0],
        ['good', 'g2', 100, 0],
        ['good', 'g3', 100, 0],
      ],
    );
    assert.equal(rows[0]!.overHalfPercent, 0.9);
    assert.equal(rows[0]!.calledGood, 2);
  });
});
