/**
 * The question as middleware, for applications that are their own gateway: `import { assayExpress } from 'assay/middleware'`. The
 * same rules as for every gateway: nobody waits longer than the budget, only a 403 denies, and the client's word counts for nothing.
 */
import { hash } from 'node:crypto';
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
  request as send,
} from 'node:http';
import { RecentMap } from '../core/recent-map.ts';

export interface AssayOptions {
  /** Of Assay, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** How long a request waits for the answer at most, ms; 20 by default. */
  readonly budgetMs?: number;
  /** Whether nobody is denied: the verdict is in the headers all the same. */
  readonly isShadow?: boolean;
  /** The client's address, where another proxy stands before this; the connection's by default. */
  addressOf?(request: IncomingMessage): string;
}

/** What is passed on of the client's own headers. */
const ASKED = ['user-agent', 'authorization', 'x-api-key'] as const;
const OURS = 'x-assay-';
const BUDGET_MS = 20;
const MAX_CONNECTIONS = 64;
/** How long a denial holds where Assay does not answer: as it says itself, by stale-if-error. */
const DENIED_MS = 300_000;
/** How long the yes to a steady client holds without a question: as Assay says by this. */
const STEADY_MS = 1000;
const STEADY = 'max-age=1';
const MAX_KEPT = 20_000;

export interface Said {
  readonly isDenied: boolean;
  /** Whether the yes may be kept for a second. */
  readonly isSteady?: boolean;
  /** `x-assay-*`; none where there was no answer in time. */
  readonly headers: Record<string, string>;
}

const OPEN: Said = { isDenied: false, headers: {} };
const OUT: Said = { isDenied: true, headers: {} };

/**
 * Asks about a request, of a steady client once a second; never throws. Where Assay does not answer, only those are denied whom it
 * denied in the last five minutes.
 */
export type Ask = (request: IncomingMessage) => Promise<Said>;

/** @throws TypeError where `url` is none */
export function createAsk({ url, budgetMs = BUDGET_MS, isShadow = false, addressOf }: AssayOptions): Ask {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });
  const at = { host: hostname, port, path: isShadow ? '/v1/shadow' : '/v1/authz', agent };
  const address = addressOf ?? (({ socket }: IncomingMessage) => socket.remoteAddress ?? '');
  const kept = new RecentMap<{ readonly till: number; readonly said: Said }>(MAX_KEPT);
  return async (request) => {
    const question = questionOf(request.headers, address(request));
    const key = keyOf(question);
    const known = kept.peek(key);
    const holds = known !== undefined && known.till > Date.now();
    if (holds && known.said.isSteady) return known.said;
    const said = await sendQuestion({ ...at, headers: question }, budgetMs);
    if (said?.isDenied) kept.set(key, { till: Date.now() + DENIED_MS, said: OUT });
    else if (said?.isSteady) kept.set(key, { till: Date.now() + STEADY_MS, said });
    return said ?? (holds ? known.said : OPEN);
  };
}

/** @returns null where there is no answer in time, or none of use */
function sendQuestion(question: RequestOptions, budgetMs: number): Promise<Said | null> {
  return new Promise((resolve) => {
    const sent = send({ ...question, timeout: budgetMs });
    const timer = setTimeout(() => sent.destroy(), budgetMs);
    const end = (said: Said | null) => {
      clearTimeout(timer);
      resolve(said);
    };
    sent.once('response', (response) => {
      response.resume();
      end(readAnswer(response));
    });
    sent.on('error', () => end(null));
    sent.once('close', () => end(null));
    sent.end();
  });
}

/** No credential is kept. */
function keyOf(question: Record<string, string>): string {
  return hash('sha256', JSON.stringify(question), 'base64');
}

function questionOf(headers: IncomingHttpHeaders, address: string): Record<string, string> {
  const question: Record<string, string> = { 'x-real-ip': address };
  for (const name of ASKED) {
    const value = headers[name];
    if (typeof value === 'string') question[name] = value;
  }
  return question;
}

function readAnswer({ statusCode, headers }: IncomingMessage): Said | null {
  if (statusCode !== 200 && statusCode !== 403) return null;
  const said = Object.entries(headers).filter(
    (each): each is [string, string] => each[0].startsWith(OURS) && typeof each[1] === 'string',
  );
  const isDenied = statusCode === 403;
  return { isDenied, isSteady: !isDenied && headers['cache-control'] === STEADY, headers: Object.fromEntries(said) };
}

/** Takes what the client said of itself in our name off its headers, and puts what Assay said in its place. */
function stamp(request: IncomingMessage, said: Said['headers']): void {
  for (const name of Object.keys(request.headers)) if (name.startsWith(OURS)) delete request.headers[name];
  Object.assign(request.headers, said);
}

/** For Express, Connect and whatever takes `(request, response, next)`. */
export function assayExpress(options: AssayOptions) {
  const ask = createAsk(options);
  return async (request: IncomingMessage, response: ServerResponse, next: () => void): Promise<void> => {
    const { isDenied, headers } = await ask(request);
    stamp(request, headers);
    if (isDenied) response.writeHead(403).end();
    else next();
  };
}

/** What is used of Fastify, so that an application needs not the same version as Assay. */
interface FastifyLike {
  addHook(name: 'onRequest', hook: (request: { raw: IncomingMessage }, reply: FastifyReplyLike) => Promise<unknown>): unknown;
}
interface FastifyReplyLike {
  code(status: number): { send(): unknown };
}

/** For Fastify: `await assayFastify(app, options)`, before the routes of that scope. */
export function assayFastify(app: FastifyLike, options: AssayOptions): void {
  const ask = createAsk(options);
  app.addHook('onRequest', async ({ raw }, reply) => {
    const { isDenied, headers } = await ask(raw);
    stamp(raw, headers);
    return isDenied ? reply.code(403).send() : undefined;
  });
}
