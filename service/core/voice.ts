/** What a client says it is, and whether its headers, its handshake and its connections agree. */
import { C, type ClientRecord, F, U } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import {
  beliesAgent,
  fingerprintOf,
  HEADER_MARK,
  isBrowserHandshake,
  markHeaders,
  readHandshake,
  type Software,
  softwareOf,
} from './software.ts';
import { hashString } from './stats.ts';

export function observeVoice(record: ClientRecord, call: ApiCall): void {
  const { u, c } = record;
  const software = softwareOf(call.userAgent);
  if (software.name === 'none') c[C.noAgent]! += 1;
  if (software.isBrowser) c[C.browserAgent]! += 1;
  if (software.isLibrary) c[C.libraryAgent]! += 1;
  if (software.isTool) c[C.toolAgent]! += 1;
  if (software.isDeclaredBot) c[C.declaredBot]! += 1;
  if (changes(u, U.agent, software.hash, c)) c[C.agentChanges]! += 1;
  if (tellsVoice(call)) c[C.voiceKnown]! += 1;
  if (call.accept === '*/*') c[C.acceptAny]! += 1;
  if (call.acceptLanguage) c[C.language]! += 1;
  if (call.acceptEncoding) c[C.encoding]! += 1;
  if (call.referer) c[C.referer]! += 1;
  if (call.hasCookie !== null) c[C.cookieKnown]! += 1;
  if (call.hasCookie) c[C.cookie]! += 1;
  if (call.headerNames !== null) observeHeaders(record, call.method, call.headerNames);
  const marks = call.headerNames === null ? null : c[C.headerMarks]!;
  if (beliesAgent(software, call, marks)) c[C.disguised]! += 1;
  if (software.isBrowser && marks !== null && (marks & HEADER_MARK.fetch) === 0) c[C.bareBrowser]! += 1;
  observeConnection(u, c, call, software);
}

function observeHeaders({ f, u, c }: ClientRecord, method: string, names: readonly string[]): void {
  c[C.headersKnown]! += 1;
  const before = u[U.shape];
  const shape = shapeOf(method, names);
  if (changes(u, U.shape, shape, c)) c[C.shapeChanges]! += 1;
  // Of most calls the names are those of the call before.
  if (before !== shape || c[C.headersKnown]! === 1) c[C.headerMarks] = markHeaders(names);
  if (c[C.headerMarks]! & HEADER_MARK.conditional) c[C.conditional]! += 1;
  f[F.headerNames]! += (names.length - f[F.headerNames]!) / c[C.headersKnown]!;
}

/** Whether the gateway tells more of the headers than the user agent and the referer, which every access log has. */
function tellsVoice({ accept, acceptEncoding, acceptLanguage, headerNames }: ApiCall): boolean {
  return accept !== null || acceptEncoding !== null || acceptLanguage !== null || headerNames !== null;
}

function shapeOf(method: string, names: readonly string[]): number {
  let hash = hashString(method);
  for (const name of names) hash = hashString(name, hash);
  return hash;
}

function observeConnection(u: Uint32Array, c: Uint16Array, call: ApiCall, software: Software): void {
  const isHttp2 = call.httpVersion !== null && /^[23]/.test(call.httpVersion);
  if (isHttp2) c[C.http2]! += 1;
  if (call.ja4 !== null || call.tlsVersion !== null || call.tlsCipher !== null) {
    c[C.tls]! += 1;
    if (call.tlsResumed) c[C.tlsResumed]! += 1;
    if (changes(u, U.tls, handshakeOf(call), c)) c[C.tlsChanges]! += 1;
    if (software.isBrowser && call.httpVersion !== null && !isHttp2) c[C.oldBrowser]! += 1;
  }
  if (call.ja4 !== null) observeHandshake(c, call.ja4, software);
  if (call.connectionId === null && call.connectionRequests === null) return;
  c[C.connectionKnown]! += 1;
  const connection = call.connectionId === null ? 0 : hashString(call.connectionId);
  const isNew = call.connectionRequests === null ? u[U.connection] !== connection : call.connectionRequests <= 1;
  if (isNew) c[C.connectionNew]! += 1;
  u[U.connection] = connection;
}

function observeHandshake(c: Uint16Array, ja4: string, { isBrowser }: Software): void {
  const facts = readHandshake(ja4);
  c[C.ja4Known]! += 1;
  c[C.ja4Ciphers] = facts.ciphers;
  c[C.ja4Extensions] = facts.extensions;
  if (facts.offersHttp2) c[C.ja4Http2]! += 1;
  if (isBrowser && !isBrowserHandshake(facts)) c[C.oddBrowser]! += 1;
}

function handshakeOf({ ja4, tlsVersion, tlsCipher }: ApiCall): number {
  if (ja4 !== null) return hashString(fingerprintOf(ja4));
  return hashString(tlsCipher ?? '', hashString(tlsVersion ?? ''));
}

/** Whether a slot's hash differs from the call before; the first call of a session changes nothing. */
export function changes(u: Uint32Array, slot: number, hash: number, c: Uint16Array): boolean {
  const before = u[slot]!;
  u[slot] = hash;
  return c[C.calls]! > 0 && before !== hash;
}
