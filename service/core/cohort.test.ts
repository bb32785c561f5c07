import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from './api-call.ts';
import { anyCall, callOf, NOON } from './calls.test.data.ts';
import { createRecord, K, U } from './client-record.ts';
import { COHORT, CohortPeers, CohortTable, cohortIdOf, cohortOf, isCohortId, O } from './cohort.ts';
import type { ApiCall } from './contracts.ts';
import { featureNames } from './features.ts';
import { createObserver, type Observer, type Snapshot } from './observe.ts';
import { observe } from './session.ts';

const HEADERS = ['host', 'user-agent', 'accept-encoding', 'accept', 'connection'];
const STACK: Partial<ApiCall> = { ja4: 't13d1516h2_aaaa_bbbb', userAgent: 'python-requests/2.32.3', headerNames: HEADERS };
const address = (i: number) => `10.0.${i >> 8}.${i & 255}`;

const login = (client: number, time: number, status = 401): ApiCall =>
  callOf({ ...STACK, clientIp: address(client), time, method: 'POST', path: '/v1/login', status, account: `a${client}` });

function watch(observer: Observer, calls: readonly ApiCall[]): Snapshot[] {
  return calls.flatMap((call) => {
    const seen = observer.observe(call);
    return isRejection(seen) || seen.snapshot === null ? [] : [seen.snapshot];
  });
}

const read = ({ vector }: Snapshot, name: string) => vector[featureNames.indexOf(name)]!;
const cohortNames = featureNames.filter((name) => name.startsWith('cohort'));
const cohortPart = (snapshot: Snapshot) => cohortNames.map((name) => read(snapshot, name));

describe('who belongs together', () => {
  const key = (fields: Partial<ApiCall> = {}) => cohortOf(callOf({ ...STACK, ...fields }));

  test('calls of one program, whatever varies from one to the next', () => {
    for (const fields of [
      { headerNames: [...HEADERS, 'authorization', 'cookie', 'content-type', 'if-none-match', 'x-request-id'] },
      { headerNames: ['referer', ...HEADERS, 'range', 'origin', 'sec-fetch-site'] },
      { ja4: 't13d1517h2_aaaa_cccc' },
      { userAgent: 'python-requests/2.31.0' },
      { clientIp: '192.0.2.99', subject: 'x', path: '/other', status: 500 },
    ])
      assert.equal(key(fields), key(), JSON.stringify(fields));
  });

  test('not another handshake, software, order of headers, host or tenant', () => {
    for (const fields of [
      { ja4: 't13d1715h2_dddd_bbbb' },
      { userAgent: 'Go-http-client/2.0' },
      { headerNames: HEADERS.toReversed() },
      { host: 'other.example' },
      { tenant: 't' },
      { ja4: null, tlsVersion: 'TLSv1.2' },
    ])
      assert.notEqual(key(fields), key(), JSON.stringify(fields));
  });

  test('a user agent alone makes no cohort', () => {
    assert.equal(cohortOf(callOf({ userAgent: 'python-requests/2.32.3' })), 0);
    assert.notEqual(cohortOf(callOf({ tlsCipher: 'TLS_AES_128_GCM_SHA256' })), 0);
  });
});

describe('300 addresses with three login attempts each', () => {
  const spread = Array.from({ length: 900 }, (_, i) => login(i % 300, NOON + i * 500)).concat(login(300, NOON + 451_000));
  const snapshots = watch(createObserver(), spread);

  test('are seen by each that comes later', () => {
    const last = snapshots.at(-1)!;
    assert.ok(Math.abs(Math.expm1(read(last, 'cohortClients')) - 300) < 60);
    assert.ok(Math.abs(Math.expm1(read(last, 'cohortLoginFails')) - 2) < 0.8);
    assert.ok(read(last, 'cohortLoginFailShare') > 0.95 && read(last, 'cohortBrief') > 0.95);
    assert.ok(Math.abs(Math.expm1(read(last, 'cohortAccounts')) - 1) < 0.3);
    assert.match(last.signals.find(({ name }) => name === 'cohort-login-failures')!.text, /^about \d+ other clients/);
  });

  test('but nothing of it in the first ten seconds, and after an hour hardly anything', () => {
    const first = snapshots.filter(({ time }) => time < NOON + COHORT.bucketMs);
    assert.ok(first.length > 10);
    for (const snapshot of first) assert.deepEqual([...new Set(cohortPart(snapshot))], [0]);
    const observer = createObserver();
    watch(observer, spread);
    const [later] = watch(observer, [login(500, NOON + 2 * 3600_000)]);
    assert.equal(read(later!, 'cohortClients'), 0);
    assert.ok(read(later!, 'cohortLoginFails') < 0.5);
  });
});

test('spread over partitions they are seen as if there were one, once each has told the others', () => {
  const peers = new CohortPeers();
  const partitions = [0, 1, 2, 3].map((partition) => createObserver({ peers: peers.besides(partition) }));
  const tell = (partition: number, call: ApiCall) => {
    const id = cohortIdOf(cohortOf(call));
    peers.set(partition, id, partitions[partition]!.dump(id)!);
  };
  for (let i = 0; i < 900; i++) {
    const call = login(i % 300, NOON + i * 500);
    partitions[i % 4]!.observe(call);
    tell(i % 4, call);
  }
  const last = login(300, NOON + 451_000);
  const [apart] = watch(partitions[2]!, [last]);
  const one = createObserver();
  for (let i = 0; i < 900; i++) one.observe(login(i % 300, NOON + i * 500));
  const [together] = watch(one, [last]);
  for (const name of cohortNames)
    assert.ok(
      Math.abs(read(apart!, name) - read(together!, name)) < 0.1,
      `${name}: ${read(apart!, name)}, ${read(together!, name)}`,
    );
  assert.ok(Math.abs(Math.expm1(read(apart!, 'cohortClients')) - 300) < 60);
});

test('what is of another size is no cohort', () => {
  const peers = new CohortPeers();
  peers.set(0, cohortIdOf(7), new Uint8Array(3));
  assert.deepEqual(peers.besides(1)(7, 0), []);
});

test('a partition that is behind sees the others as they were, whatever they have told since', () => {
  const peers = new CohortPeers();
  const [ahead, behind] = [0, 1].map((partition) => createObserver({ peers: peers.besides(partition) }));
  const id = cohortIdOf(cohortOf(login(0, NOON)));
  const at = (bucket: number) => NOON + bucket * COHORT.bucketMs;
  const seen: number[][] = [];
  for (let bucket = 0; bucket < 8; bucket++) {
    for (let i = 0; i < 20; i++) {
      ahead!.observe(login(i, at(bucket) + i));
      peers.set(0, id, ahead!.dump(id)!);
    }
    if (bucket === 5) seen.push(cohortPart(watch(createObserver({ peers: peers.besides(1) }), [login(500, at(5) + 100)])[0]!));
  }
  seen.push(cohortPart(watch(behind!, [login(500, at(5) + 100)])[0]!));
  assert.deepEqual(seen[1], seen[0]);
  assert.ok(seen[0]!.some((value) => value > 0));
  // Of what is longer ago than is kept, the oldest.
  const [long] = watch(createObserver({ peers: peers.besides(1) }), [login(500, at(1))]);
  assert.ok(cohortPart(long!).some((value) => value > 0));
});

test('what others did is read a bucket late, so that it does not matter when within that bucket it is told', () => {
  const id = cohortIdOf(cohortOf(login(0, NOON)));
  const at = (bucket: number) => NOON + bucket * COHORT.bucketMs;
  /** @param tells whether the other partition tells after its call of so many ms after the beginning */
  const seenAfter = (tells: (ms: number) => boolean) => {
    const peers = new CohortPeers();
    const other = createObserver({ peers: peers.besides(0) });
    for (let ms = 0; ms < 4 * COHORT.bucketMs; ms += 100) {
      other.observe(login(ms % 700, NOON + ms));
      if (tells(ms)) peers.set(0, id, other.dump(id)!);
    }
    return cohortPart(watch(createObserver({ peers: peers.besides(1) }), [login(999, at(4))])[0]!);
  };
  const atOnce = seenAfter(() => true);
  assert.ok(atOnce.some((value) => value > 0));
  const untilDead = 3 * COHORT.bucketMs;
  assert.deepEqual(
    seenAfter((ms) => ms <= untilDead),
    atOnce,
  );
  assert.notDeepEqual(
    seenAfter((ms) => ms < untilDead && ms % 900 === 0),
    atOnce,
  );
});

test('sums halve in ten minutes', () => {
  const table = new CohortTable();
  const [a, b, out] = [createRecord(), createRecord(), new Float32Array(O.size)];
  for (const record of [a, b]) record.u[U.cohort] = 7;
  for (let i = 0; i < 64; i++) table.count(a, NOON, 1 << K.calls, 'a', 0);
  table.count(b, NOON + COHORT.bucketMs * COHORT.halfLifeBuckets, 1 << K.calls, 'b', 0);
  table.readOthers(b, out);
  assert.equal(out[K.calls], 32);
});

describe('a client alone', () => {
  test('sees nothing in its cohort, whatever it does and however long', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 60 }), (drawn) => {
        const calls = drawn.toSorted((x, y) => x.time - y.time);
        const observer = createObserver();
        const alone = calls.map((call) => ({ ...call, ...STACK, host: null, tenant: null, clientIp: '192.0.2.1' }));
        const single = alone.map((call) => ({ ...call, subject: null, clientCertificate: null, identityVerified: null }));
        for (const snapshot of watch(observer, single)) assert.deepEqual([...new Set(cohortPart(snapshot))], [0]);
      }),
      { numRuns: 60 },
    );
  });

  test('takes what it did in one cohort into no other', () => {
    const [record, table, out] = [createRecord(), new CohortTable(), new Float32Array(O.size)];
    for (let i = 0; i < 40; i++) observe(record, login(1, NOON + i * 1000), { strength: 0, clientId: 'a' }, table);
    const first = record.u[U.cohort];
    const other = { ...login(1, NOON + 3600_000), ja4: 't13d0303h1_x_y' };
    observe(record, other, { strength: 0, clientId: 'a' }, table);
    assert.notEqual(record.u[U.cohort], first);
    assert.deepEqual([...new Set(record.k)], [0]);
    table.readOthers(record, out);
    assert.deepEqual([...new Set(out)], [0]);
  });
});

/** Calls of a few clients that share a fingerprint, many of them in the same ten seconds. */
const crowd = fc.array(
  fc.record({ client: fc.nat(5), bucket: fc.nat(3), status: fc.constantFrom(200, 401, 404), login: fc.boolean() }),
  { minLength: 2, maxLength: 60 },
);
const callsOfCrowd = (drawn: readonly { client: number; bucket: number; status: number; login: boolean }[]) =>
  drawn
    .map((one, i) => ({ ...one, time: NOON + one.bucket * COHORT.bucketMs + i * 7 }))
    .map(({ client, time, status, login: logsIn }) =>
      logsIn
        ? login(client, time, status)
        : callOf({ ...STACK, clientIp: address(client), time, path: `/v1/orders/${time % 9}`, status }),
    );

/** In order of their buckets; within one, clients in the order of `rank`, each one's calls in their own order. */
function byBucket(calls: readonly ApiCall[], rank: (clientIp: string) => number): ApiCall[] {
  const bucket = ({ time }: ApiCall) => Math.floor(time / COHORT.bucketMs);
  return calls.toSorted((a, b) => bucket(a) - bucket(b) || rank(a.clientIp) - rank(b.clientIp) || a.time - b.time);
}

test('the order of clients within a bucket changes no vector', () => {
  const vectors = (calls: readonly ApiCall[]) => {
    const found = new Map<string, Snapshot[]>();
    for (const snapshot of watch(createObserver(), calls))
      found.set(snapshot.clientId, [...(found.get(snapshot.clientId) ?? []), snapshot]);
    return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  let saw = 0;
  fc.assert(
    fc.property(crowd, fc.infiniteStream(fc.nat(1000)), (drawn, ranks) => {
      const calls = callsOfCrowd(drawn);
      const order = new Map(calls.map(({ clientIp }) => [clientIp, ranks.next().value as number]));
      const inTime = vectors(calls.toSorted((a, b) => a.time - b.time));
      assert.deepEqual(vectors(byBucket(calls, (clientIp) => order.get(clientIp)!)), inTime);
      for (const snapshots of Object.values(inTime)) for (const s of snapshots) saw += Number(cohortPart(s).some((v) => v > 0));
    }),
    { numRuns: 100 },
  );
  assert.ok(saw > 100, `cohorts were seen ${saw} times`);
});

describe('dump and restore', () => {
  test('a restored cohort goes on to the same vectors, bit for bit, from any call on', () => {
    fc.assert(
      fc.property(crowd, fc.nat(60), (drawn, at) => {
        const calls = callsOfCrowd(drawn).toSorted((a, b) => a.time - b.time);
        const first = createObserver();
        const ids = new Set<string>();
        for (const call of calls.slice(0, at)) {
          const seen = first.observe(call);
          assert.ok(!isRejection(seen) && seen.cohort !== 0);
          ids.add(seen.clientId).add(cohortIdOf(seen.cohort));
        }
        const second = createObserver();
        for (const id of ids) assert.ok(first.has(id) && second.restore(id, first.dump(id)!));
        assert.deepEqual(watch(second, calls.slice(at)), watch(first, calls.slice(at)));
      }),
    );
  });

  test('what is unknown or of another size is refused', () => {
    const table = new CohortTable();
    assert.equal(table.dump('cohort-1'), null);
    assert.equal(table.has('cohort-1'), false);
    assert.equal(table.restore('cohort-1', new Uint8Array(7)), false);
    assert.ok(isCohortId(cohortIdOf(0xffffffff)) && !isCohortId('0'.repeat(32)));
  });
});

test('the table holds no more than its limit', () => {
  const table = new CohortTable(100);
  const record = createRecord();
  for (let key = 1; key <= 1000; key++) {
    record.u[U.cohort] = key;
    table.count(record, NOON, 1 << K.calls, 'a', 0);
  }
  const held = Array.from({ length: 1000 }, (_, i) => table.has(cohortIdOf(i + 1))).filter(Boolean).length;
  assert.ok(held >= 50 && held <= 100, `${held}`);
});
