/**
 * Access logs of gateways that can write JSON, by the formats in `deploy/`: one object a line with `"log":"assay-1"`, under
 * names that say their unit. A value that is empty, "-" or null is one that the gateway does not tell.
 *
 *     gateway id · startedAt or endedAt (s since 1970) · seconds, ms or us · ip · method · uri · host · status · in · out (bytes)
 *     protocol · userAgent accept encoding language type referer · headers (names, in order) · cookie · subject · asked
 *     tls cipher ja3 ja4 resumed certificate · connection · nth · route tenant account
 */
import { checkCall, isRejection, type Rejection, reject, splitTarget } from '../core/api-call.ts';
import type { Decode } from '../core/source.ts';
import { INVALID_METHOD } from './combined.ts';
import { viewBuffer } from './frame.ts';

export const LOG_NAME = 'assay-1';

type Line = Readonly<Record<string, unknown>>;

/** Decodes one line. Without an id the record's origin is the call's: equal lines are two calls. */
export const decodeAccessJson: Decode = ({ bytes, origin }, receivedAtMs) => {
  const line = parseLine(viewBuffer(bytes).toString('utf8'));
  if (isRejection(line)) return line;
  if (line.log !== LOG_NAME) return reject('ASSAY_CALL_BAD_LINE', `its "log" is not ${LOG_NAME}`);
  return checkCall(fieldsOf(line, origin), receivedAtMs);
};

export function sniffAccessJson(line: string): boolean {
  return /^\s*\{/.test(line) && /"log":\s*"assay-1"/.test(line);
}

/** @returns the object of a line, or why there is none */
export function parseLine(text: string): Line | Rejection {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return parseMended(text);
  }
}

/** Only of lines that are not JSON as they are: most are. */
function parseMended(text: string): Line | Rejection {
  try {
    return objectOf(JSON.parse(mendEscapes(text)));
  } catch (error) {
    return reject('ASSAY_CALL_BAD_JSON', (error as Error).message.slice(0, 200));
  }
}

function objectOf(value: unknown): Line | Rejection {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Line;
  return reject('ASSAY_CALL_NOT_OBJECT', 'the line is no object');
}

/** Apache httpd escapes as C does, bytes one by one; of JSON's escapes it knows most. */
function mendEscapes(text: string): string {
  return text.replaceAll(/((?:\\x[0-9a-fA-F]{2})+)|\\(.)/g, (all, bytes: string | undefined, single: string) => {
    if (bytes === undefined) return single === 'v' ? '\\u000b' : all;
    const decoded = Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString('utf8');
    return JSON.stringify(decoded).slice(1, -1);
  });
}

function fieldsOf(line: Line, origin: string): Record<string, unknown> {
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

/**
 * The subject is what Assay said when it was asked, `Bearer 1f6f75781bd0c57a`. Where it was asked and said nothing, there was no
 * credential; where it was not, nobody knows.
 */
function credentialOf(subject: string | null, wasAsked: boolean): { authScheme: string | null; subject: string | null } {
  const at = subject?.indexOf(' ') ?? -1;
  if (at > 0) return { authScheme: subject!.slice(0, at), subject: subject!.slice(at + 1) };
  return { authScheme: wasAsked ? 'none' : null, subject: null };
}

/** As nginx, HAProxy and httpd say it. */
const RESUMED: ReadonlyMap<string, boolean> = new Map([
  ...(['r', '1', 'true', 'Resumed'].map((word) => [word, true]) as [string, boolean][]),
  ...(['.', '0', 'false', 'Initial'].map((word) => [word, false]) as [string, boolean][]),
]);

/** When the request came, ms since 1970. */
function timeOf({ startedAt, endedAt }: Line, durationMs: number | null): number | null {
  const [start, end] = [numberOf(startedAt), numberOf(endedAt)];
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

/** Where a client went before there was an answer gateways write 0, -1 or 000; nginx writes 499, which is taken for all. */
export function statusOf(status: number | null): number | null {
  return status === null || (status >= 100 && status <= 599) ? status : 499;
}

/** `HTTP/2.0` is 2, as is `HTTP/2`. */
export function versionOf(protocol: string | null): string | null {
  return protocol?.replace(/^HTTP\//, '').replace(/^([23])\.0$/, '$1') ?? null;
}

function textOf(value: unknown): string | null {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' && text !== '-' ? text : null;
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}
