import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { simulate } from '../../datasets/simulator/simulator.ts';
import { isRejection } from '../core/api-call.ts';
import { callOf, callsOf, NOON } from '../core/calls.test.data.ts';
import { cohortIdOf } from '../core/cohort.ts';
import type { ApiCall, Label, Verdict } from '../core/contracts.ts';
import { featureNames } from '../core/features.ts';
import { createObserver, type Observer, type Snapshot } from '../core/observe.ts';
import type { DeadLetter } from '../core/source.ts';
import { DiskStore, type DiskStoreOptions } from './disk-store.ts';
import { VerdictStore } from './verdict-store.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'assay-disk-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens the folder for as long as it is used: two uses are a restart. */
async function withDisk<R>(folder: string, use: (disk: DiskStore) => Promise<R> | R, options?: DiskStoreOptions): Promise<R> {
  const disk = new DiskStore(folder, options);
  try {
    return await use(disk);
  } finally {
    await disk.close();
  }
}

interface Memory {
  readonly observer: Observer;
  readonly store: VerdictStore;
}

/** A server's memory, whose links go to disk. */
function memoryOn(disk: DiskStore, maxClients?: number): Memory {
  const limits = maxClients === undefined ? {} : { maxClients };
  const observer = createObserver({ ...limits, onLink: (change) => disk.keepLink(change) });
  return { observer, store: new VerdictStore(maxClients) };
}

/** A memory into which everything that is on disk fits. */
async function restored(folder: string): Promise<Memory & { readonly clients: number }> {
  const memory = { observer: createObserver(), store: new VerdictStore() };
  return { ...memory, clients: await withDisk(folder, (disk) => disk.restore(memory.observer, memory.store)) };
}

function verdictOf(clientId: string, fields: Partial<Verdict> = {}): Verdict {
  return {
    id: `${clientId}.x.3`,
    clientId,
    verdict: 'bad',
    score: 0.1 + 0.2,
    action: 'deny',
    family: 'scraping',
    reasons: [{ kind: 'contribution', name: 'x', text: 'größer', weight: Math.fround(0.7), value: null }],
    baseLogOdds: -1.25,
    calls: 3,
    time: NOON,
    sessionStart: NOON - 1,
    novelty: null,
    model: 'm',
    featureSet: 'f',
    policy: 'p',
    mode: 'live',
    expiresAt: NOON + 3600_000,
    ...fields,
  };
}

function labelOf(clientIp: string): Label {
  return {
    label: 'bad',
    clientId: null,
    clientIp,
    subject: null,
    sessionStart: null,
    kind: 'scraping',
    by: 'a person',
    at: NOON,
    why: null,
    until: null,
  };
}

const letterOf = (origin: string, bytes = Uint8Array.from(Buffer.from(`{"id":"${origin}`))): DeadLetter => ({
  rejected: 'ASSAY_CALL_BAD_JSON',
  detail: 'ends too early',
  origin,
  bytes,
});
const originsOf = (letters: readonly DeadLetter[]) => letters.map(({ origin }) => origin);

const decisionsOf = (verdicts: readonly Verdict[]) => verdicts.map((verdict) => ({ verdict, provenance: null }));

/** Observes, keeps the records and one verdict a client, and says whose they are. */
async function keepCalls(disk: DiskStore, memory: Memory, calls: readonly ApiCall[]): Promise<string[]> {
  const [touched, cohorts] = [new Set<string>(), new Set<string>()];
  for (const call of calls) {
    const seen = memory.observer.observe(call);
    if (isRejection(seen)) continue;
    touched.add(seen.clientId);
    if (seen.cohort !== 0) cohorts.add(cohortIdOf(seen.cohort));
  }
  const verdicts = [...touched].map((clientId) => verdictOf(clientId, { time: calls.at(-1)!.time }));
  for (const verdict of verdicts) memory.store.put(verdict);
  await disk.keep(memory, decisionsOf(verdicts), new Set([...touched, ...cohorts]));
  return [...touched];
}

const address = (i: number) => `10.0.${i >> 8}.${i & 255}`;
const token = (i: number): Partial<ApiCall> => ({ clientIp: address(i), subject: `token-${i}`, authScheme: 'bearer' });

/** What the process does that is killed: this file itself, started by a test below. */
async function writeAndDie(folder: string, last: string): Promise<void> {
  const disk = new DiskStore(folder);
  const memory = memoryOn(disk);
  const steps: Record<string, () => Promise<unknown>> = {
    keep: () =>
      keepCalls(
        disk,
        memory,
        callsOf(1500, 1, (i) => token(i)),
      ),
    bury: () => disk.bury(Array.from({ length: 1500 }, (_, i) => letterOf(`log:${i}`))),
    keepLabel: () => disk.keepLabel(labelOf('192.0.2.1')),
  };
  await steps[last]!();
  process.kill(process.pid, 'SIGKILL');
}

/** What the process does that has little room on disk: says what came of each write, and lives on. */
async function fill(folder: string): Promise<void> {
  const disk = new DiskStore(folder);
  const memory = memoryOn(disk);
  const writes: Record<string, () => Promise<unknown>> = {
    bury: () => disk.bury([letterOf('large', new Uint8Array(4e6))]),
    keep: () =>
      keepCalls(
        disk,
        memory,
        callsOf(3000, 1, (i) => token(i)),
      ),
    set: async () => disk.set('read:log', 7),
    keepLabel: () => disk.keepLabel({ ...labelOf('192.0.2.1'), why: 'x'.repeat(4e6) }),
  };
  for (const [name, write] of Object.entries(writes)) {
    const outcome = await write().then(
      () => 'done',
      (error: { code: unknown }) => error.code,
    );
    await sleep(50);
    process.stdout.write(`${name} ${outcome}\n`);
  }
  process.exit(0);
}

const [, , role, ...rest] = process.argv;
if (role === 'write-and-die') await writeAndDie(rest[0]!, rest[1]!);
if (role === 'fill') await fill(rest[0]!);

describe('close and reopen', () => {
  test('brings back records, links and verdicts', async (t) => {
    const folder = folderFor(t);
    const { observer, ids } = await withDisk(folder, async (disk) => {
      const memory = memoryOn(disk);
      const calls = callsOf(40, 100, (i) => token(i % 4));
      return { ...memory, ids: await keepCalls(disk, memory, calls) };
    });
    const back = await restored(folder);
    assert.deepEqual([ids.length, back.clients, back.observer.size], [4, 4, 4]);
    for (const id of ids) assert.deepEqual(back.observer.dump(id), observer.dump(id));
    // Elsewhere only the link tells whose the token is.
    const elsewhere = callOf({ ...token(2), clientIp: '203.0.113.1' });
    assert.equal(back.observer.identifier.find(elsewhere).clientId, ids[2]);
    assert.deepEqual(
      back.store.list(null, 10),
      ids.toSorted().map((id) => verdictOf(id, { time: NOON + 3900 })),
    );
  });

  test('brings back cohorts, and calls go on to the same vectors', async (t) => {
    const folder = folderFor(t);
    const crowd = (from: number, n: number) =>
      callsOf(n, 0, (i) => ({
        clientIp: address((from + i) % 30),
        time: NOON + (from + i) * 700,
        tlsVersion: 'TLSv1.3',
        method: 'POST',
        path: '/v1/login',
        status: 401,
      }));
    const after = crowd(60, 60);
    const observer = await withDisk(folder, async (disk) => {
      const memory = memoryOn(disk);
      await keepCalls(disk, memory, crowd(0, 60));
      return memory.observer;
    });
    const back = await restored(folder);
    assert.deepEqual([back.clients, back.observer.size], [30, 30]);
    const vectors = (seen: Observer) => after.map((call) => seen.observe(call)).map((s) => !isRejection(s) && s.snapshot?.vector);
    const uninterrupted = vectors(observer);
    assert.ok(uninterrupted.some((vector) => vector && vector[featureNames.indexOf('cohortLoginFails')]! > 1));
    assert.deepEqual(vectors(back.observer), uninterrupted);
  });

  test('brings back labels in order, dead letters newest first, and numbers', async (t) => {
    const folder = folderFor(t);
    const letters = [
      letterOf('log:1', new Uint8Array([0, 255, 10, 13])),
      letterOf('log:2', new Uint8Array(0)),
      letterOf('log:3'),
    ];
    const labels = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(labelOf);
    await withDisk(folder, async (disk) => {
      await disk.bury(letters.slice(0, 2));
      await disk.keepLabel(labels[0]!);
      disk.set('read:/log', 42);
    });
    await withDisk(folder, async (disk) => {
      await disk.keepLabel(labels[1]!);
      await disk.keepLabel(labels[2]!);
      await disk.bury(letters.slice(2));
    });
    await withDisk(folder, (disk) => {
      assert.deepEqual(disk.labels(), labels);
      assert.deepEqual(
        disk.letters().map(({ time, ...letter }) => ({ ...letter, bytes: new Uint8Array(letter.bytes) })),
        letters.toReversed(),
      );
      assert.deepEqual(originsOf(disk.letters(2)), ['log:3', 'log:2']);
      assert.deepEqual([disk.get('read:/log'), disk.get('read:/other')], [42, 0]);
    });
  });

  test('what was written last is there though nobody waited for it', async (t) => {
    const folder = folderFor(t);
    await withDisk(folder, (disk) => {
      void disk.bury([letterOf('last')]);
      disk.keepLink(['subject', 'token', 'client']);
    });
    await withDisk(folder, (disk) => assert.deepEqual(originsOf(disk.letters()), ['last']));
    assert.deepEqual(await linksIn(folder), new Map([['token', 'client']]));
  });

  test('a verdict is the newest of its client, and a record too', async (t) => {
    const folder = folderFor(t);
    const observer = await withDisk(folder, async (disk) => {
      const memory = memoryOn(disk);
      for (const call of callsOf(5, 1000, () => ({}))) await keepCalls(disk, memory, [call]);
      return memory.observer;
    });
    const back = await restored(folder);
    const [verdict] = back.store.list(null, 10);
    assert.equal(verdict!.time, NOON + 4000);
    assert.deepEqual(back.observer.dump(verdict!.clientId), observer.dump(verdict!.clientId));
  });

  test('verdicts come back in the order of their time, whatever their ids', async (t) => {
    const folder = folderFor(t);
    const verdicts = ['d', 'a', 'c', 'b'].map((id, i) => verdictOf(id, { time: NOON + i }));
    const memory = { observer: createObserver(), store: new VerdictStore() };
    await withDisk(folder, (disk) => disk.keep(memory, decisionsOf(verdicts), new Set()));
    const { store } = await restored(folder);
    assert.deepEqual(store.list(null, 2), [verdicts[3], verdicts[2]]);
  });
});

const CALLS = Array.from(simulate({ seed: 11, clients: 120 }), ({ call }) => call);

function snapshotsOf(observer: Observer, calls: readonly ApiCall[]): Snapshot[] {
  return calls
    .map((call) => observer.observe(call))
    .flatMap((seen) => (isRejection(seen) || !seen.snapshot ? [] : [seen.snapshot]));
}

describe('restore', () => {
  for (const share of [0.1, 0.5, 0.8])
    test(`after ${share} of the calls the rest gives the vectors of an observer that never stopped`, async (t) => {
      const folder = folderFor(t);
      const cut = Math.floor(CALLS.length * share);
      await withDisk(folder, async (disk) => {
        const memory = memoryOn(disk);
        for (let from = 0; from < cut; from += 100) await keepCalls(disk, memory, CALLS.slice(from, Math.min(cut, from + 100)));
      });
      const whole = createObserver();
      snapshotsOf(whole, CALLS.slice(0, cut));
      const { observer } = await restored(folder);
      const expected = snapshotsOf(whole, CALLS.slice(cut));
      assert.ok(expected.some(({ calls }) => calls > 8));
      assert.deepEqual(snapshotsOf(observer, CALLS.slice(cut)), expected);
    });

  test('of another feature set or layout clears the records and nothing else', async (t) => {
    const folder = folderFor(t);
    await withDisk(folder, async (disk) => {
      await keepCalls(disk, memoryOn(disk), [callOf(token(1))]);
      await disk.bury([letterOf('log:1')]);
      await disk.keepLabel(labelOf('192.0.2.1'));
      disk.set('read:/log', 42);
    });
    await changeLayout(folder);
    const { clients, observer, store } = await restored(folder);
    assert.deepEqual([clients, observer.size, store.list(null, 9).length], [0, 0, 1]);
    assert.equal((await linksIn(folder)).size, 2);
    await withDisk(folder, async (disk) => {
      assert.deepEqual([disk.labels().length, disk.letters().length, disk.get('read:/log')], [1, 1, 42]);
      await keepCalls(disk, memoryOn(disk), [callOf()]);
    });
    assert.equal((await restored(folder)).clients, 1);
  });
});

/** As if the folder were written by another version. */
async function changeLayout(folder: string): Promise<void> {
  const root = open({ path: folder, maxDbs: 8 });
  const meta = root.openDB<number, string>({ name: 'meta' });
  assert.ok(meta.get('layout')! > 0);
  meta.putSync('layout', 1);
  await root.close();
}

/** The links on disk, in the order in which they are put back: the last word on a token holds. */
async function linksIn(folder: string): Promise<Map<string, unknown>> {
  const links = new Map<string, unknown>();
  const observer = createObserver();
  observer.identifier.restore = ([, key, value]) => {
    links.set(key, value);
  };
  await withDisk(folder, (disk) => disk.restore(observer, new VerdictStore()));
  return links;
}

describe('links on disk', () => {
  /** Each is committed before the next, as over many deliveries. */
  const keepSlowly = (folder: string, names: readonly string[], limit: number) =>
    withDisk(
      folder,
      async (disk) => {
        for (const [i, name] of names.entries()) {
          disk.keepLink(['subject', name, `client ${i}`]);
          await disk.bury([]);
        }
      },
      { limit },
    );

  test('that were not written for a generation go, and the last word on a token holds', async (t) => {
    const folder = folderFor(t);
    // The fourth one and the eighth end a generation.
    await keepSlowly(folder, ['a', 'b', 'c', 'd', 'a', 'e', 'f', 'g', 'd', 'a'], 3);
    assert.deepEqual(
      new Map([...(await linksIn(folder))].toSorted()),
      new Map([
        ['a', 'client 9'],
        ['d', 'client 8'],
        ['e', 'client 5'],
        ['f', 'client 6'],
        ['g', 'client 7'],
      ]),
    );
  });

  test('of one delivery that is larger than the limit all stay', async (t) => {
    const folder = folderFor(t);
    const names = Array.from({ length: 10 }, (_, i) => `s${i}`);
    await withDisk(folder, (disk) => names.forEach((name) => void disk.keepLink(['subject', name, 'client'])), { limit: 3 });
    assert.deepEqual([...(await linksIn(folder)).keys()].toSorted(), names);
  });

  test('stay within the limit, however often the server starts anew', async (t) => {
    const folder = folderFor(t);
    for (let i = 0; i < 20; i++) await keepSlowly(folder, [`s${2 * i}`, `s${2 * i + 1}`], 5);
    const links = await linksIn(folder);
    assert.ok(links.size <= 12, `${links.size} links`);
    assert.ok(links.has('s39'));
  });
});

describe('what memory has forgotten', () => {
  const keepClients = (disk: DiskStore, memory: Memory, from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => from + i).reduce(
      (before, i) => before.then(() => keepCalls(disk, memory, [callOf({ clientIp: address(i), time: NOON + i * 1000 })])),
      Promise.resolve<string[]>([]),
    );

  test('goes from disk once so many clients were written, and what is held stays', async (t) => {
    const folder = folderFor(t);
    const { observer, store } = await withDisk(
      folder,
      async (disk) => {
        const memory = memoryOn(disk, 2);
        await keepClients(disk, memory, 0, 6);
        return memory;
      },
      { limit: 2 },
    );
    const back = await restored(folder);
    const held = store.list(null, 9).map(({ clientId }) => clientId);
    assert.equal(held.length, 2);
    assert.deepEqual(back.store.list(null, 9), store.list(null, 9));
    assert.equal(back.clients, 2);
    for (const id of held.filter((clientId) => observer.has(clientId)))
      assert.deepEqual(back.observer.dump(id), observer.dump(id));
  });

  test('stays until then', async (t) => {
    const folder = folderFor(t);
    await withDisk(folder, (disk) => keepClients(disk, memoryOn(disk, 2), 0, 6), { limit: 6 });
    const { clients, store } = await restored(folder);
    assert.deepEqual([clients, store.list(null, 9).length], [6, 6]);
  });

  test('stays from one time to the next', async (t) => {
    const folder = folderFor(t);
    // The third one sweeps the first away.
    await withDisk(folder, (disk) => keepClients(disk, memoryOn(disk, 2), 0, 5), { limit: 2 });
    assert.equal((await restored(folder)).clients, 4);
  });

  test('goes at a start too: memory keeps the newest verdicts, and the disk what memory keeps', async (t) => {
    const folder = folderFor(t);
    await withDisk(folder, (disk) => keepClients(disk, memoryOn(disk), 0, 6));
    const memory = { observer: createObserver({ maxClients: 2 }), store: new VerdictStore(2) };
    await withDisk(folder, (disk) => disk.restore(memory.observer, memory.store));
    const { clients, store } = await restored(folder);
    assert.equal(clients, 2);
    assert.deepEqual(
      store.list(null, 9).map(({ time }) => time),
      [NOON + 5000, NOON + 4000],
    );
  });
});

describe('labels and dead letters', () => {
  const MAX_KEPT = 100_000;

  test('are kept up to a limit each; the oldest letters go first, and no label for them', async (t) => {
    const folder = folderFor(t);
    const letters = Array.from({ length: MAX_KEPT + 8 }, (_, i) => letterOf(String(i), new Uint8Array(1)));
    await withDisk(folder, async (disk) => {
      await disk.keepLabel(labelOf('first'));
      await disk.bury(letters.slice(0, MAX_KEPT));
      await disk.keepLabel(labelOf('second'));
      await disk.bury(letters.slice(MAX_KEPT));
    });
    await withDisk(folder, (disk) => {
      assert.deepEqual(originsOf(disk.letters(2 * MAX_KEPT)), originsOf(letters.slice(8)).toReversed());
      assert.deepEqual(
        disk.labels().map(({ clientIp }) => clientIp),
        ['first', 'second'],
      );
    });
  });

  test('the oldest labels go first, across a restart', async (t) => {
    const folder = folderFor(t);
    const label = labelOf('192.0.2.1');
    await withDisk(folder, async (disk) => {
      let last = disk.keepLabel({ ...label, at: 0 });
      for (let at = 1; at < MAX_KEPT; at++) last = disk.keepLabel({ ...label, at });
      await last;
    });
    await withDisk(folder, async (disk) => {
      await disk.keepLabel({ ...label, at: MAX_KEPT });
      await disk.keepLabel({ ...label, at: MAX_KEPT + 1 });
      const labels = disk.labels();
      assert.deepEqual([labels.length, labels[0]!.at, labels.at(-1)!.at], [MAX_KEPT, 2, MAX_KEPT + 1]);
    });
  });
});

describe('a process that is killed loses nothing of', () => {
  async function killAfter(t: TestContext, step: string): Promise<string> {
    const folder = folderFor(t);
    const args = [fileURLToPath(import.meta.url), 'write-and-die', folder, step];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
    return folder;
  }

  test('what keep was done with', async (t) => {
    const back = await restored(await killAfter(t, 'keep'));
    const whole = createObserver();
    const calls = callsOf(1500, 1, (i) => token(i));
    const ids = calls.map((call) => whole.observe(call)).flatMap((seen) => (isRejection(seen) ? [] : [seen.clientId]));
    assert.deepEqual([ids.length, back.clients, back.store.counts.bad], [1500, 1500, 1500]);
    for (const [i, id] of ids.entries())
      assert.equal(back.observer.identifier.find(callOf({ ...token(i), clientIp: '203.0.113.1' })).clientId, id);
  });

  test('what bury was done with', async (t) => {
    const folder = await killAfter(t, 'bury');
    const origins = await withDisk(folder, (disk) => originsOf(disk.letters(2000)));
    assert.deepEqual([origins.length, origins[0], origins.at(-1)], [1500, 'log:1499', 'log:0']);
  });

  test('what keepLabel was done with', async (t) => {
    const folder = await killAfter(t, 'keepLabel');
    assert.deepEqual(await withDisk(folder, (disk) => disk.labels()), [labelOf('192.0.2.1')]);
  });
});

test('a write that finds no room is told as ASSAY_STORAGE_FAILED and does not end the process', async (t) => {
  const limited = 'trap \'\' XFSZ; ulimit -f 1024; exec "$@"';
  const args = ['-c', limited, 'bash', process.execPath, fileURLToPath(import.meta.url), 'fill', folderFor(t)];
  const child = spawn('bash', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const [told, complaints, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  assert.equal(status, 0, complaints);
  assert.deepEqual(told.trim().split('\n'), [
    'bury ASSAY_STORAGE_FAILED',
    'keep ASSAY_STORAGE_FAILED',
    'set done',
    'keepLabel ASSAY_STORAGE_FAILED',
  ]);
});
