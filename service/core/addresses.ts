/**
 * Which clients stand behind which address, for gateways that can only turn addresses away: one is given out when every client
 * that was seen there is denied, and no sooner. In memory only, since nothing that is kept links a client to its address.
 */
import { Oldest } from './oldest.ts';
import { RecentMap } from './recent-map.ts';

/** Until when a client is denied, ms since 1970; null where it isn't. */
export type DeniedUntil = (clientId: string) => number | null;

/** Clients told apart at one address; one with more is shared by so many that it is never given out. */
const MAX_CLIENTS = 32;
/** Stands for all beyond, and is no client. */
const CROWD = '';
const MAX_SUSPECTS = 100_000;

export class Addresses {
  readonly #clients: RecentMap<Set<string>>;
  /** Where each client was seen last. */
  readonly #last: RecentMap<string>;
  /** Where a denied client was seen. */
  readonly #suspects = new Set<string>();
  readonly #oldest = new Oldest(this.#suspects);

  /** @param limit addresses remembered */
  constructor(limit: number) {
    this.#clients = new RecentMap(limit);
    this.#last = new RecentMap(limit);
  }

  /** A call has come. */
  see(address: string, clientId: string, isDenied: boolean): void {
    let clients = this.#clients.get(address);
    if (!clients) {
      clients = new Set();
      this.#clients.set(address, clients);
    }
    clients.add(clients.size < MAX_CLIENTS || clients.has(clientId) ? clientId : CROWD);
    this.#last.set(clientId, address);
    if (isDenied) this.#suspect(address);
  }

  /** A client that was seen is denied from now on. */
  deny(clientId: string): void {
    const address = this.#last.peek(clientId);
    if (address !== undefined) this.#suspect(address);
  }

  #suspect(address: string): void {
    this.#suspects.add(address);
    if (this.#suspects.size > MAX_SUSPECTS) this.#suspects.delete(this.#oldest.next()!);
  }

  /** Addresses to turn away, and until when. */
  denied(deniedUntil: DeniedUntil): Map<string, number> {
    const denied = new Map<string, number>();
    for (const address of this.#suspects) {
      const untils = Array.from(this.#clients.peek(address) ?? [], deniedUntil);
      const sure = untils.filter((until) => until !== null);
      if (sure.length === 0) this.#suspects.delete(address);
      else if (sure.length === untils.length) denied.set(address, Math.min(...sure));
    }
    return denied;
  }
}
