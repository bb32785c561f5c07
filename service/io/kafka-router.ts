/**
 * Where producers do not key the calls by client, one process of the group finds out whose each call is and writes it on to
 * the topic between, keyed by client: only whoever sees all calls in their order knows which token follows which. Scoring,
 * which costs more, is then shared out. Calls, links and input offsets go out in one transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaMessage, Message } from 'kafkajs';
import { isRejection, type Rejection } from '../core/api-call.ts';
import { isLinkKey, readLink, writeLink } from '../core/changes.ts';
import { besideOf, packBeside, textOf, unpackBeside } from '../core/dead-letter.ts';
import type { Identifier, LinkChange } from '../core/identify.ts';
import type { DeadLetter, Headers, Incoming } from '../core/source.ts';
import { type KafkaOptions, kafkaError } from './kafka-client.ts';
import { readLog } from './kafka-log.ts';
import { envelopeOf, type Outgoing } from './kafka-sink.ts';
import { type MergedDelivery, type MergedRecord, readMerged } from './kafka-source.ts';
import { openWriter, type TransactionalWriter } from './kafka-transaction.ts';

export interface RouterOptions extends KafkaOptions {
  /** Told of each link as it is learnt. */
  createIdentifier(onLink: (change: LinkChange) => void): Identifier;
  onRejection?(rejection: Rejection): void;
}

/** Strength and place of a routed call, as `2 api-calls/3@1042`. */
const ROUTE_HEADER = 'assay-route';
const RESTART_MS = 1000;

/** Routes until `signal` aborts; what fails is begun anew. @throws AssayError where trying again can't help */
export async function runRouter(options: RouterOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const router = new Router(options);
    try {
      await router.run(signal);
    } catch (error) {
      const coded = kafkaError(`routing ${options.topics.calls}`, error);
      if (!coded.canRetry) throw coded;
      options.onNotice?.(coded.message);
      await sleep(RESTART_MS, undefined, { signal }).catch(() => {});
    } finally {
      await router.close();
    }
  }
}

class Router {
  readonly #options: RouterOptions;
  readonly #groupId: string;
  #identifier: Identifier;
  #links = new Map<string, LinkChange>();
  #writer: TransactionalWriter | null = null;
  #isOver = false;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#groupId = `${options.group}-route`;
    this.#identifier = this.#newIdentifier();
  }

  #newIdentifier(): Identifier {
    return this.#options.createIdentifier((change) => this.#links.set(`${change[0]}:${change[1]}`, change));
  }

  async run(signal: AbortSignal): Promise<void> {
    const merged = { ...this.#options, groupId: this.#groupId, onAssign: () => this.#takeOver() };
    for await (const delivery of readMerged(merged, signal)) await this.#write(delivery);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#writer?.close();
  }

  /** Fences whoever routed before, then restores the links as that one left them. */
  async #takeOver(): Promise<void> {
    await this.#writer?.close();
    const writer = await openWriter(this.#options, this.#groupId);
    if (this.#isOver) return writer.close();
    this.#writer = writer;
    this.#identifier = this.#newIdentifier();
    this.#links = new Map();
    await readLog(this.#options, {
      topics: [this.#options.topics.shared],
      onMessages: (_, messages) => {
        for (const { key, value } of messages) if (value && isLinkKey(String(key))) this.#identifier.restore(readLink(value));
      },
    });
  }

  async #write({ records, offsets }: MergedDelivery): Promise<void> {
    const { topics } = this.#options;
    const outgoing: Outgoing[] = records.map((record) => this.#route(record));
    for (const [key, change] of this.#links) outgoing.push({ topic: topics.shared, key, value: writeLink(change) });
    this.#links = new Map();
    await this.#writer!.write(outgoing, { groupId: this.#groupId, topic: topics.calls, offsets });
  }

  #route(record: MergedRecord): Outgoing {
    const { call, bytes, origin } = record;
    const { topics, onRejection } = this.#options;
    if (isRejection(call)) {
      onRejection?.(call);
      return { topic: topics.deadLetters, ...envelopeOf({ ...call, origin, bytes, ...besideOf(record) }) };
    }
    const { clientId, strength } = this.#identifier.identify(call);
    const headers = { ...packBeside(record as unknown as DeadLetter), [ROUTE_HEADER]: `${strength} ${origin}` };
    return { topic: topics.routed!, key: clientId, value: bytes as Buffer, headers };
  }
}

/** A record of the topic that is scored: whose a call is, only the router is believed. */
export function incomingOf(message: KafkaMessage, { topic, partition, isRouted }: Place): Incoming {
  const offset = Number(message.offset);
  const record = { bytes: message.value ?? EMPTY, origin: `${topic}/${partition}@${offset}`, offset };
  return isRouted ? unroute(message, record) : { ...record, key: message.key, headers: message.headers };
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly isRouted: boolean;
}

const EMPTY = new Uint8Array(0);

/** A call as the router wrote it, with what came beside it before; as it is where it was written by someone else. */
export function unroute({ key, headers }: Pick<Message, 'key' | 'headers'>, record: Incoming): Incoming {
  const route = headers?.[ROUTE_HEADER];
  if (route === undefined) return record;
  const text = textOf(route as Headers[string]);
  const identity = { clientId: String(key), strength: Number(text[0]) };
  return { ...record, origin: text.slice(2), ...unpackBeside(headers as Headers), identity };
}
