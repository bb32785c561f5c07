/** The body of `POST /v1/calls`, in any of its content types, becomes records. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { reject } from '../core/api-call.ts';
import { AssayError } from '../core/errors.ts';
import type { Decode, Incoming } from '../core/source.ts';
import { decodeAvro, frameAvro } from '../gateways/avro-container.ts';
import { type Emit, type Frame, type Framed, framedValue, frameLines, viewBuffer, withFaults } from '../gateways/frame.ts';
import { decodeNdjson, decodeValue } from '../gateways/ndjson.ts';

export const MAX_BODY_RECORDS = 10_000;
export const CLOUD_EVENT_TYPE = 'dev.assay.api-call';

export interface SplitBody {
  readonly records: Incoming[];
  readonly decode: Decode;
}

type OriginOf = (index: number) => string;

interface BodyType {
  split(bytes: Buffer, emit: Emit, originOf: OriginOf): void;
  readonly decode: Decode;
}

const LINES: BodyType = { split: framedBy(frameLines), decode: decodeNdjson };
const JSON_VALUES: BodyType = { split: splitJson, decode: decodeValue };
const CLOUD_EVENT: BodyType = {
  split: (bytes, emit, originOf) => emitEvents([parseJson(bytes)], emit, originOf),
  decode: decodeValue,
};
const CLOUD_EVENTS: BodyType = { split: splitEvents, decode: decodeValue };
const AVRO: BodyType = { split: framedBy(frameAvro), decode: decodeAvro };

/** One JSON object a line, under each of its names. */
export const LINE_TYPES: readonly string[] = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** A content-type header without its parameters. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}

/** No type that a foreign page may post without asking the browser first, such as text/plain. */
const BODY_TYPES = new Map<string, BodyType>([
  ...LINE_TYPES.map((name) => [name, LINES] as const),
  ['application/json', JSON_VALUES],
  ['application/cloudevents+json', CLOUD_EVENT],
  ['application/cloudevents-batch+json', CLOUD_EVENTS],
  ['application/avro', AVRO],
  ['avro/binary', AVRO],
  ['application/vnd.apache.avro', AVRO],
]);

export const bodyTypes: readonly string[] = [...BODY_TYPES.keys()];

/**
 * Splits a body into records whose origins are `body-<hash of the body>[0]`, `…[1]`, … (of lines, the first one is 0). An element
 * which is no ApiCall is a record that decodes to a Rejection; the others count.
 *
 * @param bytes at most what the server accepts; must not be changed afterwards
 * @param contentType the header's value, parameters and all
 * @throws AssayError ASSAY_CONTENT_TYPE_UNKNOWN, or ASSAY_REQUEST_INVALID where the body as a whole is not understood or holds over 10,000 records
 */
export function splitBody(bytes: Uint8Array, contentType: string): SplitBody {
  const name = mediaTypeOf(contentType);
  const type = BODY_TYPES.get(name);
  if (!type)
    throw new AssayError('ASSAY_CONTENT_TYPE_UNKNOWN', `content type ${name || 'missing'}; known are ${bodyTypes.join(', ')}`);
  if (bytes.length === 0) throw new AssayError('ASSAY_REQUEST_INVALID', 'the body is empty');
  const records: Framed[] = [];
  const emit: Emit = (record) => {
    if (records.length >= MAX_BODY_RECORDS)
      throw new AssayError('ASSAY_REQUEST_INVALID', `more than ${MAX_BODY_RECORDS} records in a body`);
    records.push(record);
  };
  type.split(viewBuffer(bytes), emit, originsIn('body', [bytes]));
  return { records, decode: withFaults(type.decode) };
}

/**
 * Names records by what they were sent with: calls without an id of their own are told from those of any other post, while a post
 * that is sent again, its answer lost, brings the same calls.
 *
 * @param kind of the post
 * @param parts its bytes
 */
export function originsIn(kind: string, parts: readonly Uint8Array[]): OriginOf {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  const name = `${kind}-${hash.digest('hex').slice(0, 16)}`;
  return (index) => `${name}[${index}]`;
}

function framedBy(frame: Frame): BodyType['split'] {
  return (bytes, emit, originOf) => {
    const framer = frame((n) => originOf(n - 1));
    try {
      framer.push(bytes, emit);
      framer.end(emit, null);
    } catch (error) {
      if (!(error instanceof AssayError) || error.code === 'ASSAY_REQUEST_INVALID') throw error;
      throw new AssayError('ASSAY_REQUEST_INVALID', error.message, { cause: error });
    }
  };
}

function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new AssayError('ASSAY_REQUEST_INVALID', 'the body is not valid UTF-8');
  try {
    return JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const detail = `the body is not valid JSON (one object a line is application/x-ndjson): ${(error as Error).message}`;
    throw new AssayError('ASSAY_REQUEST_INVALID', detail.slice(0, 300), { cause: error });
  }
}

function splitJson(bytes: Buffer, emit: Emit, originOf: OriginOf): void {
  const value = parseJson(bytes);
  const elements = Array.isArray(value) ? value : [value];
  elements.forEach((element, index) => {
    emit(framedValue(element, originOf(index)));
  });
}

function splitEvents(bytes: Buffer, emit: Emit, originOf: OriginOf): void {
  const events = parseJson(bytes);
  if (!Array.isArray(events)) throw new AssayError('ASSAY_REQUEST_INVALID', 'a batch of CloudEvents is a JSON array');
  emitEvents(events, emit, originOf);
}

function emitEvents(events: readonly unknown[], emit: Emit, originOf: OriginOf): void {
  events.forEach((event, index) => {
    emit(openEvent(event, originOf(index)));
  });
}

/** A CloudEvent 1.0 in structured mode: `data` is the ApiCall, whose `id` and `time` may be left to the event. */
function openEvent(event: unknown, origin: string): Framed {
  const fail = (detail: string) => framedValue(null, origin, event, reject('ASSAY_CALL_BAD_FIELD', detail));
  if (!isObject(event)) return framedValue(null, origin, event, reject('ASSAY_CALL_NOT_OBJECT', 'the event is no object'));
  const { specversion, type, data } = event;
  if (specversion !== '1.0') return fail('specversion must be 1.0');
  if (type !== CLOUD_EVENT_TYPE) return fail(`type must be ${CLOUD_EVENT_TYPE}`);
  if (!isObject(data)) return fail('data must be an ApiCall as a JSON object');
  return framedValue({ ...data, id: data.id ?? event.id, time: data.time ?? event.time }, origin, event);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
