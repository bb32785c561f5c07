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
export function advance(delivery: Calls, stages: ScoringStages): Advance {
  const { snapshots, touched, letters } = observeAll(delivery, stages);
  const verdicts = decideAll(snapshots, stages).map((decided) => decided.explain());
  for (const verdict of verdicts) stages.store.put(verdict);
  return { verdicts, touched, letters };
}

export type Calls = Pick<Delivery, 'records' | 'decode'>;

export interface Observed {
  readonly snapshots: Snapshot[];
  readonly touched: Set<string>;
  readonly letters: DeadLetter[];
}

/** Counts the calls, and tells which sessions are to be scored. */
export function observeAll({ records, decode }: Calls, { observer, onCall, now }: ScoringStages): Observed {
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

/** A verdict that says why as far as that costs nothing. */
export interface Decided {
  readonly verdict: Verdict;
  /** The same verdict with what each feature contributed, which costs more than all before. */
  readonly explain: () => Verdict;
}

/**
 * Scores all snapshots in one batch and decides them in order. Returns each client's newest verdict: the others are
 * overtaken before anyone can read them.
 */
export function decideAll(
  snapshots: readonly Snapshot[],
  { classifier, context, standing, onVerdict }: ScoringStages,
): Decided[] {
  const width = classifier.width;
  const vectors = new Float32Array(snapshots.length * width);
  snapshots.forEach((snapshot, i) => {
    vectors.set(snapshot.vector, i * width);
  });
  const newest = new Map<string, Decided>();
  classifier.score(vectors, snapshots.length).forEach((scored, i) => {
    const snapshot = snapshots[i]!;
    const before = newest.get(snapshot.clientId)?.verdict ?? standing(snapshot.clientId);
    const verdict = decide(snapshot, scored, null, before, context);
    let explained: Verdict | null = null;
    const explain = () => {
      explained ??= decide(snapshot, scored, classifier.explain(snapshot.vector), before, context);
      return explained;
    };
    newest.set(snapshot.clientId, { verdict, explain: scored.error ? () => verdict : explain });
    onVerdict?.(verdict);
  });
  return [...newest.values()];
}
