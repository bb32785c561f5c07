import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection } from './api-call.ts';
import { checkLabel } from './label.ts';

const NULLS = {
  clientId: null,
  clientIp: null,
  subject: null,
  sessionStart: null,
  kind: null,
  by: null,
  at: null,
  why: null,
  until: null,
};

test('a label is taken with null for what is absent, and without what is not in the contract', () => {
  assert.deepEqual(checkLabel({ label: 'bad', clientIp: '192.0.2.1', tool: 'hydra' }), {
    ...NULLS,
    label: 'bad',
    clientIp: '192.0.2.1',
  });
  const whole = { ...NULLS, label: 'good', subject: 's', kind: 'partner-sync', by: 'ann', at: 0, why: 'known', until: 8.64e15 };
  assert.deepEqual(checkLabel(whole), whole);
});

test('what is wrong with a label is said', () => {
  const cases: readonly [unknown, RegExp][] = [
    [null, /object/],
    [[], /object/],
    ['bad', /object/],
    [{ subject: 's' }, /must have \/label/],
    [{ label: 'ugly', subject: 's' }, /\/label/],
    [{ label: 'bad' }, /exactly one/],
    [{ label: 'bad', clientId: '' }, /exactly one/],
    [{ label: 'bad', clientId: 'a', subject: 'b' }, /exactly one/],
    [{ label: 'bad', subject: 7 }, /\/subject/],
    [{ label: 'bad', subject: 's', until: -5 }, /\/until is out of range/],
    [{ label: 'bad', subject: 's', at: 1.5 }, /\/at/],
    [{ label: 'bad', subject: 's', why: 'x'.repeat(1025) }, /\/why is too long/],
  ];
  for (const [raw, detail] of cases) {
    const rejection = checkLabel(raw);
    assert.ok(isRejection(rejection), JSON.stringify(raw));
    assert.equal(rejection.rejected, 'ASSAY_LABEL_INVALID');
    assert.match(rejection.detail, detail);
  }
});
