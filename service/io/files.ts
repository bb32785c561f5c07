/** Recorded calls in files, read at full speed or replayed at a visible pace. */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { reject } from '../core/api-call.ts';
import { AssayError, ERRORS } from '../core/errors.ts';
import type { Delivery, Source } from '../core/source.ts';
import { FORMATS, findFormat, type LogFormat, SNIFF_BYTES, sniffFormat } from '../gateways/formats.ts';
import { type Framed, withFaults } from '../gateways/frame.ts';
import { gunzip, isGzip } from './gunzip.ts';
import { type Peeked, peek } from './peek.ts';

export interface FileSourceOptions {
  /** Name of a log format; found out for each file by default. */
  readonly format?: string | undefined;
  /** Bytes as they lie on disk; `bytesTotal` counts regular files only, so it is 0 for standard input. */
  readonly onProgress?: ((bytesRead: number, bytesTotal: number) => void) | undefined;
  /** Told at once what `faults` collects. */
  readonly onFault?: ((fault: AssayError) => void) | undefined;
  /** Most records in a delivery. */
  readonly batchSize?: number | undefined;
  /** What `-` reads. */
  readonly standardInput?: Readable | undefined;
}

export interface FileSource extends Source {
  /**
   * Files that could not be read, or not to their end: ASSAY_FILE_UNREADABLE, _IS_DIRECTORY, _EMPTY, _TRUNCATED,
   * ASSAY_FORMAT_UNKNOWN, or ASSAY_CALL_BAD_AVRO where a container's header is damaged. The other files are read all
   * the same. A file that breaks off also gives a record with the same fault, so that the loss is counted.
   */
  readonly faults: readonly AssayError[];
}

const MAX_BATCH = 4096;
const CHUNK_BYTES = 2 ** 18;

/**
 * Reads files one after another, plain or gzip, with bounded memory. More is read when the next delivery is asked for,
 * so a slow reader is waited for.
 *
 * @param paths `-` is standard input
 * @throws AssayError ASSAY_FORMAT_UNKNOWN at once where `format` is none
 */
export function createFileSource(paths: readonly string[], options: FileSourceOptions = {}): FileSource {
  const format = options.format ? findFormat(options.format) : null;
  const faults: AssayError[] = [];
  return {
    name: 'files',
    faults,
    async *deliveries(signal) {
      const count = createCounter(paths, options.onProgress);
      for (const path of paths) {
        if (signal.aborted) return;
        try {
          yield* readPath(path, format, count, options, signal);
        } catch (error) {
          if (signal.aborted) return;
          const fault = faultOf(error, path);
          faults.push(fault);
          options.onFault?.(fault);
        }
      }
    },
  };
}

type Count = (bytes: number) => void;

async function* readPath(
  path: string,
  given: LogFormat | null,
  count: Count,
  { batchSize = MAX_BATCH, standardInput = process.stdin }: FileSourceOptions,
  signal: AbortSignal,
): AsyncGenerator<Delivery> {
  const { stream, isLive } = openPath(path, standardInput, signal);
  try {
    const content = await unpack(counted(stream, count));
    const format = given ?? formatOf(content);
    const decode = withFaults(format.decode);
    let isEmpty = true;
    for await (const records of batch(content.all, format, path, { size: batchSize, isLive })) {
      if (signal.aborted) return;
      isEmpty = false;
      yield { records, decode, acknowledge: async () => {} };
    }
    if (isEmpty) throw new AssayError('ASSAY_FILE_EMPTY', path);
  } finally {
    stream.destroy();
  }
}

/** Records in full batches, the last one less; where the bytes break off, their fault is the last record. */
async function* batch(
  chunks: AsyncIterable<Uint8Array>,
  format: LogFormat,
  path: string,
  { size, isLive }: { size: number; isLive: boolean },
): AsyncGenerator<Framed[]> {
  const name = path === '-' ? 'stdin' : path;
  const framer = format.frame((n) => `${name}:${n}`);
  const records: Framed[] = [];
  const emit = (record: Framed): void => {
    records.push(record);
  };
  let failure: unknown = null;
  try {
    for await (const chunk of chunks) {
      framer.push(chunk, emit);
      while (records.length >= (isLive ? 1 : size)) yield records.splice(0, size);
    }
    framer.end(emit, null);
  } catch (error) {
    failure = error;
    const { code, message } = faultOf(error, path);
    framer.end(emit, reject(code, message));
  }
  while (records.length > 0) yield records.splice(0, size);
  if (failure) throw failure;
}

interface Opened {
  readonly stream: Readable;
  /** More may come at any time: what is there is delivered at once. */
  readonly isLive: boolean;
}

function openPath(path: string, standardInput: Readable, signal: AbortSignal): Opened {
  if (path === '-') return { stream: addAbortSignal(signal, standardInput), isLive: true };
  const stats = statSync(path);
  if (stats.isDirectory()) throw new AssayError('ASSAY_FILE_IS_DIRECTORY', path);
  return { stream: createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }), isLive: !stats.isFile() };
}

async function unpack(bytes: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const raw = await peek(bytes, (head) => head.length >= 2);
  if (raw.failure && raw.head.length === 0) throw raw.failure;
  return peek(isGzip(raw.head) ? gunzip(raw.all) : raw.all, isEnoughToSniff);
}

/** Whether the first line is there; one without an end may be of any length. */
function isEnoughToSniff(head: Buffer): boolean {
  return head.length >= SNIFF_BYTES || head.toString('latin1').trimStart().includes('\n');
}

/** A file without content has no format, and needs none to be told so. */
function formatOf({ head, failure }: Peeked): LogFormat {
  try {
    return sniffFormat(head);
  } catch (error) {
    if (!failure && head.toString('latin1').trim() !== '') throw error;
    return FORMATS[0]!;
  }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, count: Count): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

function createCounter(paths: readonly string[], onProgress: FileSourceOptions['onProgress']): Count {
  if (!onProgress) return () => {};
  const bytesTotal = paths.reduce((sum, path) => sum + sizeOf(path), 0);
  let bytesRead = 0;
  return (bytes) => {
    bytesRead += bytes;
    onProgress(bytesRead, bytesTotal);
  };
}

function sizeOf(path: string): number {
  const stats = path === '-' ? undefined : statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() ? stats.size : 0;
}

/** @throws the error itself where it is none of a file's */
function faultOf(error: unknown, path: string): AssayError {
  if (error instanceof AssayError) {
    const detail = error.message.slice(ERRORS[error.code][0].length + 2);
    return detail.startsWith(path) ? error : new AssayError(error.code, `${path}: ${detail}`, { cause: error });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
  return new AssayError('ASSAY_FILE_UNREADABLE', `${path} (${code})`, { cause: error });
}

export interface ReplayOptions {
  /** Name of the log's format; found out by default. */
  readonly format?: string | undefined;
  /** Infinity reads as fast as the reader takes it. */
  readonly callsPerSecond: number;
  /** Records to skip: those that were replayed before. */
  readonly startAt?: number | undefined;
  /** Called with how many records of the log are done, skipped ones included, as each delivery is acknowledged. */
  readonly onReplayed?: ((records: number) => void) | undefined;
  /** Told of a file that cannot be read, or not to its end. */
  readonly onFault?: ((fault: AssayError) => void) | undefined;
}

const TICK_MS = 100;

/**
 * Replays a log once, a delivery each 100 ms, or each call by itself where calls are fewer than that. Event times stay
 * those of the log. The pace is a limit: where the reader falls behind, nothing piles up and nothing is made up for.
 * Its deliveries throw the file's fault where nothing could be read and no `onFault` is there to be told.
 */
export function createReplaySource(path: string, options: ReplayOptions): Source {
  const { format, callsPerSecond, startAt = 0, onReplayed, onFault } = options;
  const batchSize = Math.min(MAX_BATCH, Math.max(1, Math.round((callsPerSecond * TICK_MS) / 1000)));
  const intervalMs = (batchSize / callsPerSecond) * 1000;
  return {
    name: 'replay',
    async *deliveries(signal) {
      const source = createFileSource([path], { format, batchSize, onFault });
      let records = 0;
      for await (const delivery of source.deliveries(signal)) {
        const skipped = Math.max(0, startAt - records);
        records += delivery.records.length;
        if (records <= startAt) continue;
        yield withCount(delivery, skipped, records, onReplayed);
        if (intervalMs > 0 && !(await pause(intervalMs, signal))) return;
      }
      if (records === 0 && !onFault && source.faults[0]) throw source.faults[0];
    },
  };
}

function withCount(delivery: Delivery, skip: number, records: number, onReplayed: ReplayOptions['onReplayed']): Delivery {
  return {
    records: delivery.records.slice(skip),
    decode: delivery.decode,
    async acknowledge(outcome) {
      await delivery.acknowledge(outcome);
      onReplayed?.(records);
    },
  };
}

/** False where the signal aborted before the time was over. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

const IDENTITY_BYTES = 4096;

/**
 * What a file is known by when it is read on: its path and a hash of its beginning, so that a log which was rotated is
 * another one. Standard input and what can't be read are always new.
 */
export function fileIdentity(path: string): string {
  try {
    if (!statSync(path).isFile()) return randomUUID();
    const head = Buffer.alloc(IDENTITY_BYTES);
    const file = openSync(path, 'r');
    const length = readSync(file, head);
    closeSync(file);
    // A file that has just begun may grow within these bytes: only its first line is sure to stay.
    const end = isGzip(head) ? length : head.subarray(0, length).indexOf(0x0a);
    return `${path}#${createHash('sha256')
      .update(head.subarray(0, end < 0 ? length : end))
      .digest('hex')
      .slice(0, 16)}`;
  } catch {
    return randomUUID();
  }
}
