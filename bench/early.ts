/**
 * `npm run bench:early`: what it brings that a question counts until its log line comes. Captures are gone through as though log
 * lines came late; each client's calls are counted until the first that a gateway would deny. The bundled model has learnt from
 * these captures, so that only the differences within a table mean something.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { LabelledCall } from '../datasets/dataset.ts';
import { loadCapture } from '../datasets/range/load.ts';
import { simulate } from '../datasets/simulator/simulator.ts';
import { isRejection } from '../service/core/api-call.ts';
import type { ApiCall, Verdict } from '../service/core/contracts.ts';
import { EarlyCalls, isChargeable } from '../service/core/early.ts';
import { createObserver, type Snapshot } from '../service/core/observe.ts';
import { readPolicy } from '../service/core/policy.ts';
import { decide } from '../service/core/verdict.ts';
import { findModel, loadClassifier } from '../service/io/classifier.ts';
import { packageRoot } from '../service/io/package-root.ts';

const CAPTURES = ['shop-nginx-2', 'bank-envoy-2'];
const LAGS_MS = [1000, 5000];
/** As in training: who makes fewer calls is not counted. */
const MIN_CALLS = 3;

const UNANSWERED = { status: null, responseBytes: null, durationMs: null };
const HANDSHAKE = { tlsVersion: null, tlsCipher: null, ja3: null, ja4: null, tlsResumed: null };
const CONNECTION = { connectionId: null, connectionRequests: null, httpVersion: null, headerNames: null, requestBytes: null };

/** What a gateway says when it asks. */
const SAID: Readonly<Record<string, Partial<ApiCall> | null>> = {
  nothing: null,
  'method, URI and common headers': { ...UNANSWERED, ...HANDSHAKE, ...CONNECTION },
  'all but the answer': UNANSWERED,
};

interface Actor {
  label: string;
  calls: number;
  /** Calls before the first that was denied. */
  through: number | null;
}

const classifier = await loadClassifier(findModel());
const policyFile = join(packageRoot, 'service', 'policies', 'default.json');
const policy = readPolicy(JSON.parse(readFileSync(policyFile, 'utf8')), classifier.manifest.thresholds);
const context = { policy, model: classifier.manifest.id, featureSet: classifier.manifest.featureSet };

class Rehearsal {
  readonly #observer = createObserver({ maxClients: 1_000_000, maxLinks: 1_000_000 });
  readonly #early = new EarlyCalls(this.#observer);
  readonly #verdicts = new Map<string, Verdict>();
  readonly #earlyVerdicts = new Map<string, Verdict>();
  readonly #actors = new Map<string, Actor>();
  readonly #said: Partial<ApiCall> | null;

  constructor(said: Partial<ApiCall> | null) {
    this.#said = said;
  }

  ask({ call, truth }: LabelledCall): void {
    const identity = this.#observer.identifier.find(call);
    const actor = this.#actors.get(truth.client);
    // One that turns is a new one from then on.
    if (actor?.label !== truth.label) this.#actors.set(truth.client, { label: truth.label, calls: 0, through: null });
    const asking = this.#actors.get(truth.client)!;
    const verdict = this.#earlyVerdicts.get(identity.clientId) ?? this.#verdicts.get(identity.clientId);
    if (verdict?.action === 'deny' && verdict.expiresAt > call.time) asking.through ??= asking.calls;
    asking.calls++;
    if (this.#said === null || !isChargeable(call, identity)) return;
    this.#early.ask({ call: { ...call, ...this.#said }, identity });
    this.#look();
  }

  tell({ call }: LabelledCall): void {
    const seen = this.#observer.observe(call);
    if (isRejection(seen)) return;
    if (seen.snapshot) this.#verdicts.set(seen.clientId, this.#decide(seen.snapshot));
    this.#early.tell(call.id);
    this.#look();
  }

  #look(): void {
    for (const [clientId, snapshot] of this.#early.advance())
      if (snapshot) this.#earlyVerdicts.set(clientId, this.#decide(snapshot));
      else this.#earlyVerdicts.delete(clientId);
  }

  #decide(snapshot: Snapshot): Verdict {
    const [scored] = classifier.score(snapshot.vector, 1);
    return decide(snapshot, scored!, null, this.#verdicts.get(snapshot.clientId) ?? null, context);
  }

  get actors(): Actor[] {
    return [...this.#actors.values()].filter(({ calls }) => calls >= MIN_CALLS);
  }
}

function rehearse(calls: readonly LabelledCall[], lagMs: number, said: Partial<ApiCall> | null): Actor[] {
  const events = calls.flatMap((each) => [
    { at: each.call.time, each, isLog: false },
    { at: each.call.time + (each.call.durationMs ?? 0) + lagMs, each, isLog: true },
  ]);
  events.sort((a, b) => a.at - b.at);
  const rehearsal = new Rehearsal(said);
  for (const { each, isLog } of events) isLog ? rehearsal.tell(each) : rehearsal.ask(each);
  return rehearsal.actors;
}

function summaryOf(actors: readonly Actor[]) {
  const [good, bad] = ['good', 'bad'].map((label) => actors.filter((actor) => actor.label === label)) as [Actor[], Actor[]];
  const through = bad.map((actor) => actor.through ?? actor.calls).toSorted((a, b) => a - b);
  return {
    good: good.length,
    goodDenied: good.filter((actor) => actor.through !== null).length,
    bad: bad.length,
    badDenied: bad.filter((actor) => actor.through !== null).length,
    throughMedian: through[through.length >> 1],
    throughMean: Number((through.reduce((a, b) => a + b, 0) / through.length).toFixed(1)),
  };
}

const rows = [];
const WORLD = { seed: 99, clients: 800 };
const sets: [string, readonly LabelledCall[]][] = CAPTURES.map((capture) => [capture, [...loadCapture(capture)]]);
sets.push(['a simulated world', [...simulate(WORLD)]]);
for (const [set, calls] of sets)
  for (const lagMs of LAGS_MS)
    for (const [said, fields] of Object.entries(SAID))
      rows.push({ set, lagMs, said, ...summaryOf(rehearse(calls, lagMs, fields)) });
const table = new Table({ head: Object.keys(rows[0]!), style: { head: [], border: [] } });
table.push(...rows.map((row) => Object.values(row)));
console.log(table.toString());
writeFileSync(join(packageRoot, 'bench', 'early.json'), `${JSON.stringify(rows, null, 2)}\n`);
