import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  aucInterval,
  brier,
  type ClientOutcome,
  calibrationError,
  evaluateClients,
  prAuc,
  quantile,
  recallAtFalseAlarmRate,
  rocAuc,
  wilsonInterval,
} from './evaluation.ts';

/** Numbers from 0 to 1 that are the same in each run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Scores on a grid of ten, so that many tie, higher for bad. */
function sample(seed: number, n: number): { scores: number[]; labels: number[] } {
  const next = noise(seed);
  const labels = Array.from({ length: n }, () => Number(next() < 0.4));
  const scores = labels.map((label) => Math.floor(10 * (0.3 * label + 0.7 * next())) / 10);
  return { scores, labels };
}

function pairs(scores: number[], labels: number[]): number {
  let [sum, n] = [0, 0];
  for (let i = 0; i < scores.length; i++)
    for (let j = 0; j < scores.length; j++) {
      if (labels[i] !== 1 || labels[j] !== 0) continue;
      n++;
      sum += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  return sum / n;
}

const near = (actual: number | null | undefined, expected: number, within = 1e-12) =>
  assert.ok(actual != null && Math.abs(actual - expected) <= within, `${actual} is not near ${expected}`);

describe('rocAuc', () => {
  it('knows the textbook cases', () => {
    assert.equal(rocAuc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
    assert.equal(rocAuc([1, 2, 3, 4], [0, 0, 1, 1]), 1);
    assert.equal(rocAuc([4, 3, 2, 1], [0, 0, 1, 1]), 0);
    assert.equal(rocAuc([1, 1, 1, 1], [false, true, false, true]), 0.5);
  });

  it('equals counting all pairs, ties included', () => {
    for (const seed of [1, 2, 3]) {
      const { scores, labels } = sample(seed, 120);
      near(rocAuc(scores, labels), pairs(scores, labels));
    }
  });

  it('is null where a class is missing', () => {
    assert.equal(rocAuc([1, 2], [1, 1]), null);
    assert.equal(rocAuc([], []), null);
  });
});

describe('prAuc', () => {
  it('is the average precision of the textbook case', () => {
    near(prAuc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.5 * 1 + 0.5 * (2 / 3));
  });

  it('is the share of bad where all scores tie, whatever the order', () => {
    near(prAuc([1, 1, 1, 1], [1, 0, 0, 0]), 0.25);
    near(prAuc([1, 1, 1, 1], [0, 0, 0, 1]), 0.25);
  });

  it('is null without a bad case', () => assert.equal(prAuc([1, 2], [0, 0]), null));
});

describe('recallAtFalseAlarmRate', () => {
  const scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
  const labels = [1, 1, 0, 1, 0, 0];

  it('counts the bad above the allowed share of good', () => {
    near(recallAtFalseAlarmRate(scores, labels, 0), 2 / 3);
    near(recallAtFalseAlarmRate(scores, labels, 0.32), 2 / 3);
    near(recallAtFalseAlarmRate(scores, labels, 0.34), 1);
  });

  it('takes no half of a tie', () => {
    assert.equal(recallAtFalseAlarmRate([0.9, 0.9, 0.1], [1, 0, 0], 0), 0);
    assert.equal(recallAtFalseAlarmRate([0.9, 0.9, 0.1], [1, 0, 0], 0.5), 1);
  });

  it('equals trying every threshold', () => {
    const { scores: s, labels: l } = sample(7, 150);
    const good = l.filter((x) => x === 0).length;
    const at = (threshold: number, label: number) => s.filter((x, i) => x >= threshold && l[i] === label).length;
    for (const rate of [0.01, 0.1, 0.3]) {
      const best = Math.max(0, ...s.filter((t) => at(t, 0) <= rate * good).map((t) => at(t, 1)));
      near(recallAtFalseAlarmRate(s, l, rate), best / (l.length - good));
    }
  });
});

describe('calibration', () => {
  it('is nought for scores that keep their word', () => {
    near(calibrationError([0.25, 0.25, 0.25, 0.25, 1, 0], [0, 0, 0, 1, 1, 0]), 0);
    assert.equal(brier([1, 0], [1, 0]), 0);
  });

  it('is the distance of score and share', () => {
    near(calibrationError([0.9, 0.9, 0.9, 0.9], [1, 0, 1, 0]), 0.4);
    near(brier([0.9, 0.9, 0.9, 0.9], [1, 0, 1, 0]), (0.01 + 0.81) / 2);
  });

  it('weighs bins by their cases, and knows the edges', () => {
    near(calibrationError([0.1, 0.1, 0.1, 1], [0, 0, 0, 1], 2), 0.3 / 4);
    assert.equal(calibrationError([], []), null);
    assert.equal(brier([], []), null);
  });
});

describe('intervals', () => {
  it('are those that Wilson and others print', () => {
    // Newcombe (1998), table I, method 3.
    const known: [number, number, number, number][] = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ];
    for (const [successes, n, low, high] of known) {
      const [a, b] = wilsonInterval(successes, n);
      near(a, low, 5e-5);
      near(b, high, 5e-5);
    }
    assert.deepEqual(wilsonInterval(0, 0), [0, 1]);
    assert.equal(wilsonInterval(5, 5)[1], 1);
  });

  it('of the AUC equals DeLong by its definition', () => {
    const { scores, labels } = sample(11, 90);
    const of = (label: number) => scores.filter((_, i) => labels[i] === label);
    const [bad, good] = [of(1), of(0)];
    const psi = (x: number, y: number) => (x > y ? 1 : x === y ? 0.5 : 0);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const variance = (values: number[]) => values.reduce((a, v) => a + (v - mean(values)) ** 2, 0) / (values.length - 1);
    const v10 = bad.map((x) => mean(good.map((y) => psi(x, y))));
    const v01 = good.map((y) => mean(bad.map((x) => psi(x, y))));
    const half = 1.959963984540054 * Math.sqrt(variance(v10) / bad.length + variance(v01) / good.length);
    const [low, high] = aucInterval(scores, labels)!;
    near(low, mean(v10) - half, 1e-9);
    near(high, mean(v10) + half, 1e-9);
  });

  it('of the AUC stay within 0 to 1 and need two of each', () => {
    assert.deepEqual(aucInterval([1, 2, 3, 4], [0, 0, 1, 1]), [1, 1]);
    assert.equal(aucInterval([1, 2, 3], [0, 0, 1]), null);
  });
});

describe('quantile', () => {
  it('is linear between neighbours', () => {
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
    assert.equal(quantile([1, 2, 3, 4, 5], 0.95), 4.8);
    assert.equal(quantile([7], 0.1), 7);
    assert.equal(quantile([], 0.5), null);
  });
});

describe('evaluateClients', () => {
  const outcome = (changes: Partial<ClientOutcome>): ClientOutcome => ({
    score: 0.1,
    verdict: 'good',
    label: 'good',
    kind: 'monitor',
    callsAtDetection: null,
    calls: 9,
    ...changes,
  });
  const report = evaluateClients([
    outcome({}),
    outcome({ score: 0.97, verdict: 'bad', callsAtDetection: 5 }),
    outcome({ kind: 'crm-sync', score: null, verdict: 'unsure' }),
    outcome({ label: 'bad', kind: 'scraping', score: 0.99, verdict: 'bad', callsAtDetection: 3 }),
    outcome({ label: 'bad', kind: 'scraping', score: 0.2, verdict: 'good', callsAtDetection: 13 }),
    outcome({ label: 'bad', kind: 'scraping', score: 0.6, verdict: 'unsure' }),
    outcome({ label: 'bad', kind: 'cracking', score: 0.05 }),
  ]);

  it('counts clients, classes and those without a score', () => {
    assert.deepEqual([report.clients, report.good, report.bad, report.unscored], [7, 3, 4, 1]);
    near(report.rocAuc, (2 + 1 + 1 + 0) / 8);
  });

  it('counts false alarms for each kind of good', () => {
    assert.deepEqual(
      report.goodKinds.map(({ kind, clients, falseAlarms, rate }) => [kind, clients, falseAlarms, rate]),
      [
        ['crm-sync', 1, 0, 0],
        ['monitor', 2, 1, 0.5],
      ],
    );
    assert.deepEqual(report.goodKinds[1]!.interval, wilsonInterval(1, 2));
    near(report.falseAlarmRate, 1 / 3);
  });

  it('counts a bad client as found once it was called bad', () => {
    assert.deepEqual(
      report.badKinds.map(({ kind, detected, unsure, missed }) => [kind, detected, unsure, missed]),
      [
        ['cracking', 0, 0, 1],
        ['scraping', 2, 1, 0],
      ],
    );
    assert.deepEqual(report.callsUntilDetection, { median: 8, p95: 12.5 });
    assert.equal(report.recall, 0.5);
  });

  it('gives nulls, not nonsense, for no clients at all', () => {
    const empty = evaluateClients([]);
    assert.deepEqual([empty.rocAuc, empty.recall, empty.falseAlarmRate, empty.calibrationError], [null, null, null, null]);
    assert.deepEqual(empty.badKinds, []);
  });
});
