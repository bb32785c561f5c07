import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from './api-call.ts';
import { anyCall, callOf, callsOf } from './calls.test.data.ts';
import { createRecord } from './client-record.ts';
import { NO_COHORT } from './cohort.ts';
import { type ApiCall, ApiCallSchema } from './contracts.ts';
import { describeFeature, extract, FEATURES, featureNames, featureSet } from './features.ts';
import { createObserver } from './observe.ts';
import { observe, SESSION } from './session.ts';

function vectorOf(calls: readonly ApiCall[]): Record<string, number> {
  const record = createRecord();
  for (const call of calls) observe(record, call, { strength: 0 });
  const out = new Float32Array(FEATURES.length);
  extract(record, NO_COHORT, out);
  return Object.fromEntries(featureNames.map((name, i) => [name, out[i]!]));
}

describe('the table', () => {
  test('names each feature once, in words, with its range and its source, and no more than 160', () => {
    assert.equal(new Set(featureNames).size, FEATURES.length);
    assert.equal(new Set(FEATURES.map(({ text }) => text)).size, FEATURES.length);
    assert.ok(FEATURES.length <= 160);
    const fields = new Set(ApiCallSchema.fields.map((field) => field.name));
    for (const { name, text, range, source } of FEATURES) {
      assert.match(name, /^[a-z][A-Za-z0-9]+$/);
      assert.match(text, /^[A-Za-z][^"]*[a-z0-9)]$/i);
      assert.ok(range[0] <= 0 && range[1] > 0);
      assert.ok(source.length > 0 && source.every((field) => fields.has(field)), name);
    }
  });

  test('the set is named after its size, its counting and its names', () => {
    assert.match(featureSet, new RegExp(`^f${FEATURES.length}\\.\\d+-[0-9a-f]{8}$`));
  });

  test('values read well', () => {
    const show = (name: string, value: number) => describeFeature(FEATURES[featureNames.indexOf(name)]!, value);
    assert.equal(show('loginFailures', Math.log1p(12)), 'failed logins: 12');
    assert.equal(show('missingShare', 0.614), 'calls answered with 404: 61%');
    assert.equal(show('gapMean', Math.log1p(250)), 'mean gap between calls: 2.5 s');
    assert.equal(show('backOff', Math.log(3)), 'gaps after a failure against the others: 3 times');
    assert.equal(show('failTurn', -0.25), 'more failures of late: -25%');
    assert.equal(show('strength', 2), 'strength of identity (0 address to 4 certificate): 2');
  });
});

describe('values', () => {
  test('are finite and within their range for any calls of any client', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 80 }), (calls) => {
        const record = createRecord();
        const out = new Float32Array(FEATURES.length);
        for (const call of calls) {
          observe(record, call, { strength: 4 });
          extract(record, NO_COHORT, out);
          FEATURES.forEach(({ name, range }, i) => {
            assert.ok(out[i]! >= range[0] && out[i]! <= range[1] && Number.isFinite(out[i]), `${name} is ${out[i]}`);
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('are all 0 for a record without calls', () => {
    const out = new Float32Array(FEATURES.length).fill(7);
    extract(createRecord(), NO_COHORT, out);
    assert.deepEqual([...new Set(out)], [0]);
  });

  test('stay within range in a hundred thousand calls, which are more than a session holds', () => {
    const record = createRecord();
    const call = callOf({ status: 404, responseBytes: 2 ** 50 });
    for (let i = 0; i < 1e5; i++)
      observe(record, { ...call, id: `m${i}`, time: call.time + i * 7, path: `/v1/orders/${i}` }, { strength: 0 });
    const out = new Float32Array(FEATURES.length);
    extract(record, NO_COHORT, out);
    for (const [i, { name, range }] of FEATURES.entries())
      assert.ok(out[i]! >= range[0] && out[i]! <= range[1], `${name} is ${out[i]}`);
    assert.equal(Math.round(Math.expm1(out[0]!)), 1e5 - SESSION.maxCalls);
  });

  test('extract writes into its place only', () => {
    const out = new Float32Array(2 * FEATURES.length + 1);
    const record = createRecord();
    observe(record, callOf(), { strength: 0 });
    extract(record, NO_COHORT, out, FEATURES.length);
    assert.ok(out.subarray(0, FEATURES.length).every((v) => v === 0) && out.at(-1) === 0 && out.some((v) => v !== 0));
  });
});

const ALONE = { subject: null, clientCertificate: null, ja4: null, tlsVersion: null, tlsCipher: null, headerNames: null };

test('other clients that share no fingerprint are of no account: their order and presence change nothing', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '2001:db8::1'];
  const vectors = (calls: readonly ApiCall[]) => {
    const observer = createObserver();
    const seen = calls.map((call) => observer.observe(call)).flatMap((s) => (isRejection(s) || !s.snapshot ? [] : [s.snapshot]));
    const byClient: Record<string, typeof seen> = {};
    for (const snapshot of seen) byClient[snapshot.clientId] = [...(byClient[snapshot.clientId] ?? []), snapshot];
    return byClient;
  };
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 60 }), (drawn) => {
      // Subjects and tenants would tie addresses together, which is another test's matter.
      // So would a fingerprint, once a cohort has others.
      const calls = drawn.map((call) => ({ ...call, ...ALONE }));
      const apart = addresses.flatMap((address) => calls.filter(({ clientIp }) => clientIp === address));
      assert.deepEqual(vectors(apart), vectors(calls));
      const [first] = addresses;
      const alone = vectors(calls.filter(({ clientIp }) => clientIp === first));
      for (const [clientId, snapshots] of Object.entries(alone)) assert.deepEqual(vectors(calls)[clientId], snapshots);
    }),
    { numRuns: 50 },
  );
});

describe('what tells good from bad', () => {
  test('an export that lists first from an enumeration', () => {
    const items = (list: boolean) =>
      vectorOf(callsOf(60, 500, (i) => ({ path: list && i % 20 === 0 ? '/v1/orders' : `/v1/orders/${i}` })));
    assert.ok(items(true).objectListed! > 0.8 && items(false).objectListed === 0);
    assert.ok(items(true).objectsBeyondShown! < items(false).objectsBeyondShown!);
  });

  test('retries that succeed from failures that go on', () => {
    const retry = vectorOf(callsOf(20, 3000, (i) => ({ path: `/v1/jobs/${i >> 1}`, status: i % 2 ? 200 : 503 })));
    const walk = vectorOf(callsOf(20, 3000, (i) => ({ path: `/v1/jobs/${i}`, status: 503 })));
    assert.ok(retry.recovered! > 0.7 && walk.recovered === 0);
  });

  test('a good session that turns shows in its last calls', () => {
    const turned = vectorOf(callsOf(320, 1000, (i) => (i < 300 ? { path: '/v1/feed' } : { path: `/v1/x${i}`, status: 404 })));
    assert.ok(turned.missingShare! < 0.1 && turned.recentFailures! > 0.6 && turned.recentNews! > 0.2);
  });

  test('objects beyond what was shown, from an export that lists enough', () => {
    const walk = (bytes: number) =>
      vectorOf(
        callsOf(101, 500, (i) => ({ path: i === 0 ? '/v1/orders' : `/v1/orders/${i}`, responseBytes: i === 0 ? bytes : 300 })),
      );
    assert.ok(Math.expm1(walk(500).objectsBeyondShown!) > 70 && walk(20_000).objectsBeyondShown === 0);
    assert.ok(walk(500).objectsPerShown! > walk(20_000).objectsPerShown! + 1);
    const unlisted = vectorOf(callsOf(100, 500, (i) => ({ path: `/v1/orders/${i}` })));
    assert.ok(Math.expm1(unlisted.objectsBeyondShown!) > 70);
  });

  test('a jittered guesser from a client that overcomes its failures', () => {
    const guess = vectorOf(
      callsOf(40, 4000, (i) => ({
        path: '/v1/coupons',
        method: 'POST',
        status: i % 13 ? 422 : 200,
        requestBytes: 40 + (i % 3),
        responseBytes: 22,
      })),
    );
    const retry = vectorOf(
      callsOf(40, 4000, (i) => ({ path: `/v1/jobs/${i >> 1}`, status: i % 2 ? 200 : 409, responseBytes: 20 + i })),
    );
    assert.ok(guess.otherAfterFail! > 0.6 && retry.otherAfterFail! < 0.1 && retry.sameAfterFail! > 0.8);
    assert.ok(guess.sizeSame! > 0.8 && retry.sizeSame === 0);
    assert.ok(Math.expm1(guess.routeFailRun!) > 11 && Math.expm1(retry.routeFailRun!) < 1.5);
    assert.ok(guess.codeFails! > 0.8);
  });

  test('a cart that is held from one that is paid', () => {
    const cart = { path: '/v1/carts', method: 'POST', status: 201 };
    const pay = { path: '/v1/carts/5/checkout', method: 'POST', status: 201 };
    assert.ok(vectorOf(callsOf(20, 9000, () => cart)).reservationsKept! > 0.9);
    assert.ok(vectorOf(callsOf(20, 9000, (i) => (i % 2 ? pay : cart))).reservationsKept! < 0.1);
  });

  test('many wrong paths from one wrong path', () => {
    const many = vectorOf(callsOf(50, 1000, (i) => ({ path: `/p${i}`, status: 404 })));
    const one = vectorOf(callsOf(50, 1000, () => ({ path: '/p', status: 404 })));
    assert.ok(Math.expm1(many.missed!) > 30 && Math.expm1(one.missed!) < 1.5);
  });
});
