/**
 * State on disk for the embedded default: clients' records, links, verdicts, labels and dead letters in one LMDB
 * environment. Writes are gathered and committed in the background; a crash loses at most what was not yet committed.
 */
import { mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { RECORD_VERSION } from '../core/client-record.ts';
import type { Label, Verdict } from '../core/contracts.ts';
import { featureSet } from '../core/features.ts';
import type { LinkChange } from '../core/identify.ts';
import type { Observer } from '../core/observe.ts';
import { hashString } from '../core/stats.ts';
import type { DeadLetter } from './source.ts';
import type { VerdictStore } from './verdict-store.ts';

/** Dead letters and labels kept; the oldest go first. */
const MAX_KEPT = 100_000;
const MAP_SIZE_BYTES = 16 * 2 ** 30;

export class DiskStore {
  readonly #root: RootDatabase;
  readonly #records: Database<Buffer, string>;
  readonly #links: Database<LinkChange, string>;
  readonly #verdicts: Database<Verdict, string>;
  readonly #labels: Database<Label, number>;
  readonly #letters: Database<DeadLetter, number>;
  readonly #meta: Database<number, string>;
  #sequence: number;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#root = open({ path: folder, mapSize: MAP_SIZE_BYTES, maxDbs: 8 });
    this.#records = this.#root.openDB({ name: 'records', encoding: 'binary' });
    this.#links = this.#root.openDB({ name: 'links' });
    this.#verdicts = this.#root.openDB({ name: 'verdicts' });
    this.#labels = this.#root.openDB({ name: 'labels' });
    this.#letters = this.#root.openDB({ name: 'dead-letters' });
    this.#meta = this.#root.openDB({ name: 'meta' });
    this.#sequence = this.get('sequence');
    this.#forgetOtherLayouts();
  }

  /** A record is read only by the layout and counting that wrote it; sessions begin anew after an update. */
  #forgetOtherLayouts(): void {
    const layout = hashString(`${RECORD_VERSION} ${featureSet}`);
    if (this.get('layout') === layout) return;
    this.#records.clearSync();
    this.#meta.putSync('layout', layout);
  }

  /** Puts back what was kept; returns how many clients came back. */
  restore(observer: Observer, store: VerdictStore): number {
    for (const { value } of this.#links.getRange()) observer.identifier.restore(value);
    let clients = 0;
    for (const { key, value } of this.#records.getRange()) if (observer.restore(key, value)) clients++;
    for (const { value } of this.#verdicts.getRange()) store.put(value);
    return clients;
  }

  keepLink(change: LinkChange): void {
    this.#links.put(`${change[0]}:${change[1]}`, change);
  }

  /** Keeps the records of touched clients and the new verdicts; resolves when they are committed. */
  async keep(observer: Observer, verdicts: readonly Verdict[], touched: ReadonlySet<string>): Promise<void> {
    for (const clientId of touched) {
      const bytes = observer.dump(clientId);
      if (bytes) this.#records.put(clientId, Buffer.from(bytes));
    }
    for (const verdict of verdicts) this.#verdicts.put(verdict.clientId, verdict);
    await this.#root.committed;
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    for (const letter of letters) this.#append(this.#letters, { ...letter, bytes: Buffer.from(letter.bytes) });
    await this.#root.committed;
  }

  async keepLabel(label: Label): Promise<void> {
    this.#append(this.#labels, label);
    await this.#root.committed;
  }

  #append<V>(database: Database<V, number>, value: V): void {
    const number = ++this.#sequence;
    database.put(number, value);
    database.remove(number - MAX_KEPT);
    this.#meta.put('sequence', number);
  }

  letters(limit = 100): DeadLetter[] {
    return [...this.#letters.getRange({ reverse: true, limit })].map(({ value }) => value);
  }

  labels(): Label[] {
    return [...this.#labels.getRange()].map(({ value }) => value);
  }

  get(name: string): number {
    return this.#meta.get(name) ?? 0;
  }

  async set(name: string, value: number): Promise<void> {
    await this.#meta.put(name, value);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
