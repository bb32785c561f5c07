/** Caddy's own access log: one JSON object a line, of the logger http.log.access. Source: Caddy's docs, "How Logging Works". */
import { checkCall, isRejection, reject, splitTarget } from '../core/api-call.ts';
import type { Decode } from '../core/source.ts';
import { parseLine, statusOf, versionOf } from './access-json.ts';
import { viewBuffer } from './frame.ts';

interface CaddyRequest {
  readonly remote_ip?: string;
  readonly client_ip?: string;
  readonly remote_port?: string;
  readonly proto?: string;
  readonly method?: string;
  readonly host?: string;
  readonly uri?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly tls?: { readonly resumed?: boolean; readonly version?: number; readonly cipher_suite?: number };
}

interface CaddyLine {
  readonly ts?: number;
  readonly request?: CaddyRequest;
  readonly bytes_read?: number;
  readonly duration?: number;
  readonly size?: number;
  readonly status?: number;
}

/**
 * Decodes one line. Headers are those that the client sent, before Caddy or Assay made anything of them, so that no credential's
 * hash is among them: a client is known by its address and software. Caddy tells no request id, so the record's origin is the
 * call's: equal lines are two calls.
 */
export const decodeCaddy: Decode = ({ bytes, origin }, receivedAtMs) => {
  const line = parseLine(viewBuffer(bytes).toString('utf8'));
  if (isRejection(line)) return line;
  const { request } = line as CaddyLine;
  if (typeof request !== 'object' || request === null) return reject('ASSAY_CALL_BAD_LINE', 'it has no "request"');
  return checkCall({ ...answerOf(line as CaddyLine), ...requestOf(request), id: origin, gateway: 'caddy' }, receivedAtMs);
};

export function sniffCaddy(line: string): boolean {
  return /^\s*\{/.test(line) && /"logger":\s*"http\.log\.access/.test(line);
}

/** Caddy logs when it is done. */
function answerOf({ ts, duration, status, size, bytes_read }: CaddyLine): Record<string, unknown> {
  const durationMs = isNumber(duration) ? duration * 1000 : null;
  return {
    time: isNumber(ts) ? Math.round(ts * 1000 - (durationMs ?? 0)) : null,
    durationMs,
    status: isNumber(status) ? statusOf(status) : null,
    responseBytes: size,
    requestBytes: bytes_read,
  };
}

function requestOf(request: CaddyRequest): Record<string, unknown> {
  const [path, query] = splitTarget(String(request.uri ?? ''));
  const { tls } = request;
  const header = (name: string) => request.headers?.[name]?.[0] ?? null;
  return {
    clientIp: request.client_ip ?? request.remote_ip,
    method: request.method,
    path,
    query,
    host: request.host,
    httpVersion: versionOf(request.proto ?? null),
    userAgent: header('User-Agent'),
    accept: header('Accept'),
    acceptEncoding: header('Accept-Encoding'),
    acceptLanguage: header('Accept-Language'),
    contentType: header('Content-Type'),
    referer: header('Referer'),
    tlsVersion: tls ? (TLS_VERSIONS.get(tls.version ?? 0) ?? null) : null,
    tlsCipher: tls?.cipher_suite === undefined ? null : (TLS_CIPHERS.get(tls.cipher_suite) ?? String(tls.cipher_suite)),
    tlsResumed: tls?.resumed ?? null,
    connectionId: request.remote_port ? `${request.remote_ip}:${request.remote_port}` : null,
    hasCookie: request.headers ? header('Cookie') !== null : null,
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

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
