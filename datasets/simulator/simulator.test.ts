import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkCall, isRejection } from '../../service/core/api-call.ts';
import type { LabelledCall } from '../dataset.ts';
import { BAD_KINDS } from './bad-kinds.ts';
import { UNFITTED } from './fitted.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import { loadCalls, simulate } from './simulator.ts';
import { VIEW_NAMES } from './view.ts';

const SEED = 11;
/** One run that most tests look at. */
const all = [...simulate({ seed: SEED, clients: 3000, fitted: UNFITTED })];
const rich = [...simulate({ seed: SEED + 1, clients: 2500, view: 'nginx-json', fitted: UNFITTED })];

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

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

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
  assert.ok(bad.length > 4 && share(bad, Boolean) < 0.2, `${share(bad, Boolean)} of ${bad.length}`);
});

test('a backfill reads ids in sequence and is served; an enumeration is mostly not', () => {
  const some = actorsOf([...all, ...rich]);
  const served = (kind: string) =>
    median(some.filter(({ truth }) => truth.kind === kind).map(({ calls }) => share(calls, ({ status }) => status! < 400)));
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

test('a session that turns is good before and bad after, of an app or of a partner', () => {
  const labelsOf = new Map<string, string[]>();
  for (const { truth } of rich) labelsOf.set(truth.client, [...(labelsOf.get(truth.client) ?? []), truth.label]);
  for (const kind of ['hijacked-session', 'hijacked-key']) {
    const hijacked = new Set(rich.flatMap(({ truth }) => (truth.kind === kind ? truth.client : [])));
    assert.ok(hijacked.size > 8, `${hijacked.size} ${kind}`);
    for (const client of hijacked) assert.match(labelsOf.get(client)!.join(' '), /^(good )+(bad ?)+$/);
  }
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

test('of the automated threats that an API sees, each is there', () => {
  const wanted = '001 002 005 007 008 010 011 012 014 015 017 018 019 020 021'.split(' ').map((n) => `OAT-${n}`);
  const covered = new Set(Object.values(BAD_KINDS).flatMap(({ threats }) => threats ?? []));
  for (const threat of [...wanted, 'API1']) assert.ok(covered.has(threat), threat);
  for (const [name, { threats }] of Object.entries(BAD_KINDS)) assert.ok(threats && threats.length > 0, name);
});

test('README names every kind, and the threats that each attack is', () => {
  const readme = readFileSync(new URL('../../../datasets/simulator/README.md', import.meta.url), 'utf8');
  for (const name of Object.keys(GOOD_KINDS)) assert.ok(readme.includes(name), name);
  for (const [name, { threats }] of Object.entries(BAD_KINDS))
    assert.ok(readme.includes(`| ${name} | ${threats!.join(', ')} |`), `| ${name} | ${threats!.join(', ')} |`);
});

test('an attacker from many addresses asks little from each, and all of them speak alike', () => {
  const swarms = ofKind('distributed-stuffing');
  assert.ok(swarms.length >= 5, String(swarms.length));
  for (const { calls, truth } of swarms) {
    const byAddress = groupBy(calls, ({ clientIp }) => clientIp);
    assert.ok(byAddress.size <= 400, `${truth.client}: ${byAddress.size}`);
    assert.equal(new Set(calls.map(({ userAgent }) => userAgent)).size, 1);
    const logins = [...byAddress.values()].map((some) => some.filter(({ method }) => method === 'POST').length);
    assert.ok(median(logins) <= 5, `${truth.client}: ${median(logins)} logins from an address`);
  }
  assert.ok(share(swarms, ({ calls }) => new Set(calls.map(({ clientIp }) => clientIp)).size >= 40) > 0.6);
  assert.ok(share(swarms, ({ calls }) => calls.at(-1)!.time - calls[0]!.time > 60_000) > 0.8, 'spread over minutes');
});

test('attackers from many addresses are few of all actors', () => {
  const actors = actorsOf([...all, ...rich]);
  const many = share(actors, ({ truth }) => truth.label === 'bad' && BAD_KINDS[truth.kind]!.addresses !== undefined);
  assert.ok(many > 0.003 && many < 0.025, String(many));
});

/** Clients by deployment and by how they speak. */
function speakersOf(labelled: readonly LabelledCall[]): Map<string, Actor[]> {
  const voiceOf = ({ calls: [call], truth }: Actor) => `${truth.client.split('-')[0]} ${call!.userAgent}`;
  return groupBy(actorsOf(labelled), voiceOf);
}

test('crowds: many good clients of one app that mostly come in, some of them with attackers that speak alike', () => {
  const crowds = [...speakersOf(rich).values()].filter((some) => some.filter(({ truth }) => truth.label === 'good').length > 25);
  assert.ok(crowds.length >= 4, String(crowds.length));
  const mixed = crowds.filter((some) => some.some(({ truth }) => truth.label === 'bad'));
  assert.ok(mixed.length >= 2 && mixed.length < crowds.length + 1, `${mixed.length} of ${crowds.length}`);
  const logins = crowds
    .flat()
    .filter(({ truth }) => truth.kind === 'app-user')
    .map(({ calls }) => share(calls, ({ status }) => status! < 400));
  assert.ok(logins.length > 100 && median(logins) > 0.8, `${median(logins)} of ${logins.length}`);
});

test('half of the deployments last minutes, the others hours', () => {
  const spans = groupBy(all, ({ truth }) => truth.client.split('-')[0]!);
  const lasts = [...spans.values()].map((calls) => (calls.at(-1)!.call.time - calls[0]!.call.time) / 60_000);
  const short = share(lasts, (minutes) => minutes <= 15.1);
  assert.ok(short > 0.3 && short < 0.75, `${short} of ${lasts.length}`);
  assert.ok(Math.max(...lasts) > 120);
});

test('exports by who knows what is there meet no gaps; enumerations through a key do', () => {
  const missing = (kind: string) =>
    share(
      ofKind(kind).flatMap(({ calls }) => calls),
      ({ status }) => status === 404 || status === 403 || status === 410,
    );
  assert.ok(missing('own-books-export') < 0.05, String(missing('own-books-export')));
  assert.ok(missing('key-enumeration') > 0.15, String(missing('key-enumeration')));
});

test('clients of a measured kind and program follow the measurement in half of the cases', () => {
  const kind = {
    clients: 9,
    calls: [7, 7],
    gapMs: [50, 50],
    gapRatio: [1, 1],
    statuses: { '200': 1 },
    okBytes: [],
    errorBytes: [],
  };
  const shape = { clients: 9, agents: ['measured/1.0'], order: 'host x-measured user-agent', accept: null, encoding: null };
  const fitted = { kinds: { 'good partner-sync': kind }, stacks: { axios: shape }, okBytes: [], errorBytes: [] };
  const measured = [4, 5, 6].flatMap((seed) => actorsOf([...simulate({ seed, clients: 3000, view: 'nginx-json', fitted })]));
  const syncs = measured.filter(({ truth }) => truth.kind === 'partner-sync');
  const short = share(syncs, ({ calls }) => calls.length <= 7);
  assert.ok(short > 0.35 && short < 0.85, String(short));
  const plain = measured.filter(({ truth, calls }) => truth.tool === 'axios' && calls[0]!.headerNames?.includes('x-measured'));
  assert.ok(plain.length > 10, String(plain.length));
  assert.deepEqual(plain[0]!.calls[0]!.headerNames!.slice(0, 2), ['host', 'x-measured']);
});
