/**
 * CrowdSec's local API as its bouncers speak it, and its AppSec protocol. Bouncers of the first kind know addresses only, so
 * an address is told when every client behind it is denied; the second kind asks about each request.
 *
 * Source: CrowdSec's LAPI specification (docs.crowdsec.net, local API, "bouncers") and its AppSec protocol.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { RecentMap } from '../core/recent-map.ts';
import { hashString } from '../core/stats.ts';
import type { Answer } from './ask.ts';

export interface CrowdSecDeps {
  /** By which bouncers prove who they are; without any the API is not there. */
  readonly keys: readonly string[];
  /** Addresses to turn away, and until when, ms since 1970. */
  deniedAddresses(): Map<string, number>;
  /** Never throws. */
  ask(headers: IncomingHttpHeaders): Answer;
  /** Wall clock, ms since 1970. */
  now(): number;
}

const MAX_BOUNCERS = 1000;
/** A ban that grew by less is not told anew. */
const EXTENSION_MS = 60_000;
const DECISION_LIMIT = 100_000;

const Query = Type.Object({
  ip: Type.Optional(Type.String({ maxLength: 64 })),
  range: Type.Optional(Type.String({ maxLength: 64 })),
  scope: Type.Optional(Type.String({ maxLength: 64 })),
  value: Type.Optional(Type.String({ maxLength: 256 })),
  type: Type.Optional(Type.String({ maxLength: 64 })),
  startup: Type.Optional(Type.String({ maxLength: 8 })),
});
type Query = Static<typeof Query>;

interface Ban {
  readonly duration: string;
  readonly id: number;
  readonly origin: 'assay';
  readonly scenario: string;
  readonly scope: 'Ip';
  readonly type: 'ban';
  readonly value: string;
}

export async function addCrowdSec(app: FastifyInstance, deps: CrowdSecDeps): Promise<void> {
  const isKey = checkerOf(deps.keys);
  /** What each bouncer was told last, by key and address. */
  const told = new RecentMap<Map<string, number>>(MAX_BOUNCERS);
  const guard = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!isKey(request.headers['x-api-key'])) return reply.code(403).send({ message: 'access forbidden' });
  };
  const options = (summary: string) => ({ onRequest: guard, schema: { tags: ['gateways'], summary, querystring: Query } });

  const list = async (request: FastifyRequest, reply: FastifyReply) => {
    const bans = bansOf(deps.deniedAddresses(), deps.now()).filter(matcherOf(request.query as Query));
    return sendJson(reply, bans.length > 0 ? bans.slice(0, DECISION_LIMIT) : null);
  };
  app.get('/v1/decisions', options("CrowdSec's bouncers: what is decided on an address"), list);

  app.get(
    '/v1/decisions/stream',
    options("CrowdSec's bouncers: what has changed since they last asked"),
    async (request, reply) => {
      const bouncer = `${request.headers['x-api-key']} ${request.ip}`;
      const before = (request.query as Query).startup === 'true' ? new Map<string, number>() : (told.get(bouncer) ?? new Map());
      const now = deps.deniedAddresses();
      told.set(bouncer, now);
      const isNews = ([address, until]: [string, number]) => until > (before.get(address) ?? 0) + EXTENSION_MS;
      const gone = [...before].filter(([address]) => !now.has(address));
      return sendJson(reply, {
        new: orNull(bansOf(new Map([...now].filter(isNews)), deps.now())),
        deleted: orNull(bansOf(new Map(gone), deps.now())),
      });
    },
  );

  app.post(
    '/v1/usage-metrics',
    { onRequest: guard, schema: { tags: ['gateways'], summary: "CrowdSec's bouncers: how they do" } },
    (_, reply) => reply.code(201).send(),
  );
  await app.register((scope) => addAppSec(scope, deps, isKey));
}

/** Compares in a time that says nothing of the keys. */
function checkerOf(keys: readonly string[]): (key: unknown) => boolean {
  const hash = (key: string) => createHash('sha256').update(key).digest();
  // Who sends no key is nobody, whatever is configured.
  const known = keys.filter(Boolean).map(hash);
  return (key) => {
    const told = typeof key === 'string' ? hash(key) : null;
    return told !== null && known.filter((each) => timingSafeEqual(each, told)).length > 0;
  };
}

/** `null` too, which Fastify would send as nothing. */
function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(value));
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null;
}

function bansOf(denied: ReadonlyMap<string, number>, now: number): Ban[] {
  return Array.from(denied, ([value, until]) => ({
    duration: `${Math.max(1, Math.ceil((until - now) / 1000))}s`,
    // The same for an address as long as it lasts.
    id: hashString(value) >>> 1,
    origin: 'assay',
    scenario: 'assay/bad-automation',
    scope: 'Ip',
    type: 'ban',
    value,
  }));
}

function matcherOf({ ip, range, scope, value, type }: Query): (ban: Ban) => boolean {
  const wanted = ip ?? (scope?.toLowerCase() === 'ip' ? value : undefined);
  // Ranges, and scopes such as countries, are never decided on.
  if (range !== undefined || (scope !== undefined && scope.toLowerCase() !== 'ip') || (type !== undefined && type !== 'ban'))
    return () => false;
  return (ban) => wanted === undefined || ban.value === wanted || plainIp(ban.value) === plainIp(wanted);
}

/** IPv6 in its one canonical form. */
function plainIp(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address;
}

const ALLOW = { action: 'allow', http_status: 200 } as const;
const BAN = { action: 'ban', http_status: 403 } as const;

async function addAppSec(app: FastifyInstance, { ask }: CrowdSecDeps, isKey: (key: unknown) => boolean): Promise<void> {
  // The client's body comes along; it's neither kept nor waited for.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  app.route({
    method: ['GET', 'POST'],
    url: '/v1/appsec',
    schema: { tags: ['gateways'], summary: "CrowdSec's AppSec protocol: whether a request may pass" },
    handler: async ({ headers }, reply) => {
      if (!isKey(headers['x-crowdsec-appsec-api-key'])) return reply.code(401).send();
      const { status } = ask(clientHeaders(headers));
      return reply.code(status).send(status === 403 ? BAN : ALLOW);
    },
  });
}

/** The client's own headers, but for what only a gateway may say. */
function clientHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { authorization, 'x-api-key': apiKey, 'user-agent': agent } = headers;
  return {
    'x-real-ip': headers['x-crowdsec-appsec-ip'],
    'user-agent': headers['x-crowdsec-appsec-user-agent'] ?? agent,
    authorization,
    'x-api-key': apiKey,
  } as IncomingHttpHeaders;
}
