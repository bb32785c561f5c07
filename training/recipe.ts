/** What training and evaluation do alike: the data, the net, and what is promised of verdicts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadCalls } from '../datasets/dataset.ts';
import { captureNames, loadCapture } from '../datasets/range/load.ts';
import { UNFITTED } from '../datasets/simulator/fitted.ts';
import { simulate } from '../datasets/simulator/simulator.ts';
import { AssayError } from '../service/core/errors.ts';
import { featureNames } from '../service/core/features.ts';
import type { PolicyFile } from '../service/core/policy.ts';
import { packageRoot } from '../service/io/package-root.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { blackoutsOf } from './blackouts.ts';
import type { ThresholdOptions } from './calibrate.ts';
import { collectExamples, type Examples, type Recording, rowsOf } from './examples.ts';
import { type Fitted, fitNet, type Recipe, sampleRows } from './fit.ts';
import type { FoldSetting } from './folds.ts';

export const SEED = 1;
/** Simulated actors to learn from, and as many again, times this share, to test on. */
export const CLIENTS = 14_000;
const TEST_SHARE = 0.1;
/**
 * Sets of tools and kinds that are held out, each by a net of its own: about six of 152 at a time, of six different
 * families, since a net for each alone would take hours. What is told of a tool is so a little worse than if it alone had
 * been left out.
 */
export const FOLDS = 24;
/** As in the default policy: nobody is bad on fewer calls. */
export const MIN_CALLS = 3;

export const THRESHOLDS: ThresholdOptions = {
  alphaBad: 0.005,
  alphaGood: 0.03,
  minCalls: MIN_CALLS,
  leastBadAt: 0.8,
  mostGoodBelow: 0.5,
};

/** Epochs at each rate of learning. */
export interface Epochs {
  readonly base: readonly { readonly epochs: number; readonly rate: number }[];
  readonly tune: readonly { readonly epochs: number; readonly rate: number }[];
}
const EPOCHS: Epochs = {
  base: [
    { epochs: 5, rate: 2e-3 },
    { epochs: 2, rate: 5e-4 },
  ],
  tune: [
    { epochs: 2, rate: 1e-3 },
    { epochs: 1, rate: 2e-4 },
  ],
};

export function recipeOf(seed: number, epochs: Epochs = EPOCHS): Recipe {
  return {
    base: {
      hidden: [32, 16],
      members: 6,
      seed,
      batch: 128,
      phases: epochs.base,
      patience: Number.POSITIVE_INFINITY,
      l2: 5e-4,
      familyWeight: 0.2,
      noise: 0.2,
      smoothing: 0,
      blackouts: blackoutsOf(featureNames),
    },
    tune: { phases: epochs.tune },
    reach: 0.7,
    replayRows: 24_000,
    replayWeight: 0.7,
    balance: 0.25,
    novelty: { shrinkage: 0.1, explained: 0.95, within: 0.995 },
  };
}

/** Worlds of the simulator by what they are for; their seeds lie far from those that people try. */
const LEARN = 'simulator';
const TEST = 'simulator-test';

export interface Data {
  readonly examples: Examples;
  /** Rows of the captures, of the simulated world that is learnt from, and of the one that is only tested on. */
  readonly range: readonly number[];
  readonly simulated: readonly number[];
  readonly test: readonly number[];
}

/** Where calls come from; tests put small sets in their place. */
export interface DataSetting {
  readonly load?: LoadCalls;
  /** Makes the captures' calls anew each time it is called. */
  readonly captures?: () => Recording[];
  readonly epochs?: Epochs;
  readonly print?: (line: string) => void;
}

/** The captures of the range, unless the setting has others. */
export function capturesOf({ captures }: DataSetting): Recording[] {
  return captures ? captures() : captureNames().map((name) => ({ origin: name, calls: loadCapture(name) }));
}

/** Not fitted to the captures: a fit that saw a tool would spoil the figures of holding it out. */
const loadUnfitted: LoadCalls = ({ seed, clients }) => simulate({ seed, clients, fitted: UNFITTED });

export async function gatherData(setting: DataSetting, seed: number, clients: number): Promise<Data> {
  const { load = loadUnfitted } = setting;
  const worlds = [
    { origin: LEARN, calls: load({ seed: 1_000_000 + 10 * seed, clients }) },
    { origin: TEST, calls: load({ seed: 1_000_001 + 10 * seed, clients: Math.ceil(TEST_SHARE * clients) }) },
  ];
  const examples = await collectExamples([...worlds, ...capturesOf(setting)]);
  const from = (origin: string) => rowsOf(examples, (client) => client.origin === origin);
  return {
    examples,
    range: rowsOf(examples, ({ origin }) => origin !== LEARN && origin !== TEST),
    simulated: from(LEARN),
    test: from(TEST),
  };
}

/** The base, and what every fold needs. */
export function prepareFolds(
  tf: typeof TensorFlow,
  { examples, simulated }: Data,
  recipe: Recipe,
): FoldSetting & { base: Fitted } {
  const base = fitNet(tf, examples, null, { range: [], replay: simulated }, recipe);
  const replay = sampleRows(simulated, recipe.replayRows, recipe.base.seed);
  return { tf, examples, base, replay, recipe };
}

/** Clients with fewer calls than a verdict of bad needs are not ranked. */
export const isRanked = ({ calls }: { readonly calls: number }): boolean => calls >= MIN_CALLS;

export const POLICY = JSON.parse(readFileSync(join(packageRoot, 'service', 'policies', 'default.json'), 'utf8')) as PolicyFile;

/** Tells what was done, how long it took and how much memory is in use. */
export function createClock(print: (line: string) => void): (done: string) => void {
  let since = performance.now();
  return (done) => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    print(`${done} (${seconds} s, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB)`);
    since = performance.now();
  };
}

/** @throws AssayError ASSAY_CONFIG_INVALID */
export function whole(name: string, value: string, least: number): number {
  const number = Number(value);
  if (/^\d{1,9}$/.test(value) && number >= least) return number;
  throw new AssayError('ASSAY_CONFIG_INVALID', `${name} is a whole number from ${least}`);
}

/** @throws AssayError ASSAY_CONFIG_INVALID */
export function oneOf(name: string, value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value;
  throw new AssayError('ASSAY_CONFIG_INVALID', `${name} is one of ${choices.join(', ')}`);
}
