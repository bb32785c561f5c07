import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface TcpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What connects beyond is hung up on. */
  readonly maxConnections: number;
}

export interface TcpListener {
  /** Where it listens, for what has to listen there too. */
  readonly address: AddressInfo;
  /** Takes no more connections; resolves once all are over. @param end ends one, and has a second for that */
  close(end: (socket: Socket) => void): Promise<void>;
}

const CLOSE_GRACE_MS = 1000;

/** @throws Error where the port can't be had */
export async function openTcp(
  { host, port, maxConnections }: TcpOptions,
  onSocket: (socket: Socket) => void,
): Promise<TcpListener> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.maxConnections = maxConnections;
  // Which of the two loopback addresses the name stands for, machines do not agree on; gateways are told this one.
  server.listen(port, host === 'localhost' ? '127.0.0.1' : host);
  await once(server, 'listening');
  return {
    address: server.address() as AddressInfo,
    async close(end) {
      const timer = setTimeout(() => sockets.forEach((socket) => void socket.destroy()), CLOSE_GRACE_MS);
      const closed = once(server, 'close');
      server.close();
      sockets.forEach(end);
      await closed;
      clearTimeout(timer);
    },
  };
}
