import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LabelledCall } from '../datasets/dataset.ts';
import { writeCard } from './card.ts';
import { evaluate, type Figures } from './evaluate.ts';
import { loadToyCalls } from './toy.test.data.ts';

const EPOCHS = { base: [{ epochs: 4, rate: 3e-3 }], tune: [{ epochs: 1, rate: 1e-3 }] };

/** One of the walkers' tools is the distributed one; pollers have others. */
function* toy(seed: number): Generator<LabelledCall> {
  for (const { call, truth } of loadToyCalls({ seed, clients: 48 }) as Iterable<LabelledCall>) {
    const isPoller = Number(truth.client.slice(1)) % 4 < 2;
    const tool = truth.tool === 'tool-0' && !isPoller ? 'stuffing-distributed' : truth.tool;
    yield { call, truth: { ...truth, tool, client: `${seed}-${truth.client}` } };
  }
}
const captures = () => [5, 6].map((seed) => ({ origin: `capture-${seed}`, calls: toy(seed) }));

describe('evaluate', () => {
  const root = mkdtempSync(join(tmpdir(), 'assay-evaluate-'));
  after(() => rmSync(root, { recursive: true }));
  const run = async (name: string) => {
    const out = join(root, name);
    const argv = ['--clients', '40', '--out', out, '--no-comparators', '--no-card'];
    await evaluate(argv, { load: loadToyCalls, captures, epochs: EPOCHS, print: () => {} });
    return readFileSync(out, 'utf8');
  };
  let text: string;
  let figures: Figures;
  before(async () => {
    text = await run('a.json');
    figures = JSON.parse(text);
  });

  it('gives the same figures again', async () => {
    assert.equal(await run('b.json'), text);
  });

  it('tells every way of dividing, with counts', () => {
    const { leaveOneOut, captures: each, drift, simulatorToRange, rangeToSimulator, stuffing } = figures;
    assert.deepEqual([leaveOneOut.pooled.good, leaveOneOut.pooled.bad], [48, 48]);
    assert.deepEqual(
      leaveOneOut.groups.map(({ label, name }) => `${label} ${name}`),
      ['bad stuffing-distributed', 'bad tool-1', 'bad tool-2', 'good poller'],
    );
    assert.deepEqual(
      each.map(({ capture, good, bad }) => [capture, good, bad]),
      [
        ['capture-5', 24, 24],
        ['capture-6', 24, 24],
      ],
    );
    assert.ok(drift.bad > 0 && simulatorToRange.good === 48 && rangeToSimulator.good > 0);
    assert.ok(stuffing!.clients > 0 && stuffing!.alikeWithoutIt.clients === 48 && stuffing!.alikeWithIt.clients === 48);
    assert.equal(leaveOneOut.calibrations.length, 4);
  });

  it('makes a card of them', () => {
    const manifest = {
      id: 'mlp-x',
      featureSet: 'f',
      features: ['a'],
      families: ['b'],
      thresholds: { badAt: 0.9, goodBelow: 0.2 },
      coverage: { alphaBad: 0.003, alphaGood: 0.03, calibrationClients: { good: 400, bad: 300 } },
      novelty: { directions: [[1]], limit: 2 },
      data: [],
      metrics: { command: 'npm run train' },
      seed: 1,
      backend: 'wasm',
    };
    const card = writeCard(manifest as unknown as Parameters<typeof writeCard>[0], figures);
    for (const expected of ['# mlp-x', 'stuffing-distributed', '| good poller', 'first half of the tools', 'at most 0.3%'])
      assert.ok(card.includes(expected.replace('good ', '')), expected);
    assert.doesNotMatch(card, /undefined|NaN|\[object/);
  });

  it('says what is missing and what it does not know', async () => {
    const refuses = (argv: string[], message: RegExp) =>
      assert.rejects(evaluate(argv, { load: loadToyCalls, captures: () => [], print: () => {} }), {
        code: 'ASSAY_CONFIG_INVALID',
        message,
      });
    await refuses(['--clients', '40'], /npm run range/);
    await refuses(['--clients', 'many'], /--clients is a whole number/);
    await refuses(['--fast'], /fast/);
  });
});
