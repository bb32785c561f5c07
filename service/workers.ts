/**
 * Several processes on one machine: a primary that serves nothing itself, and workers that share its port and the
 * partitions. A worker that dies is started again; SIGHUP replaces them one by one, each only once its successor is ready.
 */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';

export interface WorkersOptions {
  readonly count: number;
  /** Folder of all; each worker has one of its own in it. */
  readonly data: string;
  log(text: string): void;
}

/** What a worker and the primary tell each other. */
type Message =
  | { readonly kind: 'ready' }
  /** A worker asks for the sum over all; the primary asks each worker for its own, and answers. */
  | { readonly kind: 'ask-metrics' | 'ask-own-metrics'; readonly request: number }
  | { readonly kind: 'own-metrics'; readonly request: number; readonly own: MetricsJson }
  | { readonly kind: 'metrics'; readonly request: number; readonly text: string };
type MetricsJson = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

/** A worker that stayed ready for so long is no part of a crash loop. */
const STEADY_MS = 30_000;
const MAX_DELAY_MS = 10_000;
/** Deaths before ever being ready, in a row, after which it is no use to try again. */
const MAX_FALSE_STARTS = 3;
const DRAIN_LIMIT_MS = 30_000;
const METRICS_LIMIT_MS = 2000;

/** Runs the workers until `signal` aborts. Resolves with the exit code: 1 where no worker could be started. */
export async function runWorkers(options: WorkersOptions, signal: AbortSignal): Promise<number> {
  const primary = new Primary(options, signal);
  process.on('SIGHUP', primary.replaceAll);
  try {
    return await primary.run();
  } finally {
    process.off('SIGHUP', primary.replaceAll);
  }
}

interface Slot {
  readonly number: number;
  worker: Worker | null;
  readyAt: number | null;
  /** Whether it is to take another one's place, which stays where this one does not come up. */
  readonly isSuccessor: boolean;
}

class Primary {
  readonly #options: WorkersOptions;
  readonly #signal: AbortSignal;
  readonly #slots = new Map<number, Slot>();
  readonly #gatherings = new Map<number, (own: MetricsJson) => void>();
  #requests = 0;
  #falseStarts = 0;
  #delayMs = 0;
  #replacing: Promise<void> = Promise.resolve();
  #giveUp: () => void = () => {};

  constructor(options: WorkersOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<number> {
    const hopeless = new Promise<number>((resolve) => {
      this.#giveUp = () => resolve(1);
    });
    // Workers accept by themselves: handed on by the primary, a connection to a worker that dies just then would hang for ever.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    for (let i = 0; i < this.#options.count; i++) this.#start(this.#freeSlot(false));
    const stopped = once(this.#signal, 'abort').then(() => 0);
    const code = await Promise.race([this.#signal.aborted ? 0 : stopped, hopeless]);
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.all(slots.map((slot) => stop(slot.worker)));
    return code;
  }

  /** The lowest number that nobody has: a worker's folder outlives it, for the next. */
  #freeSlot(isSuccessor: boolean): Slot {
    let number = 1;
    while (this.#slots.has(number)) number++;
    const slot = { number, worker: null, readyAt: null, isSuccessor };
    this.#slots.set(number, slot);
    return slot;
  }

  #start(slot: Slot): void {
    const worker = cluster.fork({ ASSAY_DATA: join(this.#options.data, `worker-${slot.number}`) });
    slot.worker = worker;
    slot.readyAt = null;
    worker.on('message', (message: Message) => this.#onMessage(slot, message));
    worker.once('exit', (code, death) => void this.#onExit(slot, worker, death ?? String(code)));
  }

  #onMessage(slot: Slot, message: Message): void {
    if (message.kind === 'ready') {
      slot.readyAt = Date.now();
      this.#falseStarts = 0;
    } else if (message.kind === 'ask-metrics') void this.#gather(slot.worker!, message.request);
    else if (message.kind === 'own-metrics') this.#gatherings.get(message.request)?.(message.own);
  }

  async #onExit(slot: Slot, worker: Worker, how: string): Promise<void> {
    if (this.#slots.get(slot.number)?.worker !== worker) return;
    this.#options.log(`worker ${slot.number} ended (${how})`);
    const { readyAt } = slot;
    slot.readyAt = null;
    if (readyAt === null && slot.isSuccessor) return void this.#slots.delete(slot.number);
    if (readyAt === null && ++this.#falseStarts >= MAX_FALSE_STARTS * this.#options.count) return this.#giveUp();
    const wasSteady = readyAt !== null && Date.now() - readyAt > STEADY_MS;
    this.#delayMs = wasSteady ? 0 : Math.min(MAX_DELAY_MS, Math.max(100, 2 * this.#delayMs));
    await sleep(this.#delayMs, undefined, { signal: this.#signal }).catch(() => {});
    if (this.#slots.get(slot.number) === slot) this.#start(slot);
  }

  /** One after the other, as long as each successor comes up; asked again meanwhile, it begins anew behind. */
  readonly replaceAll = (): void => {
    this.#replacing = this.#replacing.then(async () => {
      for (const slot of [...this.#slots.values()])
        if (!(await this.#replace(slot))) return this.#options.log('not all workers were replaced');
      this.#options.log('all workers were replaced');
    });
  };

  async #replace(old: Slot): Promise<boolean> {
    const slot = this.#freeSlot(true);
    this.#start(slot);
    while (slot.readyAt === null && this.#slots.has(slot.number) && !this.#signal.aborted) await sleep(20);
    if (slot.readyAt === null || this.#signal.aborted) return false;
    this.#slots.delete(old.number);
    await stop(old.worker);
    this.#options.log(`worker ${slot.number} took over from worker ${old.number}`);
    return true;
  }

  /** Adds up what the workers count; one that does not answer in time is left out. */
  async #gather(asker: Worker, request: number): Promise<void> {
    const workers = [...this.#slots.values()].flatMap(({ worker, readyAt }) => (worker && readyAt !== null ? [worker] : []));
    const owns = await Promise.all(workers.map((worker) => this.#askOwn(worker)));
    const told = owns.filter((own) => own !== null);
    const text = await AggregatorRegistry.aggregate(told).metrics();
    if (asker.isConnected()) asker.send({ kind: 'metrics', request, text } satisfies Message);
  }

  async #askOwn(worker: Worker): Promise<MetricsJson | null> {
    if (!worker.isConnected()) return null;
    const request = ++this.#requests;
    const answer = new Promise<MetricsJson>((resolve) => this.#gatherings.set(request, resolve));
    worker.send({ kind: 'ask-own-metrics', request } satisfies Message);
    const own = await Promise.race([answer, sleep(METRICS_LIMIT_MS, null, { ref: false })]);
    this.#gatherings.delete(request);
    return own;
  }
}

/** Lets a worker finish what is under way, within a limit. */
async function stop(worker: Worker | null): Promise<void> {
  if (!worker || worker.isDead()) return;
  const ended = once(worker, 'exit');
  worker.process.kill('SIGTERM');
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), DRAIN_LIMIT_MS);
  await ended;
  clearTimeout(timer);
}

/** A worker's side. */
export interface WorkerLink {
  /** Tells the primary that look-ups are answered. */
  ready(): void;
  /** Prometheus' text of all workers together. */
  metrics(): Promise<string>;
}

/** Null in a process that is no worker. @param own what this process counts */
export function linkToPrimary(own: () => Promise<MetricsJson>): WorkerLink | null {
  if (!cluster.isWorker) return null;
  const waiting = new Map<number, (text: string) => void>();
  const send = (message: Message) => void process.send?.(message);
  process.on('message', (message: Message) => {
    if (message.kind === 'metrics') waiting.get(message.request)?.(message.text);
    else if (message.kind === 'ask-own-metrics')
      void own().then((each) => send({ kind: 'own-metrics', request: message.request, own: each }));
  });
  let requests = 0;
  return {
    ready: () => send({ kind: 'ready' }),
    async metrics() {
      const request = ++requests;
      const answer = new Promise<string>((resolve) => waiting.set(request, resolve));
      send({ kind: 'ask-metrics', request });
      const late = sleep(2 * METRICS_LIMIT_MS, '', { ref: false });
      return Promise.race([answer, late]).finally(() => waiting.delete(request));
    },
  };
}
