import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from './api-call.ts';
import { anyCall, callOf, callsOf, NOON } from './calls.test.data.ts';
import type { ApiCall } from './contracts.ts';
import { EARLY, EarlyCalls } from './early.ts';
import { createObserver, type Observer, type Snapshot } from './observe.ts';

const askOf = (observer: Observer, call: ApiCall) => ({ call, identity: observer.identifier.find(call) });

/** Each client's newest snapshot, after all these calls are asked about. */
function foresee(observer: Observer, early: EarlyCalls, calls: readonly ApiCall[]): Map<string, Snapshot | null> {
  for (const call of calls) early.ask(askOf(observer, call));
  return early.advance();
}

describe('early calls', () => {
  test('look as they will once they are told of, whatever was told before', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 2, maxLength: 30 }), fc.nat(), (all, cut) => {
        // One client, who is known by its address: else what is accepted would say whose the calls are.
        const calls = all.map((call, i) => ({ ...call, ...WHO, id: `c${i}`, time: NOON + i * 700 }));
        const before = cut % calls.length;
        const [whole, observer] = [createObserver({ cohorts: false }), createObserver({ cohorts: false })];
        const told = calls.map((call) => whole.observe(call)).slice(before);
        for (const call of calls.slice(0, before)) observer.observe(call);
        const foreseen = foresee(observer, new EarlyCalls(observer), calls.slice(before));
        const expected = told.flatMap((seen) => (isRejection(seen) || !seen.snapshot ? [] : [seen.snapshot])).at(-1) ?? null;
        assert.deepEqual([...foreseen.values()], [expected && { ...expected, span: null }]);
      }),
    );
  });

  test('leave the record alone, and are gone once they are told of', () => {
    const observer = createObserver();
    const early = new EarlyCalls(observer);
    const calls = callsOf(5, 500, () => ({}));
    const clientId = observer.identifier.find(calls[0]!).clientId;
    observer.observe(calls[0]!);
    const before = observer.dump(clientId);
    assert.equal(foresee(observer, early, calls.slice(1)).get(clientId)!.calls, 5);
    assert.deepEqual(observer.dump(clientId), before);
    for (const call of calls.slice(1, 4)) {
      observer.observe(call);
      assert.equal(early.tell(call.id), true);
    }
    assert.equal(early.advance().get(clientId)!.calls, 5, 'four are told of and one is not');
    observer.observe(calls[4]!);
    early.tell(calls[4]!.id);
    assert.deepEqual([...early.advance()], [[clientId, null]]);
    assert.equal(early.size, 0);
    assert.equal(early.tell(calls[4]!.id), false);
  });

  test('that were told of before, by another way, count once', () => {
    const observer = createObserver();
    const call = callOf();
    observer.observe(call);
    assert.deepEqual([...foresee(observer, new EarlyCalls(observer), [call]).values()], [null]);
  });

  test('are refused where the id is taken, and beyond the limit of a client', () => {
    const observer = createObserver();
    const early = new EarlyCalls(observer);
    const calls = callsOf(EARLY.maxCalls + 1, 10, () => ({}));
    assert.deepEqual(new Set(calls.slice(0, -1).map((call) => early.ask(askOf(observer, call)))), new Set([true]));
    assert.equal(early.ask(askOf(observer, calls.at(-1)!)), false);
    assert.equal(early.ask(askOf(observer, { ...calls[0]!, clientIp: '198.51.100.9' })), false);
    assert.equal(early.size, EARLY.maxCalls);
  });

  test('are given up after a while', () => {
    const observer = createObserver();
    const early = new EarlyCalls(observer);
    const [old, young] = [callOf({ id: 'old' }), callOf({ id: 'young', time: NOON + 5000 })];
    const clientId = observer.identifier.find(old).clientId;
    foresee(observer, early, [old, young]);
    assert.equal(early.lapse(NOON + 1), 1);
    assert.equal(early.advance().get(clientId)!.calls, 1);
    assert.equal(early.lapse(NOON + 6000), 1);
    assert.equal(early.advance().get(clientId), null);
    assert.equal(early.size, 0);
  });
});

const WHO: Partial<ApiCall> = {
  clientIp: '192.0.2.1',
  userAgent: 'curl/8',
  ja4: null,
  tenant: null,
  subject: null,
  identityVerified: null,
  clientCertificate: null,
};
