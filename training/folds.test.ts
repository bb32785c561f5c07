import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { LabelledCall } from '../datasets/dataset.ts';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { groupOf } from './examples.ts';
import { judgeClients, poolOf } from './figures.ts';
import { fitNet, scoreRows, weigh } from './fit.ts';
import { crossFit, type FoldSetting, fitJudging, groupsOf, holdOut } from './folds.ts';
import { type Data, gatherData, POLICY, prepareFolds, recipeOf, THRESHOLDS } from './recipe.ts';
import { loadToyCalls } from './toy.test.data.ts';

const EPOCHS = { base: [{ epochs: 6, rate: 3e-3 }], tune: [{ epochs: 2, rate: 1e-3 }] };
const RECIPE = recipeOf(1, EPOCHS);
/** So lenient that a few clients are enough. */
const OPTIONS = { ...THRESHOLDS, alphaBad: 0.05, alphaGood: 0.1 };
const toy = (seed: number) => loadToyCalls({ seed, clients: 48 }) as Iterable<LabelledCall>;

describe('folds', () => {
  let tf: typeof TensorFlow;
  let data: Data;
  let setup: FoldSetting;
  before(async () => {
    tf = await loadTensorFlow('wasm');
    const captures = () => [5, 6].map((seed) => ({ origin: `capture-${seed}`, calls: toy(seed) }));
    data = await gatherData({ load: loadToyCalls, captures }, 1, 40);
    setup = prepareFolds(tf, data, RECIPE);
  });
  const named = () => groupsOf(data.examples, data.range).map((name) => [name]);

  it('are one for each tool of an attack and each kind of good client', () => {
    assert.deepEqual(named().flat(), ['bad tool-0', 'bad tool-1', 'bad tool-2', 'good poller']);
  });

  it('score each row by a net that never met its group: what the group says changes nothing', () => {
    const group = 'bad tool-1';
    const held = holdOut(setup, data.range, [[group]]);
    const { examples } = data;
    const own = data.range.filter((row) => groupOf(examples, row) === group);
    const others = data.range.filter((row) => groupOf(examples, row) !== group);
    assert.ok(own.every((row) => !Number.isNaN(held.logits[row]!)) && others.every((row) => Number.isNaN(held.logits[row]!)));
    const bad = Uint8Array.from(examples.bad);
    for (const row of own) bad[row] = 1 - bad[row]!;
    const flipped = { ...examples, bad };
    const again = holdOut({ ...setup, examples: flipped }, data.range, [[group]]);
    assert.deepEqual(again.logits, held.logits);
  });

  it('give the same scores again', () => {
    const rows = data.range.slice(0, 300);
    const once = () => {
      const fitted = fitNet(tf, data.examples, setup.base, { range: rows, replay: setup.replay }, RECIPE);
      return scoreRows(tf, data.examples, rows, fitted);
    };
    assert.deepEqual(once(), once());
  });

  it('go from the base as far as the recipe says', () => {
    const { examples, range } = data;
    const score = (reach: number) => {
      const recipe = { ...RECIPE, reach };
      const fitted = fitNet(tf, examples, setup.base, { range, replay: setup.replay }, recipe);
      return scoreRows(tf, examples, range.slice(0, 50), fitted).logits;
    };
    const base = scoreRows(tf, examples, range.slice(0, 50), prepareFolds(tf, data, RECIPE).base).logits;
    assert.deepEqual(score(0), base);
    assert.notDeepEqual(score(1), base);
    assert.notDeepEqual(score(0.5), score(1));
  });

  it('are judged by a calibration that has not seen the group either', () => {
    const held = holdOut(setup, data.range, named());
    const judgings = crossFit(data.examples, held, RECIPE, OPTIONS);
    const rows = data.range.filter((row) => groupOf(data.examples, row) !== 'bad tool-2');
    assert.deepEqual(judgings.get('bad tool-2'), fitJudging(data.examples, held, rows, RECIPE, OPTIONS));
    const judged = judgeClients(data.examples, data.range, held, (row) => judgings.get(groupOf(data.examples, row))!, POLICY);
    assert.equal(judged.length, 96);
    const { good, bad, rocAuc } = poolOf(judged);
    assert.deepEqual([good, bad], [48, 48]);
    assert.ok(rocAuc! > 0.6, String(rocAuc));
  });
});

describe('weigh', () => {
  it('gives the simulator its share, and holds back groups with many clients', async () => {
    const captures = () => [{ origin: 'c', calls: toy(5) }];
    const { examples, range, simulated } = await gatherData({ load: loadToyCalls, captures }, 1, 40);
    const sum = (weight: Float32Array, rows: readonly number[]) => rows.reduce((total, row) => total + weight[row]!, 0);
    const weight = weigh(examples, { range, replay: simulated }, { ...RECIPE, replayWeight: 0.25, balance: 1 });
    assert.ok(Math.abs(sum(weight, simulated) / sum(weight, range) - 0.25) < 1e-4);
    assert.ok(Math.abs((sum(weight, simulated) + sum(weight, range)) / (simulated.length + range.length) - 1) < 1e-4);
    const totals = groupsOf(examples, range).map((name) =>
      sum(
        weight,
        range.filter((row) => groupOf(examples, row) === name),
      ),
    );
    for (const total of totals) assert.ok(Math.abs(total / totals[0]! - 1) < 1e-4, String(totals));
  });
});
