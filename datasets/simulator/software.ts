/** How one client speaks: a program's shape, its version and settings, and what it disguises as. */
import { softwareOf } from '../../service/core/software.ts';
import { drawStack, type Fitted, UNFITTED } from './fitted.ts';
import { type Random, scatter } from './random.ts';
import { PAGE_ACCEPT, type Stack, type TlsLibrary } from './stack.ts';
import { BROWSERS, STACKS, type StackName } from './stacks.ts';

/** Version and cipher, the more usual first. */
const TLS: Record<TlsLibrary, readonly (readonly [string, string])[]> = {
  openssl: [
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ],
  go: [
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
    ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ],
  boring: [
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
    ['TLSv1.2', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ],
  nss: [
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
    ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ],
  java: [
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ],
  apple: [
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
    ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ],
  schannel: [
    ['TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ],
  gnutls: [
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ],
  rustls: [
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
  ],
};

/** What a call carries, as bits; decides which of the optional headers are sent. */
export const CARRIES = {
  body: 1,
  authorization: 2,
  referer: 4,
  cookie: 8,
  condition: 16,
  origin: 32,
  depth: 64,
  key: 128,
  /** Not carried but spoken: over HTTP/2 the host comes first, as gateways tell it, and no connection is named. */
  http2: 256,
} as const;

/** Headers that are sent only where there is cause, and what that is. */
export const OPTIONAL: Readonly<Record<string, number>> = {
  'content-length': CARRIES.body,
  'content-type': CARRIES.body,
  authorization: CARRIES.authorization,
  referer: CARRIES.referer,
  cookie: CARRIES.cookie,
  'if-none-match': CARRIES.condition,
  'if-modified-since': CARRIES.condition,
  origin: CARRIES.origin,
  depth: CARRIES.depth,
};

/** One client's way of speaking, drawn once and kept. */
export interface Voice {
  readonly tool: StackName;
  readonly userAgent: string | null;
  /** What Assay takes the user agent for; actors that differ in it are told apart at one address. */
  readonly family: string;
  readonly accept: string | null;
  readonly acceptEncoding: string | null;
  readonly acceptLanguage: string | null;
  readonly tlsVersion: string;
  readonly tlsCipher: string;
  readonly ja3: string;
  readonly ja4: string;
  readonly http2: boolean;
  readonly keepsAlive: boolean;
  readonly resumes: boolean;
  readonly cookies: boolean;
  /** Connections that it opens side by side. */
  readonly pool: number;
  /** Names of the headers for what a call carries; the same array for the same bits. */
  headerNames(carries: number): readonly string[];
}

/**
 * A name of one's own; a browser's user agent; that and a language; all headers of a browser, or of a mobile app, in
 * order; all that and the TLS of what it imitates.
 */
export type Disguise = 'none' | 'own-name' | 'browser' | 'full-browser' | 'whole-browser' | 'whole-app' | 'twin';

const PRODUCTS = [
  'Sync',
  'Connector',
  'Agent',
  'Client',
  'Bridge',
  'Importer',
  'Shop',
  'Mobile',
  'Pilot',
  'Link',
  'Worker',
  'Job',
];
const MAKERS = ['Acme', 'Nord', 'Blue', 'Hexa', 'Orbit', 'Lumen', 'Fjord', 'Kite', 'Delta', 'Sable', 'Terra', 'Vela', 'Zephyr'];
const LANGUAGES = [
  'en-US,en;q=0.9',
  'en-GB,en;q=0.8',
  'de-DE,de;q=0.9,en;q=0.7',
  'fr-FR,fr;q=0.9',
  'es-ES,es;q=0.9',
  'pl',
  'pt-BR,pt;q=0.9',
  'ja',
];
const EXTRAS = [
  'x-request-id',
  'x-client-version',
  'traceparent',
  'x-correlation-id',
  'x-device-id',
  'cache-control',
  'x-requested-with',
  'x-app-platform',
];

const WHOLE_BROWSERS: readonly StackName[] = ['chrome', 'chrome', 'firefox', 'safari'];
const WHOLE_APPS: readonly StackName[] = ['okhttp', 'okhttp', 'cfnetwork', 'dart'];

/** Draws a client's voice from a program's shape; what the disguise changes depends on who might want it. */
export function createVoice(random: Random, name: StackName, disguise: Disguise, fitted: Fitted = UNFITTED): Voice {
  const own = drawStack(random, fitted, name);
  const shownName = shownAs(random, name, disguise);
  const stack = shownName === name ? own : drawStack(random, fitted, shownName);
  const userAgent = agentOf(random, stack, disguise);
  const asBrowser = disguise === 'browser' || disguise === 'full-browser';
  const language = stack.language ?? (disguise === 'full-browser' ? 'en-US,en;q=0.9' : null);
  const extras = EXTRAS.filter(() => random.chance(0.07));
  if (language && !stack.language) extras.unshift('accept-language');
  const accept = asBrowser && random.chance(0.6) ? PAGE_ACCEPT : stack.accept;
  return {
    ...handshakeOf(random, disguise === 'twin' ? shownName : name),
    tool: name,
    userAgent,
    family: softwareOf(userAgent).name,
    accept,
    acceptEncoding: stack.encoding,
    acceptLanguage: language && random.chance(0.5) ? random.pick(LANGUAGES) : language,
    http2: random.chance((disguise === 'twin' ? stack : own).http2 ?? 0),
    keepsAlive: random.chance(own.keepsAlive ?? 0.5),
    resumes: own.resumes ?? false,
    cookies: random.chance(stack.cookies ?? 0.05),
    pool: random.chance(0.6) ? 1 : random.logInt(2, 24),
    headerNames: namesOf({ ...stack, accept }, userAgent !== null, extras),
  };
}

function shownAs(random: Random, name: StackName, disguise: Disguise): StackName {
  if (disguise === 'whole-app') return random.pick(WHOLE_APPS);
  return disguise === 'whole-browser' || disguise === 'twin' ? random.pick(WHOLE_BROWSERS) : name;
}

/** Versions of one library speak TLS in a few ways; ja3 and ja4 follow the library, not its user. */
function handshakeOf(random: Random, name: StackName): Pick<Voice, 'tlsVersion' | 'tlsCipher' | 'ja3' | 'ja4'> {
  const library = STACKS[name].tls;
  const [tlsVersion, tlsCipher] = TLS[library][random.chance(0.82) ? 0 : 1]!;
  const print = scatter(hashName(library + name) + random.int(0, 2) + (tlsVersion === 'TLSv1.2' ? 9 : 0), 77);
  return {
    tlsVersion,
    tlsCipher,
    ja3: digits(print, 32),
    ja4: `t${tlsVersion.slice(-3).replace('.', '')}d${10 + (print % 9)}${10 + (print % 7)}h2_${digits(print, 12)}_${digits(print + 1, 12)}`,
  };
}

/** How close an imitation of another client's voice comes. */
export type Likeness = 'all' | 'headers' | 'agent';

/** The voice of a program that imitates another's: its user agent, its headers too, or all, TLS and habits included. */
export function imitate(random: Random, model: Voice, name: StackName, likeness: Likeness): Voice {
  if (likeness === 'all') return { ...model, tool: name };
  const own = createVoice(random, name, 'none');
  const said = { userAgent: model.userAgent, family: model.family };
  if (likeness === 'agent') return { ...own, ...said };
  const { accept, acceptEncoding, acceptLanguage, headerNames, cookies } = model;
  return { ...own, ...said, accept, acceptEncoding, acceptLanguage, headerNames, cookies };
}

function agentOf(random: Random, stack: Stack, disguise: Disguise): string | null {
  if (disguise === 'own-name') return fill(random, `${random.pick(MAKERS)}${random.pick(PRODUCTS)}/{1..9}.{0..20}.{0..9}`);
  const asBrowser = disguise === 'browser' || disguise === 'full-browser';
  const source: Stack = asBrowser ? STACKS[random.pick(BROWSERS)] : stack;
  return fill(random, random.pick(source.agents)) || null;
}

/** Numbers are drawn for `{low..high}`; `{=}` repeats the one before. */
function fill(random: Random, template: string): string {
  let last = '';
  return template.replace(/\{(?:(\d+)\.\.(\d+)|=)\}/g, (_all, low?: string, high?: string) => {
    if (low !== undefined) last = String(random.int(Number(low), Number(high)));
    return last;
  });
}

function namesOf(stack: Stack, hasAgent: boolean, extras: readonly string[]): Voice['headerNames'] {
  const known = new Map<number, readonly string[]>();
  return (carries) => {
    const names = known.get(carries) ?? listNames(stack, hasAgent, extras, carries);
    known.set(carries, names);
    return names;
  };
}

/** What HTTP/2 has no place for; the host, its :authority, is told first. */
const NOT_IN_HTTP2 = new Set(['connection', 'http2-settings', 'upgrade', 'keep-alive', 'host']);

function listNames(stack: Stack, hasAgent: boolean, extras: readonly string[], carries: number): string[] {
  const names: string[] = carries & CARRIES.http2 ? ['host'] : [];
  for (const slot of stack.order.split(' ')) {
    const name = slot.startsWith('+') ? slot.slice(1) : slot;
    if (carries & CARRIES.http2 && NOT_IN_HTTP2.has(name)) continue;
    if (name === 'extra') names.push(...extras, ...(carries & CARRIES.key ? ['x-api-key'] : []));
    else if (name === 'user-agent' && !hasAgent) continue;
    else if (name === 'accept' && stack.accept === null) continue;
    else if (name === 'accept-encoding' && stack.encoding === null) continue;
    else if (name === slot || carries & (OPTIONAL[name] ?? 0)) names.push(name);
  }
  if (carries & CARRIES.key && !names.includes('x-api-key')) names.push('x-api-key');
  return names;
}

export function hashName(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h;
}

function digits(seed: number, count: number): string {
  let text = '';
  for (let i = 0; text.length < count; i++)
    text += scatter(seed + i * 7919, 0x5bd1e995)
      .toString(16)
      .padStart(8, '0');
  return text.slice(0, count);
}
