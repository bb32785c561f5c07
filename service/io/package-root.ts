import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json of assay not found above the running code');
  return findRoot(parent);
}

/** The folder that holds package.json, models/, datasets/ and service/contracts, whether run from dist/ or not. */
export const packageRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));
