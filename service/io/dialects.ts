/** The ports on which gateways ask in another way than over HTTP/1.1. */
import type { FastifyBaseLogger } from 'fastify';
import { type AskDeps, ask } from './ask.ts';
import { openExtAuthz } from './ext-authz.ts';
import { openSpoeAgent } from './spoe-agent.ts';

export interface DialectsOptions {
  readonly host: string;
  /** Ports by dialect; 0 leaves one out. */
  readonly spoePort: number;
  readonly grpcPort: number;
  readonly deps: AskDeps;
  readonly log: FastifyBaseLogger;
}

interface Closable {
  close(): Promise<void>;
}

export interface Dialects extends Closable {
  /** On those that have a port. @throws Error where one can't be had */
  listen(): Promise<void>;
}

export function createDialects({ host, spoePort, grpcPort, deps, log }: DialectsOptions): Dialects {
  const open: Closable[] = [];
  const options = (dialect: string, port: number) => ({
    host,
    port,
    ask: (headers: Parameters<typeof ask>[0]) => ask(headers, deps, (err) => log.error({ err }, `${dialect} failed open`)),
    onFault: (err: Error) => log.warn({ err }, `${dialect}: a question could not be read`),
  });
  return {
    async listen() {
      if (spoePort > 0) open.push(await openSpoeAgent(options('SPOE', spoePort)));
      if (grpcPort > 0) open.push(await openExtAuthz(options('ext_authz', grpcPort)));
    },
    async close() {
      await Promise.all(open.map((each) => each.close()));
    },
  };
}
