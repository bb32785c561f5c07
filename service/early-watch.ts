import type { IncomingHttpHeaders } from 'node:http';
import { isRejection } from './core/api-call.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { EARLY, EarlyCalls, isChargeable } from './core/early.ts';
import type { ClientAttributes, Identity } from './core/identify.ts';
import type { EarlyVerdicts } from './io/ask.ts';
import { CALL_HEADER, readAskedCall } from './io/asked-call.ts';
import type { EarlyResult } from './io/metrics.ts';
import { type StoredVerdict, storedOf } from './io/verdict-store.ts';
import { type Decided, decideAll, type ScoringStages } from './pipeline.ts';

interface Question {
  readonly headers: IncomingHttpHeaders;
  readonly client: ClientAttributes;
  readonly identity: Identity;
}

export interface EarlyWatch extends EarlyVerdicts {
  onCall(call: ApiCall): void;
  close(): void;
}

export interface EarlyWatchOptions {
  readonly stages: ScoringStages;
  /** Questions by what became of them. */
  readonly counts: Record<EarlyResult, number>;
  /** Told of each client that is denied by what it only asked. */
  onDenied(verdict: Verdict): void;
}

/** Questions that came together are looked at together; none waits for that. */
const GATHER_MS = 10;
const LAPSE_MS = 5000;
const MAX_GATHERED = 10_000;

/** What clients are on the way to do, by what gateways ask, until their log lines come. */
export function watchQuestions({ stages, counts, onDenied }: EarlyWatchOptions): EarlyWatch {
  const calls = new EarlyCalls(stages.observer);
  const verdicts = new Map<string, StoredVerdict>();
  let gathered: Question[] = [];
  let timer: NodeJS.Timeout | null = null;
  const lapsing = setInterval(lapse, LAPSE_MS).unref();

  function ask(headers: IncomingHttpHeaders, client: ClientAttributes, identity: Identity): void {
    if (headers[CALL_HEADER] === undefined) return;
    const isTaken = isChargeable(client, identity) && gathered.length < MAX_GATHERED && calls.hasRoom(identity.clientId);
    if (!isTaken) {
      counts.skipped++;
      return;
    }
    gathered.push({ headers, client, identity });
    schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(look, GATHER_MS).unref();
  }

  function look(): void {
    timer = null;
    takeAll();
    const due = [];
    for (const [clientId, snapshot] of calls.advance()) {
      if (snapshot) due.push(snapshot);
      else verdicts.delete(clientId);
    }
    if (due.length > 0) for (const decided of decideAll(due, stages)) hold(decided);
  }

  function takeAll(): void {
    const questions = gathered;
    gathered = [];
    for (const question of questions) counts[take(question)]++;
  }

  function take({ headers, client, identity }: Question): 'taken' | 'skipped' | 'rejected' {
    const call = readAskedCall(headers, client, stages.now());
    if (call === null || isRejection(call)) return 'rejected';
    return calls.ask({ call, identity }) ? 'taken' : 'skipped';
  }

  function hold({ verdict, explain }: Decided): void {
    const early = (whole: Verdict): Verdict => ({ ...whole, id: `${whole.id}.early` });
    const stored = storedOf(early(verdict), () => early(explain()));
    if (stored.denies && !verdicts.get(verdict.clientId)?.denies) onDenied(stored.verdict);
    verdicts.set(verdict.clientId, stored);
  }

  function onCall({ id }: ApiCall): void {
    // The log line may be faster than the moment for which questions are gathered.
    takeAll();
    if (!calls.tell(id)) return;
    counts.told++;
    schedule();
  }

  function lapse(): void {
    counts.lapsed += calls.lapse(stages.now() - EARLY.waitMs);
    schedule();
  }

  return {
    ask,
    get: (clientId) => verdicts.get(clientId) ?? null,
    onCall,
    close() {
      clearInterval(lapsing);
      if (timer) clearTimeout(timer);
    },
  };
}
