/**
 * What Kong's logging plugins (http-log, file-log, tcp-log, kafka-log …) write, and APISIX's loggers by default (kafka-logger,
 * http-logger …), which looks much the same. Sources: Kong's kong.log.serialize, APISIX's log-util.
 */
import { splitTarget } from '../core/api-call.ts';
import {
  credentialOf,
  headersOf,
  type JsonFormat,
  type Line,
  numberOf,
  objectOf,
  statusOf,
  textOf,
  voiceOf,
} from './json-format.ts';

export const KONG: JsonFormat = {
  isLine: (line) => 'latencies' in line && 'started_at' in line && 'request' in line,
  fieldsOf: (line, origin) => ({
    ...commonOf(line),
    id: headersOf(objectOf(line.response).headers)['x-kong-request-id'] ?? origin,
    gateway: 'kong',
    time: wholeOf(line.started_at),
    durationMs: numberOf(objectOf(line.latencies).request),
    ...handshakeOf(objectOf(objectOf(line.request).tls)),
  }),
};

export const APISIX: JsonFormat = {
  isLine: (line) => 'apisix_latency' in line && 'start_time' in line && 'request' in line,
  fieldsOf: (line, origin) => ({
    ...commonOf(line),
    id: headersOf(objectOf(line.response).headers)['x-request-id'] ?? origin,
    gateway: 'apisix',
    time: wholeOf(line.start_time),
    durationMs: numberOf(line.latency),
  }),
};

function commonOf(line: Line): Record<string, unknown> {
  const [request, response] = [objectOf(line.request), objectOf(line.response)];
  const [path, query] = splitTarget(textOf(request.uri) ?? '');
  const headers = headersOf(request.headers);
  return {
    ...voiceOf(headers),
    clientIp: textOf(line.client_ip),
    method: textOf(request.method),
    path,
    query,
    status: statusOf(numberOf(response.status)),
    host: headers.host,
    requestBytes: numberOf(request.size),
    responseBytes: numberOf(response.size),
    hasCookie: 'cookie' in headers,
    ...credentialOf(headers['x-assay-subject'] ?? null),
  };
}

function handshakeOf({ version, cipher }: Line): Record<string, unknown> {
  return { tlsVersion: textOf(version), tlsCipher: textOf(cipher) };
}

/** Ms since 1970; APISIX tells fractions. */
function wholeOf(value: unknown): number | null {
  const number = numberOf(value);
  return number === null ? null : Math.round(number);
}
