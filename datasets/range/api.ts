/** The range's business API: one process behind the gateway, which takes whatever clients and attackers send. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRandom, type Random } from '../simulator/random.ts';
import { type Access, createAccess } from './api-access.ts';
import { createGraphql } from './api-graphql.ts';
import { type Call, etagOf, failure, missing, type Reply, type Route, Router, route } from './api-http.ts';
import { BoundedMap, drawLatencyMs, isOutage, RateLimit } from './api-limits.ts';
import { createMachines, type Machines } from './api-machines.ts';
import { createOpenapi } from './api-openapi.ts';
import { createRecords } from './api-records.ts';
import { createSalesforce } from './api-salesforce.ts';
import { createScim } from './api-scim.ts';
import { createSite } from './api-site.ts';
import { createTrade } from './api-trade.ts';
import { createWorld, type World } from './api-world.ts';
import { SHAPES, type ShapeName } from './shape.ts';

const MAX_BODY_BYTES = 2 * 1024 * 1024;
const MAX_OPEN_CALLS = 2000;

/** The header in which the gateway says who calls. */
export const CLIENT_HEADER = 'x-range-client';

export interface ApiOptions {
  readonly shape: ShapeName;
  /** The data follow from it; another seed, another business. */
  readonly seed: number;
  /** 0 takes a free one. */
  readonly port: number;
  /** Off for tests that count on every answer. */
  readonly hasOutages?: boolean;
}

export interface Api {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the API on loopback. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const desk = new FrontDesk(options);
  const server = createServer({ requestTimeout: 30_000, maxHeaderSize: 32_768, keepAliveTimeout: 65_000 });
  server.on('request', (request, response) => desk.take(request, response));
  server.on('clientError', (_error, socket) => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', 1024, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

class FrontDesk {
  readonly #world: World;
  readonly #startMs = Date.now();
  readonly #random: Random;
  readonly #access: Access;
  readonly #machines: Machines;
  readonly #router: Router;
  readonly #limit = new RateLimit();
  readonly #hasOutages: boolean;
  #open = 0;

  constructor({ shape, seed, hasOutages = true }: ApiOptions) {
    this.#world = createWorld(SHAPES[shape], seed, this.#startMs);
    this.#random = createRandom(seed + 606);
    this.#hasOutages = hasOutages;
    this.#access = createAccess(this.#world);
    this.#machines = createMachines(this.#world, this.#startMs);
    this.#router = new Router(this.#routes());
  }

  #routes(): Route[] {
    const openapi = createOpenapi(this.#world.shape);
    return [
      ...this.#access.routes,
      ...this.#machines.routes,
      ...createRecords(this.#world),
      ...createTrade(this.#world),
      ...createScim(this.#world),
      ...createSalesforce(this.#world),
      ...createGraphql(this.#world),
      ...createSite(this.#world, this.#startMs),
      ...route('GET', this.#world.shape.map.openapi!, () => ({ status: 200, body: openapi, isCacheable: true })),
    ];
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {});
    request.on('error', () => {});
    if (this.#open >= MAX_OPEN_CALLS) {
      send(request, response, failure(503, 'busy'));
      return;
    }
    this.#open++;
    response.once('close', () => this.#open--);
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= MAX_BODY_BYTES) parts.push(part);
    });
    request.once('end', () => this.#handle(request, response, bytes > MAX_BODY_BYTES ? null : Buffer.concat(parts)));
  }

  #handle(request: IncomingMessage, response: ServerResponse, body: Buffer | null): void {
    const reply = body === null ? failure(413, 'too_large') : this.#answer(request, body);
    this.#machines.count(reply.status);
    // A refusal costs nothing; work takes its time.
    const delayMs = reply.status === 429 || reply.status === 503 ? 1 : drawLatencyMs(this.#random);
    setTimeout(() => send(request, response, reply), delayMs);
  }

  #answer(request: IncomingMessage, body: Buffer): Reply {
    const nowMs = Date.now();
    const method = request.method ?? 'GET';
    const target = request.url ?? '/';
    const queryAt = target.indexOf('?');
    const path = queryAt < 0 ? target : target.slice(0, queryAt);
    const address = request.headers[CLIENT_HEADER]?.toString() ?? request.socket.remoteAddress ?? '';
    const caller = this.#access.identify(request.headers, address, nowMs);
    const refusal = this.#refuse(caller.scope === 'key', caller.name, nowMs);
    if (refusal) return refusal;
    if (method === 'OPTIONS') return { status: 204, headers: { allow: 'GET, POST, PUT, PATCH, DELETE, OPTIONS' } };
    const found = this.#router.find(method, path);
    if (found === null) return missing();
    if (!('handle' in found)) return failure(405, 'method_not_allowed', { allow: found.join(', ') });
    const query = new URLSearchParams(queryAt < 0 ? '' : target.slice(queryAt + 1));
    return this.#call(found.handle, { method, path, query, headers: request.headers, body, caller, nowMs }, found.ids);
  }

  #call(handle: Route['handle'], call: Call, ids: readonly string[]): Reply {
    try {
      return handle(call, ids);
    } catch (error) {
      process.stderr.write(`${call.method} ${call.path.slice(0, 200)}: ${(error as Error).stack}\n`);
      return failure(500, 'internal');
    }
  }

  #refuse(isKey: boolean, name: string, nowMs: number): Reply | null {
    const { key, other } = this.#world.shape.limits;
    const perSecond = isKey ? key : other;
    if (!this.#limit.take(name, perSecond, isKey ? key * 2 : Math.round(other * 2.7), nowMs))
      return failure(429, 'too_many_requests', { 'retry-after': String(this.#random.int(1, 4)) });
    const isIll = this.#hasOutages && isOutage(nowMs - this.#startMs, this.#world.seed);
    return isIll && this.#random.chance(1 / 3) ? failure(503, 'unavailable', { 'retry-after': '2' }) : null;
  }
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  const { body = '', headers = {}, type = 'application/json' } = reply;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const etag = reply.isCacheable ? etagOf(bytes) : null;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (etag !== null) response.setHeader('etag', etag);
  const isKnown = etag !== null && hasCopy(request, response, etag);
  const status = isKnown ? 304 : reply.status;
  if (bytes.length > 0 && !isKnown) response.setHeader('content-type', type);
  if (status === 204 || isKnown) {
    response.writeHead(status).end();
    return;
  }
  response.setHeader('content-length', bytes.length);
  response.writeHead(status);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** When each ETag was first sent, which is taken for when the content changed. */
const changes = new BoundedMap<number>(20_000);

/** Tells when the content changed, and whether the caller holds it: by its ETag, or where it sends none by its date. */
function hasCopy({ headers }: IncomingMessage, response: ServerResponse, etag: string): boolean {
  const changedAtMs = changes.get(etag) ?? Math.floor(Date.now() / 1000) * 1000;
  changes.set(etag, changedAtMs);
  response.setHeader('last-modified', new Date(changedAtMs).toUTCString());
  if (headers['if-none-match'] !== undefined) return headers['if-none-match'].includes(etag);
  return Date.parse(headers['if-modified-since'] ?? '') >= changedAtMs;
}
