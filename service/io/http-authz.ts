/**
 * What gateways ask before they let a request through. Whoever calls this is a gateway and is believed: it has to set
 * or clear the headers read here, since what it hands on from its own client is the client's word.
 *
 * Two rules: the answer is 200 or 403 with an empty body, and whatever goes wrong in here is a 200. An unknown client
 * and an expired verdict are a 200 too; of an unknown one no `x-assay-verdict` is told, only the reason `no-verdict`.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LIMITS } from '../core/api-call.ts';
import { AssayError } from '../core/errors.ts';
import type { ClientAttributes, Identifier } from '../core/identify.ts';
import { type Decision, type Metrics, stalenessHeader } from './metrics.ts';
import type { VerdictStore } from './verdict-store.ts';

export interface AuthzDeps {
  readonly store: Pick<VerdictStore, 'get'>;
  readonly identifier: Pick<Identifier, 'find'>;
  readonly metrics: Pick<Metrics, 'decisions' | 'staleness'>;
  /** Put before a credential when it is hashed; the gateways' logs must use the same one. */
  readonly subjectSalt: string;
  /** Wall clock, ms since 1970. */
  now(): number;
}

/** Hex digits that the gateways' recipes keep of a credential's SHA-256. */
const SUBJECT_DIGITS = 16;
/** The scheme is what stands before the first space, as the gateways' recipes read it. */
const SCHEME = /^([A-Za-z0-9-]+) /;

/**
 * The client's attributes, from the headers of a gateway's question:
 *
 * - `x-real-ip`, else the last of `x-forwarded-for`, since gateways append and clients can forge what
 *   stands before: the address
 * - `x-original-user-agent`, else `user-agent`
 * - `authorization`, else `x-api-key`: the subject is the first 16 hex digits of SHA-256 over salt and header value,
 *   byte for byte, as the gateways' log recipes compute it, so that a log line and a question name the same client
 * - `x-ja3`, `x-ja4`, `x-client-cert-sha256`: as the gateway saw them; `x-tenant`: as in its log
 */
export function attributesOf(headers: IncomingHttpHeaders, subjectSalt: string): ClientAttributes {
  const authorization = textOf(headers.authorization);
  const apiKey = textOf(headers['x-api-key']);
  const credential = authorization ?? apiKey;
  return {
    clientIp: lastOf(headers['x-real-ip']) ?? lastOf(headers['x-forwarded-for']) ?? '',
    userAgent: readable(textOf(headers['x-original-user-agent']) ?? textOf(headers['user-agent'])),
    ja3: textOf(headers['x-ja3']),
    ja4: textOf(headers['x-ja4']),
    subject: credential === null ? null : subjectOf(credential, subjectSalt),
    authScheme: authorization ? (SCHEME.exec(authorization)?.[1] ?? 'opaque') : apiKey ? 'apiKey' : 'none',
    identityVerified: null,
    clientCertificate: textOf(headers['x-client-cert-sha256']),
    tenant: textOf(headers['x-tenant']),
  };
}

function subjectOf(credential: string, salt: string): string {
  // Node reads header bytes as Latin-1; written back as such they are the bytes that were sent.
  return createHash('sha256').update(salt).update(credential, 'latin1').digest('hex').slice(0, SUBJECT_DIGITS);
}

function textOf(value: string | string[] | undefined): string | null {
  const text = typeof value === 'string' ? value : value?.[0];
  return text || null;
}

function lastOf(value: string | string[] | undefined): string | null {
  const text = textOf(value);
  return text === null ? null : cut(text.slice(text.lastIndexOf(',') + 1).trim()) || null;
}

/** Cut where a call's own fields are, and read as UTF-8 as the gateways' logs are. */
function readable(text: string | null): string | null {
  if (text === null) return null;
  return cut(/[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text);
}

function cut(text: string): string {
  return text.length > LIMITS.stringChars ? text.slice(0, LIMITS.stringChars) : text;
}

const NO_VERDICT = { 'x-assay-reasons': 'no-verdict' };

interface Answer {
  readonly status: 200 | 403;
  readonly result: Exclude<Decision, 'error'>;
  readonly headers: Record<string, string>;
}

function answer(headers: IncomingHttpHeaders, { store, identifier, subjectSalt, now }: AuthzDeps): Answer {
  const attributes = attributesOf(headers, subjectSalt);
  const stored = store.get(identifier.find(attributes));
  if (stored === null) return { status: 200, result: 'unknown', headers: NO_VERDICT };
  if (stored.verdict.expiresAt <= now())
    return { status: 200, result: 'expired', headers: { ...stored.headers, 'x-assay-expired': 'true' } };
  if (stored.denies) return { status: 403, result: 'deny', headers: stored.headers };
  return { status: 200, result: stored.verdict.action === 'deny' ? 'shadow' : 'allow', headers: stored.headers };
}

/** Lets the request through and says what went wrong. */
function failOpen(error: unknown, reply: FastifyReply, metrics: AuthzDeps['metrics']): void {
  metrics.decisions.error++;
  for (const name of Object.keys(reply.getHeaders())) if (name.startsWith('x-assay-')) reply.removeHeader(name);
  const code = error instanceof AssayError ? error.code : 'ASSAY_INTERNAL';
  reply.code(200).header('x-assay-reasons', code).send();
}

/**
 * Answers a gateway's question from its headers alone. It serves the routes, and also what the server refuses before
 * a route sees it (a malformed path or content type): else a client could spoil its own request to get past a denial.
 */
export type AnswerAuthz = (request: FastifyRequest, reply: FastifyReply, refusal?: unknown) => void;

export function createAuthz(deps: AuthzDeps): AnswerAuthz {
  return (request, reply, refusal) => {
    // What fails after we have answered once is our own fault, not the request's.
    if (refusal !== undefined && !isFramework(refusal)) {
      request.log.error({ err: refusal }, 'authz failed open');
      return failOpen(refusal, reply, deps.metrics);
    }
    try {
      const { status, result, headers } = answer(request.headers, deps);
      deps.metrics.decisions[result]++;
      const staleness = stalenessHeader(deps.metrics);
      if (staleness) reply.headers(staleness);
      reply.code(status).headers(headers).send();
    } catch (error) {
      request.log.error({ err: error }, 'authz failed open');
      failOpen(error, reply, deps.metrics);
    }
  };
}

function isFramework(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('FST_') || (error as AssayError).code === 'ASSAY_NOT_FOUND';
}

const AUTHZ = /^\/v1\/authz(?:[/?]|$)/;
/** Whether a URL, routed or not, is a gateway's question. */
export const isAuthz = (url: string): boolean => AUTHZ.test(url);

const DOCS = {
  tags: ['gateways'],
  summary: 'Ask whether a request may pass',
  description:
    'Any method, and any path below. Reads x-real-ip (else the last of x-forwarded-for), x-original-user-agent (else ' +
    'user-agent), authorization or x-api-key, x-ja3, x-ja4, x-client-cert-sha256 and x-tenant; the gateway must set or clear ' +
    'all of them. Answers 200 to allow and 403 to deny, with an empty body and the headers x-assay-verdict, ' +
    'x-assay-score, x-assay-reasons and x-assay-decision; with Kafka also x-assay-staleness, in seconds. An unknown client (reason no-verdict), an expired verdict ' +
    '(x-assay-expired) and an error of ours (its code as the reason) are allowed.',
  response: {
    200: { description: 'Allow', type: 'null' },
    403: { description: 'Deny', type: 'null' },
  },
};
const PATHS = ['/v1/authz', '/v1/authz/*'];
const OTHER_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

export async function addAuthz(app: FastifyInstance, answerAuthz: AnswerAuthz): Promise<void> {
  const handler = (request: FastifyRequest, reply: FastifyReply) => answerAuthz(request, reply);
  // Some gateways send the client's body along; it's neither kept nor waited for.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  for (const url of PATHS) {
    app.get(url, { schema: url === PATHS[0] ? DOCS : { hide: true } }, handler);
    app.route({ method: OTHER_METHODS, url, schema: { hide: true }, handler });
  }
}
