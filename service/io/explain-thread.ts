/**
 * Explains on a thread of its own: that takes ten times as long as scoring, and nobody waits for it but whoever publishes the
 * verdict. The thread is started by the first vectors that come, and keeps no process from ending.
 */
import { Worker } from 'node:worker_threads';
import type { Encoding } from '../core/encoding.ts';
import type { DenseNet } from '../core/model.ts';

/** What `createAttribution` asks for. */
export interface Explained {
  readonly encoding: Encoding;
  readonly net: DenseNet;
}

interface Asked {
  readonly resolve: (shares: Float64Array) => void;
  readonly reject: (error: Error) => void;
}

export class ExplainThread {
  readonly #explained: Explained;
  #worker: Worker | null = null;
  /** What was asked and is not answered yet; answers come in the same order. */
  #asked: Asked[] = [];

  constructor(explained: Explained) {
    this.#explained = explained;
  }

  /**
   * What each feature adds to each vector's logit, as `createAttribution` finds it.
   * @throws Error where the thread fails; the next vectors start another one
   */
  async attribute(vectors: readonly Float32Array[]): Promise<Float64Array[]> {
    const width = this.#explained.encoding.edges.length;
    const shares = await this.#ask(flatten(vectors, width));
    return vectors.map((_, i) => shares.subarray(i * width, (i + 1) * width));
  }

  #ask(vectors: Float32Array<ArrayBuffer>): Promise<Float64Array> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      worker.ref();
      worker.postMessage(vectors, [vectors.buffer]);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./explain-worker.js', import.meta.url), {
      workerData: this.#explained,
      // What it makes lives for one message.
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    worker.on('message', (shares: Float64Array) => {
      this.#asked.shift()!.resolve(shares);
      if (this.#asked.length === 0) worker.unref();
    });
    worker.on('error', (error) => this.#fail(worker, error));
    worker.on('exit', () => this.#fail(worker, new Error('without an error')));
    return worker;
  }

  #fail(worker: Worker, error: Error): void {
    // An error is followed by an exit, and then there may be another thread.
    if (worker !== this.#worker) return;
    process.emitWarning(`the thread that explains verdicts has ended: ${error.message}`);
    const asked = this.#asked;
    [this.#worker, this.#asked] = [null, []];
    for (const { reject } of asked) reject(error);
  }
}

function flatten(rows: readonly Float32Array[], width: number): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    flat.set(row, i * width);
  });
  return flat;
}
