/** OpenTelemetry's protocol, over HTTP and gRPC: spans and log records of HTTP servers are calls. What is neither is passed over. */
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { AssayError } from '../core/errors.ts';
import { framedValue } from '../gateways/frame.ts';
import type { Line } from '../gateways/json-format.ts';
import { decodeValue } from '../gateways/ndjson.ts';
import { recordsOf, spansOf } from '../gateways/otel.ts';
import type { GrpcService } from './grpc.ts';
import type { HttpSource } from './http-source.ts';
import { packageRoot } from './package-root.ts';
import { MAX_BODY_RECORDS, mediaTypeOf, originsIn } from './post-body.ts';

const PROTO = loadSync(join(packageRoot, 'service', 'gateways', 'otlp.proto'), { longs: String, bytes: String });
type Method = grpc.MethodDefinition<object, object>;

interface Signal {
  readonly path: string;
  readonly service: string;
  readonly method: Method;
  linesOf(request: unknown): Line[];
  /** How it calls what could not be used. */
  readonly rejected: string;
}

const methodOf = (service: string) => (PROTO[`assay.otlp.${service}`] as Record<string, unknown>).Export as Method;
const COLLECTOR = 'opentelemetry.proto.collector';
const SIGNALS: readonly Signal[] = [
  {
    ...{ path: '/v1/traces', service: `${COLLECTOR}.trace.v1.TraceService`, method: methodOf('Traces') },
    ...{ linesOf: spansOf, rejected: 'rejectedSpans' },
  },
  {
    ...{ path: '/v1/logs', service: `${COLLECTOR}.logs.v1.LogsService`, method: methodOf('Logs') },
    ...{ linesOf: recordsOf, rejected: 'rejectedLogRecords' },
  },
];

/**
 * Each is kept as the flat line that it became, so that it can be read again.
 *
 * @returns how many could not be used, and the first reason
 * @throws AssayError ASSAY_OVERLOADED, ASSAY_REQUEST_INVALID where there are over 10,000
 */
async function take(lines: readonly Line[], post: HttpSource['post']): Promise<{ rejected: number; errorMessage: string }> {
  if (lines.length > MAX_BODY_RECORDS)
    throw new AssayError('ASSAY_REQUEST_INVALID', `more than ${MAX_BODY_RECORDS} records at once`);
  if (lines.length === 0) return { rejected: 0, errorMessage: '' };
  const unnamed = lines.map((line) => framedValue(line, ''));
  const originOf = originsIn(
    'otlp',
    unnamed.map(({ bytes }) => bytes),
  );
  const records = unnamed.map((record, i) => ({ ...record, origin: originOf(i) }));
  const { rejections } = await post(records, decodeValue);
  const [first] = rejections;
  return { rejected: rejections.length, errorMessage: first ? `${first.rejected} ${first.detail}` : '' };
}

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

export interface OtlpDeps {
  readonly post: HttpSource['post'];
  /** A request's body, unpacked. */
  bytesOf(request: FastifyRequest): Promise<Buffer>;
  readonly bodyLimit: number;
  readonly errors: Record<number, TSchema>;
}

const DOCS = {
  tags: ['calls'],
  description:
    "OpenTelemetry's protocol over HTTP, as JSON or as protobuf. What tells of an HTTP server's request is a call, by the " +
    'attributes of the semantic conventions; all else is passed over. Needs client.address.',
  body: { content: { [JSON_TYPE]: { schema: Type.Object({}) }, [PROTOBUF_TYPE]: { schema: Type.String({ format: 'binary' }) } } },
};
const Taken = Type.Object({ partialSuccess: Type.Optional(Type.Object({}, { additionalProperties: true })) });

/** In a scope whose bodies are buffers. */
export function addOtlp(app: FastifyInstance, { post, bytesOf, bodyLimit, errors }: OtlpDeps): void {
  for (const { path, method, linesOf, rejected } of SIGNALS)
    app.post(
      path,
      { bodyLimit, schema: { ...DOCS, summary: `Report ${path.slice(4)}`, response: { 200: Taken, ...errors } } },
      async (request, reply) => {
        const type = mediaTypeOf(request.headers['content-type'] ?? '');
        const outcome = await take(linesOf(read(await bytesOf(request), type, method)), post);
        const partial =
          outcome.rejected > 0 ? { partialSuccess: { [rejected]: outcome.rejected, errorMessage: outcome.errorMessage } } : {};
        if (type === JSON_TYPE) return reply.send(partial);
        return reply.type(PROTOBUF_TYPE).send(method.responseSerialize(answerOf(outcome)));
      },
    );
}

function read(bytes: Buffer, type: string, method: Method): unknown {
  if (type !== JSON_TYPE && type !== PROTOBUF_TYPE)
    throw new AssayError('ASSAY_CONTENT_TYPE_UNKNOWN', `${type || 'none given'}; known are ${JSON_TYPE}, ${PROTOBUF_TYPE}`);
  try {
    return type === JSON_TYPE ? JSON.parse(bytes.toString('utf8')) : method.requestDeserialize(bytes);
  } catch (error) {
    throw new AssayError('ASSAY_REQUEST_INVALID', `no OTLP: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
}

function answerOf({ rejected, errorMessage }: Awaited<ReturnType<typeof take>>): object {
  return rejected > 0 ? { partialSuccess: { rejected, errorMessage } } : {};
}

/** The same over gRPC. */
export function otlpServices(post: HttpSource['post']): GrpcService[] {
  return SIGNALS.map(({ service, method, linesOf }) => {
    const Export: grpc.handleUnaryCall<object, object> = ({ request }, reply) => {
      take(linesOf(request), post).then(
        (outcome) => reply(null, answerOf(outcome)),
        (error: AssayError) => reply({ code: statusOf(error), details: error.message }),
      );
    };
    return { definition: { Export: { ...method, path: `/${service}/Export` } }, handlers: { Export } };
  });
}

/** Of those that OTLP knows, which say whether to send again. */
function statusOf({ code }: AssayError): grpc.status {
  if (code === 'ASSAY_OVERLOADED') return grpc.status.UNAVAILABLE;
  return code === 'ASSAY_REQUEST_INVALID' ? grpc.status.INVALID_ARGUMENT : grpc.status.INTERNAL;
}
