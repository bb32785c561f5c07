import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isRejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { sniffFormat } from './formats.ts';
import { decodeNdjson } from './ndjson.ts';

/** As they came from the gateways of Debian 12 and Envoy 1.40 under the configurations in deploy/, for one and the same request. */
const LINES = {
  nginx: String.raw`{"log":"assay-1","gateway":"nginx","id":"da8836aadc8021284939cc32f8f366b0","endedAt":"1795828654.400","seconds":"0.002","ip":"127.0.0.11","method":"POST","uri":"/v1/told/39a5f0c141ed24d9?a=1&b=%27x","host":"localhost:8443","status":"200","in":"407","out":"697","protocol":"HTTP/1.1","userAgent":"Mozilla/5.0 (café) \"odd\"\\","accept":"application/json;q=\"0.9\"","encoding":"gzip, br","language":"de-AT, de;q=0.7","type":"application/json","referer":"https://example.test/\"quoted\"\\back","cookie":"1","tls":"TLSv1.2","cipher":"ECDHE-RSA-AES128-GCM-SHA256","resumed":".","connection":"3383","nth":"2","subject":"Bearer 86e774bff90b0fe5","asked":"no-verdict"}`,
  envoy: String.raw`{"accept":"application/json;q=\"0.9\"","asked":"-no-verdict","cipher":"TLS_AES_256_GCM_SHA384","connection":2767,"cookie":"s","encoding":"gzip, br","gateway":"envoy","host":"localhost:8443","id":"12153c58-fe8a-4ec7-8c1a-20fd24feeca3","in":14,"ip":"127.0.0.11","ja3":"0cce74b0d9b7f8528fb2181588d23793","ja4":"t13d591000_a33745022dd6_1f22a2ca17c4","language":"de-AT, de;q=0.7","log":"assay-1","method":"POST","ms":1,"out":739,"protocol":"HTTP/1.1","referer":"https://example.test/\"quoted\"\\back","startedAt":"1795828660.033","status":200,"subject":"Bearer 86e774bff90b0fe5","tls":"TLSv1.3","type":"application/json","uri":"/v1/told/39a5f0c141ed24d9?a=1&b=%27x","userAgent":"Mozilla/5.0 (café) \"odd\"\\"}`,
  haproxy: String.raw`{"log":"assay-1","gateway":"haproxy","id":"c49867c7-1da2-4d3e-abb6-1db27fe8b8ed","startedAt":"1795828741.531","ms":2,"ip":"127.0.0.11","method":"POST","uri":"\/v1\/told\/39a5f0c141ed24d9?a=1&b=%27x","host":"localhost:8443","status":200,"in":358,"out":608,"protocol":"HTTP/1.1","userAgent":"Mozilla\/5.0 (caf\u00e9) \"odd\"\\","accept":"application\/json;q=\"0.9\"","encoding":"gzip, br","language":"de-AT, de;q=0.7","type":"application\/json","referer":"https:\/\/example.test\/\"quoted\"\\back","headers":"accept accept-encoding accept-language content-type referer cookie authorization user-agent content-length host","cookie":"1","tls":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","resumed":"0","connection":"127.0.0.11:34027","nth":"2","subject":"Bearer 86e774bff90b0fe5","asked":"-no-verdict"}`,
  varnish: String.raw`{"log":"assay-1","gateway":"varnish","id":"133528.1795828755","startedAt":"1795828755.653424","us":"1128","ip":"127.0.0.11","method":"POST","uri":"/v1/told/39a5f0c141ed24d9?a=1&b=%27x","host":"localhost:8443","status":"200","in":"407","out":"851","protocol":"HTTP/1.1","userAgent":"Mozilla/5.0 (café) \"odd\"\\","accept":"application/json;q=\"0.9\"","encoding":"gzip, br","language":"de-AT, de;q=0.7","type":"application/json","referer":"https://example.test/\"quoted\"\\back","subject":"Bearer 86e774bff90b0fe5","asked":"no-verdict"}`,
  httpd: String.raw`{"log":"assay-1","gateway":"httpd","id":"awor60lF-Ap8izmda3TEAwAAAIY","startedAt":"1795828715.641","us":2098,"ip":"127.0.0.11","method":"POST","uri":"/v1/told/39a5f0c141ed24d9?a=1&b=%27x","host":"localhost:8443","status":"200","in":"429","out":"880","protocol":"HTTP/1.1","userAgent":"Mozilla/5.0 (caf\xc3\xa9) \"odd\"\\","accept":"application/json;q=\"0.9\"","encoding":"gzip, br","language":"de-AT, de;q=0.7","type":"application/json","referer":"https://example.test/\"quoted\"\\back","tls":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","resumed":"Initial","connection":"127.0.0.11:43285","nth":"1","subject":"Bearer 86e774bff90b0fe5","asked":"no-verdict"}`,
  caddy: String.raw`{"level":"info","ts":1795828703.747609,"logger":"http.log.access.log1","msg":"handled request","request":{"remote_ip":"127.0.0.11","remote_port":"45227","proto":"HTTP/1.1","method":"POST","host":"localhost:8443","uri":"/v1/told/39a5f0c141ed24d9?a=1&b=%27x","headers":{"Accept-Encoding":["gzip, br"],"Referer":["https://example.test/\"quoted\"\\back"],"Cookie":"yes","User-Agent":["Mozilla/5.0 (café) \"odd\"\\"],"Accept":["application/json;q=\"0.9\""],"Accept-Language":["de-AT, de;q=0.7"],"Content-Type":["application/json"],"Content-Length":["14"],"Connection":["keep-alive"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"","server_name":"localhost"}},"user_id":"","duration":0.001324869,"size":762,"status":200}`,
};

const NOW = 1_795_829_000_000;
const decode = (line: string, origin = 'log:7') => {
  const bytes = Buffer.from(line);
  return sniffFormat(bytes).decode({ bytes, origin }, NOW);
};

function callOf(line: string): ApiCall {
  const call = decode(line);
  assert.ok(!isRejection(call), JSON.stringify(call));
  return call;
}

/** What a line would be with some values changed; @param change undefined takes one away */
const change = (line: string, changes: object) => JSON.stringify({ ...JSON.parse(line.replaceAll(/\\x../g, '')), ...changes });

describe('access logs in JSON', () => {
  it('tell the same of the same request, whichever gateway wrote it', () => {
    for (const [gateway, line] of Object.entries(LINES)) {
      const call = callOf(line);
      const { method, path, query, status, host, httpVersion, userAgent, accept, acceptLanguage, contentType, referer } = call;
      assert.deepEqual(
        [gateway, method, path, query, status, host, httpVersion, userAgent, accept, acceptLanguage, contentType, referer],
        [
          ...[call.gateway, 'POST', '/v1/told/39a5f0c141ed24d9', 'a=1&b=%27x', 200, 'localhost:8443', '1.1'],
          ...['Mozilla/5.0 (café) "odd"\\', 'application/json;q="0.9"', 'de-AT, de;q=0.7', 'application/json'],
          'https://example.test/"quoted"\\back',
        ],
      );
      const known = gateway !== 'caddy';
      assert.deepEqual([call.authScheme, call.subject], known ? ['Bearer', '86e774bff90b0fe5'] : [null, null]);
    }
  });

  it('tell when a request came and how long it took, in whatever unit', () => {
    const times = Object.fromEntries(
      Object.entries(LINES).map(([gateway, line]) => [gateway, [callOf(line).time, callOf(line).durationMs]]),
    );
    assert.deepEqual(times, {
      nginx: [1_795_828_654_398, 2],
      envoy: [1_795_828_660_033, 1],
      haproxy: [1_795_828_741_531, 2],
      varnish: [1_795_828_755_653, Math.fround(1.128)],
      httpd: [1_795_828_715_641, Math.fround(2.098)],
      caddy: [1_795_828_703_746, Math.fround(1.324869)],
    });
  });

  it('tell of the handshake, and nothing of it where there was none', () => {
    const { tlsVersion, tlsCipher, tlsResumed, ja4 } = callOf(LINES.envoy);
    assert.deepEqual([tlsVersion, tlsCipher, tlsResumed], ['TLSv1.3', 'TLS_AES_256_GCM_SHA384', null]);
    assert.equal(ja4, 't13d591000_a33745022dd6_1f22a2ca17c4');
    for (const line of [LINES.nginx, LINES.haproxy, LINES.httpd, LINES.caddy]) assert.equal(callOf(line).tlsResumed, false);
    const plain = callOf(change(LINES.haproxy, { tls: '-', cipher: '-' }));
    assert.deepEqual([plain.tlsVersion, plain.tlsCipher, plain.tlsResumed], [null, null, null]);
    assert.equal(callOf(LINES.caddy).tlsCipher, 'TLS_AES_128_GCM_SHA256');
  });

  it('tell no credential where Assay was asked and saw none, and nothing where it was away', () => {
    const schemeOf = (changes: object) => callOf(change(LINES.haproxy, changes)).authScheme;
    assert.equal(schemeOf({ subject: '-', asked: 'goodcalls' }), 'none');
    assert.equal(schemeOf({ subject: '-', asked: '-no-verdict' }), 'none');
    assert.equal(schemeOf({ subject: '-', asked: '--' }), null);
    assert.equal(schemeOf({ subject: '', asked: '' }), null);
  });

  it('are read where a client went early, sent no HTTP, or no id is told', () => {
    assert.equal(callOf(change(LINES.envoy, { status: 0 })).status, 499);
    assert.equal(callOf(change(LINES.haproxy, { status: -1 })).status, 499);
    assert.equal(callOf(change(LINES.nginx, { method: '', uri: '', host: '', protocol: '' })).method, 'INVALID');
    assert.equal(callOf(change(LINES.nginx, { id: '' })).id, 'log:7');
    assert.equal(callOf(LINES.caddy).id, 'log:7');
    assert.equal(callOf(change(LINES.nginx, { protocol: 'HTTP/2.0' })).httpVersion, '2');
    assert.equal(callOf(change(LINES.nginx, { in: 'many', nth: null })).requestBytes, null);
  });

  it("are read with httpd's escapes, of bytes that are no UTF-8 too", () => {
    const agentOf = (agent: string) =>
      callOf(LINES.httpd.replace(/"userAgent":"(?:[^"\\]|\\.)*"/, () => `"userAgent":"${agent}"`)).userAgent;
    assert.equal(agentOf(String.raw`a\x22b\\x41\v\n`), 'a"b\\x41\u000b\n');
    assert.equal(agentOf(String.raw`\xf0\x9f\xa4\x96 \xff`), '🤖 \ufffd');
  });

  it('that are broken are told so, by a code', () => {
    const codeOf = (line: string) => {
      const call = decodeNdjson({ bytes: Buffer.from(line), origin: 'x' }, NOW);
      return isRejection(call) ? call.rejected : null;
    };
    assert.equal(codeOf(LINES.nginx.slice(0, -30)), 'ASSAY_CALL_BAD_JSON');
    assert.equal(codeOf(String.raw`{"log":"assay-1","a":"\q"}`), 'ASSAY_CALL_BAD_JSON');
    assert.equal(codeOf('[]'), 'ASSAY_CALL_NOT_OBJECT');
    assert.equal(codeOf('{"log":"assay-2"}'), 'ASSAY_CALL_MISSING_FIELD');
    assert.equal(codeOf(change(LINES.nginx, { ip: '' })), 'ASSAY_CALL_MISSING_FIELD');
    assert.equal(codeOf(change(LINES.nginx, { endedAt: 'soon' })), 'ASSAY_CALL_MISSING_FIELD');
    assert.equal(codeOf('{"logger":"http.log.access"}'), 'ASSAY_CALL_MISSING_FIELD');
    assert.equal(
      codeOf('{"logger":"http.log.access","request":{"headers":{"Cookie":7,"Accept":{}}}}'),
      'ASSAY_CALL_MISSING_FIELD',
    );
  });

  it('of whatever content never throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(LINES)), fc.jsonValue(), fc.nat(), fc.nat(), (text, value, which, inner) => {
        const line = JSON.parse(text.replaceAll(/\\x../g, '')) as Record<string, unknown>;
        const name = Object.keys(line)[which % Object.keys(line).length]!;
        const part = line[name];
        const odd =
          typeof part === 'object' && part ? { ...part, [Object.keys(part)[inner % Object.keys(part).length]!]: value } : value;
        for (const each of [odd, value]) decode(JSON.stringify({ ...line, [name]: each }));
      }),
    );
  });
});
