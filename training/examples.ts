/**
 * From recorded calls and the truth about them to the rows that a model learns from, by the way that serving takes:
 * checkCall, then the same Observer, then its snapshots.
 */
import { createHash } from 'node:crypto';
import type { LabelledCall, Truth } from '../datasets/dataset.ts';
import { checkCall, isRejection } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { FEATURES } from '../service/core/features.ts';
import { createObserver, type Observation, type Snapshot } from '../service/core/observe.ts';
import { softwareOf } from '../service/core/software.ts';

/** Recorded calls of one origin: a simulated world, or a capture. Each is watched by an observer of its own. */
export interface Recording {
  readonly origin: string;
  readonly calls: Iterable<LabelledCall> | AsyncIterable<LabelledCall>;
}

/** A client as Assay sees it. */
export interface ExampleClient {
  readonly id: string;
  readonly origin: string;
  /** Who is behind it; several clients may be one actor, on several addresses. */
  readonly actor: string;
  readonly tool: string;
  /** What is held out as one: an attack's program, whatever it plays, or a kind of good client. */
  group: string;
  /** What its first user agent claims, as a short name. */
  readonly software: string;
  /** Bad, and which attack, as soon as one of its calls is; else good. */
  label: Truth['label'];
  kind: string;
  snapshots: number;
  calls: number;
  /** Calls before the first bad one: not 0 for a client that turns. */
  callsBeforeBad: number;
}

/** One row a snapshot; x holds them one after the other, unscaled. */
export interface Examples {
  readonly width: number;
  readonly rows: number;
  readonly x: Float32Array;
  /** 1 where the call at the snapshot was bad: a client that turns is bad from its turn on. */
  readonly bad: Uint8Array;
  /** Index into families. */
  readonly family: Int32Array;
  /** Index into clients. */
  readonly client: Int32Array;
  /** Calls of the session at the snapshot. */
  readonly calls: Float64Array;
  /** Event time of the snapshot and of its session's start, in ms. */
  readonly time: Float64Array;
  readonly sessionStart: Float64Array;
  /** Makes clients count alike, however long they stay; mean 1. */
  readonly weight: Float32Array;
  readonly families: readonly string[];
  readonly clients: readonly ExampleClient[];
  readonly sources: readonly Source[];
}

/** What a recording held; the hash is over all its calls and truths. */
export interface Source {
  readonly origin: string;
  readonly calls: number;
  readonly rejected: number;
  readonly clients: number;
  readonly snapshots: number;
  readonly sha256: string;
}

/**
 * Clients with fewer snapshots than this count for less, since their first calls say little of anyone; those with more
 * share the weight of one client among their snapshots.
 */
const FULL_WEIGHT_SNAPSHOTS = 4;
const MAX_CLIENTS = 2_000_000;

/** Collects the snapshots of all recordings. */
export async function collectExamples(recordings: readonly Recording[]): Promise<Examples> {
  const gatherer = new Gatherer();
  const sources: Source[] = [];
  for (const recording of recordings) sources.push(await collect(recording, gatherer));
  return { ...gatherer.tabulate(), sources };
}

async function collect({ origin, calls }: Recording, gatherer: Gatherer): Promise<Source> {
  const observer = createObserver({ maxClients: MAX_CLIENTS, maxLinks: MAX_CLIENTS });
  const hash = createHash('sha256');
  const before = { clients: gatherer.clients.length, snapshots: gatherer.rows.length };
  let [count, rejected] = [0, 0];
  for await (const labelled of calls) {
    count++;
    hash.update(JSON.stringify(labelled));
    const call = checkCall(labelled.call, labelled.call.time);
    const seen = isRejection(call) ? call : observer.observe(call);
    if (isRejection(seen)) rejected++;
    else gatherer.add(origin, call as ApiCall, labelled.truth, seen);
  }
  const [clients, snapshots] = [gatherer.clients.length - before.clients, gatherer.rows.length - before.snapshots];
  return { origin, calls: count, rejected, clients, snapshots, sha256: hash.digest('hex') };
}

/** One NaN would spoil every weight without a word. */
function assertFinite(vector: Float32Array): void {
  const at = vector.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new Error(`the feature ${FEATURES[at]!.name} is ${vector[at]}`);
}

interface Row {
  readonly client: number;
  readonly bad: boolean;
  readonly kind: string;
  readonly snapshot: Pick<Snapshot, 'calls' | 'time' | 'sessionStart' | 'vector'>;
}

class Gatherer {
  readonly rows: Row[] = [];
  readonly clients: ExampleClient[] = [];
  readonly #indexes = new Map<string, number>();

  add(origin: string, call: ApiCall, truth: Truth, { clientId, snapshot }: Observation): void {
    const index = this.#indexOf(origin, clientId, call, truth);
    const client = this.clients[index]!;
    const bad = truth.label === 'bad';
    client.calls++;
    if (bad && client.label === 'good') Object.assign(client, { label: 'bad', kind: truth.kind });
    if (client.label === 'good') client.callsBeforeBad++;
    if (!snapshot) return;
    assertFinite(snapshot.vector);
    client.snapshots++;
    const { calls, time, sessionStart, vector } = snapshot;
    this.rows.push({ client: index, bad, kind: truth.kind, snapshot: { calls, time, sessionStart, vector } });
  }

  #indexOf(origin: string, id: string, { userAgent }: ApiCall, { client, tool, label, kind }: Truth): number {
    const name = `${origin} ${id}`;
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    this.#indexes.set(name, this.clients.length);
    const [actor, software] = [`${origin} ${client}`, softwareOf(userAgent).name];
    const fresh = { id, origin, actor, tool, group: '', software, label, kind, snapshots: 0, calls: 0, callsBeforeBad: 0 };
    return this.clients.push(fresh) - 1;
  }

  tabulate(): Omit<Examples, 'sources'> {
    const { rows, clients } = this;
    const bad = clients.filter(({ label }) => label === 'bad');
    const [attackers, attacks] = [new Set(bad.map(({ actor }) => actor)), new Set(bad.map(({ kind }) => kind))];
    // A client that was to turn and did not is still the attack's.
    for (const client of clients)
      client.group = attackers.has(client.actor) || attacks.has(client.kind) ? `bad ${client.tool}` : `good ${client.kind}`;
    const width = FEATURES.length;
    const families = [...new Set(rows.map(({ kind }) => kind))].sort();
    const familyOf = new Map(families.map((kind, i) => [kind, i]));
    const x = new Float32Array(rows.length * width);
    rows.forEach(({ snapshot }, i) => {
      x.set(snapshot.vector, i * width);
    });
    const weight = Float32Array.from(rows, ({ client }) => 1 / Math.max(FULL_WEIGHT_SNAPSHOTS, clients[client]!.snapshots));
    const mean = weight.reduce((sum, w) => sum + w, 0) / rows.length;
    return {
      width,
      rows: rows.length,
      x,
      bad: Uint8Array.from(rows, ({ bad }) => Number(bad)),
      family: Int32Array.from(rows, ({ kind }) => familyOf.get(kind)!),
      client: Int32Array.from(rows, ({ client }) => client),
      calls: Float64Array.from(rows, ({ snapshot }) => snapshot.calls),
      time: Float64Array.from(rows, ({ snapshot }) => snapshot.time),
      sessionStart: Float64Array.from(rows, ({ snapshot }) => snapshot.sessionStart),
      weight: weight.map((w) => w / mean),
      families,
      clients,
    };
  }
}

/** Numbers of the rows whose client is wanted, in order. */
export function rowsOf({ client, clients }: Examples, isWanted: (client: ExampleClient) => boolean): number[] {
  const wanted = clients.map(isWanted);
  const rows: number[] = [];
  client.forEach((index, row) => {
    if (wanted[index]) rows.push(row);
  });
  return rows;
}

/** The group of a row's client. */
export function groupOf({ clients, client }: Examples, row: number): string {
  return clients[client[row]!]!.group;
}
