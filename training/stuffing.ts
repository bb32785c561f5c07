/** Stuffing spread over many addresses: what becomes of its clients, and of good ones that look like them from outside. */
import type { LabelledCall } from '../datasets/dataset.ts';
import { type Interval, wilsonInterval } from '../service/core/evaluation.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { collectExamples, type Examples, groupOf } from './examples.ts';
import { type Judged, judgeClients } from './figures.ts';
import { type Fitted, scoreRows } from './fit.ts';
import { emptyHeldOut, fill, type HeldOut, type Judging } from './folds.ts';
import { capturesOf, type DataSetting, isRanked, POLICY } from './recipe.ts';

/** The tool whose clients each make a few calls only. */
const TOOL = 'stuffing-distributed';

/** The captures as they would be had the tool never called, and what the folds' nets make of them. */
export interface Without {
  readonly examples: Examples;
  readonly held: HeldOut;
}

export async function collectWithout(setting: DataSetting): Promise<Without> {
  const recordings = capturesOf(setting).map(({ origin, calls }) => ({ origin, calls: leaveOut(calls) }));
  const examples = await collectExamples(recordings);
  return { examples, held: emptyHeldOut(examples, [...Array(examples.rows).keys()]) };
}

async function* leaveOut(calls: Iterable<LabelledCall> | AsyncIterable<LabelledCall>): AsyncGenerator<LabelledCall> {
  for await (const labelled of calls) if (labelled.truth.tool !== TOOL) yield labelled;
}

/** Scores the rows of a fold by the fold's own net. */
export function scoreWithout(tf: typeof TensorFlow, { examples, held }: Without, fold: readonly string[], net: Fitted): void {
  const rows = held.rows.filter((row) => fold.includes(groupOf(examples, row)));
  if (rows.length > 0) fill(held, rows, scoreRows(tf, examples, rows, net));
}

export interface AlarmCount {
  readonly clients: number;
  readonly falseAlarms: number;
  readonly interval: Interval;
}

/** null where no capture holds the tool. */
export function judgeStuffing({ examples, held }: Without, judged: readonly Judged[], judgings: ReadonlyMap<string, Judging>) {
  const own = judged.filter(({ client }) => client.tool === TOOL);
  if (own.length === 0) return null;
  const rows = held.rows.filter((row) => judgings.has(groupOf(examples, row)) && !Number.isNaN(held.logits[row]!));
  const without = judgeClients(examples, rows, held, (row) => judgings.get(groupOf(examples, row))!, POLICY);
  const looks = new Set(own.map(({ client }) => lookOf(client)));
  const alike = (clients: readonly Judged[]) =>
    alarmsOf(clients.filter((one) => one.label === 'good' && isRanked(one) && looks.has(lookOf(one.client))));
  const caught = own.filter(({ ends, verdict }) => verdict === 'bad' || ends !== 'good').length;
  return {
    clients: own.length,
    badOrUnsure: caught,
    bad: own.filter(({ verdict }) => verdict === 'bad').length,
    interval: wilsonInterval(caught, own.length),
    alikeWithIt: alike(judged),
    alikeWithoutIt: alike(without),
  };
}

/** The same program in the same capture, as far as its user agent tells. */
const lookOf = ({ origin, software }: Judged['client']) => `${origin} ${software}`;

function alarmsOf(clients: readonly Judged[]): AlarmCount {
  const falseAlarms = clients.filter(({ callsAtDetection }) => callsAtDetection !== null).length;
  return { clients: clients.length, falseAlarms, interval: wilsonInterval(falseAlarms, clients.length) };
}
