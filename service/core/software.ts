/** What a user agent and a TLS handshake claim. Only claims: features compare them with how the client behaves. */
import { isbot } from 'isbot';
import type { ApiCall } from './contracts.ts';
import { RecentMap } from './recent-map.ts';
import { hashString } from './stats.ts';

export interface Software {
  /** A name from the tables below, `browser`, `other`, or `none`. */
  readonly name: string;
  readonly hash: number;
  readonly isBrowser: boolean;
  readonly isLibrary: boolean;
  readonly isTool: boolean;
  /** Says of itself that it is a crawler, monitor or the like. */
  readonly isDeclaredBot: boolean;
}

/** Security and attack tools that say who they are. */
const TOOLS =
  /sqlmap|nikto|\bhydra|gobuster|feroxbuster|fuzz faster|\bffuf|wfuzz|wapiti|dirbuster|\bdirb\b|dirsearch|nuclei|nmap|masscan|zgrab|zmeu|acunetix|netsparker|nessus|openvas|w3af|arachni|whatweb|joomscan|wpscan|morfeus|patator|\bmedusa\b/i;
/** Monitors, senders of webhooks, readers of feeds and crawlers that name themselves; isbot knows those that look like browsers. */
const DECLARED =
  /uptime|pingdom|statuscake|kube-probe|elb-healthchecker|googlehc|prometheus|blackbox|nagios|check_http|zabbix|datadog|newrelic|site24x7|hookshot|webhook|stripe\/|slackbot|twilioproxy|svix|feed|\brss\b|newsblur|externalhit|fetcher|validator|nutch|embedly|livejournal|crawler|spider|[^ ]bot\b|robot|\(\+https?:|; ?\+https?:/i;
const LIBRARIES =
  /okhttp|dalvik|cfnetwork|alamofire|httpclient|go-http-client|go-resty|python|aiohttp|httpx|pycurl|axios|undici|node-fetch|\bnode\b|\bgot\b|\bcurl|\bwget|libwww-perl|lwp::|guzzle|\bphp|\bruby|faraday|\bjava\/|jakarta|\bktor|reactor-netty|restsharp|\.net (?:clr|core|framework)|system\.net|dotnet|postmanruntime|newman|insomnia|httpie|\bk6\/|scrapy|httrack|rclone|reqwest|hyper\/|\bdart\b|aws-sdk|boto|google-api|jsforce|salesforce|vdirsyncer|\bdav(?:x5|fs)?\b|caldav|webdav|grpc|winhttp|\bperl|\bgit\/|docker\/|kubectl|terraform|\bnpm\/|\bpip\//i;
const MAX_CACHED = 10_000;
const MAX_CACHED_CHARS = 512;
/** Longer user agents say nothing more. */
const MAX_READ_CHARS = 1024;
const cache = new RecentMap<Software>(MAX_CACHED);

function classify(userAgent: string): Software {
  const text = userAgent.slice(0, MAX_READ_CHARS);
  const base = { hash: hashString(userAgent), isBrowser: false, isLibrary: false, isTool: false, isDeclaredBot: false };
  const tool = TOOLS.exec(text);
  if (tool) return { ...base, name: tool[0].toLowerCase(), isTool: true };
  const claimsBrowser = /^mozilla\/\d|^opera\//i.test(text);
  // Names come from tables only: else a client that draws a new name for each call would be a new client each time.
  if (claimsBrowser && !isbot(text)) return { ...base, name: 'browser', isBrowser: true };
  if (claimsBrowser || DECLARED.test(text)) return { ...base, name: 'bot', isDeclaredBot: true };
  const library = LIBRARIES.exec(text);
  return library ? { ...base, name: library[0].toLowerCase(), isLibrary: true } : { ...base, name: 'other' };
}

const NONE: Software = {
  name: 'none',
  hash: 0,
  isBrowser: false,
  isLibrary: false,
  isTool: false,
  isDeclaredBot: false,
};

export function softwareOf(userAgent: string | null): Software {
  if (userAgent === null || userAgent === '') return NONE;
  const known = cache.get(userAgent);
  if (known) return known;
  const software = classify(userAgent);
  if (userAgent.length <= MAX_CACHED_CHARS) cache.set(userAgent, software);
  return software;
}

/**
 * What stays the same of a client's TLS handshakes: of JA4 the version and the ciphers, since extensions change when a
 * session is resumed. JA3 says nothing here: it hashes extensions in an order that browsers shuffle.
 */
export function fingerprintOf(ja4: string): string {
  const from = ja4.indexOf('_');
  const to = ja4.indexOf('_', from + 1);
  return from < 0 || to < 0 ? ja4 : ja4.slice(1, 3) + ja4.slice(from, to);
}

/** What JA4 tells in its first part, `t13d1516h2`. */
export interface HandshakeFacts {
  readonly ciphers: number;
  readonly extensions: number;
  /** Whether HTTP/2 or HTTP/3 was offered first. */
  readonly offersHttp2: boolean;
}

/** All zero where the text is no JA4. */
export function readHandshake(ja4: string): HandshakeFacts {
  const [ciphers, extensions] = [twoDigits(ja4, 4), twoDigits(ja4, 6)];
  if (ciphers < 0 || extensions < 0 || ja4[10] !== '_') return { ciphers: 0, extensions: 0, offersHttp2: false };
  return { ciphers, extensions, offersHttp2: ja4[8] === 'h' && (ja4[9] === '2' || ja4[9] === '3') };
}

/** The number of two digits at a place, -1 where there is none. */
function twoDigits(text: string, at: number): number {
  const [tens, units] = [text.charCodeAt(at) - 48, text.charCodeAt(at + 1) - 48];
  return tens >= 0 && tens <= 9 && units >= 0 && units <= 9 ? tens * 10 + units : -1;
}

/** Browsers of the last ten years offer about that many ciphers and extensions, and HTTP/2. */
export function isBrowserHandshake({ ciphers, extensions, offersHttp2 }: HandshakeFacts): boolean {
  return ciphers >= 10 && ciphers <= 30 && extensions >= 9 && offersHttp2;
}

/** Bits of what the names of a call's headers tell. */
export const HEADER_MARK = { conditional: 1, fetch: 2, language: 4, encoding: 8 } as const;
const HEADER_MARKS = new Map<string, number>([
  ['if-none-match', HEADER_MARK.conditional],
  ['if-modified-since', HEADER_MARK.conditional],
  ['sec-fetch-mode', HEADER_MARK.fetch],
  ['sec-fetch-site', HEADER_MARK.fetch],
  ['sec-ch-ua', HEADER_MARK.fetch],
  ['accept-language', HEADER_MARK.language],
  ['accept-encoding', HEADER_MARK.encoding],
]);

export function markHeaders(names: readonly string[]): number {
  let marks = 0;
  for (const name of names) marks |= HEADER_MARKS.get(name) ?? 0;
  return marks;
}

/**
 * Whether headers belie the user agent: a browser that names no language or no compression, or over TLS none newer than
 * gzip; okhttp, Go or Dalvik, which ask for gzip alone, with Python's `gzip, deflate`; Apple's CFNetwork without a language.
 *
 * @param marks of markHeaders, null where the gateway tells no names
 */
export function beliesAgent(
  { name, isBrowser }: Software,
  { acceptEncoding, tlsVersion, ja4 }: Pick<ApiCall, 'acceptEncoding' | 'tlsVersion' | 'ja4'>,
  marks: number | null,
): boolean {
  if (isBrowser) {
    const full = HEADER_MARK.language | HEADER_MARK.encoding;
    if (marks !== null && (marks & full) !== full) return true;
    return acceptEncoding !== null && (tlsVersion !== null || ja4 !== null) && !acceptEncoding.includes('br');
  }
  if (GZIP_ONLY.test(name)) return acceptEncoding?.includes('deflate') === true;
  return name === 'cfnetwork' && marks !== null && (marks & HEADER_MARK.language) === 0;
}
const GZIP_ONLY = /^(?:okhttp|dalvik|go-http-client)$/;
