/** A server as `assay serve` is, and in the same process a bare Fastify route that sends what its parent tells it to. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fastify } from 'fastify';
import { createApp } from '../service/app.ts';
import { readConfig } from '../service/config.ts';
import { tuneCollector } from '../service/io/v8.ts';

// As main.ts does.
tuneCollector();

let answer = { headers: {} as Record<string, string>, body: '' };
process.on('message', (told: typeof answer) => {
  answer = told;
});
const bare = fastify({ logger: false });
bare.get('/', (_request, reply) =>
  reply.headers({ ...answer.headers, 'content-type': 'application/json; charset=utf-8' }).send(answer.body),
);
const bareUrl = await bare.listen({ host: '127.0.0.1', port: 0 });
const app = await createApp(readConfig(process.env));
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const running = app.run(stop.signal);
while ((await app.http.inject('/readyz')).statusCode !== 200) await Promise.race([sleep(100), running]);
const { port } = app.http.server.address() as AddressInfo;
process.send?.({ url: `http://127.0.0.1:${port}`, bare: bareUrl });
await running;
await bare.close();
process.exit(0);
