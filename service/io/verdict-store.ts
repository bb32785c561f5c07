/** The newest verdict of every client, in memory and ready to send: a look-up computes nothing. */
import type { Verdict, VerdictName } from '../core/contracts.ts';
import type { Standing } from '../core/verdict.ts';

export interface StoredVerdict {
  readonly verdict: Verdict;
  /** The verdict as JSON. */
  readonly body: string;
  readonly headers: Record<string, string>;
  /** Whether a gateway is to turn the client away, unless the verdict has expired. */
  readonly denies: boolean;
}

type Listener = (stored: StoredVerdict) => void;

/** How many clients a list can show of each verdict: those that changed last. */
const MAX_LISTED = 10_000;

export class VerdictStore {
  readonly #limit: number;
  readonly #verdicts = new Map<string, StoredVerdict>();
  readonly #recent: Record<VerdictName, Map<string, null>> = { good: new Map(), bad: new Map(), unsure: new Map() };
  readonly #counts: Record<VerdictName, number> = { good: 0, bad: 0, unsure: 0 };
  readonly #listeners = new Set<Listener>();

  /** @param limit most clients held; beyond it the one that was scored longest ago goes */
  constructor(limit = 200_000) {
    this.#limit = limit;
  }

  put(verdict: Verdict): void {
    const { clientId } = verdict;
    const before = this.#verdicts.get(clientId);
    if (before) this.#forget(before.verdict);
    else if (this.#verdicts.size >= this.#limit) this.#forget(this.#verdicts.values().next().value!.verdict);
    const stored = prepare(verdict);
    this.#verdicts.set(clientId, stored);
    this.#counts[verdict.verdict]++;
    const recent = this.#recent[verdict.verdict];
    recent.set(clientId, null);
    if (recent.size > MAX_LISTED) recent.delete(recent.keys().next().value!);
    for (const listener of this.#listeners) listener(stored);
  }

  /** Forgets a client whose verdict was erased. */
  remove(clientId: string): void {
    const stored = this.#verdicts.get(clientId);
    if (stored) this.#forget(stored.verdict);
  }

  #forget({ clientId, verdict }: Verdict): void {
    this.#verdicts.delete(clientId);
    this.#recent[verdict].delete(clientId);
    this.#counts[verdict]--;
  }

  get(clientId: string): StoredVerdict | null {
    return this.#verdicts.get(clientId) ?? null;
  }

  /** All that are held, those scored longest ago first. */
  *all(): Generator<Verdict> {
    for (const { verdict } of this.#verdicts.values()) yield verdict;
  }

  standing(clientId: string): Standing | null {
    return this.#verdicts.get(clientId)?.verdict ?? null;
  }

  get counts(): Readonly<Record<VerdictName, number>> {
    return this.#counts;
  }

  /** The clients that changed last, newest first. */
  list(only: VerdictName | null, limit: number): Verdict[] {
    const names: VerdictName[] = only ? [only] : ['bad', 'unsure', 'good'];
    const newest = names.flatMap((name) => [...this.#recent[name].keys()].slice(-limit));
    return newest
      .map((clientId) => this.#verdicts.get(clientId)!.verdict)
      .sort((a, b) => b.time - a.time || (a.clientId < b.clientId ? -1 : 1))
      .slice(0, limit);
  }

  /** Calls back on every new verdict until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const MAX_HEADER_REASONS = 3;

function prepare(verdict: Verdict): StoredVerdict {
  const reasons = verdict.reasons.slice(0, MAX_HEADER_REASONS).map((reason) => reason.name);
  return {
    verdict,
    body: JSON.stringify(verdict),
    headers: {
      'x-assay-verdict': verdict.verdict,
      'x-assay-score': verdict.score === null ? '' : verdict.score.toFixed(4),
      'x-assay-reasons': reasons.join(','),
      'x-assay-decision': verdict.id,
    },
    denies: verdict.action === 'deny' && verdict.mode === 'live',
  };
}
