/** Gateways' questions over HTTP: the answer is 200 or 403 with an empty body, and whatever goes wrong in here is a 200. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AssayError } from '../core/errors.ts';
import { type Answer, type AskDeps, ask, openAnswer } from './ask.ts';
import type { HttpSeconds } from './http-seconds.ts';

/**
 * For gateways that keep answers (RFC 9111, and RFC 5861 for while Assay is away): a denial holds for a second without being
 * asked for again, and for five minutes more where no answer can be had. Nothing else is kept.
 */
const DENIAL = { 'cache-control': 'max-age=1, stale-if-error=300' };

/** What an answer may have been given before it failed. */
const OURS = /^x-assay-|^cache-control$/;

function send({ status, headers }: Answer, reply: FastifyReply): void {
  if (status === 403) reply.headers(DENIAL);
  reply.code(status).headers(headers).send();
}

/**
 * Answers a gateway's question from its headers alone. It serves the routes, and also what the server refuses before
 * a route sees it (a malformed path or content type): else a client could spoil its own request to get past a denial.
 */
export type AnswerAuthz = (request: FastifyRequest, reply: FastifyReply, refusal?: unknown) => void;

export function createAuthz(deps: AskDeps): AnswerAuthz {
  return (request, reply, refusal) => {
    const onFault = (error: unknown) => request.log.error({ err: error }, 'authz failed open');
    const failOpen = (error: unknown) => {
      onFault(error);
      deps.metrics.decisions.error++;
      for (const name of Object.keys(reply.getHeaders())) if (OURS.test(name)) reply.removeHeader(name);
      send(openAnswer(error), reply);
    };
    // What fails after we have answered once is our own fault, not the request's.
    if (refusal !== undefined && !isFramework(refusal)) return failOpen(refusal);
    try {
      send(ask({ headers: request.headers, isShadow: SHADOW.test(request.url) }, deps, onFault), reply);
    } catch (error) {
      failOpen(error);
    }
  };
}

function isFramework(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('FST_') || (error as AssayError).code === 'ASSAY_NOT_FOUND';
}

const AUTHZ = /^\/v1\/(?:authz|shadow)(?:[/?]|$)/;
const SHADOW = /^\/v1\/shadow/;
/** Whether a URL, routed or not, is a gateway's question. */
export const isAuthz = (url: string): boolean => AUTHZ.test(url);

const DOCS = {
  tags: ['gateways'],
  summary: 'Ask whether a request may pass',
  description:
    'Any method, and any path below; under /v1/shadow nobody is denied, for routes that are only watched. Reads x-real-ip ' +
    '(else the last of x-forwarded-for), x-original-user-agent (else user-agent), authorization or x-api-key, x-ja3, x-ja4, x-client-cert-sha256 and x-tenant; the gateway must set or clear ' +
    'all of them. Answers 200 to allow and 403 to deny, with an empty body and the headers x-assay-verdict, ' +
    'x-assay-score, x-assay-reasons, x-assay-decision, where the policy says throttle or challenge x-assay-action, and, of a credential, x-assay-subject (its scheme and hash, for the log); ' +
    'with Kafka also x-assay-staleness, in seconds. An unknown client (reason no-verdict), an expired verdict ' +
    '(x-assay-expired) and an error of ours (its code as the reason) are allowed.',
  response: {
    200: { description: 'Allow', type: 'null' },
    403: { description: 'Deny', type: 'null' },
  },
};
/** A client chooses what comes after, but not with which of these the gateway begins. */
const PATHS = ['/v1/authz', '/v1/authz/*', '/v1/shadow', '/v1/shadow/*'];
const OTHER_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Timed here: hooks, as for all other routes, would take a tenth of an answer. */
export async function addAuthz(app: FastifyInstance, answerAuthz: AnswerAuthz, seconds: HttpSeconds): Promise<void> {
  const handler = (request: FastifyRequest, reply: FastifyReply) => {
    const startedAt = performance.now();
    answerAuthz(request, reply);
    seconds.observe(request.routeOptions.url!, reply.statusCode, (performance.now() - startedAt) / 1000);
  };
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
