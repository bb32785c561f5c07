import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRejection } from '../core/api-call.ts';
import { type ApiCall, ApiCallSchema } from '../core/contracts.ts';
import { createAvroReader, encodeCall, registerContracts } from './avro.ts';
import { openSchemaStore } from './schema-registry.ts';

const CALL = {
  id: 'r-1',
  time: 1,
  clientIp: '192.0.2.7',
  method: 'GET',
  path: '/',
} as unknown as ApiCall;

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A registry on a free port; counts what it is asked for. */
async function startRegistry(t: TestContext, handler: Handler): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
}

/** Has ApiCall under 41, and nothing else. */
const serveCall: Handler = ({ url }, response) => {
  if (url === '/schemas/ids/41') answer(response, 200, { schema: JSON.stringify(ApiCallSchema) });
  else answer(response, 404, { error_code: 40403, message: 'Schema not found' });
};

function record(id: number): { bytes: Buffer; origin: string } {
  return { bytes: encodeCall(CALL, id), origin: 'test' };
}

test('unknown ids of a batch are fetched once, then decoding is at hand', async (t) => {
  const { url, asked } = await startRegistry(t, serveCall);
  const reader = createAvroReader({ wireFormat: 'auto', registryUrl: `${url}/` });
  await reader.prepare([record(41), record(41)]);
  await reader.prepare([record(41)]);
  assert.deepEqual(asked, ['GET /schemas/ids/41']);
  const call = reader.decode(record(41), Date.now());
  assert.equal(isRejection(call) ? call.detail : call.id, 'r-1');
});

test('an id that the registry lacks is rejected, and not asked for again for a while', async (t) => {
  const { url, asked } = await startRegistry(t, serveCall);
  const schemas = openSchemaStore({ registryUrl: url, unknownForMs: 80 });
  const reader = createAvroReader({ wireFormat: 'auto', registryUrl: url, schemas });
  await reader.prepare([record(1)]);
  await reader.prepare([record(1)]);
  assert.equal(asked.length, 1);
  assert.deepEqual(reader.decode(record(1), 10), { rejected: 'ASSAY_CALL_UNKNOWN_SCHEMA', detail: 'schema id 1' });
  await sleep(120);
  await reader.prepare([record(1)]);
  assert.equal(asked.length, 2);
});

test('an id never asked for is not called unknown', async (t) => {
  const { url } = await startRegistry(t, serveCall);
  const reader = createAvroReader({ wireFormat: 'auto', registryUrl: url });
  const result = reader.decode(record(41), 10);
  assert.equal(isRejection(result) && result.rejected, 'ASSAY_REGISTRY_UNAVAILABLE');
});

const unavailable = { code: 'ASSAY_REGISTRY_UNAVAILABLE', canRetry: true };

test('a registry that fails, hangs, talks nonsense or is away asks for another try', async (t) => {
  const store = (registryUrl: string) => openSchemaStore({ registryUrl, timeoutMs: 150 });
  const failing = await startRegistry(t, (_, response) => answer(response, 500, {}));
  await assert.rejects(store(failing.url).prepare([7]), unavailable);
  const hanging = await startRegistry(t, () => {});
  await assert.rejects(store(hanging.url).prepare([7]), unavailable);
  const talking = await startRegistry(t, (_, response) => response.writeHead(200).end('<html>'));
  await assert.rejects(store(talking.url).prepare([7]), unavailable);
  await assert.rejects(store('http://127.0.0.1:9').prepare([7]), unavailable);
});

test('after a failure the same id is asked for again', async (t) => {
  let isUp = false;
  const { url } = await startRegistry(t, (request, response, body) =>
    isUp ? serveCall(request, response, body) : answer(response, 503, {}),
  );
  const schemas = openSchemaStore({ registryUrl: url });
  await assert.rejects(schemas.prepare([41]), unavailable);
  isUp = true;
  await schemas.prepare([41]);
  assert.equal((schemas.find(41) as { name: string }).name, 'ApiCall');
});

test('a schema of another kind, or not readable, counts as unknown', async (t) => {
  const answers: Record<string, object> = {
    '/schemas/ids/1': { schema: '{}', schemaType: 'PROTOBUF' },
    '/schemas/ids/2': { schema: '{' },
    '/schemas/ids/3': { schema: 7 },
  };
  const { url } = await startRegistry(t, (request, response) => answer(response, 200, answers[request.url ?? ''] ?? {}));
  const schemas = openSchemaStore({ registryUrl: url });
  await schemas.prepare([1, 2, 3]);
  for (const id of [1, 2, 3]) assert.equal(schemas.find(id), 'ASSAY_CALL_UNKNOWN_SCHEMA');
});

test('the contracts are registered under the names of their topics', async (t) => {
  const bodies: string[] = [];
  const { url, asked } = await startRegistry(t, (request, response, body) => {
    bodies.push(body);
    answer(response, 200, { id: { c: 11, v: 12, 'l x': 13 }[decodeURIComponent(request.url!.split('/')[2]!).slice(0, -6)] });
  });
  const topics = { calls: 'c', verdicts: 'v', labels: 'l x' };
  const ids = await registerContracts({ wireFormat: 'confluent', registryUrl: url, topics });
  assert.deepEqual(ids, { call: 11, verdict: 12, label: 13 });
  assert.deepEqual(asked.toSorted(), [
    'POST /subjects/c-value/versions',
    'POST /subjects/l%20x-value/versions',
    'POST /subjects/v-value/versions',
  ]);
  const sent = bodies.map((body) => JSON.parse(JSON.parse(body).schema).name);
  assert.deepEqual(sent.toSorted(), ['ApiCall', 'Label', 'Verdict']);
});

test('a refused schema is another fault than a registry that is away', async (t) => {
  const refusing = await startRegistry(t, (_, response) => answer(response, 409, { message: 'incompatible' }));
  await assert.rejects(openSchemaStore({ registryUrl: refusing.url }).register('t', ApiCallSchema), {
    code: 'ASSAY_REGISTRY_REFUSED',
    canRetry: false,
  });
  const failing = await startRegistry(t, (_, response) => answer(response, 502, {}));
  await assert.rejects(openSchemaStore({ registryUrl: failing.url }).register('t', ApiCallSchema), unavailable);
});

test('credentials in the address are sent as authorization and kept out of errors', async (t) => {
  let authorization: string | undefined;
  const { url } = await startRegistry(t, ({ headers }, response) => {
    authorization = headers.authorization;
    answer(response, 401, {});
  });
  const schemas = openSchemaStore({ registryUrl: url.replace('//', '//ann:s%3Acret@') });
  await assert.rejects(schemas.prepare([1]), (error: Error) => !error.message.includes('cret'));
  assert.equal(authorization, `Basic ${Buffer.from('ann:s:cret').toString('base64')}`);
});

test('an address that is none is a fault of the configuration', () => {
  assert.throws(() => openSchemaStore({ registryUrl: 'registry' }), { code: 'ASSAY_CONFIG_INVALID' });
});
