import type { Rejection } from './api-call.ts';
import type { ApiCall } from './contracts.ts';
import type { Identity } from './identify.ts';

/** Headers of a Kafka record. */
export type Headers = Readonly<Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | undefined>>;

/** What came beside the bytes, kept so that a dead letter can be put back as it was. */
export interface Beside {
  readonly key?: Uint8Array | null;
  readonly headers?: Headers | undefined;
  /** How often the record was put back from the dead letters; where it is not told, a header may. */
  readonly resubmitted?: number;
}

/** One record as it came, before decoding. */
export interface Incoming extends Beside {
  /** The original bytes, kept for the dead-letter place. */
  readonly bytes: Uint8Array;
  /** Where it came from, for people: `access.log:17`, `api-calls/3@1042`. */
  readonly origin: string;
  /** Where it stands in its partition, for reading it again. */
  readonly offset?: number;
  /** Who is calling, where that was found out before. */
  readonly identity?: Identity;
}

/** Turns one record into an ApiCall or says why it can't; never throws. */
export type Decode = (record: Incoming, receivedAtMs: number) => ApiCall | Rejection;

/**
 * A batch travels with its acknowledgement: the pipeline calls `acknowledge` once the verdicts of all its records are
 * stored and published, and only then may the source forget them (commit the offset, answer the request).
 */
export interface Delivery {
  readonly records: readonly Incoming[];
  readonly decode: Decode;
  acknowledge(outcome: DeliveryOutcome): Promise<void>;
}

/** A rejection with where it came from and its original bytes, as the dead-letter place keeps it. */
export interface DeadLetter extends Rejection, Beside {
  readonly origin: string;
  readonly bytes: Uint8Array;
}

export interface DeliveryOutcome {
  readonly accepted: number;
  /** `bytes` are those of the record itself, not a copy. */
  readonly rejections: readonly DeadLetter[];
}

/** Everything Assay reads from. Ends when there is no more, or when `signal` aborts. */
export interface Source {
  readonly name: string;
  deliveries(signal: AbortSignal): AsyncIterable<Delivery>;
}
