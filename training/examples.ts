/**
 * From recorded calls and the truth about them to the rows that a model learns from, by the way that serving takes:
 * checkCall, then the same Observer, then its snapshots.
 */
import { createHash } from 'node:crypto';
import type { LabelledCall, Truth } from '../datasets/dataset.ts';
import { checkCall, isRejection } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { FEATURES } from '../service/core/features.ts';
import { createObserver, type Observer, type Snapshot } from '../service/core/observe.ts';

export type Part = 'train' | 'validate' | 'calibrate' | 'test';

/** Recorded calls that are for one part only, so that what a client did in one is never learnt from in another. */
export interface Recording {
  readonly part: Part;
  readonly calls: Iterable<LabelledCall> | AsyncIterable<LabelledCall>;
}

/** A client as Assay sees it. */
export interface ExampleClient {
  readonly id: string;
  readonly part: Part;
  readonly group: string;
  readonly tool: string;
  /** Bad, and which attack, as soon as one snapshot is; else good. */
  label: Truth['label'];
  kind: string;
  snapshots: number;
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
  /** Makes clients count alike, however long they stay; mean 1. */
  readonly weight: Float32Array;
  readonly families: readonly string[];
  readonly clients: readonly ExampleClient[];
  readonly sources: readonly Source[];
}

/** What a recording held; the hash is over all its calls and truths. */
export interface Source {
  readonly part: Part;
  readonly calls: number;
  readonly rejected: number;
  readonly sha256: string;
}

/**
 * Clients with fewer snapshots than this count for less, since their first calls say little of anyone; those with more
 * share the weight of one client among their snapshots.
 */
const FULL_WEIGHT_SNAPSHOTS = 4;

/** Collects the snapshots of all recordings, each watched by an observer of its own. */
export async function collectExamples(recordings: readonly Recording[]): Promise<Examples> {
  const gatherer = createGatherer();
  const sources: Source[] = [];
  for (const recording of recordings) sources.push(await collect(recording, gatherer));
  return { ...gatherer.finish(), sources };
}

async function collect({ part, calls }: Recording, gatherer: Gatherer): Promise<Source> {
  const observer = createObserver({ maxClients: 2_000_000, maxLinks: 2_000_000 });
  const hash = createHash('sha256');
  let [count, rejected] = [0, 0];
  for await (const labelled of calls) {
    count++;
    hash.update(JSON.stringify(labelled));
    const snapshot = observe(labelled.call, observer);
    if (snapshot === undefined) rejected++;
    else if (snapshot) gatherer.add(part, labelled.truth, snapshot);
  }
  return { part, calls: count, rejected, sha256: hash.digest('hex') };
}

/** The snapshot that is due with this call, null for none; undefined where serving would reject the call. */
function observe(call: ApiCall, observer: Observer): Snapshot | null | undefined {
  const checked = checkCall(call, call.time);
  const seen = isRejection(checked) ? checked : observer.observe(checked);
  if (isRejection(seen)) return undefined;
  if (seen.snapshot) assertFinite(seen.snapshot.vector);
  return seen.snapshot;
}

/** One NaN would spoil every weight without a word. */
function assertFinite(vector: Float32Array): void {
  const at = vector.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new Error(`the feature ${FEATURES[at]!.name} is ${vector[at]}`);
}

interface Gatherer {
  add(part: Part, truth: Truth, snapshot: Snapshot): void;
  finish(): Omit<Examples, 'sources'>;
}

interface Row {
  readonly client: number;
  readonly bad: boolean;
  readonly kind: string;
  readonly calls: number;
  readonly vector: Float32Array;
}

function createGatherer(): Gatherer {
  const rows: Row[] = [];
  const clients: ExampleClient[] = [];
  const indexes = new Map<string, number>();
  const clientOf = (part: Part, id: string, { group, tool, label, kind }: Truth): number => {
    const name = `${part} ${id}`;
    const known = indexes.get(name);
    if (known !== undefined) return known;
    indexes.set(name, clients.length);
    return clients.push({ id, part, group, tool, label, kind, snapshots: 0 }) - 1;
  };
  return {
    add(part, truth, { clientId, calls, vector }) {
      const index = clientOf(part, clientId, truth);
      const client = clients[index]!;
      client.snapshots++;
      if (truth.label === 'bad' && client.label === 'good') Object.assign(client, { label: 'bad', kind: truth.kind });
      rows.push({ client: index, bad: truth.label === 'bad', kind: truth.kind, calls, vector });
    },
    finish: () => tabulate(rows, clients),
  };
}

function tabulate(rows: readonly Row[], clients: readonly ExampleClient[]): Omit<Examples, 'sources'> {
  const width = FEATURES.length;
  const families = [...new Set(rows.map(({ kind }) => kind))].sort();
  const familyOf = new Map(families.map((kind, i) => [kind, i]));
  const x = new Float32Array(rows.length * width);
  rows.forEach(({ vector }, i) => {
    x.set(vector, i * width);
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
    calls: Float64Array.from(rows, ({ calls }) => calls),
    weight: weight.map((w) => w / mean),
    families,
    clients,
  };
}

/** Row numbers by the part of their client. */
export function rowsByPart({ client, clients }: Examples): Record<Part, number[]> {
  const parts: Record<Part, number[]> = { train: [], validate: [], calibrate: [], test: [] };
  client.forEach((index, row) => {
    parts[clients[index]!.part].push(row);
  });
  return parts;
}
