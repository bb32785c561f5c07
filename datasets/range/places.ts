/** Where the range's things lie, whether it runs from dist/ or elsewhere. */
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../../..');

/** datasets/range of the sources. */
export const RANGE_DIR = resolve(ROOT, 'datasets/range');
/** What set-up brings and runs leave; never committed. */
export const WORK_DIR = resolve(RANGE_DIR, '.work');
export const CLIENTS_DIR = resolve(RANGE_DIR, 'clients');
export const CAPTURES_DIR = resolve(RANGE_DIR, 'captures');
export const GATEWAYS_DIR = resolve(RANGE_DIR, 'gateways');
export const TLS_DIR = resolve(WORK_DIR, 'tls');
export const VENV_BIN = resolve(WORK_DIR, 'venv/bin');
