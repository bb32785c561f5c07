/** One TensorFlow.js a process, for serving and training alike. */
import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs';
import { AssayError } from '../core/errors.ts';

export type { TensorFlow };
export type BackendName = 'auto' | 'wasm' | 'node' | 'cpu';

const require = createRequire(import.meta.url);

/**
 * Loads TensorFlow.js with a backend. `auto` is WASM: for nets of this size it is faster than the native one, and the
 * choice must not depend on a timing, since a verdict is to be replayed to the same bits.
 *
 * @throws AssayError ASSAY_CONFIG_INVALID where the backend can't be had
 */
export async function loadTensorFlow(backend: BackendName = 'auto'): Promise<typeof TensorFlow> {
  const name = backend === 'auto' ? 'wasm' : backend;
  try {
    const tf: typeof TensorFlow = require(name === 'node' ? '@tensorflow/tfjs-node' : '@tensorflow/tfjs');
    tf.enableProdMode();
    if (name === 'wasm') require('@tensorflow/tfjs-backend-wasm');
    const before = handlersOf();
    if (!(await tf.setBackend(name === 'node' ? 'tensorflow' : name))) throw new Error('it did not start');
    restoreHandlers(before);
    return tf;
  } catch (error) {
    throw new AssayError('ASSAY_CONFIG_INVALID', `TensorFlow.js backend ${name}: ${(error as Error).message.split('\n')[0]}`, {
      cause: error,
    });
  }
}

const FATAL = ['uncaughtException', 'unhandledRejection'] as const;

function handlersOf(): ReadonlySet<unknown> {
  return new Set(FATAL.flatMap((event) => process.listeners(event as 'uncaughtException')));
}

/** Emscripten's start-up code takes over the process's last-resort handlers and hides what was thrown; they are ours. */
function restoreHandlers(before: ReadonlySet<unknown>): void {
  for (const event of FATAL)
    for (const listener of process.listeners(event as 'uncaughtException'))
      if (!before.has(listener)) process.removeListener(event, listener);
}
