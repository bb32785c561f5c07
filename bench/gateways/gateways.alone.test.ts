import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../service/io/package-root.ts';
import { GATEWAYS } from './table.ts';

test('every gateway allows, denies and lets no good request fail, however Assay is', async () => {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'bench', 'gateways', 'gateways.js')], { stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0, said);
  assert.match(said, new RegExp(`^all ${GATEWAYS.length} as expected$`, 'm'));
});
