/** What the model makes of attacks and programs that it never met: trained without them, judged on them. */
import { recallAtFalseAlarmRate, rocAuc } from '../service/core/evaluation.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import type { ExampleClient, Examples } from './examples.ts';
import { type FitOptions, type FitRows, fitModel, scoreClients } from './fit.ts';
import { dealOut } from './split.ts';

export interface HeldOut {
  readonly by: 'kind' | 'tool';
  readonly name: string;
  readonly label: 'good' | 'bad';
  readonly clients: number;
  /** Against the test clients of the other label, none of which were held out. */
  readonly rocAuc: number | null;
  /** For bad: the share found where 1% of the good test clients would be called bad. For good: the share called bad there. */
  readonly foundAt1Percent: number | null;
}

type Parts = FitRows & { readonly test: readonly number[] };

/** Kinds of attack, dealt out to `folds` sets; then programs, likewise. A set is left out of training as a whole. */
export function* judgeHeldOut(
  tf: typeof TensorFlow,
  examples: Examples,
  parts: Parts,
  options: FitOptions,
  folds: number,
): Generator<HeldOut> {
  const attacks = examples.clients.filter(({ label }) => label === 'bad').map(({ kind }) => kind);
  const tools = examples.clients.map(({ tool }) => tool);
  for (const set of dealOut(attacks, folds)) yield* judgeWithout(tf, examples, parts, options, 'kind', set);
  for (const set of dealOut(tools, folds)) yield* judgeWithout(tf, examples, parts, options, 'tool', set);
}

function* judgeWithout(
  tf: typeof TensorFlow,
  examples: Examples,
  parts: Parts,
  options: FitOptions,
  by: HeldOut['by'],
  set: readonly string[],
): Generator<HeldOut> {
  const isOut = (row: number) => set.includes(examples.clients[examples.client[row]!]![by]);
  const without = (rows: readonly number[]) => rows.filter((row) => !isOut(row));
  const kept = { train: without(parts.train), validate: without(parts.validate), calibrate: without(parts.calibrate) };
  const fitted = fitModel(tf, examples, kept, options);
  const held = Array.from({ length: examples.rows }, (_, row) => row).filter(isOut);
  const outside = scoreClients(tf, examples, held, fitted);
  const inside = scoreClients(tf, examples, without(parts.test), fitted);
  fitted.model.dispose();
  for (const name of set) yield* judgeName(by, name, outside, inside);
}

type Scored = { readonly client: ExampleClient; readonly score: number };

function* judgeName(by: HeldOut['by'], name: string, outside: readonly Scored[], inside: readonly Scored[]): Generator<HeldOut> {
  for (const label of ['good', 'bad'] as const) {
    const own = outside.filter(({ client }) => client[by] === name && client.label === label);
    if (own.length === 0) continue;
    const others = inside.filter(({ client }) => client.label !== label);
    const good = inside.filter(({ client }) => client.label === 'good');
    const found = [...good.map(({ score }) => ({ score, own: 0 })), ...own.map(({ score }) => ({ score, own: 1 }))];
    const pool = [...own, ...others];
    yield {
      by,
      name,
      label,
      clients: own.length,
      rocAuc: rocAuc(
        pool.map(({ score }) => score),
        pool.map(({ client }) => client.label === 'bad'),
      ),
      foundAt1Percent: recallAtFalseAlarmRate(
        found.map(({ score }) => score),
        found.map((f) => f.own),
        0.01,
      ),
    };
  }
}
