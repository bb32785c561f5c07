import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { checkCall, isRejection } from '../../service/core/api-call.ts';
import type { LabelledCall } from '../dataset.ts';
import { BAD_KINDS } from './bad-kinds.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import { loadCalls, simulate } from './simulator.ts';
import { VIEW_NAMES } from './view.ts';

const SEED = 11;
/** One run that most tests look at. */
const all = [...simulate({ seed: SEED, clients: 3000 })];
const rich = [...simulate({ seed: SEED + 1, clients: 2500, view: 'nginx-json' })];

interface Actor {
  readonly truth: LabelledCall['truth'];
  readonly calls: LabelledCall['call'][];
}

function actorsOf(labelled: readonly LabelledCall[]): Actor[] {
  const actors = new Map<string, Actor>();
  for (const { call, truth } of labelled) {
    const actor = actors.get(truth.client) ?? { truth, calls: [] };
    // A client that turns is bad in the end.
    actors.set(truth.client, truth.label === 'bad' ? { ...actor, truth } : actor);
    actor.calls.push(call);
  }
  return [...actors.values()];
}

const ofKind = (kind: string) => actorsOf(rich).filter(({ truth }) => truth.kind === kind);
const share = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length / Math.max(1, items.length);
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function digest(options: { seed: number; clients: number }): string {
  const hash = createHash('sha256');
  for (const { call, truth } of loadCalls(options) as Iterable<LabelledCall>) hash.update(JSON.stringify([call, truth]));
  return hash.digest('hex');
}

test('the same seed gives the same bytes, another seed others', () => {
  assert.equal(digest({ seed: 5, clients: 150 }), digest({ seed: 5, clients: 150 }));
  assert.notEqual(digest({ seed: 5, clients: 150 }), digest({ seed: 6, clients: 150 }));
});

test('calls come in event-time order, each with its own id, all valid and complete', () => {
  let last = 0;
  const ids = new Set<string>();
  const fields = Object.keys(all[0]!.call).length;
  for (const { call } of all) {
    assert.ok(call.time >= last, `${call.time} after ${last}`);
    last = call.time;
    ids.add(call.id);
    const checked = checkCall(call, call.time);
    if (isRejection(checked)) assert.fail(`${checked.detail}: ${JSON.stringify(call)}`);
    assert.deepEqual(checked, call);
    assert.equal(Object.keys(call).length, fields);
  }
  assert.equal(ids.size, all.length);
});

test('as many actors as asked for, half of them bad, of every kind', () => {
  const actors = actorsOf([...all, ...rich]);
  assert.ok(actorsOf(all).length > 2950 && actorsOf(all).length <= 3000, String(actorsOf(all).length));
  const bad = share(actors, ({ truth }) => truth.label === 'bad');
  assert.ok(bad > 0.35 && bad < 0.65, `${bad} are bad`);
  const kinds = new Set(actors.map(({ truth }) => `${truth.label} ${truth.kind}`));
  for (const kind of Object.keys(GOOD_KINDS)) assert.ok(kinds.has(`good ${kind}`), kind);
  for (const kind of Object.keys(BAD_KINDS)) assert.ok(kinds.has(`bad ${kind}`), kind);
});

test('clients make from one call to thousands, some dozens in the mean', () => {
  const sizes = actorsOf(all).map(({ calls }) => calls.length);
  assert.equal(Math.min(...sizes), 1);
  assert.ok(Math.max(...sizes) > 500 && Math.max(...sizes) <= 3000, String(Math.max(...sizes)));
  const mean = all.length / sizes.length;
  assert.ok(mean > 35 && mean < 130, String(mean));
  for (const label of ['good', 'bad'] as const) {
    const small = share(
      actorsOf(all).filter(({ truth }) => truth.label === label),
      ({ calls }) => calls.length <= 3,
    );
    assert.ok(small > 0.04, `${label}: ${small} with three calls at most`);
  }
});

test("one client's calls are at least 1 ms apart where the gateway tells milliseconds", () => {
  for (const { calls, truth } of actorsOf(rich))
    for (let i = 1; i < calls.length; i++) assert.ok(calls[i]!.time > calls[i - 1]!.time, truth.client);
});

test('every view tells its own fields, and never less than what is required', () => {
  for (const view of VIEW_NAMES) {
    const some = [...simulate({ seed: 3, clients: 60, view })];
    const told = new Set(
      some.flatMap(({ call }) => Object.entries(call).flatMap(([name, value]) => (value === null ? [] : [name]))),
    );
    for (const field of ['id', 'time', 'clientIp', 'method', 'path', 'status']) assert.ok(told.has(field), `${view} ${field}`);
    assert.equal(told.has('headerNames'), view === 'nginx-json', view);
    assert.equal(told.has('ja4'), view === 'envoy', view);
    assert.equal(told.has('subject'), view !== 'combined' && view !== 'sparse', view);
    if (view === 'combined') assert.ok(some.every(({ call }) => call.time % 1000 === 0));
  }
});

test('neither address nor start nor program gives a label away', () => {
  const actors = actorsOf([...all, ...rich]);
  const bad = actors.filter(({ truth }) => truth.label === 'bad');
  const good = actors.filter(({ truth }) => truth.label === 'good');
  const lowAddress = ({ calls }: Actor) => Number.parseInt(calls[0]!.clientIp, 10) < 110;
  assert.ok(Math.abs(share(bad, lowAddress) - share(good, lowAddress)) < 0.07);
  const inFirstHalf = (some: readonly Actor[]) => median(some.map(({ calls }) => calls[0]!.time));
  const span = all.at(-1)!.call.time - all[0]!.call.time;
  assert.ok(Math.abs(inFirstHalf(bad) - inFirstHalf(good)) < span / 4);
  const tools = (some: readonly Actor[]) => new Set(some.map(({ truth }) => truth.tool));
  const both = [...tools(bad)].filter((tool) => tools(good).has(tool));
  assert.ok(both.length >= 25, `${both.length} programs are used by both`);
});

test('every field that is told of bad clients is told of good ones too', () => {
  const told = (label: string) =>
    new Set(
      all
        .filter(({ truth }) => truth.label === label)
        .flatMap(({ call }) => Object.entries(call).flatMap(([name, value]) => (value === null ? [] : [name]))),
    );
  assert.deepEqual([...told('bad')].sort(), [...told('good')].sort());
});

test('those behind one address share a group, and the other label is told by its program', () => {
  const byAddress = new Map<string, Set<LabelledCall['truth']>>();
  for (const { call, truth } of rich) {
    const truths = byAddress.get(call.clientIp) ?? new Set();
    byAddress.set(call.clientIp, truths.add(truth));
  }
  const shared = [...byAddress.values()].filter((truths) => truths.size > 1);
  assert.ok(shared.length > 20, String(shared.length));
  for (const truths of shared) assert.equal(new Set([...truths].map(({ group }) => group)).size, 1);
  const mixed = shared.filter((truths) => new Set([...truths].map(({ label }) => label)).size > 1);
  assert.ok(mixed.length > 0, 'some addresses are shared by good and bad');
});

test('stuffing is mostly refused and tries many accounts; a user who mistypes comes in', () => {
  const logins = ofKind('credential-stuffing').flatMap(({ calls }) => calls.filter(({ method }) => method === 'POST'));
  const refused = share(logins, ({ status }) => status !== null && status >= 400);
  assert.ok(refused > 0.6, String(refused));
  const accounts = new Set(logins.flatMap(({ account }) => account ?? []));
  assert.ok(accounts.size > 0.5 * logins.filter(({ account }) => account !== null).length);
  const cameIn = share(ofKind('mistyping-user'), ({ calls }) => calls.at(-1)!.status! < 400);
  assert.ok(cameIn > 0.6, String(cameIn));
});

test('most partner syncs wait after a 429, most floods do not', () => {
  /** For each client that met limits: whether it mostly waited a second or more. */
  const waits = (kind: string) =>
    ofKind(kind).flatMap(({ calls }) => {
      const gaps = calls.slice(1).flatMap((call, i) => (calls[i]!.status === 429 ? [call.time - calls[i]!.time] : []));
      return gaps.length > 0 ? [median(gaps) >= 1000] : [];
    });
  const kinds = ['partner-sync', 'backfill', 'crm-bulk-sync', 'cron-export', 'catalogue-partner'];
  const good = kinds.flatMap(waits);
  assert.ok(good.length > 10 && share(good, Boolean) > 0.6, `${share(good, Boolean)} of ${good.length}`);
  const bad = waits('flood');
  assert.ok(bad.length > 10 && share(bad, Boolean) < 0.2, `${share(bad, Boolean)} of ${bad.length}`);
});

test('a backfill reads ids in sequence and is served; an enumeration is mostly not', () => {
  const served = (kind: string) => median(ofKind(kind).map(({ calls }) => share(calls, ({ status }) => status! < 400)));
  assert.ok(served('backfill') > 0.85, String(served('backfill')));
  assert.ok(served('id-enumeration') < served('backfill') - 0.2, String(served('id-enumeration')));
});

test('feed readers and browsers ask conditionally, scrapers never do', () => {
  const fresh = (kind: string) =>
    share(
      ofKind(kind).flatMap(({ calls }) => calls),
      ({ status }) => status === 304,
    );
  assert.ok(fresh('feed-reader') > 0.1, String(fresh('feed-reader')));
  assert.equal(fresh('scraping'), 0);
});

test('a session that turns is good before and bad after', () => {
  const labelsOf = new Map<string, string[]>();
  for (const { truth } of rich) labelsOf.set(truth.client, [...(labelsOf.get(truth.client) ?? []), truth.label]);
  const hijacked = new Set(rich.flatMap(({ truth }) => (truth.kind === 'hijacked-session' ? truth.client : [])));
  assert.ok(hijacked.size > 10);
  for (const client of hijacked) assert.match(labelsOf.get(client)!.join(' '), /^(good )+(bad ?)+$/);
});

test('a session that turns goes on with the same credential', () => {
  const turned = ofKind('hijacked-session').filter(({ calls }) => calls.some(({ subject }) => subject !== null));
  assert.ok(turned.length > 10, String(turned.length));
  const few = share(turned, ({ calls }) => new Set(calls.flatMap(({ subject }) => subject ?? [])).size <= 3);
  assert.ok(few > 0.6, String(few));
});

test('memory does not grow with the calls made: the heap holds who is live', () => {
  // The first calls come before later deployments exist, so asking for a million clients costs no more than for few.
  const endless = simulate({ seed: 1, clients: 1_000_000 });
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 20_000; i++) assert.equal(endless.next().done, false);
  assert.ok(process.memoryUsage().heapUsed - before < 150e6);
});

test('making calls costs less than a few times checking them', () => {
  const timeOf = (work: () => void) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const checkMs = timeOf(() => {
    for (let round = 0; round < 3; round++)
      for (const { call } of rich.slice(0, 40_000)) JSON.stringify(checkCall(call, call.time));
  });
  const makeMs = timeOf(() => {
    let left = 40_000;
    for (const _call of simulate({ seed: 2, clients: 5000 })) if (--left === 0) break;
  });
  assert.ok(makeMs < 4 * checkMs, `${makeMs} ms against ${checkMs} ms`);
});
