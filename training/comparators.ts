/**
 * The same rows, weights and folds given to other learners (compare.py): trees and logistic regression from PyPI, in a
 * Python environment of their own under .cache/. They run beside the folds of the net, on another core.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError } from '../service/core/errors.ts';
import { featureNames } from '../service/core/features.ts';
import { packageRoot } from '../service/io/package-root.ts';
import type { Examples } from './examples.ts';

const CACHE = join(packageRoot, '.cache', 'compare');
const PYTHON = join(CACHE, 'venv', 'bin', 'python');
const SCRIPT = join(packageRoot, 'training', 'compare.py');
/** One core each, so that the net's folds keep theirs. */
const THREADS = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
const MAX_TOLD_CHARS = 2000;

export interface Comparison {
  readonly name: string;
  readonly version: string;
  readonly seconds: number;
  /** Log-odds of rows held out, NaN elsewhere. */
  readonly logits: Float32Array;
  /** Share of the gain that each feature brought, for learners that tell. */
  readonly importance: readonly number[] | null;
}

export interface ComparisonInput {
  readonly examples: Examples;
  readonly weight: ArrayLike<number>;
  /** -1 for rows that are only learnt from, -2 for rows left alone, else the row's fold. */
  readonly fold: ArrayLike<number>;
}

/** @throws AssayError ASSAY_CONFIG_INVALID where the script fails */
export async function compare({ examples, weight, fold }: ComparisonInput): Promise<Comparison[]> {
  const folder = join(CACHE, 'run');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { rows, width } = examples;
  writeFileSync(join(folder, 'x.f32'), examples.x);
  writeFileSync(join(folder, 'bad.u8'), examples.bad);
  writeFileSync(join(folder, 'weight.f32'), Float32Array.from(weight));
  writeFileSync(join(folder, 'fold.i32'), Int32Array.from(fold));
  writeFileSync(join(folder, 'shape.json'), JSON.stringify({ rows, width, features: featureNames }));
  await run(PYTHON, [SCRIPT, folder]);
  const told = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Omit<Comparison, 'logits'>[];
  return told.map((one) => ({ ...one, logits: readNumbers(join(folder, `${one.name}.f32`)) }));
}

function readNumbers(path: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}

/**
 * Makes the environment, once for each set of pinned versions.
 *
 * @throws AssayError ASSAY_CONFIG_INVALID where Python 3.11 or newer, or its packages, can't be had
 */
export async function prepareComparators(): Promise<void> {
  const [, wanted] = /^# needs: (.+)$/m.exec(readFileSync(SCRIPT, 'utf8')) ?? [];
  const stamp = join(CACHE, 'installed.txt');
  if (existsSync(PYTHON) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(CACHE, { recursive: true });
  await run('python3', ['-m', 'venv', '--clear', join(CACHE, 'venv')]);
  await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...wanted!.split(' ')]);
  writeFileSync(stamp, wanted!);
}

function run(file: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(
        new AssayError(
          'ASSAY_CONFIG_INVALID',
          `the comparators need Python 3.11 or newer with venv and pip, or leave them out by --no-comparators: ${file}: ${why}`,
        ),
      );
    const child = spawn(file, args, { env: { ...process.env, ...THREADS }, stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => {
      told = (told + chunk.toString()).slice(-MAX_TOLD_CHARS);
    });
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => (code === 0 ? resolve() : fail(`exit code ${code}: ${told.trim()}`)));
  });
}
