import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkCall, isRejection, LIMITS } from './api-call.ts';
import { anyCall, callOf, callsOf, NOON } from './calls.test.data.ts';
import { RECORD_BYTES } from './client-record.ts';
import { cohortIdOf } from './cohort.ts';
import { type ApiCall, ApiCallSchema } from './contracts.ts';
import { createObserver, type Observer, type Snapshot } from './observe.ts';

function snapshotsOf(observer: Observer, calls: readonly ApiCall[]): Snapshot[] {
  return calls
    .map((call) => observer.observe(call))
    .flatMap((seen) => (isRejection(seen) || !seen.snapshot ? [] : [seen.snapshot]));
}
const idOf = (observer: Observer, fields: Partial<ApiCall>) => observer.identifier.find(callOf(fields)).clientId;

describe('snapshots', () => {
  test('come at calls 1, 2, 3, 5, 8, 13, … of a session, and start over in the next', () => {
    const observer = createObserver();
    const calls = [...callsOf(250, 1000, () => ({})), ...callsOf(4, 1000, (i) => ({ time: NOON + 9e6 + i * 1000 }))];
    assert.deepEqual(
      snapshotsOf(observer, calls).map((s) => s.calls),
      [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 1, 2, 3],
    );
  });

  test('tell whose they are, and when', () => {
    const [snapshot] = snapshotsOf(createObserver(), [callOf({ time: NOON + 5, subject: 'k', authScheme: 'apiKey' })]);
    assert.deepEqual([snapshot!.time, snapshot!.sessionStart, snapshot!.strength], [NOON + 5, NOON + 5, 2]);
    assert.match(snapshot!.clientId, /^[0-9a-f]{32}$/);
  });

  test('keep their vector when the client goes on', () => {
    const observer = createObserver();
    const [first] = snapshotsOf(observer, [callOf()]);
    const before = first!.vector.slice();
    snapshotsOf(
      observer,
      callsOf(20, 10, () => ({ status: 404 })),
    );
    assert.deepEqual(first!.vector, before);
  });
});

describe('the limit on clients', () => {
  const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;

  test('holds, and what is forgotten is counted', () => {
    const observer = createObserver({ maxClients: 100 });
    for (let i = 0; i < 1000; i++) observer.observe(callOf({ clientIp: address(i), time: NOON + i }));
    assert.deepEqual([observer.size, observer.evictions], [100, 900]);
  });

  test('suspects outlive the harmless', () => {
    const observer = createObserver({ maxClients: 100 });
    const suspects = Array.from({ length: 10 }, (_, i) => ({
      clientIp: `192.0.2.${i}`,
      path: '/login',
      method: 'POST',
      status: 401,
    }));
    for (const suspect of suspects) for (let n = 0; n < 30; n++) observer.observe(callOf({ ...suspect, time: NOON + n }));
    for (let i = 0; i < 1000; i++) observer.observe(callOf({ clientIp: address(i), time: NOON + i * 1000 }));
    const kept = suspects.filter((suspect) => observer.dump(idOf(observer, suspect)) !== null);
    assert.equal(kept.length, suspects.length);
  });

  test('of those of whom little is known the one that came first goes', () => {
    const observer = createObserver({ maxClients: 10 });
    for (let i = 0; i < 11; i++) observer.observe(callOf({ clientIp: address(i), time: NOON + i }));
    const gone = Array.from({ length: 11 }, (_, i) => i).filter((i) => !observer.has(idOf(observer, { clientIp: address(i) })));
    assert.deepEqual(gone, [0]);
  });

  test('a flood of newcomers pushes out newcomers, not who has made a few calls, in this session or before', () => {
    const told: string[] = [];
    const observer = createObserver({ maxClients: 100, onEvict: (clientId) => told.push(clientId) });
    const regular = (i: number) => ({ clientIp: `192.0.2.${i}` });
    for (let i = 0; i < 40; i++) for (let n = 0; n < 4; n++) observer.observe(callOf({ ...regular(i), time: NOON + n }));
    const later = NOON + 3 * 3600_000;
    for (let i = 0; i < 20; i++) observer.observe(callOf({ ...regular(i), time: later }));
    for (let i = 0; i < 5000; i++) observer.observe(callOf({ clientIp: address(i), time: later + i }));
    const kept = Array.from({ length: 40 }, (_, i) => i).filter((i) => observer.has(idOf(observer, regular(i))));
    assert.equal(kept.length, 40);
    assert.deepEqual([observer.size, observer.evictions, told.length, new Set(told).size], [100, 4940, 4940, 4940]);
  });

  test('who is known leaves room for newcomers, and the longest silent of the known goes first', () => {
    const observer = createObserver({ maxClients: 100 });
    const known = (i: number) => ({ clientIp: `10.99.${i >> 8}.${i & 255}` });
    for (let i = 0; i < 500; i++)
      for (let n = 0; n < 4; n++) observer.observe(callOf({ ...known(i), time: NOON + i * 1000 + n }));
    const held = (i: number) => observer.has(idOf(observer, known(i)));
    assert.equal(observer.size, 100);
    assert.ok(!held(0) && !held(300) && held(499));
    for (let i = 0; i < 15; i++) observer.observe(callOf({ clientIp: address(i), time: NOON + 600_000 }));
    for (let i = 0; i < 15; i++) assert.ok(observer.has(idOf(observer, { clientIp: address(i) })), `newcomer ${i}`);
  });

  test('a forgotten client comes back as a new one', () => {
    const observer = createObserver({ maxClients: 2 });
    for (let i = 0; i < 3; i++)
      snapshotsOf(
        observer,
        callsOf(4, 1, () => ({ clientIp: address(i), time: NOON + i * 1000 })),
      );
    const [again] = snapshotsOf(observer, [callOf({ clientIp: address(0), time: NOON + 5000 })]);
    assert.equal(again!.calls, 1);
  });
});

describe('dump and restore', () => {
  test('a restored record goes on to the same vectors, bit for bit', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 50 }), fc.array(anyCall, { maxLength: 50 }), (before, after) => {
        const first = createObserver({ onLink: (change) => links.push(structuredClone(change)) });
        const links: Parameters<Observer['identifier']['restore']>[0][] = [];
        const ids = new Set(
          before
            .map((call) => first.observe(call))
            .flatMap((seen) => (isRejection(seen) ? [] : [seen.clientId, ...(seen.cohort ? [cohortIdOf(seen.cohort)] : [])])),
        );
        const second = createObserver();
        for (const link of links) second.identifier.restore(link);
        for (const id of ids) assert.ok(second.restore(id, first.dump(id)!));
        assert.deepEqual(snapshotsOf(second, after), snapshotsOf(first, after));
        for (const id of ids) assert.deepEqual(second.dump(id), first.dump(id));
      }),
      { numRuns: 60 },
    );
  });

  test('a dump is a copy', () => {
    const observer = createObserver();
    observer.observe(callOf());
    const id = idOf(observer, {});
    observer.dump(id)!.fill(0);
    assert.ok(observer.dump(id)!.some((byte) => byte !== 0));
  });

  test('what is unknown or of another size is refused', () => {
    const observer = createObserver();
    assert.equal(observer.dump('nobody'), null);
    assert.equal(observer.restore('somebody', new Uint8Array(RECORD_BYTES - 1)), false);
    assert.equal(observer.size, 0);
  });
});

describe('whatever passes the check', () => {
  test('is observed or rejected, and never throws', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 60 }), (calls) => {
        const observer = createObserver({ maxClients: 2 });
        for (const call of calls) {
          const seen = observer.observe(call);
          assert.ok(isRejection(seen) || seen.clientId.length === 32);
        }
      }),
    );
  });

  test('strings at their limit in every field', () => {
    const texts = ['/', '%', 'a1', "'", '\ud800', '\u{1f600}', '; ', '=&', '0'].map((piece) => piece.repeat(LIMITS.stringChars));
    for (const text of texts) {
      const strings = Object.fromEntries(
        ApiCallSchema.fields.filter(({ type }) => JSON.stringify(type).includes('"string"')).map(({ name }) => [name, text]),
      );
      const call = checkCall({ ...strings, headerNames: [text, text], time: NOON, bodySample: text }, NOON);
      assert.ok(!isRejection(call));
      assert.ok(!isRejection(createObserver().observe(call)));
    }
  });

  test('the first and the last moment there is', () => {
    for (const time of [0, 1, 8.64e15]) {
      const observer = createObserver();
      const call = checkCall({ id: 'a', clientIp: '::1', method: 'GET', path: '/', time }, 8.64e15);
      assert.ok(!isRejection(call));
      const [snapshot] = snapshotsOf(observer, [call]);
      assert.deepEqual([snapshot!.calls, snapshot!.time, snapshot!.vector.every(Number.isFinite)], [1, time, true]);
    }
  });
});
