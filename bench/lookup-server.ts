/** One server for `npm run bench`, in a process of its own: Assay's look-ups, or a bare Fastify route to hold them against. */
import { fastify } from 'fastify';
import type { Verdict } from '../service/core/contracts.ts';
import { createObserver } from '../service/core/observe.ts';
import { attributesOf } from '../service/io/ask.ts';
import { tuneCollector } from '../service/io/v8.ts';
import { VerdictStore } from '../service/io/verdict-store.ts';
import { createLookups } from './stand.ts';

// As main.ts does.
tuneCollector();

const verdict: Verdict = {
  id: 'bench.0.13',
  clientId: 'bench',
  verdict: 'good',
  score: 0.0123,
  action: 'allow',
  family: 'partner-sync',
  reasons: ['calls', 'okShare', 'gapMean', 'objectListed', 'strength'].map((name) => ({
    kind: 'contribution',
    name,
    text: `${name}: 1`,
    weight: -0.5,
    value: 1,
  })),
  baseLogOdds: 0,
  calls: 13,
  time: 0,
  sessionStart: 0,
  novelty: 0.5,
  model: 'bench',
  featureSet: 'bench',
  policy: 'bench',
  mode: 'live',
  expiresAt: 8e15,
};

/** Routes that send the bytes that Assay sends, so that only what Assay does to find them differs. */
function createBare() {
  const server = fastify({ logger: false });
  const store = new VerdictStore();
  store.put(verdict);
  const { body, headers: list } = store.get('bench')!;
  const headers = Object.fromEntries(list);
  server.get('/verdict', (_request, reply) =>
    reply.headers({ ...headers, 'content-type': 'application/json; charset=utf-8' }).send(body),
  );
  server.get('/authz', (_request, reply) => reply.headers(headers).send());
  return server;
}

/** A store of 50,000 verdicts, so that the look-up is not one in an empty map. */
function createAssay() {
  const store = new VerdictStore();
  for (let i = 0; i < 50_000; i++) store.put({ ...verdict, clientId: `bench${i}` });
  store.put(verdict);
  const observer = createObserver();
  store.put({
    ...verdict,
    clientId: observer.identifier.find(attributesOf({ 'x-real-ip': '192.0.2.1', 'user-agent': 'curl/8' }, '')).clientId,
  });
  return createLookups(store, observer, Date.now);
}

const server = process.argv[2] === 'bare' ? createBare() : await createAssay();
console.log(await server.listen({ host: '127.0.0.1', port: 0 }));
