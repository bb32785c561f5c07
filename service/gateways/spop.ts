/**
 * SPOP 2.0, in which HAProxy asks its agents: frames of a length, a head and a payload of typed values. Reading and writing
 * only; what is done with them is the agent's.
 *
 * Source: HAProxy's doc/SPOE.txt, "3. SPOP specification".
 */
import { isIPv4 } from 'node:net';
import { viewBuffer } from './frame.ts';

export const FRAME = {
  haproxyHello: 1,
  haproxyDisconnect: 2,
  notify: 3,
  agentHello: 101,
  agentDisconnect: 102,
  ack: 103,
} as const;

/** Why a conversation ends, as DISCONNECT tells it. */
export const SPOP_STATUS = {
  normal: 0,
  tooBig: 3,
  invalid: 4,
  version: 5,
  frameSize: 6,
  badVersion: 8,
  badFrameSize: 9,
  fragments: 10,
} as const;

export type SpopValue = null | boolean | number | string | Uint8Array;
export type SpopList = ReadonlyMap<string, SpopValue>;

export interface SpopFrame {
  readonly type: number;
  /** Whether it is the last part of what it carries. */
  readonly isLast: boolean;
  readonly streamId: number;
  readonly frameId: number;
  readonly payload: Buffer;
}

export interface SpopMessage {
  readonly name: string;
  readonly args: SpopList;
}

/** What is not SPOP, with the status to end the conversation by. */
export class SpopFault extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.name = 'SpopFault';
    this.status = status;
  }
}

const LENGTH_BYTES = 4;
const FIN = 1;
/** Of a varint: enough for 64 bits. */
const MAX_VARINT_BYTES = 10;

const TYPE = { null: 0, bool: 1, int32: 2, uint32: 3, int64: 4, uint64: 5, ipv4: 6, ipv6: 7, string: 8, binary: 9 } as const;
const TRUE = 0x10;
/** The variable lives as long as a request and its answer. */
const TRANSACTION = 2;

/**
 * The first whole frame of what has come.
 *
 * @returns how many bytes it takes, and null where more have to come
 * @throws SpopFault tooBig where it is longer than `maxBytes`, invalid where it is none
 */
export function takeFrame(bytes: Buffer, maxBytes: number): { frame: SpopFrame; length: number } | null {
  if (bytes.length < LENGTH_BYTES) return null;
  const length = bytes.readUInt32BE(0);
  if (length > maxBytes) throw new SpopFault(SPOP_STATUS.tooBig, `a frame of ${length} bytes`);
  if (bytes.length < LENGTH_BYTES + length) return null;
  const cursor = new Cursor(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  const type = cursor.byte();
  const flags = cursor.bytes(4).readUInt32BE(0);
  const [streamId, frameId] = [cursor.varint(), cursor.varint()];
  const frame = { type, isLast: (flags & FIN) !== 0, streamId, frameId, payload: cursor.rest() };
  return { frame, length: LENGTH_BYTES + length };
}

/** Of HELLO and DISCONNECT. @throws SpopFault */
export function readList(payload: Buffer): SpopList {
  const cursor = new Cursor(payload);
  const list = new Map<string, SpopValue>();
  while (!cursor.isAtEnd) list.set(cursor.text(), cursor.value());
  return list;
}

/** Of NOTIFY. @throws SpopFault */
export function readMessages(payload: Buffer): SpopMessage[] {
  const cursor = new Cursor(payload);
  const messages: SpopMessage[] = [];
  while (!cursor.isAtEnd) {
    const name = cursor.text();
    const args = new Map<string, SpopValue>();
    for (let count = cursor.byte(); count > 0; count--) args.set(cursor.text(), cursor.value());
    messages.push({ name, args });
  }
  return messages;
}

export function writeList(list: Iterable<readonly [string, SpopValue]>): Buffer {
  return writeNamed('', list);
}

/** Of ACK: variables of the transaction to set. */
export function writeVariables(variables: Iterable<readonly [string, SpopValue]>): Buffer {
  return writeNamed(SET_VAR, variables);
}

/** @param before stands before each name */
function writeNamed(before: string, list: Iterable<readonly [string, SpopValue]>): Buffer {
  let text = '';
  for (const [name, value] of list) text += before + sized(name) + bytesOf(value);
  return Buffer.from(text, 'latin1');
}

/** A frame with its length, whole. */
export function writeFrame(
  type: number,
  { streamId, frameId }: Pick<SpopFrame, 'streamId' | 'frameId'>,
  payload: Buffer,
): Buffer {
  const head = byte(type) + LAST + varint(streamId) + varint(frameId);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + head.length + payload.length);
  frame.writeUInt32BE(frame.length - LENGTH_BYTES, 0);
  frame.write(head, LENGTH_BYTES, 'latin1');
  payload.copy(frame, LENGTH_BYTES + head.length);
  return frame;
}

/** Bytes as characters: put together as text they take a tenth of what it takes as buffers. */
const byte = String.fromCharCode;
/** The action, how many arguments it has, and the first of them. */
const SET_VAR = byte(1, 3, TRANSACTION);
const LAST = byte(0, 0, 0, FIN);

/** Below 240 one byte; else four bits of it, then seven a byte, lowest first. */
export function varint(value: number): string {
  if (value < 240) return byte(value);
  let text = byte((value % 16) | 240);
  let left = Math.floor((value - 240) / 16);
  for (; left >= 128; left = Math.floor((left - 128) / 128)) text += byte((left % 128) | 128);
  return text + byte(left);
}

function sized(text: string): string {
  return varint(text.length) + text;
}

function bytesOf(value: SpopValue): string {
  if (value === null) return byte(TYPE.null);
  if (typeof value === 'boolean') return byte(TYPE.bool | (value ? TRUE : 0));
  if (typeof value === 'number') return byte(TYPE.uint32) + varint(value);
  if (typeof value === 'string') return byte(TYPE.string) + sized(value);
  return byte(TYPE.binary) + sized(viewBuffer(value).toString('latin1'));
}

/** Reads on from where it is; what would go beyond the end is a fault. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  bytes(count: number): Buffer {
    const start = this.#skip(count);
    return this.#bytes.subarray(start, this.#at);
  }

  /** @returns where what was skipped begins */
  #skip(count: number): number {
    const start = this.#at;
    if (start + count > this.#bytes.length) throw tooShort();
    this.#at = start + count;
    return start;
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }

  byte(): number {
    if (this.isAtEnd) throw tooShort();
    return this.#bytes[this.#at++]!;
  }

  varint(): number {
    let value = this.byte();
    if (value < 240) return value;
    let scale = 16;
    for (let count = 1; count < MAX_VARINT_BYTES; count++) {
      const byte = this.byte();
      value += byte * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new SpopFault(SPOP_STATUS.invalid, 'a number that does not end');
  }

  /** A character a byte, as Node reads headers. */
  text(): string {
    const start = this.#skip(this.varint());
    return this.#bytes.toString('latin1', start, this.#at);
  }

  value(): SpopValue {
    const head = this.byte();
    switch (head & 0x0f) {
      case TYPE.null:
        return null;
      case TYPE.bool:
        return (head & TRUE) !== 0;
      case TYPE.int32:
      case TYPE.uint32:
      case TYPE.int64:
      case TYPE.uint64:
        return this.varint();
      case TYPE.ipv4:
        return this.bytes(4).join('.');
      case TYPE.ipv6:
        return textOfIpv6(this.bytes(16));
      case TYPE.string:
        return this.text();
      case TYPE.binary:
        return this.bytes(this.varint());
      default:
        throw new SpopFault(SPOP_STATUS.invalid, `a value of type ${head & 0x0f}`);
    }
  }
}

function tooShort(): SpopFault {
  return new SpopFault(SPOP_STATUS.invalid, 'the frame ends too early');
}

const MAPPED = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;

/** As RFC 5952 and gateways' logs write it. */
function textOfIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  const text = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  const mapped = MAPPED.test(text) ? bytes.subarray(12).join('.') : '';
  return isIPv4(mapped) ? `::ffff:${mapped}` : text;
}
