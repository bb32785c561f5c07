import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import type { Verdict } from './core/contracts.ts';
import { packageRoot } from './io/package-root.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'assay-app-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function configOf(folder: string, env: NodeJS.ProcessEnv = {}): Config {
  return readConfig({ ASSAY_DATA: folder, PORT: '0', LOG_LEVEL: 'silent', ASSAY_REPLAY_RATE: '0', ...env });
}

interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

async function start(t: TestContext, config: Config): Promise<Running> {
  const app = await createApp(config);
  const stop = new AbortController();
  const ended = app.run(stop.signal);
  const halt = async () => {
    stop.abort();
    await ended;
  };
  t.after(halt);
  while (!app.http.server.listening) await Promise.race([sleep(10), ended]);
  const address = app.http.server.address() as { port: number };
  return { url: `http://localhost:${address.port}`, stop: halt };
}

async function listClients(url: string): Promise<Verdict[]> {
  const { clients } = (await (await fetch(`${url}/v1/clients?limit=1000`)).json()) as { clients: Verdict[] };
  return clients;
}

async function until<T>(what: string, limitMs: number, probe: () => Promise<T | null>): Promise<T> {
  const endMs = Date.now() + limitMs;
  while (Date.now() < endMs) {
    const found = await probe();
    if (found !== null) return found;
    await sleep(50);
  }
  throw new Error(`${what} did not happen within ${limitMs} ms`);
}

function callLine(i: number, change: object = {}): string {
  const time = Date.now() - 60_000 + i * 500;
  return JSON.stringify({
    id: `a${i}`,
    time,
    clientIp: '192.0.2.9',
    method: 'GET',
    path: `/v1/items/${i}`,
    status: 200,
    ...change,
  });
}

async function post(url: string, lines: readonly string[]): Promise<{ accepted: number; rejected: number }> {
  const answer = await fetch(`${url}/v1/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  });
  assert.equal(answer.status, 202);
  return (await answer.json()) as { accepted: number; rejected: number };
}

test('posted calls become verdicts, and those survive a restart', async (t) => {
  const folder = folderFor(t);
  const lines = Array.from({ length: 7 }, (_, i) => callLine(i));
  const first = await start(t, configOf(folder));
  const outcome = await post(first.url, [...lines.slice(0, 3), '{"id":', callLine(9, { status: -1 }), ...lines.slice(3)]);
  assert.equal(outcome.accepted, 7);
  assert.equal(outcome.rejected, 2);
  const before = await listClients(first.url);
  assert.deepEqual(
    before.map(({ calls }) => calls),
    [5],
  );
  assert.ok(before[0]!.reasons.length > 0);
  await first.stop();

  const second = await start(t, configOf(folder));
  assert.deepEqual(await listClients(second.url), before);
  // The eighth call of the session, not the first of a new one; and a call seen before the restart stays seen.
  const after = await post(second.url, [callLine(6), callLine(7)]);
  assert.deepEqual([after.accepted, after.rejected], [1, 1]);
  assert.deepEqual(
    (await listClients(second.url)).map(({ calls }) => calls),
    [8],
  );
});

async function callsTotal(url: string): Promise<number> {
  return Number(/^assay_calls_total (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
}

const reaches = (url: string, calls: number) =>
  until(`call ${calls}`, 30_000, async () => ((await callsTotal(url)) === calls ? true : null));

test('configured files are read one after the other, and once, whatever restarts', async (t) => {
  const folder = folderFor(t);
  const logs = ['a', 'b'].map((name) => join(folder, `${name}.ndjson`));
  // The same client in both: read side by side, the first file's calls would be late.
  for (const [n, log] of logs.entries())
    writeFileSync(
      log,
      Array.from({ length: 6000 }, (_, i) => callLine(n * 6000 + i, { time: 1.7e12 + (n * 6000 + i) * 1000 })).join('\n'),
    );
  const config = configOf(join(folder, 'data'), { ASSAY_FILES: logs.join(',') });
  const first = await start(t, config);
  await reaches(first.url, 12_000);
  await first.stop();
  const second = await start(t, config);
  await sleep(300);
  assert.equal(await callsTotal(second.url), 0);
  assert.deepEqual((await listClients(second.url)).length, 1);
  await second.stop();
  // Rotated: another beginning under the same name.
  writeFileSync(logs[0]!, Array.from({ length: 50 }, (_, i) => callLine(20_000 + i, { time: 1.75e12 + i * 1000 })).join('\n'));
  const third = await start(t, configOf(join(folder, 'data'), { ASSAY_FILES: logs[0]! }));
  await reaches(third.url, 50);
});

test('a file that is missing is told and stops nothing', async (t) => {
  const told: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  t.mock.method(process.stdout, 'write', (chunk: string | Uint8Array, ...rest: never[]) => {
    told.push(String(chunk));
    return write(chunk, ...rest);
  });
  const { url } = await start(t, configOf(folderFor(t), { ASSAY_FILES: '/nowhere/access.log', LOG_LEVEL: 'error' }));
  assert.equal((await post(url, [callLine(1)])).accepted, 1);
  assert.ok(told.some((line) => line.includes('ASSAY_FILE_UNREADABLE') && line.includes('/nowhere/access.log')));
});

test('while Kafka is away, look-ups are answered, readiness says no, and a stop is quick', async (t) => {
  const folder = folderFor(t);
  const before = await start(t, configOf(folder));
  await post(before.url, [callLine(1)]);
  const [client] = await listClients(before.url);
  await before.stop();
  const { url, stop } = await start(t, configOf(folder, { KAFKA_BROKERS: `127.0.0.1:${await freePort()}` }));
  assert.deepEqual(await (await fetch(`${url}/v1/clients/${client!.clientId}/verdict`)).json(), client);
  assert.equal((await fetch(`${url}/v1/authz`, { headers: { 'x-real-ip': '192.0.2.9' } })).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  const startedAt = performance.now();
  await stop();
  assert.ok(performance.now() - startedAt < 10_000);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

test('npm start: a fresh folder shows clients of the replayed log within 20 s, and a signal ends it well', async (t) => {
  const port = await freePort();
  const { KAFKA_BROKERS: _unset, ...env } = process.env;
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'service', 'main.js'), 'serve'], {
    env: { ...env, PORT: String(port), ASSAY_DATA: folderFor(t) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const clients = await until('a list of clients', 20_000, async () => {
    const found = await listClients(`http://localhost:${port}`).catch(() => []);
    return found.length >= 5 ? found : null;
  });
  for (const { verdict, score, reasons } of clients) {
    assert.match(verdict, /^(good|bad|unsure)$/);
    assert.ok(score! >= 0 && score! <= 1);
    assert.ok(reasons.length > 0);
  }
  assert.match(log, /replaying a real web log/);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
