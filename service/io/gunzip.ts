import { createGunzip, type Gunzip } from 'node:zlib';
import { AssayError } from '../core/errors.ts';

/** What is unpacked of the slice that turns out to be damaged is lost, up to `OUTPUT_BYTES`. */
const SLICE_BYTES = 2 ** 12;
const OUTPUT_BYTES = 2 ** 15;

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Unpacks gzip of any number of members. Whatever was unpacked before the data breaks off or goes bad is given first:
 * an async iteration over the stream itself would drop it on the error, and a log that breaks off is what a crash leaves.
 * Bytes go in by small slices, so that little is under way when that happens and little is held when they expand.
 *
 * @throws AssayError ASSAY_FILE_TRUNCATED, after everything that could be unpacked
 */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  let output: Uint8Array[] = [];
  stream.on('data', (chunk: Buffer) => output.push(chunk));
  let failure: unknown = null;
  try {
    for await (const slice of slicesOf(chunks)) {
      // Zeros after the last member, as tapes pad with, end the stream early.
      if (stream.readableEnded) break;
      await settle(stream, (done) => stream.write(slice, done));
      yield* output.splice(0);
    }
    if (!stream.readableEnded) await settle(stream, (done) => stream.once('end', done).end());
  } catch (error) {
    failure = error;
  } finally {
    stream.destroy();
  }
  yield* output;
  output = [];
  if (failure) throw coded(failure);
}

/** Waits until `start` calls back or the stream fails. */
function settle(stream: Gunzip, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = () => {
      stream.off('error', settled);
      if (stream.errored) reject(stream.errored);
      else resolve();
    };
    stream.once('error', settled);
    start(settled);
  });
}

function coded(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  return code?.startsWith('Z_') ? new AssayError('ASSAY_FILE_TRUNCATED', message, { cause: error }) : error;
}

async function* slicesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) yield chunk.subarray(at, at + SLICE_BYTES);
}
