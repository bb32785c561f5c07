/**
 * State on disk for the embedded default: clients' and cohorts' records, links, verdicts, labels and dead letters in one LMDB
 * environment. Writes are gathered and committed in the background; a crash loses at most what was not yet committed.
 */
import { mkdirSync } from 'node:fs';
import { type Database, open, type RangeOptions, type RootDatabase } from 'lmdb';
import { RECORD_VERSION } from '../core/client-record.ts';
import { isCohortId } from '../core/cohort.ts';
import type { Label, Verdict } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import { featureSet } from '../core/features.ts';
import type { LinkChange } from '../core/identify.ts';
import type { Observer } from '../core/observe.ts';
import type { Decision, Provenance } from '../core/provenance.ts';
import type { DeadLetter } from '../core/source.ts';
import { hashString } from '../core/stats.ts';
import type { VerdictStore } from './verdict-store.ts';

/** Dead letters and labels kept; the oldest go first. */
const MAX_KEPT = 100_000;
export const DATABASES = { verdicts: 'verdicts', provenance: 'provenance', letters: 'dead-letters' } as const;
export const ENVIRONMENT = { mapSize: 16 * 2 ** 30, maxDbs: 9 } as const;

/** A dead letter as it lies on disk. */
export interface KeptLetter extends DeadLetter {
  /** When it was buried, ms since 1970; older stores do not tell. */
  readonly time?: number;
  /** When it was put back into the source, ms since 1970. */
  readonly putBackAt?: number;
}

/** What a verdict was made from, by its client; of another one where the client's newest was kept without. */
export type KeptProvenance = Provenance & { readonly id: string };

export interface DiskStoreOptions {
  /** Clients and links kept, about; what memory has forgotten is dropped here once so many were written. */
  readonly limit?: number;
}

export class DiskStore {
  readonly #limit: number;
  readonly #root: RootDatabase;
  readonly #records: Database<Buffer, string>;
  /** Two generations; which one is young, `meta` tells. */
  readonly #links: readonly Database<LinkChange, string>[];
  readonly #verdicts: Database<Verdict, string>;
  readonly #provenance: Database<KeptProvenance, string>;
  readonly #labels: Journal<Label>;
  readonly #letters: Journal<KeptLetter>;
  readonly #meta: Database<number, string>;
  /** Records written since the last sweep, and links since the last change of generation. */
  #written = 0;
  #linksWritten: number;

  constructor(folder: string, { limit = 200_000 }: DiskStoreOptions = {}) {
    this.#limit = limit;
    mkdirSync(folder, { recursive: true });
    this.#root = open({ path: folder, ...ENVIRONMENT });
    // lmdb makes one more promise for each batch, which nobody is given.
    this.#root.on('beforecommit', () => queueMicrotask(() => later(this.#root.committed)));
    this.#records = this.#root.openDB({ name: 'records', encoding: 'binary' });
    this.#links = ['links-0', 'links-1'].map((name) => this.#root.openDB({ name }));
    this.#verdicts = this.#root.openDB({ name: DATABASES.verdicts });
    this.#provenance = this.#root.openDB({ name: DATABASES.provenance });
    this.#labels = new Journal(this.#root.openDB({ name: 'labels' }));
    this.#letters = new Journal(this.#root.openDB({ name: DATABASES.letters }));
    this.#meta = this.#root.openDB({ name: 'meta' });
    // However often it is started anew, it ages.
    this.#linksWritten = this.#linksOf(0).getCount();
    this.#forgetOtherLayouts();
  }

  /** A record is read only by the layout and counting that wrote it; sessions begin anew after an update. */
  #forgetOtherLayouts(): void {
    const layout = hashString(`${RECORD_VERSION} ${featureSet}`);
    if (this.get('layout') === layout) return;
    this.#records.clearSync();
    this.#meta.putSync('layout', layout);
  }

  /**
   * Puts back what was kept, verdicts in the order of their time, and drops what memory has no room for.
   *
   * @returns how many clients came back
   */
  restore(observer: Observer, store: VerdictStore): number {
    for (const links of [this.#linksOf(1), this.#linksOf(0)])
      for (const { value } of links.getRange()) observer.identifier.restore(value);
    let clients = 0;
    for (const { key, value } of this.#records.getRange()) if (observer.restore(key, value) && !isCohortId(key)) clients++;
    store.restore(this.#allVerdicts());
    this.#sweep(observer, store);
    return clients;
  }

  /** One by one: as objects a million are a gigabyte. */
  *#allVerdicts(): Generator<Verdict> {
    for (const { value } of this.#verdicts.getRange()) yield value;
  }

  keepLink(change: LinkChange): void {
    later(this.#linksOf(0).put(`${change[0]}:${change[1]}`, change));
    if (++this.#linksWritten > this.#limit) this.#ageLinks();
  }

  /** The young generation of links at age 0, the old one at age 1. */
  #linksOf(age: 0 | 1): Database<LinkChange, string> {
    return this.#links[(this.get('young-links') + age) % 2]!;
  }

  /** The old generation goes and the young one grows old: a link that was not written for so long is forgotten. */
  #ageLinks(): void {
    this.#linksWritten = 0;
    this.#linksOf(1).clearSync();
    this.#meta.putSync('young-links', 1 - this.get('young-links'));
  }

  /** @throws AssayError ASSAY_STORAGE_FAILED, such as on a full disk */
  async #committed(): Promise<void> {
    try {
      await this.#root.committed;
    } catch (error) {
      throw new AssayError('ASSAY_STORAGE_FAILED', (error as Error).message, { cause: error });
    }
  }

  /** Keeps the records of touched clients and cohorts and the new verdicts; resolves when they are committed. */
  async keep(
    { observer, store }: { readonly observer: Observer; readonly store: VerdictStore },
    decisions: Iterable<Decision>,
    touched: ReadonlySet<string>,
  ): Promise<void> {
    for (const id of touched) {
      const bytes = observer.dump(id);
      if (bytes) later(this.#records.put(id, Buffer.from(bytes)));
    }
    for (const { verdict, provenance } of decisions) {
      later(this.#verdicts.put(verdict.clientId, verdict));
      if (provenance) later(this.#provenance.put(verdict.clientId, { ...provenance, id: verdict.id }));
    }
    this.#written += touched.size;
    if (this.#written > this.#limit) this.#sweep(observer, store);
    await this.#committed();
  }

  #sweep(observer: Observer, store: VerdictStore): void {
    this.#written = 0;
    for (const id of this.#records.getKeys()) if (!observer.has(id)) later(this.#records.remove(id));
    for (const verdicts of [this.#verdicts, this.#provenance])
      for (const clientId of verdicts.getKeys()) if (!store.has(clientId)) later(verdicts.remove(clientId));
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    const time = Date.now();
    for (const letter of letters) this.#letters.append({ ...letter, bytes: Buffer.from(letter.bytes), time });
    await this.#committed();
  }

  async keepLabel(label: Label): Promise<void> {
    this.#labels.append(label);
    await this.#committed();
  }

  /** The newest, newest first. */
  letters(limit = 100): KeptLetter[] {
    return this.#letters.read({ reverse: true, limit });
  }

  labels(): Label[] {
    return this.#labels.read();
  }

  get(name: string): number {
    return this.#meta.get(name) ?? 0;
  }

  set(name: string, value: number): void {
    later(this.#meta.put(name, value));
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** Entries under numbers of their own without gaps, so that once it is full each one that comes pushes out the oldest. */
class Journal<V> {
  readonly #database: Database<V, number>;
  #last: number;

  constructor(database: Database<V, number>) {
    this.#database = database;
    this.#last = [...database.getKeys({ reverse: true, limit: 1 })][0] ?? 0;
  }

  append(value: V): void {
    this.#last++;
    later(this.#database.put(this.#last, value));
    later(this.#database.remove(this.#last - MAX_KEPT));
  }

  read(options: RangeOptions = {}): V[] {
    return [...this.#database.getRange(options)].map(({ value }) => value);
  }
}

/** A single write's failure shows when the whole batch is awaited; by itself it must not end the process. */
function later(write: PromiseLike<boolean>): void {
  write.then(null, ({ commitError }: { commitError?: Promise<never> }) => commitError?.catch(() => {}));
}
