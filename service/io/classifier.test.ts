import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checksumsOf, type ModelFiles, serializeModel, writeModel } from '../../training/model-folder.ts';
import { createNet } from '../../training/net.ts';
import { scale } from '../core/encoding.ts';
import type { AssayError } from '../core/errors.ts';
import { featureNames, featureSet } from '../core/features.ts';
import { createNoveltyGauge, type Manifest, noveltyOf } from '../core/model.ts';
import { type Classifier, findModel, listModels, loadClassifier } from './classifier.ts';
import { packageRoot } from './package-root.ts';
import { loadTensorFlow } from './tensorflow.ts';

const width = featureNames.length;
/** Two for each feature. */
const columns = [...featureNames, ...featureNames];
const families = ['alpha', 'beta', 'gamma'];
const root = mkdtempSync(join(tmpdir(), 'assay-models-'));
after(() => rmSync(root, { recursive: true }));

function manifestOf(files: ModelFiles, change: Partial<Manifest> = {}): Manifest {
  return {
    format: 2,
    id: 'small',
    featureSet,
    features: [...featureNames],
    families,
    encoding: {
      edges: featureNames.map(() => [0, 1, 3]),
      scaling: { mean: columns.map(() => 0.5), deviation: columns.map(() => 0.4), clip: 2 },
    },
    scaling: { mean: featureNames.map(() => 0.5), deviation: featureNames.map(() => 2), clip: 5 },
    calibration: { slope: 0.8, intercept: -0.25 },
    thresholds: { badAt: 0.9, goodBelow: 0.5 },
    novelty: { directions: [1, 2, 3].map((n) => featureNames.map((_, i) => Math.sin(n * i))), limit: 2 },
    checksums: checksumsOf(files),
    data: [],
    seed: 1,
    backend: 'wasm',
    metrics: {},
    ...change,
  };
}

/** A copy of the good model with something done to it. */
function spoilt(name: string, spoil: (folder: string) => void): string {
  const folder = join(root, name);
  cpSync(join(root, 'small'), folder, { recursive: true });
  spoil(folder);
  return folder;
}

function rewriteManifest(folder: string, change: Partial<Manifest>): void {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...change }));
}

const vectors = Float32Array.from({ length: 100 * width }, (_, i) => Math.abs(Math.sin(i * 7.31)) * 3);
const rowOf = (i: number) => vectors.slice(i * width, (i + 1) * width);

let classifier: Classifier;
let files: ModelFiles;
before(async () => {
  const tf = await loadTensorFlow('wasm');
  files = await serializeModel(tf, createNet(tf, columns.length, families.length, { hidden: [12, 6], seed: 3 }));
  writeModel(join(root, 'small'), files, manifestOf(files), '');
  classifier = await loadClassifier(join(root, 'small'));
});

describe('score', () => {
  it('gives a vector the same bits alone, in any company and at any place', () => {
    const together = classifier.score(vectors, 100);
    for (const rows of [1, 2, 31, 33, 64]) assert.deepEqual(classifier.score(vectors, rows), together.slice(0, rows));
    for (const [i, scored] of together.entries()) assert.deepEqual(classifier.score(rowOf(i), 1)[0], scored);
  });

  it('gives probabilities that differ, a family and a distance', () => {
    const scored = classifier.score(vectors, 100);
    assert.ok(new Set(scored.map(({ score }) => score)).size > 90);
    for (const { score, family, novelty, error } of scored) {
      assert.ok(score! > 0 && score! < 1);
      assert.ok(families.includes(family!));
      assert.ok(novelty! >= 0);
      assert.equal(error, null);
    }
  });

  it("measures novelty as the core's plain arithmetic does", () => {
    const { manifest } = classifier;
    const scaled = new Float32Array(vectors.length);
    scale(manifest.scaling, vectors, 100, scaled);
    const gauge = createNoveltyGauge(manifest.novelty);
    for (const [i, { novelty }] of classifier.score(vectors, 100).entries())
      assert.ok(Math.abs(novelty! - noveltyOf(gauge, scaled, i * width, width)) < 1e-5);
  });

  it('turns what is not finite into a coded error, and only for that row', () => {
    const poisoned = vectors.slice(0, 3 * width);
    poisoned[width + 4] = Number.NaN;
    const [first, second, third] = classifier.score(poisoned, 3);
    assert.deepEqual(second, { score: null, novelty: null, family: null, error: 'ASSAY_SCORE_NOT_FINITE' });
    assert.deepEqual([first, third], [classifier.score(rowOf(0), 1)[0], classifier.score(rowOf(2), 1)[0]]);
  });
});

describe('explain', () => {
  it("adds up to the score's log-odds", () => {
    const scored = classifier.score(vectors, 50);
    scored.forEach(({ score }, i) => {
      const { baseLogOdds, contributions } = classifier.explain(rowOf(i));
      const total = Array.from(contributions).reduce((sum, share) => sum + share, baseLogOdds);
      assert.ok(Math.abs(total - Math.log(score! / (1 - score!))) < 1e-4, `row ${i}: ${total}`);
    });
  });

  it('says the same of many at once', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => rowOf(i));
    assert.deepEqual(
      await classifier.explainAll(rows),
      rows.map((row) => classifier.explain(row)),
    );
  });
});

describe('loadClassifier', () => {
  const refused = (code: string, name: string, spoil: (folder: string) => void) =>
    assert.rejects(loadClassifier(spoilt(name, spoil)), { code });

  it('refuses a model that is not there', () =>
    assert.rejects(loadClassifier(join(root, 'none')), { code: 'ASSAY_MODEL_MISSING' }));
  it('refuses a model without its weights', () =>
    refused('ASSAY_MODEL_MISSING', 'a', (folder) => rmSync(join(folder, 'weights.bin'))));
  it('refuses weights of which one bit differs', () =>
    refused('ASSAY_MODEL_CHECKSUM', 'b', (folder) => {
      const bytes = Buffer.from(files['weights.bin']);
      bytes[40]! ^= 1;
      writeFileSync(join(folder, 'weights.bin'), bytes);
    }));
  it('refuses another feature set', () =>
    refused('ASSAY_MODEL_FEATURE_SET', 'c', (folder) => rewriteManifest(folder, { featureSet: 'f7.1-00000000' })));
  it('refuses a manifest that is no JSON', () =>
    refused('ASSAY_MODEL_MALFORMED', 'd', (folder) => writeFileSync(join(folder, 'manifest.json'), '{')));
  it('refuses files that match their checksums and are no model', () =>
    refused('ASSAY_MODEL_MALFORMED', 'e', (folder) => {
      const broken = { ...files, 'model.json': Buffer.from('{}') };
      writeModel(folder, broken, manifestOf(broken), '');
    }));
  it('refuses a backend that is not to be had', () =>
    assert.rejects(loadTensorFlow('webgpu' as 'cpu'), { code: 'ASSAY_CONFIG_INVALID' }));
  it("leaves the process's last-resort handlers alone, so that an error shows as what it is", () => {
    const module = join(packageRoot, 'dist', 'service', 'io', 'tensorflow.js');
    const script = `(await import(${JSON.stringify(module)})).loadTensorFlow('wasm').then(() => setTimeout(() => { throw new Error('visible') }))`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.notEqual(status, 0);
    assert.match(stderr, /Error: visible\n\s+at /);
    assert.doesNotMatch(stderr, /backend-wasm/);
  });
  it('scores alike, within rounding, on the plain backend', async () => {
    const wasm = classifier.score(vectors, 20);
    const cpu = (await loadClassifier(join(root, 'small'), 'cpu')).score(vectors, 20);
    await loadTensorFlow('wasm');
    for (const [i, { score }] of cpu.entries()) assert.ok(Math.abs(score! - wasm[i]!.score!) < 1e-5);
  });
});

describe('findModel', () => {
  it('takes the named one, a path, or the default', () => {
    assert.equal(findModel('small', root), join(root, 'small'));
    assert.equal(findModel(join(root, 'small')), join(root, 'small'));
    assert.throws(() => findModel('', root), { code: 'ASSAY_MODEL_MISSING' });
    writeFileSync(join(root, 'DEFAULT'), 'small\n');
    assert.equal(findModel('', root), join(root, 'small'));
    assert.throws(() => findModel('nowhere', root), { code: 'ASSAY_MODEL_MISSING', message: /nowhere/ });
  });
  it('lists what is there', () => {
    const listed = new Map(listModels(root).map((model) => [model.name, model]));
    assert.deepEqual([listed.get('small')?.isDefault, listed.get('c')?.isDefault], [true, false]);
    assert.equal((listed.get('small')!.manifest as Manifest).families.length, 3);
    assert.equal((listed.get('d')!.manifest as AssayError).code, 'ASSAY_MODEL_MALFORMED');
    assert.deepEqual(listModels(join(root, 'empty')), []);
  });
});
