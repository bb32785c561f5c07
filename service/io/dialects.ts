/** The ports on which gateways ask, or tell, in another way than over HTTP. */
import type { FastifyBaseLogger } from 'fastify';
import { accessLogService } from './access-log-service.ts';
import { type AskDeps, ask, type Question } from './ask.ts';
import { extAuthzService } from './ext-authz.ts';
import { openGrpc } from './grpc.ts';
import type { HttpSource } from './http-source.ts';
import type { Metrics } from './metrics.ts';
import { otlpServices } from './otlp.ts';
import { openSpoeAgent } from './spoe-agent.ts';
import { openSyslog } from './syslog.ts';

export interface DialectsOptions {
  readonly host: string;
  /** Ports by dialect; 0 leaves one out. */
  readonly spoePort: number;
  readonly grpcPort: number;
  readonly syslogPort: number;
  /** Takes in what is told, and in which log format; found out where that is ''. */
  readonly post: HttpSource['post'];
  readonly format: string;
  readonly deps: AskDeps & { readonly metrics: Pick<Metrics, 'rejections'> };
  readonly log: FastifyBaseLogger;
}

interface Closable {
  close(): Promise<void>;
}

export interface Dialects extends Closable {
  /** On those that have a port. @throws Error where one can't be had */
  listen(): Promise<void>;
}

export function createDialects(given: DialectsOptions): Dialects {
  const { host, spoePort, grpcPort, syslogPort, post, format, deps, log } = given;
  const open: Closable[] = [];
  const options = (dialect: string) => ({
    ask: (question: Question) => ask(question, deps, (err) => log.error({ err }, `${dialect} failed open`)),
    onFault: (err: Error) => log.warn({ err }, `${dialect}: a question could not be read`),
  });
  return {
    async listen() {
      if (spoePort > 0) open.push(await openSpoeAgent({ host, port: spoePort, ...options('SPOE') }));
      const onLost = (lines: number) => deps.metrics.rejections.inc({ code: 'ASSAY_OVERLOADED' }, lines);
      if (syslogPort > 0) open.push(await openSyslog({ host, port: syslogPort, format, post, onLost }));
      const services = [extAuthzService(options('ext_authz')), accessLogService({ post, onLost }), ...otlpServices(post)];
      if (grpcPort > 0) open.push(await openGrpc(host, grpcPort, services));
    },
    async close() {
      await Promise.all(open.map((each) => each.close()));
    },
  };
}
