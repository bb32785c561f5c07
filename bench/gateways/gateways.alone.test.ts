import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from '../run-script.ts';
import { GATEWAYS } from './table.ts';

test('every gateway allows, denies and lets no good request fail, however Assay is, and its log is read', async () => {
  const { code, said } = await runScript('gateways/gateways.js');
  assert.equal(code, 0, said);
  assert.match(said, new RegExp(`^all ${GATEWAYS.length} as expected$`, 'm'));
});

test('sqlmap and a script that guesses passwords are stopped in nginx, and an app at the same address is not', async () => {
  const { code, said } = await runScript('gateways/attacks.js');
  assert.equal(code, 0, said);
  assert.match(said, /^as promised$/m);
});
