/** A real client of a gateway under test. */
import { once } from 'node:events';
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Application, Arrived, Assay, Client, Front, Log } from './stand.ts';
import type { Gateway } from './table.ts';

export interface Stand {
  readonly gateway: Gateway;
  readonly port: number;
  /** 0 where it speaks no TLS. */
  readonly tlsPort: number;
  readonly ca: Buffer;
  readonly front: Front;
  readonly assay: Assay;
  readonly application: Application;
  /** What Assay says of the good client. */
  readonly verdict: string;
  readonly log: Log;
  /** Which fields of a call its log tells, once that was looked at. */
  readonly told: Map<string, boolean>;
  /** Requests that passed since the gateway's question was late, by what they took, in ms. */
  readonly late: number[];
}

/** What is wrong, '' where nothing is; null where it does not apply. */
export type Outcome = string | null;

export interface Answer {
  readonly status: number;
  /** What the application says that it got; null where it was not reached. */
  readonly arrived: Arrived | null;
  readonly ms: number;
}

export const PATIENCE_MS = 10_000;

interface Options {
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly agent?: Agent;
}

export async function send({ port }: Stand, client: Client, { headers = {}, body, agent }: Options = {}): Promise<Answer> {
  const startedAt = performance.now();
  const sent = request({
    ...{ host: '127.0.0.1', port, localAddress: client.address, path: '/v1/orders/7', agent: agent ?? false },
    method: body ? 'POST' : 'GET',
    headers: { 'user-agent': client.agent, ...headers, ...(body ? { 'content-length': body.length } : {}) },
    timeout: PATIENCE_MS,
  });
  sent.once('timeout', () => sent.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
  sent.end(body);
  const response = await responseOf(sent);
  return answerOf(response.statusCode!, response, startedAt);
}

/** @param body read to its end; @param startedAt by the clock of `performance`, in ms */
export async function answerOf(status: number, body: AsyncIterable<Buffer>, startedAt: number): Promise<Answer> {
  const text = await textOf(body);
  return { status, arrived: status === 200 ? (JSON.parse(text) as Arrived) : null, ms: performance.now() - startedAt };
}

export async function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

export async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** What a counter of Assay's says, by result. */
export async function countsOf({ url }: Assay, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.matchAll(new RegExp(`^${name}\\{result="(\\w+)"\\} (\\d+)$`, 'gm'));
  return Object.fromEntries(Array.from(found, ([, result, count]) => [result, Number(count)]));
}
