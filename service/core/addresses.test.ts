import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Addresses } from './addresses.ts';

const deniedUntil = (denied: Readonly<Record<string, number>>) => (clientId: string) => denied[clientId] ?? null;

test('an address is given out when every client behind it is denied, until the first of them is not', () => {
  const addresses = new Addresses(100);
  addresses.see('192.0.2.1', 'bad', true);
  addresses.see('192.0.2.2', 'bad', true);
  addresses.see('192.0.2.2', 'good', false);
  addresses.see('192.0.2.3', 'bad', true);
  addresses.see('192.0.2.3', 'worse', true);
  addresses.see('192.0.2.4', 'good', false);
  assert.deepEqual(
    [...addresses.denied(deniedUntil({ bad: 10, worse: 5 }))],
    [
      ['192.0.2.1', 10],
      ['192.0.2.3', 5],
    ],
  );
  assert.deepEqual([...addresses.denied(deniedUntil({ worse: 5 }))], []);
  // Of an address where nobody is denied any more nothing is known until a denied one is seen there again.
  assert.deepEqual([...addresses.denied(deniedUntil({ bad: 10, worse: 5 }))], [['192.0.2.3', 5]]);
  addresses.see('192.0.2.1', 'bad', true);
  assert.deepEqual([...addresses.denied(deniedUntil({ bad: 10 }))], [['192.0.2.1', 10]]);
});

test('a client that is denied only after its calls were seen is at the address of the last one', () => {
  const addresses = new Addresses(100);
  for (const address of ['192.0.2.1', '192.0.2.2']) addresses.see(address, 'turns', false);
  assert.deepEqual([...addresses.denied(deniedUntil({ turns: 10 }))], []);
  addresses.deny('turns');
  addresses.deny('unknown');
  assert.deepEqual([...addresses.denied(deniedUntil({ turns: 10 }))], [['192.0.2.2', 10]]);
});

test('one that many share is never given out, however bad all that are told apart are', () => {
  const addresses = new Addresses(100);
  for (let i = 0; i < 40; i++) addresses.see('192.0.2.1', `c${i}`, true);
  assert.deepEqual([...addresses.denied(() => 1)].length, 1, 'the crowd counts as denied only where everything does');
  assert.deepEqual([...addresses.denied((id) => (id === '' ? null : 1))], []);
});

test('whatever comes, none is given out behind which someone was seen who is not denied', () => {
  const seen = fc.array(fc.tuple(fc.nat(9), fc.nat(60)), { maxLength: 300 });
  fc.assert(
    fc.property(seen, fc.uniqueArray(fc.nat(60)), (calls, bad) => {
      const addresses = new Addresses(20);
      const isBad = (client: number) => bad.includes(client);
      for (const [address, client] of calls) addresses.see(String(address), String(client), isBad(client));
      for (const address of addresses.denied((id) => (id !== '' && isBad(Number(id)) ? 1 : null)).keys())
        assert.ok(calls.every(([at, client]) => String(at) !== address || isBad(client)));
    }),
  );
});
