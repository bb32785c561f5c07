/**
 * The way of the data, on one screen:
 * source → decode → identify → sessions.observe → extract → score → decide → store → explain → publish → acknowledge.
 * Several sources can feed one pipeline: between a delivery's first call and its last verdict no other's calls are
 * observed, so that they don't mix; look-ups are answered meanwhile.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { isRejection, type Rejection } from './core/api-call.ts';
import { cohortIdOf } from './core/cohort.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { besideOf } from './core/dead-letter.ts';
import type { Observer, Snapshot } from './core/observe.ts';
import { type Decision, type Provenance, provenanceOf } from './core/provenance.ts';
import type { DeadLetter, Delivery, Incoming, Source } from './core/source.ts';
import type { InTurn } from './core/turns.ts';
import { type DecideContext, decide, type Explanation, type Standing } from './core/verdict.ts';
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
  /** Does one piece of work after the other. */
  readonly inTurn: InTurn;
}

export interface Stages extends ScoringStages {
  /** Hands on each client's newest verdict of a delivery, and keeps what changed: clients' and cohorts' records by id. */
  publish(decisions: readonly Decision[], touched: ReadonlySet<string>): Promise<void>;
  /** Keeps what could not be used. */
  bury(letters: readonly DeadLetter[]): Promise<void>;
}

/** Calls observed, snapshots scored and verdicts explained at a stretch: half a ms or so each, where all are of newcomers. */
const STRETCH = { records: 25, snapshots: 16, verdicts: 48 };
/** After so long, ms, whatever else has come has its turn, such as look-ups. */
const BREATHE_AFTER_MS = 0.5;

export async function runPipeline(source: Source, stages: Stages, signal: AbortSignal): Promise<void> {
  for await (const delivery of source.deliveries(signal)) {
    const { decided, touched, letters } = await advance(delivery, stages);
    await stages.publish(await explainNewest(decided, stages), touched);
    await stages.bury(letters);
    await delivery.acknowledge({ accepted: delivery.records.length - letters.length, rejections: letters });
  }
}

/** What a delivery changed. */
interface Advance {
  /** Each client's newest verdict. */
  readonly decided: ReadonlyMap<string, Decided>;
  /** Ids of the clients and cohorts whose records changed. */
  readonly touched: ReadonlySet<string>;
  readonly letters: readonly DeadLetter[];
}

function advance({ records, decode }: Calls, stages: ScoringStages): Promise<Advance> {
  const changed = { decided: new Map<string, Decided>(), touched: new Set<string>(), letters: [] as DeadLetter[] };
  const snapshots: Snapshot[] = [];
  const breatheWhenDue = createBreather();
  const decideNext = () => {
    for (const each of decideAll(snapshots.splice(0, STRETCH.snapshots), stages)) {
      changed.decided.set(each.verdict.clientId, each);
      stages.store.put(each.verdict, each.explain);
    }
    return breatheWhenDue();
  };
  return stages.inTurn(async () => {
    for (let i = 0; i < records.length; i += STRETCH.records) {
      const observed = observeAll({ records: records.slice(i, i + STRETCH.records), decode }, stages);
      for (const id of observed.touched) changed.touched.add(id);
      changed.letters.push(...observed.letters);
      snapshots.push(...observed.snapshots);
      await breatheWhenDue();
      while (snapshots.length >= STRETCH.snapshots) await decideNext();
    }
    while (snapshots.length > 0) await decideNext();
    return changed;
  });
}

function createBreather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < BREATHE_AFTER_MS) return;
    await breathe();
    since = performance.now();
  };
}

/** The verdicts with what each feature contributed, but for those that another source's have overtaken meanwhile. */
async function explainNewest(decided: Advance['decided'], { store, classifier }: ScoringStages): Promise<Decision[]> {
  const due = [...decided.values()].filter(({ verdict }) => store.holds(verdict));
  const decisions: Decision[] = [];
  await explainAll(due, classifier, (decision) => {
    store.complete(decision.verdict);
    decisions.push(decision);
  });
  return decisions.filter(({ verdict }) => store.holds(verdict));
}

/** So few verdicts are explained sooner here than they are sent to another thread: 2 ms. */
export const FEW_VERDICTS = 8;

/** Adds to verdicts what each feature contributed, and tells of them stretch by stretch; more than a few go to another thread. */
export async function explainAll(
  decided: readonly Decided[],
  classifier: Classifier,
  onExplained: (decision: Decision, decided: Decided) => void,
): Promise<void> {
  const isFew = decided.length <= FEW_VERDICTS;
  const explainStretch = async (stretch: readonly Decided[]) => {
    const explanations = isFew ? [] : await classifier.explainAll(stretch.map(({ vector }) => vector));
    stretch.forEach((each, i) => {
      onExplained({ verdict: each.explain(explanations[i]), provenance: each.provenance }, each);
    });
  };
  const stretches: Promise<void>[] = [];
  for (let i = 0; i < decided.length; i += STRETCH.verdicts)
    stretches.push(explainStretch(decided.slice(i, i + STRETCH.verdicts)));
  await Promise.all(stretches);
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
    const seen = isRejection(call) ? call : observer.observe(call, record.identity, record.offset);
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
  /** The same verdict with what each feature contributed, which costs more than all before where it is not at hand. */
  readonly explain: (explanation?: Explanation) => Verdict;
  /** What is to be explained. */
  readonly vector: Float32Array;
  readonly provenance: Provenance;
}

/**
 * Scores all snapshots in one batch and decides them in order. Returns each client's newest verdict: the others are
 * overtaken before anyone can read them.
 */
export function decideAll(
  snapshots: readonly Snapshot[],
  { classifier, context, standing, onVerdict }: Pick<ScoringStages, 'classifier' | 'context' | 'standing' | 'onVerdict'>,
): Decided[] {
  const vectors = vectorsOf(snapshots, classifier.width);
  const newest = new Map<string, Decided>();
  classifier.score(vectors, snapshots.length).forEach((scored, i) => {
    const snapshot = snapshots[i]!;
    const before = newest.get(snapshot.clientId)?.verdict ?? standing(snapshot.clientId);
    const verdict = decide(snapshot, scored, null, before, context);
    let explained: Verdict | null = null;
    const explain = (explanation?: Explanation) => {
      explained ??= decide(snapshot, scored, explanation ?? classifier.explain(snapshot.vector), before, context);
      return explained;
    };
    const { vector } = snapshot;
    const provenance = provenanceOf(snapshot, before);
    newest.set(snapshot.clientId, { verdict, explain: scored.error ? () => verdict : explain, vector, provenance });
    onVerdict?.(verdict);
  });
  return [...newest.values()];
}

let vectors = new Float32Array(0);

/** One after the other, until it is asked again: new arrays each time would be most of what is thrown away. */
function vectorsOf(snapshots: readonly Snapshot[], width: number): Float32Array {
  if (vectors.length < snapshots.length * width) vectors = new Float32Array(snapshots.length * width);
  snapshots.forEach(({ vector }, i) => {
    vectors.set(vector, i * width);
  });
  return vectors;
}
