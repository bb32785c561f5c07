/** JSON objects, one a line: ApiCalls under the contract's own names, or lines of a gateway's own log. */
import { isUtf8 } from 'node:buffer';
import { checkCall, type Rejection, reject } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import type { Decode } from '../core/source.ts';
import { ACCESS_JSON } from './access-json.ts';
import { CADDY } from './caddy.ts';
import { type Framed, viewBuffer } from './frame.ts';
import type { JsonFormat, Line } from './json-format.ts';
import { APISIX, KONG } from './kong.ts';
import { OTEL } from './otel.ts';
import { TRAEFIK } from './traefik.ts';
import { TYK } from './tyk.ts';

/** The table of logs in JSON. A new one is an entry here and a file beside this one. */
export const JSON_FORMATS: readonly JsonFormat[] = [ACCESS_JSON, CADDY, TRAEFIK, KONG, APISIX, TYK, OTEL];

/** Decodes one JSON object; a time may be ms since 1970 or an ISO 8601 string with an offset. */
export const decodeNdjson: Decode = ({ bytes, origin }, receivedAtMs) => {
  const text = viewBuffer(bytes).toString('utf8');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return isUtf8(bytes) ? reject('ASSAY_CALL_BAD_JSON', (error as Error).message.slice(0, 200)) : NOT_UTF8;
  }
  // Some gateways log a client's bytes as they are, which is no fault of theirs.
  return isUtf8(bytes) || formatOf(value) ? checkObject(value, origin, receivedAtMs) : NOT_UTF8;
};

const NOT_UTF8 = reject('ASSAY_CALL_BAD_UTF8', 'the line is not UTF-8');

/** Only what is not JSON as it is, is mended first: most lines are. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const mended = mendEscapes(text);
    if (mended === text) throw error;
    return JSON.parse(mended);
  }
}

/** Apache httpd escapes as C does, bytes one by one; of JSON's escapes it knows most. */
function mendEscapes(text: string): string {
  return text.replaceAll(/((?:\\x[0-9a-fA-F]{2})+)|\\(.)/g, (all, bytes: string | undefined, single: string) => {
    if (bytes === undefined) return single === 'v' ? '\\u000b' : all;
    const decoded = Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString('utf8');
    return JSON.stringify(decoded).slice(1, -1);
  });
}

function formatOf(value: unknown): JsonFormat | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  return JSON_FORMATS.find((format) => format.isLine(value as Line));
}

/**
 * checkCall for what was parsed from JSON, by whose log it is of; where it is of none, the names are the contract's. `value` itself
 * may be changed.
 *
 * @param origin where it stands, an id for calls of logs that tell none
 */
export function checkObject(value: unknown, origin: string, receivedAtMs: number): ApiCall | Rejection {
  return checkTimed(formatOf(value)?.fieldsOf(value as Line, origin) ?? value, receivedAtMs);
}

/** Decodes a record that brings its parsed value along. */
export const decodeValue: Decode = (record, receivedAtMs) => checkObject((record as Framed).value, record.origin, receivedAtMs);

/** checkCall where a time may be written as text. */
export function checkTimed(value: unknown, receivedAtMs: number): ApiCall | Rejection {
  if (typeof value === 'object' && value !== null && 'time' in value && typeof value.time === 'string')
    value.time = parseTime(value.time) ?? value.time;
  return checkCall(value, receivedAtMs);
}

export function sniffNdjson(line: string): boolean {
  return /^\s*\{/.test(line);
}

const ISO_8601 = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)(?:(Z)|([+-]\d\d):?(\d\d))$/i;

/** Ms since 1970. A time without an offset could mean any of two dozen moments, so it is none: null. */
function parseTime(text: string): number | null {
  const match = ISO_8601.exec(text);
  if (!match) return null;
  const [, date, clock, zulu, hours, minutes] = match;
  const time = Date.parse(`${date}T${clock!.replace(',', '.')}${zulu ? 'Z' : `${hours}:${minutes}`}`);
  return Number.isNaN(time) ? null : time;
}
