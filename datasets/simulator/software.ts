/** How one client speaks: a program's shape, its version and settings, and what it disguises as. */
import { softwareOf } from '../../service/core/software.ts';
import { type Random, scatter } from './random.ts';
import { BROWSERS, PAGE_ACCEPT, STACKS, type Stack, type StackName, type TlsLibrary } from './stacks.ts';

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
} as const;

const OPTIONAL: Record<string, number> = {
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

export type Disguise = 'none' | 'own-name' | 'browser' | 'full-browser';

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

/** Draws a client's voice from a program's shape; what the disguise changes depends on who might want it. */
export function createVoice(random: Random, name: StackName, disguise: Disguise): Voice {
  const stack: Stack = STACKS[name];
  const asBrowser = disguise === 'browser' || disguise === 'full-browser';
  const userAgent = agentOf(random, stack, disguise);
  const language = stack.language ?? (disguise === 'full-browser' ? 'en-US,en;q=0.9' : null);
  const extras = EXTRAS.filter(() => random.chance(0.07));
  if (language && !stack.language) extras.unshift('accept-language');
  const tls = TLS[stack.tls][random.chance(0.82) ? 0 : 1]!;
  // Versions of one library speak TLS in a few ways; ja3 and ja4 follow the library, not its user.
  const print = scatter(hashName(stack.tls + name) + random.int(0, 2) + (tls[0] === 'TLSv1.2' ? 9 : 0), 77);
  return {
    tool: name,
    userAgent,
    family: softwareOf(userAgent).name,
    accept: asBrowser && random.chance(0.6) ? PAGE_ACCEPT : stack.accept,
    acceptEncoding: stack.encoding,
    acceptLanguage: language && random.chance(0.5) ? random.pick(LANGUAGES) : language,
    tlsVersion: tls[0],
    tlsCipher: tls[1],
    ja3: digits(print, 32),
    ja4: `t${tls[0].slice(-3).replace('.', '')}d${10 + (print % 9)}${10 + (print % 7)}h2_${digits(print, 12)}_${digits(print + 1, 12)}`,
    http2: random.chance(stack.http2 ?? 0),
    keepsAlive: random.chance(stack.keepsAlive ?? 0.5),
    resumes: stack.resumes ?? false,
    cookies: random.chance(stack.cookies ?? 0.05),
    pool: random.chance(0.6) ? 1 : random.logInt(2, 24),
    headerNames: namesOf(stack, userAgent !== null, extras),
  };
}

function agentOf(random: Random, stack: Stack, disguise: Disguise): string | null {
  if (disguise === 'own-name') return fill(random, `${random.pick(MAKERS)}${random.pick(PRODUCTS)}/{1..9}.{0..20}.{0..9}`);
  const source: Stack = disguise === 'none' ? stack : STACKS[random.pick(BROWSERS)];
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

function listNames(stack: Stack, hasAgent: boolean, extras: readonly string[], carries: number): string[] {
  const names: string[] = [];
  for (const slot of stack.order.split(' ')) {
    const name = slot.startsWith('+') ? slot.slice(1) : slot;
    if (name === 'extra') names.push(...extras, ...(carries & CARRIES.key ? ['x-api-key'] : []));
    else if (name === 'user-agent' && !hasAgent) continue;
    else if (name === 'accept' && stack.accept === null) continue;
    else if (name === 'accept-encoding' && stack.encoding === null) continue;
    else if (name === slot || carries & (OPTIONAL[name] ?? 0)) names.push(name);
  }
  if (carries & CARRIES.key && !names.includes('x-api-key')) names.push('x-api-key');
  return names;
}

function hashName(name: string): number {
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
