/**
 * Access logs of gateways that can write JSON, by the formats in `deploy/`: one object a line with `"log":"assay-1"`, under
 * names that say their unit. A value that is empty, "-" or null is one that the gateway does not tell.
 *
 *     gateway id · startedAt or endedAt (s since 1970), startedMs · seconds, ms or us · ip · method · uri · host · status · in · out (bytes)
 *     protocol · userAgent accept encoding language type referer · headers (names, in order) · cookie · subject · asked
 *     tls cipher ja3 ja4 resumed certificate · connection · nth · route tenant account
 */
import { splitTarget } from '../core/api-call.ts';
import { INVALID_METHOD } from './combined.ts';
import { credentialOf, type JsonFormat, type Line, numberOf, statusOf, textOf, versionOf } from './json-format.ts';

const LOG_NAME = 'assay-1';

export const ACCESS_JSON: JsonFormat = { isLine: ({ log }) => log === LOG_NAME, fieldsOf };

/** As JsonFormat has it. */
export function fieldsOf(line: Line, origin: string): Record<string, unknown> {
  const durationMs = durationOf(line);
  const [path, query] = splitTarget(textOf(line.uri) ?? '');
  const tlsVersion = textOf(line.tls);
  return {
    id: textOf(line.id) ?? origin,
    time: timeOf(line, durationMs),
    clientIp: textOf(line.ip),
    // What is no HTTP, such as TLS sent to a plain port, is a call too: scanners make such.
    method: textOf(line.method) ?? INVALID_METHOD,
    path,
    query,
    status: statusOf(numberOf(line.status)),
    host: textOf(line.host),
    route: textOf(line.route),
    gateway: textOf(line.gateway),
    tenant: textOf(line.tenant),
    requestBytes: numberOf(line.in),
    responseBytes: numberOf(line.out),
    durationMs,
    httpVersion: versionOf(textOf(line.protocol)),
    userAgent: textOf(line.userAgent),
    accept: textOf(line.accept),
    acceptEncoding: textOf(line.encoding),
    acceptLanguage: textOf(line.language),
    contentType: textOf(line.type),
    referer: textOf(line.referer),
    headerNames: textOf(line.headers)?.split(/[ ,]+/) ?? null,
    hasCookie: 'cookie' in line ? textOf(line.cookie) !== null : null,
    tlsVersion,
    tlsCipher: textOf(line.cipher),
    ja3: textOf(line.ja3),
    ja4: textOf(line.ja4),
    // HAProxy says so of what is not encrypted, too.
    tlsResumed: tlsVersion === null ? null : (RESUMED.get(String(line.resumed)) ?? null),
    clientCertificate: textOf(line.certificate),
    connectionId: textOf(line.connection),
    connectionRequests: numberOf(line.nth),
    account: textOf(line.account),
    // Two words one after the other, of which either may be lacking.
    ...credentialOf(textOf(line.subject), /[^-]/.test(textOf(line.asked) ?? '')),
  };
}

/** As nginx, HAProxy and httpd say it. */
const RESUMED: ReadonlyMap<string, boolean> = new Map([
  ...(['r', '1', 'true', 'Resumed'].map((word) => [word, true]) as [string, boolean][]),
  ...(['.', '0', 'false', 'Initial'].map((word) => [word, false]) as [string, boolean][]),
]);

/** When the request came, ms since 1970. */
function timeOf({ startedAt, startedMs, endedAt }: Line, durationMs: number | null): number | null {
  const [start, ms, end] = [numberOf(startedAt), numberOf(startedMs), numberOf(endedAt)];
  if (ms !== null) return ms;
  if (start !== null) return Math.round(start * 1000);
  return end === null ? null : Math.round(end * 1000 - (durationMs ?? 0));
}

function durationOf({ seconds, ms, us }: Line): number | null {
  for (const [value, factor] of [
    [seconds, 1000],
    [ms, 1],
    [us, 0.001],
  ] as const) {
    const number = numberOf(value);
    if (number !== null && number >= 0) return number * factor;
  }
  return null;
}
