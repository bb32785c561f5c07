import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NOON } from '../core/calls.test.data.ts';
import type { Reason, Verdict, VerdictName } from '../core/contracts.ts';
import { type StoredVerdict, VerdictStore } from './verdict-store.ts';

function verdictOf(clientId: string, fields: Partial<Verdict> = {}): Verdict {
  return {
    id: `${clientId}.1`,
    clientId,
    verdict: 'good',
    score: 0.25,
    action: 'allow',
    family: null,
    reasons: [],
    baseLogOdds: null,
    calls: 1,
    time: NOON,
    sessionStart: NOON,
    novelty: 0.5,
    model: 'm',
    featureSet: 'f',
    policy: 'p',
    mode: 'live',
    expiresAt: NOON + 1000,
    ...fields,
  };
}

function storeOf(verdicts: readonly Verdict[], limit?: number): VerdictStore {
  const store = new VerdictStore(limit);
  for (const verdict of verdicts) store.put(verdict);
  return store;
}

const headersIn = (store: VerdictStore, clientId: string) => Object.fromEntries(store.get(clientId)!.headers);
const idsOf = (verdicts: readonly Verdict[]) => verdicts.map(({ clientId }) => clientId);
const reasonOf = (name: string): Reason => ({ kind: 'signal', name, text: name, weight: null, value: null });

describe('the newest verdict of a client', () => {
  test('replaces the one before', () => {
    const [first, second] = [verdictOf('a'), verdictOf('a', { verdict: 'bad', calls: 2 })];
    const store = storeOf([first, second]);
    assert.equal(store.get('a')!.verdict, second);
    assert.equal(store.standing('a'), second);
    assert.deepEqual(store.list(null, 10), [second]);
  });

  test('is explained by whoever first asks why, and only then', () => {
    let asked = 0;
    const full = verdictOf('a', { reasons: [reasonOf('known'), reasonOf('one')] });
    const store = new VerdictStore();
    store.put(verdictOf('a', { reasons: [reasonOf('known')] }), () => {
      asked++;
      return full;
    });
    assert.deepEqual(store.standing('a')?.verdict, 'good');
    assert.equal(headersIn(store, 'a')['x-assay-reasons'], 'known');
    assert.equal(asked, 0);
    assert.deepEqual(JSON.parse(store.get('a')!.body), full);
    assert.equal(headersIn(store, 'a')['x-assay-reasons'], 'known,one');
    assert.equal(asked, 1);
    store.put(verdictOf('b'), () => assert.fail('it was completed before'));
    assert.equal(headersIn(store, 'b')['x-assay-reasons'], '');
    store.complete(verdictOf('b', { reasons: [reasonOf('two')] }));
    assert.equal(headersIn(store, 'b')['x-assay-reasons'], 'two');
  });

  test('is explained for the answer that denies, which its client is told', () => {
    const denied = { verdict: 'bad', action: 'deny' } as const;
    const store = new VerdictStore();
    store.put(verdictOf('a', denied), () => verdictOf('a', { ...denied, reasons: [reasonOf('one')] }));
    assert.equal(headersIn(store, 'a')['x-assay-reasons'], 'one');
  });

  test('is null for a client that is not held', () => {
    const store = storeOf([verdictOf('a')]);
    assert.equal(store.get('b'), null);
    assert.equal(store.standing('b'), null);
  });

  test('comes ready to send', () => {
    const reasons = ['one', 'two', 'three', 'four'].map(reasonOf);
    const verdict = verdictOf('a', { id: 'a.x.3', verdict: 'bad', score: 0.98765, reasons });
    const store = storeOf([verdict]);
    const [{ body }, headers] = [store.get('a')!, headersIn(store, 'a')];
    assert.deepEqual(JSON.parse(body), verdict);
    assert.deepEqual(headers, {
      'x-assay-verdict': 'bad',
      'x-assay-score': '0.9877',
      'x-assay-reasons': 'one,two,three',
      'x-assay-decision': 'a.x.3',
    });
  });

  test('has an empty score in its headers where it has none', () => {
    const headers = headersIn(storeOf([verdictOf('a', { score: null })]), 'a');
    assert.deepEqual([headers['x-assay-score'], headers['x-assay-reasons']], ['', '']);
  });
});

describe('denies', () => {
  const table: [string, Partial<Verdict>, boolean][] = [
    ['a live denial', { action: 'deny' }, true],
    ['a denial in shadow mode', { action: 'deny', mode: 'shadow' }, false],
    ['an allowed client', { verdict: 'bad', action: 'allow' }, false],
    ['a throttled client', { action: 'throttle' }, false],
    ['a challenged client', { action: 'challenge' }, false],
    // The store has no clock: who asks holds `expiresAt` against its own.
    ['a denial that has expired', { action: 'deny', expiresAt: 0 }, true],
    ['an allowance that has expired', { action: 'allow', expiresAt: 0 }, false],
    ['an expired denial in shadow mode', { action: 'deny', mode: 'shadow', expiresAt: 0 }, false],
  ];
  for (const [what, fields, denies] of table)
    test(`${what}: ${denies}`, () => assert.equal(storeOf([verdictOf('a', fields)]).get('a')!.denies, denies));
});

describe('the limit', () => {
  test('holds, and who was scored longest ago goes', () => {
    const store = storeOf(
      ['a', 'b', 'c', 'a', 'd', 'e'].map((id) => verdictOf(id)),
      3,
    );
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].filter((id) => store.get(id) !== null),
      ['a', 'd', 'e'],
    );
    assert.deepEqual(store.counts, { good: 3, bad: 0, unsure: 0 });
    assert.deepEqual(idsOf(store.list(null, 10)), ['a', 'd', 'e']);
  });

  test('a flood of newcomers pushes out newcomers, not who is bad or has made a few calls', () => {
    const steady = [verdictOf('bad', { verdict: 'bad' }), verdictOf('old', { calls: 4 })];
    const store = storeOf([...steady, ...Array.from({ length: 100 }, (_, i) => verdictOf(`new${i}`, { calls: 1 }))], 10);
    assert.deepEqual(
      steady.map(({ clientId }) => store.get(clientId)?.verdict),
      steady,
    );
    assert.equal([...store.all()].length, 10);
  });

  test('who stays leaves room for newcomers', () => {
    const store = storeOf(
      Array.from({ length: 100 }, (_, i) => verdictOf(`old${i}`, { calls: 9 })),
      10,
    );
    store.put(verdictOf('new', { calls: 1 }));
    store.put(verdictOf('new2', { calls: 1 }));
    assert.ok(store.get('new') && store.get('new2'));
    assert.equal([...store.all()].length, 10);
  });

  test('a client that is there already pushes nobody out', () => {
    const store = storeOf(
      ['a', 'b', 'b', 'b'].map((id) => verdictOf(id)),
      2,
    );
    assert.notEqual(store.get('a'), null);
  });
});

describe('the list', () => {
  const clients: [string, VerdictName, number][] = [
    ['a', 'good', 5],
    ['b', 'bad', 1],
    ['c', 'good', 6],
    ['d', 'unsure', 4],
    ['e', 'bad', 3],
    ['f', 'good', 2],
  ];
  const verdicts = clients.map(([id, verdict, after]) => verdictOf(id, { verdict, time: NOON + after }));

  test('is newest first, of one verdict or of all', () => {
    const store = storeOf(verdicts);
    assert.deepEqual(idsOf(store.list('good', 10)), ['c', 'a', 'f']);
    assert.deepEqual(idsOf(store.list('bad', 10)), ['e', 'b']);
    assert.deepEqual(idsOf(store.list('unsure', 10)), ['d']);
    assert.deepEqual(idsOf(store.list(null, 10)), ['c', 'a', 'd', 'e', 'f', 'b']);
  });

  test('of the same time goes by client, so that it is the same each time', () => {
    assert.deepEqual(idsOf(storeOf(['c', 'a', 'b'].map((id) => verdictOf(id))).list(null, 10)), ['a', 'b', 'c']);
  });

  test('shows no more than it is asked for, the newest ones', () => {
    const inOrder = verdicts.toSorted((a, b) => a.time - b.time);
    const store = storeOf(inOrder);
    assert.deepEqual(idsOf(store.list(null, 3)), ['c', 'a', 'd']);
    assert.deepEqual(idsOf(store.list('good', 1)), ['c']);
  });

  test('has a client once, under what it is now', () => {
    const store = storeOf([...verdicts, verdictOf('c', { verdict: 'bad', time: NOON + 9 })]);
    assert.deepEqual(idsOf(store.list('good', 10)), ['a', 'f']);
    assert.deepEqual(idsOf(store.list('bad', 10)), ['c', 'e', 'b']);
  });

  test('reaches back 10 000 clients of each verdict; the others can be asked for all the same', () => {
    const many = Array.from({ length: 10_002 }, (_, i) => verdictOf(`c${i}`, { time: NOON + i }));
    const store = storeOf([verdictOf('only', { verdict: 'bad' }), ...many]);
    const listed = store.list('good', 20_000);
    assert.equal(listed.length, 10_000);
    assert.deepEqual(idsOf([listed[0]!, listed.at(-1)!]), ['c10001', 'c2']);
    assert.notEqual(store.get('c0'), null);
    assert.deepEqual([store.counts.good, store.list('bad', 1).length], [10_002, 1]);
  });
});

describe('many verdicts', () => {
  const idOf = (i: number) => `${i}.${NOON.toString(36)}.1`;
  const many = Array.from({ length: 40_000 }, (_, i) => verdictOf(String(i), { id: idOf(i), time: NOON + i }));

  test('are what they were after resting, for whoever asks, replaces or removes them', () => {
    const store = storeOf(many);
    assert.deepEqual(store.get('5')!.verdict, many[5]);
    assert.equal(store.standing('6')!.time, NOON + 6);
    assert.deepEqual([...store.all()], many);
    store.put(verdictOf('7', { verdict: 'bad' }));
    store.remove('8');
    assert.deepEqual(store.counts, { good: 39_998, bad: 1, unsure: 0 });
    assert.deepEqual([store.has('8'), store.get('8'), store.get('7')!.verdict.verdict], [false, null, 'bad']);
    for (const { clientId } of many) store.remove(clientId);
    assert.deepEqual(store.counts, { good: 0, bad: 0, unsure: 0 });
  });

  test('rest once they are explained, by whoever asks or does it', () => {
    const store = new VerdictStore();
    const full = (i: number) => ({ ...many[i]!, baseLogOdds: 1 });
    many.forEach((verdict, i) => {
      store.put(verdict, () => full(i));
    });
    assert.deepEqual(store.get('1')!.verdict, full(1));
    store.complete(full(2));
    store.complete({ ...full(3), id: 'an earlier one' });
    for (const i of [1, 2, 3, 39_999]) assert.deepEqual(store.get(String(i))!.verdict, full(i));
  });
});

describe('the counts', () => {
  test('count each client once, under what it is now', () => {
    const store = storeOf([verdictOf('a'), verdictOf('b', { verdict: 'bad' }), verdictOf('c', { verdict: 'unsure' })]);
    assert.deepEqual(store.counts, { good: 1, bad: 1, unsure: 1 });
    store.put(verdictOf('a', { verdict: 'bad' }));
    store.put(verdictOf('b', { verdict: 'bad' }));
    assert.deepEqual(store.counts, { good: 0, bad: 2, unsure: 1 });
  });

  test('forget who is removed, once', () => {
    const store = storeOf([verdictOf('a'), verdictOf('b')]);
    for (const id of ['a', 'a', 'nobody']) store.remove(id);
    assert.deepEqual(store.counts, { good: 1, bad: 0, unsure: 0 });
    assert.equal(store.get('a'), null);
    assert.deepEqual(idsOf(store.list(null, 10)), ['b']);
  });
});

describe('listeners', () => {
  test('hear of each verdict until they stop, and then no more', () => {
    const store = new VerdictStore();
    const heard: Record<'first' | 'second', StoredVerdict[]> = { first: [], second: [] };
    const stop = store.listen((stored) => heard.first.push(stored));
    store.listen((stored) => heard.second.push(stored));
    store.put(verdictOf('a'));
    assert.equal(heard.first[0], store.get('a'));
    stop();
    store.put(verdictOf('b'));
    assert.deepEqual(
      [heard.first, heard.second].map((stored) => stored.map(({ verdict }) => verdict.clientId)),
      [['a'], ['a', 'b']],
    );
  });

  test('find the store up to date when they are called', () => {
    const store = new VerdictStore();
    let [held, counted] = [null as StoredVerdict | null, 0];
    store.listen(({ verdict }) => {
      [held, counted] = [store.get(verdict.clientId), store.counts.bad];
    });
    const verdict = verdictOf('a', { verdict: 'bad' });
    store.put(verdict);
    assert.equal(held!.verdict, verdict);
    assert.equal(counted, 1);
  });
});
