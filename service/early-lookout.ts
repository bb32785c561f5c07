/** Looks ahead: what clients are on the way to do, by what gateways ask, until the log lines of those calls come. */
import type { Verdict } from './core/contracts.ts';
import { type AskedCall, EARLY, EarlyCalls } from './core/early.ts';
import type { Observer } from './core/observe.ts';
import type { EarlyResult } from './io/metrics.ts';
import { type Decided, decideAll, type ScoringStages } from './pipeline.ts';

/** A verdict on what was told and asked. */
export type Foreseen = Pick<Decided, 'verdict' | 'explain'>;

export interface Lookout {
  take(asked: readonly AskedCall[]): void;
  /** A call was told of. */
  tell(id: string): void;
  /** Whether one more question of the client's would be taken. */
  hasRoom(clientId: string): boolean;
  close(): void;
}

export interface LookoutOptions {
  readonly stages: Pick<ScoringStages, 'classifier' | 'context' | 'standing' | 'now'>;
  readonly observer: Pick<Observer, 'preview'>;
  /** Questions by what became of them. */
  readonly counts: Record<EarlyResult, number>;
  /** Told of each change; null of a client that is foreseen nothing any more. */
  onForeseen(clientId: string, foreseen: Foreseen | null): void;
  /** Told of each client that is denied by what it only asked. */
  readonly log: { info(text: string): void };
}

/** What comes together is looked at together; nobody waits for that. */
const GATHER_MS = 10;
const LAPSE_MS = 5000;

/** Where the clients are held. */
export function lookAhead({ stages, observer, counts, onForeseen, log }: LookoutOptions): Lookout {
  const calls = new EarlyCalls(observer);
  const denied = new Set<string>();
  let timer: NodeJS.Timeout | null = null;
  const lapsing = setInterval(lapse, LAPSE_MS).unref();

  function schedule(): void {
    timer ??= setTimeout(look, GATHER_MS).unref();
  }

  function look(): void {
    timer = null;
    const due = [];
    for (const [clientId, snapshot] of calls.advance()) {
      if (snapshot) due.push(snapshot);
      else foresee(clientId, null);
    }
    if (due.length > 0) for (const decided of decideAll(due, stages)) foresee(decided.verdict.clientId, earlyOf(decided));
  }

  function foresee(clientId: string, foreseen: Foreseen | null): void {
    const denies = foreseen?.verdict.action === 'deny' && foreseen.verdict.mode === 'live';
    if (denies && !denied.has(clientId)) log.info(deniedText(foreseen.explain()));
    if (denies) denied.add(clientId);
    else denied.delete(clientId);
    onForeseen(clientId, foreseen);
  }

  function lapse(): void {
    counts.lapsed += calls.lapse(stages.now() - EARLY.waitMs);
    schedule();
  }

  return {
    take(asked) {
      for (const each of asked) {
        // Some log lines are faster than their questions.
        const wasTold = calls.wasTold(each.call.id);
        if (wasTold) counts.told++;
        counts[wasTold || calls.ask(each) ? 'taken' : 'skipped']++;
      }
      schedule();
    },
    tell(id) {
      if (!calls.tell(id)) return;
      counts.told++;
      schedule();
    },
    hasRoom: (clientId) => calls.hasRoom(clientId),
    close() {
      clearInterval(lapsing);
      if (timer) clearTimeout(timer);
    },
  };
}

function deniedText({ id, reasons }: Verdict): string {
  return `${id} is denied by what was only asked: ${reasons[0]?.text ?? ''}`;
}

function earlyOf({ verdict, explain }: Decided): Foreseen {
  const early = (whole: Verdict): Verdict => ({ ...whole, id: `${whole.id}.early` });
  return { verdict: early(verdict), explain: () => early(explain()) };
}
