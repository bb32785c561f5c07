import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../simulator/random.ts';
import { type AddressLabel, cleanse, createAddresses, readCapture, readLogLine } from './capture.ts';
import { writeCapture } from './captures.ts';
import { captureNames, loadCapture } from './load.ts';

const NGINX = {
  at: '1795569516.810',
  seconds: '0.250',
  id: 'cfe25d2b6a3d4c16124856db24e24d14',
  server: '127.20.0.1',
  method: 'POST',
  uri: '/v1/auth/login?next=https%3A%2F%2Fh0017.range.test%3A8443%2F',
  host: 'h0017.range.test:8443',
  status: '401',
  in: '189',
  out: '241',
  protocol: 'HTTP/2.0',
  userAgent: 'curl/7.88.1',
  accept: '*/*',
  encoding: '',
  language: '',
  type: 'application/json',
  referer: 'https://h0017.range.test:8443/login',
  headers: 'host user-agent accept content-length content-type',
  cookie: '0',
  tls: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  resumed: 'r',
  connection: '14',
  nth: '3',
  scheme: 'Bearer',
  subject: '255b0d10af995627',
  account: '0123456789abcdef',
};

const ENVOY = {
  accept: '*/*',
  account: null,
  apiKey: 'pk_live_1',
  at: '1795570067.532',
  authorization: null,
  cipher: 'TLS_AES_256_GCM_SHA384',
  connection: 11,
  cookie: null,
  encoding: 'gzip',
  host: '127.20.0.2:38657',
  id: 'f3898c55',
  in: 0,
  ja3: '0149f47eabf9a20d0893e2a44e5a6323',
  ja4: 't13d3112h2_e8f1e7e78f70_b26ce05bbdd6',
  language: null,
  method: 'GET',
  ms: 5,
  out: 3337,
  protocol: 'HTTP/1.1',
  referer: null,
  server: '127.20.0.2',
  status: 0,
  tls: 'TLSv1.3',
  type: null,
  uri: '/v1/orders',
  userAgent: 'x',
};

describe('readLogLine', () => {
  it('reads all that nginx tells, from the arrival on, and nothing of the range', () => {
    const { server, call } = readLogLine(JSON.stringify(NGINX), 'salt')!;
    assert.equal(server, '127.20.0.1');
    assert.deepEqual(
      { ...call, clientIp: '' },
      {
        id: 'cfe25d2b6a3d4c16124856db24e24d14',
        time: 1795569516560,
        clientIp: '',
        method: 'POST',
        path: '/v1/auth/login',
        status: 401,
        query: 'next=https%3A%2F%2Fapi.example%2F',
        host: 'api.example',
        route: null,
        gateway: 'nginx',
        tenant: null,
        requestBytes: 189,
        responseBytes: 241,
        durationMs: 250,
        httpVersion: '2',
        userAgent: 'curl/7.88.1',
        accept: '*/*',
        acceptEncoding: null,
        acceptLanguage: null,
        contentType: 'application/json',
        referer: 'https://api.example/login',
        headerNames: ['host', 'user-agent', 'accept', 'content-length', 'content-type'],
        hasCookie: false,
        tlsVersion: 'TLSv1.3',
        tlsCipher: 'TLS_AES_256_GCM_SHA384',
        ja3: null,
        ja4: null,
        tlsResumed: true,
        clientCertificate: null,
        connectionId: '14',
        connectionRequests: 3,
        authScheme: 'bearer',
        subject: '255b0d10af995627',
        identityVerified: null,
        account: '0123456789abcdef',
        bodySample: null,
      },
    );
  });

  it('reads what Envoy tells: fingerprints, and a hash in the place of the credential', () => {
    const { call } = readLogLine(JSON.stringify(ENVOY), 'salt')!;
    const { time, durationMs, ja3, ja4, authScheme, subject, status, host, httpVersion, headerNames, tlsResumed, connectionId } =
      call;
    assert.deepEqual(
      { time, durationMs, ja3, ja4, authScheme, status, host, httpVersion, headerNames, tlsResumed, connectionId },
      {
        time: 1795570067532,
        durationMs: 5,
        ja3: ENVOY.ja3,
        ja4: ENVOY.ja4,
        authScheme: 'apiKey',
        status: 499,
        host: '203.0.113.10',
        httpVersion: '1.1',
        headerNames: null,
        tlsResumed: null,
        connectionId: '11',
      },
    );
    assert.match(subject ?? '', /^[0-9a-f]{16}$/);
    assert.notEqual(subject, readLogLine(JSON.stringify(ENVOY), 'other')!.call.subject);
  });

  it('leaves out what is no call', () => {
    assert.equal(readLogLine('{"at":', 'salt'), null);
    assert.equal(readLogLine(JSON.stringify({ ...NGINX, method: '' }), 'salt'), null);
  });
});

describe('cleanse', () => {
  it('takes own names out wherever they stand', () => {
    assert.equal(
      cleanse('a h0001.range.test b H0002.RANGE.TEST:8443 c 127.20.3.4:8443'),
      'a api.example b api.example c 203.0.113.10',
    );
  });
});

describe('createAddresses', () => {
  it('draws public ones, no two the same', () => {
    const draw = createAddresses(createRandom(1));
    const drawn = Array.from({ length: 5000 }, draw);
    assert.equal(new Set(drawn).size, 5000);
    assert.ok(drawn.every((address) => !/^(10|127|0|192|224)\./.test(address)));
  });
});

function labelOf(clientIp: string, more: Partial<AddressLabel> = {}): AddressLabel {
  return { clientIp, label: 'good', kind: 'k', tool: 't', form: 'plain', program: 'p', client: 'c1', ...more };
}

describe('a capture', () => {
  it('is sorted by time, bounded for each client, and loads as it was written, truth turning with the client', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'range-'));
    try {
      const log = join(folder, 'log');
      const turn = Number(NGINX.at) * 1000;
      const seconds = [3, 1, 2, 9];
      const lines = [
        ...seconds.map((s) => JSON.stringify({ ...NGINX, at: String(Number(NGINX.at) + s - 2), seconds: '0' })),
        JSON.stringify(ENVOY),
        JSON.stringify({ ...NGINX, server: '127.20.7.7' }),
        'garbage',
      ];
      writeFileSync(log, `${lines.join('\n')}\n`);
      const labels = new Map([
        ['127.20.0.1', labelOf('5.6.7.8', { label: 'bad', turn })],
        ['127.20.0.2', labelOf('9.8.7.6', { client: 'c2' })],
      ]);
      const result = await readCapture(log, { labels, name: 'n', salt: 's', mostPerClient: 3 });
      assert.deepEqual([result.foreign, result.kept.get('c1'), result.cut.get('c1'), result.cut.get('c2')], [2, 3, 1, undefined]);
      const table = {
        name: 'n',
        shape: 'shop',
        gateway: 'nginx',
        seed: 1,
        seconds: 1,
        scale: 1,
        clients: 2,
        calls: 4,
        programs: [],
      };
      writeCapture(folder, 'n', result.calls, [...labels.values(), labelOf('1.1.1.1')], table);
      assert.deepEqual(captureNames(folder), ['n']);
      const loaded = [...loadCapture(join(folder, 'n'))];
      assert.deepEqual(
        loaded.map(({ call }) => call),
        result.calls,
      );
      assert.deepEqual(
        loaded.map(({ call, truth }) => [call.id, call.clientIp, truth.client, truth.label]),
        [
          ['n-0', '5.6.7.8', 'n/c1', 'good'],
          ['n-1', '5.6.7.8', 'n/c1', 'bad'],
          ['n-2', '5.6.7.8', 'n/c1', 'bad'],
          ['n-3', '9.8.7.6', 'n/c2', 'good'],
        ],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
