/**
 * Calls that gateways have asked about and not told of yet. Each client's are added to a copy of its record, which is made
 * anew whenever one of them is told of: what is told counts once, in the record itself, and what was asked about never.
 */
import { isRejection } from './api-call.ts';
import type { ApiCall } from './contracts.ts';
import { type Identity, STRENGTH } from './identify.ts';
import type { Observer, Preview, Snapshot } from './observe.ts';
import { RecentMap } from './recent-map.ts';

/** A call as far as it is known when a gateway asks: without an answer. */
export interface AskedCall {
  readonly call: ApiCall;
  readonly identity: Identity;
}

interface Waiting {
  /** By the call's id, in the order in which they came. */
  readonly calls: Map<string, AskedCall>;
  /** With the first `added` of them. */
  preview: Preview | null;
  added: number;
}

/**
 * Whether a question may count. A credential that was never accepted may be a newcomer's, who is not to be charged with what all at its
 * address do.
 */
export function isChargeable({ subject }: Pick<ApiCall, 'subject'>, { strength }: Identity): boolean {
  return subject === null || strength !== STRENGTH.address;
}

export const EARLY = {
  /** Of one client; the ones after that are not looked at until some of these are told of. */
  maxCalls: 64,
  maxClients: 20_000,
  /** Calls of which it is remembered that they were told of before they were asked about. */
  maxToldFirst: 20_000,
  /** A call that is not told of within this is no longer waited for. */
  waitMs: 60_000,
} as const;

export class EarlyCalls {
  readonly #observer: Pick<Observer, 'preview'>;
  /** By clientId; the one that asked first comes first. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #clientOf = new Map<string, string>();
  /** Calls that were told of and had not been asked about. */
  readonly #toldFirst = new RecentMap<true>(EARLY.maxToldFirst);
  /** Those that asked, or were told of, since `advance`. */
  readonly #changed = new Set<string>();

  constructor(observer: Pick<Observer, 'preview'>) {
    this.#observer = observer;
  }

  /** Calls that are waited for. */
  get size(): number {
    return this.#clientOf.size;
  }

  /** Whether one more of the client's would be taken. */
  hasRoom(clientId: string): boolean {
    const waiting = this.#waiting.get(clientId);
    return waiting === undefined ? this.#waiting.size < EARLY.maxClients : waiting.calls.size < EARLY.maxCalls;
  }

  /** @returns whether it was taken: not where it is known, or where there is no room */
  ask({ call, identity }: AskedCall): boolean {
    const { clientId } = identity;
    if (this.#clientOf.has(call.id) || !this.hasRoom(clientId)) return false;
    const waiting = this.#waiting.get(clientId) ?? { calls: new Map(), preview: null, added: 0 };
    this.#waiting.set(clientId, waiting);
    waiting.calls.set(call.id, { call, identity });
    this.#clientOf.set(call.id, clientId);
    this.#changed.add(clientId);
    return true;
  }

  /** A call was told of. @returns whether it had been asked about */
  tell(id: string): boolean {
    const clientId = this.#clientOf.get(id);
    if (clientId === undefined) this.#toldFirst.set(id, true);
    else this.#drop(clientId, id);
    return clientId !== undefined;
  }

  /** Whether a call was told of, lately, before anyone asked about it. */
  wasTold(id: string): boolean {
    return this.#toldFirst.peek(id) !== undefined;
  }

  #drop(clientId: string, id: string): void {
    this.#clientOf.delete(id);
    const waiting = this.#waiting.get(clientId)!;
    waiting.calls.delete(id);
    waiting.preview = null;
    waiting.added = 0;
    if (waiting.calls.size === 0) this.#waiting.delete(clientId);
    this.#changed.add(clientId);
  }

  /** Gives up what was asked before `before`, ms since 1970. @returns how many calls */
  lapse(before: number): number {
    const size = this.size;
    for (const [clientId, { calls }] of this.#waiting)
      for (const [id, { call }] of calls) {
        if (call.time >= before) break;
        this.#drop(clientId, id);
      }
    return size - this.size;
  }

  /** Clients of which something else is foreseen than before: the newest snapshot, null where there is none any more. */
  advance(): Map<string, Snapshot | null> {
    const foreseen = new Map<string, Snapshot | null>();
    for (const clientId of this.#changed) {
      const waiting = this.#waiting.get(clientId);
      const isAnew = !waiting?.preview;
      const snapshot = waiting ? this.#advance(clientId, waiting) : null;
      if (isAnew || snapshot) foreseen.set(clientId, snapshot);
    }
    this.#changed.clear();
    return foreseen;
  }

  #advance(clientId: string, waiting: Waiting): Snapshot | null {
    waiting.preview ??= this.#observer.preview(clientId);
    let newest: Snapshot | null = null;
    let at = 0;
    for (const { call, identity } of waiting.calls.values()) {
      if (at++ < waiting.added) continue;
      const seen = waiting.preview.add(call, identity);
      if (seen !== null && !isRejection(seen)) newest = seen;
    }
    waiting.added = waiting.calls.size;
    return newest;
  }
}
