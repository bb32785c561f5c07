import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
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

test('configured files are read once, whatever restarts', async (t) => {
  const folder = folderFor(t);
  const log = join(packageRoot, 'datasets', 'apache-access', 'access.log.gz');
  const config = configOf(folder, { ASSAY_FILES: log });
  const callsTotal = async (url: string) =>
    Number(/^assay_calls_total (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
  const first = await start(t, config);
  await until('reading the log', 30_000, async () => ((await callsTotal(first.url)) === 10_000 ? true : null));
  await first.stop();
  const second = await start(t, config);
  await sleep(300);
  assert.equal(await callsTotal(second.url), 0);
  assert.equal((await listClients(second.url)).length, 1000);
});

test('a file that is missing is told and stops nothing', async (t) => {
  const { url } = await start(t, configOf(folderFor(t), { ASSAY_FILES: '/nowhere/access.log' }));
  assert.equal((await post(url, [callLine(1)])).accepted, 1);
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
