/** The table of log formats. A new one is an entry here and a file beside this one. */
import { AssayError } from '../core/errors.ts';
import type { Decode } from '../core/source.ts';
import { decodeAvro, frameAvro, sniffAvro } from './avro-container.ts';
import { decodeCombined, sniffCombined } from './combined.ts';
import { type Frame, frameLines } from './frame.ts';
import { decodeNdjson, sniffNdjson } from './ndjson.ts';

export interface LogFormat {
  /** As written after `--format`. */
  readonly name: string;
  /** How a stream of it falls into records. */
  readonly frame: Frame;
  /** Decodes one record; faults of framing are handled before. */
  readonly decode: Decode;
  /** Whether a stream with this line near its beginning is of this format. One character a byte; the line may be cut. */
  readonly sniff: (line: string) => boolean;
}

export const FORMATS: readonly LogFormat[] = [
  { name: 'ndjson', frame: frameLines, decode: decodeNdjson, sniff: sniffNdjson },
  { name: 'combined', frame: frameLines, decode: decodeCombined, sniff: sniffCombined },
  { name: 'avro', frame: frameAvro, decode: decodeAvro, sniff: sniffAvro },
];

const KNOWN = FORMATS.map((format) => format.name).join(', ');

/** @throws AssayError ASSAY_FORMAT_UNKNOWN, naming those known */
export function findFormat(name: string): LogFormat {
  const found = FORMATS.find((format) => format.name === name);
  if (!found) throw new AssayError('ASSAY_FORMAT_UNKNOWN', `${name}; known are ${KNOWN}`);
  return found;
}

/** Lines looked at, and how much of each. */
const SNIFF_LINES = 100;
const SNIFF_LINE_CHARS = 8192;
export const SNIFF_BYTES = 2 ** 16;

/**
 * Finds out the format from the first lines; one broken line among them does no harm.
 *
 * @param head the stream's first bytes, up to 64 KiB are looked at
 * @throws AssayError ASSAY_FORMAT_UNKNOWN where no line fits any
 */
export function sniffFormat(head: Uint8Array): LogFormat {
  const text = Buffer.from(head.subarray(0, SNIFF_BYTES))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  for (const line of text.split('\n', SNIFF_LINES)) {
    const found = FORMATS.find((format) => format.sniff(line.slice(0, SNIFF_LINE_CHARS)));
    if (found) return found;
  }
  throw new AssayError('ASSAY_FORMAT_UNKNOWN', `the first lines fit none; known are ${KNOWN}`);
}
