import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Answer } from './ask.ts';
import { type ExtAuthzOptions, extAuthzService } from './ext-authz.ts';
import { openGrpc } from './grpc.ts';
import { packageRoot } from './package-root.ts';

const PROTO = join(packageRoot, 'service', 'gateways', 'ext-authz.proto');

interface Bench {
  readonly port: number;
  readonly asked: IncomingHttpHeaders[];
  /** Given first, in place of the one it was started with. */
  readonly answers: Answer[];
  readonly faults: Error[];
  readonly client: grpc.Client;
  /** @param message the bytes of a CheckRequest, or one to be written */
  check(message: object | Buffer): Promise<Record<string, unknown>>;
}

async function start(t: TestContext, answer: Answer): Promise<Bench> {
  const [asked, answers, faults]: [IncomingHttpHeaders[], Answer[], Error[]] = [[], [], []];
  const options: ExtAuthzOptions = {
    ask({ headers, isShadow }) {
      asked.push(isShadow ? { ...headers, shadow: 'yes' } : headers);
      return answers.shift() ?? answer;
    },
    onFault: (error) => faults.push(error),
  };
  const server = await openGrpc('127.0.0.1', 0, [extAuthzService(options)]);
  const service = loadSync(PROTO, { keepCase: true })['envoy.service.auth.v3.Authorization'] as grpc.ServiceDefinition;
  const { path, requestSerialize, responseDeserialize } = service.Check!;
  const client = new grpc.Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
  t.after(async () => {
    client.close();
    await server.close();
  });
  const write = (message: object) => (Buffer.isBuffer(message) ? message : requestSerialize(message));
  const check = (message: object) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      client.makeUnaryRequest(path, write, responseDeserialize, message, (error, reply) =>
        error ? reject(error) : resolve(reply as Record<string, unknown>),
      );
    });
  return { port: server.port, asked, answers, faults, client, check };
}

const HEADERS = { 'x-assay-verdict': 'bad', 'x-assay-score': '0.9900' };
const DENIED: Answer = { status: 403, result: 'deny', headers: Object.entries(HEADERS) };
const ALLOWED: Answer = { status: 200, result: 'allow', headers: [['x-assay-verdict', 'good']] };

const questionOf = (headers: Record<string, string>, change: object = {}) => ({
  attributes: { source: { address: { socket_address: { address: '192.0.2.7' } } }, request: { http: { headers } }, ...change },
});

test('an OK and a denial as Envoy reads them, with the verdict as headers and as metadata', async (t) => {
  const denied = await (await start(t, DENIED)).check(questionOf({}));
  assert.equal((denied.status as { code: number }).code, 7);
  const { status, headers } = denied.denied_response as {
    status: { code: number };
    headers: { header: object; append_action: number }[];
  };
  assert.equal(status.code, 403);
  assert.deepEqual(headers[0], { header: { key: 'x-assay-verdict', value: 'bad' }, append_action: 2 });
  assert.deepEqual(denied.dynamic_metadata, { fields: { verdict: { stringValue: 'bad' }, score: { stringValue: '0.9900' } } });
  const allowed = await (await start(t, ALLOWED)).check(questionOf({}));
  assert.equal((allowed.status as { code?: number } | null)?.code ?? 0, 0);
  assert.equal((allowed.ok_response as { headers: object[] }).headers.length, 1);
});

test('that a yes may be kept is said as metadata, and not to the application', async (t) => {
  const { check, answers } = await start(t, ALLOWED);
  answers.push({ ...ALLOWED, isSteady: true });
  const steady = await check(questionOf({}));
  assert.deepEqual(steady.dynamic_metadata, { fields: { verdict: { stringValue: 'good' }, steady: { stringValue: 'true' } } });
  assert.equal((steady.ok_response as { headers: object[] }).headers.length, 1);
  // The same headers as before, and still another answer.
  assert.deepEqual((await check(questionOf({}))).dynamic_metadata, { fields: { verdict: { stringValue: 'good' } } });
});

test("the client's word on its address counts for nothing, the configuration's word on anything counts", async (t) => {
  const { check, asked } = await start(t, ALLOWED);
  await check(questionOf({ 'user-agent': 'curl/8', 'x-real-ip': '198.51.100.1', 'x-client-cert-sha256': 'forged' }));
  await check(questionOf({ 'x-tenant': 'forged', mode: 'shadow' }, { context_extensions: { 'x-tenant': 'a' } }));
  await check({});
  await check(questionOf({}, { context_extensions: { mode: 'shadow' } }));
  assert.equal(asked[1]!.shadow, undefined);
  assert.equal(asked[3]!.shadow, 'yes');
  assert.deepEqual(asked[0], { 'user-agent': 'curl/8', 'x-real-ip': '192.0.2.7', 'x-client-cert-sha256': '' });
  assert.equal(asked[1]!['x-tenant'], 'a');
  assert.deepEqual(asked[2], { 'x-real-ip': '', 'x-client-cert-sha256': '' });
});

test('a certificate that Envoy includes is told by its hash, and one that is none is told and does no harm', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-cert-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const at = join(folder, 'cert.pem');
  const what = [
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=client',
    '-days',
    '1',
  ];
  execFileSync('openssl', ['req', ...what, '-keyout', join(folder, 'key.pem'), '-out', at], { stdio: 'ignore' });
  const pem = readFileSync(at, 'utf8');
  const { check, asked, faults } = await start(t, ALLOWED);
  for (const certificate of [encodeURIComponent(pem), 'nonsense', '%'])
    await check({ attributes: { source: { certificate }, request: { http: { headers: {} } } } });
  const hash = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
  assert.deepEqual(
    asked.map((headers) => headers['x-client-cert-sha256']),
    [hash, '', ''],
  );
  assert.equal(faults.length, 2);
});

test('bytes that are no question, one that is too large, and no gRPC at all are refused, and others are answered', async (t) => {
  const { check, port, asked } = await start(t, ALLOWED);
  await assert.rejects(check(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])), { code: grpc.status.INTERNAL });
  await assert.rejects(check(questionOf({ cookie: 'x'.repeat(5_000_000) })), { code: grpc.status.RESOURCE_EXHAUSTED });
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.end('GET / HTTP/1.1\r\n\r\n');
  assert.deepEqual(asked, []);
  await check(questionOf({}));
  assert.equal(asked.length, 1);
});
