/** An entry of Envoy's access log service. Headers are in it where its configuration names them (`additional_request_headers_to_log`). */
import { type Line, numberOf, objectOf, textOf } from './json-format.ts';

const METHODS = ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const PROTOCOLS = ['', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/3'];
const TLS = ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * The entry as a line of access-json. What the gateway said when it asked (`x-assay-call`) stands over what the entry says, so that
 * both are one call.
 */
export function lineOfEntry(entry: Line, asked: Readonly<Record<string, string>>): Line {
  const [common, request, response] = [entry.commonProperties, entry.request, entry.response].map(objectOf) as [Line, Line, Line];
  const headers = objectOf(request.requestHeaders);
  const tls = objectOf(common.tlsProperties);
  const address = objectOf(objectOf(common.downstreamRemoteAddress).socketAddress).address;
  return {
    log: 'assay-1',
    gateway: 'envoy',
    startedMs: msOf(common.startTime),
    ms: msOf(common.duration),
    ip: address,
    method: METHODS[numberOf(request.requestMethod) ?? 0],
    uri: textOf(request.originalPath) ?? request.path,
    host: request.authority,
    status: objectOf(response.responseCode).value ?? 0,
    in: request.requestBodyBytes ?? 0,
    out: (numberOf(response.responseHeadersBytes) ?? 0) + (numberOf(response.responseBodyBytes) ?? 0),
    protocol: PROTOCOLS[numberOf(entry.protocolVersion) ?? 0],
    userAgent: request.userAgent,
    accept: headers.accept,
    encoding: headers['accept-encoding'],
    language: headers['accept-language'],
    type: headers['content-type'],
    referer: request.referer,
    tls: TLS[numberOf(tls.tlsVersion) ?? 0],
    ja3: tls.ja3Fingerprint,
    subject: headers['x-assay-subject'],
    asked: `${textOf(headers['x-assay-verdict']) ?? ''}${textOf(headers['x-assay-reasons']) ?? ''}`,
    ...asked,
  };
}

/** Ms of seconds and nanoseconds. */
function msOf(value: unknown): number | null {
  const { seconds, nanos } = objectOf(value);
  return value ? Math.round(1000 * (numberOf(seconds) ?? 0) + (numberOf(nanos) ?? 0) / 1e6) : null;
}
