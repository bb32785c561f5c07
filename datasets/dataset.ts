import type { ApiCall } from '../service/core/contracts.ts';

/** What is known of the client behind a call; never seen by features. */
export interface Truth {
  /** Names the actor; all its calls carry the same name, whatever address or token it uses. */
  readonly client: string;
  readonly label: 'good' | 'bad';
  /** Which attack, or which kind of good bot. */
  readonly kind: string;
  /** The program that made the calls, for holding whole tools out. */
  readonly tool: string;
  /** Actors whose calls could be one client to Assay (same address, same software) share a group. */
  readonly group: string;
}

export interface LabelledCall {
  readonly call: ApiCall;
  readonly truth: Truth;
}

/** Every data set of calls is loaded through this: calls in event-time order, each with what is known of its client. */
export type LoadCalls = (options: { seed: number; clients: number }) => Iterable<LabelledCall> | AsyncIterable<LabelledCall>;
