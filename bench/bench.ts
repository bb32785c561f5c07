/**
 * Side-by-side measurements in one run, printed as ratios and written to bench/results.json. Rounds alternate between
 * the two that are compared, so that a machine whose speed drifts drifts under both.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCalls } from '../datasets/simulator/simulator.ts';
import { readConfig } from '../service/config.ts';
import { compileType } from '../service/core/avro-type.ts';
import { ApiCallSchema } from '../service/core/contracts.ts';
import type { Incoming, Source } from '../service/core/source.ts';
import { createAvroReader, encodeCall } from '../service/io/avro.ts';
import { packageRoot } from '../service/io/package-root.ts';
import { runPipeline } from '../service/pipeline.ts';
import { createStages } from '../service/stages.ts';
import { HEADER_BYTES, load, MACHINE, quantile, spreadOf, startScript } from './stand.ts';

const ROUNDS = 5;
const CALLS = 100_000;
const DELIVERY_RECORDS = 2000;
const LOOKUP_SECONDS = 4;
/** Any record up to then is fine: the simulator's calls lie in the past. */
const RECEIVED_AT_MS = Date.now();

interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly against: string;
  readonly theirs: number;
  /** ours / theirs, pair by pair. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number };
}

/** A number for each unit. */
type Measure = () => Promise<readonly number[]>;

/** Runs both in turn: one round to warm up, then ROUNDS that count. */
async function compare(
  name: string,
  units: readonly string[],
  ours: Measure,
  against: string,
  theirs: Measure,
): Promise<Comparison[]> {
  const pairs: [readonly number[], readonly number[]][] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const pair: [readonly number[], readonly number[]] = [await ours(), await theirs()];
    if (round > 0) pairs.push(pair);
  }
  return units.map((unit, i) => {
    const ratios = pairs.map(([a, b]) => a[i]! / b[i]!);
    const medianOf = (side: 0 | 1) =>
      quantile(
        pairs.map((pair) => pair[side][i]!),
        0.5,
      );
    return { name, unit, ours: medianOf(0), against, theirs: medianOf(1), ratio: spreadOf(ratios) };
  });
}

async function simulate(): Promise<Incoming[]> {
  const records: Incoming[] = [];
  for await (const { call } of loadCalls({ seed: 4242, clients: 2500 })) {
    records.push({ bytes: encodeCall(call), origin: `bench:${records.length}` });
    if (records.length === CALLS) return records;
  }
  throw new Error(`the simulator gave ${records.length} calls only`);
}

function perSecond(count: number, startedAt: number): number {
  return (1000 * count) / (performance.now() - startedAt);
}

async function compareInProcess(records: Incoming[]): Promise<Comparison[]> {
  const config = readConfig({});
  const { decode } = createAvroReader({ wireFormat: 'confluent', registryUrl: '' });
  const type = compileType(ApiCallSchema);
  const timed = (work: (record: Incoming) => unknown): Measure => {
    return async () => {
      const startedAt = performance.now();
      for (const record of records) work(record);
      return [perSecond(records.length, startedAt)];
    };
  };
  const source: Source = {
    name: 'bench',
    async *deliveries() {
      for (let i = 0; i < records.length; i += DELIVERY_RECORDS)
        yield { records: records.slice(i, i + DELIVERY_RECORDS), decode, acknowledge: async () => {} };
    },
  };
  const whole: Measure = async () => {
    const stages = await createStages(config);
    const startedAt = performance.now();
    await runPipeline(source, { ...stages, publish: async () => {}, bury: async () => {} }, new AbortController().signal);
    return [perSecond(records.length, startedAt)];
  };
  const name = 'decode → features → score → decide';
  const decodeOnly = timed((record) =>
    type.fromBuffer(Buffer.from(record.bytes.buffer, record.bytes.byteOffset + HEADER_BYTES, record.bytes.length - HEADER_BYTES)),
  );
  return [
    ...(await compare(name, ['calls/s'], whole, 'avsc decode alone', decodeOnly)),
    ...(await compare(
      name,
      ['calls/s'],
      whole,
      'decode and check of the contract',
      timed((record) => decode(record, RECEIVED_AT_MS)),
    )),
  ];
}

async function compareLookups(): Promise<Comparison[]> {
  const bare = await startScript('lookup-server.js', ['bare']);
  const assay = await startScript('lookup-server.js', ['assay']);
  const against = 'a bare Fastify route that sends the same bytes';
  const compareRoutes = (name: string, ours: string, theirs: string) =>
    compare(
      name,
      ['requests/s', 'ms that 99% wait at most'],
      () => load(assay.said + ours, LOOKUP_SECONDS),
      against,
      () => load(bare.said + theirs, LOOKUP_SECONDS),
    );
  try {
    return [
      ...(await compareRoutes('GET /v1/clients/{id}/verdict', '/v1/clients/bench/verdict', '/verdict')),
      ...(await compareRoutes('GET /v1/authz', '/v1/authz', '/authz')),
    ];
  } finally {
    bare.child.kill();
    assay.child.kill();
  }
}

const show = (value: number) => (value < 100 ? value.toFixed(2) : String(Math.round(value)));
const comparisons = [...(await compareInProcess(await simulate())), ...(await compareLookups())];
for (const { name, unit, ours, against, theirs, ratio } of comparisons)
  console.log(
    `${name}: ${ratio.median.toFixed(2)} of ${against} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}; ` +
      `${show(ours)} against ${show(theirs)} ${unit})`,
  );
writeFileSync(
  join(packageRoot, 'bench', 'results.json'),
  `${JSON.stringify({ machine: MACHINE, rounds: ROUNDS, comparisons }, null, 2)}\n`,
);
