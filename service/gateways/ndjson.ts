/** ApiCalls as JSON objects, one a line, under the contract's own names. */
import { isUtf8 } from 'node:buffer';
import { checkCall, type Rejection, reject } from '../core/api-call.ts';
import type { ApiCall } from '../core/contracts.ts';
import type { Decode } from '../core/source.ts';
import { viewBuffer } from './frame.ts';

/** Decodes one JSON object; `time` may be ms since 1970 or an ISO 8601 string with an offset. */
export const decodeNdjson: Decode = ({ bytes }, receivedAtMs) => {
  if (!isUtf8(bytes)) return reject('ASSAY_CALL_BAD_UTF8', `${bytes.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(viewBuffer(bytes).toString('utf8'));
  } catch (error) {
    return reject('ASSAY_CALL_BAD_JSON', (error as Error).message.slice(0, 200));
  }
  return checkObject(value, receivedAtMs);
};

/** checkCall for what was parsed from JSON, where a time may be written as text. `value` itself may be changed. */
export function checkObject(value: unknown, receivedAtMs: number): ApiCall | Rejection {
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
