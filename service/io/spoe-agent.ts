/**
 * The agent that HAProxy asks by SPOE: each message names headers and their values as arguments, the answer sets variables
 * of the transaction. What is no SPOP ends its own connection and nothing else; HAProxy lets requests through meanwhile.
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import {
  FRAME,
  readList,
  readMessages,
  SPOP_STATUS,
  SpopFault,
  type SpopFrame,
  type SpopList,
  type SpopValue,
  takeFrame,
  writeFrame,
  writeList,
  writeVariables,
} from '../gateways/spop.ts';
import type { Answer, Question } from './ask.ts';
import { CALL_HEADER } from './asked-call.ts';
import { openTcp } from './tcp-listener.ts';

export interface SpoeAgentOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Never throws. */
  ask(question: Question): Answer;
  /** Told why a conversation was ended from here. */
  onFault?(fault: SpopFault): void;
}

export interface SpoeAgent {
  readonly port: number;
  close(): Promise<void>;
}

const VERSION = '2.0';
/** HAProxy's own is 16,380 by default; of the two the smaller one holds. */
const MAX_FRAME_BYTES = 65_536;
/** As the protocol asks at least. */
const MIN_FRAME_BYTES = 256;
/** HAProxy opens some for each of its threads and keeps them. */
const MAX_CONNECTIONS = 4096;
const CAPABILITIES = 'pipelining';
const NO_STREAM = { streamId: 0, frameId: 0 };
const EMPTY = Buffer.alloc(0);

/** @throws Error where the port can't be had */
export async function openSpoeAgent(options: SpoeAgentOptions): Promise<SpoeAgent> {
  const listener = await openTcp({ ...options, maxConnections: MAX_CONNECTIONS }, (socket) => new Conversation(socket, options));
  return {
    port: listener.address.port,
    close: () => listener.close((socket) => socket.end(disconnect(SPOP_STATUS.normal, 'closing'))),
  };
}

class Conversation {
  readonly #socket: Socket;
  readonly #options: SpoeAgentOptions;
  #waiting: Buffer = EMPTY;
  #maxBytes = MAX_FRAME_BYTES;
  #isGreeted = false;

  constructor(socket: Socket, options: SpoeAgentOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('drain', () => socket.resume());
    // A connection that breaks is HAProxy's to open again.
    socket.on('error', () => socket.destroy());
  }

  /** What came together is answered together: each write costs more than the answer. */
  #take(bytes: Buffer): void {
    this.#socket.cork();
    try {
      let left = this.#waiting.length > 0 ? Buffer.concat([this.#waiting, bytes]) : bytes;
      for (let taken = takeFrame(left, this.#maxBytes); taken; taken = takeFrame(left, this.#maxBytes)) {
        left = left.subarray(taken.length);
        this.#answer(taken.frame);
      }
      this.#waiting = left;
    } catch (error) {
      this.#end(error instanceof SpopFault ? error : new SpopFault(SPOP_STATUS.invalid, String(error)));
    } finally {
      this.#socket.uncork();
    }
  }

  #answer(frame: SpopFrame): void {
    if (!frame.isLast) throw new SpopFault(SPOP_STATUS.fragments, 'fragments were not offered');
    if (frame.type === FRAME.haproxyHello) this.#greet(readList(frame.payload));
    else if (frame.type === FRAME.haproxyDisconnect) this.#socket.end(disconnect(SPOP_STATUS.normal, 'as asked'));
    else if (frame.type === FRAME.notify) this.#decide(frame);
    // Frames of other types are to be passed over.
  }

  #greet(hello: SpopList): void {
    const wanted = Number(hello.get('max-frame-size'));
    const versions = String(hello.get('supported-versions') ?? '');
    if (!versions.split(',').some((version) => version.trim() === VERSION))
      throw new SpopFault(SPOP_STATUS.badVersion, `versions ${versions}`);
    if (!(wanted >= MIN_FRAME_BYTES)) throw new SpopFault(SPOP_STATUS.badFrameSize, `a max-frame-size of ${wanted}`);
    this.#maxBytes = Math.min(MAX_FRAME_BYTES, wanted);
    this.#isGreeted = true;
    const answer: [string, SpopValue][] = [
      ['version', VERSION],
      ['max-frame-size', this.#maxBytes],
      ['capabilities', CAPABILITIES],
    ];
    this.#send(writeFrame(FRAME.agentHello, NO_STREAM, writeList(answer)));
    if (hello.get('healthcheck') === true) this.#socket.end();
  }

  #decide(frame: SpopFrame): void {
    if (!this.#isGreeted) throw new SpopFault(SPOP_STATUS.invalid, 'a question before the greeting');
    const variables = readMessages(frame.payload).flatMap(({ name, args }) =>
      variablesOf(this.#options.ask({ headers: headersOf(args), isShadow: name === SHADOW })),
    );
    this.#send(writeFrame(FRAME.ack, frame, writeVariables(variables)));
  }

  /** Whoever does not take the answers gets no more questions in. */
  #send(bytes: Buffer): void {
    if (!this.#socket.write(bytes)) this.#socket.pause();
  }

  #end(fault: SpopFault): void {
    this.#options.onFault?.(fault);
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#socket.end(disconnect(fault.status, fault.message));
  }
}

function disconnect(status: number, text: string): Buffer {
  const list: [string, SpopValue][] = [
    ['status-code', status],
    ['message', text],
  ];
  return writeFrame(FRAME.agentDisconnect, NO_STREAM, writeList(list));
}

/**
 * Arguments are named as the headers are that gateways send over HTTP; a header that the client did not send is null. Those that
 * begin with `call-` say of which call it is, the URI last.
 */
function headersOf(args: SpopList): IncomingHttpHeaders {
  const headers: Record<string, string> = {};
  const call: string[] = [];
  for (const [name, value] of args) {
    if (name.startsWith(CALL_PREFIX)) call.push(`${name.slice(CALL_PREFIX.length)}=${value ?? ''}`);
    else if (typeof value === 'string') headers[name.toLowerCase()] = value;
  }
  return call.length === 0 ? headers : { ...headers, [CALL_HEADER]: call.join(';') };
}
const CALL_PREFIX = 'call-';

/** The message by which routes ask that are only watched. */
const SHADOW = 'shadow';
const PREFIX = 'x-assay-';

/** `verdict` for `x-assay-verdict` and so on, `denies`, and `steady` where the yes may be kept for a second. */
function variablesOf({ status, isSteady, headers }: Answer): [string, SpopValue][] {
  const variables = headers.map(([name, value]): [string, SpopValue] => [name.slice(PREFIX.length), value]);
  variables.push(['denies', status === 403]);
  if (isSteady) variables.push(['steady', true]);
  return variables;
}
