/**
 * New verdicts as server-sent events. Frames are gathered for a moment and written once to each subscriber, all of
 * them sharing the same bytes, so that a hundred open pages don't slow the pipeline down. A subscriber that reads too
 * slowly is dropped: it may come back and list the clients anew.
 */
import type { ServerResponse } from 'node:http';
import type { VerdictName } from '../core/contracts.ts';
import { AssayError } from '../core/errors.ts';
import type { Metrics } from './metrics.ts';
import type { StoredVerdict, VerdictStore } from './verdict-store.ts';

export interface StreamLimits {
  readonly maxSubscribers: number;
  /** Most bytes written but not yet taken by a subscriber. */
  readonly maxBufferedBytes: number;
  readonly heartbeatMs: number;
  /** How often the counts are told. */
  readonly countsMs: number;
  /** How long frames are gathered before they are written. */
  readonly gatherMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  maxSubscribers: 100,
  maxBufferedBytes: 16 * 2 ** 20,
  heartbeatMs: 15_000,
  countsMs: 1000,
  gatherMs: 50,
};

/** Gathered bytes that are written without waiting any longer. */
const MAX_GATHERED_CHARS = 2 ** 20;

interface StreamDeps {
  readonly store: Pick<VerdictStore, 'listen' | 'counts'>;
  readonly metrics: Pick<Metrics, 'calls'>;
}

export interface VerdictStream {
  /**
   * Answers with the stream until either side closes it.
   *
   * @throws AssayError ASSAY_OVERLOADED where there are as many subscribers as are allowed
   */
  subscribe(response: ServerResponse, only: VerdictName | null): void;
  readonly size: number;
  /** Ends all streams. */
  close(): void;
}

interface Frame {
  readonly verdict: VerdictName;
  readonly text: string;
}

export function createVerdictStream({ store, metrics }: StreamDeps, limits: StreamLimits): VerdictStream {
  const subscribers = new Map<ServerResponse, VerdictName | null>();
  let gathered: Frame[] = [];
  let gatheredChars = 0;
  let stop: (() => void) | null = null;
  let gathering: NodeJS.Timeout | null = null;

  function gather(stored: StoredVerdict): void {
    const { id, verdict } = stored.verdict;
    const text = `event: verdict\nid: ${id}\ndata: ${stored.body}\n\n`;
    gathered.push({ verdict, text });
    gatheredChars += text.length;
    if (gatheredChars >= MAX_GATHERED_CHARS) flush();
    else gathering ??= setTimeout(flush, limits.gatherMs).unref();
  }

  function flush(): void {
    if (gathering) clearTimeout(gathering);
    const frames = gathered;
    [gathered, gatheredChars, gathering] = [[], 0, null];
    const ready = new Map<VerdictName | null, Buffer>();
    for (const [response, only] of subscribers) {
      const bytes = ready.get(only) ?? joinFrames(frames, only);
      ready.set(only, bytes);
      write(response, bytes);
    }
  }

  function write(response: ServerResponse, bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (response.writableLength + bytes.length > limits.maxBufferedBytes) leave(response).destroy();
    else response.write(bytes);
  }

  function tellAll(text: string): void {
    const bytes = Buffer.from(text);
    for (const response of subscribers.keys()) write(response, bytes);
  }

  async function countsFrame(): Promise<string> {
    const calls = (await metrics.calls.get()).values[0]?.value ?? 0;
    return `event: counts\ndata: ${JSON.stringify({ ...store.counts, calls })}\n\n`;
  }

  function start(): () => void {
    const timers = [
      setInterval(() => tellAll(': still here\n\n'), limits.heartbeatMs).unref(),
      setInterval(async () => tellAll(await countsFrame()), limits.countsMs).unref(),
    ];
    const unlisten = store.listen(gather);
    return () => {
      unlisten();
      timers.forEach(clearInterval);
      if (gathering) clearTimeout(gathering);
      [gathered, gatheredChars, gathering] = [[], 0, null];
    };
  }

  function leave(response: ServerResponse): ServerResponse {
    subscribers.delete(response);
    if (subscribers.size > 0) return response;
    stop?.();
    stop = null;
    return response;
  }

  async function subscribeTo(response: ServerResponse): Promise<void> {
    response.on('close', () => leave(response)).on('error', () => leave(response));
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Nothing comes after a stream; a connection kept alive would only hold up the server's closing.
      connection: 'close',
      // Tells nginx not to hold the stream back.
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    response.write('retry: 2000\n\n');
    const counts = await countsFrame();
    if (subscribers.has(response)) response.write(counts);
  }

  return {
    get size() {
      return subscribers.size;
    },
    subscribe(response, only) {
      if (subscribers.size >= limits.maxSubscribers)
        throw new AssayError('ASSAY_OVERLOADED', `${subscribers.size} streams are open`);
      subscribers.set(response, only);
      stop ??= start();
      void subscribeTo(response);
    },
    close() {
      for (const response of [...subscribers.keys()]) leave(response).end();
    },
  };
}

function joinFrames(frames: readonly Frame[], only: VerdictName | null): Buffer {
  const wanted = only === null ? frames : frames.filter(({ verdict }) => verdict === only);
  return Buffer.from(wanted.map(({ text }) => text).join(''));
}
