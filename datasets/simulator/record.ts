/** What a gateway tells of a call. */
import type { ApiCall } from '../../service/core/contracts.ts';
import type { Step } from './actor.ts';
import type { Api } from './api.ts';
import type { Actor, Connection, Face } from './cast.ts';
import { scatter } from './random.ts';
import type { Answer, Credential } from './server.ts';
import { CARRIES } from './software.ts';

/** nginx's default for keepalive_requests. */
const MAX_CONNECTION_CALLS = 1000;

/** A gateway that verifies a token tells whose it is; one that hashes the token as it comes has verified nothing. */
function isVerified({ rules }: Api, credential: Credential | null, { status }: Answer): boolean {
  if (credential === null || !credential.isValid || status === 401) return false;
  return credential.scheme !== 'bearer' || rules.subjectIs === 'account';
}

export function callOf(actor: Actor, step: Step, face: Face, answer: Answer, credential: Credential | null, id: string): ApiCall {
  const { deployment } = actor;
  const { view, api } = deployment;
  const { voice } = face;
  const hasBody = step.bodyBytes !== undefined && step.bodyBytes > 0;
  // Who sends from many addresses has a jar for each.
  const hasCookie = voice.cookies && (actor.context.from === null ? actor.calls : face.calls) > 0;
  const { hasTls } = deployment;
  const isHttp2 = voice.http2 && deployment.offersHttp2 && hasTls;
  const connection = connect(actor, face, step, isHttp2);
  const headerNames = voice.headerNames(carriesOf(step, credential, hasBody, hasCookie) | (isHttp2 ? CARRIES.http2 : 0));
  const call: ApiCall = {
    id,
    time: toldTime(actor),
    clientIp: face.address,
    method: step.method,
    path: step.path,
    status: answer.status,
    query: step.query ?? null,
    host: api.host,
    route: view.tells.has('route') ? routeOf(api, step.path) : null,
    gateway: deployment.name,
    tenant: deployment.name,
    requestBytes: (view.countsHeaders ? 60 + step.path.length + headerNames.length * 29 : 0) + (step.bodyBytes ?? 0),
    responseBytes: answer.bytes + (view.countsHeaders ? sentBytes(deployment.headerBytes, answer.status) : 0),
    durationMs: Math.fround(answer.durationMs),
    httpVersion: isHttp2 ? '2' : '1.1',
    userAgent: voice.userAgent,
    accept: step.accept ?? voice.accept,
    acceptEncoding: voice.acceptEncoding,
    acceptLanguage: voice.acceptLanguage,
    contentType: hasBody ? (step.contentType ?? 'application/json') : null,
    referer: step.referer ?? null,
    headerNames,
    hasCookie,
    tlsVersion: hasTls ? voice.tlsVersion : null,
    tlsCipher: hasTls ? voice.tlsCipher : null,
    ja3: hasTls ? voice.ja3 : null,
    ja4: hasTls ? voice.ja4 : null,
    tlsResumed: hasTls ? connection.isResumed : null,
    clientCertificate: actor.certificate,
    connectionId: connection.id,
    connectionRequests: connection.requests,
    authScheme: credential?.scheme ?? 'none',
    subject: credential?.subject ?? null,
    identityVerified: isVerified(api, credential, answer),
    account: step.login ? scatter(step.login.account, 41).toString(16).padStart(8, '0') : null,
    bodySample: null,
  };
  const told = call as unknown as Record<string, unknown>;
  for (const field of view.hides) told[field] = null;
  return call;
}

/** Headers of an answer; 304 has few. */
function sentBytes(headerBytes: number, status: number): number {
  return status === 499 ? 0 : status === 304 ? Math.round(headerBytes * 0.6) : headerBytes;
}

function carriesOf(step: Step, credential: { scheme: string } | null, hasBody: boolean, hasCookie: boolean): number {
  return (
    (hasBody ? CARRIES.body : 0) |
    (credential ? (credential.scheme === 'apiKey' ? CARRIES.key : CARRIES.authorization) : 0) |
    (step.referer ? CARRIES.referer : 0) |
    (hasCookie ? CARRIES.cookie : 0) |
    (step.seenAt === undefined ? 0 : CARRIES.condition) |
    (step.hasOrigin ? CARRIES.origin : 0) |
    (step.method === 'PROPFIND' ? CARRIES.depth : 0)
  );
}

/** The template where the gateway has a route for the path. */
function routeOf(api: Api, path: string): string | null {
  if (api.endpoints.has(path)) return path;
  const resource = api.resources.find((r) => path === r.path || path.startsWith(`${r.path}/`));
  if (!resource) return null;
  if (path === resource.path) return path;
  return `${resource.path}/{id}${path.endsWith(`/${resource.child}`) ? `/${resource.child}` : ''}`;
}

/** The connection that a call goes over: kept alive, one of a pool, or a new one. */
function connect(
  { deployment, random, at }: Actor,
  { voice, pool }: Face,
  step: Step,
  isHttp2: boolean,
): { id: string; requests: number; isResumed: boolean } {
  const slot = slotOf(random.int, isHttp2 ? 1 : voice.pool, step.alongside === true && !isHttp2);
  const old: Connection | undefined = pool[slot];
  const isOpen = old && voice.keepsAlive && at - old.usedAt < deployment.idleLimitMs;
  if (isOpen && old.requests < MAX_CONNECTION_CALLS) {
    old.requests++;
    old.usedAt = at;
    return { id: old.id, requests: old.requests, isResumed: false };
  }
  const id = String(deployment.connections++);
  pool[slot] = { id, requests: 1, usedAt: at };
  return { id, requests: 1, isResumed: old !== undefined && voice.resumes && random.chance(0.8) };
}

function slotOf(int: (low: number, high: number) => number, pool: number, alongside: boolean): number {
  if (alongside) return int(0, Math.max(pool, 6) - 1);
  return pool > 1 ? int(0, pool - 1) : 0;
}

export function toldTime({ at, deployment }: Actor): number {
  return deployment.view.wholeSeconds ? at - (at % 1000) : at;
}
