/**
 * `npm run evaluate`: how good the model is on programs that it never met, and what other learners make of the same.
 * Writes bench/model.json and the model card. Read it top to bottom.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AssayError } from '../service/core/errors.ts';
import { featureSet } from '../service/core/features.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { compareCalibrations } from './calibrate.ts';
import { updateCard } from './card.ts';
import { compare, prepareComparators } from './comparators.ts';
import { type Examples, groupOf } from './examples.ts';
import { groupRows, judgeClients, poolOf } from './figures.ts';
import { fitNet, weigh } from './fit.ts';
import { crossFit, dealGroups, fitJudging, type HeldOut, holdOut } from './folds.ts';
import {
  CLIENTS,
  createClock,
  type Data,
  type DataSetting,
  FOLDS,
  gatherData,
  isRanked,
  POLICY,
  prepareFolds,
  recipeOf,
  SEED,
  THRESHOLDS,
  whole,
} from './recipe.ts';
import { collectWithout, judgeStuffing, scoreWithout } from './stuffing.ts';
import {
  judgeApache,
  judgeCaptures,
  judgeDrift,
  judgeFamilies,
  judgeWith,
  judgeWorlds,
  meanOfGroups,
  rankComparison,
  weighFeatures,
} from './trials.ts';

const HELP = `npm run evaluate -- [options]

  --seed N            of the data, the weights and the order of learning (default ${SEED})
  --clients N         simulated actors to learn from (default ${CLIENTS})
  --out FILE          where the figures go (default bench/model.json)
  --no-comparators    without LightGBM, XGBoost and logistic regression, which need Python
  --no-card           leave the model card as it is
  --help              this text`;

export type Figures = Awaited<ReturnType<typeof measure>>;

/** @throws AssayError ASSAY_CONFIG_INVALID for an unknown option, where there is no capture, or Python is missing */
export async function evaluate(argv: readonly string[], setting: DataSetting = {}): Promise<void> {
  const { print = (line) => process.stdout.write(`${line}\n`) } = setting;
  if (argv.includes('--help')) return print(HELP);
  const options = readOptions(argv);
  const tf = await loadTensorFlow('wasm');
  const figures = await measure(tf, options, setting, createClock(print));
  writeFileSync(options.out, `${JSON.stringify(figures, null, 1)}\n`);
  print(`wrote ${options.out}`);
  if (options.card) print(`wrote ${updateCard(figures)}`);
}

type Tf = typeof TensorFlow;
type Options = ReturnType<typeof readOptions>;
type Clock = ReturnType<typeof createClock>;

async function measure(tf: Tf, options: Options, setting: DataSetting, clock: Clock) {
  const recipe = recipeOf(options.seed, setting.epochs);
  if (options.comparators) await prepareComparators();
  const data = await gatherData(setting, options.seed, options.clients);
  const { examples, range } = data;
  if (range.length === 0) throw new AssayError('ASSAY_CONFIG_INVALID', 'there is no capture; `npm run range` makes them');
  clock(`${examples.rows} snapshots of ${examples.clients.length} clients`);
  // Beside what follows, on another core
  const compared = options.comparators ? compareOn(data, recipe) : Promise.resolve([]);
  compared.catch(() => {});
  const setup = prepareFolds(tf, data, recipe);
  clock('learnt from the simulator');

  // Every tool and kind left out once
  const without = await collectWithout(setting);
  const folds = dealGroups(examples, range, FOLDS);
  let done = 0;
  const held = holdOut({ ...setup, onFold }, range, folds);
  function onFold(fold: readonly string[], net: Parameters<typeof scoreWithout>[3]): void {
    scoreWithout(tf, without, fold, net);
    if (++done % 10 === 0) clock(`${done} of ${folds.length} sets of tools and kinds held out`);
  }
  const judgings = crossFit(examples, held, recipe, THRESHOLDS);
  const judged = judgeClients(examples, range, held, (row) => judgings.get(groupOf(examples, row))!, POLICY);
  const ranked = judged.filter(isRanked);
  const served = fitJudging(examples, held, range, recipe, THRESHOLDS);
  const pooled = poolOf(ranked);
  clock(`each held out once: ROC-AUC ${pooled.rocAuc?.toFixed(4)}, recall at 0.5% false alarms ${pooled.recall?.toFixed(4)}`);

  // Divided otherwise
  const captures = judgeCaptures(setup, range);
  clock('each capture held out once');
  const families = judgeFamilies(setup, range);
  clock('each family of attacks held out whole');
  const drift = judgeDrift(setup, range);
  clock('half of the tools learnt, the other half judged');
  const worlds = judgeWorlds(setup, data, served);
  clock('simulator → range and back');
  const stuffing = judgeStuffing(without, judged, judgings);
  const apache = await judgeApache();
  const net = fitNet(tf, examples, setup.base, { range, replay: setup.replay }, recipe);
  const known = poolOf(judgeWith(setup, net, range, served).filter(isRanked));
  const comparisons = await compared;
  clock('comparators');
  return {
    featureSet,
    seed: options.seed,
    data: examples.sources,
    leaveOneOut: {
      pooled,
      groupsAlike: meanOfGroups(ranked),
      tooFewCalls: judged.length - ranked.length,
      groups: groupRows(ranked),
      served: { ...served.thresholds, ...served.coverage },
      calibrations: compareCalibrations(calibrationCases(examples, held)),
    },
    /** The net that met all of them, for what the figures lose by holding out. */
    metBefore: { rocAuc: known.rocAuc, recall: known.recall },
    captures,
    families,
    drift,
    ...worlds,
    stuffing,
    apache,
    comparisons: comparisons.map((one) => rankComparison(examples, one, ranked)),
    features: weighFeatures(examples, net, range, comparisons),
  };
}

function compareOn({ examples, range, simulated }: Data, recipe: ReturnType<typeof recipeOf>) {
  const fold = new Int32Array(examples.rows).fill(-2);
  for (const row of simulated) fold[row] = -1;
  for (const [i, names] of dealGroups(examples, range, FOLDS).entries()) {
    const set = new Set(names);
    for (const row of range) if (set.has(groupOf(examples, row))) fold[row] = i;
  }
  return compare({ examples, weight: weigh(examples, { range, replay: simulated }, recipe), fold });
}

function calibrationCases(examples: Examples, { rows, logits }: HeldOut) {
  return rows.map((row) => ({
    logit: logits[row]!,
    bad: examples.bad[row]!,
    weight: examples.weight[row]!,
    fold: groupOf(examples, row),
  }));
}

function readOptions(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seed: { type: 'string', default: String(SEED) },
        clients: { type: 'string', default: String(CLIENTS) },
        out: { type: 'string', default: join(packageRoot, 'bench', 'model.json') },
        'no-comparators': { type: 'boolean', default: false },
        'no-card': { type: 'boolean', default: false },
      },
    });
    return {
      seed: whole('--seed', values.seed, 0),
      clients: whole('--clients', values.clients, 20),
      out: values.out,
      comparators: !values['no-comparators'],
      card: !values['no-card'],
    };
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw new AssayError('ASSAY_CONFIG_INVALID', (error as Error).message, { cause: error });
  }
}

// Run as a script, by `npm run evaluate`.
if (process.argv[1] === fileURLToPath(import.meta.url))
  evaluate(process.argv.slice(2)).catch((error: Error) => {
    console.error(error instanceof AssayError ? `${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  });
