import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from './random.ts';
import { CARRIES, createVoice, imitate } from './software.ts';
import { STACKS, type StackName } from './stacks.ts';

const names = Object.keys(STACKS) as StackName[];

test('python-requests sends its headers in its own order', () => {
  const voice = voiceWithoutExtras('python-requests');
  assert.deepEqual(voice.headerNames(0), ['host', 'user-agent', 'accept-encoding', 'accept', 'connection']);
  assert.deepEqual(voice.headerNames(CARRIES.body | CARRIES.authorization).slice(5), [
    'content-length',
    'content-type',
    'authorization',
  ]);
  assert.match(voice.userAgent ?? '', /^python-requests\/2\.\d+\.\d$/);
});

/** Extras are drawn; looks for a seed that draws none. */
function voiceWithoutExtras(name: StackName) {
  for (let seed = 0; seed < 200; seed++) {
    const voice = createVoice(createRandom(seed), name, 'none');
    if (voice.headerNames(0).length === 5) return voice;
  }
  throw new Error('every seed draws extra headers');
}

for (const name of names)
  test(`${name}: header names are lower case, once each, and optional ones come with cause`, () => {
    const voice = createVoice(createRandom(1), name, 'none');
    const bare = voice.headerNames(0);
    assert.ok(bare.includes('host'));
    assert.ok(!bare.some((header) => header.startsWith('+') || header === 'extra' || header !== header.toLowerCase()));
    assert.equal(new Set(bare).size, bare.length);
    for (const header of ['authorization', 'content-type', 'cookie', 'referer']) assert.ok(!bare.includes(header), header);
    assert.equal(voice.headerNames(0), bare, 'the same array, made once');
    assert.ok(voice.headerNames(CARRIES.key).includes('x-api-key'));
    assert.equal(voice.headerNames(0).includes('user-agent'), voice.userAgent !== null);
    assert.doesNotMatch(voice.userAgent ?? '', /[{}]/, 'the template is filled');
  });

test('a disguise changes the user agent, not the TLS fingerprint', () => {
  const plain = createVoice(createRandom(9), 'go', 'none');
  const masked = createVoice(createRandom(9), 'go', 'browser');
  assert.match(plain.userAgent ?? '', /^Go-http-client/);
  assert.match(masked.userAgent ?? '', /^(Mozilla|Opera)/);
  const prints = new Set(Array.from({ length: 60 }, (_x, seed) => createVoice(createRandom(seed), 'go', 'none').ja4));
  assert.ok(prints.size <= 6 && prints.size > 1, 'a library speaks in a few ways');
  assert.ok(prints.has(masked.ja4));
});

test('over HTTP/2 the host comes first and no connection is named', () => {
  for (const name of names) {
    const spoken = createVoice(createRandom(2), name, 'none').headerNames(CARRIES.http2 | CARRIES.body);
    assert.equal(spoken[0], 'host', name);
    assert.ok(!spoken.includes('connection') && !spoken.some((header) => header.startsWith(':')), name);
    assert.equal(new Set(spoken).size, spoken.length, name);
  }
});

test('a whole browser sends what browsers send, in order, but by its own TLS; a twin has the TLS too', () => {
  const own = new Set(Array.from({ length: 80 }, (_x, seed) => createVoice(createRandom(seed), 'go', 'none').ja4));
  for (let seed = 0; seed < 20; seed++) {
    const whole = createVoice(createRandom(seed), 'go', 'whole-browser');
    assert.ok(whole.headerNames(0).includes('sec-fetch-mode'), String(whole.headerNames(0)));
    assert.match(whole.userAgent ?? '', /^Mozilla/);
    assert.ok(own.has(whole.ja4));
    assert.ok(!own.has(createVoice(createRandom(seed), 'go', 'twin').ja4));
  }
});

test('an imitation has the user agent, the headers too, or everything', () => {
  const model = createVoice(createRandom(1), 'okhttp', 'own-name');
  const [agent, headers, all] = (['agent', 'headers', 'all'] as const).map((like) =>
    imitate(createRandom(2), model, 'httpx', like),
  );
  assert.deepEqual([agent?.userAgent, headers?.userAgent, all?.userAgent], Array(3).fill(model.userAgent));
  assert.notEqual(agent?.headerNames, model.headerNames);
  assert.equal(headers?.headerNames, model.headerNames);
  assert.deepEqual([headers?.ja4 === model.ja4, all?.ja4 === model.ja4, all?.tool], [false, true, 'httpx']);
});
