/**
 * A log that is being written, followed from where it was left: through rotation by renaming, where the old file is read to its
 * end first, and by truncation. A last line without an end waits until it has one.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '../core/errors.ts';
import type { Decode, Source } from '../core/source.ts';
import { findFormat, type LogFormat, sniffFormat } from '../gateways/formats.ts';
import { type Framed, frameLines, viewBuffer, withFaults } from '../gateways/frame.ts';
import { fileIdentity } from './files.ts';

export interface TailOptions {
  /** Name of a log format; found out by default, for each line that does not fit the one before. */
  readonly format?: string | undefined;
  /** Where a file of this identity was left, in bytes. */
  positionOf(identity: string): number;
  /** To be kept once all before it is done. */
  keepPosition(identity: string, bytes: number): void;
  /** Told where the file can't be read; it is tried again. */
  onFault(fault: AssayError): void;
}

const CHUNK_BYTES = 2 ** 18;
const LOOK_AGAIN_MS = 100;
/** A file that is away, or may not be read, is told of once in so many looks. */
const LOOKS_A_FAULT = 600;
const LINE_FEED = 0x0a;

/** @throws AssayError ASSAY_FORMAT_UNKNOWN at once where `format` is none */
export function createTailSource(path: string, options: TailOptions): Source {
  const decode = withFaults(options.format ? findFormat(options.format).decode : decodeAsFound());
  return {
    name: 'tail',
    async *deliveries(signal) {
      const tail = new Tail(path, options);
      try {
        while (!signal.aborted) {
          const read = await tail.read();
          if (read) yield { records: read.records, decode, acknowledge: async () => read.keep() };
          else await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
        }
      } finally {
        await tail.close();
      }
    },
  };
}

/** By the format of the line before where that fits: a log may change its format at any line. */
export function decodeAsFound(): Decode {
  let format: LogFormat | null = null;
  return (record, receivedAtMs) => {
    const line = viewBuffer(record.bytes).toString('latin1', 0, 8192);
    try {
      if (!format?.sniff(line)) format = sniffFormat(record.bytes);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      return { rejected: 'ASSAY_CALL_BAD_LINE', detail: 'it fits no log format' };
    }
    return format.decode(record, receivedAtMs);
  };
}

interface Read {
  readonly records: Framed[];
  keep(): void;
}

class Tail {
  readonly #path: string;
  readonly #options: TailOptions;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #file: FileHandle | null = null;
  #identity = '';
  /** Of the next byte to read, and of the first one of a line that has no end yet. */
  #position = 0;
  #lineAt = 0;
  #framer = frameLines(() => '');
  #looks = 0;

  constructor(path: string, options: TailOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** What has come; null where nothing has. */
  async read(): Promise<Read | null> {
    try {
      if (!this.#file) await this.#open();
      const read = await this.#readOn();
      this.#looks = 0;
      return read;
    } catch (error) {
      if (this.#looks++ % LOOKS_A_FAULT === 0) this.#options.onFault(unreadable(this.#path, error));
      return null;
    }
  }

  async #open(): Promise<void> {
    this.#file = await open(this.#path);
    this.#identity = '';
    this.#begin(0);
  }

  /** @param position where a line begins */
  #begin(position: number): void {
    [this.#position, this.#lineAt] = [position, position];
    this.#framer = frameLines((n) => `${this.#path}:${position > 0 ? `${position}+` : ''}${n}`);
  }

  async #readOn(): Promise<Read | null> {
    const file = this.#file!;
    const { bytesRead } = await file.read(this.#chunk, 0, CHUNK_BYTES, this.#position);
    if (bytesRead === 0) {
      await this.#lookForAnother(file);
      return null;
    }
    // Only now it has a beginning to be known by.
    if (this.#identity === '' && this.#chunk.subarray(0, bytesRead).includes(LINE_FEED) && (await this.#resume())) return null;
    return this.#take(Buffer.from(this.#chunk.subarray(0, bytesRead)));
  }

  /** Whether there is a place further on where the file was left. */
  async #resume(): Promise<boolean> {
    this.#identity = fileIdentity(this.#path);
    const position = this.#options.positionOf(this.#identity);
    const { size } = await this.#file!.stat();
    if (position === 0 || position > size) return false;
    this.#begin(position);
    return true;
  }

  #take(bytes: Buffer): Read | null {
    const records: Framed[] = [];
    this.#framer.push(bytes, (record) => records.push(record));
    const end = bytes.lastIndexOf(LINE_FEED);
    if (end >= 0) this.#lineAt = this.#position + end + 1;
    this.#position += bytes.length;
    const [identity, lineAt] = [this.#identity, this.#lineAt];
    return records.length === 0 ? null : { records, keep: () => this.#options.keepPosition(identity, lineAt) };
  }

  /** At the end of a file: whether the path is another one's by now, or the same one was emptied. */
  async #lookForAnother(file: FileHandle): Promise<void> {
    const [own, there] = await Promise.all([file.stat(), stat(this.#path)]);
    if (own.ino === there.ino && own.dev === there.dev) {
      if (own.size >= this.#position) return;
      this.#identity = '';
      return this.#begin(0);
    }
    await this.close();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}

function unreadable(path: string, error: unknown): AssayError {
  return new AssayError(
    'ASSAY_FILE_UNREADABLE',
    `${path} (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
  );
}
