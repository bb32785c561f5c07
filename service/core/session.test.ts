import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { anyCall, callOf, callsOf, NOON } from './calls.test.data.ts';
import { C, type ClientRecord, createRecord, D, F, H, T } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { PURPOSES } from './path.ts';
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
const get = ({ c }: ClientRecord, ...names: (keyof typeof C)[]) => names.map((name) => c[C[name]]);

describe('sessions in event time', () => {
  test('a gap of 30 minutes goes on, a longer one begins anew', () => {
    const record = feed([callOf(), callOf({ time: NOON + SESSION.idleLimitMs })]);
    assert.deepEqual([record.c[C.calls], record.h[H.sessions]], [2, 0]);
    feed([callOf({ time: NOON + 2 * SESSION.idleLimitMs + 1 })], record);
    assert.equal(record.c[C.calls], 1);
    assert.equal(record.t[T.sessionStart], NOON + 2 * SESSION.idleLimitMs + 1);
  });

  test('a session that never rests ends at its maximum length', () => {
    const step = 20 * 60_000;
    const n = SESSION.maxLengthMs / step + 2;
    const record = feed(callsOf(n, step, () => ({})));
    assert.deepEqual([record.c[C.calls], record.h[H.sessions]! > 0.9], [1, true]);
    assert.equal(record.t[T.sessionStart], NOON + (n - 1) * step);
  });

  test('what a session held is folded into the history, and halves in a day of silence', () => {
    const record = feed(callsOf(10, 1000, (i) => ({ path: `/v1/orders/${i}`, status: i < 4 ? 404 : 200 })));
    const silence = SESSION.historyHalfLifeMs;
    feed([callOf({ time: NOON + 9000 + silence })], record);
    const { h } = record;
    assert.deepEqual([h[H.sessions], h[H.calls], h[H.failures], h[H.objects]], [0.5, 5, 2, 5]);
    assert.equal(failures(record.c), 0);
    assert.equal(countDistinct(record.d, D.paths, 64) > 1.5, false);
  });
});

test('a session ends before a count can overflow', () => {
  const record = createRecord();
  const call = callOf();
  for (let i = 0; i <= SESSION.maxCalls; i++) {
    observe(record, { ...call, id: `x${i}`, time: NOON + i }, CALLER);
    if (i === SESSION.maxCalls - 1) assert.deepEqual(get(record, 'calls', 'get', 'routeStay'), [60_000, 60_000, 59_999]);
  }
  assert.deepEqual(get(record, 'calls', 'get', 'routeStay'), [1, 1, 0]);
  assert.ok(record.h[H.sessions]! > 0.9 && record.h[H.calls]! > 59_900);
});

describe('late calls and duplicates', () => {
  test('out of order within the grace period: counted, with no gap, and time does not go back', () => {
    const record = feed([
      callOf({ time: NOON }),
      callOf({ time: NOON + 60_000 }),
      callOf({ time: NOON + 60_000 - SESSION.graceMs }),
    ]);
    assert.deepEqual([record.c[C.calls], record.t[T.last], record.c[C.gapBins]], [3, NOON + 60_000, 1]);
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
    const { f, c } = feed(callsOf(50, 60_000, () => ({})));
    assert.deepEqual([c[C.gaps], c[C.gapSteady], c[C.gapBins + 4], c[C.onMinute]], [49, 48, 49, 49]);
    assert.ok(f[F.gap + 1]! < 1e-9);
  });

  test('peaks are calls a second', () => {
    const { f } = feed(callsOf(300, 50, () => ({})));
    assert.ok(Math.abs(f[F.ratePeak10s]! - 20 * (1 - Math.exp(-1.5))) < 1, `${f[F.ratePeak10s]}`);
  });

  test('whole seconds in a log are told from parts of seconds', () => {
    assert.deepEqual(
      [feed(callsOf(4, 1000, () => ({}))).c[C.subSecond], feed(callsOf(4, 250, () => ({}))).c[C.subSecond]],
      [0, 3],
    );
  });
});

describe('bursts and gaps', () => {
  test('are split at gaps over 2 s, and their periods compared', () => {
    const { c, f } = feed(callsOf(30, 0, (i) => ({ time: NOON + Math.floor(i / 5) * 60_000 + (i % 5) * 300 })));
    assert.deepEqual([c[C.bursts], c[C.calls]], [6, 30]);
    assert.ok(Math.abs(f[F.burstPeriod]! - Math.log1p(6000)) < 1e-3 && f[F.burstPeriod + 1]! < 1e-6);
  });

  test('a gap is known when it equals one of the last four', () => {
    const atMs = [0, 1000, 4000, 11_000, 12_000, 15_000, 22_000, 72_000];
    assert.deepEqual(get(feed(atMs.map((ms) => callOf({ time: NOON + ms }))), 'gaps', 'gapSteady', 'gapKnown'), [7, 0, 3]);
  });
});

describe('what it does after a no', () => {
  test('after a 401: logs in, or tries the same again', () => {
    const login = { path: '/login', method: 'POST' };
    assert.deepEqual(get(feedAll({ status: 401 }, login), 'after401', 'after401Login', 'afterFailSame'), [1, 1, 0]);
    assert.deepEqual(get(feedAll({ status: 401 }, {}), 'after401', 'after401Login', 'afterFailSame'), [1, 0, 1]);
    assert.deepEqual(get(feedAll({ status: 401 }, { ...login, status: 401 }), 'after401Login'), [0]);
    assert.deepEqual(get(feedAll({ ...login, status: 401 }, { ...login, status: 401 }), 'after401Login'), [0]);
  });

  test('after any failure: the same again, another value on the route, or another route', () => {
    const failed = { path: '/v1/codes', method: 'POST', status: 422, requestBytes: 10 };
    const record = feedAll(failed, failed, { ...failed, requestBytes: 11 }, { ...failed, account: 'b' }, { path: '/v1/other' });
    assert.deepEqual(get(record, 'afterFail', 'afterFailSame', 'afterFailOther'), [4, 1, 2]);
    const ids = feedAll(...[1, 2, 3].map((i) => ({ path: `/v1/orders/${i}`, status: 404 })));
    assert.deepEqual(get(ids, 'afterFail', 'afterFailSame', 'afterFailOther'), [2, 0, 2]);
  });

  test('backs off: the gap after a failure against the others', () => {
    const calls = (waitMs: number) => {
      let time = NOON;
      return Array.from({ length: 30 }, (_, i) => {
        time += i > 0 && (i - 1) % 5 === 4 ? waitMs : 1000;
        return callOf({ time, status: i % 5 === 4 ? 503 - 100 : 200 });
      });
    };
    const backOff = ({ f, c }: ClientRecord) => f[F.backOff]! / c[C.backOffs]!;
    assert.ok(backOff(feed(calls(20_000))) > 1.5);
    assert.ok(Math.abs(backOff(feed(calls(1000)))) < 1e-3);
  });

  test('slows down in the calls after a 429, or does not', () => {
    const slow = (afterMs: number) => {
      const after = (i: number) => Math.min(8, Math.max(0, i - 20)) * (afterMs - 500);
      const { f, c } = feed(callsOf(40, 0, (i) => ({ time: NOON + i * 500 + after(i), status: i === 20 ? 429 : 200 })));
      assert.equal(c[C.limitedGaps], 8);
      return f[F.limitedGap]! / 8;
    };
    assert.ok(slow(5000) > 1 && Math.abs(slow(500)) < 0.01);
  });

  test('failures in a row on a route count there, whatever comes between, and successes against them', () => {
    const fail = { path: '/v1/coupons', method: 'POST', status: 422 };
    const record = feedAll(fail, { ...fail, status: 200 }, fail, {}, fail, {}, fail, { ...fail, status: 200 }, fail);
    assert.deepEqual(get(record, 'routeFailRun', 'routeFailOk', 'maxFailRun'), [3, 1, 1]);
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
    assert.ok(found.c[C.idCalls]! > 60, `${found.c[C.idCalls]}`);
    assert.ok(countDistinct(found.d, D.routes, 32) < 30);
    const missed = users(404);
    assert.equal(missed.c[C.idCalls], 0);
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
    assert.equal(feed(callsOf(60, 1000, (i) => ({ path: `/v1/${routes[i % 12]}` }))).c[C.idCalls], 0);
  });

  test('the step is small for a sweep and large for a draw', () => {
    const step = ({ f, c }: ClientRecord) => Math.expm1(f[F.idStepSum]! / c[C.idOrdered]!);
    assert.ok(Math.abs(step(feed(callsOf(30, 1000, (i) => ({ path: `/orders/${i}` })))) - 1) < 0.01);
    assert.ok(step(feed(callsOf(30, 1000, (i) => ({ path: `/orders/${(i * 7919) % 100_003}` })))) > 1000);
  });
});

describe('what was ever shown', () => {
  test('lists by their size, creations one each, failures nothing', () => {
    const shown = (...fields: Partial<ApiCall>[]) => feedAll(...fields).f[F.shown];
    assert.equal(shown({ responseBytes: 5000 }), 50);
    assert.equal(shown({ method: 'POST', status: 201, responseBytes: 900 }), 1);
    assert.equal(shown({ status: 403, responseBytes: 5000 }, { path: '/v1/orders/5', responseBytes: 5000 }), 0);
    assert.equal(shown({ method: 'HEAD', responseBytes: 5000 }), 0);
    assert.equal(shown({ status: 304, responseBytes: 0 }), 20);
  });
});

describe('guessing', () => {
  test('calls of one route in a row, and answers of the same size there', () => {
    const guess = (responseBytes: number) => ({ path: '/v1/verify', method: 'POST', status: 401, responseBytes });
    const record = feedAll(guess(30), guess(30), guess(30), guess(31), { path: '/v1/me' }, guess(30));
    assert.deepEqual(get(record, 'routeSame', 'routeStayMax', 'sizeAgain', 'sizeSame'), [3, 3, 3, 2]);
  });

  test('sets of parameter names are few where only values vary', () => {
    const shapes = (query: (i: number) => string) =>
      countDistinct(feed(callsOf(40, 1000, (i) => ({ query: query(i) }))).d, D.queryShapes, 16);
    assert.ok(shapes((i) => `q=${i}&page=${i}`) < 1.5);
    assert.ok(shapes((i) => `x${i}=1`) > 15);
  });

  test('length and signs of what is asked for', () => {
    const { f } = feedAll({ path: '/abc', query: "q='('" }, { path: '/abc', query: "q='('" });
    assert.ok(Math.abs(f[F.targetLength]! - Math.log1p(9)) < 1e-5 && Math.abs(f[F.targetMarks]! - 3 / 9) < 1e-5);
    assert.ok(f[F.targetLength + 1]! < 1e-6);
  });
});

describe('purposes', () => {
  const at = (name: (typeof PURPOSES)[number], slot: 'purpose' | 'purposeFail', { c }: ClientRecord) =>
    c[C[slot] + PURPOSES.indexOf(name)];

  test('count where the method fits, and fail', () => {
    const record = feedAll(
      { path: '/v1/payments', method: 'POST', status: 402 },
      { path: '/v1/payments' },
      { path: '/v1/users', method: 'POST', status: 201 },
      { path: '/v1/users' },
      { path: '/v1/giftcards/AAAA1111BB/balance', status: 404 },
    );
    const count = (name: (typeof PURPOSES)[number]) => [at(name, 'purpose', record), at(name, 'purposeFail', record)];
    assert.deepEqual(
      [count('money'), count('signup'), count('code'), count('admin')],
      [
        [1, 1],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    );
  });

  test('a login and a sign-up are made use of, or not', () => {
    const login = { path: '/v1/login', method: 'POST', account: 'a' };
    const signup = { path: '/v1/users', method: 'POST', status: 201 };
    assert.deepEqual(get(feedAll(login, {}, {}, login, {}), 'loginOk', 'loginUsed'), [2, 2]);
    assert.deepEqual(get(feedAll(login, login, login, { status: 403 }), 'loginOk', 'loginUsed'), [3, 0]);
    assert.deepEqual(get(feedAll(signup, signup, {}), 'signupOk', 'signupUsed'), [2, 1]);
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
  test('claims that do not agree', () => {
    const chrome = {
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
      httpVersion: '2',
      tlsVersion: 'TLSv1.3',
      ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1',
      acceptEncoding: 'gzip, deflate, br, zstd',
      headerNames: ['host', 'sec-ch-ua', 'user-agent', 'accept', 'sec-fetch-mode', 'accept-encoding', 'accept-language'],
    };
    const marks = ['bareBrowser', 'disguised', 'oldBrowser', 'oddBrowser'] as const;
    assert.deepEqual(get(feedAll(chrome, chrome), ...marks), [0, 0, 0, 0]);
    const script = {
      ...chrome,
      httpVersion: '1.1',
      ja4: 't13d4907h1_0d8feac7bc37_7395dae3b2f3',
      headerNames: ['host', 'user-agent', 'accept-encoding', 'accept'],
    };
    assert.deepEqual(get(feedAll(script, script), ...marks), [2, 2, 2, 2]);
    assert.deepEqual(get(feedAll(script), 'ja4Ciphers', 'ja4Extensions', 'ja4Http2'), [49, 7, 0]);
  });

  test('conditional requests by their header names, and how many names there are', () => {
    const names = { headerNames: ['host', 'accept'] };
    const record = feedAll(names, { headerNames: ['host', 'accept', 'if-none-match'] }, names, {});
    assert.deepEqual(get(record, 'headersKnown', 'conditional'), [3, 1]);
    assert.ok(Math.abs(record.f[F.headerNames]! - 7 / 3) < 1e-6);
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
      for (const view of [record.t, record.f, record.h, record.k]) assert.ok(view.every(Number.isFinite));
    }),
  );
});
