/** From a gateway's log to labelled calls: what a gateway would tell Assay, with nothing of the range left in it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { checkCall, isRejection, splitTarget } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import type { Random } from '../simulator/random.ts';

/** What is known of an address; one line of a capture's labels. */
export interface AddressLabel {
  readonly clientIp: string;
  readonly label: 'good' | 'bad';
  readonly kind: string;
  readonly tool: string;
  readonly form: string;
  readonly program: string;
  /** Names the client; the same for all of its addresses. */
  readonly client: string;
  /** Ms since 1970 from which a client that was good is bad. */
  readonly turn?: number;
}

export interface CaptureResult {
  /** In the order of their time. */
  readonly calls: readonly ApiCall[];
  /** Calls kept, and cut off since a client had enough, by client. */
  readonly kept: ReadonlyMap<string, number>;
  readonly cut: ReadonlyMap<string, number>;
  /** Lines that are no call of a known client: broken requests, TLS failures, the range's own probes. */
  readonly foreign: number;
}

export interface CaptureOptions {
  /** What is known of each server address. */
  readonly labels: ReadonlyMap<string, AddressLabel>;
  /** Names the calls. */
  readonly name: string;
  readonly salt: string;
  /** Calls of one client that are kept, its first. */
  readonly mostPerClient: number;
}

/** Reads a gateway's log. */
export async function readCapture(log: string, options: CaptureOptions): Promise<CaptureResult> {
  const calls: ApiCall[] = [];
  const [kept, cut] = [new Map<string, number>(), new Map<string, number>()];
  let foreign = 0;
  for await (const line of createInterface({ input: createReadStream(log), crlfDelay: Number.POSITIVE_INFINITY })) {
    const read = readLogLine(line, options.salt);
    const label = read && options.labels.get(read.server);
    if (!read || !label) {
      foreign++;
      continue;
    }
    const count = kept.get(label.client) ?? 0;
    if (count >= options.mostPerClient) {
      cut.set(label.client, (cut.get(label.client) ?? 0) + 1);
      continue;
    }
    kept.set(label.client, count + 1);
    calls.push({ ...read.call, clientIp: label.clientIp });
  }
  const sorted = calls.toSorted((a, b) => a.time - b.time);
  return { calls: sorted.map((call, i) => ({ ...call, id: `${options.name}-${i}` })), kept, cut, foreign };
}

type Line = Readonly<Record<string, unknown>>;

/** @returns the call with the server address as its client's, and that address; null where the line is no call */
export function readLogLine(line: string, salt: string): { readonly server: string; readonly call: ApiCall } | null {
  const record = parseLine(line);
  if (record === null) return null;
  const server = textOf(record, 'server') ?? '';
  const call = checkCall(
    { ...commonOf(record, server), ...('ms' in record ? envoyOf(record, salt) : nginxOf(record)) },
    Number.MAX_VALUE,
  );
  return isRejection(call) ? null : { server, call };
}

function parseLine(line: string): Line | null {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return null;
  }
}

/** Text with the range's names taken out; null where it is empty. */
function textOf(record: Line, name: string): string | null {
  const value = record[name];
  return typeof value !== 'string' || value === '' || value === '-' ? null : value;
}

function cleanOf(record: Line, name: string): string | null {
  return cleanse(textOf(record, name));
}

/** Own names in hosts, referers and queries would tell addresses apart. */
export function cleanse(value: string | null): string | null {
  return (
    value
      ?.replaceAll(/h\d{4}\.range\.test(?:(?::|%3a)\d+)?/gi, 'api.example')
      .replaceAll(/127\.20\.\d{1,3}\.\d{1,3}(?:(?::|%3a)\d+)?/gi, '203.0.113.10') ?? null
  );
}

function numberOf(record: Line, name: string): number | null {
  const value = record[name];
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

function commonOf(record: Line, server: string): Record<string, unknown> {
  const [path, query] = splitTarget(cleanOf(record, 'uri') ?? '');
  return {
    id: textOf(record, 'id'),
    clientIp: server,
    method: textOf(record, 'method'),
    path,
    query,
    status: statusOf(record),
    host: cleanOf(record, 'host'),
    requestBytes: numberOf(record, 'in'),
    responseBytes: numberOf(record, 'out'),
    httpVersion: versionOf(textOf(record, 'protocol')),
    userAgent: cleanOf(record, 'userAgent'),
    accept: textOf(record, 'accept'),
    acceptEncoding: textOf(record, 'encoding'),
    acceptLanguage: textOf(record, 'language'),
    contentType: textOf(record, 'type'),
    referer: cleanOf(record, 'referer'),
    tlsVersion: textOf(record, 'tls'),
    tlsCipher: textOf(record, 'cipher'),
    connectionId: String(record.connection ?? '') || null,
    account: textOf(record, 'account'),
  };
}

/** Envoy writes 0 where the client went before there was a response; nginx writes 499, which is taken for both. */
function statusOf(record: Line): number {
  const status = numberOf(record, 'status');
  return status === null || status < 100 || status > 599 ? 499 : status;
}

function versionOf(protocol: string | null): string | null {
  return protocol?.replace('HTTP/', '').replace(/^([23])\.0$/, '$1') ?? null;
}

function nginxOf(record: Line): Record<string, unknown> {
  const seconds = numberOf(record, 'seconds') ?? 0;
  const scheme = textOf(record, 'scheme') ?? 'none';
  return {
    gateway: 'nginx',
    // nginx logs when it is done.
    time: Math.round(((numberOf(record, 'at') ?? 0) - seconds) * 1000),
    durationMs: Math.round(seconds * 1000),
    headerNames: textOf(record, 'headers')?.split(' ') ?? null,
    hasCookie: textOf(record, 'cookie') === '1',
    tlsResumed: textOf(record, 'resumed') === 'r',
    connectionRequests: numberOf(record, 'nth'),
    authScheme: scheme === 'apiKey' ? scheme : scheme.toLowerCase(),
    subject: textOf(record, 'subject'),
  };
}

function envoyOf(record: Line, salt: string): Record<string, unknown> {
  const [authorization, apiKey] = [textOf(record, 'authorization'), textOf(record, 'apiKey')];
  const credential = authorization ?? apiKey;
  const scheme = authorization === null ? (apiKey === null ? 'none' : 'apiKey') : schemeOf(authorization);
  return {
    gateway: 'envoy',
    time: Math.round((numberOf(record, 'at') ?? 0) * 1000),
    durationMs: numberOf(record, 'ms'),
    hasCookie: textOf(record, 'cookie') !== null,
    ja3: textOf(record, 'ja3'),
    ja4: textOf(record, 'ja4'),
    authScheme: scheme,
    subject: credential === null ? null : createHash('sha256').update(`${salt}${credential}`).digest('hex').slice(0, 16),
  };
}

function schemeOf(authorization: string): string {
  return /^([a-z0-9-]+) /i.exec(authorization)?.[1]?.toLowerCase() ?? 'other';
}

/** First octets that are somebody's public addresses. */
const isPublic = (first: number) => first >= 1 && first <= 223 && ![10, 100, 127, 169, 172, 192, 198, 203].includes(first);

/** Draws public-looking addresses, no two the same. */
export function createAddresses(random: Random): () => string {
  const given = new Set<string>();
  return () => {
    for (;;) {
      const parts = [random.int(1, 223), random.int(0, 255), random.int(0, 255), random.int(1, 254)];
      const address = parts.join('.');
      if (!isPublic(parts[0]!) || given.has(address)) continue;
      given.add(address);
      return address;
    }
  };
}

/** A call as one line of JSON, without the fields that the gateway does not tell. */
export function callLine(call: ApiCall): string {
  return JSON.stringify(Object.fromEntries(Object.entries(call).filter(([, value]) => value !== null)));
}
