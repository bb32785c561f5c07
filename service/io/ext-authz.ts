/**
 * Envoy's external authorization over gRPC: the client's headers and where it comes from in, the verdict out as headers and
 * as dynamic metadata. Whatever goes wrong in here is an OK.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { RecentMap } from '../core/recent-map.ts';
import type { Answer, Question } from './ask.ts';
import type { GrpcService } from './grpc.ts';
import { packageRoot } from './package-root.ts';

export interface ExtAuthzOptions {
  /** Never throws. */
  ask(question: Question): Answer;
  /** Told of a question that could not be read. */
  onFault?(error: Error): void;
}

interface CheckRequest {
  readonly attributes?: {
    readonly source?: {
      readonly address?: { readonly socket_address?: { readonly address: string } };
      readonly certificate: string;
    };
    readonly request?: { readonly http?: { readonly headers: Record<string, string> } };
    readonly context_extensions?: Record<string, string>;
  };
}

type Check = grpc.handleUnaryCall<CheckRequest, Answer>;

const OK = 0;
const PERMISSION_DENIED = 7;
const OVERWRITE = 2;

export function extAuthzService({ ask, onFault }: ExtAuthzOptions): GrpcService {
  const proto = loadSync(join(packageRoot, 'service', 'gateways', 'ext-authz.proto'), { keepCase: true, defaults: true });
  const service = proto['envoy.service.auth.v3.Authorization'] as unknown as { Check: grpc.MethodDefinition<object, object> };
  const Check: Check = ({ request }, reply) => reply(null, ask(questionOf(request, onFault)));
  const responseSerialize = remembering(service.Check.responseSerialize);
  return { definition: { Check: { ...service.Check, responseSerialize } }, handlers: { Check } };
}

/** To write an answer takes eight times as long as to look up one that says the same, and a client's next one mostly does. */
function remembering(serialize: (response: object) => Buffer): (answer: object) => Buffer {
  const known = new RecentMap<Buffer>(MAX_KNOWN);
  return (given) => {
    const answer = given as Answer;
    const key = `${answer.status} ${answer.isSteady} ${answer.headers.join('\n')}`;
    const before = known.get(key);
    if (before) return before;
    const bytes = serialize(responseOf(answer));
    known.set(key, bytes);
    return bytes;
  };
}
const MAX_KNOWN = 10_000;

/**
 * The client's own headers, and over them what Envoy itself knows: the address, the certificate, and what its configuration
 * says of the route, by the names of the headers that gateways set over HTTP; `mode: shadow` of one that is only watched.
 */
function questionOf({ attributes }: CheckRequest, onFault?: (error: Error) => void): Question {
  const { source, request, context_extensions: extensions } = attributes ?? {};
  const certificate = source?.certificate ? fingerprintOf(source.certificate, onFault) : '';
  const { mode, ...told } = extensions ?? {};
  const headers = {
    ...request?.http?.headers,
    'x-real-ip': source?.address?.socket_address?.address ?? '',
    'x-client-cert-sha256': certificate,
    ...told,
  };
  return { headers, isShadow: mode === 'shadow' };
}

function fingerprintOf(certificate: string, onFault?: (error: Error) => void): string {
  try {
    return createHash('sha256')
      .update(new X509Certificate(decodeURIComponent(certificate)).raw)
      .digest('hex');
  } catch (error) {
    onFault?.(error as Error);
    return '';
  }
}

function responseOf({ status, isSteady, headers }: Answer): object {
  const options = headers.map(([key, value]) => ({ header: { key, value }, append_action: OVERWRITE }));
  const dynamic_metadata = { fields: metadataOf(isSteady ? [...headers, STEADY] : headers) };
  if (status === 200) return { status: { code: OK }, ok_response: { headers: options }, dynamic_metadata };
  const denied_response = { status: { code: status }, headers: options };
  return { status: { code: PERMISSION_DENIED }, denied_response, dynamic_metadata };
}

const PREFIX = 'x-assay-';
/** Where the yes may be kept for a second. */
const STEADY = [`${PREFIX}steady`, 'true'] as const;

/** `verdict` for `x-assay-verdict` and so on. */
function metadataOf(headers: Answer['headers']): Record<string, { stringValue: string }> {
  return Object.fromEntries(headers.map(([name, value]) => [name.slice(PREFIX.length), { stringValue: value }]));
}
