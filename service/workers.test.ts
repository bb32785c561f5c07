import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topicEnv, topicNames } from './io/kafka.test.data.ts';
import { createTopics } from './io/kafka-topics.ts';
import { packageRoot } from './io/package-root.ts';

const MAIN = join(packageRoot, 'dist', 'service', 'main.js');

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  /** What the primary said. */
  said(): string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** A group of workers on topics of its own, up and ready; killed after the test if it is still there. */
async function start(t: TestContext, workers: number): Promise<Running> {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers) throw new Error('KAFKA_TEST_BROKERS is not set: run these tests by `npm test`, which starts a broker');
  const group = `workers-${randomUUID().slice(0, 8)}`;
  const topics = topicNames(group);
  await createTopics({ brokers: [brokers], group, topics, wireFormat: 'auto', registryUrl: '' }, { partitions: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'assay-workers-'));
  const port = await freePort();
  const env = {
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'error',
    KAFKA_BROKERS: brokers,
    KAFKA_GROUP: group,
    ...topicEnv(topics),
  };
  const child = spawn(process.execPath, [MAIN, 'serve', '--workers', String(workers)], {
    env: { PATH: process.env.PATH, ASSAY_DATA: folder, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  await until('all workers are ready', async () => (await pidsOf(port)).size === workers);
  return { child, port, said: () => text };
}

async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const giveUpAt = Date.now() + 40_000;
  while (!(await condition())) {
    assert.ok(Date.now() < giveUpAt, `it took too long until ${what}`);
    await sleep(50);
  }
}

/** The workers that a scrape tells of. */
async function pidsOf(port: number): Promise<Set<string>> {
  const metrics = await ask(port, '/metrics').catch(() => null);
  const pids = /assay_worker_info{pid="(\d+)"/g;
  return new Set(Array.from(metrics?.body.matchAll(pids) ?? [], ([, pid]) => pid!));
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

function ask(port: number, path: string, agent?: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, ...(agent ? { agent } : { agent: false }) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    request.setTimeout(5000, () => request.destroy(new Error('no reply')));
    request.on('error', (error: NodeJS.ErrnoException) => {
      // A connection that was closed while it was idle: clients ask again on a new one.
      if (request.reusedSocket && error.code === 'ECONNRESET') ask(port, path, agent).then(resolve, reject);
      else reject(error);
    });
  });
}

/** Asks without a pause until told to stop; returns how often, and what was no 200. */
function keepAsking(port: number, path: string, agent?: Agent) {
  let isOver = false;
  const faults: string[] = [];
  const asking = (async () => {
    let count = 0;
    while (!isOver) {
      const reply = await ask(port, path, agent).catch((error: Error) => ({ status: 0, body: error.message }));
      if (reply.status !== 200) faults.push(`${reply.status} ${reply.body}`);
      count++;
      await sleep(2);
    }
    return count;
  })();
  return async () => {
    isOver = true;
    const count = await asking;
    agent?.destroy();
    return { count, faults };
  };
}

test('a worker that is killed comes back, and meanwhile the other answers', async (t) => {
  const { port, said } = await start(t, 2);
  const before = await pidsOf(port);
  const victim = [...before][0]!;
  process.kill(Number(victim), 'SIGKILL');
  let answers = 0;
  await until('the worker is back', async () => {
    // What the victim had in hand is cut off.
    const reply = await ask(port, '/v1/authz').catch(() => null);
    if (reply) assert.equal(reply.status, 200);
    answers += reply ? 1 : 0;
    const now = await pidsOf(port);
    return now.size === 2 && !now.has(victim);
  });
  assert.ok(answers > 0, 'nobody answered meanwhile');
  assert.match(said(), /worker \d ended \(SIGKILL\)/);
});

test('a rolling restart leaves no gap in look-ups, on new connections and on one that is kept', async (t) => {
  const { child, port, said } = await start(t, 2);
  const before = await pidsOf(port);
  const stopFresh = keepAsking(port, '/readyz');
  const stopKept = keepAsking(port, '/v1/authz', new Agent({ keepAlive: true, maxSockets: 1 }));
  child.kill('SIGHUP');
  await until('all workers were replaced', () => said().includes('all workers were replaced'));
  for (const { count, faults } of [await stopFresh(), await stopKept()]) {
    assert.deepEqual(faults, []);
    assert.ok(count > 50, `asked ${count} times`);
  }
  const after = await pidsOf(port);
  assert.equal(after.size, 2);
  assert.ok([...after].every((pid) => !before.has(pid)));
});

test('a scrape tells the sum over all workers, whichever answers; a signal ends all of them well', async (t) => {
  const { child, port } = await start(t, 2);
  const pids = await pidsOf(port);
  for (let i = 0; i < 20; i++) assert.equal((await ask(port, '/v1/authz')).status, 200);
  for (let i = 0; i < 4; i++) {
    const { body } = await ask(port, '/metrics');
    assert.match(body, /^assay_authz_total{result="unknown"} 20$/m);
  }
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  for (const pid of pids) assert.throws(() => readFileSync(`/proc/${pid}/stat`), { code: 'ENOENT' });
});

test('workers without Kafka are refused', async () => {
  const child = spawn(process.execPath, [MAIN, 'serve', '--workers', '2'], { env: { PATH: process.env.PATH }, stdio: 'pipe' });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  assert.deepEqual(await once(child, 'exit'), [1, null]);
  assert.match(text, /ASSAY_CONFIG_INVALID: .*--workers needs KAFKA_BROKERS/);
});

test('workers that never come up end the primary', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-workers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH, ASSAY_DATA: folder, KAFKA_BROKERS: '127.0.0.1:9', ASSAY_MODEL: 'none', PORT: '0' };
  const child = spawn(process.execPath, [MAIN, 'serve', '--workers', '2'], { env, stdio: 'ignore' });
  assert.deepEqual(await once(child, 'exit'), [1, null]);
});
