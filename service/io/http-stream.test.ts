import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestApp, verdictOf } from './http.test.data.ts';
import type { StreamLimits } from './http-stream.ts';

const QUICK = { gatherMs: 5, countsMs: 20, heartbeatMs: 30 };

/** Opens a stream of which one can read on until it says something; closes when the test ends. */
async function openStream(t: TestContext, url: string) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
  const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]();
  let seen = '';
  t.after(() => response.destroy());
  const readUntil = async (enough: RegExp): Promise<string> => {
    while (!enough.test(seen)) {
      const { value, done } = await chunks.next();
      if (done) return assert.fail(`the stream ended after ${seen}`);
      seen += value;
    }
    return seen;
  };
  const readToEnd = async (): Promise<void> => {
    while (!(await chunks.next()).done);
  };
  return { response, readUntil, readToEnd };
}

async function listen(t: TestContext, streamLimits: Partial<StreamLimits> = QUICK) {
  const parts = createTestApp(t, { streamLimits });
  const base = await parts.app.listen({ port: 0, host: '127.0.0.1' });
  return { ...parts, url: `${base}/v1/verdicts/stream` };
}

/** Waits for what happens soon, and fails after two seconds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await sleep(10);
  }
  assert.fail('it did not happen within two seconds');
}

test('new verdicts come as events, in order, as they are stored', async (t) => {
  const { store, url } = await listen(t);
  const { response, readUntil } = await openStream(t, url);
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['content-type'], 'text/event-stream');
  await readUntil(/event: counts/);
  store.put(verdictOf({ clientId: 'a' }));
  store.put(
    verdictOf({
      clientId: 'b',
      verdict: 'good',
      reasons: [{ kind: 'signal', name: 'x', text: 'two\nlines', weight: null, value: null }],
    }),
  );
  const text = await readUntil(/id: b\..*\ndata: .*\n\n/);
  const frames = text.split('\n\n').filter((frame) => frame.startsWith('event: verdict'));
  assert.deepEqual(frames, [
    `event: verdict\nid: a.k1.3\ndata: ${store.get('a')!.body}`,
    `event: verdict\nid: b.k1.3\ndata: ${store.get('b')!.body}`,
  ]);
});

test('a filter leaves the other verdicts out', async (t) => {
  const { store, url } = await listen(t);
  const { readUntil } = await openStream(t, `${url}?verdict=bad`);
  await readUntil(/event: counts/);
  store.put(verdictOf({ clientId: 'a', verdict: 'good' }));
  store.put(verdictOf({ clientId: 'b', verdict: 'bad' }));
  const text = await readUntil(/id: b\./);
  assert.doesNotMatch(text, /id: a\./);
});

test('counts are told at once and again, with heartbeats between', async (t) => {
  const { store, metrics, url } = await listen(t);
  store.put(verdictOf());
  metrics.calls.inc(41);
  const { readUntil } = await openStream(t, url);
  await readUntil(/event: counts\ndata: {"good":0,"bad":1,"unsure":0,"calls":41}\n\n/);
  metrics.calls.inc();
  const text = await readUntil(/"calls":42}\n\n(?:.*\n)*: still here\n\n|: still here\n\n(?:.*\n)*.*"calls":42}\n\n/);
  assert.match(text, /^retry: \d+\n\n/);
});

test('one stream more than allowed is refused, until another one closes', async (t) => {
  const { url } = await listen(t, { ...QUICK, maxSubscribers: 1 });
  const first = await openStream(t, url);
  const refused = await openStream(t, url);
  assert.equal(refused.response.statusCode, 503);
  assert.equal(refused.response.headers['retry-after'], '1');
  await refused.readUntil(/"code":"ASSAY_OVERLOADED".*"canRetry":true/);
  first.response.destroy();
  await until(async () => (await openStream(t, url)).response.statusCode === 200);
});

test('a reader that takes nothing is dropped; the others get everything', async (t) => {
  const { app, store, url } = await listen(t, { ...QUICK, maxBufferedBytes: 256 * 1024 });
  const slow = createConnection((app.server.address() as AddressInfo).port, '127.0.0.1').pause();
  t.after(() => slow.destroy());
  let isDropped = false;
  slow.on('close', () => (isDropped = true)).on('error', () => {});
  slow.write('GET /v1/verdicts/stream HTTP/1.1\r\nhost: x\r\n\r\n');
  const { readUntil } = await openStream(t, url);
  await readUntil(/event: counts/);
  const connections = () => new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await until(async () => (await connections()) === 2);
  let sent = 0;
  const why = 'x'.repeat(100_000);
  // Kernel buffers take a few MiB before anything backs up.
  await until(async () => {
    const reasons = [{ kind: 'signal' as const, name: 'x', text: why, weight: null, value: null }];
    for (let i = 0; i < 2; i++) store.put(verdictOf({ clientId: `n${sent++}`, reasons }));
    await readUntil(new RegExp(`id: n${sent - 1}\\.`));
    return (await connections()) === 1;
  });
  slow.resume();
  await until(() => isDropped);
});

test('closing the server ends the streams, and a store without streams has no listener', async (t) => {
  let listeners = 0;
  const parts = await listen(t);
  const listenTo = parts.store.listen.bind(parts.store);
  parts.store.listen = (listener) => {
    const stop = listenTo(listener);
    listeners++;
    return () => {
      listeners--;
      return stop();
    };
  };
  const [first, second] = [await openStream(t, parts.url), await openStream(t, parts.url)];
  assert.equal(listeners, 1);
  first.response.destroy();
  await parts.app.close();
  await second.readToEnd();
  assert.equal(listeners, 0);
});

test('a stream is not measured as a request', async (t) => {
  const { metrics, url } = await listen(t);
  const { response, readUntil } = await openStream(t, url);
  await readUntil(/event: counts/);
  response.destroy();
  await sleep(50);
  assert.doesNotMatch(await metrics.registry.metrics(), /route="\/v1\/verdicts\/stream"/);
});
