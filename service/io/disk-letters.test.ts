import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { open } from 'lmdb';
import type { DeadLetter } from '../core/source.ts';
import { formatLetters, formatResubmission, listLetters, resubmit } from '../dead-letters.ts';
import { createDiskLetters } from './disk-letters.ts';
import { DATABASES, DiskStore } from './disk-store.ts';

const LIMIT = { limit: 100 };
const NOWHERE = 'http://127.0.0.1:9';

const letterOf = (text: string, change: Partial<DeadLetter> = {}): DeadLetter => ({
  rejected: 'ASSAY_CALL_BAD_FIELD',
  detail: 'status',
  origin: 'body[0]',
  bytes: Buffer.from(text),
  ...change,
});

async function storeWith(t: TestContext, letters: readonly DeadLetter[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-letters-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const disk = new DiskStore(folder);
  await disk.bury(letters);
  await disk.close();
  return folder;
}

interface Posted {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A service that answers with one status after the other, then 202 and nothing rejected. */
async function service(t: TestContext, answers: [number, object][] = []): Promise<{ url: string; posted: Posted[] }> {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    posted.push({ body: Buffer.concat(chunks).toString(), headers: request.headers });
    const [status, body] = answers.shift() ?? [202, { accepted: 1, rejected: 0 }];
    response.writeHead(status).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posted };
}

test('letters are listed newest first, with their time', async (t) => {
  const folder = await storeWith(t, [letterOf('a'), letterOf('b', { rejected: 'ASSAY_CALL_LATE' }), letterOf('c')]);
  const place = createDiskLetters(folder, NOWHERE);
  const views = await listLetters(place, LIMIT);
  assert.deepEqual(
    views.map(({ beginning }) => beginning),
    ['c', 'b', 'a'],
  );
  assert.ok(Math.abs(Date.parse(views[0]!.time!) - Date.now()) < 60_000);
  assert.deepEqual(
    (await listLetters(place, { limit: 1, code: 'ASSAY_CALL_BAD_FIELD' })).map(({ beginning }) => beginning),
    ['c'],
  );
  assert.match(formatLetters(views), /ASSAY_CALL_LATE/);
});

test('a folder without a store has no letters, and none is made', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-letters-'));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.deepEqual(await listLetters(createDiskLetters(join(folder, 'none'), NOWHERE), LIMIT), []);
  assert.equal(formatLetters([]), 'no dead letters');
});

test('an entry that is no letter shows as such and stops no other', async (t) => {
  const folder = await storeWith(t, [letterOf('{"a"'), letterOf('{"b"')]);
  const root = open({ path: folder, maxDbs: 8 });
  await root.openDB({ name: DATABASES.letters, encoding: 'binary' }).put(1, Buffer.from([0xc1, 0xff]));
  await root.close();
  const views = await listLetters(createDiskLetters(folder, NOWHERE), LIMIT);
  assert.deepEqual(
    views.map(({ code }) => code),
    ['ASSAY_CALL_BAD_FIELD', 'ASSAY_STORAGE_FAILED'],
  );
});

test('letters are posted to the service with their count, and once only', async (t) => {
  const event = JSON.stringify({ specversion: '1.0', data: {} });
  const folder = await storeWith(t, [letterOf('{"id":"1"}'), letterOf(event, { resubmitted: 1 }), letterOf('192.0.2.1 - -')]);
  const { url, posted } = await service(t, [
    [503, { error: { code: 'ASSAY_OVERLOADED' } }],
    [202, { accepted: 0, rejected: 1 }],
  ]);
  const place = createDiskLetters(folder, url);
  const outcome = await resubmit(place, await listLetters(place, LIMIT));
  assert.deepEqual(
    posted.map(({ body, headers }) => [body, headers['content-type'], headers['assay-resubmitted']]),
    [
      ['{"id":"1"}', 'application/x-ndjson', '1'],
      ['{"id":"1"}', 'application/x-ndjson', '1'],
      [event, 'application/cloudevents+json', '2'],
    ],
  );
  assert.equal(formatResubmission(outcome), '2 put back, 1 of them refused again\n1 left: no JSON, which alone can be posted');
  const again = await resubmit(place, await listLetters(place, LIMIT));
  assert.equal(posted.length, 3);
  assert.deepEqual([again.putBack, again.left.get('put back before')], [0, 2]);
});

test('what the service does not take at all is left; where none answers, that is told and nothing is marked', async (t) => {
  const folder = await storeWith(t, [letterOf('{"id"')]);
  const { url } = await service(t, [[400, { error: { code: 'ASSAY_REQUEST_INVALID' } }]]);
  const refusing = createDiskLetters(folder, url);
  const outcome = await resubmit(refusing, await listLetters(refusing, LIMIT));
  assert.deepEqual([...outcome.left], [['refused by the service: ASSAY_REQUEST_INVALID', 1]]);
  const away = createDiskLetters(folder, NOWHERE);
  await assert.rejects(resubmit(away, await listLetters(away, LIMIT)), {
    code: 'ASSAY_SERVICE_UNAVAILABLE',
    message: /assay serve/,
  });
  assert.equal((await listLetters(away, LIMIT))[0]?.putBack, false);
});

test('a store can be read and marked while a service holds it', async (t) => {
  const folder = await storeWith(t, [letterOf('{"id":"1"}')]);
  const { url } = await service(t);
  const holder = `
    import { DiskStore } from '${new URL('./disk-store.js', import.meta.url)}';
    const disk = new DiskStore(process.argv[1]);
    await disk.bury([{ rejected: 'ASSAY_CALL_LATE', detail: '', origin: 'o', bytes: Buffer.from('{"id":"2"}') }]);
    process.stdout.write('held');
    process.stdin.on('end', () => disk.close()).resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const place = createDiskLetters(folder, url);
  const outcome = await resubmit(place, await listLetters(place, LIMIT));
  child.stdin.end();
  await once(child, 'exit');
  assert.equal(outcome.putBack, 2);
  assert.ok((await listLetters(place, LIMIT)).every(({ putBack }) => putBack));
});
