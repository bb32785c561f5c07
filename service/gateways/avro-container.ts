/**
 * Avro object container files, read as they come in. Not avsc's own BlockDecoder: that one says nothing of a file that
 * breaks off, loses all that follows a damaged block, and inflates without a limit.
 */
import { inflateRawSync } from 'node:zlib';
import { reject } from '../core/api-call.ts';
import { compileType } from '../core/avro-type.ts';
import { ApiCallSchema } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import type { Decode } from '../core/source.ts';
import { copyHead, type Emit, type Frame, type Framed, viewBuffer } from './frame.ts';
import { checkTimed } from './ndjson.ts';

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
const MAX_HEADER_BYTES = 2 ** 18;
const MAX_BLOCK_BYTES = 2 ** 24;
const MAX_BLOCK_RECORDS = 2 ** 17;
/** Two varints: how many records, how many bytes. */
const MAX_BLOCK_HEAD_BYTES = 20;

type Unpack = (data: Buffer) => Buffer;
const CODECS = new Map<string, Unpack>([
  ['null', (data) => data],
  ['deflate', (data) => inflateRawSync(data, { maxOutputLength: MAX_BLOCK_BYTES })],
]);

const metaType = compileType({ type: 'map', values: 'bytes' });
const longType = compileType({ type: 'long' });
const readerType = compileType(ApiCallSchema);

/** One datum and where it ends; throws where there is none. */
type ReadDatum = (data: Buffer, at: number) => { value: unknown; offset: number };

export function sniffAvro(line: string): boolean {
  return line.startsWith(MAGIC.toString('latin1'));
}

/** Decodes what frameAvro framed: only the framer knows the writer's schema, so the record brings its value along. */
export const decodeAvro: Decode = (record, receivedAtMs) => checkTimed((record as Framed).value, receivedAtMs);

/**
 * One record a datum. A damaged block becomes one record with a fault, and reading goes on after the next sync marker.
 * `push` and `end` throw AssayError ASSAY_CALL_BAD_AVRO where the header cannot be used: then nothing can be read.
 */
export const frameAvro: Frame = (originOf) => {
  const pending = createPending();
  let header: Header | null = null;
  let isLost = false;
  let records = 0;

  function fail(bytes: Uint8Array, detail: string, emit: Emit): void {
    const fault = reject('ASSAY_CALL_BAD_AVRO', detail);
    emit({ bytes: copyHead([bytes]), origin: originOf(++records), fault, value: null });
  }

  function open(block: Block, { unpack, readDatum }: Header, emit: Emit): void {
    let at = 0;
    try {
      const data = block.count > 0 ? unpack(block.data) : block.data;
      for (let i = 0; i < block.count; i++) {
        const { value, offset } = readDatum(data, at);
        emit({ bytes: data.subarray(at, offset), origin: originOf(++records), fault: null, value });
        at = offset;
      }
    } catch (error) {
      if (error instanceof AssayError) throw error;
      fail(block.data, `a damaged block: ${(error as Error).message}`, emit);
    }
  }

  /** Looks for the next sync marker; blocks can be told apart again after it. */
  function find(bytes: Buffer, sync: Buffer): boolean {
    const found = bytes.indexOf(sync);
    isLost = found < 0;
    pending.drop(isLost ? Math.max(0, bytes.length - SYNC_BYTES + 1) : found + SYNC_BYTES);
    if (isLost) pending.want(SYNC_BYTES);
    return !isLost;
  }

  /** Takes one step and says whether another may follow. */
  function step(bytes: Buffer, emit: Emit): boolean {
    if (!header) {
      header = readHeader(bytes);
      if (header) pending.drop(header.end);
      else pending.want(bytes.length + 1);
      return header !== null;
    }
    if (isLost) return find(bytes, header.sync);
    const block = readBlock(bytes, header.sync);
    if (typeof block === 'number') {
      pending.want(block);
      return false;
    }
    if (block) {
      pending.drop(block.end);
      open(block, header, emit);
    } else {
      fail(bytes, 'a block without its sync marker', emit);
      isLost = true;
    }
    return true;
  }

  function run(emit: Emit): void {
    for (let bytes = pending.take(); bytes && step(bytes, emit); ) bytes = pending.take();
  }

  return {
    push(chunk, emit) {
      pending.add(chunk);
      run(emit);
    },
    end(emit, damage) {
      const rest = pending.rest();
      if (damage) emit({ bytes: copyHead([rest]), origin: originOf(++records), fault: damage, value: null });
      else if (!header && rest.length > 0) throw new AssayError('ASSAY_CALL_BAD_AVRO', 'the header ends too early');
      // A length with a flipped bit may have swallowed whole blocks, so what is left is searched for them.
      for (let left = rest; !damage && !isLost && left.length > 0; left = pending.rest()) {
        fail(left, 'the container ends within a block', emit);
        isLost = true;
        pending.want(1);
        run(emit);
      }
    },
  };
};

/** Bytes that wait for more; joined only once there are enough, so that small chunks cost no quadratic time. */
function createPending() {
  let parts: Buffer[] = [];
  let heldBytes = 0;
  let wantedBytes = 1;
  function join(): Buffer {
    if (parts.length !== 1) parts = [Buffer.concat(parts)];
    return parts[0]!;
  }
  return {
    add(chunk: Uint8Array): void {
      parts.push(viewBuffer(chunk));
      heldBytes += chunk.length;
    },
    take: (): Buffer | null => (heldBytes < wantedBytes ? null : join()),
    rest: join,
    drop(bytes: number): void {
      parts = [join().subarray(bytes)];
      heldBytes -= bytes;
      wantedBytes = 1;
    },
    want(bytes: number): void {
      wantedBytes = bytes;
    },
  };
}

interface Block {
  readonly count: number;
  readonly data: Buffer;
  readonly end: number;
}

/** The block, or how many bytes are needed to tell, or null where there is none. */
function readBlock(bytes: Buffer, sync: Buffer): Block | number | null {
  const count = readLong(bytes, 0);
  const size = count.offset < 0 ? count : readLong(bytes, count.offset);
  if (size.offset < 0) return bytes.length < MAX_BLOCK_HEAD_BYTES ? bytes.length + 1 : null;
  if (!(count.value >= 0 && count.value <= MAX_BLOCK_RECORDS && size.value >= 0 && size.value <= MAX_BLOCK_BYTES)) return null;
  const dataEnd = size.offset + size.value;
  const end = dataEnd + SYNC_BYTES;
  if (bytes.length < end) return end;
  if (!bytes.subarray(dataEnd, end).equals(sync)) return null;
  return { count: count.value, data: bytes.subarray(size.offset, dataEnd), end };
}

/** Where there is no end, `offset` is -1; a number that JavaScript cannot hold is NaN. */
function readLong(bytes: Buffer, at: number): { value: number; offset: number } {
  try {
    return longType.decode(bytes, at);
  } catch {
    return { value: Number.NaN, offset: at + 1 };
  }
}

interface Header {
  readonly sync: Buffer;
  readonly unpack: Unpack;
  readonly readDatum: ReadDatum;
  readonly end: number;
}

/** Null where more bytes are needed. */
function readHeader(bytes: Buffer): Header | null {
  const head = bytes.subarray(0, MAGIC.length);
  if (!head.equals(MAGIC.subarray(0, head.length))) throw new AssayError('ASSAY_CALL_BAD_AVRO', 'not an Avro container');
  const meta = readMeta(bytes);
  if (!meta || bytes.length < meta.offset + SYNC_BYTES) {
    if (bytes.length < MAX_HEADER_BYTES) return null;
    throw new AssayError('ASSAY_CALL_BAD_AVRO', 'the header is damaged or too large');
  }
  const codec = meta.value['avro.codec']?.toString() || 'null';
  const unpack = CODECS.get(codec);
  if (!unpack) throw new AssayError('ASSAY_CALL_BAD_AVRO', `codec ${codec} is not known; null and deflate are`);
  const end = meta.offset + SYNC_BYTES;
  const sync = Buffer.from(bytes.subarray(meta.offset, end));
  return { sync, unpack, readDatum: compileWriter(meta.value['avro.schema']?.toString() ?? ''), end };
}

function readMeta(bytes: Buffer): { value: Record<string, Buffer>; offset: number } | null {
  try {
    const meta = metaType.decode(bytes, MAGIC.length);
    return meta.offset < 0 ? null : meta;
  } catch {
    return null;
  }
}

const MAX_WRITERS = 64;
const writers = new Map<string, ReadDatum>();

/** How to read what a schema wrote, older or newer than ours. Kept, since each schema is compiled to code. */
function compileWriter(schemaText: string): ReadDatum {
  const known = writers.get(schemaText);
  if (known) return known;
  try {
    const resolver = readerType.createResolver(compileType(JSON.parse(schemaText)));
    const read: ReadDatum = (data, at) => {
      const datum = readerType.decode(data, at, resolver);
      if (datum.offset <= at) throw new Error('ends too early');
      return datum;
    };
    if (writers.size >= MAX_WRITERS) writers.delete(writers.keys().next().value!);
    writers.set(schemaText, read);
    return read;
  } catch (error) {
    throw new AssayError('ASSAY_CALL_BAD_AVRO', `the writer's schema does not fit: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
