/** Trains a model, from calls to a folder in models/. Read it top to bottom. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LoadCalls } from '../datasets/dataset.ts';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { AssayError } from '../service/core/errors.ts';
import { featureNames, featureSet } from '../service/core/features.ts';
import type { Manifest } from '../service/core/model.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { formatReport } from '../service/io/report.ts';
import { type BackendName, loadTensorFlow } from '../service/io/tensorflow.ts';
import { trainAccessBehaviour } from './access-behaviour.ts';
import { blackoutsOf } from './blackouts.ts';
import { writeCard } from './card.ts';
import { collectExamples, type Examples, type Part, rowsByPart } from './examples.ts';
import { evaluateRows, type FitOptions, fitModel } from './fit.ts';
import { type HeldOut, judgeHeldOut } from './held-out.ts';
import { checksumsOf, serializeModel, writeModel } from './model-folder.ts';
import type { NetOptions } from './net.ts';
import { countKinds } from './tables.ts';

/** Which part of the clients is for what. */
const SHARES: readonly { readonly part: Part; readonly share: number }[] = [
  { part: 'train', share: 0.6 },
  { part: 'validate', share: 0.08 },
  { part: 'calibrate', share: 0.2 },
  { part: 'test', share: 0.12 },
];
const SEED = 1;
const CLIENTS = 30_000;
const EPOCHS = 14;
const HIDDEN = [48, 24] as const;
const BATCH = 128;
/** Share of the epochs at each rate of learning. */
const RATES = [
  { share: 0.6, rate: 2e-3 },
  { share: 0.25, rate: 5e-4 },
  { share: 0.15, rate: 1e-4 },
] as const;
/** Held-out figures need no polish: fewer epochs, and a third of the names at a time. */
const HELD_OUT_EPOCHS = 4;
const HELD_OUT_FOLDS = 3;
/** As in the default policy: nobody is bad on fewer calls. */
const MIN_CALLS = 3;

const THRESHOLDS = { falseAlarmRate: 0.003, missRate: 0.05, minCalls: MIN_CALLS, leastBadAt: 0.9, mostGoodBelow: 0.5 } as const;
const NOVELTY = { shrinkage: 0.1, explained: 0.95, within: 0.995 } as const;

const HELP = `npm run train -- [options]

  --dataset NAME     simulator (default), or access-behaviour: cross-validation on that table, nothing is written
  --seed N           of the data, the weights and the order of learning (default ${SEED})
  --clients N        simulated actors in all (default ${CLIENTS})
  --epochs N         at most (default ${EPOCHS})
  --backend NAME     wasm (default), cpu, node
  --out FOLDER       where the model's folder goes (default models/)
  --leave-out KINDS  kinds, separated by commas, that are only tested on
  --no-held-out      do without the figures on kinds and programs never met
  --promote          make it the default model
  --help             this text`;

export interface TrainSetting {
  readonly load?: LoadCalls;
  readonly print?: (line: string) => void;
}

/** @throws AssayError ASSAY_CONFIG_INVALID for an unknown option or value */
export async function train(argv: readonly string[], setting: TrainSetting = {}): Promise<void> {
  const { load = loadCalls, print = (line) => process.stdout.write(`${line}\n`) } = setting;
  if (argv.includes('--help')) return print(HELP);
  const options = readOptions(argv);
  const tf = await loadTensorFlow(options.backend);
  if (options.dataset === 'access-behaviour') return trainAccessBehaviour(tf, options.seed, print);
  const clock = createClock(print);
  const net = netOptions(options.seed, options.epochs);

  // Calls → rows, by the way that serving takes
  const worlds = worldsOf(options.seed, options.clients);
  const examples = await collectExamples(worlds.map(({ part, seed, clients }) => ({ part, calls: load({ seed, clients }) })));
  const kinds = countKinds(tf, examples.clients);
  const calls = examples.sources.reduce((sum, source) => sum + source.calls, 0);
  clock(`${calls} calls → ${examples.rows} snapshots of ${examples.clients.length} clients`);
  const parts = leaveOut(examples, rowsByPart(examples), options.leaveOut);

  // Train, calibrate, thresholds, novelty
  const fit: FitOptions = { net: { ...net, onEpoch: printEpoch(print) }, thresholds: THRESHOLDS, novelty: NOVELTY };
  const fitted = fitModel(tf, examples, parts, fit);
  const files = await serializeModel(tf, fitted.model);
  clock(`trained on ${parts.train.length} snapshots: weights ${checksumsOf(files)['weights.bin']}`);

  // Judge on clients that nothing above has seen
  const report = evaluateRows(tf, examples, parts.test, fitted, MIN_CALLS);
  print(formatReport(report));
  clock('evaluated');
  const short = { ...fit, net: netOptions(options.seed, Math.min(options.epochs, HELD_OUT_EPOCHS)) };
  const heldOut: HeldOut[] = options.heldOut ? [...judgeHeldOut(tf, examples, parts, short, HELD_OUT_FOLDS)] : [];
  for (const h of heldOut)
    print(
      `without ${h.by} ${h.name} (${h.clients} ${h.label}): ROC-AUC ${h.rocAuc?.toFixed(4)}, called bad ${h.foundAt1Percent?.toFixed(3)}`,
    );
  if (options.heldOut) clock('judged on kinds and programs held out');

  // Write
  const checksums = checksumsOf(files);
  const without = options.leaveOut.map((kind) => `-without-${kind}`).join('');
  // A verdict names its model, so other weights must have another name.
  const id = `mlp-${featureSet}-s${options.seed}${without}-${checksums['weights.bin'].slice(0, 8)}`;
  const manifest: Manifest = {
    format: 1,
    id,
    featureSet,
    features: [...featureNames],
    families: [...examples.families],
    scaling: fitted.scaling,
    calibration: fitted.calibration,
    thresholds: fitted.thresholds,
    novelty: fitted.novelty,
    checksums,
    data: worlds.map((world, i) => ({ name: 'simulator', ...world, ...examples.sources[i] })),
    seed: options.seed,
    backend: tf.getBackend(),
    metrics: {
      validationLoss: fitted.validationLoss,
      test: report,
      heldOut,
    },
  };
  const card = writeCard({ manifest, command: commandOf(options), report, heldOut, kinds });
  writeModel(join(options.out, id), files, manifest, card);
  if (options.promote) writeFileSync(join(options.out, 'DEFAULT'), `${id}\n`);
  clock(`wrote ${id}${options.promote ? ', now the default' : ''}`);
}

function readOptions(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        dataset: { type: 'string', default: 'simulator' },
        seed: { type: 'string', default: String(SEED) },
        clients: { type: 'string', default: String(CLIENTS) },
        epochs: { type: 'string', default: String(EPOCHS) },
        backend: { type: 'string', default: 'wasm' },
        out: { type: 'string', default: join(packageRoot, 'models') },
        'leave-out': { type: 'string', default: '' },
        'no-held-out': { type: 'boolean', default: false },
        promote: { type: 'boolean', default: false },
      },
    });
    return {
      dataset: oneOf('--dataset', values.dataset, ['simulator', 'access-behaviour']),
      seed: whole('--seed', values.seed, 0),
      clients: whole('--clients', values.clients, 20),
      epochs: whole('--epochs', values.epochs, 1),
      backend: oneOf('--backend', values.backend, ['auto', 'wasm', 'node', 'cpu']) as BackendName,
      out: values.out,
      leaveOut: values['leave-out'].split(',').filter(Boolean),
      heldOut: !values['no-held-out'],
      promote: values.promote,
    };
  } catch (error) {
    throw error instanceof AssayError
      ? error
      : new AssayError('ASSAY_CONFIG_INVALID', (error as Error).message, { cause: error });
  }
}

/** The command that makes the same model: nothing in it of where it was written. */
function commandOf({ seed, clients, epochs, leaveOut: kinds, heldOut }: ReturnType<typeof readOptions>): string {
  const given = [`--seed ${seed}`, `--clients ${clients}`, `--epochs ${epochs}`];
  if (kinds.length > 0) given.push(`--leave-out ${kinds.join(',')}`);
  if (!heldOut) given.push('--no-held-out');
  return ['npm run train --', ...given].join(' ');
}

function oneOf(name: string, value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value;
  throw new AssayError('ASSAY_CONFIG_INVALID', `${name} is one of ${choices.join(', ')}`);
}

function whole(name: string, value: string, least: number): number {
  const number = Number(value);
  if (/^\d{1,9}$/.test(value) && number >= least) return number;
  throw new AssayError('ASSAY_CONFIG_INVALID', `${name} is a whole number from ${least}`);
}

function netOptions(seed: number, epochs: number): NetOptions {
  return {
    hidden: HIDDEN,
    seed,
    batch: BATCH,
    phases: RATES.map(({ share, rate }) => ({ rate, epochs: Math.max(1, Math.round(share * epochs)) })),
    patience: 4,
    l2: 1e-5,
    familyWeight: 0.2,
    noise: 0.05,
    blackouts: blackoutsOf(featureNames),
  };
}

/**
 * Each part is a world of its own, with other APIs, gateways and clients: what the model makes of them is what it makes
 * of a deployment that it has not seen. The seeds lie far from those that people try.
 */
function worldsOf(seed: number, clients: number) {
  return SHARES.map(({ part, share }, i) => ({
    part,
    seed: 1_000_000 + 10 * seed + i,
    clients: Math.max(5, Math.round(share * clients)),
  }));
}

/** Takes kinds out of all parts but the test. */
function leaveOut(examples: Examples, parts: Record<Part, number[]>, kinds: readonly string[]): Record<Part, number[]> {
  const unknown = kinds.filter((kind) => !examples.families.includes(kind));
  if (unknown.length > 0) throw new AssayError('ASSAY_CONFIG_INVALID', `--leave-out names no kind: ${unknown.join(', ')}`);
  const out = new Set(kinds.map((kind) => examples.families.indexOf(kind)));
  const without = (rows: number[]) => rows.filter((row) => !out.has(examples.family[row]!));
  const { train: learn, validate, calibrate, test } = parts;
  return { train: without(learn), validate: without(validate), calibrate: without(calibrate), test };
}

const printEpoch = (print: (line: string) => void) => (epoch: number, trainLoss: number, validationLoss: number) =>
  print(`  epoch ${epoch}: loss ${trainLoss.toFixed(4)}, validation ${validationLoss.toFixed(4)}`);

/** Tells what was done, how long it took and how much memory is in use. */
function createClock(print: (line: string) => void): (done: string) => void {
  let since = performance.now();
  return (done) => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    print(`${done} (${seconds} s, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB)`);
    since = performance.now();
  };
}

// Run as a script, by `assay train`.
if (process.argv[1] === fileURLToPath(import.meta.url))
  train(process.argv.slice(2)).catch((error: Error) => {
    console.error(error instanceof AssayError ? `assay: ${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  });
