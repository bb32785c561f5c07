/** The HTTP server as a function: routes, errors, documents and the page. Whoever calls it listens, or injects. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
  LogController,
} from 'fastify';
import { Type } from 'typebox';
import { jsonSchemaOf } from '../core/avro-schema.ts';
import { ApiCallSchema, LabelSchema, VerdictSchema } from '../core/contracts.ts';
import { AssayError, type ErrorCode } from '../core/errors.ts';
import { type AskDeps, ask } from './ask.ts';
import { addAuthz, answerAtOnce, answerWithin, createAuthz, isAuthz } from './http-authz.ts';
import { addCrowdSec, type CrowdSecDeps } from './http-crowdsec.ts';
import { addIntake, type IntakeDeps } from './http-intake.ts';
import { addLookups, type LookupDeps } from './http-lookup.ts';
import { HttpSeconds } from './http-seconds.ts';
import type { Metrics } from './metrics.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What is or isn't ready, for people. */
  readonly detail: string;
}

export interface HttpDeps extends AskDeps, IntakeDeps, LookupDeps {
  readonly store: LookupDeps['store'];
  readonly metrics: Metrics;
  readiness(): Readiness;
  /** The folder of the page's files, service/web. */
  readonly webFolder: string;
  /** Where CrowdSec's bouncers are to be answered. */
  readonly crowdSec?: Pick<CrowdSecDeps, 'keys' | 'deniedAddresses'>;
  readonly logger?: FastifyServerOptions['logger'];
}

/** Gateways let through up to 32 KiB of header lines, and a question repeats them. */
const MAX_HEADER_BYTES = 64 * 1024;
/** A whole request has to arrive in so long, so that slow senders don't hold sockets. */
const REQUEST_TIMEOUT_MS = 60_000;

/** The status of each code; every other one is a fault of ours, 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ASSAY_REQUEST_INVALID: 400,
  ASSAY_LABEL_INVALID: 400,
  ASSAY_CALL_NOT_OBJECT: 400,
  ASSAY_CALL_BAD_JSON: 400,
  ASSAY_CALL_BAD_LINE: 400,
  ASSAY_CALL_BAD_UTF8: 400,
  ASSAY_CALL_BAD_AVRO: 400,
  ASSAY_CALL_UNKNOWN_SCHEMA: 400,
  ASSAY_CALL_MISSING_FIELD: 400,
  ASSAY_CALL_BAD_FIELD: 400,
  ASSAY_FILE_EMPTY: 400,
  ASSAY_FILE_TRUNCATED: 400,
  ASSAY_CLIENT_UNKNOWN: 404,
  ASSAY_NOT_FOUND: 404,
  ASSAY_CALL_TOO_LARGE: 413,
  ASSAY_REQUEST_TOO_LARGE: 413,
  ASSAY_CONTENT_TYPE_UNKNOWN: 415,
  ASSAY_FORMAT_UNKNOWN: 415,
  ASSAY_OVERLOADED: 503,
  ASSAY_KAFKA_UNAVAILABLE: 503,
  ASSAY_REGISTRY_UNAVAILABLE: 503,
};
const RETRY_AFTER_S = 1;
/** What is under way may finish for so long after closing began; browsers hold connections on which nothing ever comes. */
const CLOSE_GRACE_MS = 5000;

const ErrorBody = Type.Object(
  { error: Type.Object({ code: Type.String(), message: Type.String(), canRetry: Type.Boolean() }) },
  { $id: 'Error', title: 'Error' },
);
const ERROR = Type.Ref('Error#');
const ERRORS_OF = (...statuses: number[]) => Object.fromEntries(statuses.map((status) => [status, ERROR]));

/** Any error as one of ours. Messages of unforeseen ones stay inside: they may tell what is nobody's business. */
function codedOf(error: FastifyError | AssayError): AssayError {
  if (error instanceof AssayError) return error;
  if (error.validation) return new AssayError('ASSAY_REQUEST_INVALID', error.message);
  if (error.statusCode === 413) return new AssayError('ASSAY_REQUEST_TOO_LARGE');
  if (error.statusCode === 415) return new AssayError('ASSAY_CONTENT_TYPE_UNKNOWN');
  if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500)
    return new AssayError('ASSAY_REQUEST_INVALID', error.message);
  return new AssayError('ASSAY_INTERNAL');
}

function bodyOf({ code, message, canRetry }: AssayError): string {
  return JSON.stringify({ error: { code, message, canRetry } });
}

function sendError(error: FastifyError | AssayError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const coded = codedOf(error);
  const status = STATUS[coded.code] ?? 500;
  if (status === 500) request.log.error({ err: error }, coded.code);
  if (status === 503) reply.header('retry-after', RETRY_AFTER_S);
  return reply.code(status).headers(NO_SNIFFING).type('application/json; charset=utf-8').send(bodyOf(coded));
}

const NO_SNIFFING = { 'x-content-type-options': 'nosniff' };

/** Builds the app; it holds no port until it's told to listen. */
export function createHttp(deps: HttpDeps): FastifyInstance {
  const seconds = new HttpSeconds(deps.metrics.registry);
  let isClosing = false;
  const answerAuthz = createAuthz({
    ...deps,
    seconds,
    onFault: (err) => app.log.error({ err }, 'authz failed open'),
    isClosing: () => isClosing,
  });
  const answerRequest = answerWithin(answerAuthz);
  const onFault = (error: FastifyError | AssayError, request: FastifyRequest, reply: FastifyReply) => {
    if (isAuthz(request.url)) answerRequest(request, reply);
    else sendError(error, request, reply);
  };
  const app = fastify({
    logger: deps.logger ?? false,
    // A line for each look-up would cost more than the look-up.
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A request that was accepted before the port was closed is answered as ever, and its connection ends with it.
    return503OnClosing: false,
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: onFault as NonNullable<FastifyServerOptions['frameworkErrors']>,
    clientErrorHandler: answerBrokenRequest,
  }) as unknown as FastifyInstance;
  // One for all: to make one for each request took a seventh of the time of an answer.
  app.log.child = () => app.log as never;
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  app.setErrorHandler(onFault);
  for (const schema of [ApiCallSchema, VerdictSchema, LabelSchema]) app.addSchema({ $id: schema.name, ...jsonSchemaOf(schema) });
  app.addSchema(ErrorBody);
  app.addHook('preClose', async () => {
    isClosing = true;
    setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref();
  });
  answerAtOnce(app.server, answerAuthz);
  void app.register(swagger, OPEN_API);
  void app.register((scope) => addAuthz(scope, answerRequest));
  void app.register(async (scope) => {
    measure(scope, seconds);
    scope.setNotFoundHandler((request, reply) => onFault(new AssayError('ASSAY_NOT_FOUND'), request, reply));
    void scope.register(swaggerUi, DOCS_PAGE);
    void scope.register((part) => addIntake(part, deps, ERRORS_OF(400, 413, 415, 500, 503)));
    void scope.register((part) => addLookups(part, deps, ERRORS_OF(400, 404, 413, 415, 500, 503)));
    void scope.register((part) => addHealth(part, deps));
    if (deps.crowdSec) void scope.register(crowdSecOf(deps, deps.crowdSec));
    void scope.register((part) => addPage(part, deps.webFolder));
  });
  return app;
}

/** The documents' page sets styles inline; all it loads is its own. */
const DOCS_CSP =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function crowdSecOf(deps: HttpDeps, given: NonNullable<HttpDeps['crowdSec']>) {
  return (part: FastifyInstance) => {
    const onFault = (err: unknown) => part.log.error({ err }, 'AppSec failed open');
    return addCrowdSec(part, { ...given, now: deps.now, ask: (headers) => ask({ headers }, deps, onFault) });
  };
}

const DOCS_PAGE = {
  routePrefix: '/docs',
  staticCSP: DOCS_CSP,
  theme: { title: 'Assay API' },
  uiConfig: { layout: 'BaseLayout' },
} as const;

const OPEN_API = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Assay',
      version: '1',
      description: 'Tells good automation from bad automation in API traffic: calls in, verdicts with reasons out.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'gateways', description: 'What a gateway asks before it lets a request through' },
      { name: 'calls', description: 'What a gateway reports' },
      { name: 'verdicts', description: 'What Assay holds of clients' },
      { name: 'labels', description: 'What people hold of clients' },
      { name: 'service', description: 'How Assay itself is' },
    ],
  },
  refResolver: {
    buildLocalReference: (json: { $id?: unknown }, _base: unknown, _fragment: string, i: number) =>
      String(json.$id ?? `schema-${i}`),
  },
};

/** Sockets on which no request could be read. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, coded] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? (['431 Request Header Fields Too Large', new AssayError('ASSAY_REQUEST_TOO_LARGE', 'headers')] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? (['408 Request Timeout', new AssayError('ASSAY_REQUEST_INVALID', 'it did not arrive in time')] as const)
        : (['400 Bad Request', new AssayError('ASSAY_REQUEST_INVALID', 'it is not HTTP')] as const);
  const body = bodyOf(coded);
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  socket.destroy(error);
}

/** When a request was routed, performance.now(). */
const ROUTED_AT = Symbol('routedAt');

/** A stream is never sent to its end, so it is not counted: how long somebody watched says nothing. */
function measure(app: FastifyInstance, seconds: HttpSeconds): void {
  app.addHook('onRequest', (request, _reply, done) => {
    (request.raw as Timed)[ROUTED_AT] = performance.now();
    done();
  });
  // Not onResponse, for which Fastify listens to each answer: that took as long as the rest of a look-up.
  app.addHook('onSend', (request, reply, _payload, done) => {
    const routedAt = (request.raw as Timed)[ROUTED_AT] ?? performance.now();
    seconds.observe(request.routeOptions.url ?? 'none', reply.statusCode, (performance.now() - routedAt) / 1000);
    done();
  });
}

interface Timed extends IncomingMessage {
  [ROUTED_AT]?: number;
}

const Health = Type.Object({ ok: Type.Boolean() });
const ReadinessBody = Type.Object({ ready: Type.Boolean(), detail: Type.String() });

async function addHealth(app: FastifyInstance, { readiness, metrics }: HttpDeps): Promise<void> {
  app.get(
    '/healthz',
    { schema: { tags: ['service'], summary: 'Whether the process runs', response: { 200: Health } } },
    async () => ({ ok: true }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags: ['service'],
        summary: 'Whether calls are taken and verdicts are made',
        response: { 200: ReadinessBody, 503: ReadinessBody },
      },
    },
    async (_request, reply) => {
      const { ready, detail } = readiness();
      return reply.code(ready ? 200 : 503).send({ ready, detail });
    },
  );
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['service'],
        summary: 'Metrics for Prometheus',
        response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
      },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.text()),
  );
}

/** Path, file and content type of everything the page is made of. */
const PAGE = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const;
const PAGE_HEADERS = {
  ...NO_SNIFFING,
  'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

async function addPage(app: FastifyInstance, webFolder: string): Promise<void> {
  for (const [url, file, type] of PAGE) {
    const bytes = readFileSync(join(webFolder, file));
    app.get(url, { schema: { hide: true } }, async (_request, reply) => reply.headers(PAGE_HEADERS).type(type).send(bytes));
  }
}
