/**
 * The way of the data, on one screen:
 * source → decode → identify → sessions.observe → extract → score → decide → store → publish → acknowledge.
 * Between the first call of a delivery and its last verdict nothing waits, so that several sources can feed one
 * pipeline without their deliveries mixing.
 */
import { isRejection, type Rejection } from './core/api-call.ts';
import { cohortIdOf } from './core/cohort.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { besideOf } from './core/dead-letter.ts';
import type { Observer, Snapshot } from './core/observe.ts';
import type { DeadLetter, Delivery, Incoming, Source } from './core/source.ts';
import { type DecideContext, decide, type Standing } from './core/verdict.ts';
import type { Classifier } from './io/classifier.ts';
import type { VerdictStore } from './io/verdict-store.ts';

export interface ScoringStages {
  readonly observer: Observer;
  readonly classifier: Classifier;
  readonly context: DecideContext;
  /** Where look-ups find the verdicts. */
  readonly store: VerdictStore;
  /** What stands of a client from before. */
  standing(clientId: string): Standing | null;
  /** Sees every accepted call and every verdict, for counting and evaluation. */
  onCall?(call: ApiCall, clientId: string): void;
  onVerdict?(verdict: Verdict): void;
  /** The receiver's clock, ms since 1970. */
  now(): number;
}

export interface Stages extends ScoringStages {
  /** Hands on each client's newest verdict of a delivery, and keeps what changed: clients' and cohorts' records by id. */
  publish(verdicts: readonly Verdict[], touched: ReadonlySet<string>): Promise<void>;
  /** Keeps what could not be used. */
  bury(letters: readonly DeadLetter[]): Promise<void>;
}

export async function runPipeline(source: Source, stages: Stages, signal: AbortSignal): Promise<void> {
  for await (const delivery of source.deliveries(signal)) {
    const { verdicts, touched, letters } = advance(delivery, stages);
    await stages.publish(verdicts, touched);
    await stages.bury(letters);
    await delivery.acknowledge({ accepted: delivery.records.length - letters.length, rejections: letters });
  }
}

/** What a delivery changed. */
export interface Advance {
  /** Each client's newest. */
  readonly verdicts: readonly Verdict[];
  /** Ids of the clients and cohorts whose records changed. */
  readonly touched: ReadonlySet<string>;
  readonly letters: readonly DeadLetter[];
}

/** Takes the state on by a delivery, from its first call to its last verdict, and tells what came of it. */
export function advance(delivery: Pick<Delivery, 'records' | 'decode'>, stages: ScoringStages): Advance {
  const { snapshots, touched, letters } = observeAll(delivery, stages);
  return { verdicts: decideAll(snapshots, stages), touched, letters };
}

interface Observed {
  readonly snapshots: Snapshot[];
  readonly touched: Set<string>;
  readonly letters: DeadLetter[];
}

function observeAll(
  { records, decode }: Pick<Delivery, 'records' | 'decode'>,
  { observer, onCall, now }: ScoringStages,
): Observed {
  const observed: Observed = { snapshots: [], touched: new Set(), letters: [] };
  const cohorts = new Set<number>();
  const receivedAtMs = now();
  for (const record of records) {
    const call = decode(record, receivedAtMs);
    const seen = isRejection(call) ? call : observer.observe(call, record.identity);
    if (isRejection(seen)) {
      observed.letters.push(letterOf(seen, record));
      continue;
    }
    observed.touched.add(seen.clientId);
    if (seen.cohort !== 0) cohorts.add(seen.cohort);
    if (seen.snapshot) observed.snapshots.push(seen.snapshot);
    onCall?.(call as ApiCall, seen.clientId);
  }
  for (const cohort of cohorts) observed.touched.add(cohortIdOf(cohort));
  return observed;
}

function letterOf(rejection: Rejection, record: Incoming): DeadLetter {
  return { ...rejection, origin: record.origin, bytes: record.bytes, ...besideOf(record) };
}

/**
 * Scores all snapshots in one batch and decides them in order. Returns each client's newest verdict; only that one is
 * explained, since the others of the delivery are overtaken before anyone can read them.
 */
function decideAll(snapshots: readonly Snapshot[], stages: ScoringStages): Verdict[] {
  const { classifier, context, store, onVerdict } = stages;
  const width = classifier.width;
  const vectors = new Float32Array(snapshots.length * width);
  snapshots.forEach((snapshot, i) => {
    vectors.set(snapshot.vector, i * width);
  });
  const lastOf = new Map(snapshots.map(({ clientId }, i) => [clientId, i]));
  const newest = new Map<string, Verdict>();
  classifier.score(vectors, snapshots.length).forEach((scored, i) => {
    const snapshot = snapshots[i]!;
    const isNewest = lastOf.get(snapshot.clientId) === i;
    const explanation = isNewest && !scored.error ? classifier.explain(snapshot.vector) : null;
    const standing = newest.get(snapshot.clientId) ?? stages.standing(snapshot.clientId);
    const verdict = decide(snapshot, scored, explanation, standing, context);
    newest.set(verdict.clientId, verdict);
    onVerdict?.(verdict);
  });
  for (const verdict of newest.values()) store.put(verdict);
  return [...newest.values()];
}
