/** Envoy's access log service: a stream of entries, of which each is a call. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { lineOfEntry } from '../gateways/envoy-entry.ts';
import { framedValue } from '../gateways/frame.ts';
import { type Line, objectOf } from '../gateways/json-format.ts';
import { decodeValue } from '../gateways/ndjson.ts';
import { CALL_HEADER, readFacts } from './asked-call.ts';
import type { GrpcService } from './grpc.ts';
import type { HttpSource } from './http-source.ts';
import { packageRoot } from './package-root.ts';

export interface AccessLogOptions {
  readonly post: HttpSource['post'];
  /** Told of entries that could not be taken in: Envoy does not send them again. */
  onLost(entries: number): void;
}

export function accessLogService({ post, onLost }: AccessLogOptions): GrpcService {
  const file = join(packageRoot, 'service', 'gateways', 'access-log.proto');
  const proto = loadSync(file, { longs: Number, defaults: false });
  // Names entries without an id of their own; another start gives others.
  const name = `envoy-${randomBytes(6).toString('hex')}`;
  let count = 0;
  const recordOf = (entry: Line) => framedValue(lineOfEntry(entry, factsOf(entry)), `${name}:${++count}`);
  const StreamAccessLogs: grpc.handleClientStreamingCall<Line, object> = (stream, reply) => {
    stream.on('data', (message: Line) => {
      const entries = objectOf(message.httpLogs).logEntry;
      if (!Array.isArray(entries) || entries.length === 0) return;
      // One lot after the other, so that Envoy has to wait.
      stream.pause();
      post(entries.map(recordOf), decodeValue)
        .catch(() => onLost(entries.length))
        .finally(() => stream.resume());
    });
    stream.on('error', () => {});
    stream.on('end', () => reply(null, {}));
  };
  const definition = proto['envoy.service.accesslog.v3.AccessLogService'] as grpc.ServiceDefinition;
  return { definition, handlers: { StreamAccessLogs } };
}

function factsOf(entry: Line): Record<string, string> {
  const asked = objectOf(objectOf(entry.request).requestHeaders)[CALL_HEADER];
  return typeof asked === 'string' ? readFacts(asked) : {};
}
