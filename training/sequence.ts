/**
 * The other models that were tried: a convolution over a client's last calls, alone or beside the feature vector. They
 * learn from the rows that the net learns from; how they compare, sequence-trial.ts tells. None of them is served.
 */
import type { LabelledCall } from '../datasets/dataset.ts';
import { checkCall, isRejection } from '../service/core/api-call.ts';
import type { ApiCall } from '../service/core/contracts.ts';
import { createObserver } from '../service/core/observe.ts';
import { type PathFacts, readPath, readQuery } from '../service/core/path.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';

type Tf = typeof TensorFlow;

/** Calls in a window; shorter sessions are padded in front with zeros. */
export const STEPS = 64;

/** The call before, of which a token tells the difference. */
interface Before {
  readonly time: number;
  readonly path: PathFacts;
  readonly responseBytes: number | null;
  readonly connectionId: string | null;
  readonly subject: string | null;
}

/** What one call says, each about 0 to 1. */
const TOKENS: readonly ((call: ApiCall, path: PathFacts, before: Before | null) => number)[] = [
  () => 1,
  // Pace
  (call, _, before) => (before ? Math.log1p(Math.max(0, call.time - before.time) / 10) / 12 : 0),
  // What was asked
  ({ method }) => Number(method === 'GET'),
  ({ method }) => Number(method === 'POST'),
  ({ method }) => Number(['PUT', 'PATCH', 'DELETE'].includes(method)),
  ({ query }) => Number(query !== null),
  ({ query }) => Number(query !== null && readQuery(query).isPaged),
  ({ query }, path) => Number(path.isInjected || (query !== null && readQuery(query).isInjected)),
  (_, path) => Number(path.isLogin),
  (_, path) => Number(path.isAsset),
  (_, path) => Number(path.probe !== 'none'),
  (_, path) => Number(path.object !== 0),
  (_, path) => path.depth / 8,
  (_, path, before) => Number(before?.path.full === path.full),
  (_, path, before) => Number(before?.path.route === path.route),
  (_, path, before) => stepOf(path, before),
  (_, path, before) => Number(path.objectNumber - (before?.path.objectNumber ?? Number.NaN) === 1),
  // The answer
  ({ status }) => Number(status !== null && status < 300),
  ({ status }) => Number(status !== null && status >= 300 && status < 400),
  ({ status }) => Number(status === 401),
  ({ status }) => Number(status === 403),
  ({ status }) => Number(status === 404 || status === 410),
  ({ status }) => Number(status === 429),
  ({ status }) => Number(status !== null && [400, 402, 409, 422].includes(status)),
  ({ status }) => Number(status !== null && status >= 500),
  ({ responseBytes }) => Math.log1p(responseBytes ?? 0) / 15,
  ({ responseBytes }, _, before) => Number(responseBytes !== null && before?.responseBytes === responseBytes),
  ({ requestBytes }) => Math.log1p(requestBytes ?? 0) / 15,
  // Who and how
  ({ connectionId }, _, before) => Number(connectionId !== null && before?.connectionId !== connectionId),
  ({ subject }) => Number(subject !== null),
  ({ subject }, _, before) => Number(subject !== null && before?.subject !== subject),
];
const WIDTH = TOKENS.length;
export const WINDOW_WIDTH = STEPS * WIDTH;

/** Distance from the object number before: its logarithm with its sign, about -1 to 1. */
function stepOf({ objectNumber }: PathFacts, before: Before | null): number {
  const step = objectNumber - (before?.path.objectNumber ?? Number.NaN);
  return Number.isNaN(step) ? 0 : (Math.sign(step) * Math.log1p(Math.abs(step))) / 15;
}

interface Track {
  /** A ring of tokens. */
  readonly ring: Float32Array;
  calls: number;
  before: Before | null;
}

/**
 * The windows at the snapshots of recorded calls, in the order in which `collectExamples` makes its rows of the same
 * calls.
 *
 * @returns one window a snapshot, the newest call last
 */
export async function collectWindows(calls: Iterable<LabelledCall> | AsyncIterable<LabelledCall>): Promise<Float32Array[]> {
  const observer = createObserver({ maxClients: 2_000_000, maxLinks: 2_000_000 });
  const tracks = new Map<string, Track>();
  const windows: Float32Array[] = [];
  for await (const { call: raw } of calls) {
    const call = checkCall(raw, raw.time);
    const seen = isRejection(call) ? call : observer.observe(call);
    if (isRejection(call) || isRejection(seen)) continue;
    const track = tracks.get(seen.clientId) ?? { ring: new Float32Array(WINDOW_WIDTH), calls: 0, before: null };
    tracks.set(seen.clientId, track);
    addToken(track, call);
    if (seen.snapshot) windows.push(unroll(track));
  }
  return windows;
}

function addToken(track: Track, call: ApiCall): void {
  const path = readPath(call.path, call.route);
  const at = (track.calls % STEPS) * WIDTH;
  TOKENS.forEach((token, i) => {
    track.ring[at + i] = token(call, path, track.before);
  });
  track.calls++;
  const { time, responseBytes, connectionId, subject } = call;
  track.before = { time, path, responseBytes, connectionId, subject };
}

function unroll({ ring, calls }: Track): Float32Array {
  const out = new Float32Array(WINDOW_WIDTH);
  const held = Math.min(calls, STEPS);
  for (let i = 0; i < held; i++) {
    const from = ((calls - held + i) % STEPS) * WIDTH;
    out.set(ring.subarray(from, from + WIDTH), (STEPS - held + i) * WIDTH);
  }
  return out;
}

export interface SequenceNetOptions {
  /** Features before the window in a row; 0 for the sequence alone. */
  readonly features: number;
  readonly seed: number;
}

/**
 * A row is the feature vector, if any, and the window behind it. Kernels are as long as their stride, which makes each
 * convolution a reshaping and a product of matrices: all backends can train that.
 */
export function createSequenceNet(tf: Tf, { features, seed }: SequenceNetOptions): TensorFlow.LayersModel {
  const input = tf.input({ shape: [features + WINDOW_WIDTH], name: 'row' });
  let at = 0;
  const dense = (units: number, activation: 'relu' | 'linear') =>
    tf.layers.dense({
      units,
      activation,
      kernelInitializer: tf.initializers.heNormal({ seed: seed * 10 + at++ }),
    });
  const convolve = (steps: number, units: number, below: TensorFlow.SymbolicTensor) => {
    const width = (below.shape[1]! * (below.shape[2] ?? 1)) / steps;
    const rows = tf.layers.reshape({ targetShape: [steps, width] }).apply(below);
    return dense(units, 'relu').apply(rows) as TensorFlow.SymbolicTensor;
  };
  const first = convolve(STEPS / 4, 32, cut(tf, features, features + WINDOW_WIDTH).apply(input) as TensorFlow.SymbolicTensor);
  const second = convolve(STEPS / 16, 32, first);
  const pooled = [first, second].flatMap((layer) => [
    tf.layers.globalMaxPooling1d({}).apply(layer) as TensorFlow.SymbolicTensor,
    tf.layers.globalAveragePooling1d({}).apply(layer) as TensorFlow.SymbolicTensor,
  ]);
  if (features > 0) pooled.push(dense(48, 'relu').apply(cut(tf, 0, features).apply(input)) as TensorFlow.SymbolicTensor);
  const merged = tf.layers.concatenate().apply(pooled);
  const logit = dense(1, 'linear').apply(dense(24, 'relu').apply(merged));
  return tf.model({ name: 'sequence', inputs: input, outputs: logit as TensorFlow.SymbolicTensor });
}

/** A layer that passes on the columns `from` to `to`. */
function cut(tf: Tf, from: number, to: number): TensorFlow.layers.Layer {
  class Cut extends tf.layers.Layer {
    static readonly className = 'Cut';
    override computeOutputShape(): TensorFlow.Shape {
      return [null, to - from];
    }
    override call(inputs: TensorFlow.Tensor | TensorFlow.Tensor[]): TensorFlow.Tensor {
      const input = Array.isArray(inputs) ? inputs[0]! : inputs;
      return input.slice([0, from], [-1, to - from]);
    }
  }
  return new Cut({ name: `cut${from}` });
}
