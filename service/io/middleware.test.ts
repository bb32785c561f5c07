import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { fastify } from 'fastify';
import { attributesOf } from './ask.ts';
import { createTestApp, verdictOf } from './http.test.data.ts';
import { type AssayOptions, assayExpress, assayFastify } from './middleware.ts';

const BAD = 'sqlmap/1.7';
const STEADY = 'Go-http-client/2.0';

/** A server of Assay to which one client is bad and one has been good for long. */
async function startAssay(t: TestContext): Promise<string> {
  return (await openAssay(t)).url;
}

async function openAssay(t: TestContext): Promise<{ url: string; close(): Promise<void> }> {
  const { app, store, observer } = createTestApp(t);
  const idOf = (agent: string) =>
    observer.identifier.find(attributesOf({ 'x-real-ip': '127.0.0.1', 'user-agent': agent }, 'salt')).clientId;
  store.put(verdictOf({ clientId: idOf(BAD) }));
  store.put(verdictOf({ clientId: idOf(STEADY), verdict: 'good', action: 'allow', calls: 1000 }));
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
}

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An application of each kind that tells which headers it got. */
const APPLICATIONS: Record<string, (t: TestContext, options: AssayOptions) => Promise<string>> = {
  async Express(t, options) {
    const app = express();
    app.use(assayExpress(options));
    app.get('/', (request, response) => void response.json(request.headers));
    const server = createServer(app);
    t.after(() => server.closeAllConnections());
    return listen(t, server);
  },
  async Fastify(t, options) {
    const app = fastify();
    assayFastify(app, options);
    app.get('/', async (request) => request.headers);
    t.after(() => app.close());
    return app.listen({ host: '127.0.0.1', port: 0 });
  },
};

async function get(url: string, agent: string): Promise<[number, IncomingHttpHeaders | null]> {
  const response = await fetch(url, { headers: { 'user-agent': agent, 'x-assay-verdict': 'forged', 'x-real-ip': '192.0.2.1' } });
  const text = await response.text();
  return [response.status, text === '' ? null : (JSON.parse(text) as IncomingHttpHeaders)];
}

for (const [name, start] of Object.entries(APPLICATIONS)) {
  test(`${name}: asks, denies, and tells the application what Assay said and nothing that the client did`, async (t) => {
    const url = await start(t, { url: await startAssay(t), budgetMs: 1000 });
    assert.deepEqual(await get(url, BAD), [403, null]);
    const [status, headers] = await get(url, 'okhttp/4');
    assert.deepEqual([status, headers!['x-assay-verdict'], headers!['x-assay-reasons']], [200, undefined, 'no-verdict']);
  });

  test(`${name}: on a route that is only watched nobody is denied`, async (t) => {
    const url = await start(t, { url: await startAssay(t), budgetMs: 1000, isShadow: true });
    const [status, headers] = await get(url, BAD);
    assert.deepEqual([status, headers!['x-assay-verdict']], [200, 'bad']);
  });

  test(`${name}: while Assay is away, whom it denied stays out, and nobody else`, async (t) => {
    const assay = await openAssay(t);
    const [url, unaware] = [await start(t, { url: assay.url, budgetMs: 1000 }), await start(t, { url: assay.url })];
    assert.equal((await get(url, BAD))[0], 403);
    await assay.close();
    const [denied, good, other] = [await get(url, BAD), await get(url, 'okhttp/4'), await get(unaware, BAD)];
    assert.deepEqual([denied[0], good[0], other[0]], [403, 200, 200]);
  });

  test(`${name}: the yes to a steady client holds for a second`, async (t) => {
    const assay = await openAssay(t);
    const url = await start(t, { url: assay.url, budgetMs: 1000 });
    const tell = async () => (await get(url, STEADY))[1]!['x-assay-verdict'];
    const asked = await tell();
    await assay.close();
    const kept = await tell();
    await sleep(1100);
    assert.deepEqual([asked, kept, await tell()], ['good', 'good', undefined]);
  });

  test(`${name}: whatever Assay does, requests pass in time`, async (t) => {
    const silent = await listen(
      t,
      createTcpServer(() => {}),
    );
    const closed = await listen(
      t,
      createTcpServer((socket) => void socket.destroy()),
    );
    const garbage = await listen(
      t,
      createTcpServer((socket) => void socket.end('no HTTP at all\r\n\r\n')),
    );
    const failing = await listen(
      t,
      createServer((_request, response) => void response.writeHead(500, { 'x-assay-verdict': 'bad' }).end()),
    );
    for (const url of [silent, closed, garbage, failing, 'http://127.0.0.1:1']) {
      const application = await start(t, { url });
      const startedAt = performance.now();
      const [status, headers] = await get(application, BAD);
      assert.deepEqual([status, headers!['x-assay-verdict']], [200, undefined], url);
      assert.ok(performance.now() - startedAt < 500, url);
    }
  });
}

test('an address that is none is an error at once', () => {
  assert.throws(() => assayExpress({ url: 'nowhere' }), TypeError);
});
