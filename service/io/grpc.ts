/** One port for all that is asked and told over gRPC. */
import * as grpc from '@grpc/grpc-js';

export interface GrpcService {
  readonly definition: grpc.ServiceDefinition;
  readonly handlers: grpc.UntypedServiceImplementation;
}

export interface GrpcServer {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const CLOSE_GRACE_MS = 1000;

/** @param port 0 takes a free one. @throws Error where it can't be had */
export async function openGrpc(host: string, port: number, services: readonly GrpcService[]): Promise<GrpcServer> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  for (const { definition, handlers } of services) server.addService(definition, handlers);
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
