import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { attributesOf } from './ask.ts';
import { readAskedCall } from './asked-call.ts';

const NOW = 1_760_000_000_000;
const FROM = { 'x-real-ip': '203.0.113.9', 'user-agent': 'curl/8.5.0' };

function read(headers: Record<string, string>) {
  const all = { ...FROM, ...headers };
  return readAskedCall(all, attributesOf(all, 'salt'), NOW);
}

test('says what is known of a call before it is answered', () => {
  const header =
    'id=7f3a;method=post;protocol=HTTP/2.0;tls=TLSv1.3;cipher=TLS_AES_128_GCM_SHA256;resumed=r;connection=12;nth=3;' +
    'host=api.example:8443;uri=/v1/orders;x=1?page=2&uri=;uri=z';
  const call = read({
    'x-assay-call': header,
    accept: 'application/json',
    'accept-language': 'de',
    authorization: 'Bearer t',
    'x-ja4': 'j4',
  }) as ApiCall;
  assert.equal(isRejection(call), false);
  const expected: Partial<ApiCall> = {
    id: '7f3a',
    time: NOW,
    clientIp: '203.0.113.9',
    method: 'POST',
    path: '/v1/orders;x=1',
    query: 'page=2&uri=;uri=z',
    host: 'api.example:8443',
    status: null,
    responseBytes: null,
    durationMs: null,
    httpVersion: '2',
    tlsVersion: 'TLSv1.3',
    tlsResumed: true,
    connectionRequests: 3,
    userAgent: 'curl/8.5.0',
    accept: 'application/json',
    acceptLanguage: 'de',
    hasCookie: null,
    ja4: 'j4',
    authScheme: 'Bearer',
    subject: attributesOf({ authorization: 'Bearer t' }, 'salt').subject,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(call[name as keyof ApiCall], value, name);
});

test('a client that writes into its host what only the gateway says is not believed', () => {
  const call = read({ 'x-assay-call': 'id=1;method=GET;tls=TLSv1.3;host=a;id=2;tls=TLSv1.2;ip=1.1.1.1;uri=/' }) as ApiCall;
  assert.deepEqual([call.id, call.tlsVersion, call.clientIp, call.host], ['1', 'TLSv1.3', '203.0.113.9', 'a']);
});

test('a gateway that says nothing of the call, or nothing of use, is heard all the same', async (t) => {
  assert.equal(read({}), null);
  assert.equal(read({ 'x-assay-call': '' }), null);
  const cases: [string, string, string][] = [
    ['no id', 'method=GET;uri=/', 'ASSAY_CALL_MISSING_FIELD'],
    ['no names', ';;==;uri=/', 'ASSAY_CALL_MISSING_FIELD'],
    ['absurd names', '__proto__=1;constructor=2;id=3;uri=/', ''],
    ['absurd lengths', `id=${'x'.repeat(20_000)};uri=/${'y'.repeat(20_000)}`, ''],
  ];
  for (const [name, header, code] of cases)
    await t.test(name, () => {
      const call = read({ 'x-assay-call': header })!;
      assert.equal(isRejection(call) ? call.rejected : '', code);
    });
});
