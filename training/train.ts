/** Trains the served model, from calls to a folder in models/. Read it top to bottom. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AssayError } from '../service/core/errors.ts';
import { featureNames, featureSet } from '../service/core/features.ts';
import type { Manifest } from '../service/core/model.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { type BackendName, loadTensorFlow } from '../service/io/tensorflow.ts';
import { trainAccessBehaviour } from './access-behaviour.ts';
import type { Coverage } from './calibrate.ts';
import { writeCard } from './card.ts';
import { groupOf } from './examples.ts';
import { judgeClients, poolOf } from './figures.ts';
import { fitNet } from './fit.ts';
import { crossFit, dealGroups, fitJudging, groupsOf, holdOut } from './folds.ts';
import { checksumsOf, serializeModel, writeModel } from './model-folder.ts';
import { mergeMembers } from './net.ts';
import {
  CLIENTS,
  createClock,
  type DataSetting,
  FOLDS,
  gatherData,
  isRanked,
  oneOf,
  POLICY,
  prepareFolds,
  recipeOf,
  SEED,
  THRESHOLDS,
  whole,
} from './recipe.ts';
import { countKinds } from './tables.ts';

const HELP = `npm run train -- [options]

  --dataset NAME   range (default): the captures and the simulator; or access-behaviour: cross-validation on that table,
                   nothing is written
  --seed N         of the data, the weights and the order of learning (default ${SEED})
  --clients N      simulated actors to learn from (default ${CLIENTS})
  --backend NAME   wasm (default), cpu, node
  --out FOLDER     where the model's folder goes (default models/)
  --promote        make it the default model
  --help           this text`;

/** @throws AssayError ASSAY_CONFIG_INVALID for an unknown option or value, or where there is nothing to learn from */
export async function train(argv: readonly string[], setting: DataSetting = {}): Promise<void> {
  const { print = (line) => process.stdout.write(`${line}\n`) } = setting;
  if (argv.includes('--help')) return print(HELP);
  const options = readOptions(argv);
  const tf = await loadTensorFlow(options.backend);
  if (options.dataset === 'access-behaviour') return trainAccessBehaviour(tf, options.seed, print);
  const clock = createClock(print);
  const recipe = recipeOf(options.seed, setting.epochs);

  // Calls → rows, by the way that serving takes
  const data = await gatherData(setting, options.seed, options.clients);
  const { examples, range } = data;
  if (range.length === 0) throw new AssayError('ASSAY_CONFIG_INVALID', 'there is no capture; `npm run range` makes them');
  const calls = examples.sources.reduce((sum, source) => sum + source.calls, 0);
  clock(`${calls} calls → ${examples.rows} snapshots of ${examples.clients.length} clients`);

  // A base from the simulator, then scores of every client by nets that never met its program: calibration and
  // thresholds stand on those
  const setup = prepareFolds(tf, data, recipe);
  clock('learnt from the simulator');
  const names = groupsOf(examples, range);
  const held = holdOut(setup, range, dealGroups(examples, range, FOLDS));
  const judging = fitJudging(examples, held, range, recipe, THRESHOLDS);
  const judgings = crossFit(examples, held, recipe, THRESHOLDS);
  const judged = judgeClients(examples, range, held, (row) => judgings.get(groupOf(examples, row))!, POLICY);
  const heldOut = poolOf(judged.filter(isRanked));
  clock(`${names.length} tools and kinds held out once: ROC-AUC ${heldOut.rocAuc?.toFixed(4)}`);

  // The net that is served has met all of them
  const fitted = fitNet(tf, examples, setup.base, { range, replay: setup.replay }, recipe);
  const files = await serializeModel(tf, mergeMembers(tf, fitted.members));
  const checksums = checksumsOf(files);
  clock(`learnt from simulator and captures: weights ${checksums['weights.bin']}`);

  // Write
  // A verdict names its model, so other weights must have another name.
  const id = `mlp-${featureSet}-s${options.seed}-${checksums['weights.bin'].slice(0, 8)}`;
  const manifest: Manifest & { coverage: Coverage } = {
    format: 2,
    id,
    featureSet,
    features: [...featureNames],
    families: [...examples.families],
    encoding: fitted.encoding,
    scaling: fitted.scaling,
    calibration: judging.calibration,
    thresholds: judging.thresholds,
    coverage: judging.coverage,
    novelty: { directions: fitted.directions, limit: judging.noveltyLimit },
    checksums,
    data: examples.sources.map((source) => ({ ...source })),
    seed: options.seed,
    backend: tf.getBackend(),
    metrics: { command: commandOf(options), kinds: countKinds(tf, examples.clients), heldOut },
  };
  writeModel(join(options.out, id), files, manifest, writeCard(manifest, null));
  if (options.promote) writeFileSync(join(options.out, 'DEFAULT'), `${id}\n`);
  clock(`wrote ${id}${options.promote ? ', now the default' : ''}`);
}

function readOptions(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        dataset: { type: 'string', default: 'range' },
        seed: { type: 'string', default: String(SEED) },
        clients: { type: 'string', default: String(CLIENTS) },
        backend: { type: 'string', default: 'wasm' },
        out: { type: 'string', default: join(packageRoot, 'models') },
        promote: { type: 'boolean', default: false },
      },
    });
    return {
      dataset: oneOf('--dataset', values.dataset, ['range', 'access-behaviour']),
      seed: whole('--seed', values.seed, 0),
      clients: whole('--clients', values.clients, 20),
      backend: oneOf('--backend', values.backend, ['auto', 'wasm', 'node', 'cpu']) as BackendName,
      out: values.out,
      promote: values.promote,
    };
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw new AssayError('ASSAY_CONFIG_INVALID', (error as Error).message, { cause: error });
  }
}

/** The command that makes the same model: nothing in it of where it was written. */
function commandOf({ seed, clients }: ReturnType<typeof readOptions>): string {
  return `npm run train -- --seed ${seed} --clients ${clients}`;
}

// Run as a script, by `assay train`.
if (process.argv[1] === fileURLToPath(import.meta.url))
  train(process.argv.slice(2)).catch((error: Error) => {
    console.error(error instanceof AssayError ? `assay: ${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  });
