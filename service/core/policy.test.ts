import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packageRoot } from '../io/package-root.ts';
import { AssayError } from './errors.ts';
import { readPolicy } from './policy.ts';

const THRESHOLDS = { badAt: 0.9, goodBelow: 0.3 };
const file = JSON.parse(readFileSync(join(packageRoot, 'service', 'policies', 'default.json'), 'utf8')) as Record<
  string,
  unknown
>;

function faultsOf(policy: unknown): string {
  try {
    readPolicy(policy, THRESHOLDS);
  } catch (error) {
    assert.ok(error instanceof AssayError);
    assert.equal(error.code, 'ASSAY_POLICY_INVALID');
    return error.message;
  }
  return '';
}

describe('readPolicy', () => {
  test("takes the model's thresholds where the file has none, and its own otherwise", () => {
    assert.deepEqual([readPolicy(file, THRESHOLDS).badAt, readPolicy(file, THRESHOLDS).goodBelow], [0.9, 0.3]);
    assert.equal(readPolicy({ ...file, badAt: 0.7 }, THRESHOLDS).badAt, 0.7);
  });

  test('the id names the content', () => {
    const { id } = readPolicy(file, THRESHOLDS);
    assert.match(id, /^default@[0-9a-f]{8}$/);
    assert.equal(readPolicy(structuredClone(file), THRESHOLDS).id, id);
    assert.notEqual(readPolicy({ ...file, standingCalls: 9 }, THRESHOLDS).id, id);
  });

  test('tells all faults at once', () => {
    const ttlMs = { good: 1, unsure: 'long', bad: -5 };
    const faults = faultsOf({
      ...file,
      badAt: 2,
      mode: 'off',
      minCallsForBad: 0,
      standingCalls: 1.5,
      marginLogOdds: -1,
      ttlMs,
      actions: { good: 'allow' },
      surprise: true,
    });
    for (const place of [
      '/badAt',
      '/mode',
      '/minCallsForBad',
      '/standingCalls',
      '/marginLogOdds',
      '/ttlMs/good',
      '/ttlMs/unsure',
      '/ttlMs/bad',
      '/actions',
      '/surprise',
    ])
      assert.match(faults, new RegExp(`(^|; |: )${place} `), faults);
    assert.match(faults, /unsure, bad/);
  });

  test('refuses what is no object, and thresholds that cross', () => {
    for (const odd of [null, [], 'default', 7]) assert.notEqual(faultsOf(odd), '');
    assert.match(faultsOf({ ...file, goodBelow: 0.95 }), /goodBelow/);
    assert.match(faultsOf({ ...file, badAt: 0.5, goodBelow: 0.5 }), /goodBelow/);
  });
});
