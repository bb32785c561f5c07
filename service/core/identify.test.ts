import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { anyCall, callOf, NOON } from './calls.test.data.ts';
import type { ApiCall } from './contracts.ts';
import { Identifier, type LinkChange, STRENGTH } from './identify.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const MINUTE = 60_000;

/** An identifier and a short way to feed it: minutes since noon, and what differs from a plain call. */
function setUp(options: { key?: string; maxLinks?: number } = {}) {
  const links: LinkChange[] = [];
  const identifier = new Identifier({ key: 'secret', onLink: (change) => links.push(structuredClone(change)), ...options });
  const see = (fields: Partial<ApiCall>, minute = 0) => identifier.identify(callOf({ time: NOON + minute * MINUTE, ...fields }));
  const idOf = (fields: Partial<ApiCall>, minute = 0) => see(fields, minute).clientId;
  return { identifier, links, see, idOf };
}
const token = (subject: string, fields: Partial<ApiCall> = {}) => ({ subject, authScheme: 'bearer', ...fields });
const key = (subject: string, fields: Partial<ApiCall> = {}) => ({ subject, authScheme: 'apiKey', ...fields });

describe('strength', () => {
  test('certificate over verified over key over token over address', () => {
    const { see } = setUp();
    const strengths = [
      see({ clientCertificate: 'c', identityVerified: true, subject: 's' }),
      see({ identityVerified: true, subject: 's' }),
      see(key('k')),
      see(token('t')),
      see({}),
    ].map(({ strength }) => strength);
    assert.deepEqual(strengths, [STRENGTH.certificate, STRENGTH.verified, STRENGTH.key, STRENGTH.token, STRENGTH.address]);
  });

  test('ids are HMAC-SHA-256 in 128 bits, by keys of any length', () => {
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(texts, texts, (secret, clientCertificate) => {
        const expected = createHmac('sha256', secret).update(`certificate||${clientCertificate}`).digest('hex').slice(0, 32);
        assert.equal(setUp({ key: secret }).idOf({ clientCertificate }), expected);
      }),
    );
  });

  test('a verified subject or a certificate is one client at any address', () => {
    const { idOf } = setUp();
    for (const who of [{ identityVerified: true, subject: 's' }, { clientCertificate: 'c' }])
      assert.equal(idOf({ ...who, clientIp: '192.0.2.1' }), idOf({ ...who, clientIp: '192.0.2.9', userAgent: 'curl/8' }));
  });

  test('a verified claim without a subject says nothing', () => {
    const { idOf } = setUp();
    assert.equal(idOf({ identityVerified: true }), idOf({}));
  });
});

describe('addresses', () => {
  test('the software parts the clients of one address, its version does not', () => {
    const { idOf } = setUp();
    assert.notEqual(idOf({ userAgent: FIREFOX }), idOf({ userAgent: 'curl/8.5.0' }));
    assert.equal(idOf({ userAgent: FIREFOX }), idOf({ userAgent: FIREFOX.replaceAll('128', '129') }));
    assert.equal(
      idOf({ userAgent: 'Mozilla/5.0 (compatible; abot/1)' }),
      idOf({ userAgent: 'Mozilla/5.0 (compatible; bbot/2)' }),
    );
  });

  test('TLS parts them where it is told, and a resumed session is the same client', () => {
    const { idOf } = setUp();
    const [a, resumed, b] = ['t13d1516h2_8daaf6152771_x', 't13d1517h2_8daaf6152771_y', 't13d1516h2_002f00350000_x'];
    assert.equal(idOf({ ja4: a }), idOf({ ja4: resumed, userAgent: 'drawn at random' }));
    assert.notEqual(idOf({ ja4: a }), idOf({ ja4: b }));
  });

  test('the id is a keyed hash, without the address in it', () => {
    const id = setUp().idOf({});
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.notEqual(id, setUp({ key: 'other' }).idOf({}));
  });
});

describe('tenants', () => {
  test('are apart for every kind of identity', () => {
    for (const who of [{}, key('k'), { clientCertificate: 'c' }, { identityVerified: true, subject: 's' }]) {
      const { idOf } = setUp();
      const ids = [undefined, 'a', 'b'].map((tenant) => idOf({ ...who, tenant: tenant ?? null }));
      assert.equal(new Set(ids).size, 3);
    }
  });

  test('cannot be imitated by what a client sends', () => {
    const { idOf } = setUp();
    const plain = idOf({ tenant: 'ab', clientCertificate: 'c' });
    for (const [tenant, clientCertificate] of [
      ['a', 'bc'],
      [null, '2:abc'],
      [null, 'abc'],
      ['abc', ''],
      ['2:ab', 'c'],
    ] as const)
      assert.notEqual(idOf({ tenant, clientCertificate }), plain);
  });
});

describe('API keys', () => {
  test('hold a client together across addresses and software', () => {
    const { idOf } = setUp();
    const first = idOf(key('k'));
    assert.equal(idOf(key('k', { clientIp: '192.0.2.77', userAgent: FIREFOX })), first);
    assert.equal(idOf(key('k', { status: 401 }), 5), first);
  });

  test('two at one address are two clients, from the first call on', () => {
    const { idOf } = setUp();
    const [a, b] = [idOf(key('a')), idOf(key('b'))];
    assert.notEqual(a, b);
    assert.deepEqual([idOf(key('a'), 3), idOf(key('b'), 3)], [a, b]);
  });

  test('calls without the key are not charged to its holder', () => {
    const { idOf } = setUp();
    const anonymous = idOf({});
    const holder = idOf(key('k'));
    assert.notEqual(holder, anonymous);
    assert.equal(idOf({ path: '/login', method: 'POST', status: 401 }), anonymous);
  });

  test('tokens that a key obtained belong to its client, also when it obtains the next one', () => {
    const { idOf } = setUp();
    const client = idOf({ subject: 'app', authScheme: 'basic', path: '/oauth/token', method: 'POST' });
    assert.equal(idOf(token('t1'), 1), client);
    assert.equal(idOf({ subject: 'app', authScheme: 'basic' }, 60), client);
    assert.equal(idOf(token('t2'), 61), client);
    assert.equal(idOf(token('t2'), 90), client);
  });
});

describe('tokens', () => {
  test('one after another at an address are one client: login, refusal, login again', () => {
    const { idOf } = setUp();
    const client = idOf({ path: '/login', method: 'POST' });
    assert.equal(idOf(token('t1')), client);
    assert.equal(idOf(token('t1', { status: 401 }), 60), client);
    assert.equal(idOf({ path: '/login', method: 'POST' }, 60), client);
    assert.equal(idOf(token('t2'), 60), client);
    assert.equal(idOf(token('t1'), 60.5), client, 'a call under way still carries the old one');
    for (let hour = 2; hour < 30; hour++) assert.equal(idOf(token(`t${hour + 1}`), hour * 60), client);
  });

  test('a new one for each call is still one client', () => {
    const { idOf } = setUp();
    assert.equal(new Set(Array.from({ length: 50 }, (_, i) => idOf(token(`t${i}`), i / 60))).size, 1);
  });

  test('a client that moves takes its token along, and the next token is its own too', () => {
    const { idOf } = setUp();
    const client = idOf(token('t1'));
    assert.equal(idOf(token('t1', { clientIp: '198.51.100.1' }), 1), client);
    assert.equal(idOf(token('t2', { clientIp: '198.51.100.1' }), 60), client);
    assert.equal(idOf({ clientIp: '198.51.100.1' }, 61), client);
  });

  test('guessed ones stay with the address that guesses', () => {
    const { idOf, links } = setUp();
    const address = idOf({});
    for (let i = 0; i < 100; i++) assert.equal(idOf(token(`guess${i}`, { status: i % 2 ? 401 : 403 })), address);
    for (let i = 0; i < 100; i++) assert.equal(idOf(key(`guess${i}`, { status: 401 })), address);
    assert.equal(links.length, 0);
  });

  test('are taken for accepted where the gateway tells no status', () => {
    const { see } = setUp();
    assert.equal(see(token('t', { status: null })).strength, STRENGTH.token);
  });
});

describe('names that anybody can claim', () => {
  const bob = { subject: 'bob', authScheme: 'basic' };

  test('a password guesser is not taken for the one whose name it claims', () => {
    const { idOf } = setUp();
    const victim = idOf(bob);
    const guesser = { clientIp: '203.0.113.66' };
    for (let i = 0; i < 20; i++) assert.equal(idOf({ ...bob, ...guesser, status: 401 }), idOf(guesser));
    assert.equal(idOf({ ...bob, status: 401 }, 1), victim, 'who mistypes at home is still itself');
    assert.equal(idOf({ ...bob, ...guesser }, 2), victim, 'with the right password it is that client');
  });

  test('nor is who sends a signature that does not verify', () => {
    const { idOf } = setUp();
    const victim = idOf({ subject: 's', authScheme: 'bearer', identityVerified: true });
    const forged = { subject: 's', authScheme: 'bearer', identityVerified: false, status: 401, clientIp: '203.0.113.66' };
    assert.notEqual(idOf(forged), victim);
  });

  test('a gateway that asks before it verifies finds the client all the same', () => {
    const { identifier, idOf } = setUp();
    const client = idOf({ subject: 's', authScheme: 'bearer', identityVerified: true });
    assert.equal(identifier.find(callOf({ subject: 's', authScheme: 'bearer', clientIp: '198.51.100.1' })).clientId, client);
  });
});

describe('shared addresses', () => {
  test('two tokens that take turns are two clients, and neither is the address', () => {
    const { idOf } = setUp();
    for (let minute = 0; minute < 4; minute++) for (const t of ['a', 'b']) idOf(token(t), minute);
    const [a, b, none] = [idOf(token('a'), 5), idOf(token('b'), 5), idOf({}, 5)];
    assert.equal(new Set([a, b, none]).size, 3);
    assert.deepEqual([idOf(token('a'), 6), idOf(token('b'), 6), idOf({}, 6)], [a, b, none]);
  });

  test('of many phones behind one address, each stands for itself in the end', () => {
    const { idOf } = setUp();
    const phones = Array.from({ length: 50 }, (_, i) => `phone${i}`);
    for (let round = 0; round < 3; round++) for (const [i, phone] of phones.entries()) idOf(token(phone), round * 2 + i / 100);
    const ids = phones.map((phone) => idOf(token(phone), 10));
    assert.equal(new Set([...ids, idOf({}, 10)]).size, 51);
    assert.notEqual(idOf(token('newcomer'), 11), idOf({}, 11));
  });

  test('a client known from elsewhere keeps its id where it meets others', () => {
    const { idOf } = setUp();
    const [x, y] = [idOf(token('x', { clientIp: '198.51.100.1' })), idOf(token('y', { clientIp: '198.51.100.2' }))];
    idOf(token('x'), 1);
    idOf(token('y'), 3);
    assert.deepEqual([idOf(token('x'), 5), idOf(token('y'), 5)], [x, y]);
  });

  test('one that was taken for the successor of another is parted from it', () => {
    const { idOf } = setUp();
    const x = idOf(token('x', { clientIp: '198.51.100.1' }));
    idOf(token('x'), 1);
    idOf(token('b'), 2);
    assert.equal(idOf(token('x'), 5), x);
    assert.notEqual(idOf(token('b'), 6), x);
  });
});

describe('find', () => {
  test('agrees with identify about whatever was seen, and learns nothing', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 60 }), (calls) => {
        const { identifier, links } = setUp();
        for (const call of calls) {
          const { clientId } = identifier.identify(call);
          const learnt = links.length;
          // A refusal may be charged to the address and not to the name that was claimed; a question has no answer yet.
          if (call.status !== 401) assert.equal(identifier.find(call).clientId, clientId);
          assert.equal(links.length, learnt);
        }
      }),
    );
  });

  test('an unknown caller has the id that its first call will get', () => {
    const { identifier, idOf } = setUp();
    const found = identifier.find(callOf({ clientIp: '203.0.113.9' })).clientId;
    assert.equal(idOf({ clientIp: '203.0.113.9' }), found);
  });
});

test('a restored identifier knows what the first one knew', () => {
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 40 }), fc.array(anyCall, { maxLength: 20 }), (before, after) => {
      const { identifier, links } = setUp();
      for (const call of before) identifier.identify(call);
      const { identifier: second } = setUp();
      for (const change of links) second.restore(structuredClone(change));
      for (const call of after) assert.deepEqual(second.identify(call), identifier.identify(call));
    }),
  );
});

test('forgets the links that have not been used for longest', () => {
  const { identifier, idOf } = setUp({ maxLinks: 100 });
  const mine = idOf(token('mine', { clientIp: '198.51.100.1' }));
  for (let i = 0; i < 1000; i++) {
    idOf(token(`t${i}`, { clientIp: `10.0.${i >> 8}.${i & 255}` }));
    assert.equal(idOf(token('mine', { clientIp: '198.51.100.1' })), mine);
  }
  assert.ok(identifier.links <= 200, `${identifier.links}`);
});
