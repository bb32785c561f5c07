/** A verdict made again: the same calls, counted anew, and what was known beside them. Pure. */
import { isRejection } from './api-call.ts';
import type { ApiCall, Verdict } from './contracts.ts';
import type { Identity } from './identify.ts';
import { createObserver, type Observer, type Snapshot } from './observe.ts';
import type { Decision, Provenance } from './provenance.ts';
import { verdictId } from './verdict.ts';

const DECISION_ID = /^([0-9a-f]{32})\.([0-9a-z]{1,11})\.(\d{1,9})$/;

/** Whose verdict an id names; null where it is no verdict's id. */
export function clientOf(id: string): string | null {
  return DECISION_ID.exec(id)?.[1] ?? null;
}

/** Where a call stands, as far as it is known. */
export interface Place {
  readonly identity?: Identity | undefined;
  readonly offset?: number | undefined;
}

/** Counts the calls of one client as they were counted, up to the one at which its verdict was made. */
export class Replay {
  readonly #verdict: Verdict;
  readonly #span: Provenance['span'];
  readonly #observer: Observer;
  /** Of the client. */
  calls = 0;
  snapshot: Snapshot | null = null;

  /** @param key of the deployment, by which client ids are hashed */
  constructor({ verdict, provenance }: Decision, key: string) {
    this.#verdict = verdict;
    this.#span = provenance?.span ?? null;
    const others = provenance?.others;
    this.#observer = createObserver({ key, cohorts: false, ...(others ? { others: Float32Array.from(others) } : {}) });
  }

  /**
   * The calls of all clients, in their order, since one may tell whose another is; a rejected one is passed over, as it was.
   * @returns whether the verdict's moment has come
   */
  observe(call: ApiCall, { identity, offset }: Place = {}): boolean {
    const caller = identity ?? this.#observer.identifier.identify(call);
    if (this.snapshot || caller.clientId !== this.#verdict.clientId) return this.snapshot !== null;
    // A client that was forgotten meanwhile began anew.
    if (this.#span && offset !== undefined && offset < this.#span.first) return false;
    const seen = this.#observer.observe(call, caller, offset);
    if (isRejection(seen)) return false;
    this.calls++;
    if (seen.snapshot && verdictId(seen.snapshot) === this.#verdict.id) this.snapshot = seen.snapshot;
    return this.snapshot !== null;
  }
}

/** A field in which two verdicts differ. */
export interface Difference {
  readonly field: string;
  readonly recorded: unknown;
  readonly replayed: unknown;
}

/** Numbers are the same where all their bits are, but for the sign of 0. */
export function compareVerdicts(recorded: Verdict, replayed: Verdict): Difference[] {
  const fields = Object.keys({ ...recorded, ...replayed }) as (keyof Verdict)[];
  return fields
    .filter((field) => JSON.stringify(recorded[field]) !== JSON.stringify(replayed[field]))
    .map((field) => ({ field, recorded: recorded[field], replayed: replayed[field] }));
}
