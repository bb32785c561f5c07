/** What Assay says when it is asked: one verdict, many, the newest, or all as they come. */
import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import type { VerdictName } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import type { ClientAttributes, Identifier } from '../core/identify.ts';
import { createVerdictStream, STREAM_LIMITS, type StreamLimits } from './http-stream.ts';
import { type Metrics, STALENESS_HEADER, stalenessOf } from './metrics.ts';
import type { StoredVerdict, VerdictStore } from './verdict-store.ts';

export interface LookupDeps {
  readonly store: VerdictStore;
  readonly identifier: Pick<Identifier, 'find'>;
  readonly metrics: Metrics;
  /** Wall clock, ms since 1970. */
  now(): number;
  readonly streamLimits?: Partial<StreamLimits>;
}

const MAX_CLIENTS = 1000;
const MAX_CLIENT_ID_CHARS = 128;
const DEFAULT_CLIENTS = 50;
const MIB = 2 ** 20;

const VerdictFilter = Type.Optional(Type.Enum(['good', 'bad', 'unsure'], { description: 'Only these' }));
const ClientParams = Type.Object({ clientId: Type.String({ minLength: 1, maxLength: MAX_CLIENT_ID_CHARS }) });
const ListQuery = Type.Object({
  verdict: VerdictFilter,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CLIENTS, default: DEFAULT_CLIENTS })),
});
const StreamQuery = Type.Object({ verdict: VerdictFilter });

const text = (description?: string) =>
  Type.Optional(Type.Union([Type.String({ maxLength: 8192 }), Type.Null()], description ? { description } : {}));
const Attributes = Type.Object({
  clientIp: Type.String({ minLength: 1, maxLength: 128 }),
  userAgent: text(),
  ja3: text(),
  ja4: text(),
  subject: text('Hash of the credential or of its subject, as in ApiCall'),
  authScheme: text(),
  identityVerified: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  clientCertificate: text('SHA-256 of the certificate that the gateway verified'),
  tenant: text(),
});
const Question = Type.Union([ClientParams, Attributes]);
const QuestionList = Type.Object({ clients: Type.Array(Question, { maxItems: MAX_CLIENTS }) });
type Question = Static<typeof Question>;

const VERDICT = Type.Ref('Verdict#');
const JSON_TYPE = 'application/json; charset=utf-8';

const NO_ATTRIBUTES: Omit<ClientAttributes, 'clientIp'> = {
  userAgent: null,
  ja3: null,
  ja4: null,
  subject: null,
  authScheme: null,
  identityVerified: null,
  clientCertificate: null,
  tenant: null,
};

function checkClientParams(value: Static<typeof ClientParams>) {
  if (value.clientId.length <= MAX_CLIENT_ID_CHARS) return { value };
  return { error: new Error(`params/clientId must not have more than ${MAX_CLIENT_ID_CHARS} characters`) };
}

export async function addLookups(app: FastifyInstance, deps: LookupDeps, errors: Record<number, TSchema>): Promise<void> {
  const { store, identifier, metrics, now } = deps;

  app.get<{ Params: Static<typeof ClientParams> }>(
    '/v1/clients/:clientId/verdict',
    {
      // Checking by schema would take longer than all else.
      validatorCompiler: () => checkClientParams,
      schema: {
        tags: ['verdicts'],
        summary: 'The newest verdict of a client',
        description:
          'Also as headers x-assay-*; x-assay-expired: true where the verdict no longer holds; x-assay-staleness, with Kafka: ' +
          'seconds since the copy of the verdicts held here was last up to date.',
        params: ClientParams,
        response: { 200: VERDICT, ...errors },
      },
    },
    async (request, reply) => {
      const stored = store.get(request.params.clientId);
      if (stored === null) throw new AssayError('ASSAY_CLIENT_UNKNOWN');
      if (stored.verdict.expiresAt <= now()) reply.header('x-assay-expired', 'true');
      const staleness = stalenessOf(metrics);
      if (staleness !== null) reply.header(STALENESS_HEADER, staleness);
      for (const [name, value] of stored.headers) reply.header(name, value);
      return reply.type(JSON_TYPE).send(stored.body);
    },
  );

  const find = (question: Question): StoredVerdict | null =>
    store.get('clientId' in question ? question.clientId : identifier.find({ ...NO_ATTRIBUTES, ...question }).clientId);

  app.post<{ Body: Static<typeof QuestionList> }>(
    '/v1/verdicts',
    {
      bodyLimit: 4 * MIB,
      schema: {
        tags: ['verdicts'],
        summary: 'The newest verdicts of many clients',
        description: 'By clientId, or by the attributes that a gateway has at hand. In the order asked; null where none is held.',
        body: QuestionList,
        response: { 200: Type.Object({ verdicts: Type.Array(Type.Union([VERDICT, Type.Null()])) }), ...errors },
      },
    },
    async (request, reply) => {
      const bodies = request.body.clients.map((question) => find(question)?.body ?? 'null');
      return reply.type(JSON_TYPE).send(`{"verdicts":[${bodies.join(',')}]}`);
    },
  );

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/clients',
    {
      schema: {
        tags: ['verdicts'],
        summary: 'The clients that changed last',
        querystring: ListQuery,
        response: { 200: Type.Object({ clients: Type.Array(VERDICT) }), ...errors },
      },
    },
    async (request, reply) => {
      const { verdict = null, limit = DEFAULT_CLIENTS } = request.query;
      const bodies = store.list(verdict, limit).map(({ clientId }) => store.get(clientId)!.body);
      return reply.type(JSON_TYPE).send(`{"clients":[${bodies.join(',')}]}`);
    },
  );
  addStream(app, deps, errors);
}

function addStream(app: FastifyInstance, deps: LookupDeps, errors: Record<number, TSchema>): void {
  const stream = createVerdictStream(deps, { ...STREAM_LIMITS, ...deps.streamLimits });
  app.addHook('preClose', async () => stream.close());
  app.get<{ Querystring: { verdict?: VerdictName } }>(
    '/v1/verdicts/stream',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['verdicts'],
        summary: 'New verdicts as server-sent events',
        description:
          'Events `verdict` (data: a Verdict, id: its id) and, each second, `counts` (data: clients by verdict, and calls ' +
          'so far). Whoever reads too slowly is disconnected; nothing is replayed: list the clients after reconnecting.',
        querystring: StreamQuery,
        response: { 200: { content: { 'text/event-stream': { schema: Type.String() } } }, ...errors },
      },
    },
    async (request, reply) => {
      stream.subscribe(reply.raw, request.query.verdict ?? null);
      reply.hijack();
    },
  );
}
