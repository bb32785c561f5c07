/** A trained model, loaded and checked, that scores snapshots in batches and explains single ones. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { createEncoder, scale } from '../core/encoding.ts';
import { AssayError } from '../core/errors.ts';
import { createAttribution } from '../core/explain.ts';
import { featureSet } from '../core/features.ts';
import { calibrate, type DenseNet, forward, type Manifest, readManifest } from '../core/model.ts';
import type { Explanation, Scored } from '../core/verdict.ts';
import { ExplainThread } from './explain-thread.ts';
import { packageRoot } from './package-root.ts';
import { type BackendName, loadTensorFlow, type TensorFlow } from './tensorflow.ts';

export interface Classifier {
  readonly manifest: Manifest;
  /** Features in a vector. */
  readonly width: number;
  /** Scores `rows` vectors that lie one after the other; a vector's result does not depend on its neighbours. */
  score(vectors: Float32Array, rows: number): Scored[];
  explain(vector: Float32Array): Explanation;
  /** The same of many, on a thread of their own: it takes ten times as long as scoring them. */
  explainAll(vectors: readonly Float32Array[]): Promise<Explanation[]>;
}

/**
 * Rows a prediction; short batches are padded, so that the same kernel meets every vector and its bits never vary. Where calls
 * come one by one most of a batch is padding, so it is as short as it can be without costing much more a row; the native
 * backend takes as long for a few rows as for many.
 */
const batchRows = (tf: typeof TensorFlow) => (tf.getBackend() === 'tensorflow' ? 128 : 16);

/**
 * Finds a model's folder: a path, an id in `models`, or the one that models/DEFAULT names.
 *
 * @throws AssayError ASSAY_MODEL_MISSING
 */
export function findModel(model = '', models = ''): string {
  const root = models || join(packageRoot, 'models');
  const named = model || readDefault(root);
  const folder = isAbsolute(named) || existsSync(join(named, 'manifest.json')) ? named : join(root, named);
  if (!existsSync(join(folder, 'manifest.json')))
    throw new AssayError('ASSAY_MODEL_MISSING', `${folder} holds no manifest.json; \`assay models\` lists what is there`);
  return folder;
}

function readDefault(root: string): string {
  try {
    return readFileSync(join(root, 'DEFAULT'), 'utf8').trim();
  } catch (error) {
    throw new AssayError('ASSAY_MODEL_MISSING', `${join(root, 'DEFAULT')} does not name one`, { cause: error });
  }
}

export interface ListedModel {
  readonly name: string;
  readonly isDefault: boolean;
  /** Its manifest, or why that can't be read. */
  readonly manifest: Manifest | AssayError;
}

/** All models in a folder. */
export function listModels(models = ''): ListedModel[] {
  const root = models || join(packageRoot, 'models');
  const names = existsSync(root) ? readdirSync(root).filter((name) => existsSync(join(root, name, 'manifest.json'))) : [];
  const byDefault = existsSync(join(root, 'DEFAULT')) ? readDefault(root) : '';
  return names.map((name) => ({ name, isDefault: name === byDefault, manifest: tryManifest(join(root, name)) }));
}

function tryManifest(folder: string): Manifest | AssayError {
  try {
    return readManifest(readJson(join(folder, 'manifest.json')));
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AssayError('ASSAY_MODEL_MALFORMED', `${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Loads a model after checking that its files are those that its manifest was written for.
 *
 * @throws AssayError ASSAY_MODEL_MISSING, _MALFORMED, _CHECKSUM or _FEATURE_SET
 */
export async function loadClassifier(folder: string, backend: BackendName = 'auto'): Promise<Classifier> {
  if (!existsSync(join(folder, 'manifest.json'))) throw new AssayError('ASSAY_MODEL_MISSING', folder);
  const manifest = readManifest(readJson(join(folder, 'manifest.json')));
  if (manifest.featureSet !== featureSet)
    throw new AssayError('ASSAY_MODEL_FEATURE_SET', `${manifest.id} wants ${manifest.featureSet}, this is ${featureSet}`);
  const files = checkedFiles(folder, manifest);
  const tf = await loadTensorFlow(backend);
  const model = await loadNet(tf, files['model.json'], files['weights.bin']);
  return warmedUp(createClassifier(tf, model, manifest));
}

const WARM_UP_ROUNDS = 32;
const WARM_UP_ROWS = 128;

/** Compilers do their work at start, so that the first clients need not wait for it. */
function warmedUp(classifier: Classifier): Classifier {
  const vectors = Float32Array.from({ length: WARM_UP_ROWS * classifier.width }, (_, i) => i % 3);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    classifier.score(vectors, WARM_UP_ROWS);
    classifier.explain(vectors.subarray(0, classifier.width));
  }
  return classifier;
}

type ModelFile = keyof Manifest['checksums'];

function checkedFiles(folder: string, { checksums, id }: Manifest): Record<ModelFile, Buffer> {
  const read = (name: ModelFile): Buffer => {
    if (!existsSync(join(folder, name))) throw new AssayError('ASSAY_MODEL_MISSING', join(folder, name));
    const bytes = readFileSync(join(folder, name));
    const sum = createHash('sha256').update(bytes).digest('hex');
    if (sum !== checksums[name]) throw new AssayError('ASSAY_MODEL_CHECKSUM', `${id}/${name} is ${sum}`);
    return bytes;
  };
  return { 'model.json': read('model.json'), 'weights.bin': read('weights.bin') };
}

async function loadNet(tf: typeof TensorFlow, json: Buffer, weights: Buffer): Promise<TensorFlow.LayersModel> {
  try {
    const { modelTopology, weightsManifest } = JSON.parse(json.toString('utf8'));
    const weightData = new Uint8Array(weights).buffer;
    return await tf.loadLayersModel({
      load: async () => ({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData }),
    });
  } catch (error) {
    throw new AssayError('ASSAY_MODEL_MALFORMED', (error as Error).message, { cause: error });
  }
}

function createClassifier(tf: typeof TensorFlow, model: TensorFlow.LayersModel, manifest: Manifest): Classifier {
  const { calibration, families, scaling } = manifest;
  const encoder = createEncoder(manifest.encoding);
  const { width, columns } = encoder;
  const { directions, limit } = manifest.novelty;
  // As core's noveltyOf, for a whole batch at once: a test holds the two together.
  const whitening = directions.length > 0 ? tf.tensor2d(directions).transpose() : tf.zeros([width, 1]);
  const net = denseNet(model);
  const baseLogOdds = calibration.slope * forward(net, new Float64Array(columns)) + calibration.intercept;
  const attribute = createAttribution(manifest.encoding, net);
  const size = batchRows(tf);
  const encoded = new Float32Array(size * columns);
  const scaled = new Float32Array(size * width);
  const thread = new ExplainThread({ encoding: manifest.encoding, net });
  const explanationOf = (shares: Float64Array): Explanation => {
    return { baseLogOdds, contributions: shares.map((share) => calibration.slope * share) };
  };

  const scoreBatch = (vectors: Float32Array, rows: number): Scored[] => {
    encoded.fill(0);
    scaled.fill(0);
    encoder.encode(vectors, rows, encoded);
    scale(scaling, vectors, rows, scaled);
    const { logits, familyLogits } = predict(tf, model, tf.tensor2d(encoded, [size, columns]));
    const distances = distancesOf(tf, tf.tensor2d(scaled, [size, width]), whitening);
    return Array.from({ length: rows }, (_, i) => {
      const score = calibrate(calibration, logits[i]!);
      const novelty = distances[i]! / limit;
      if (!Number.isFinite(score) || !Number.isFinite(novelty)) return NOT_FINITE;
      return {
        score,
        novelty,
        family: families[indexOfMax(familyLogits, i * families.length, families.length)] ?? null,
        error: null,
      };
    });
  };

  return {
    manifest,
    width,
    score(vectors, rows) {
      const scored: Scored[] = [];
      for (let from = 0; from < rows; from += size) {
        const to = Math.min(rows, from + size);
        scored.push(...scoreBatch(vectors.subarray(from * width, to * width), to - from));
      }
      return scored;
    },
    explain: (vector) => explanationOf(attribute(vector)),
    async explainAll(vectors) {
      const shares = await thread.attribute(vectors).catch(() => null);
      return vectors.map((vector, i) => explanationOf(shares?.[i] ?? attribute(vector)));
    },
  };
}

const NOT_FINITE: Scored = { score: null, novelty: null, family: null, error: 'ASSAY_SCORE_NOT_FINITE' };

function predict(tf: typeof TensorFlow, model: TensorFlow.LayersModel, batch: TensorFlow.Tensor2D) {
  const outputs = { logits: NONE, familyLogits: NONE };
  // Nothing is returned from tidy: it would look for tensors in every element of what it is given.
  tf.tidy(() => {
    const [bad, family] = model.apply(batch) as [TensorFlow.Tensor, TensorFlow.Tensor];
    outputs.logits = bad.dataSync();
    outputs.familyLogits = family.dataSync();
  });
  batch.dispose();
  return outputs;
}

function distancesOf(tf: typeof TensorFlow, batch: TensorFlow.Tensor2D, whitening: TensorFlow.Tensor): ArrayLike<number> {
  const distances = tf.tidy(() => tf.matMul(batch, whitening).square().mean(1).sqrt());
  const values = distances.dataSync();
  tf.dispose([batch, distances]);
  return values;
}
const NONE: ArrayLike<number> = [];

function indexOfMax(values: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i]! > values[from + best]!) best = i;
  return best;
}

/** The weights behind the bad head, for explaining. */
function denseNet(model: TensorFlow.LayersModel): DenseNet {
  const read = (layer: string) =>
    model
      .getLayer(layer)
      .getWeights()
      .map((weight) => new Float64Array(weight.dataSync()));
  const [kernel1, bias1] = read('hidden1');
  const [kernel2, bias2] = read('hidden2');
  const [kernel3, bias3] = read('bad');
  if (!kernel1 || !bias1 || !kernel2 || !bias2 || !kernel3 || !bias3)
    throw new AssayError('ASSAY_MODEL_MALFORMED', 'a dense layer has no kernel or no bias');
  return { kernel1, bias1, kernel2, bias2, kernel3, bias3: bias3[0]! };
}
