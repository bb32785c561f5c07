import { once } from 'node:events';

/** What is waited for, or null as soon as `signal` aborts; what comes later, an error too, is dropped. */
export async function unlessAborted<T>(waiting: Promise<T>, signal: AbortSignal): Promise<T | null> {
  waiting.catch(() => {});
  if (signal.aborted) return null;
  const stop = new AbortController();
  const aborted = once(signal, 'abort', { signal: stop.signal }).then(
    () => null,
    () => null,
  );
  return Promise.race([waiting, aborted]).finally(() => stop.abort());
}
