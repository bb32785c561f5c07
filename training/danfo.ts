/** danfojs for tables, on the TensorFlow.js that the process already uses; offline work only. */
import { createRequire } from 'node:module';
import type * as Danfo from 'danfojs-node';
import type { TensorFlow } from '../service/io/tensorflow.ts';

export type { Danfo };

const require = createRequire(import.meta.url);

/**
 * danfojs asks for a TensorFlow.js of its own, which package.json replaces with an empty package. That slot is filled
 * with the one given before danfojs is first loaded, so that there is a single TensorFlow.js in the process.
 */
export function loadDanfo(tf: typeof TensorFlow): typeof Danfo {
  const danfo = require.resolve('danfojs-node');
  const slot = require.resolve('@tensorflow/tfjs-node', { paths: [danfo] });
  if (!require.cache[slot]) {
    const filled = { id: slot, filename: slot, loaded: true, exports: tf, children: [], paths: [] };
    require.cache[slot] = filled as unknown as NodeJS.Module;
  }
  return require(danfo);
}
