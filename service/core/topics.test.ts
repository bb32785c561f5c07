import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTopicFaults, mendCommand, planTopics, type TopicRole } from './topics.ts';

const NAMES = { calls: 'c', routed: 'r', state: 's', shared: 'x', verdicts: 'v', labels: 'l', deadLetters: 'd', questions: 'q' };
const planOf = (role: TopicRole) => planTopics(NAMES).find((plan) => plan.role === role)!;

function faultsOf(role: TopicRole, settings: Record<string, string> | null) {
  return findTopicFaults(planOf(role), { partitions: 1, replicas: 1, settings });
}

test('a topic that is set up as planned has no fault', () => {
  for (const plan of planTopics(NAMES)) assert.deepEqual(faultsOf(plan.role, plan.settings), []);
});

test('verdicts are compacted, labels stay, calls and dead letters lapse', () => {
  assert.deepEqual(planOf('verdicts').settings, { 'cleanup.policy': 'compact' });
  assert.equal(planOf('labels').settings['retention.ms'], '-1');
  for (const role of ['calls', 'deadLetters'] as const) assert.ok(Number(planOf(role).settings['retention.ms']) > 0);
  assert.deepEqual(
    planTopics(NAMES, 3).map(({ partitions }) => partitions),
    [3, 3, 3, 3, 3, 1, 1, 1],
  );
});

test('where producers key the calls by client there is no topic between', () => {
  assert.deepEqual(
    planTopics({ ...NAMES, routed: null }).map(({ role }) => role),
    ['calls', 'state', 'shared', 'verdicts', 'labels', 'deadLetters', 'questions'],
  );
  assert.equal(planTopics({ ...NAMES, questions: null }).at(-1)!.role, 'deadLetters');
});

test('what loses something later is a warning, what stops Assay is fatal', () => {
  const cases: [TopicRole, Record<string, string>, boolean][] = [
    ['calls', { 'cleanup.policy': 'compact' }, false],
    ['routed', { 'cleanup.policy': 'compact' }, true],
    ['state', { 'cleanup.policy': 'delete' }, false],
    ['shared', { 'cleanup.policy': 'delete' }, false],
    ['verdicts', { 'cleanup.policy': 'delete' }, false],
    ['verdicts', { 'cleanup.policy': 'compact,delete' }, false],
    ['labels', { 'cleanup.policy': 'delete', 'retention.ms': '604800000' }, false],
    ['deadLetters', { 'cleanup.policy': 'compact' }, true],
    ['deadLetters', { 'max.message.bytes': '1000' }, false],
    ['questions', { 'cleanup.policy': 'compact' }, false],
  ];
  for (const [role, settings, isFatal] of cases)
    assert.deepEqual(
      faultsOf(role, settings).map((fault) => fault.isFatal),
      [isFatal],
      role,
    );
});

test('compacted labels stay, whatever the retention', () => {
  assert.deepEqual(faultsOf('labels', { 'cleanup.policy': 'compact', 'retention.ms': '1' }), []);
});

test('settings that may not be read are no fault', () => {
  assert.deepEqual(faultsOf('verdicts', null), []);
  assert.deepEqual(faultsOf('verdicts', {}), []);
});

test('a fault says what comes of it and which command mends it', () => {
  const [fault] = faultsOf('verdicts', { 'cleanup.policy': 'delete' });
  assert.match(fault!.text, /^v has cleanup\.policy=delete where compact is wanted: verdicts lapse/);
  assert.equal(
    mendCommand(['a:1', 'b:2'], 'v', fault!),
    'kafka-configs.sh --bootstrap-server a:1,b:2 --alter --entity-type topics --entity-name v --add-config cleanup.policy=compact',
  );
});
