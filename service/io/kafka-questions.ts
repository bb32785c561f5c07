/**
 * Gateways' questions between the processes of a group: whoever is asked seldom holds the client. All read all that is passed on;
 * the one that holds a client looks ahead, and tells the others what it foresees. None of it has to arrive: a question that
 * doesn't counts once its call is logged.
 */
import type { KafkaMessage, Message } from 'kafkajs';
import { isRejection } from '../core/api-call.ts';
import type { Verdict } from '../core/contracts.ts';
import { textOf } from '../core/dead-letter.ts';
import type { AskedCall } from '../core/early.ts';
import { type ContractIds, createAvroReader, createVerdictReader, encodeCall, encodeVerdict } from './avro.ts';
import { createClient, createPartitioner, type KafkaOptions, withKafka } from './kafka-client.ts';
import { openLog } from './kafka-log.ts';

export interface Questions {
  /** Passes questions on to whoever holds the clients. */
  pass(asked: readonly AskedCall[]): void;
  /** Tells all what is foreseen of a client, null for nothing any more. */
  tell(clientId: string, verdict: Verdict | null): void;
  close(): Promise<void>;
}

export interface QuestionsHandlers {
  /** Whether the client is held here. */
  isOwn(clientId: string): boolean;
  onAsked(asked: readonly AskedCall[]): void;
  onForeseen(clientId: string, verdict: Verdict | null): void;
}

/** Beside a question: how sure it is whose it is. What is foreseen has none. */
const STRENGTH_HEADER = 'assay-strength';
const MAX_WAITING = 10_000;
const MAX_SENT = 1000;
const RETRIES = 1;

/** @throws AssayError ASSAY_KAFKA_UNAVAILABLE */
export async function openQuestions(
  options: KafkaOptions,
  topic: string,
  ids: ContractIds,
  handlers: QuestionsHandlers,
): Promise<Questions> {
  const producer = createClient(options).producer({
    createPartitioner,
    allowAutoTopicCreation: false,
    retry: { retries: RETRIES },
  });
  let isClosed = false;
  const lose = ({ message }: Error) => {
    if (!isClosed) options.onNotice?.(`questions are lost: ${message}`);
  };
  const [calls, verdicts] = [createAvroReader(options), createVerdictReader(options)];
  const outbox = new Outbox((messages) => producer.send({ topic, acks: 1, messages }).catch(lose));
  const reader = await openLog(options, {
    topics: [topic],
    fromEnd: true,
    onMessages: (_, messages) => receive(messages).catch(lose),
  });
  reader.ended.catch(lose);
  await withKafka(`passing questions on to ${topic}`, () => producer.connect()).catch(async (error: unknown) => {
    await reader.close();
    throw error;
  });

  async function receive(messages: readonly KafkaMessage[]): Promise<void> {
    const [asked, foreseen] = [messages.filter(isQuestion), messages.filter((message) => !isQuestion(message))];
    const own = asked.filter(({ key }) => handlers.isOwn(String(key)));
    await calls.prepare(own.map((message) => incomingOf(message)));
    await verdicts.prepare(foreseen.flatMap(({ value }) => (value ? [{ bytes: value }] : [])));
    if (own.length > 0) handlers.onAsked(own.flatMap(readQuestion));
    for (const { key, value } of foreseen) {
      const verdict = value && verdicts.read(value);
      if (verdict === null || !isRejection(verdict)) handlers.onForeseen(String(key), verdict);
    }
  }

  function readQuestion(message: KafkaMessage): AskedCall[] {
    const call = calls.decode(incomingOf(message), Number.POSITIVE_INFINITY);
    const identity = { clientId: String(message.key), strength: Number(textOf(message.headers![STRENGTH_HEADER])) };
    return isRejection(call) ? [] : [{ call, identity }];
  }

  return {
    pass(asked) {
      for (const { call, identity } of asked)
        outbox.push({
          key: identity.clientId,
          value: encodeCall(call, ids.call),
          headers: { [STRENGTH_HEADER]: String(identity.strength) },
        });
    },
    tell: (clientId, verdict) => outbox.push({ key: clientId, value: verdict && encodeVerdict(verdict, ids.verdict) }),
    async close() {
      isClosed = true;
      await Promise.all([reader.close(), producer.disconnect()]);
    },
  };
}

/** Sends one lot at a time; what comes meanwhile waits, up to a limit. */
class Outbox {
  readonly #send: (messages: Message[]) => Promise<unknown>;
  #waiting: Message[] = [];
  #isSending = false;

  constructor(send: (messages: Message[]) => Promise<unknown>) {
    this.#send = send;
  }

  push(message: Message): void {
    if (this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(message);
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    // What is passed on at once goes out together.
    await null;
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, MAX_SENT));
    this.#isSending = false;
  }
}

function isQuestion({ headers }: KafkaMessage): boolean {
  return headers?.[STRENGTH_HEADER] !== undefined;
}

function incomingOf({ value }: KafkaMessage) {
  return { bytes: value ?? new Uint8Array(0), origin: 'question' };
}
