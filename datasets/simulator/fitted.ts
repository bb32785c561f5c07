/**
 * What was measured of real programs (fit.ts writes it), and how clients draw from it. Half of the clients whose kind or
 * program was measured follow the measurement, the others the wide ranges of the tables: real, but not only that.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Random } from './random.ts';
import type { Stack } from './stack.ts';
import { STACKS, type StackName } from './stacks.ts';

/** Values at even steps through what was measured, ascending. */
export type Quantiles = readonly number[];

export interface FittedKind {
  /** How many clients were measured. */
  readonly clients: number;
  /** Calls of a client. */
  readonly calls: Quantiles;
  /** Median pause between a client's calls, ms. */
  readonly gapMs: Quantiles;
  /** A pause by its client's median. */
  readonly gapRatio: Quantiles;
  /** Share of calls by status; a hyphen where the gateway told none. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Response sizes of calls that were served, and of those that were not. */
  readonly okBytes: Quantiles;
  readonly errorBytes: Quantiles;
}

/** How a program was seen to speak, by the name of its entry in STACKS; TLS stays as it is there. */
export interface FittedStack extends Omit<Stack, 'tls' | 'resumes'> {
  readonly clients: number;
}

export interface Fitted {
  /** By label and kind, as `good crawler`. */
  readonly kinds: Readonly<Record<string, FittedKind>>;
  readonly stacks: Readonly<Record<string, FittedStack>>;
  /** As in a kind, over all. */
  readonly okBytes: Quantiles;
  readonly errorBytes: Quantiles;
}

const FOLLOWS = 0.5;
export const UNFITTED: Fitted = { kinds: {}, stacks: {}, okBytes: [], errorBytes: [] };

/** From dist/datasets/simulator to the source tree's file. */
export const FITTED_FILE = new URL('../../../datasets/simulator/fitted.json', import.meta.url);

/** The committed measurements; nothing where the file is not there. */
export const FITTED: Fitted = existsSync(FITTED_FILE)
  ? { ...UNFITTED, ...(JSON.parse(readFileSync(FITTED_FILE, 'utf8')) as Partial<Fitted>) }
  : UNFITTED;

/** Evenly between the quantiles, by orders of magnitude where they allow. `quantiles` not empty. */
export function drawQuantile(random: Random, quantiles: Quantiles): number {
  const at = random.real(0, quantiles.length - 1);
  const low = quantiles[Math.floor(at)]!;
  const high = quantiles[Math.min(Math.ceil(at), quantiles.length - 1)]!;
  if (low <= 0) return low + (at % 1) * (high - low);
  return low * (high / low) ** (at % 1);
}

/** Share of calls that were served, 0 to 1. */
export function okShareOf({ statuses }: FittedKind): number {
  let share = 0;
  for (const [status, part] of Object.entries(statuses)) if (status < '400' && status !== '-') share += part;
  return Math.min(1, share);
}

/** What a new client of the kind follows; null for the ranges of its table. */
export function drawKind(random: Random, { kinds }: Fitted, label: string, kind: string): FittedKind | null {
  const fitted = kinds[`${label} ${kind}`];
  return fitted && random.chance(FOLLOWS) ? fitted : null;
}

/** A program's shape, by the table or as it was seen. */
export function drawStack(random: Random, { stacks }: Fitted, name: StackName): Stack {
  const fitted = stacks[name];
  return fitted && random.chance(FOLLOWS) ? { ...STACKS[name], ...fitted } : STACKS[name];
}

/** A size as measured, else `otherwise`. */
export function drawBytes(random: Random, quantiles: Quantiles, otherwise: number): number {
  return quantiles.length > 0 && random.chance(FOLLOWS) ? Math.max(2, Math.round(drawQuantile(random, quantiles))) : otherwise;
}

/** Pauses as measured. @param stretch how much slower than in the measurement, from 1 */
export function createFittedPace(random: Random, { gapMs, gapRatio }: FittedKind, stretch: number): () => number {
  const median = drawQuantile(random, gapMs) * stretch;
  return () => median * drawQuantile(random, gapRatio);
}
