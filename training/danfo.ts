/** danfojs for tables, on the TensorFlow.js that the process already uses; offline work only. */
import { createRequire } from 'node:module';
import type * as Danfo from 'danfojs-node';
import { AssayError } from '../service/core/errors.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';

export type { Danfo };

const require = createRequire(import.meta.url);

/**
 * danfojs asks for a TensorFlow.js of its own, which package.json replaces with an empty package. That slot is filled
 * with the one given before danfojs is first loaded, so that there is a single TensorFlow.js in the process.
 *
 * @throws AssayError ASSAY_CONFIG_INVALID where npm left danfojs out, as it does outside a clone
 */
export function loadDanfo(tf: typeof TensorFlow): typeof Danfo {
  const danfo = resolveDanfo();
  const slot = require.resolve('@tensorflow/tfjs-node', { paths: [danfo] });
  if (!require.cache[slot]) {
    const filled = { id: slot, filename: slot, loaded: true, exports: tf, children: [], paths: [] };
    require.cache[slot] = filled as unknown as NodeJS.Module;
  }
  return require(danfo);
}

function resolveDanfo(): string {
  try {
    return require.resolve('danfojs-node');
  } catch (error) {
    throw new AssayError('ASSAY_CONFIG_INVALID', 'danfojs-node is not installed; training works in a clone, after npm ci', {
      cause: error,
    });
  }
}
