/** Calls that are posted, as a Source: a post waits until the pipeline has acknowledged what it brought. */
import { AssayError } from '../core/errors.ts';
import type { Decode, Delivery, DeliveryOutcome, Incoming, Source } from './source.ts';

export interface HttpSource extends Source {
  /**
   * Hands records to the pipeline and resolves once their verdicts are stored and published.
   *
   * @throws AssayError ASSAY_OVERLOADED where too many posts wait already, or the source has ended
   */
  post(records: readonly Incoming[], decode: Decode): Promise<DeliveryOutcome>;
}

interface Post {
  readonly records: readonly Incoming[];
  readonly decode: Decode;
  resolve(outcome: DeliveryOutcome): void;
  reject(error: AssayError): void;
}

/** @param maxWaiting most posts that are not yet acknowledged, 1 or more; the next ones are refused */
export function createHttpSource({ maxWaiting }: { readonly maxWaiting: number }): HttpSource {
  /** In order of arrival; those that the pipeline works on stay until they are acknowledged. */
  const waiting = new Set<Post>();
  const queue: Post[] = [];
  let ended = false;
  let wake = () => {};

  function post(records: readonly Incoming[], decode: Decode): Promise<DeliveryOutcome> {
    if (ended) return Promise.reject(new AssayError('ASSAY_OVERLOADED', 'shutting down'));
    if (waiting.size >= maxWaiting) return Promise.reject(new AssayError('ASSAY_OVERLOADED', `${waiting.size} posts wait`));
    return new Promise((resolve, reject) => {
      const entry = { records, decode, resolve, reject };
      waiting.add(entry);
      queue.push(entry);
      wake();
    });
  }

  function deliveryOf(entry: Post): Delivery {
    return {
      records: entry.records,
      decode: entry.decode,
      async acknowledge(outcome) {
        waiting.delete(entry);
        entry.resolve(outcome);
      },
    };
  }

  function refuse(entry: Post): void {
    waiting.delete(entry);
    entry.reject(new AssayError('ASSAY_OVERLOADED', 'shutting down'));
  }

  /** What the pipeline has in hand may still be acknowledged; what it never saw may not. */
  function stop(): void {
    ended = true;
    queue.splice(0).forEach(refuse);
    wake();
  }

  async function* deliveries(signal: AbortSignal): AsyncGenerator<Delivery> {
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      while (!ended) {
        const next = queue.shift();
        if (next) yield deliveryOf(next);
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
      for (const entry of waiting) refuse(entry);
    }
  }

  return { name: 'http', post, deliveries };
}
