/** `node dist/datasets/simulator/simulate.js --help`: simulated calls to standard output, their labels to a file. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type Duplex, Readable, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import avsc, { type Schema } from 'avsc';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ApiCall, ApiCallSchema } from '../../service/core/contracts.ts';
import type { LabelledCall } from '../dataset.ts';
import { createLabelCollector } from './label.ts';
import { type SimulateOptions, simulate } from './simulator.ts';
import { VIEW_NAMES, type ViewName } from './view.ts';

interface Arguments {
  seed: number;
  clients: number;
  calls?: number;
  labels?: string;
  format: 'ndjson' | 'avro';
  view?: ViewName;
}

/** The most clients that one run makes. */
const MAX_CLIENTS = 10_000_000;

function parseCount(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high)
      throw new InvalidArgumentError(`a whole number from ${low} to ${high} is wanted`);
    return value;
  };
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Write simulated API calls to standard output, in event-time order')
    .option('--seed <number>', 'the same seed and clients give the same calls', parseCount(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--clients <number>', 'how many clients', parseCount(1, MAX_CLIENTS), 1000)
    .option('--calls <number>', 'stop after so many calls', parseCount(1, Number.MAX_SAFE_INTEGER))
    .option('--labels <file>', 'write what is known of each client, one JSON object a line')
    .addOption(new Option('--format <name>', 'how calls are written').choices(['ndjson', 'avro']).default('ndjson'))
    .addOption(new Option('--view <name>', 'let every gateway tell the same').choices(VIEW_NAMES));
}

/** What a reader's hanging up looks like. */
const HUNG_UP = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ECONNRESET']);

/** Writes the calls to `out` and the labels to their file. Ends early, without error, where the reader hangs up. */
export async function runSimulate(args: Arguments, out: Writable): Promise<void> {
  // Labels hold something of every client; who doesn't want them has a memory that doesn't grow.
  const collector = args.labels ? createLabelCollector() : null;
  const options: SimulateOptions = { seed: args.seed, clients: args.clients, ...(args.view ? { view: args.view } : {}) };
  const calls = watched(simulate(options), args.calls ?? Number.POSITIVE_INFINITY, collector?.add);
  try {
    if (args.format === 'avro') await pipeline(Readable.from(calls), createEncoder(), out, { end: false });
    else await pipeline(Readable.from(linesOf(calls)), out, { end: false });
  } catch (error) {
    if (!HUNG_UP.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  if (args.labels && collector) await writeLabels(args.labels, collector.lines());
}

function* watched(calls: Iterable<LabelledCall>, limit: number, add?: (call: LabelledCall) => void): Generator<ApiCall> {
  let left = limit;
  for (const labelled of calls) {
    add?.(labelled);
    yield labelled.call;
    if (--left <= 0) return;
  }
}

/** Lines are joined before they are written: a write for each would cost more than making it. */
const CHUNK_CHARS = 1 << 16;

function* linesOf(calls: Iterable<ApiCall>): Generator<string> {
  let chunk = '';
  for (const call of calls) {
    chunk += lineOf(call);
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

/** As JSON.stringify would write it, without nulls, in a third of the time. */
function lineOf(call: ApiCall): string {
  let text = '{';
  for (const [name, start] of FIELDS) {
    const value = call[name];
    if (value === null) continue;
    text += (text === '{' ? start : `,${start}`) + textOf(value);
  }
  return `${text}}\n`;
}

const FIELDS = ApiCallSchema.fields.map(({ name }) => [name as keyof ApiCall, `"${name}":`] as const);
/** What JSON must escape; lone surrogates among it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;
/** Header names come as the same array for the same client and sort of call. */
const lists = new WeakMap<object, string>();

function textOf(value: NonNullable<ApiCall[keyof ApiCall]>): string {
  if (typeof value === 'string') return ESCAPED.test(value) ? JSON.stringify(value) : `"${value}"`;
  if (typeof value !== 'object') return String(value);
  const known = lists.get(value) ?? JSON.stringify(value);
  lists.set(value, known);
  return known;
}

/** An Avro container file's writer; wrapUnions off, so that null and values stand as they are. */
function createEncoder(): Duplex {
  return new avsc.streams.BlockEncoder(avsc.Type.forSchema(ApiCallSchema as Schema, { wrapUnions: false }), { codec: 'deflate' });
}

async function writeLabels(path: string, lines: Iterable<object>): Promise<void> {
  const file = createWriteStream(path);
  for (const line of lines) if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, 'drain');
  file.end();
  await finished(file);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const command = simulateCommand().parse();
  await runSimulate(command.opts<Arguments>(), process.stdout);
}
