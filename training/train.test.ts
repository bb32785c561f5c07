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

const OPTIONS = ['--clients', '160', '--epochs', '4', '--seed', '7', '--no-held-out'];

describe('train', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-train-'));
  let id: string;
  const lines: string[] = [];
  const run = (out: string, ...more: string[]) =>
    train([...OPTIONS, '--out', join(folder, out), ...more], { load: loadToyCalls, print: (line) => lines.push(line) });
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
    const { rocAuc } = classifier.manifest.metrics.test as { rocAuc: number };
    assert.ok(rocAuc > 0.95, String(rocAuc));
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
    const { thresholds, data, seed, backend } = readManifest(JSON.parse(read('a', 'manifest.json').toString()));
    assert.ok(thresholds.badAt >= 0.9 && thresholds.goodBelow <= 0.5);
    assert.deepEqual(
      data.map(({ part, calls }) => [part, calls]),
      [
        ['train', 96 * 24],
        ['validate', 13 * 24],
        ['calibrate', 32 * 24],
        ['test', 19 * 24],
      ],
    );
    assert.equal(new Set(data.map((d) => d.seed)).size, 4);
    assert.deepEqual([seed, backend], [7, 'wasm']);
  });

  it('tells its options', async () => {
    const told: string[] = [];
    await train(['--help'], { load: loadToyCalls, print: (line) => told.push(line) });
    for (const option of ['--dataset', '--seed', '--clients', '--out', '--promote']) assert.ok(told[0]!.includes(option), option);
  });

  it('refuses what it does not know, and says what', async () => {
    const refuses = (argv: string[], message: RegExp) =>
      assert.rejects(train(argv, { load: loadToyCalls }), { code: 'ASSAY_CONFIG_INVALID', message });
    await refuses(['--clinets', '9'], /clinets/);
    await refuses(['--clients', 'many'], /--clients is a whole number/);
    await refuses(['--dataset', 'mnist'], /simulator, access-behaviour/);
    await refuses([...OPTIONS, '--leave-out', 'nobody'], /nobody/);
  });
});
