/** Logs of gateways that can't be run here, by their documentation: names and kinds of values are theirs, values are made up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { decodeNdjson } from './ndjson.ts';

const START = '2026-11-20T10:05:03.250Z';
const STARTED = Date.parse(START);
const NOW = STARTED + 60_000;
const URI = '/v1/orders/7?page=2';
const HEADERS = {
  host: 'api.example:8443',
  'user-agent': 'okhttp/4.12.0',
  accept: 'application/json',
  'accept-encoding': 'gzip',
  'x-assay-subject': 'Bearer 1f6f75781bd0c57a',
};

const LINES: Record<string, { line: object; expected: Partial<ApiCall> }> = {
  traefik: {
    line: {
      ClientAddr: '203.0.113.9:55123',
      ClientHost: '203.0.113.9',
      ClientPort: '55123',
      ClientUsername: '-',
      DownstreamContentSize: 612,
      DownstreamStatus: 404,
      Duration: 12_500_000,
      OriginStatus: 404,
      Overhead: 100_000,
      RequestAddr: 'api.example:8443',
      RequestContentSize: 0,
      RequestCount: 41,
      RequestHost: 'api.example',
      RequestMethod: 'GET',
      RequestPath: URI,
      RequestPort: '8443',
      RequestProtocol: 'HTTP/2.0',
      RequestScheme: 'https',
      RetryAttempts: 0,
      RouterName: 'orders@file',
      StartLocal: START,
      StartUTC: START.replace('250Z', '250123456Z'),
      TLSCipher: 'TLS_AES_128_GCM_SHA256',
      TLSVersion: '1.3',
      entryPointName: 'websecure',
      level: 'info',
      msg: '',
      'request_User-Agent': HEADERS['user-agent'],
      request_Accept: HEADERS.accept,
      'request_X-Assay-Subject': HEADERS['x-assay-subject'],
      time: '2026-11-20T10:05:03Z',
    },
    expected: {
      id: 'line 1',
      durationMs: 12.5,
      status: 404,
      requestBytes: 0,
      responseBytes: 612,
      httpVersion: '2',
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_128_GCM_SHA256',
      subject: '1f6f75781bd0c57a',
    },
  },
  kong: {
    line: {
      client_ip: '203.0.113.9',
      latencies: { kong: 2, proxy: 10, request: 12.5 },
      request: {
        headers: { ...HEADERS, authorization: 'REDACTED' },
        method: 'GET',
        querystring: { page: '2' },
        size: 380,
        tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', client_verify: 'NONE' },
        uri: URI,
        url: `https://api.example:8443${URI}`,
      },
      response: {
        headers: { 'content-type': 'application/json', 'x-kong-request-id': '2f6946328ffc4946' },
        size: 900,
        status: 200,
      },
      route: { id: 'r', name: 'orders' },
      service: { host: 'orders.internal' },
      started_at: STARTED,
      tries: [],
      upstream_uri: '/orders/7',
    },
    expected: {
      id: '2f6946328ffc4946',
      durationMs: 12.5,
      status: 200,
      requestBytes: 380,
      responseBytes: 900,
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_256_GCM_SHA384',
      hasCookie: false,
      authScheme: 'Bearer',
      subject: '1f6f75781bd0c57a',
    },
  },
  apisix: {
    line: {
      apisix_latency: 1.5,
      client_ip: '203.0.113.9',
      latency: 12.5,
      request: {
        headers: { ...HEADERS, cookie: 'a=b' },
        method: 'GET',
        querystring: { page: '2' },
        size: 380,
        uri: URI,
        url: 'x',
      },
      response: { headers: { 'x-request-id': '7c1f' }, size: 900, status: 200 },
      route_id: '1',
      server: { hostname: 'gw', version: '3.9.0' },
      service_id: '',
      start_time: STARTED + 0.2,
      upstream: '10.0.0.1:80',
      upstream_latency: 11,
    },
    expected: { id: '7c1f', durationMs: 12.5, status: 200, hasCookie: true, subject: '1f6f75781bd0c57a' },
  },
  tyk: {
    line: {
      alias: '',
      api_id: 'a',
      api_key: 'a3f9c1d2e4b50617',
      api_name: 'orders',
      content_length: -1,
      host: 'api.example:8443',
      ip_address: '203.0.113.9',
      method: 'GET',
      org_id: 'acme',
      path: '/v1/orders/7',
      raw_path: '/v1/orders/7',
      raw_request: '',
      raw_response: '',
      request_time_ms: 12,
      response_code: 200,
      timestamp: START,
      user_agent: HEADERS['user-agent'],
    },
    expected: {
      query: null,
      tenant: 'acme',
      durationMs: 12,
      requestBytes: null,
      authScheme: 'apiKey',
      subject: 'a3f9c1d2e4b50617',
      accept: null,
    },
  },
  aws: {
    line: {
      log: 'assay-1',
      gateway: 'aws',
      id: 'JKJaXmPLvHcESHA=',
      startedMs: String(STARTED),
      ms: '12',
      ip: '203.0.113.9',
      method: 'GET',
      uri: '/v1/orders/7',
      host: 'api.example:8443',
      status: '200',
      out: '900',
      protocol: 'HTTP/1.1',
      userAgent: HEADERS['user-agent'],
      route: '/v1/orders/{id}',
    },
    expected: { id: 'JKJaXmPLvHcESHA=', query: null, status: 200, durationMs: 12, route: '/v1/orders/{id}', httpVersion: '1.1' },
  },
};

function callOf(line: object): ApiCall {
  const call = decodeNdjson({ bytes: Buffer.from(JSON.stringify(line)), origin: 'line 1' }, NOW);
  assert.ok(!isRejection(call), JSON.stringify(call));
  return call;
}

describe('the documented log of', () => {
  for (const [gateway, { line, expected }] of Object.entries(LINES))
    it(`${gateway} is read`, () => {
      const call = callOf(line);
      const common: Partial<ApiCall> = {
        ...{ gateway, time: STARTED, clientIp: '203.0.113.9', method: 'GET', path: '/v1/orders/7', query: 'page=2' },
        ...{ host: 'api.example:8443', userAgent: 'okhttp/4.12.0', accept: gateway === 'aws' ? null : 'application/json' },
      };
      for (const [name, value] of Object.entries({ ...common, ...expected }))
        assert.equal(call[name as keyof ApiCall], value, name);
    });

  it('Tyk says that there was no key, and a key that is not hashed is not kept', () => {
    const tyk = LINES.tyk!.line;
    assert.deepEqual(
      [callOf({ ...tyk, api_key: '00000000' }).authScheme, callOf({ ...tyk, api_key: '00000000' }).subject],
      ['none', null],
    );
    assert.equal(callOf({ ...tyk, api_key: 'eyJvcmciOiI1Z' }).subject, null);
  });

  it('a gateway that lacks most of it is a rejection', () => {
    for (const line of [
      { RequestMethod: 'GET', ClientHost: '' },
      { latencies: 1, started_at: 'x', request: [] },
    ]) {
      const call = decodeNdjson({ bytes: Buffer.from(JSON.stringify(line)), origin: 'x' }, NOW);
      assert.ok(isRejection(call) && call.rejected === 'ASSAY_CALL_MISSING_FIELD', JSON.stringify(call));
    }
  });
});
