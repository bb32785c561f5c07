import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadTensorFlow, type TensorFlow } from '../service/io/tensorflow.ts';
import { type BehaviourTable, crossValidate, loadAccessBehaviour, meanOf, withoutColumns } from './access-behaviour.ts';

describe('access-behaviour', () => {
  let tf: typeof TensorFlow;
  let table: BehaviourTable;
  before(async () => {
    tf = await loadTensorFlow('wasm');
    table = await loadAccessBehaviour(tf);
  });
  const column = (name: string) => table.x.map((row) => row[table.columns.indexOf(name)]!);

  it('reads all rows and keeps each once', () => {
    assert.deepEqual([table.read, table.duplicates, table.x.length, table.labels.length], [1699, 37, 1662, 1662]);
    assert.equal(new Set(table.x.map((row, i) => `${row.join()} ${table.labels[i]}`)).size, 1662);
    assert.equal(table.sha256, 'bb9e4252212052ec26b32d335edeef6eb2d07656d76f4fa502c84debb693deb4');
  });

  it('holds neither ids nor the label among the inputs', () => {
    assert.equal(table.columns.length, 7 + 4);
    assert.ok(!table.columns.some((name) => ['', '_id', 'classification'].includes(name)));
    assert.deepEqual(table.columns.slice(7), ['ip_type_default', 'ip_type_datacenter', 'source_E', 'source_F']);
  });

  it('marks empty cells and takes logarithms of skewed columns', () => {
    const durations = column('inter_api_access_duration(sec)');
    assert.ok(Math.abs(durations[0]! - Math.log1p(812.214)) < 1e-4);
    assert.ok(durations.filter(Number.isNaN).length > 0);
    assert.equal(column('num_users').filter(Number.isNaN).length, 0);
    assert.ok(Math.abs(column('num_users')[0]! - Math.log(1296)) < 1e-6);
  });

  it('leaves columns out by prefix', () => {
    const less = withoutColumns(table, ['source', 'num_users']);
    assert.equal(less.columns.length, 8);
    assert.equal(less.x[0]!.length, 8);
  });

  it('separates unseen rows nearly without fault, the same way each time', () => {
    const folds = crossValidate(tf, table, 5, 1);
    assert.equal(folds.length, 5);
    assert.ok(meanOf(folds).rocAuc >= 0.999, String(meanOf(folds).rocAuc));
    assert.ok(meanOf(folds).brier < 0.01);
    const small = { ...table, x: table.x.slice(0, 400), labels: Uint8Array.from({ length: 400 }, (_, i) => i % 2) };
    assert.equal(crossValidate(tf, small, 2, 1)[0]!.weightsHash, crossValidate(tf, small, 2, 1)[0]!.weightsHash);
  });
});
