/** Caddy's own access log: one JSON object a line, of the logger http.log.access. Source: Caddy's docs, "How Logging Works". */
import { splitTarget } from '../core/api-call.ts';
import {
  headersOf,
  type JsonFormat,
  type Line,
  numberOf,
  objectOf,
  statusOf,
  textOf,
  versionOf,
  voiceOf,
} from './json-format.ts';

/**
 * Headers are those that the client sent, before Caddy or Assay made anything of them, so that no credential's hash is among them:
 * a client is known by its address and software. Caddy tells no request id.
 */
export const CADDY: JsonFormat = {
  isLine: ({ logger }) => typeof logger === 'string' && logger.startsWith('http.log.access'),
  fieldsOf: (line, origin) => ({ ...answerOf(line), ...requestOf(objectOf(line.request)), id: origin, gateway: 'caddy' }),
};

/** Caddy logs when it is done. */
function answerOf({ ts, duration, status, size, bytes_read }: Line): Record<string, unknown> {
  const [endedAt, seconds] = [numberOf(ts), numberOf(duration)];
  return {
    time: endedAt === null ? null : Math.round((endedAt - (seconds ?? 0)) * 1000),
    durationMs: seconds === null ? null : seconds * 1000,
    status: statusOf(numberOf(status)),
    responseBytes: numberOf(size),
    requestBytes: numberOf(bytes_read),
  };
}

function requestOf(request: Line): Record<string, unknown> {
  const [path, query] = splitTarget(textOf(request.uri) ?? '');
  const headers = headersOf(request.headers);
  const port = textOf(request.remote_port);
  return {
    ...voiceOf(headers),
    clientIp: textOf(request.client_ip) ?? textOf(request.remote_ip),
    method: textOf(request.method),
    path,
    query,
    host: textOf(request.host),
    httpVersion: versionOf(textOf(request.proto)),
    ...(request.tls ? handshakeOf(objectOf(request.tls)) : {}),
    connectionId: port && `${textOf(request.remote_ip)}:${port}`,
    hasCookie: request.headers ? 'cookie' in headers : null,
  };
}

function handshakeOf({ version, cipher_suite: cipher, resumed }: Line): Record<string, unknown> {
  return {
    tlsVersion: TLS_VERSIONS.get(numberOf(version) ?? 0),
    tlsCipher: TLS_CIPHERS.get(numberOf(cipher) ?? 0) ?? textOf(cipher),
    tlsResumed: typeof resumed === 'boolean' ? resumed : null,
  };
}

/** By their numbers in RFC 8446 and before. */
const TLS_VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [0x0304, 'TLSv1.3'],
]);

/** IANA's numbers of what Caddy offers, by the names that other gateways write. */
const TLS_CIPHERS: ReadonlyMap<number, string> = new Map([
  [0x1301, 'TLS_AES_128_GCM_SHA256'],
  [0x1302, 'TLS_AES_256_GCM_SHA384'],
  [0x1303, 'TLS_CHACHA20_POLY1305_SHA256'],
  [0xc02b, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  [0xc02c, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  [0xc02f, 'ECDHE-RSA-AES128-GCM-SHA256'],
  [0xc030, 'ECDHE-RSA-AES256-GCM-SHA384'],
  [0xcca8, 'ECDHE-RSA-CHACHA20-POLY1305'],
  [0xcca9, 'ECDHE-ECDSA-CHACHA20-POLY1305'],
]);
