/** What is sent to Assay: calls and labels. Both take the body as bytes and decide by its content type how to read it. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { isRejection } from '../core/api-call.ts';
import type { Label } from '../core/contracts.ts';
import { RESUBMITTED_HEADER, readCount } from '../core/dead-letter.ts';
import { AssayError } from '../core/errors.ts';
import { checkLabel } from '../core/label.ts';
import type { Decode, Incoming } from '../core/source.ts';
import type { HttpSource } from './http-source.ts';
import { addOtlp } from './otlp.ts';
import { LINE_TYPES, mediaTypeOf } from './post-body.ts';

export interface IntakeDeps {
  readonly post: HttpSource['post'];
  /** Splits a body into records by its content type. @throws AssayError where it can't */
  splitBody(bytes: Uint8Array, contentType: string): { records: Incoming[]; decode: Decode };
  /** Resolves once they would outlive a crash. @throws AssayError where they can't be kept */
  keepLabels(labels: readonly Label[]): Promise<void>;
  /** Wall clock, ms since 1970. */
  now(): number;
}

const MIB = 2 ** 20;
/** Largest body of calls, as sent and unpacked, in bytes. */
export const MAX_CALLS_BYTES = 16 * MIB;
const MAX_LABELS_BYTES = 4 * MIB;
const MAX_LABELS = 10_000;
/** Bodies that are unpacked at once; each may take its 16 MiB. */
const MAX_UNPACKING = 8;
const MAX_REJECTIONS_TOLD = 100;

const Taken = Type.Object({ accepted: Type.Integer({ minimum: 0 }) });
const CallsTaken = Type.Object({
  accepted: Type.Integer({ minimum: 0 }),
  rejected: Type.Integer({ minimum: 0 }),
  rejections: Type.Array(Type.Object({ origin: Type.String(), code: Type.String(), detail: Type.String() }), {
    maxItems: MAX_REJECTIONS_TOLD,
    description: `The first ${MAX_REJECTIONS_TOLD} of them`,
  }),
});

/** Content types by name, for the OpenAPI document; the bodies themselves are read by hand. */
const contentOf = (...types: [string, object][]) => ({
  content: Object.fromEntries(types.map(([type, schema]) => [type, { schema }])),
});

const CALL = Type.Ref('ApiCall#');
const LABEL = Type.Ref('Label#');
const CALL_BODIES = contentOf(
  ['application/x-ndjson', CALL],
  ['application/json', Type.Array(CALL)],
  ['application/avro', Type.String({ format: 'binary' })],
  ['application/cloudevents+json', Type.Object({})],
  ['application/cloudevents-batch+json', Type.Array(Type.Object({}))],
);
const LABEL_BODIES = contentOf(
  ['application/json', Type.Union([LABEL, Type.Array(LABEL, { maxItems: MAX_LABELS })])],
  ['application/x-ndjson', LABEL],
);

const CALLS_DOCS = {
  tags: ['calls'],
  summary: 'Report API calls',
  description:
    'Answers once the verdicts of these calls are stored and published. A record that cannot be used is told in the ' +
    'answer and stops no other. content-encoding gzip is read; 16 MiB at most, as sent and unpacked. The header ' +
    `${RESUBMITTED_HEADER} says how often these calls were put back from the dead letters.`,
  body: CALL_BODIES,
};
const LABELS_DOCS = {
  tags: ['labels'],
  summary: 'Say that a client is good or bad',
  description:
    `One label, an array, or NDJSON; ${MAX_LABELS} at most. Exactly one of clientId, clientIp and subject names the ` +
    'client. All are kept, or, where one is not valid, none. Without `at`, the time of arrival is kept.',
  body: LABEL_BODIES,
};

const NOTHING = { accepted: 0, rejections: [] };

export async function addIntake(app: FastifyInstance, deps: IntakeDeps, errors: Record<number, TSchema>): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // The bodies are checked by hand: the schemas only describe them.
  app.setValidatorCompiler(() => () => true);
  const bytesOf = createUnpacker();

  app.post(
    '/v1/calls',
    { bodyLimit: MAX_CALLS_BYTES, schema: { ...CALLS_DOCS, response: { 202: CallsTaken, ...errors } } },
    async (request, reply) => {
      const bytes = await bytesOf(request, MAX_CALLS_BYTES);
      const { records, decode } = deps.splitBody(bytes, request.headers['content-type'] ?? '');
      markResubmitted(records, request.headers[RESUBMITTED_HEADER]);
      const { accepted, rejections } = records.length > 0 ? await deps.post(records, decode) : NOTHING;
      const told = rejections.slice(0, MAX_REJECTIONS_TOLD);
      return reply.code(202).send({
        accepted,
        rejected: rejections.length,
        rejections: told.map(({ origin, rejected, detail }) => ({ origin, code: rejected, detail })),
      });
    },
  );

  app.post(
    '/v1/labels',
    { bodyLimit: MAX_LABELS_BYTES, schema: { ...LABELS_DOCS, response: { 202: Taken, ...errors } } },
    async (request, reply) => {
      const bytes = await bytesOf(request, MAX_LABELS_BYTES);
      const labels = readLabels(bytes, request.headers['content-type'] ?? '', deps.now());
      await deps.keepLabels(labels);
      return reply.code(202).send({ accepted: labels.length });
    },
  );
  addOtlp(app, { post: deps.post, bytesOf: (request) => bytesOf(request, MAX_CALLS_BYTES), bodyLimit: MAX_CALLS_BYTES, errors });
}

/** Says of fresh records that they were dead letters before, where the sender says so. */
function markResubmitted(records: readonly Incoming[], header: string | string[] | undefined): void {
  const resubmitted = readCount(header);
  if (resubmitted > 0) for (const record of records) Object.assign(record, { resubmitted });
}

/** Reads a body's bytes, unpacked; holds how many are being unpacked. */
function createUnpacker(): (request: FastifyRequest, maxBytes: number) => Promise<Buffer> {
  let unpacking = 0;
  return async (request, maxBytes) => {
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    const coding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (coding === 'identity') return body;
    if (coding !== 'gzip') throw new AssayError('ASSAY_CONTENT_TYPE_UNKNOWN', `content-encoding ${coding}; gzip is read`);
    if (unpacking >= MAX_UNPACKING) throw new AssayError('ASSAY_OVERLOADED', `${unpacking} bodies are being unpacked`);
    unpacking++;
    try {
      return await unpack(body, maxBytes);
    } finally {
      unpacking--;
    }
  };
}

const unpackGzip = promisify(gunzip);

async function unpack(body: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await unpackGzip(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AssayError('ASSAY_REQUEST_TOO_LARGE', `over ${maxBytes} bytes unpacked`);
    throw new AssayError('ASSAY_REQUEST_INVALID', 'the gzip is damaged or ends too early', { cause: error });
  }
}

/** @throws AssayError ASSAY_LABEL_INVALID naming the first label that is not valid, counted from 0 */
export function readLabels(bytes: Uint8Array, contentType: string, receivedAtMs: number): Label[] {
  const type = mediaTypeOf(contentType);
  const text = textOf(bytes);
  const entries = type === 'application/json' ? readJson(text) : readLines(text, type);
  if (entries.length > MAX_LABELS) throw new AssayError('ASSAY_LABEL_INVALID', `over ${MAX_LABELS} labels at once`);
  return entries.map((entry, i) => {
    const label = checkLabel(entry);
    if (isRejection(label)) throw new AssayError(label.rejected, `label ${i} ${label.detail}`);
    return { ...label, at: label.at ?? receivedAtMs };
  });
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AssayError('ASSAY_LABEL_INVALID', 'the body is not UTF-8');
  }
}

function readJson(text: string): unknown[] {
  const value = parse(text, 'the body');
  return Array.isArray(value) ? value : [value];
}

function readLines(text: string, type: string): unknown[] {
  if (!LINE_TYPES.includes(type)) throw new AssayError('ASSAY_CONTENT_TYPE_UNKNOWN', type || 'none given');
  return text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [parse(line, `line ${i + 1}`)]));
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AssayError('ASSAY_LABEL_INVALID', `${place} is not JSON`);
  }
}
