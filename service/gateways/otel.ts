/**
 * OpenTelemetry's attributes of an HTTP server's span, or of a log record that says the same, as one flat object: today's names
 * (semantic conventions 1.23 and later), else those before. A log record whose attributes are those of `deploy/` is a line of ours.
 *
 * A span is no call of a client where it is not of a server, or of something else than HTTP.
 */
import { splitTarget } from '../core/api-call.ts';
import { ACCESS_JSON } from './access-json.ts';
import { credentialOf, type JsonFormat, type Line, numberOf, objectOf, statusOf, textOf, versionOf } from './json-format.ts';

const METHODS = ['http.request.method_original', 'http.request.method', 'http.method'] as const;

export const OTEL: JsonFormat = {
  isLine: (line) => METHODS.some((name) => name in line),
  fieldsOf(line, origin) {
    const [path, query] = splitTarget(first(line, 'url.path', 'http.target') ?? '');
    const [start, end] = [nanosOf(line.startTimeUnixNano), nanosOf(line.endTimeUnixNano)];
    const version = first(line, 'tls.protocol.version');
    return {
      id: textOf(line.id) ?? origin,
      gateway: first(line, 'service.name'),
      time: start === null ? null : Math.round(start),
      durationMs: start === null || end === null || end < start ? null : end - start,
      clientIp: first(line, 'client.address', 'http.client_ip', 'network.peer.address', 'net.sock.peer.addr', 'net.peer.ip'),
      method: first(line, ...METHODS),
      path,
      query: textOf(line['url.query']) ?? query,
      status: statusOf(numberOf(line['http.response.status_code'] ?? line['http.status_code'])),
      route: first(line, 'http.route'),
      host: header(line, 'host') ?? hostOf(line),
      requestBytes: numberOf(first(line, 'http.request.size', 'http.request.body.size', 'http.request_content_length')),
      responseBytes: numberOf(first(line, 'http.response.size', 'http.response.body.size', 'http.response_content_length')),
      httpVersion: versionOf(first(line, 'network.protocol.version', 'http.flavor')),
      userAgent: first(line, 'user_agent.original', 'http.user_agent'),
      accept: header(line, 'accept'),
      acceptEncoding: header(line, 'accept-encoding'),
      acceptLanguage: header(line, 'accept-language'),
      contentType: header(line, 'content-type'),
      referer: header(line, 'referer'),
      tlsVersion: version && `TLSv${version}`,
      tlsCipher: first(line, 'tls.cipher'),
      tlsResumed: typeof line['tls.resumed'] === 'boolean' ? line['tls.resumed'] : null,
      ja3: first(line, 'tls.client.ja3'),
      clientCertificate: first(line, 'tls.client.hash.sha256')?.toLowerCase() ?? null,
      ...credentialOf(header(line, 'x-assay-subject')),
    };
  },
};

function first(line: Line, ...names: readonly string[]): string | null {
  for (const name of names) {
    const text = textOf(line[name]);
    if (text !== null) return text;
  }
  return null;
}

/** Instrumentation that is told to tells headers, each as a list. */
function header(line: Line, name: string): string | null {
  const value = line[`http.request.header.${name}`];
  return textOf(Array.isArray(value) ? value[0] : value);
}

function hostOf(line: Line): string | null {
  const [name, port] = [first(line, 'server.address', 'http.host', 'net.host.name'), first(line, 'server.port')];
  return name === null || port === null || name.includes(':') ? name : `${name}:${port}`;
}

/** Ms since 1970, from nanoseconds, which come as text: they are too large for a number. */
function nanosOf(value: unknown): number | null {
  const text = textOf(value);
  return text !== null && /^\d{7,20}$/.test(text) && text !== '0' ? Number(text.slice(0, -3)) / 1000 : null;
}

const SERVER = new Set<unknown>([2, 'SPAN_KIND_SERVER']);

/** A request of OTLP, its field names as in OTLP's JSON; each span of a server's as one flat object. */
export function spansOf(request: unknown): Line[] {
  return partsOf(request, 'resourceSpans', 'scopeSpans', 'spans')
    .filter(({ part }) => SERVER.has(part.kind))
    .map(({ part, resource }) => flat(part, resource))
    .filter((line) => OTEL.isLine(line));
}

/** The same of log records. */
export function recordsOf(request: unknown): Line[] {
  return partsOf(request, 'resourceLogs', 'scopeLogs', 'logRecords')
    .map(({ part, resource }) => flat({ ...part, startTimeUnixNano: part.timeUnixNano }, resource))
    .filter((line) => ACCESS_JSON.isLine(line) || OTEL.isLine(line));
}

interface Part {
  readonly part: Line;
  readonly resource: Line;
}

function partsOf(request: unknown, outer: string, middle: string, inner: string): Part[] {
  return list(objectOf(request)[outer]).flatMap((group) =>
    list(group[middle]).flatMap((scope) => list(scope[inner]).map((part) => ({ part, resource: objectOf(group.resource) }))),
  );
}

function list(value: unknown): Line[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function flat(part: Line, resource: Line): Line {
  const { startTimeUnixNano, endTimeUnixNano, traceId, spanId } = part;
  const known = {
    startTimeUnixNano,
    endTimeUnixNano,
    ...(spanId ? { id: `${textOf(traceId) ?? ''}-${textOf(spanId) ?? ''}` } : {}),
  };
  return { ...known, 'service.name': attributesOf(resource)['service.name'], ...attributesOf(part) };
}

function attributesOf({ attributes }: Line): Record<string, unknown> {
  return Object.fromEntries(list(attributes).map(({ key, value }) => [String(key), anyOf(objectOf(value))]));
}

function anyOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: Line): unknown {
  const value = stringValue ?? boolValue ?? intValue ?? doubleValue ?? null;
  return arrayValue ? list(objectOf(arrayValue).values).map(anyOf) : value;
}
