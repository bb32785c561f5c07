/** The newest verdict of every client, in memory; once it was asked for it is ready to send. */
import type { Verdict, VerdictName } from '../core/contracts.ts';
import { Oldest } from '../core/oldest.ts';
import type { Standing } from '../core/verdict.ts';
import { VerdictArena } from '../core/verdict-arena.ts';

/** Names in lower case, each with its value: one more is sooner added to a list than to a copy of an object. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface StoredVerdict {
  readonly verdict: Verdict;
  /** Without what costs to explain; for all that does not ask why. */
  readonly plain: Verdict;
  /** The verdict as JSON. */
  readonly body: string;
  readonly headers: HeaderList;
  /** Whether a gateway is to turn the client away, unless the verdict has expired. */
  readonly denies: boolean;
  /** Whether the client has been good for long, and asks for so much that not each of its calls need be asked about. */
  readonly isSteady: boolean;
}

/** Made ready by whoever asks first: most verdicts are overtaken before anyone does. */
class Stored implements StoredVerdict {
  readonly plain: Verdict;
  #explain: (() => Verdict) | null;
  #verdict: Verdict;
  #body: string | null = null;
  #headers: HeaderList | null = null;

  constructor(verdict: Verdict, explain: (() => Verdict) | null) {
    this.plain = verdict;
    this.#verdict = verdict;
    this.#explain = explain;
  }

  get isWhole(): boolean {
    return this.#explain === null;
  }

  get verdict(): Verdict {
    if (this.#explain) this.complete(this.#explain());
    return this.#verdict;
  }

  complete(verdict: Verdict): void {
    if (verdict.id === this.plain.id) [this.#verdict, this.#explain, this.#headers] = [verdict, null, null];
  }

  get body(): string {
    this.#body ??= JSON.stringify(this.verdict);
    return this.#body;
  }

  /** Of a client that is let pass without what costs to explain, until that has been found: nobody waits for it. */
  get headers(): HeaderList {
    this.#headers ??= headersOf(this.denies ? this.verdict : this.#verdict);
    return this.#headers;
  }

  get denies(): boolean {
    return this.plain.action === 'deny' && this.plain.mode === 'live';
  }

  get isSteady(): boolean {
    const { verdict, action, calls, time, sessionStart } = this.plain;
    const isPaced = calls >= STEADY_PER_SECOND * ((time - sessionStart) / 1000);
    return verdict === 'good' && action === 'allow' && calls >= STEADY_CALLS && isPaced;
  }
}

/** Fewer calls a second cost more to keep an answer for than to ask about. */
const STEADY_PER_SECOND = 10;
const STEADY_CALLS = 100;

/** A verdict that is kept elsewhere, as this store would have it. */
export function storedOf(verdict: Verdict, explain: () => Verdict): StoredVerdict {
  return new Stored(verdict, explain);
}

type Listener = (stored: StoredVerdict) => void;

/** Verdicts that are held as objects: those that were put last. The others rest in the arena. */
const MAX_WARM = 4096;

/** A verdict, or where it rests. */
type Held = Stored | number;

/** How many clients a list can show of each verdict: those that changed last. */
const MAX_LISTED = 10_000;

interface Recent {
  readonly clients: Set<string>;
  readonly oldest: Oldest<string>;
}

function createRecent(): Recent {
  const clients = new Set<string>();
  return { clients, oldest: new Oldest(clients) };
}

export class VerdictStore {
  readonly #limit: number;
  /** Of clients of a few calls that nothing is held against, and of the others, each in the order in which they were scored. */
  readonly #fresh = new Map<string, Held>();
  readonly #kept = new Map<string, Held>();
  readonly #oldestFresh = new Oldest(this.#fresh);
  readonly #oldestKept = new Oldest(this.#kept);
  readonly #warm = new Set<Stored>();
  readonly #oldestWarm = new Oldest(this.#warm);
  readonly #arena = new VerdictArena();
  readonly #recent: Record<VerdictName, Recent> = { good: createRecent(), bad: createRecent(), unsure: createRecent() };
  readonly #counts: Record<VerdictName, number> = { good: 0, bad: 0, unsure: 0 };
  readonly #listeners = new Set<Listener>();

  /**
   * @param limit most clients held; beyond it the one that was scored longest ago goes, of those of a few calls where these are
   * more than a fifth: a flood of newcomers pushes out newcomers
   */
  constructor(limit = 200_000) {
    this.#limit = limit;
  }

  /** @param explain the same verdict with what costs to explain, where `verdict` is without; asked at most once */
  put(verdict: Verdict, explain: (() => Verdict) | null = null): void {
    const stored = new Stored(verdict, explain);
    this.#hold(verdict.clientId, stored, verdict);
    this.#keepWarm(stored);
    for (const listener of this.#listeners) listener(stored);
  }

  /** Puts back what was kept, in the order of its time; at rest from the start, so that each is looked at once. */
  restore(verdicts: Iterable<Verdict>): void {
    const restored = Array.from(verdicts, (verdict) => {
      return { clientId: verdict.clientId, time: verdict.time, held: this.#arena.put(verdict) ?? new Stored(verdict, null) };
    });
    restored.sort((a, b) => a.time - b.time);
    for (const { clientId, held } of restored) this.#hold(clientId, held, this.#standingOf(held));
  }

  #hold(clientId: string, held: Held, standing: Pick<Standing, 'verdict' | 'calls'>): void {
    if (this.has(clientId)) this.remove(clientId);
    else if (this.#fresh.size + this.#kept.size >= this.#limit) this.remove(this.#oldest());
    (isFresh(standing) ? this.#fresh : this.#kept).set(clientId, held);
    this.#counts[standing.verdict]++;
    const { clients, oldest } = this.#recent[standing.verdict];
    clients.add(clientId);
    if (clients.size > MAX_LISTED) clients.delete(oldest.next()!);
  }

  /** The verdict that was put without what costs to explain, now with it; so that what explains it is held no longer. */
  complete(verdict: Verdict): void {
    const held = this.#find(verdict.clientId);
    if (!(held instanceof Stored)) return;
    held.complete(verdict);
    if (held.isWhole && !this.#warm.has(held)) this.#rest(held);
  }

  #keepWarm(stored: Stored): void {
    this.#warm.add(stored);
    if (this.#warm.size <= MAX_WARM) return;
    const oldest = this.#oldestWarm.next()!;
    this.#warm.delete(oldest);
    if (oldest.isWhole) this.#rest(oldest);
  }

  #rest(stored: Stored): void {
    const { clientId } = stored.plain;
    const slot = this.#arena.put(stored.verdict);
    if (slot !== null) (this.#kept.has(clientId) ? this.#kept : this.#fresh).set(clientId, slot);
  }

  /** Forgets a client, such as one whose verdict was erased. */
  remove(clientId: string): void {
    const held = this.#find(clientId);
    if (held === undefined) return;
    const { verdict } = this.#standingOf(held);
    if (typeof held === 'number') this.#arena.give(held);
    else this.#warm.delete(held);
    if (!this.#fresh.delete(clientId)) this.#kept.delete(clientId);
    this.#recent[verdict].clients.delete(clientId);
    this.#counts[verdict]--;
  }

  #oldest(): string {
    const isCrowded = this.#fresh.size > FRESH_SHARE * this.#limit || this.#kept.size === 0;
    return (isCrowded ? this.#oldestFresh : this.#oldestKept).next()!;
  }

  #find(clientId: string): Held | undefined {
    return this.#kept.get(clientId) ?? this.#fresh.get(clientId);
  }

  #standingOf(held: Held): Standing {
    return typeof held === 'number' ? this.#arena.standing(held) : held.plain;
  }

  /** Whether this is the client's newest verdict. */
  holds({ clientId, calls, sessionStart }: Verdict): boolean {
    const standing = this.standing(clientId);
    return standing !== null && standing.calls === calls && standing.sessionStart === sessionStart;
  }

  has(clientId: string): boolean {
    return this.#find(clientId) !== undefined;
  }

  get(clientId: string): StoredVerdict | null {
    const held = this.#find(clientId);
    if (typeof held !== 'number') return held ?? null;
    // Not kept: what outlives its question costs more to collect than to read again.
    return new Stored(this.#arena.read(held, clientId), null);
  }

  /** All that are held. */
  *all(): Generator<Verdict> {
    for (const clients of [this.#fresh, this.#kept])
      for (const [clientId, held] of clients) yield typeof held === 'number' ? this.#arena.read(held, clientId) : held.verdict;
  }

  standing(clientId: string): Standing | null {
    const held = this.#find(clientId);
    return held === undefined ? null : this.#standingOf(held);
  }

  get counts(): Readonly<Record<VerdictName, number>> {
    return this.#counts;
  }

  /** The clients that changed last, newest first. */
  list(only: VerdictName | null, limit: number): Verdict[] {
    const names: VerdictName[] = only ? [only] : ['bad', 'unsure', 'good'];
    const newest = names.flatMap((name) => [...this.#recent[name].clients].slice(-limit));
    return newest
      .map((clientId) => this.get(clientId)!.verdict)
      .sort((a, b) => b.time - a.time || (a.clientId < b.clientId ? -1 : 1))
      .slice(0, limit);
  }

  /** Calls back on every new verdict until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const FRESH_SHARE = 0.2;
const FRESH_CALLS = 4;

function isFresh({ verdict, calls }: Pick<Standing, 'verdict' | 'calls'>): boolean {
  return calls < FRESH_CALLS && verdict !== 'bad';
}

const MAX_HEADER_REASONS = 3;

/** For gateways and applications that can act on these; in shadow nobody is to. */
const TOLD_ACTIONS: ReadonlySet<Verdict['action']> = new Set(['throttle', 'challenge']);

function headersOf({ verdict, score, reasons, id, action, mode }: Verdict): HeaderList {
  const told = reasons.slice(0, MAX_HEADER_REASONS).map(({ name }) => name);
  return [
    ...(mode === 'live' && TOLD_ACTIONS.has(action) ? [['x-assay-action', action] as const] : []),
    ['x-assay-verdict', verdict],
    ['x-assay-score', score === null ? '' : score.toFixed(4)],
    ['x-assay-reasons', told.join(',')],
    ['x-assay-decision', id],
  ];
}
