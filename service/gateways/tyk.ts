/**
 * Tyk's records of requests, as the Kafka pump of Tyk Pump writes them. Paths come decoded and without the query. Source: Tyk Pump's
 * docs, "Tyk Analytics Record Fields". The API key is in it as it was sent: it is left out, for it is no hash of ours, unless Tyk
 * is told to hash its keys (`hash_keys`, as by default).
 */
import { type JsonFormat, numberOf, statusOf, textOf } from './json-format.ts';

export const TYK: JsonFormat = {
  isLine: (line) => 'response_code' in line && 'ip_address' in line && 'request_time_ms' in line,
  fieldsOf: (line, origin) => ({
    id: origin,
    gateway: 'tyk',
    time: textOf(line.timestamp),
    clientIp: textOf(line.ip_address),
    method: textOf(line.method),
    path: textOf(line.raw_path) ?? textOf(line.path),
    status: statusOf(numberOf(line.response_code)),
    host: textOf(line.host),
    tenant: textOf(line.org_id),
    durationMs: numberOf(line.request_time_ms),
    requestBytes: bytesOf(line.content_length),
    userAgent: textOf(line.user_agent),
    ...keyOf(textOf(line.api_key)),
  }),
};

/** What Tyk writes where there was no key. */
const NO_KEY = '00000000';
const HASH = /^[0-9a-f]{8,64}$/;

function keyOf(key: string | null): Record<string, unknown> {
  if (key === NO_KEY) return { authScheme: 'none' };
  return key !== null && HASH.test(key) ? { authScheme: 'apiKey', subject: key } : {};
}

/** -1 where it was not told. */
function bytesOf(value: unknown): number | null {
  const bytes = numberOf(value);
  return bytes !== null && bytes >= 0 ? bytes : null;
}
