import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { featureNames, featureSet } from '../service/core/features.ts';
import { readManifest } from '../service/core/model.ts';
import { loadClassifier } from '../service/io/classifier.ts';
import { loadToyCalls } from './toy.test.data.ts';
import { train } from './train.ts';

const OPTIONS = ['--clients', '60', '--seed', '7'];
const EPOCHS = { base: [{ epochs: 6, rate: 3e-3 }], tune: [{ epochs: 2, rate: 1e-3 }] };
const captures = () => [5, 6].map((seed) => ({ origin: `capture-${seed}`, calls: loadToyCalls({ seed, clients: 48 }) }));

describe('train', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-train-'));
  let id: string;
  const lines: string[] = [];
  const run = (out: string, ...more: string[]) =>
    train([...OPTIONS, '--out', join(folder, out), ...more], {
      load: loadToyCalls,
      captures,
      epochs: EPOCHS,
      print: (line) => lines.push(line),
    });
  const read = (out: string, name: string) => readFileSync(join(folder, out, id, name));

  before(async () => {
    await run('a', '--promote');
    await run('b');
    id = readFileSync(join(folder, 'a', 'DEFAULT'), 'utf8').trim();
  });
  after(() => rmSync(folder, { recursive: true }));

  it('writes the same bytes twice', () => {
    assert.deepEqual(readdirSync(join(folder, 'a', id)).sort(), ['README.md', 'manifest.json', 'model.json', 'weights.bin']);
    for (const name of ['model.json', 'weights.bin', 'manifest.json', 'README.md'])
      assert.ok(read('a', name).equals(read('b', name)), name);
  });

  it('writes a model that serving loads, and that tells a walker from a poller', async () => {
    const classifier = await loadClassifier(join(folder, 'a', id), 'wasm');
    assert.deepEqual(classifier.manifest.features, featureNames);
    assert.deepEqual(classifier.manifest.families, ['poller', 'walker']);
    const [scored] = classifier.score(Float32Array.from(classifier.manifest.scaling.mean), 1);
    assert.ok(scored!.error === null && scored!.score! > 0 && scored!.score! < 1);
    const { rocAuc } = classifier.manifest.metrics.heldOut as { rocAuc: number };
    assert.ok(rocAuc > 0.6, String(rocAuc));
  });

  it('promotes only when told to, under a name that tells features, seed and weights', () => {
    const { checksums } = readManifest(JSON.parse(read('a', 'manifest.json').toString()));
    assert.equal(id, `mlp-${featureSet}-s7-${checksums['weights.bin'].slice(0, 8)}`);
    assert.deepEqual(readdirSync(join(folder, 'b')), [id]);
  });

  it('writes a card with data, figures and limits, and without the machine', () => {
    const card = read('a', 'README.md').toString();
    for (const part of ['## Data', '## Figures', 'poller', 'walker', '## Known failures', '## How it can be evaded'])
      assert.ok(card.includes(part), part);
    assert.ok(!card.includes(folder));
    assert.doesNotMatch(card, /NaN|undefined|null/);
  });

  it('names the thresholds and the data in the manifest', () => {
    const manifest = JSON.parse(read('a', 'manifest.json').toString());
    const { thresholds, data, seed, backend } = readManifest(manifest);
    assert.ok(thresholds.badAt > thresholds.goodBelow);
    assert.deepEqual(manifest.coverage.calibrationClients, { good: 48, bad: 48 });
    assert.deepEqual(
      data.map(({ origin, calls }) => [origin, calls]),
      [
        ['simulator', 60 * 24],
        ['simulator-test', 6 * 24],
        ['capture-5', 48 * 24],
        ['capture-6', 48 * 24],
      ],
    );
    assert.deepEqual([seed, backend], [7, 'wasm']);
  });

  it('tells its options', async () => {
    const told: string[] = [];
    await train(['--help'], { load: loadToyCalls, print: (line) => told.push(line) });
    for (const option of ['--dataset', '--seed', '--clients', '--out', '--promote']) assert.ok(told[0]!.includes(option), option);
  });

  it('refuses what it does not know, and says what', async () => {
    const refuses = (argv: string[], message: RegExp) =>
      assert.rejects(train(argv, { load: loadToyCalls, captures }), { code: 'ASSAY_CONFIG_INVALID', message });
    await refuses(['--clinets', '9'], /clinets/);
    await refuses(['--clients', 'many'], /--clients is a whole number/);
    await refuses(['--dataset', 'mnist'], /range, access-behaviour/);
  });
});
