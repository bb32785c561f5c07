import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRejection, type Rejection } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import { decodeCombined, INVALID_METHOD, sniffCombined } from './combined.ts';

const NOW = Date.UTC(2026, 0, 1);

function decode(line: string | Buffer): ApiCall | Rejection {
  return decodeCombined({ bytes: typeof line === 'string' ? Buffer.from(line) : line, origin: 'access.log:17' }, NOW);
}

function call(line: string | Buffer): ApiCall {
  const decoded = decode(line);
  assert.ok(!isRejection(decoded), JSON.stringify(decoded));
  return decoded;
}

function line(request: string, { user = '-', rest = '200 12 "-" "curl/8.0"', ip = '192.0.2.7' } = {}): string {
  return `${ip} - ${user} [17/May/2015:10:05:03 +0000] "${request}" ${rest}`;
}

test('a combined line gives every field it holds', () => {
  const { id, ...fields } = call(
    '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a/b.png?x=1&y=%20 HTTP/1.1" 304 203023 "http://example.org/?q" "Mozilla/5.0 (X11)"',
  );
  assert.equal(id, 'access.log:17');
  const told = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  assert.deepEqual(told, {
    time: Date.UTC(2015, 4, 17, 10, 5, 3),
    clientIp: '192.0.2.7',
    method: 'GET',
    path: '/a/b.png',
    query: 'x=1&y=%20',
    httpVersion: '1.1',
    status: 304,
    responseBytes: 203023,
    referer: 'http://example.org/?q',
    userAgent: 'Mozilla/5.0 (X11)',
  });
});

test('a common line has no user agent and referer, and a dash is none', () => {
  const common = call(line('GET / HTTP/1.0', { rest: '200 -' }));
  assert.deepEqual([common.userAgent, common.referer, common.responseBytes, common.httpVersion], [null, null, 0, '1.0']);
  const combined = call(line('GET / HTTP/1.0', { rest: '200 5 "-" "-"' }));
  assert.deepEqual([combined.userAgent, combined.referer], [null, null]);
});

test('fields after the user agent are passed over', () => {
  assert.equal(call(line('GET / HTTP/1.1', { rest: '200 5 "-" "a" "203.0.113.9" 0.004' })).userAgent, 'a');
});

test('addresses: IPv6, host names, a virtual host in front', () => {
  assert.equal(call(line('GET / HTTP/1.1', { ip: '2001:db8::7' })).clientIp, '2001:db8::7');
  assert.equal(call(line('GET / HTTP/1.1', { ip: 'crawl-7.example.org' })).clientIp, 'crawl-7.example.org');
  const virtual = call(line('GET / HTTP/1.1', { ip: 'shop.example.org:443 2001:db8::7' }));
  assert.deepEqual([virtual.clientIp, virtual.host, virtual.subject], ['2001:db8::7', 'shop.example.org', null]);
});

test('a user becomes the subject of basic authentication, spaces and quotes included', () => {
  for (const [user, subject] of [
    ['alice', 'alice'],
    ['alice smith', 'alice smith'],
    ['a\\"b', 'a"b'],
    ['a "b" [c]', 'a "b" [c]'],
  ] as const) {
    const { subject: found, authScheme } = call(line('GET / HTTP/1.1', { user }));
    assert.deepEqual([found, authScheme], [subject, 'basic']);
  }
  for (const user of ['-', '""']) {
    const { subject, authScheme } = call(line('GET / HTTP/1.1', { user }));
    assert.deepEqual([subject, authScheme], [null, null]);
  }
});

test('a user name cannot pass for the request', () => {
  const user = String.raw`x [01/Jan/2020:00:00:00 +0000] \"GET /forged HTTP/1.1\" 200 1`;
  const { path, time } = call(line('GET /real HTTP/1.1', { user }));
  assert.deepEqual([path, time], ['/real', Date.UTC(2015, 4, 17, 10, 5, 3)]);
});

test('escapes are undone, and bytes are UTF-8 where they can be', () => {
  assert.equal(
    call(line('GET / HTTP/1.1', { rest: String.raw`200 5 "-" "a \"b\" \\ \x22c\x22 \t \q"` })).userAgent,
    'a "b" \\ "c" \t \\q',
  );
  assert.equal(call(line(String.raw`GET /caf\xC3\xA9 HTTP/1.1`)).path, '/café');
  assert.equal(call(line('GET /café HTTP/1.1')).path, '/café');
  assert.equal(call(line(String.raw`GET /caf\xE9 HTTP/1.1`)).path, '/café');
  assert.equal(call(Buffer.from(line('GET /caf\xe9 HTTP/1.1'), 'latin1')).path, '/café');
});

test('whatever scanners send for a request is still a call', () => {
  const cases: [string, string, string][] = [
    ['-', INVALID_METHOD, ''],
    ['', INVALID_METHOD, ''],
    [String.raw`\x16\x03\x01\x00\xEE`, INVALID_METHOD, '\x16\x03\x01\x00\xee'],
    ['{"method": "login"}', INVALID_METHOD, '{"method": "login"}'],
    ['quit', 'QUIT', ''],
    ['t3 12.2.1', 'T3', '12.2.1'],
    ['GET', 'GET', ''],
    ['GET /old', 'GET', '/old'],
    ['GET /a b c HTTP/1.1', 'GET', '/a b c'],
    ['CONNECT example.org:443 HTTP/1.1', 'CONNECT', 'example.org:443'],
    ['OPTIONS * HTTP/1.1', 'OPTIONS', '*'],
  ];
  for (const [request, method, path] of cases) {
    const escaped = request.replaceAll('"', '\\"');
    const found = call(line(escaped, { rest: '400 0 "-" "-"' }));
    assert.deepEqual([found.method, found.path], [method, path], request);
  }
});

test('absolute-form targets name their host', () => {
  const { host, path, query } = call(line('GET http://example.org:8080/a/b?c=http://d HTTP/1.1'));
  assert.deepEqual([host, path, query], ['example.org:8080', '/a/b', 'c=http://d']);
  const bare = call(line('GET HTTP://example.org HTTP/1.1'));
  assert.deepEqual([bare.host, bare.path], ['example.org', '/']);
});

test('HTTP versions are written as the contract has them', () => {
  const versions = ['1.0', '1.1', '2.0', '3.0'].map((version) => call(line(`GET / HTTP/${version}`)).httpVersion);
  assert.deepEqual(versions, ['1.0', '1.1', '2', '3']);
});

test('time zones count, leap seconds and leap days too', () => {
  const at = (time: string) => call(`192.0.2.7 - - [${time}] "GET / HTTP/1.1" 200 1`).time;
  assert.equal(at('17/May/2015:10:05:03 +0530'), Date.UTC(2015, 4, 17, 4, 35, 3));
  assert.equal(at('31/Dec/2015:20:00:00 -0700'), Date.UTC(2016, 0, 1, 3));
  assert.equal(at('29/Feb/2016:00:00:00 +0000'), Date.UTC(2016, 1, 29));
  assert.equal(at('31/Dec/2016:23:59:60 +0000'), Date.UTC(2017, 0, 1));
});

test('any moment comes back as it was written', () => {
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const pad = (n: number) => String(n).padStart(2, '0');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: NOW / 1000 }), fc.integer({ min: -14 * 60, max: 14 * 60 }), (seconds, offset) => {
      const local = new Date((seconds + offset * 60) * 1000);
      fc.pre(local.getTime() >= 0);
      const zone = `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60))}${pad(Math.abs(offset) % 60)}`;
      const clock = local.toISOString().slice(11, 19);
      const text = `${pad(local.getUTCDate())}/${months[local.getUTCMonth()]}/${local.getUTCFullYear()}:${clock} ${zone}`;
      assert.equal(call(`192.0.2.7 - - [${text}] "GET / HTTP/1.1" 200 1`).time, seconds * 1000);
    }),
  );
});

test('a status that HTTP does not know is none; a line that is cut in the user agent counts', () => {
  assert.equal(call(line('GET / HTTP/1.1', { rest: '000 0 "-" "-"' })).status, null);
  assert.equal(call(line('GET / HTTP/1.1', { rest: '- 0 "-" "-"' })).status, null);
  assert.equal(call(line('GET / HTTP/1.1', { rest: '200 5 "-" "Mozilla/5.0 (compat' })).userAgent, 'Mozilla/5.0 (compat');
});

test('lines of another kind are rejected', () => {
  const bad = [
    '',
    'hello',
    '"GET / HTTP/1.1"',
    '192.0.2.7 - - "GET / HTTP/1.1" 200 1',
    '192.0.2.7 [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
    '192.0.2.7 - - [32/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
    '192.0.2.7 - - [17/Mai/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
    '192.0.2.7 - - [17/May/2015:25:05:03 +0000] "GET / HTTP/1.1" 200 1',
    '192.0.2.7 - - [17-May-2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1',
    '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 2x0 1',
    '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 many',
    '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200',
    '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1',
  ];
  for (const text of bad) {
    const decoded = decode(text);
    assert.ok(isRejection(decoded) && decoded.rejected === 'ASSAY_CALL_BAD_LINE', text);
  }
});

test('a negative size and a time in the year 3000 are rejected by the contract', () => {
  const negative = decode(line('GET / HTTP/1.1', { rest: '200 -5' }));
  assert.ok(isRejection(negative) && negative.rejected === 'ASSAY_CALL_BAD_FIELD');
  const future = decode('192.0.2.7 - - [17/May/3000:10:05:03 +0000] "GET / HTTP/1.1" 200 1');
  assert.ok(isRejection(future) && future.rejected === 'ASSAY_CALL_FUTURE');
});

test('no bytes make it throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decode(Buffer.from(bytes))));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const request = Buffer.from(bytes)
        .toString('latin1')
        .replace(/["\\\n]/g, '_');
      const found = call(Buffer.from(line(request, { rest: '400 0 "-" "-"' }), 'latin1'));
      assert.ok(found.method.length > 0);
    }),
  );
});

test('sniffing knows a line that is cut, and no other kind', () => {
  assert.ok(sniffCombined(line('GET / HTTP/1.1').slice(0, 70)));
  assert.ok(!sniffCombined('{"id": "1"}'));
  assert.ok(!sniffCombined('17/May/2015:10:05:03 +0000 GET /'));
});
