import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { anyCall, callOf, callsOf, NOON } from './calls.test.data.ts';
import { type ClientRecord, createRecord, D, F, H, T } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { failures, nextSnapshot, observe, SESSION } from './session.ts';
import { countDistinct } from './stats.ts';

const CALLER = { strength: 0 };

function feed(calls: readonly ApiCall[], record: ClientRecord = createRecord()): ClientRecord {
  for (const call of calls) {
    const rejection = observe(record, call, CALLER);
    if (rejection) assert.fail(`${rejection.rejected} ${rejection.detail}`);
  }
  return record;
}

/** Plain calls a second apart, made from what differs: paths and statuses mostly. */
function feedAll(...fields: Partial<ApiCall>[]): ClientRecord {
  return feed(callsOf(fields.length, 1000, (i) => fields[i]!));
}

const bytesOf = ({ t }: ClientRecord) => new Uint8Array(t.buffer).slice();
const get = ({ f }: ClientRecord, ...names: (keyof typeof F)[]) => names.map((name) => f[F[name]]);

describe('sessions in event time', () => {
  test('a gap of 30 minutes goes on, a longer one begins anew', () => {
    const record = feed([callOf(), callOf({ time: NOON + SESSION.idleLimitMs })]);
    assert.deepEqual([record.f[F.calls], record.h[H.sessions]], [2, 0]);
    feed([callOf({ time: NOON + 2 * SESSION.idleLimitMs + 1 })], record);
    assert.equal(record.f[F.calls], 1);
    assert.equal(record.t[T.sessionStart], NOON + 2 * SESSION.idleLimitMs + 1);
    assert.equal(record.t[T.first], NOON);
  });

  test('a session that never rests ends at its maximum length', () => {
    const step = 20 * 60_000;
    const n = SESSION.maxLengthMs / step + 2;
    const record = feed(callsOf(n, step, () => ({})));
    assert.deepEqual([record.f[F.calls], record.h[H.sessions]! > 0.9], [1, true]);
    assert.equal(record.t[T.sessionStart], NOON + (n - 1) * step);
  });

  test('what a session held is folded into the history, and halves in a day of silence', () => {
    const record = feed(callsOf(10, 1000, (i) => ({ path: `/v1/orders/${i}`, status: i < 4 ? 404 : 200 })));
    const silence = SESSION.historyHalfLifeMs;
    feed([callOf({ time: NOON + 9000 + silence })], record);
    const { h } = record;
    assert.deepEqual([h[H.sessions], h[H.calls], h[H.failures], h[H.objects]], [0.5, 5, 2, 5]);
    assert.ok(Math.abs(Math.expm1(h[H.idleLog]!) - silence / 1000) < 1);
    assert.equal(failures(record.f), 0);
    assert.equal(countDistinct(record.d, D.paths, 64) > 1.5, false);
  });
});

describe('late calls and duplicates', () => {
  test('out of order within the grace period: counted, with no gap, and time does not go back', () => {
    const record = feed([
      callOf({ time: NOON }),
      callOf({ time: NOON + 60_000 }),
      callOf({ time: NOON + 60_000 - SESSION.graceMs }),
    ]);
    assert.deepEqual([record.f[F.calls], record.t[T.last], record.f[F.gapBins]], [3, NOON + 60_000, 1]);
  });

  test('later than that: rejected', () => {
    const record = feed([callOf()]);
    assert.equal(observe(record, callOf({ time: NOON - SESSION.graceMs - 1 }), CALLER)?.rejected, 'ASSAY_CALL_LATE');
  });

  test('the same id again is dropped, also in the next session', () => {
    const record = feed([callOf({ id: 'x' }), callOf(), callOf()]);
    assert.equal(observe(record, callOf({ id: 'x', time: NOON + 1 }), CALLER)?.rejected, 'ASSAY_CALL_DUPLICATE');
    feed([callOf({ time: NOON + SESSION.idleLimitMs + 1 })], record);
    assert.equal(
      observe(record, callOf({ id: 'x', time: NOON + SESSION.idleLimitMs + 2 }), CALLER)?.rejected,
      'ASSAY_CALL_DUPLICATE',
    );
  });

  test('a rejection leaves every byte as it was', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 20 }), (calls) => {
        const record = createRecord();
        const accepted = calls.filter((call) => observe(record, call, CALLER) === null);
        const before = bytesOf(record);
        const again = { ...accepted.at(-1)!, time: NOON + 9e6, path: '/another' };
        const late = { ...callOf(), time: record.t[T.last]! - SESSION.graceMs - 1 };
        assert.equal(observe(record, again, CALLER)?.rejected, 'ASSAY_CALL_DUPLICATE');
        assert.equal(observe(record, late, CALLER)?.rejected, 'ASSAY_CALL_LATE');
        assert.deepEqual(bytesOf(record), before);
      }),
    );
  });
});

describe('pace', () => {
  test('a clockwork has steady gaps, and no spread', () => {
    const { f } = feed(callsOf(50, 60_000, () => ({})));
    assert.deepEqual([f[F.gaps], f[F.gapSteady], f[F.gapBins + 4], f[F.onMinute]], [49, 48, 49, 49]);
    assert.ok(f[F.gap + 1]! < 1e-9);
  });

  test('peaks are calls a second', () => {
    const { f } = feed(callsOf(300, 50, () => ({})));
    assert.ok(Math.abs(f[F.ratePeak10s]! - 20 * (1 - Math.exp(-1.5))) < 1, `${f[F.ratePeak10s]}`);
  });

  test('whole seconds in a log are told from parts of seconds', () => {
    assert.deepEqual(
      [feed(callsOf(4, 1000, () => ({}))).f[F.subSecond], feed(callsOf(4, 250, () => ({}))).f[F.subSecond]],
      [0, 3],
    );
  });
});

describe('what it does after a no', () => {
  test('after a 401: logs in, or tries the same again', () => {
    const login = { path: '/login', method: 'POST' };
    assert.deepEqual(get(feedAll({ status: 401 }, login), 'after401', 'after401Login', 'after401Same'), [1, 1, 0]);
    assert.deepEqual(get(feedAll({ status: 401 }, {}), 'after401', 'after401Login', 'after401Same'), [1, 0, 1]);
    assert.deepEqual(get(feedAll({ ...login, status: 401 }, { ...login, status: 401 }), 'after401Login'), [0]);
  });

  test('after a 403 or 404: onward to another path, or not', () => {
    const record = feedAll(
      { path: '/a', status: 403 },
      { path: '/b', status: 404 },
      { path: '/c', status: 404 },
      { path: '/c', status: 404 },
    );
    assert.deepEqual(get(record, 'after403', 'after403Onward', 'after404', 'after404Miss'), [1, 1, 2, 1]);
  });

  test('after a 429: waits, or hurries on', () => {
    assert.deepEqual(get(feed(callsOf(3, 5000, () => ({ status: 429 }))), 'after429', 'after429Wait'), [2, 2]);
    assert.deepEqual(get(feed(callsOf(3, 100, () => ({ status: 429 }))), 'after429', 'after429Wait'), [2, 0]);
  });

  test('calls that were under way when the answer came say nothing', () => {
    const parallel = callsOf(6, 10, () => ({ status: 429, durationMs: 500 }));
    assert.deepEqual(get(feed(parallel), 'after429', 'afterFail'), [0, 0]);
  });

  test('a failure that the same request overcomes later is recovered, once', () => {
    const record = feedAll(
      { path: '/a', status: 503 },
      { path: '/b' },
      { path: '/a' },
      { path: '/a' },
      { path: '/c', status: 404 },
      { path: '/d' },
    );
    assert.deepEqual(get(record, 'recovered', 'after5xx', 'after5xxSame'), [1, 1, 0]);
  });
});

describe('objects', () => {
  test('read under a list that was answered, or asked for out of the blue', () => {
    const items = [1, 2, 3].map((i) => ({ path: `/v1/orders/${i}` }));
    assert.deepEqual(get(feedAll({ path: '/v1/orders' }, ...items), 'idCalls', 'idListed', 'idUnit'), [3, 3, 2]);
    assert.deepEqual(get(feedAll(...items), 'idCalls', 'idListed', 'idUnit'), [3, 0, 2]);
    assert.deepEqual(get(feedAll({ path: '/v1/orders', status: 403 }, ...items), 'idListed'), [0]);
    assert.deepEqual(get(feedAll({ path: '/' }, { path: '/17' }, { path: '/18' }), 'idCalls', 'idListed'), [2, 0]);
  });

  test('a list within an object, and what lies below an item, are known too', () => {
    const record = feedAll(
      { path: '/v1/users/5/orders' },
      { path: '/v1/users/5/orders/17' },
      { path: '/v1/users/5/orders/18/items' },
    );
    assert.deepEqual(get(record, 'idCalls', 'idListed'), [3, 2]);
  });

  test('ids in the query count as ids in the path do', () => {
    const record = feed(callsOf(20, 1000, (i) => ({ path: '/api/user', query: `page=1&id=${101 + i}` })));
    assert.deepEqual(get(record, 'idCalls', 'idOrdered', 'idUnit', 'paged'), [20, 19, 19, 20]);
    const listed = feedAll({ path: '/api/user' }, { path: '/api/user', query: 'id=5' });
    assert.deepEqual(get(listed, 'idCalls', 'idListed'), [1, 1]);
    assert.deepEqual(get(feed(callsOf(20, 1000, (i) => ({ query: `page=${i}&ts=${i}` }))), 'idCalls', 'paged'), [0, 20]);
  });

  test("the gateway's route says what an object is", () => {
    const names = ['alice', 'bob', 'carol'];
    const record = feedAll(...names.map((name) => ({ path: `/v1/users/${name}`, route: '/v1/users/{name}' })));
    assert.deepEqual(get(record, 'idCalls'), [3]);
    assert.ok(countDistinct(record.d, D.routes, 32) < 1.5);
  });

  test('names under one parent are learnt to be objects, once there are many that exist', () => {
    const users = (status: number) =>
      feed(callsOf(100, 1000, (i) => ({ path: `/v1/users/name-of-${String.fromCharCode(97 + (i % 26), 97 + i / 26)}`, status })));
    const found = users(200);
    assert.ok(found.f[F.idCalls]! > 60, `${found.f[F.idCalls]}`);
    assert.ok(countDistinct(found.d, D.routes, 32) < 30);
    const missed = users(404);
    assert.equal(missed.f[F.idCalls], 0);
    assert.ok(countDistinct(missed.d, D.routes, 32) > 50);
    assert.ok(countDistinct(missed.d, D.missed, 32) > 60);
  });

  test('a handful of routes under one version is no directory', () => {
    const routes = [
      'orders',
      'users',
      'items',
      'carts',
      'prices',
      'stock',
      'reports',
      'invoices',
      'search',
      'profile',
      'teams',
      'roles',
    ];
    assert.equal(feed(callsOf(60, 1000, (i) => ({ path: `/v1/${routes[i % 12]}` }))).f[F.idCalls], 0);
  });

  test('the step is small for a sweep and large for a draw', () => {
    const step = ({ f }: ClientRecord) => Math.expm1(f[F.idStepSum]! / f[F.idOrdered]!);
    assert.ok(Math.abs(step(feed(callsOf(30, 1000, (i) => ({ path: `/orders/${i}` })))) - 1) < 0.01);
    assert.ok(step(feed(callsOf(30, 1000, (i) => ({ path: `/orders/${(i * 7919) % 100_003}` })))) > 1000);
  });
});

describe('logins', () => {
  const login = (status: number, account: string | null = null) => ({ path: '/v1/login', method: 'POST', status, account });
  test('count as failed or succeeded; a server error is neither', () => {
    assert.deepEqual(get(feedAll(login(401), login(200), login(503), login(302)), 'login', 'loginFail', 'loginOk'), [4, 1, 2]);
  });
  test('the same account again, or another one each time', () => {
    const same = feedAll(login(401, 'a'), login(401, 'a'), login(200, 'a'));
    const other = feedAll(login(401, 'a'), login(401, 'b'), login(401, 'c'));
    assert.deepEqual([get(same, 'accountSame'), get(other, 'accountSame')], [[2], [0]]);
    assert.ok(Math.abs(countDistinct(other.d, D.accounts, 16) - 3) < 1);
  });
  test('a GET of the login page is none', () => assert.deepEqual(get(feedAll({ path: '/login' }), 'login'), [0]));
});

describe('probes', () => {
  test('what is there is no probe, what nobody publishes is', () => {
    const record = feedAll(
      { path: '/wp-admin/', status: 200 },
      { path: '/wp-admin/', status: 404 },
      { path: '/.env', status: 200 },
      { path: '/v1/admin', status: 404 },
    );
    assert.deepEqual(get(record, 'probe'), [2]);
  });
});

describe('voice', () => {
  test('changes count from the second call on', () => {
    const a = { userAgent: 'a/1', headerNames: ['host', 'accept'], tlsVersion: 'TLSv1.3' };
    const b = { userAgent: 'b/1', headerNames: ['accept', 'host'], tlsVersion: 'TLSv1.2' };
    assert.deepEqual(get(feedAll(a, a, b, b), 'agentChanges', 'shapeChanges', 'tlsChanges', 'voiceKnown'), [1, 1, 1, 4]);
  });
  test('what a gateway does not tell counts as nothing', () => {
    const known = [
      'voiceKnown',
      'headersKnown',
      'cookieKnown',
      'connectionKnown',
      'tls',
      'answerSized',
      'requestSized',
      'acceptAny',
      'statusKnown',
    ] as const;
    assert.deepEqual(
      get(feedAll({ status: null }), ...known),
      known.map(() => 0),
    );
  });
  test('a new connection is one, by number or by name', () => {
    const numbered = [1, 2, 3, 1].map((connectionRequests) => ({ connectionRequests }));
    const named = ['a', 'a', 'b', 'b'].map((connectionId) => ({ connectionId }));
    assert.deepEqual([get(feedAll(...numbered), 'connectionNew'), get(feedAll(...named), 'connectionNew')], [[2], [2]]);
  });
});

describe('nextSnapshot', () => {
  test('1, 2, 3, 5, 8, … 144, then each 89th', () => {
    const schedule: number[] = [];
    for (let calls = 0; calls < 500; calls = schedule.at(-1)!) schedule.push(nextSnapshot(calls));
    assert.deepEqual(schedule, [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 322, 411, 500]);
  });
  test('always lies ahead, and between two of the schedule it is the next one', () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        (calls) => nextSnapshot(calls) > calls && nextSnapshot(nextSnapshot(calls) - 1) === nextSnapshot(calls),
      ),
    );
  });
});

test('counts any call, and every slot stays finite', () => {
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 60 }), (calls) => {
      const record = createRecord();
      for (const call of calls) observe(record, call, CALLER);
      for (const view of [record.t, record.f, record.h]) assert.ok(view.every(Number.isFinite));
    }),
  );
});
