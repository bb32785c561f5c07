/** Envoy's other ways of telling, with a real Envoy: its access log service and OpenTelemetry's protocol, both over gRPC. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLS_DIR } from '../../datasets/range/places.ts';
import { findPort } from '../../datasets/range/processes.ts';
import { isRejection } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import { accessLogService } from '../../service/io/access-log-service.ts';
import { type Answer, attributesOf } from '../../service/io/ask.ts';
import { readAskedCall } from '../../service/io/asked-call.ts';
import { extAuthzService } from '../../service/io/ext-authz.ts';
import { openGrpc } from '../../service/io/grpc.ts';
import type { HttpSource } from '../../service/io/http-source.ts';
import { otlpServices } from '../../service/io/otlp.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { bringGateways, install, startGateway } from './install.ts';
import { Application } from './stand.ts';
import { GATEWAYS } from './table.ts';

const ENVOY = GATEWAYS.find(({ name }) => name === 'Envoy, gRPC')!;
const YES: Answer = {
  status: 200,
  result: 'allow',
  headers: [
    ['x-assay-verdict', 'good'],
    ['x-assay-subject', 'Bearer 1f6f75781bd0c57a'],
  ],
};
const LINE_LIMIT_MS = 10_000;

/** What was asked about and what was told of, by an Envoy whose log goes as the file of deploy/ says. */
async function run(t: TestContext, file: string): Promise<{ asked: ApiCall; told: ApiCall[] }> {
  bringGateways([ENVOY]);
  const [asked, told]: [ApiCall[], ApiCall[]] = [[], []];
  const post: HttpSource['post'] = async (records, decode) => {
    const calls = records.map((record) => decode(record, Date.now()));
    for (const call of calls) assert.ok(!isRejection(call), JSON.stringify(call));
    told.push(...(calls as ApiCall[]));
    return { accepted: records.length, rejections: [] };
  };
  const ask = ({ headers }: { headers: Record<string, unknown> }) => {
    asked.push(readAskedCall(headers as never, attributesOf(headers as never, ''), Date.now()) as ApiCall);
    return YES;
  };
  const onLost = () => assert.fail('entries were lost');
  const server = await openGrpc('127.0.0.1', 0, [
    extAuthzService({ ask }),
    accessLogService({ post, onLost }),
    ...otlpServices(post),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'assay-envoy-'));
  chmodSync(folder, 0o755);
  const application = new Application();
  const [plain, tls] = [await findPort(), await findPort()];
  install(ENVOY, folder, { http: 9, spoe: 9, grpc: server.port, syslog: 9, application: await application.open(), plain, tls });
  const config = readFileSync(join(folder, 'envoy.yaml'), 'utf8');
  const log = readFileSync(join(packageRoot, 'deploy', 'envoy', file), 'utf8');
  const spliced = config
    .replace(/ {10}access_log:\n(?: {10}.*\n)+/, () => log)
    .replace(' request_headers_to_remove: [x-assay-call],', '');
  assert.ok(spliced.includes('cluster_name: assay}}\n') && !spliced.includes('FileAccessLog'));
  writeFileSync(join(folder, 'envoy.yaml'), spliced);
  const started = await startGateway(ENVOY, folder, plain);
  t.after(async () => {
    await Promise.all(started.map((each) => each.stop()));
    await Promise.all([server.close(), application.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  // The first question may take longer than it may, while connections are made.
  await send(tls);
  await send(tls);
  const until = Date.now() + LINE_LIMIT_MS;
  while (told.length < 2 && Date.now() < until) await sleep(50);
  return { asked: asked[1]!, told };
}

const BODY = Buffer.from('{"quantity":1}');

function send(port: number): Promise<void> {
  const headers = {
    ...{ 'user-agent': 'okhttp/4.12.0', accept: 'application/json', 'accept-language': 'de', 'content-type': 'application/json' },
    ...{ authorization: 'Bearer t', referer: 'https://example.test/', 'content-length': BODY.length, host: `localhost:${port}` },
  };
  const ca = readFileSync(join(TLS_DIR, 'ca.pem'));
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'localhost', ca, method: 'POST', path: '/v1/orders?a=1', headers };
    request(options, (response) => response.resume().on('end', resolve))
      .on('error', reject)
      .end(BODY);
  });
}

for (const [name, file] of [
  ['the access log service', 'access-log-grpc.yaml'],
  ["OpenTelemetry's protocol", 'access-log-otlp.yaml'],
] as const)
  test(`Envoy tells by ${name} what it asked about, and what came of it`, async (t) => {
    const { asked, told } = await run(t, file);
    assert.equal(told.length, 2);
    const [, call] = told as [ApiCall, ApiCall];
    const expected: Partial<ApiCall> = {
      ...{ gateway: 'envoy', clientIp: '127.0.0.1', method: 'POST', path: '/v1/orders', query: 'a=1', status: 200 },
      ...{ userAgent: 'okhttp/4.12.0', accept: 'application/json', acceptLanguage: 'de', contentType: 'application/json' },
      ...{ referer: 'https://example.test/', requestBytes: BODY.length, httpVersion: '1.1', tlsVersion: 'TLSv1.3' },
      ...{ authScheme: 'Bearer', subject: '1f6f75781bd0c57a', hasCookie: false },
    };
    for (const [field, value] of Object.entries(expected)) assert.equal(call[field as keyof ApiCall], value, field);
    assert.ok(call.responseBytes! > 200 && call.durationMs! >= 0 && Math.abs(call.time - Date.now()) < 10_000);
    for (const field of ['id', 'method', 'path', 'host', 'ja3', 'ja4', 'tlsCipher', 'connectionId', 'httpVersion'] as const)
      assert.ok(call[field] !== null && call[field] === asked[field], `${field}: ${call[field]} and ${asked[field]}`);
  });
