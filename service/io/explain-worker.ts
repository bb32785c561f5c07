/** What runs on the thread that explains; see `ExplainThread`. */
import { parentPort, workerData } from 'node:worker_threads';
import { createAttribution } from '../core/explain.ts';
import type { Explained } from './explain-thread.ts';

const { encoding, net } = workerData as Explained;
const width = encoding.edges.length;
const attribute = createAttribution(encoding, net);

parentPort!.on('message', (vectors: Float32Array) => {
  const shares = new Float64Array(vectors.length);
  for (let at = 0; at < vectors.length; at += width) shares.set(attribute(vectors.subarray(at, at + width)), at);
  parentPort!.postMessage(shares, [shares.buffer]);
});
