/**
 * The common and combined log formats of Apache httpd and nginx, also with the virtual host in front:
 *   host ident user [day/Mon/year:hour:minute:second offset] "request" status bytes "referer" "user agent" …
 * Anything can stand in a request line, since scanners send anything; such a call counts as one with an odd method.
 */
import { isUtf8 } from 'node:buffer';
import { isIP } from 'node:net';
import { checkCall, reject } from '../core/api-call.ts';
import type { Decode } from '../core/source.ts';
import { viewBuffer } from './frame.ts';

/** The method of a request line that is none: empty, binary, TLS sent to a plain port. */
export const INVALID_METHOD = 'INVALID';

/** Decodes one line. The format has no request id, so the record's origin is the call's `id`: equal lines are two calls. */
export const decodeCombined: Decode = ({ bytes, origin }, receivedAtMs) => {
  const fields = parseLine(viewBuffer(bytes).toString('latin1'), origin);
  return fields ? checkCall(fields, receivedAtMs) : reject('ASSAY_CALL_BAD_LINE', 'neither common nor combined log format');
};

/** Looks at the beginning only, so that a line which is cut can be told too. */
export function sniffCombined(line: string): boolean {
  return /^\S+ \S+ .{0,999}\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/.test(line);
}

/** `line` holds one character a byte. */
function parseLine(line: string, id: string): Record<string, unknown> | null {
  const opening = findRequest(line);
  if (opening < 0) return null;
  const time = parseTime(line, opening - TIME_CHARS - 2);
  const caller = parseCaller(line.slice(0, opening - TIME_CHARS - 4));
  const closing = findClosing(line, opening + 1);
  if (Number.isNaN(time) || !caller || closing === line.length) return null;
  const isPlain = PLAIN.test(line);
  const answer = parseAnswer(line, closing + 1);
  if (!answer) return null;
  const { end, status, responseBytes } = answer;
  const referer = readQuoted(line, end + 1, isPlain);
  const userAgent = referer && readQuoted(line, referer.end + 1, isPlain);
  const request = parseRequest(textOf(line.slice(opening + 1, closing), isPlain));
  const host = request.host ?? caller.host;
  return {
    id,
    time,
    clientIp: caller.clientIp,
    method: request.method,
    path: request.path,
    query: request.query,
    host,
    httpVersion: request.httpVersion,
    status,
    responseBytes,
    referer: referer?.text,
    userAgent: userAgent?.text,
    authScheme: caller.subject === null ? null : 'basic',
    subject: caller.subject,
  };
}

/** Printable ASCII without backslash: nothing to unescape, nothing to decode. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;
const QUOTES_TRIED = 16;
/** `17/May/2015:10:05:03 +0000` */
const TIME_CHARS = 26;

/** Where the quote before the request is: the first one after brackets as wide as a time. A user's name may hold others. */
function findRequest(line: string): number {
  let quote = line.indexOf('"');
  for (let tries = 0; quote >= 0 && tries < QUOTES_TRIED; tries++) {
    const start = quote - TIME_CHARS - 3;
    if (start > 0 && line.startsWith('] ', quote - 2) && line.startsWith(' [', start - 1)) return quote;
    quote = line.indexOf('"', quote + 1);
  }
  return -1;
}

/** The quote that ends the field which begins at `at`, or the line's length where the line was cut. */
function findClosing(line: string, at: number): number {
  let quote = line.indexOf('"', at);
  while (quote >= 0 && isEscaped(line, quote, at)) quote = line.indexOf('"', quote + 1);
  return quote < 0 ? line.length : quote;
}

function isEscaped(line: string, quote: number, from: number): boolean {
  let at = quote;
  while (at > from && line.charCodeAt(at - 1) === 0x5c) at--;
  return (quote - at) % 2 === 1;
}

interface Caller {
  readonly clientIp: string;
  readonly subject: string | null;
  readonly host: string | null;
}

/** `host ident user`, with `vhost:port ` in front or not. A name that a user typed may hold spaces. */
function parseCaller(head: string): Caller | null {
  const first = head.indexOf(' ');
  const second = head.indexOf(' ', first + 1);
  if (first <= 0 || second < 0) return null;
  const address = head.slice(first + 1, second);
  if (address !== '-' && isIP(address) && head.indexOf(' ', second + 1) > 0 && !isIP(head.slice(0, first))) {
    const inner = parseCaller(head.slice(first + 1));
    return inner && { ...inner, host: head.slice(0, first).replace(/:\d+$/, '') };
  }
  const user = head.slice(second + 1);
  const subject = user === '-' || user === '' || user === '""' ? null : textOf(user, PLAIN.test(user));
  return { clientIp: head.slice(0, first), subject, host: null };
}

interface Answer {
  readonly status: number | null;
  readonly responseBytes: number;
  /** Where the field after it begins. */
  readonly end: number;
}

/** ` status bytes` from `at` on. A status that HTTP does not know (nginx writes 000 at times) is none. */
function parseAnswer(line: string, at: number): Answer | null {
  const middle = line.indexOf(' ', at + 1);
  if (line.charCodeAt(at) !== 0x20 || middle < 0) return null;
  const space = line.indexOf(' ', middle + 1);
  const end = space < 0 ? line.length : space;
  const code = line.slice(at + 1, middle);
  const sent = line.slice(middle + 1, end);
  if (!/^(?:\d{3}|-)$/.test(code) || !/^(?:-?\d{1,15}|-)$/.test(sent)) return null;
  const status = Number(code);
  return { status: status >= 100 && status <= 599 ? status : null, responseBytes: sent === '-' ? 0 : Number(sent), end };
}

/** A quoted field. `-` means that the header was not sent. */
function readQuoted(line: string, at: number, isPlain: boolean): { text: string | null; end: number } | null {
  if (line.charCodeAt(at) !== 0x22) return null;
  const closing = findClosing(line, at + 1);
  const raw = line.slice(at + 1, closing);
  return { text: raw === '-' ? null : textOf(raw, isPlain), end: closing + 1 };
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: string | null;
  readonly host: string | null;
  readonly httpVersion: string | null;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

function parseRequest(request: string): Request {
  const first = request.indexOf(' ');
  const method = first < 0 ? request : request.slice(0, first);
  if (request === '-' || request === '') return { method: INVALID_METHOD, path: '', query: null, host: null, httpVersion: null };
  if (!TOKEN.test(method)) return { method: INVALID_METHOD, path: request, query: null, host: null, httpVersion: null };
  const last = request.lastIndexOf(' ');
  const hasVersion = last > first && request.startsWith('HTTP/', last + 1);
  const version = hasVersion ? request.slice(last + 6) : null;
  const target = first < 0 ? '' : request.slice(first + 1, hasVersion ? last : undefined);
  return { method, ...parseTarget(target), httpVersion: version === '2.0' || version === '3.0' ? version[0]! : version };
}

/** A proxy's request names the host in its target: `http://host/path?query`. */
function parseTarget(target: string): Pick<Request, 'path' | 'query' | 'host'> {
  const absolute = target.startsWith('/') ? null : /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  const host = absolute ? absolute[1]! : null;
  const local = absolute ? absolute[2]! : target;
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: absolute && path === '' ? '/' : path, query: mark < 0 ? null : local.slice(mark + 1), host };
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([\\"'abfnrtv]))/g;
const ESCAPED: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Undoes the server's escapes; then the bytes are UTF-8 where they can be, else each stands for itself. */
function textOf(raw: string, isPlain: boolean): string {
  if (isPlain) return raw;
  const sent = raw.replace(ESCAPE, (_, hex?: string, letter?: string) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPED[letter!] ?? letter!),
  );
  const bytes = Buffer.from(sent, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : sent;
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Ms since 1970 of the 26 characters from `at` on, NaN where they are no time. */
function parseTime(line: string, at: number): number {
  const day = twoDigits(line, at);
  const month = MONTHS.indexOf(line.slice(at + 3, at + 6)) / 3;
  const year = twoDigits(line, at + 7) * 100 + twoDigits(line, at + 9);
  const hour = twoDigits(line, at + 12);
  const minute = twoDigits(line, at + 15);
  const second = twoDigits(line, at + 18);
  const offsetMinutes = twoDigits(line, at + 22) * 60 + twoDigits(line, at + 24);
  const sign = line[at + 21];
  if (!(day >= 1 && day <= (MONTH_DAYS[month] ?? 0)) || !(hour < 24 && minute < 60 && second <= 60)) return Number.NaN;
  if (line[at + 2] !== '/' || line[at + 6] !== '/' || line[at + 11] !== ':' || (sign !== '+' && sign !== '-')) return Number.NaN;
  return Date.UTC(year, month, day, hour, minute, second) - (sign === '+' ? 1 : -1) * offsetMinutes * 60_000;
}

function twoDigits(line: string, at: number): number {
  return digit(line.charCodeAt(at)) * 10 + digit(line.charCodeAt(at + 1));
}

function digit(code: number): number {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : Number.NaN;
}
