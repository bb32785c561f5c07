import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import kafkajs from 'kafkajs';
import { readConfig } from '../config.ts';
import { kafkaOptions } from '../kafka-options.ts';
import { formatTopics, inspectTopics } from '../topics.ts';
import { topicNames } from './kafka.test.data.ts';
import { createClient, type KafkaOptions } from './kafka-client.ts';
import { checkTopics, createTopics, readTopics } from './kafka-topics.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

function testBrokers(): string {
  const brokers = process.env.KAFKA_TEST_BROKERS;
  if (!brokers) throw new Error('KAFKA_TEST_BROKERS is not set: run these tests by `npm test`, which starts a broker');
  return brokers;
}

/** Topics of the test's own, gone after it. */
function optionsFor(t: TestContext): KafkaOptions & { notices: string[] } {
  const name = `topics-${randomUUID().slice(0, 8)}`;
  const topics = topicNames(name);
  const notices: string[] = [];
  const onNotice = (text: string) => void notices.push(text);
  const base = { brokers: testBrokers().split(','), group: name, topics, wireFormat: 'auto', registryUrl: '' } as const;
  const options = { ...base, onNotice, notices };
  t.after(async () => {
    const admin = createClient(options).admin();
    await admin.connect();
    const there = (await admin.listTopics()).filter((topic) => topic.startsWith(name));
    await admin.deleteTopics({ topics: there });
    await admin.disconnect();
  });
  return options;
}

async function createBy(options: KafkaOptions, topic: string, setting: string, value: string): Promise<void> {
  const admin = createClient(options).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries: [{ name: setting, value }] }] });
  await admin.disconnect();
}

test('missing topics are an error that names the command; once created all is well, and a second time nothing is done', async (t) => {
  const options = optionsFor(t);
  const names = Object.values(options.topics);
  await assert.rejects(checkTopics(options), {
    code: 'ASSAY_TOPIC_MISSING',
    canRetry: true,
    message: new RegExp(`${names.join(', ')}; create by: assay topics --create`),
  });
  assert.deepEqual(await createTopics(options, { partitions: 5, replication: 9 }), Object.values(options.topics));
  assert.equal(await checkTopics(options), 5);
  assert.deepEqual(options.notices, []);
  assert.deepEqual(await createTopics(options), []);
  const seen = await readTopics(options);
  assert.deepEqual(
    seen.map(({ state }) => [state?.partitions, state?.replicas, state?.settings?.['cleanup.policy']]),
    [
      [5, 1, 'delete'],
      [5, 1, 'delete'],
      [5, 1, 'compact,delete'],
      [5, 1, 'compact,delete'],
      [5, 1, 'compact'],
      [1, 1, 'delete'],
      [1, 1, 'delete'],
      [1, 1, 'delete'],
    ],
  );
  assert.equal(seen[5]?.state?.settings?.['retention.ms'], '-1');
});

test('verdicts that are not compacted are a warning with the command that mends it', async (t) => {
  const options = optionsFor(t);
  await createBy(options, options.topics.verdicts, 'cleanup.policy', 'delete');
  await createTopics(options, { partitions: 1 });
  await checkTopics(options);
  assert.equal(options.notices.length, 1);
  assert.match(
    options.notices[0]!,
    /cleanup\.policy=delete where compact is wanted: .*kafka-configs\.sh .*cleanup\.policy=compact$/,
  );
});

test('topics that belong together and differ in their partitions are an error', async (t) => {
  const options = optionsFor(t);
  await createBy(options, options.topics.state, 'cleanup.policy', 'compact');
  await createTopics(options);
  await assert.rejects(checkTopics(options), { code: 'ASSAY_TOPIC_UNFIT', message: /-s has 1 partitions and .*-r has 8/ });
});

test('compacted dead letters are an error', async (t) => {
  const options = optionsFor(t);
  await createBy(options, options.topics.deadLetters, 'cleanup.policy', 'compact');
  await createTopics(options);
  await assert.rejects(checkTopics(options), { code: 'ASSAY_TOPIC_UNFIT', message: /without a key/ });
});

test('the command shows what is wanted beside what is there', async (t) => {
  const options = optionsFor(t);
  const { calls, routed, state, shared, verdicts, labels, deadLetters, questions } = options.topics;
  const config = readConfig({
    KAFKA_BROKERS: testBrokers(),
    KAFKA_CALLS_TOPIC: calls,
    KAFKA_ROUTED_TOPIC: routed!,
    KAFKA_STATE_TOPIC: state,
    KAFKA_SHARED_TOPIC: shared,
    KAFKA_VERDICTS_TOPIC: verdicts,
    KAFKA_LABELS_TOPIC: labels,
    KAFKA_DEAD_LETTERS_TOPIC: deadLetters,
    KAFKA_QUESTIONS_TOPIC: questions!,
  });
  const before = await inspectTopics(config, null);
  assert.deepEqual(
    before.errors.map(({ code }) => code),
    Array(8).fill('ASSAY_TOPIC_MISSING'),
  );
  assert.match(formatTopics(before), /missing/);
  const after = await inspectTopics(config, { partitions: 2 });
  assert.deepEqual([after.errors, after.warnings, after.created.length], [[], [], 8]);
  assert.match(formatTopics(after), /partitions 2 .*│ partitions 2, replicas 1/);
});

test('who may use topics and not ask for their settings is told so and not stopped', async (t) => {
  const secure = process.env.KAFKA_TEST_SECURE;
  if (!secure) throw new Error('KAFKA_TEST_SECURE is not set: run these tests by `npm test`, which starts a broker');
  const { brokers, ca, username, password } = JSON.parse(secure) as Record<string, string>;
  const options = optionsFor(t);
  const { security } = kafkaOptions(
    readConfig({
      KAFKA_BROKERS: brokers,
      KAFKA_TLS: 'true',
      KAFKA_TLS_CA: ca,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_USERNAME: username,
      KAFKA_PASSWORD: password,
    }),
  );
  const limited = { ...options, brokers: [brokers!], security: security! };
  const admin = createClient(options).admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const rule = { principal: `User:${username}`, host: '*', permissionType: AclPermissionTypes.DENY };
  const topics = { resourceType: AclResourceTypes.TOPIC, resourceName: options.group };
  const prefixed = { ...rule, ...topics, resourcePatternType: ResourcePatternTypes.PREFIXED };
  await admin.createAcls({ acl: [{ ...prefixed, operation: AclOperationTypes.DESCRIBE_CONFIGS }] });
  const allowed = { ...prefixed, permissionType: AclPermissionTypes.ALLOW, operation: AclOperationTypes.DESCRIBE };
  await admin.createAcls({ acl: [allowed] });
  await createTopics(options);
  await checkTopics(limited);
  assert.match(options.notices.join(), /DescribeConfigs.*Not authorized/);
  assert.ok((await readTopics(limited)).every(({ state }) => state?.settings === null));
});
