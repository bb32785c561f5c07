/** `assay replay`: a verdict made again from the calls that it counts, and held against the one that was given. */
import type { Config } from './config.ts';
import { isRejection } from './core/api-call.ts';
import type { Verdict } from './core/contracts.ts';
import { AssayError } from './core/errors.ts';
import type { Provenance } from './core/provenance.ts';
import { clientOf, compareVerdicts, type Difference, Replay } from './core/replay.ts';
import { decide } from './core/verdict.ts';
import { readDecision } from './io/disk-decisions.ts';
import { createFileSource } from './io/files.ts';
import { type KafkaDecision, readCounted, readDecisions } from './io/kafka-decisions.ts';
import { commandOptions } from './kafka-options.ts';
import type { ScoringStages } from './pipeline.ts';
import { createStages } from './stages.ts';

export interface ReplayOptions {
  /** Recorded calls to count, in their order; those in Kafka where there are none. */
  readonly calls?: readonly string[] | undefined;
  /** Log format of those; found out by default. */
  readonly format?: string | undefined;
}

export interface Replayed {
  readonly recorded: Verdict;
  readonly provenance: Provenance;
  /** Partition of which the offsets are, '' without Kafka. */
  readonly input: string;
  readonly replayed: Verdict;
  readonly differences: readonly Difference[];
}

/**
 * The verdict of that id again, by the model and the policy that it names.
 *
 * @throws AssayError ASSAY_REQUEST_INVALID for what is no id, ASSAY_DECISION_UNKNOWN, ASSAY_REPLAY_IMPOSSIBLE, and those of
 *   the model, of Kafka, of the store and of the files
 */
export async function replay(config: Config, id: string, options: ReplayOptions = {}): Promise<Replayed> {
  const decision = await findDecision(config, id);
  const { verdict, provenance, input } = decision;
  if (!provenance) throw new AssayError('ASSAY_REPLAY_IMPOSSIBLE', 'what the verdict was made from was not kept with it');
  const again = new Replay(decision, config.ASSAY_KEY);
  if (options.calls?.length) await countFiles(options.calls, options.format, again);
  else await countKafka(config, decision, again);
  const replayed = await decideAgain(config, verdict, provenance, again);
  return { recorded: verdict, provenance, input, replayed, differences: compareVerdicts(verdict, replayed) };
}

async function findDecision(config: Config, id: string): Promise<KafkaDecision> {
  const clientId = clientOf(id);
  if (clientId === null) throw new AssayError('ASSAY_REQUEST_INVALID', `${id} is no verdict's id`);
  const decisions = await readAll(config, clientId);
  const found = decisions.findLast(({ verdict }) => verdict.id === id);
  if (found) return found;
  const newest = decisions.at(-1)?.verdict.id;
  throw new AssayError('ASSAY_DECISION_UNKNOWN', newest ? `the client's newest is ${newest}` : 'nothing is held of the client');
}

async function readAll(config: Config, clientId: string): Promise<KafkaDecision[]> {
  if (config.KAFKA_BROKERS) return readDecisions(commandOptions(config), clientId);
  const decision = await readDecision(config.ASSAY_DATA, clientId);
  return decision ? [{ ...decision, input: '' }] : [];
}

async function countKafka(config: Config, decision: KafkaDecision, again: Replay): Promise<void> {
  const { verdict, provenance, input } = decision;
  if (!provenance?.span || input === '')
    throw new AssayError('ASSAY_REPLAY_IMPOSSIBLE', 'its calls did not come from Kafka; give them by --calls');
  const counted = { verdict, input, span: provenance.span };
  await readCounted(commandOptions(config), counted, (call, place) => again.observe(call, place));
}

async function countFiles(paths: readonly string[], format: string | undefined, again: Replay): Promise<void> {
  const done = new AbortController();
  const source = createFileSource(paths, { format });
  for await (const { records, decode, acknowledge } of source.deliveries(done.signal)) {
    for (const record of records) {
      const call = decode(record, Number.POSITIVE_INFINITY);
      if (!isRejection(call) && again.observe(call)) done.abort();
    }
    await acknowledge({ accepted: records.length, rejections: [] });
  }
  if (!again.snapshot && source.faults[0]) throw source.faults[0];
}

async function decideAgain(config: Config, verdict: Verdict, { before }: Provenance, again: Replay): Promise<Verdict> {
  const { snapshot, calls } = again;
  if (!snapshot)
    throw new AssayError('ASSAY_REPLAY_IMPOSSIBLE', `${calls} calls of the client are here, and none made that verdict`);
  const { classifier, context } = await stagesOf(config, verdict.model);
  const { id } = context.policy;
  if (id !== verdict.policy)
    throw new AssayError('ASSAY_REPLAY_IMPOSSIBLE', `it was made by the policy ${verdict.policy}, ASSAY_POLICY is ${id}`);
  const [scored] = classifier.score(snapshot.vector, 1);
  return decide(snapshot, scored!, scored!.error ? null : classifier.explain(snapshot.vector), before, context);
}

/** With the configured model where it is the one, else the one of that name. */
async function stagesOf(config: Config, model: string): Promise<ScoringStages> {
  const stages = await createStages(config);
  return stages.context.model === model ? stages : createStages({ ...config, ASSAY_MODEL: model });
}

export function formatReplayed({ recorded, provenance, input, differences }: Replayed): string {
  const { id, verdict, score, action, calls, model, featureSet, policy } = recorded;
  const span = provenance.span && input ? `${input}, offsets ${provenance.span.first} to ${provenance.span.last}` : 'files';
  const lines = [
    `${id}: ${differences.length === 0 ? 'the same to the bit' : 'NOT the same'}`,
    `${verdict}, score ${score ?? 'none'}, ${action}, after ${calls} calls of its session`,
    `calls from ${span}; ${model}, ${featureSet}, ${policy}`,
  ];
  for (const { field, recorded: was, replayed: is } of differences)
    lines.push(`${field}: was ${JSON.stringify(was)}`, `${' '.repeat(field.length)}   is ${JSON.stringify(is)}`);
  return lines.join('\n');
}
