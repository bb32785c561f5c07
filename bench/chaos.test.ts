import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from './run-script.ts';

test('workers and broker are killed, and every state and verdict is the same to the bit', async () => {
  const size = ['--calls', '40000', '--clients', '1600', '--workers', '2', '--kills', '2'];
  const { code, said } = await runScript('chaos.js', size);
  assert.equal(code, 0, said);
  assert.match(said, /^the same$/m);
});
