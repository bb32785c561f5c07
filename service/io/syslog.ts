/**
 * Log lines over syslog, as gateways send them: RFC 5424, RFC 3164 as nginx and others write it, or the bare line. By UDP one
 * a datagram; by TCP one a line, or with its length in front (RFC 6587).
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reject } from '../core/api-call.ts';
import type { Incoming } from '../core/source.ts';
import { findFormat } from '../gateways/formats.ts';
import { type Framed, MAX_LINE_BYTES, withFaults } from '../gateways/frame.ts';
import type { HttpSource } from './http-source.ts';
import { decodeAsFound } from './tail.ts';
import { openTcp } from './tcp-listener.ts';

export interface SyslogOptions {
  readonly host: string;
  /** Of both UDP and TCP; 0 takes a free one. */
  readonly port: number;
  /** Name of a log format; found out by default. */
  readonly format?: string | undefined;
  readonly post: HttpSource['post'];
  /** Most lines that wait while those before are worked off; TCP is not read meanwhile, what comes by UDP is lost. */
  readonly maxWaiting?: number;
  /** Told how many lines were lost, since they came faster than they could be taken in: UDP knows no waiting. */
  onLost(lines: number): void;
}

export interface Syslog {
  readonly port: number;
  close(): Promise<void>;
}

const BATCH_LINES = 1000;
/** How long lines wait for others to go in with. */
const GATHER_MS = 10;
const MAX_WAITING = 50_000;
const MAX_TRIES = 50;
const TRY_AGAIN_MS = 100;
const UDP_BUFFER_BYTES = 8 * 2 ** 20;
const MAX_CONNECTIONS = 1000;

/** @throws AssayError ASSAY_FORMAT_UNKNOWN; Error where the port can't be had */
export async function openSyslog(options: SyslogOptions): Promise<Syslog> {
  const gather = new Gatherer(options);
  const tcp = await openTcp({ ...options, maxConnections: MAX_CONNECTIONS }, (socket) => void receive(socket, gather));
  const udp = await bind(tcp.address, gather);
  return {
    port: tcp.address.port,
    async close() {
      udp.close();
      await tcp.close((socket) => socket.destroy());
      await gather.close();
    },
  };
}

async function bind({ address, family, port }: AddressInfo, gather: Gatherer): Promise<UdpSocket> {
  const type = family === 'IPv6' ? 'udp6' : 'udp4';
  const udp = createSocket({ type, recvBufferSize: UDP_BUFFER_BYTES });
  udp.on('message', (bytes) => gather.add(lineOf(bytes)));
  udp.bind(port, address);
  await once(udp, 'listening');
  return udp;
}

/** Sends lines into the pipeline, many at once, one lot after the other. */
class Gatherer {
  readonly #options: SyslogOptions;
  readonly #maxWaiting: number;
  readonly #decode;
  /** Names lines that come without an id of their own; another start gives others. */
  readonly #name = `syslog-${randomBytes(6).toString('hex')}`;
  #waiting: Framed[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #wake: () => void = () => {};
  #room: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SyslogOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#decode = withFaults(options.format ? findFormat(options.format).decode : decodeAsFound());
  }

  add(bytes: Uint8Array, fault: Framed['fault'] = null): void {
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#options.onLost(1);
      return;
    }
    this.#waiting.push({ bytes, origin: `${this.#name}:${++this.#count}`, fault, value: null });
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Resolves once there is room for more. */
  hasRoom(): Promise<void> | null {
    if (this.#waiting.length < this.#maxWaiting / 2) return null;
    this.#room ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#room;
  }

  #flush(): void {
    this.#timer = null;
    if (this.#sending === null && this.#waiting.length > 0) this.#sending = this.#send();
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines: readonly Incoming[] = this.#waiting.splice(0, BATCH_LINES);
      if (!(await this.#post(lines))) this.#options.onLost(lines.length);
      if (this.#waiting.length < this.#maxWaiting / 2) {
        this.#wake();
        this.#room = null;
      }
    }
    this.#sending = null;
  }

  /** Whether the lines were taken in: others that post may have filled the queue for the moment. */
  async #post(lines: readonly Incoming[]): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES && !this.#isClosed; tries++) {
      try {
        await this.#options.post(lines, this.#decode);
        return true;
      } catch {
        await sleep(TRY_AGAIN_MS);
      }
    }
    return false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#flush();
    await this.#sending;
  }
}

const LINE_FEED = 0x0a;
const COUNTED = /^([1-9]\d{0,6}) </;
const HEAD_BYTES = 16;

/** Lines of one connection; whoever sends faster than can be taken in has to wait. */
async function receive(socket: Socket, gather: Gatherer): Promise<void> {
  socket.on('error', () => socket.destroy());
  let left: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      left = takeLines(left.length > 0 ? Buffer.concat([left, chunk]) : chunk, gather);
      await gather.hasRoom();
    }
    if (left.length > 0) gather.add(lineOf(left));
  } catch {
    // It broke off; what came whole is in.
  }
}

/** @returns what is left of a line that has not come whole */
function takeLines(bytes: Buffer, gather: Gatherer): Buffer {
  let left = bytes;
  for (;;) {
    const counted = COUNTED.exec(left.toString('latin1', 0, HEAD_BYTES));
    const start = counted ? counted[1]!.length + 1 : 0;
    const end = counted ? start + Number(counted[1]) : left.indexOf(LINE_FEED);
    if ((counted ? Number(counted[1]) : left.length) > MAX_LINE_BYTES) return tooLong(left, gather);
    if (end < 0 || end > left.length) return Buffer.from(left);
    if (end > start) gather.add(lineOf(Buffer.from(left.subarray(start, end))));
    left = left.subarray(counted ? end : end + 1);
    if (left.length === 0) return left;
  }
}

/** Where the next line begins can't be told, so all that has come is one that is too long. */
function tooLong(bytes: Buffer, gather: Gatherer): Buffer {
  gather.add(Buffer.from(bytes.subarray(0, 2 ** 16)), reject('ASSAY_CALL_TOO_LARGE', `a line of over ${MAX_LINE_BYTES} bytes`));
  return Buffer.alloc(0);
}

const RFC_5424 = /^<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[(?:\\.|[^\]\\])*\])+) ?(?:\xef\xbb\xbf)?/;
/** With or without a host, and a tag of a process or not. */
const RFC_3164 = /^<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[^\s:[\]{]+ )?[^\s:[\]{]+(?:\[\d+\])?: ?/;
const PRIORITY = /^<\d{1,3}>/;
const MAX_HEAD_BYTES = 2048;

/** The line without what syslog puts before it, and without the line end that some put behind. */
export function lineOf(message: Buffer): Buffer {
  const head = message.toString('latin1', 0, MAX_HEAD_BYTES);
  const found = RFC_5424.exec(head) ?? RFC_3164.exec(head) ?? PRIORITY.exec(head);
  let end = message.length;
  while (end > 0 && (message[end - 1] === LINE_FEED || message[end - 1] === 0x0d || message[end - 1] === 0)) end--;
  return message.subarray(found?.[0].length ?? 0, end);
}
