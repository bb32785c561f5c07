/** What the gateways are run against: a real server of Assay, an application behind them, and a way to spoil Assay's answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPort } from '../../datasets/range/processes.ts';
import { frameLines } from '../../service/gateways/frame.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { lineOf } from '../../service/io/syslog.ts';

/** How the way to Assay is: as it should be, 300 ms late, refusing connections, or answering 500 to whatever is said. */
export type Way = 'open' | 'slow' | 'down' | 'broken';

export const SLOW_MS = 300;
const BROKEN = 'HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n';

/** Stands between gateways and one port of Assay, on a port of its own that stays the same. */
export class Front {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: TcpServer | null = null;
  #way: Way = 'open';
  port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  async open(): Promise<this> {
    await this.#listen();
    return this;
  }

  async #listen(): Promise<void> {
    this.#server = createTcpServer({ noDelay: true }, (socket) => this.#join(socket));
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  #join(socket: Socket): void {
    this.#keep(socket);
    if (this.#way === 'broken') return void socket.on('data', () => socket.write(BROKEN));
    const assay = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    this.#keep(assay);
    socket.pipe(assay);
    const isSlow = this.#way === 'slow';
    assay.on('data', (bytes) => {
      if (isSlow) setTimeout(() => socket.write(bytes), SLOW_MS);
      else socket.write(bytes);
    });
    for (const [one, other] of [
      [socket, assay],
      [assay, socket],
    ] as const)
      one.on('close', () => other.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  /** Breaks the connections that there are, as whatever goes wrong does. */
  async turn(way: Way): Promise<void> {
    this.#way = way;
    if (way === 'down') await this.close();
    else if (this.#server === null) await this.#listen();
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}

/** RFC 6455, 1.3. */
const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A frame of four letters, its head and its mask. */
const FRAME_BYTES = 10;

/** A short text frame as a client sends it (RFC 6455, 5.2). */
export function maskedFrame(text: string): Buffer {
  const mask = randomBytes(4);
  const masked = Buffer.from(text).map((byte, i) => byte ^ mask[i % 4]!);
  return Buffer.concat([Buffer.from([0x81, 0x80 | masked.length]), mask, masked]);
}

/** The same text, as a server sends it. */
function answerFrame(frame: Buffer): Buffer {
  const [mask, masked] = [frame.subarray(2, 6), frame.subarray(6)];
  return Buffer.concat([Buffer.from([0x81, masked.length]), masked.map((byte, i) => byte ^ mask[i % 4]!)]);
}

/** A request as the application got it. */
export interface Arrived {
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
  readonly sha256: string;
}

/** What an application answers to a request with that body. */
export type Respond = (request: IncomingMessage, body: Buffer) => { readonly status: number; readonly body: unknown };

const echo: Respond = ({ headers }, body) => {
  const said: Arrived = { headers, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
  return { status: 200, body: said };
};

/** The application: says what it got, unless it is told otherwise, and speaks back whatever comes over an upgraded connection. */
export class Application {
  readonly #server: Server;

  constructor(respond: Respond = echo) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { status, body } = respond(request, Buffer.concat(chunks));
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
  }

  async open(): Promise<number> {
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('upgrade', (request, socket: Socket, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${WEBSOCKET}`).digest('base64');
      const lines = [
        'HTTP/1.1 101 Switching Protocols',
        'upgrade: websocket',
        'connection: upgrade',
        `sec-websocket-accept: ${accept}`,
      ];
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      let waiting = Buffer.alloc(0);
      const take = (bytes: Buffer) => {
        waiting = Buffer.concat([waiting, bytes]);
        if (waiting.length === FRAME_BYTES) socket.write(answerFrame(waiting));
      };
      take(head);
      socket.on('data', take).on('end', () => socket.end());
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface Ports {
  readonly syslog: number;
  readonly http: number;
  readonly spoe: number;
  readonly grpc: number;
}

/** A server of Assay in a process of its own, that can be started anew. */
export class Assay {
  readonly ports: Ports;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  /** Until when it has seen the steady client, ms since 1970. */
  steadyTill = 0;

  private constructor(ports: Ports, folder: string, env: Readonly<Record<string, string>>) {
    this.ports = ports;
    this.#folder = folder;
    this.#env = env;
  }

  /** @param env of its configuration, besides ports and folder */
  static async open(folder: string, env: Readonly<Record<string, string>> = {}): Promise<Assay> {
    const ports = { http: await findPort(), spoe: await findPort(), grpc: await findPort(), syslog: await findPort() };
    const assay = new Assay(ports, folder, env);
    await assay.start();
    return assay;
  }

  async start(): Promise<void> {
    const { http, spoe, grpc, syslog } = this.ports;
    const env = {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(http),
      ASSAY_SPOE_PORT: String(spoe),
      ASSAY_GRPC_PORT: String(grpc),
      ASSAY_SYSLOG_PORT: String(syslog),
      ASSAY_DATA: join(this.#folder, 'data'),
      ...this.#env,
      ASSAY_REPLAY_RATE: '0',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    };
    const main = join(packageRoot, 'dist', 'service', 'main.js');
    this.#child = spawn(process.execPath, [main, 'serve'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    for (let tries = 0; !(await this.#isReady()); tries++) {
      if (this.#child.exitCode !== null || tries > 300) throw new Error('Assay did not start');
      await sleep(100);
    }
  }

  #isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}

/** A client as the gateways see it. */
export interface Client {
  readonly address: string;
  readonly agent: string;
}

export const GOOD: Client = { address: '127.0.0.11', agent: 'okhttp/4.12.0' };
export const BAD: Client = { address: '127.0.0.66', agent: 'sqlmap/1.7.2#stable (https://sqlmap.org)' };
const CALLS = 60;

/**
 * Lets Assay see both at work, until it denies the one and not the other.
 * @returns what it says of the good one
 * @throws Error where it does something else
 */
export async function teach({ url }: Assay, [one, other]: readonly [Client, Client] = [GOOD, BAD]): Promise<string> {
  const start = Date.now() - CALLS * 1000;
  const calls = Array.from({ length: CALLS }, (_, i) => [
    callOf(one, i, start + i * 900, `/v1/orders/${1000 + (i % 7)}`, 200),
    callOf(other, i, start + i * 900, `/v1/orders/${i}%27%20OR%201=1--`, i % 3 === 0 ? 500 : 404),
  ]).flat();
  await post(url, calls);
  const ask = ({ address, agent }: Client) =>
    fetch(`${url}/v1/authz`, { headers: { 'x-real-ip': address, 'user-agent': agent } });
  const [good, bad] = [await ask(one), await ask(other)];
  const verdict = good.headers.get('x-assay-verdict');
  if (good.status !== 200 || bad.status !== 403 || !verdict) throw new Error(`answers are ${good.status} and ${bad.status}`);
  return verdict;
}

/** What a client sends that Assay does not know, and one that has been good for long and calls often. */
export const NEWCOMER = { 'user-agent': GOOD.agent, authorization: 'Bearer novice' };
export const STEADY = { 'user-agent': 'Apache-HttpClient/5.3.1 (Java/17.0.9)', authorization: 'Bearer steady' };
export const STEADY_CLIENT: Client = { address: '127.0.0.1', agent: STEADY['user-agent'] };
const STEADY_MS = 20_000;
const STEADY_EVERY_MS = 50;
/** It keeps orders in step: looks what there is, fetches most, knows some already and changes one now and then. */
const STEADY_WORK: readonly ((id: number) => { method: string; path: string; status: number })[] = [
  () => ({ method: 'GET', path: '/v1/orders', status: 200 }),
  ...Array.from({ length: 6 }, () => (id: number) => ({ method: 'GET', path: `/v1/orders/${id}`, status: 200 })),
  (id) => ({ method: 'PUT', path: `/v1/orders/${id}`, status: 200 }),
  (id) => ({ method: 'GET', path: `/v1/orders/${id}`, status: 304 }),
];

/**
 * Lets Assay see the steady one at work, for the last 20 seconds or since it was seen last. @throws Error where it does not take it
 * for good
 */
export async function teachSteady(assay: Assay): Promise<void> {
  const now = Date.now();
  const start = Math.max(assay.steadyTill, now - STEADY_MS);
  assay.steadyTill = now;
  const credential = { authScheme: 'Bearer', subject: hashOf(STEADY.authorization) };
  const calls = Array.from({ length: Math.ceil((now - start) / STEADY_EVERY_MS) }, (_, i) => {
    const time = start + i * STEADY_EVERY_MS + ((i * 37) % 23);
    const { method, path, status } = STEADY_WORK[i % STEADY_WORK.length]!(1000 + ((time * 7919) % 9000));
    return { ...callOf(STEADY_CLIENT, i, time, path, status), method, ...credential };
  });
  await post(assay.url, calls);
  const said = await fetch(`${assay.url}/v1/authz`, { headers: { ...STEADY, 'x-real-ip': STEADY_CLIENT.address } });
  const [verdict, holds] = ['x-assay-verdict', 'cache-control'].map((name) => said.headers.get(name));
  if (verdict !== 'good' || holds !== 'max-age=1') throw new Error(`the steady client is ${verdict}, kept ${holds}`);
}

async function post(url: string, calls: readonly object[]): Promise<void> {
  const body = calls.map((call) => JSON.stringify(call)).join('\n');
  await fetch(`${url}/v1/calls`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
}

/** Of a credential, as Assay makes it without a salt. */
export function hashOf(authorization: string): string {
  return createHash('sha256').update(authorization).digest('hex').slice(0, 16);
}

function callOf({ address, agent }: Client, i: number, time: number, path: string, status: number) {
  const id = `${address}-${agent}-${time}-${i}`;
  return { id, time, clientIp: address, method: 'GET', path, status, userAgent: agent, responseBytes: 512 };
}

/** What a gateway tells: the lines of its log, from a file or by syslog, as the readers have them. */
export class Log {
  readonly #file: string;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #received: Buffer[] = [];
  port = 0;

  private constructor(file: string) {
    this.#file = file;
  }

  /** @param file '' where it comes by syslog */
  static async open(file: string): Promise<Log> {
    const log = new Log(file);
    log.#udp.on('message', (bytes) => log.#received.push(lineOf(bytes)));
    log.#udp.bind(0, '127.0.0.1');
    await once(log.#udp, 'listening');
    log.port = log.#udp.address().port;
    return log;
  }

  lines(): readonly Buffer[] {
    if (this.#file === '') return this.#received;
    if (!existsSync(this.#file)) return [];
    const lines: Buffer[] = [];
    const framer = frameLines(() => '');
    framer.push(readFileSync(this.#file), ({ bytes }) => lines.push(Buffer.from(bytes)));
    return lines;
  }

  close(): void {
    this.#udp.close();
  }
}
