/**
 * `node dist/training/sequence-trial.js`: is a model of the last calls better than the net on the feature vector? Three
 * models learn from the same rows for the same time and are judged on the same held-out tools and kinds. Writes
 * bench/sequence.json.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UNFITTED } from '../datasets/simulator/fitted.ts';
import { createRandom, type Random } from '../datasets/simulator/random.ts';
import { simulate } from '../datasets/simulator/simulator.ts';
import { scale } from '../service/core/encoding.ts';
import { aucInterval, recallAtFalseAlarmRate, rocAuc } from '../service/core/evaluation.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { collectExamples, type Examples, groupOf, type Recording, rowsOf } from './examples.ts';
import { weigh } from './fit.ts';
import { groupsOf } from './folds.ts';
import { capturesOf, createClock, MIN_CALLS, recipeOf, SEED } from './recipe.ts';
import { fitScaling } from './scaling.ts';
import { collectWindows, createSequenceNet, WINDOW_WIDTH } from './sequence.ts';
import { dealOut } from './split.ts';

type Tf = typeof TensorFlow;

/** Fewer folds than the evaluation has: a convolution takes twenty times as long to learn. */
const FOLDS = 4;
const EPOCHS = 4;
const RATE = 1.5e-3;
const BATCH = 128;
const SIMULATED_CLIENTS = 600;

/** What a model sees of a row: the feature vector, the window, or both. */
const MODELS = ['vector', 'sequence', 'both'] as const;
type ModelName = (typeof MODELS)[number];

interface Trial {
  readonly examples: Examples;
  readonly windows: readonly Float32Array[];
  readonly weight: Float32Array;
  readonly range: readonly number[];
  readonly replay: readonly number[];
}

async function gather(): Promise<Trial> {
  const simulated = (): Recording => ({
    origin: 'simulator',
    calls: simulate({ seed: 1_000_000 + 10 * SEED, clients: SIMULATED_CLIENTS, fitted: UNFITTED }),
  });
  const recordings = () => [simulated(), ...capturesOf({})];
  const examples = await collectExamples(recordings());
  const windows: Float32Array[] = [];
  for (const { calls } of recordings()) windows.push(...(await collectWindows(calls)));
  if (windows.length !== examples.rows) throw new Error(`${windows.length} windows of ${examples.rows} rows`);
  const range = rowsOf(examples, ({ origin }) => origin !== 'simulator');
  const replay = rowsOf(examples, ({ origin }) => origin === 'simulator');
  return { examples, windows, range, replay, weight: weigh(examples, { range, replay }, recipeOf(SEED)) };
}

function createModel(tf: Tf, name: ModelName, width: number): TensorFlow.LayersModel {
  if (name !== 'vector') return createSequenceNet(tf, { features: name === 'both' ? width : 0, seed: SEED });
  const dense = (units: number, seed: number, activation: 'relu' | 'linear' = 'relu') =>
    tf.layers.dense({ units, activation, kernelInitializer: tf.initializers.heNormal({ seed }) });
  const input = tf.input({ shape: [width] });
  const hidden = dense(24, 2).apply(dense(48, 1).apply(input));
  return tf.model({ inputs: input, outputs: dense(1, 3, 'linear').apply(hidden) as TensorFlow.SymbolicTensor });
}

/** Rows as the model sees them: features scaled by what the training rows are like, windows as they are. */
function createReader({ examples, windows, weight }: Trial, name: ModelName, train: readonly number[]) {
  const { width, x } = examples;
  const vectorsOf = (rows: readonly number[]) => {
    const out = new Float32Array(rows.length * width);
    rows.forEach((row, i) => {
      out.set(x.subarray(row * width, (row + 1) * width), i * width);
    });
    return out;
  };
  const scaling = fitScaling(
    vectorsOf(train),
    width,
    train.map((row) => weight[row]!),
  );
  const features = name === 'sequence' ? 0 : width;
  const length = features + (name === 'vector' ? 0 : WINDOW_WIDTH);
  return (tf: Tf, rows: readonly number[]): TensorFlow.Tensor2D => {
    const vectors = vectorsOf(rows);
    scale(scaling, vectors, rows.length, vectors);
    const out = new Float32Array(rows.length * length);
    rows.forEach((row, i) => {
      if (features > 0) out.set(vectors.subarray(i * width, (i + 1) * width), i * length);
      if (name !== 'vector') out.set(windows[row]!, i * length + features);
    });
    return tf.tensor2d(out, [rows.length, length]);
  };
}
type Reader = ReturnType<typeof createReader>;

function learn(tf: Tf, model: TensorFlow.LayersModel, trial: Trial, read: Reader, train: readonly number[]): void {
  const random = createRandom(SEED);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const optimizer = tf.train.adam(RATE * 0.5 ** epoch);
    const order = random.shuffle([...train]);
    for (let at = 0; at < order.length; at += BATCH) step(tf, model, optimizer, trial, read, order.slice(at, at + BATCH), random);
    optimizer.dispose();
  }
}

/** As the net's training: a little noise on what is seen. */
const NOISE = 0.05;

function step(
  tf: Tf,
  model: TensorFlow.LayersModel,
  optimizer: TensorFlow.Optimizer,
  { examples, weight }: Trial,
  read: Reader,
  rows: readonly number[],
  random: Random,
): void {
  tf.tidy(() => {
    const clean = read(tf, rows);
    const x = clean.add(tf.randomNormal(clean.shape, 0, NOISE, 'float32', random.int(0, 2 ** 31 - 1)));
    const target = tf.tensor1d(rows.map((row) => examples.bad[row]!));
    const weights = tf.tensor1d(rows.map((row) => weight[row]!));
    optimizer.minimize(() => {
      const logit = (model.apply(x, { training: true }) as TensorFlow.Tensor).reshape([rows.length]);
      const loss = logit.relu().sub(logit.mul(target)).add(logit.abs().neg().exp().add(1).log());
      return loss.mul(weights).mean() as TensorFlow.Scalar;
    });
  });
}

const READ_ROWS = 1024;

function holdOut(tf: Tf, trial: Trial, name: ModelName, folds: readonly (readonly string[])[]): Float64Array {
  const logits = new Float64Array(trial.examples.rows);
  for (const names of folds) {
    const isHeld = (row: number) => names.includes(groupOf(trial.examples, row));
    const train = [...trial.range.filter((row) => !isHeld(row)), ...trial.replay];
    const read = createReader(trial, name, train);
    const model = createModel(tf, name, trial.examples.width);
    learn(tf, model, trial, read, train);
    const held = trial.range.filter(isHeld);
    for (let at = 0; at < held.length; at += READ_ROWS) {
      const rows = held.slice(at, at + READ_ROWS);
      const values = tf.tidy(() => (model.apply(read(tf, rows)) as TensorFlow.Tensor).dataSync());
      rows.forEach((row, i) => {
        logits[row] = values[i]!;
      });
    }
    model.dispose();
  }
  return logits;
}

/** A client ranks by its newest score; an actor on many addresses counts as one, by the mean of its clients. */
function judge({ examples, range }: Trial, logits: Float64Array) {
  const newest = new Map<number, number>();
  for (const row of range) if (examples.calls[row]! >= MIN_CALLS) newest.set(examples.client[row]!, logits[row]!);
  const actors = new Map<string, { bad: boolean; scores: number[] }>();
  for (const [index, score] of newest) {
    const { actor, label } = examples.clients[index]!;
    const known = actors.get(actor) ?? { bad: label === 'bad', scores: [] };
    actors.set(actor, known);
    known.scores.push(score);
  }
  const all = [...actors.values()];
  const scores = all.map((actor) => actor.scores.reduce((sum, score) => sum + score, 0) / actor.scores.length);
  const labels = all.map(({ bad }) => bad);
  return {
    actors: all.length,
    rocAuc: rocAuc(scores, labels),
    rocAucInterval: aucInterval(scores, labels),
    recallAtHalfPercent: recallAtFalseAlarmRate(scores, labels, 0.005),
  };
}

async function run(): Promise<void> {
  const clock = createClock((line) => process.stdout.write(`${line}\n`));
  const tf = await loadTensorFlow('wasm');
  const trial = await gather();
  clock(`${trial.range.length} rows of captures, ${trial.replay.length} of the simulator`);
  const folds = dealOut(groupsOf(trial.examples, trial.range), FOLDS);
  const models = MODELS.map((name) => {
    const figures = judge(trial, holdOut(tf, trial, name, folds));
    clock(
      `${name}: ROC-AUC ${figures.rocAuc?.toFixed(4)}, recall at 0.5% false alarms ${figures.recallAtHalfPercent?.toFixed(3)}`,
    );
    return { name, ...figures };
  });
  const figures = { folds: FOLDS, epochs: EPOCHS, sources: trial.examples.sources, models };
  writeFileSync(join(packageRoot, 'bench', 'sequence.json'), `${JSON.stringify(figures, null, 1)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run();
