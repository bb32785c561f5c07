import type { IncomingHttpHeaders } from 'node:http';
import { isRejection } from './core/api-call.ts';
import { type AskedCall, EARLY, isChargeable } from './core/early.ts';
import type { ClientAttributes, Identity } from './core/identify.ts';
import type { Foreseen, Lookout } from './early-lookout.ts';
import type { EarlyVerdicts } from './io/ask.ts';
import { CALL_HEADER, readAskedCall } from './io/asked-call.ts';
import type { EarlyResult } from './io/metrics.ts';
import { type StoredVerdict, storedOf } from './io/verdict-store.ts';

interface Question {
  readonly headers: IncomingHttpHeaders;
  readonly client: ClientAttributes;
  readonly identity: Identity;
}

export interface EarlyWatch extends EarlyVerdicts {
  /** From now on questions are looked at there, until the watch closes it; before that they are answered and no more. */
  handTo(lookout: Omit<Lookout, 'tell'>): void;
  /** Keeps what is foreseen, null for nothing any more. */
  hold(clientId: string, foreseen: Foreseen | null): void;
  close(): void;
}

export interface EarlyWatchOptions {
  /** Questions by what became of them. */
  readonly counts: Record<EarlyResult, number>;
  /** Ms since 1970. */
  now(): number;
}

/** Questions that came together are read together, once they are answered. */
const GATHER_MS = 10;
const MAX_GATHERED = 10_000;
const LAPSE_MS = 5000;

/** Where gateways ask: takes in what they say of the calls, and holds what is foreseen of the clients. */
export function watchQuestions({ counts, now }: EarlyWatchOptions): EarlyWatch {
  const verdicts = new Map<string, { readonly stored: StoredVerdict; readonly until: number }>();
  let lookout: Omit<Lookout, 'tell'> | null = null;
  let gathered: Question[] = [];
  let timer: NodeJS.Timeout | null = null;
  const lapsing = setInterval(lapse, LAPSE_MS).unref();

  function ask(headers: IncomingHttpHeaders, client: ClientAttributes, identity: Identity): void {
    if (headers[CALL_HEADER] === undefined) return;
    const isTaken = isChargeable(client, identity) && gathered.length < MAX_GATHERED && lookout?.hasRoom(identity.clientId);
    if (!isTaken) {
      counts.skipped++;
      return;
    }
    gathered.push({ headers, client, identity });
    timer ??= setTimeout(read, GATHER_MS).unref();
  }

  function read(): void {
    timer = null;
    const questions = gathered;
    gathered = [];
    const asked: AskedCall[] = questions.flatMap(({ headers, client, identity }) => {
      const call = readAskedCall(headers, client, now());
      return call === null || isRejection(call) ? [] : [{ call, identity }];
    });
    counts.rejected += questions.length - asked.length;
    if (asked.length > 0) lookout?.take(asked);
  }

  /** What was foreseen of calls that are not waited for any more; who foresaw it may be gone. */
  function lapse(): void {
    for (const [clientId, { until }] of verdicts) if (until <= now()) verdicts.delete(clientId);
  }

  return {
    ask,
    handTo(next) {
      lookout = next;
    },
    get(clientId) {
      const held = verdicts.get(clientId);
      return held && held.until > now() ? held.stored : null;
    },
    hold(clientId, foreseen) {
      if (foreseen === null) verdicts.delete(clientId);
      else verdicts.set(clientId, { stored: storedOf(foreseen.verdict, foreseen.explain), until: now() + EARLY.waitMs });
    },
    close() {
      clearInterval(lapsing);
      if (timer) clearTimeout(timer);
      lookout?.close();
    },
  };
}
