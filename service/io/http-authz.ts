/** Gateways' questions over HTTP: the answer is 200 or 403 with an empty body, and whatever goes wrong in here is a 200. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, type AskDeps, ask, openAnswer, type Question } from './ask.ts';
import type { HttpSeconds } from './http-seconds.ts';

/**
 * For gateways that keep answers (RFC 9111, and RFC 5861 for while Assay is away): a denial holds for a second without being
 * asked for again, and for five minutes more where no answer can be had; that a steady client may pass holds for a second. Nothing
 * else is kept.
 */
const DENIAL = 'max-age=1, stale-if-error=300';
const STEADY = 'max-age=1';

/** Names and values in turn are sent as they are: as an object an answer takes a fifth longer. */
function send({ status, isSteady, headers }: Answer, response: ServerResponse, isLast: boolean): void {
  const lines = ['content-length', '0'];
  if (status === 403 || isSteady) lines.push('cache-control', isSteady ? STEADY : DENIAL);
  for (const [name, value] of headers) lines.push(name, value);
  if (isLast) lines.push('connection', 'close');
  response.writeHead(status, lines).end();
}

export interface AuthzDeps extends AskDeps {
  readonly seconds: HttpSeconds;
  /** Told of what was thrown; the answer is sent all the same. */
  onFault(error: unknown): void;
  /** Whether connections are to end with the request that is under way. */
  isClosing(): boolean;
}

/** Answers a gateway's question from its headers alone: how a client spoils the rest of its request is all one. */
export type AnswerAuthz = (request: IncomingMessage, response: ServerResponse) => void;

export function createAuthz(deps: AuthzDeps): AnswerAuthz {
  const { metrics, seconds, onFault, isClosing } = deps;
  const answer = (question: Question, response: ServerResponse): Answer => {
    const said = ask(question, deps, onFault);
    const isLast = isClosing();
    try {
      send(said, response, isLast);
      return said;
    } catch (error) {
      onFault(error);
      metrics.decisions.error++;
      const open = openAnswer(error);
      send(open, response, isLast);
      return open;
    }
  };
  return ({ url, headers }, response) => {
    const startedAt = performance.now();
    const isShadow = SHADOW.test(url!);
    const { status } = answer({ headers, isShadow }, response);
    seconds.observe(isShadow ? PATHS.shadow : PATHS.authz, status, (performance.now() - startedAt) / 1000);
  };
}

/**
 * Takes questions off the server's requests, before the framework sees them: all it would do is to find the route, which takes
 * a seventh of the answer's time.
 */
export function answerAtOnce(server: Server, answerAuthz: AnswerAuthz): void {
  const [others] = server.listeners('request') as [RequestListener];
  server.off('request', others);
  server.on('request', (request, response) => {
    if (isAuthz(request.url!)) answerAuthz(request, response);
    else others(request, response);
  });
}

/** The same from within the framework, of its second server where `localhost` is two addresses, and of what it is handed without one. */
export function answerWithin(answerAuthz: AnswerAuthz) {
  return ({ raw }: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    answerAuthz(raw, reply.raw);
  };
}

/** A client chooses what comes after, but not with which of these the gateway begins. */
const PATHS = { authz: '/v1/authz', shadow: '/v1/shadow' };
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
    'x-assay-score, x-assay-reasons (the first three; of a client that is let pass what the model found joins them a moment later), x-assay-decision, where the policy says throttle or challenge x-assay-action, and, of a credential, x-assay-subject (its scheme and hash, for the log); ' +
    'with Kafka also x-assay-staleness, in seconds. An unknown client (reason no-verdict), an expired verdict ' +
    '(x-assay-expired) and an error of ours (its code as the reason) are allowed. A denial, and the yes to a client that has been good ' +
    'for a hundred calls, ten a second, may be kept for a second (cache-control).',
  response: {
    200: { description: 'Allow', type: 'null' },
    403: { description: 'Deny', type: 'null' },
  },
};
const OTHER_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

export async function addAuthz(app: FastifyInstance, handler: ReturnType<typeof answerWithin>): Promise<void> {
  // Some gateways send the client's body along; it's neither kept nor waited for.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  for (const path of Object.values(PATHS))
    for (const url of [path, `${path}/*`]) {
      app.get(url, { schema: url === PATHS.authz ? DOCS : { hide: true } }, handler);
      app.route({ method: OTHER_METHODS, url, schema: { hide: true }, handler });
    }
}
