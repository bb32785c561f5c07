/** The embedded store as a command reads it, beside a service that writes it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, type Key, open, type RootDatabase } from 'lmdb';
import { AssayError } from '../core/errors.ts';
import { ENVIRONMENT } from './disk-store.ts';

/** Undefined where nothing was ever written there and nothing may be made. */
type OpenDatabase = <V, K extends Key>(name: string) => Database<V, K> | undefined;

/**
 * Opens a store while it is used; without one nothing is done.
 * @throws AssayError ASSAY_STORAGE_FAILED where there is a store that can't be opened
 */
export async function withStore(folder: string, readOnly: boolean, use: (open: OpenDatabase) => Promise<void>): Promise<void> {
  if (!existsSync(join(folder, 'data.mdb'))) return;
  let root: RootDatabase | null = null;
  try {
    root = open({ path: folder, ...ENVIRONMENT, readOnly });
    const opened = root;
    await use((name) => opened.openDB({ name }));
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw new AssayError('ASSAY_STORAGE_FAILED', `${folder}: ${(error as Error).message}`, { cause: error });
  } finally {
    await root?.close();
  }
}
