import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NOON } from './calls.test.data.ts';
import type { Reason, Verdict } from './contracts.ts';
import { describeFeature, FEATURES } from './features.ts';
import { verdictId } from './verdict.ts';
import { VerdictArena } from './verdict-arena.ts';

const number = fc.double({ noNaN: true, noDefaultInfinity: true });
/** As features are. */
const measured = fc.float({ noNaN: true, noDefaultInfinity: true });
const nullable = fc.option(number);
const contribution = fc.record({ feature: fc.constantFrom(...FEATURES), value: measured, weight: nullable }).map(
  ({ feature, value, weight }): Reason => ({
    kind: 'contribution',
    name: feature.name,
    text: describeFeature(feature, value),
    weight,
    value,
  }),
);
const identity: Reason = { kind: 'identity', name: 'strong-identity', text: 'known by a key', weight: null, value: 3 };

const anyVerdict: fc.Arbitrary<Verdict> = fc
  .record({
    clientId: fc.stringMatching(/^[0-9a-f]{1,32}$/),
    verdict: fc.constantFrom<Verdict['verdict'][]>('good', 'bad', 'unsure'),
    score: nullable,
    action: fc.constantFrom<Verdict['action'][]>('allow', 'throttle', 'challenge', 'deny'),
    family: fc.option(fc.constantFrom('scraping', 'monitor')),
    reasons: fc.array(fc.oneof(contribution, fc.constant(identity)), { maxLength: 6 }),
    baseLogOdds: nullable,
    calls: fc.nat(60_000),
    time: fc.nat(7200_000).map((ms) => NOON + ms),
    sessionStart: fc.nat(7200_000).map((ms) => NOON + ms),
    novelty: nullable,
    model: fc.constantFrom('m1', 'm2'),
    featureSet: fc.constant('f1'),
    policy: fc.constant('p1'),
    mode: fc.constantFrom<Verdict['mode'][]>('live', 'shadow'),
    expiresAt: fc.nat(7200_000).map((ms) => NOON + ms),
  })
  .map((verdict) => ({ id: verdictId(verdict), ...verdict }));

const [plain] = fc.sample(anyVerdict, { numRuns: 1, seed: 1 });

describe('a verdict at rest', () => {
  it('comes out as it went in, whatever came and went before', () => {
    const arena = new VerdictArena();
    fc.assert(
      fc.property(fc.array(anyVerdict, { minLength: 1, maxLength: 20 }), fc.nat(19), (verdicts, gone) => {
        const slots = verdicts.map((verdict) => arena.put(verdict)!);
        verdicts.forEach((verdict, i) => {
          assert.deepStrictEqual(arena.read(slots[i]!, verdict.clientId), verdict);
          const { score, novelty, calls, time, sessionStart, expiresAt } = verdict;
          const standing = { verdict: verdict.verdict, score, novelty, calls, time, sessionStart, expiresAt };
          assert.deepStrictEqual(arena.standing(slots[i]!), standing);
        });
        for (const slot of slots.slice(gone)) arena.give(slot);
      }),
    );
  });

  it('holds more than a chunk', () => {
    const arena = new VerdictArena();
    const calls = Array.from({ length: 10_000 }, (_, i) => i + 1);
    const verdicts = calls.map((n) => ({ ...plain!, calls: n, id: verdictId({ ...plain!, calls: n }) }));
    const slots = verdicts.map((verdict) => arena.put(verdict)!);
    slots.forEach((slot, i) => {
      assert.deepStrictEqual(arena.read(slot, plain!.clientId), verdicts[i]);
    });
  });

  const refused: [string, Partial<Verdict>][] = [
    ['too many reasons', { reasons: new Array(7).fill(identity) }],
    ['a value that is not measured as features are', { reasons: [{ ...identity, value: 0.1 }] }],
    ['an id of its own', { id: 'mine' }],
    ['a signal, of which each says something else', { reasons: [{ ...identity, kind: 'signal' }] }],
    ['a feature that says something else', { reasons: [{ ...identity, kind: 'contribution', name: FEATURES[0]!.name }] }],
    ['a feature that is not known', { reasons: [{ ...identity, kind: 'contribution' }] }],
  ];
  for (const [what, fields] of refused)
    it(`is refused: ${what}`, () => assert.equal(new VerdictArena().put({ ...plain!, reasons: [], ...fields }), null));

  it('is refused once there are too many words, and those before stay', () => {
    const arena = new VerdictArena();
    const put = (model: string) => arena.put({ ...plain!, model });
    const first = put('m0')!;
    const refusedAt = Array.from({ length: 11_000 }, (_, i) => put(`m${i}`)).indexOf(null);
    assert.ok(refusedAt > 9000, String(refusedAt));
    assert.equal(arena.read(first, plain!.clientId).model, 'm0');
  });
});
