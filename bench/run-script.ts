import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../service/io/package-root.ts';

/** Runs a compiled script to its end; @param path below dist/bench */
export async function runScript(path: string, args: readonly string[] = []): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'bench', path), ...args], { stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, said };
}
