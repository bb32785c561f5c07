/** Calls that are posted, as a Source: a post waits until the pipeline has acknowledged what it brought. */
import { AssayError } from '../core/errors.ts';
import type { Decode, Delivery, DeliveryOutcome, Incoming, Source } from '../core/source.ts';

export interface HttpSource extends Source {
  /**
   * Hands records to the pipeline and resolves once their verdicts are stored and published.
   *
   * @throws AssayError ASSAY_OVERLOADED where too many posts wait already, or the source has ended
   */
  post(records: readonly Incoming[], decode: Decode): Promise<DeliveryOutcome>;
}

/** One post may bring more; several together do not. */
const MAX_DELIVERY_RECORDS = 10_000;

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

  /** Posts that came while the pipeline was busy go in together, so that many small ones share one commit. */
  function deliveryOf(entries: readonly Post[]): Delivery {
    const records = entries.flatMap((entry) => entry.records);
    const postOf = new Map(entries.flatMap((entry) => entry.records.map(({ bytes }) => [bytes, entry] as const)));
    return {
      records,
      decode: (record, receivedAtMs) => postOf.get(record.bytes)!.decode(record, receivedAtMs),
      async acknowledge({ rejections }) {
        for (const entry of entries) {
          const own = rejections.filter(({ bytes }) => postOf.get(bytes) === entry);
          waiting.delete(entry);
          entry.resolve({ accepted: entry.records.length - own.length, rejections: own });
        }
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
        if (queue.length > 0) yield deliveryOf(takeSome(queue));
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

/** Posts from the front of the queue, until they hold enough records for one delivery. */
function takeSome(queue: Post[]): Post[] {
  let records = 0;
  let count = 0;
  while (count < queue.length && (count === 0 || records + queue[count]!.records.length <= MAX_DELIVERY_RECORDS))
    records += queue[count++]!.records.length;
  return queue.splice(0, count);
}
