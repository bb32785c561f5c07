/**
 * Envoy's external authorization over gRPC: the client's headers and where it comes from in, the verdict out as headers and
 * as dynamic metadata. Whatever goes wrong in here is an OK.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Answer, Question } from './ask.ts';
import { packageRoot } from './package-root.ts';

export interface ExtAuthzOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Never throws. */
  ask(question: Question): Answer;
  /** Told of a question that could not be read. */
  onFault?(error: Error): void;
}

export interface ExtAuthz {
  readonly port: number;
  close(): Promise<void>;
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

type Check = grpc.handleUnaryCall<CheckRequest, object>;

const MAX_QUESTION_BYTES = 256 * 1024;
const CLOSE_GRACE_MS = 1000;
const OK = 0;
const PERMISSION_DENIED = 7;
const OVERWRITE = 2;

/** @throws Error where the port can't be had */
export async function openExtAuthz({ host, port, ask, onFault }: ExtAuthzOptions): Promise<ExtAuthz> {
  const definition = loadSync(join(packageRoot, 'service', 'gateways', 'ext-authz.proto'), { keepCase: true, defaults: true });
  const service = definition['envoy.service.auth.v3.Authorization'] as grpc.ServiceDefinition;
  const server = new grpc.Server({ 'grpc.max_receive_message_length': MAX_QUESTION_BYTES });
  const check: Check = ({ request }, reply) => reply(null, responseOf(ask(questionOf(request, onFault))));
  server.addService(service, { Check: check });
  const bound = await new Promise<number>((resolve, reject) => {
    const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    server.bindAsync(at, grpc.ServerCredentials.createInsecure(), (error, found) => (error ? reject(error) : resolve(found)));
  });
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), CLOSE_GRACE_MS);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

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

function responseOf({ status, headers }: Answer): object {
  const options = Object.entries(headers).map(([key, value]) => ({ header: { key, value }, append_action: OVERWRITE }));
  const dynamic_metadata = { fields: metadataOf(headers) };
  if (status === 200) return { status: { code: OK }, ok_response: { headers: options }, dynamic_metadata };
  const denied_response = { status: { code: status }, headers: options };
  return { status: { code: PERMISSION_DENIED }, denied_response, dynamic_metadata };
}

const PREFIX = 'x-assay-';

/** `verdict` for `x-assay-verdict` and so on. */
function metadataOf(headers: Answer['headers']): Record<string, { stringValue: string }> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.slice(PREFIX.length), { stringValue: value }]));
}
