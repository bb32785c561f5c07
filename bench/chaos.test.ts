import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../service/io/package-root.ts';

test('workers and broker are killed, and every state and verdict is the same to the bit', async () => {
  const size = ['--calls', '40000', '--clients', '1600', '--workers', '2', '--kills', '2'];
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'bench', 'chaos.js'), ...size], { stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0, said);
  assert.match(said, /^the same$/m);
});
