/** The Kafka topics that Assay needs: how they should be set up, and what goes wrong where they are not. */

export type TopicRole = 'calls' | 'routed' | 'state' | 'shared' | 'verdicts' | 'labels' | 'deadLetters' | 'questions';

export interface TopicNames extends Readonly<Record<Exclude<TopicRole, 'routed' | 'questions'>, string>> {
  /** Where the calls go once it is known whose they are; null where producers key them by client themselves. */
  readonly routed: string | null;
  /** What gateways ask, from whoever is asked to whoever holds the client; null where questions do not count. */
  readonly questions: string | null;
}

/** Those of which a client's records all lie in the same partition, so that one process writes them. */
export const ALIKE: readonly TopicRole[] = ['state', 'shared', 'verdicts'];

export interface TopicPlan {
  readonly role: TopicRole;
  readonly name: string;
  readonly partitions: number;
  /** Kafka's names and values of what is set when the topic is created. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface TopicState {
  readonly partitions: number;
  /** Copies of each partition. */
  readonly replicas: number;
  /** What holds for the topic, defaults of the brokers included; null where Assay may not ask. */
  readonly settings: Readonly<Record<string, string>> | null;
}

export interface TopicFault {
  /** Assay can't run, rather than that something is lost later. */
  readonly isFatal: boolean;
  /** What is wrong and what comes of it. */
  readonly text: string;
  /** The setting that mends it, as `name=value`. */
  readonly setting: string;
}

export const DEFAULT_PARTITIONS = 8;
export const DEFAULT_REPLICATION = 3;

const DAY_MS = 86_400_000;
/** Of the largest dead letter, with its headers. */
const LETTER_BYTES = 1_000_000;

const MINUTES_10 = '600000';
const QUESTIONS = { 'cleanup.policy': 'delete', 'retention.ms': MINUTES_10, 'segment.ms': MINUTES_10 };

/** What is asked of a topic: judged, or worth a look. */
export const SETTINGS: readonly string[] = ['cleanup.policy', 'retention.ms', 'max.message.bytes', 'min.insync.replicas'];

interface Rule {
  readonly setting: string;
  readonly wanted: string;
  isWrong(value: string, settings: Readonly<Record<string, string>>): boolean;
  readonly isFatal: boolean;
  readonly harm: string;
}

const deletes = (policy: string | undefined) => policy?.includes('delete') ?? false;
const compacts = (policy: string) => policy.includes('compact');

/** The changelog of what is held: without compaction it is read from its beginning at each take-over, or lapses too early. */
const STATE_RULE: Rule = {
  setting: 'cleanup.policy',
  wanted: 'compact,delete',
  isWrong: (value) => !compacts(value),
  isFatal: false,
  harm: 'taking a partition over reads every change that was ever made',
};

const RULES: Readonly<Record<TopicRole, readonly Rule[]>> = {
  calls: [
    {
      setting: 'cleanup.policy',
      wanted: 'delete',
      isWrong: compacts,
      isFatal: false,
      harm: 'calls that share a key are dropped before they are counted',
    },
  ],
  routed: [
    {
      setting: 'cleanup.policy',
      wanted: 'delete',
      isWrong: compacts,
      isFatal: true,
      harm: 'calls of one client share a key, and all but the last would be dropped before they are counted',
    },
  ],
  state: [STATE_RULE],
  shared: [STATE_RULE],
  verdicts: [
    {
      setting: 'cleanup.policy',
      wanted: 'compact',
      isWrong: (value) => value !== 'compact',
      isFatal: false,
      harm: 'verdicts lapse with the retention, and after a restart their clients are unknown',
    },
  ],
  labels: [
    {
      setting: 'retention.ms',
      wanted: '-1',
      isWrong: (value, settings) => value !== '-1' && deletes(settings['cleanup.policy']),
      isFatal: false,
      harm: 'labels that people gave are lost before they lapse by their own word',
    },
  ],
  deadLetters: [
    {
      setting: 'cleanup.policy',
      wanted: 'delete',
      isWrong: compacts,
      isFatal: true,
      harm: 'Kafka refuses letters without a key, and the first one stops everything',
    },
    {
      setting: 'max.message.bytes',
      wanted: '1048588',
      isWrong: (value) => Number(value) < LETTER_BYTES,
      isFatal: false,
      harm: 'Kafka refuses a large letter, which stops everything',
    },
  ],
  questions: [
    {
      setting: 'cleanup.policy',
      wanted: 'delete',
      isWrong: compacts,
      isFatal: false,
      harm: 'questions of one client share a key and are dropped, and what was asked long ago is kept',
    },
  ],
};

/**
 * What `--create` makes, in the order of the data's way. Labels and dead letters are few, and questions are read by all processes
 * and only at once: one partition each. State that nothing has changed for a week is of a client that has not come for a week.
 */
export function planTopics(names: TopicNames, partitions = DEFAULT_PARTITIONS): TopicPlan[] {
  const days = (count: number, policy = 'delete') => ({ 'cleanup.policy': policy, 'retention.ms': String(count * DAY_MS) });
  const plan = (role: TopicRole, name: string, settings: TopicPlan['settings'], count = partitions): TopicPlan => {
    return { role, name, partitions: count, settings };
  };
  return [
    plan('calls', names.calls, days(7)),
    ...(names.routed === null ? [] : [plan('routed', names.routed, days(1))]),
    plan('state', names.state, days(7, 'compact,delete')),
    plan('shared', names.shared, days(7, 'compact,delete')),
    plan('verdicts', names.verdicts, { 'cleanup.policy': 'compact' }),
    // People's words do not lapse by themselves; each says until when it holds.
    plan('labels', names.labels, { 'cleanup.policy': 'delete', 'retention.ms': '-1' }, 1),
    plan('deadLetters', names.deadLetters, days(30), 1),
    ...(names.questions === null ? [] : [plan('questions', names.questions, QUESTIONS, 1)]),
  ];
}

/** What is wrong with a topic that is there; nothing where its settings may not be read. */
export function findTopicFaults({ role, name }: TopicPlan, { settings }: TopicState): TopicFault[] {
  if (!settings) return [];
  const broken = RULES[role].filter(({ setting, isWrong }) => {
    const value = settings[setting];
    return value !== undefined && isWrong(value, settings);
  });
  return broken.map(({ setting, wanted, isFatal, harm }) => ({
    isFatal,
    text: `${name} has ${setting}=${settings[setting]} where ${wanted} is wanted: ${harm}`,
    setting: `${setting}=${wanted}`,
  }));
}

/** The command of Kafka's own that mends a fault. */
export function mendCommand(brokers: readonly string[], topic: string, { setting }: TopicFault): string {
  const server = `--bootstrap-server ${brokers.join(',')}`;
  return `kafka-configs.sh ${server} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`;
}

export const CREATE_COMMAND = 'assay topics --create';
