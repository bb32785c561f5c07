import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NOON } from './calls.test.data.ts';
import { FEATURES, featureNames, featureSet } from './features.ts';
import { STRENGTH } from './identify.ts';
import type { Snapshot } from './observe.ts';
import { readPolicy } from './policy.ts';
import {
  type Decidable,
  type DecideContext,
  decide,
  type Explanation,
  type Scored,
  type Standing,
  settleAll,
} from './verdict.ts';

const policy = readPolicy(
  {
    name: 'test',
    mode: 'live',
    badAt: 0.9,
    goodBelow: 0.3,
    minCallsForBad: 3,
    standingCalls: 8,
    marginLogOdds: 1,
    actions: { good: 'allow', unsure: 'challenge', bad: 'deny' },
    ttlMs: { good: 86_400_000, unsure: 3_600_000, bad: 1_800_000 },
  },
  { badAt: 0.5, goodBelow: 0.5 },
);
const CONTEXT: DecideContext = { policy, model: 'm1', featureSet };

function snapshotOf(fields: Partial<Decidable> = {}): Decidable {
  const vector = new Float32Array(FEATURES.length);
  return { clientId: 'c', calls: 21, time: NOON, sessionStart: NOON - 60_000, strength: 0, vector, signals: [], ...fields };
}
const scoredAs = (score: number | null, fields: Partial<Scored> = {}): Scored => ({
  score,
  family: 'scraping',
  novelty: 0.5,
  error: null,
  ...fields,
});
const decideOn = (
  snapshot: Partial<Snapshot>,
  scored: Scored,
  explanation: Explanation | null = null,
  standing: Standing | null = null,
) => decide(snapshotOf(snapshot), scored, explanation, standing, CONTEXT);

describe('from score to verdict', () => {
  const table: [string, Scored, Partial<Snapshot>, string, string][] = [
    ['at the threshold', scoredAs(0.9), {}, 'bad', 'deny'],
    ['under it', scoredAs(0.899), {}, 'unsure', 'challenge'],
    ['low', scoredAs(0.29), {}, 'good', 'allow'],
    ['at the lower threshold', scoredAs(0.3), {}, 'unsure', 'challenge'],
    ['high, on two calls', scoredAs(0.999), { calls: 2 }, 'unsure', 'challenge'],
    ['high, on three calls', scoredAs(0.999), { calls: 3 }, 'bad', 'deny'],
    ['low, on one call', scoredAs(0.01), { calls: 1 }, 'good', 'allow'],
    ['high, but unlike anything known', scoredAs(0.999, { novelty: 1.5 }), {}, 'unsure', 'challenge'],
    ['low, but unlike anything known', scoredAs(0.001, { novelty: 1.5 }), {}, 'unsure', 'challenge'],
    ['without novelty', scoredAs(0.999, { novelty: null }), {}, 'unsure', 'challenge'],
  ];
  for (const [what, scored, snapshot, verdict, action] of table)
    test(`${what}: ${verdict}`, () => {
      const decided = decideOn(snapshot, scored);
      assert.deepEqual([decided.verdict, decided.action], [verdict, action]);
    });

  test('says by what and for how long', () => {
    const verdict = decideOn({}, scoredAs(0.95));
    assert.deepEqual(
      [verdict.model, verdict.featureSet, verdict.policy, verdict.mode, verdict.expiresAt, verdict.family],
      ['m1', featureSet, policy.id, 'live', NOON + 1_800_000, 'scraping'],
    );
  });

  test('the same decision has the same id, another snapshot another one', () => {
    const { id } = decideOn({}, scoredAs(0.95));
    assert.equal(decideOn({}, scoredAs(0.95)).id, id);
    for (const other of [{ calls: 34 }, { sessionStart: NOON }, { clientId: 'd' }])
      assert.notEqual(decideOn(other, scoredAs(0.95)).id, id);
  });
});

describe('a score that is none', () => {
  for (const score of [null, Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1.1])
    test(`${score} becomes unsure, with a code, and never leaves`, () => {
      const verdict = decideOn({}, scoredAs(score), { baseLogOdds: 0, contributions: new Float32Array(FEATURES.length).fill(1) });
      assert.deepEqual([verdict.verdict, verdict.score, verdict.family, verdict.baseLogOdds], ['unsure', null, null, null]);
      assert.deepEqual(
        verdict.reasons.map(({ kind, name }) => [kind, name]),
        [['error', 'ASSAY_SCORE_NOT_FINITE']],
      );
    });

  test('the error that the model gave is kept', () => {
    const { reasons } = decideOn({}, scoredAs(null, { error: 'ASSAY_MODEL_MISSING' }));
    assert.equal(reasons[0]!.name, 'ASSAY_MODEL_MISSING');
  });

  test('nothing that is not finite leaves, whatever comes in', () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(
        number,
        number,
        number,
        fc.array(number, { minLength: FEATURES.length, maxLength: FEATURES.length }),
        (score, novelty, baseLogOdds, contributions) => {
          const verdict = decideOn({}, scoredAs(score, { novelty }), { baseLogOdds, contributions });
          const numbers = [
            verdict.score,
            verdict.novelty,
            verdict.baseLogOdds,
            ...verdict.reasons.flatMap(({ weight, value }) => [weight, value]),
          ];
          for (const n of numbers) assert.ok(n === null || Number.isFinite(n), `${n}`);
        },
      ),
    );
  });
});

describe('reasons', () => {
  const weights = Float64Array.from(FEATURES, (_, i) => (i % 7 === 0 ? (i % 2 ? 1 : -1) * (1 + i / 100) : 0.01));
  const explanation: Explanation = { baseLogOdds: -1.5, contributions: weights };

  test('the largest contributions, largest first, with what was measured', () => {
    const vector = Float32Array.from(FEATURES, (_, i) => i);
    const reasons = decideOn({ vector }, scoredAs(0.95), explanation).reasons.filter(({ kind }) => kind === 'contribution');
    const sorted = [...weights.keys()].sort((a, b) => Math.abs(weights[b]!) - Math.abs(weights[a]!)).slice(0, 5);
    assert.deepEqual(
      reasons.map(({ name, weight, value }) => [name, weight, value]),
      sorted.map((i) => [featureNames[i], weights[i], i]),
    );
    assert.ok(reasons.every(({ text }) => text.length > 5));
  });

  test('with the base and those that are not listed they add up to the log-odds of the score', () => {
    const logOdds = weights.reduce((sum, w) => sum + w, explanation.baseLogOdds);
    const verdict = decideOn({}, scoredAs(1 / (1 + Math.exp(-logOdds))), explanation);
    const listed = new Set(verdict.reasons.map(({ name }) => name));
    const rest = weights.reduce((sum, w, i) => (listed.has(featureNames[i]!) ? sum : sum + w), 0);
    const sum = verdict.reasons.reduce((total, { weight }) => total + (weight ?? 0), verdict.baseLogOdds! + rest);
    assert.ok(Math.abs(sum - Math.log(verdict.score! / (1 - verdict.score!))) < 1e-9);
  });

  test('of equal ones the earlier feature comes first, and tiny ones are left out', () => {
    const even = decideOn({}, scoredAs(0.95), { baseLogOdds: 0, contributions: new Array<number>(FEATURES.length).fill(0.5) });
    assert.deepEqual(
      even.reasons.map(({ name }) => name),
      featureNames.slice(0, 5),
    );
    const tiny = decideOn({}, scoredAs(0.95), { baseLogOdds: 0, contributions: new Array<number>(FEATURES.length).fill(0.01) });
    assert.deepEqual(tiny.reasons, []);
  });

  test('signals, identity and novelty are told', () => {
    const signals = [{ name: 'probes', text: 'asked 3 times for files that only scanners ask for', value: 3 }];
    const { reasons } = decideOn({ signals, strength: STRENGTH.key }, scoredAs(0.5, { novelty: 2 }));
    assert.deepEqual(
      reasons.map(({ kind, name, value }) => [kind, name, value]),
      [
        ['default', 'novel', 2],
        ['signal', 'probes', 3],
        ['identity', 'strong-identity', STRENGTH.key],
      ],
    );
  });
});

describe('a standing verdict', () => {
  const standing: Standing = {
    verdict: 'bad',
    score: 0.95,
    novelty: 0.5,
    calls: 21,
    time: NOON + 1000 - policy.ttlMs.bad,
    expiresAt: NOON + 1000,
    sessionStart: NOON - 9e6,
  };

  test('holds over the first calls of a new session, as long as it was given for', () => {
    const verdict = decideOn({ calls: 5 }, scoredAs(0.1), null, standing);
    assert.deepEqual([verdict.verdict, verdict.action, verdict.expiresAt], ['bad', 'deny', standing.expiresAt]);
    assert.deepEqual(
      verdict.reasons.map(({ name }) => name),
      ['standing-verdict'],
    );
  });

  const lifted: [string, Partial<Snapshot>, Partial<Standing>][] = [
    ['the new session says enough', { calls: 8 }, {}],
    ['it has expired', { calls: 5 }, { expiresAt: NOON }],
    ['it was not bad', { calls: 5 }, { verdict: 'unsure' }],
    ['it was carried over and the session says enough', { calls: 8 }, { sessionStart: NOON - 60_000, time: NOON - 30_000 }],
  ];
  for (const [when, snapshot, fields] of lifted)
    test(`does not hold when ${when}`, () =>
      assert.equal(decideOn(snapshot, scoredAs(0.1), null, { ...standing, ...fields }).verdict, 'good'));

  test('is renewed where the new session is bad by itself', () => {
    const verdict = decideOn({ calls: 5 }, scoredAs(0.95), null, standing);
    assert.equal(verdict.expiresAt, NOON + 1_800_000);
    assert.ok(!verdict.reasons.some(({ name }) => name === 'standing-verdict'));
  });

  test('holds while there is no score', () => {
    assert.equal(decideOn({ calls: 1 }, scoredAs(null, { error: 'ASSAY_SCORE_NOT_FINITE' }), null, standing).verdict, 'bad');
  });
});

describe('settled verdicts', () => {
  /** Snapshots of one session at calls 1, 2, 3, 5, … with these scores; a second number is the novelty. */
  const settled = (...scores: (number | null | readonly [number, number])[]) => {
    const calls = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233];
    const snapshots = scores.map((given, i) => {
      const [score, novelty] = Array.isArray(given) ? given : [given as number | null, 0.5];
      return { calls: calls[i % 12]! + 233 * Math.floor(i / 12), time: NOON + i * 1000, sessionStart: NOON, score, novelty };
    });
    return settleAll(snapshots, policy).join(' ');
  };

  const table: [string, string, string][] = [
    ['by little on the second call', settled(0.1, 0.35, 0.25, 0.2), 'good good good good'],
    ['a score over a threshold by little, once', settled(0.1, 0.1, 0.1, 0.1, 0.35, 0.1), 'good good good good good good'],
    ['by little, twice', settled(0.1, 0.1, 0.1, 0.35, 0.35), 'good good good good unsure'],
    ['by much', settled(0.1, 0.1, 0.1, 0.6), 'good good good unsure'],
    ['good to bad by much', settled(0.1, 0.1, 0.1, 0.97), 'good good good bad'],
    ['good to bad by little', settled(0.1, 0.1, 0.1, 0.91, 0.91), 'good good good good bad'],
    ['good, then unsure, then bad: two that are not good', settled(0.1, 0.1, 0.1, 0.35, 0.91), 'good good good good bad'],
    ['unsure to bad at once', settled(0.5, 0.5, 0.5, 0.9), 'unsure unsure unsure bad'],
    ['unsure to good by little', settled(0.5, 0.5, 0.5, 0.25, 0.25), 'unsure unsure unsure unsure good'],
    ['unsure to good by much', settled(0.5, 0.5, 0.5, 0.1), 'unsure unsure unsure good'],
    ['bad stays for the session', settled(0.5, 0.5, 0.95, 0.01, 0.01, 0.01), 'unsure unsure bad bad bad bad'],
    ['one snapshot without a score', settled(0.1, 0.1, 0.1, null, 0.1), 'good good good good good'],
    ['two without', settled(0.1, 0.1, 0.1, null, null), 'good good good good unsure'],
    ['novelty that comes and goes', settled(0.1, 0.1, 0.1, [0.1, 1.1], [0.1, 0.95], [0.1, 1.1]), 'good good good good good good'],
    [
      'nearly as novel is not clearly good',
      settled(0.1, 0.1, 0.1, [0.1, 2], [0.1, 2], [0.1, 0.95]),
      'good good good good unsure unsure',
    ],
  ];
  for (const [what, verdicts, expected] of table) test(`${what}: ${expected}`, () => assert.equal(verdicts, expected));

  test('a verdict that is held says so', () => {
    const standing = decideOn({ calls: 21 }, scoredAs(0.95));
    const verdict = decideOn({ calls: 34, time: NOON + 1000 }, scoredAs(0.1), null, standing);
    assert.deepEqual([verdict.verdict, verdict.score, verdict.expiresAt], ['bad', 0.1, NOON + 1000 + policy.ttlMs.bad]);
    assert.deepEqual(
      verdict.reasons.map(({ name }) => name),
      ['bad-session'],
    );
    const good = decideOn({ calls: 21 }, scoredAs(0.1));
    assert.deepEqual(
      decideOn({ calls: 34 }, scoredAs(0.4), null, good).reasons.map(({ name }) => name),
      ['settled-verdict'],
    );
  });

  test('a score that wavers about a threshold does not make the verdict flap', () => {
    const wavering = Array.from({ length: 40 }, (_, i) => 0.3 + (i % 2 ? 0.02 : -0.02));
    const verdicts = settled(...wavering).split(' ');
    const flips = verdicts.slice(1).filter((verdict, i) => verdict !== verdicts[i]).length;
    assert.ok(flips <= 1, `${flips} changes`);
  });

  test('settling a list is what deciding one after the other does', () => {
    const score = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0.29, 0.31, 0.89, 0.91, null));
    fc.assert(
      fc.property(fc.array(fc.tuple(score, fc.nat(9e6), fc.constantFrom(0.5, 0.95, 1.5)), { maxLength: 20 }), (drawn) => {
        let [time, sessionStart, calls] = [NOON, NOON, 0];
        const snapshots = drawn.map(([value, gapMs, novelty]) => {
          time += gapMs;
          [sessionStart, calls] = gapMs > 1_800_000 ? [time, 1] : [sessionStart, calls + 3];
          return { calls, time, sessionStart, score: value, novelty };
        });
        let standing: Standing | null = null;
        const decided = snapshots.map((snapshot) => {
          const { score: value, novelty } = snapshot;
          const verdict = decideOn(snapshot, { score: value, novelty, family: null, error: null }, null, standing);
          standing = verdict;
          return verdict.verdict;
        });
        assert.deepEqual(settleAll(snapshots, policy), decided);
      }),
    );
  });
});
