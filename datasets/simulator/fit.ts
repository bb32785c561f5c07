/**
 * `node dist/datasets/simulator/fit.js [--write] [captures…]`: measures captures of the range (all unless named) and prints
 * what it found as JSON: per kind calls, pauses, statuses and sizes, per program how it speaks. --write puts it where the
 * simulator looks for it (fitted.json).
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { ApiCall } from '../../service/core/contracts.ts';
import type { LabelledCall, Truth } from '../dataset.ts';
import { captureNames, loadCapture } from '../range/load.ts';
import { FITTED_FILE, type Fitted, type FittedKind, type FittedStack, type Quantiles } from './fitted.ts';
import { createOrderCounter, type OrderCounter } from './header-order.ts';
import { BROWSERS, STACKS, type StackName } from './stacks.ts';
import { TOOL_STACKS } from './tool-stacks.ts';

/** Values kept of a series; a longer one is thinned, evenly. */
const MAX_KEPT = 4096;
/** Pauses that one client adds to its kind's, so that none speaks for all. */
const MAX_RATIOS = 64;
const MIN_CLIENTS = 2;
/** With more, a client is a kind of its own: neither its pace nor its size is that of one address. */
const MAX_ADDRESSES = 25;

/** The last hundredth is left out: one client that slept for a day would stretch every other's pauses. */
const POINTS = [0.01, ...Array.from({ length: 19 }, (_x, i) => (i + 1) / 20), 0.99];

/** A series of numbers in bounded memory: when full, every other one goes and only every other one is taken from then on. */
export interface Series {
  add(value: number): void;
  /** At 1, 5, 10, …, 95, 99 %, to three digits; empty where nothing was added. */
  quantiles(): Quantiles;
  median(): number;
  some(most: number): number[];
}

export function createSeries(): Series {
  let kept: number[] = [];
  let every = 1;
  let seen = 0;
  const sorted = () => kept.toSorted((a, b) => a - b);
  return {
    add(value) {
      if (seen++ % every !== 0) return;
      kept.push(value);
      if (kept.length < MAX_KEPT) return;
      kept = kept.filter((_value, i) => i % 2 === 0);
      every *= 2;
    },
    quantiles() {
      const all = sorted();
      if (all.length === 0) return [];
      return POINTS.map((part) => Number(all[Math.round(part * (all.length - 1))]!.toPrecision(3)));
    },
    median: () => sorted()[kept.length >> 1] ?? Number.NaN,
    some: (most) => kept.filter((_value, i) => i % Math.ceil(kept.length / most) === 0),
  };
}

interface Client {
  readonly kind: string;
  readonly gaps: Series;
  /** As far as they are counted. */
  readonly addresses: Set<string>;
  calls: number;
  lastAt: number;
}

interface Kind {
  readonly statuses: Map<string, number>;
  readonly okBytes: Series;
  readonly errorBytes: Series;
}

interface Stack {
  readonly agents: Map<string, number>;
  readonly accepts: Map<string | null, number>;
  readonly encodings: Map<string | null, number>;
  readonly languages: Map<string | null, number>;
  readonly order: OrderCounter;
  /** By client: what it was seen to do. */
  readonly clients: Map<string, { http2: boolean; keepsAlive: boolean; cookies: boolean }>;
}

interface Measured {
  readonly clients: Map<string, Client>;
  readonly kinds: Map<string, Kind>;
  readonly stacks: Map<StackName, Stack>;
  readonly tools: Map<string, OrderCounter>;
  readonly okBytes: Series;
  readonly errorBytes: Series;
}

/** What is measured, and for people to read, the header names of each program under test. */
export interface Fit extends Fitted {
  readonly tools: Readonly<Record<string, string>>;
}

/** Memory grows with the clients, not with the calls. A client that turns is two: what it was, and what it became. */
export function fit(calls: Iterable<LabelledCall>): Fit {
  const measured: Measured = {
    clients: new Map(),
    kinds: new Map(),
    stacks: new Map(),
    tools: new Map(),
    okBytes: createSeries(),
    errorBytes: createSeries(),
  };
  for (const { call, truth } of calls) measure(measured, call, truth);
  const { okBytes, errorBytes } = measured;
  return {
    kinds: fitKinds(measured),
    stacks: fitStacks(measured),
    okBytes: okBytes.quantiles(),
    errorBytes: errorBytes.quantiles(),
    tools: Object.fromEntries([...measured.tools].sort(byName).map(([name, order]) => [name, order.merge()])),
  };
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function at<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key) ?? create();
  map.set(key, known);
  return known;
}

function count<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function measure(measured: Measured, call: ApiCall, { client, label, kind, tool }: Truth): void {
  const { clients, kinds, tools, okBytes, errorBytes } = measured;
  const kindName = `${label} ${kind}`;
  const seen = at(clients, `${label} ${client}`, () => ({
    kind: kindName,
    gaps: createSeries(),
    addresses: new Set<string>(),
    calls: 0,
    lastAt: call.time,
  }));
  if (seen.calls++ > 0) seen.gaps.add(Math.max(0.5, call.time - seen.lastAt));
  seen.lastAt = call.time;
  if (seen.addresses.size <= MAX_ADDRESSES) seen.addresses.add(call.clientIp);
  const fits = at(kinds, kindName, () => ({ statuses: new Map(), okBytes: createSeries(), errorBytes: createSeries() }));
  count(fits.statuses, String(call.status ?? '-'));
  addBytes(call, okBytes, errorBytes);
  addBytes(call, fits.okBytes, fits.errorBytes);
  if (call.headerNames) at(tools, tool, createOrderCounter).add(call.headerNames);
  measureStack(measured, call, `${label} ${client}`, label);
}

function addBytes({ status, responseBytes }: ApiCall, ok: Series, error: Series): void {
  if (status === null || !responseBytes) return;
  if (status >= 400) error.add(responseBytes);
  else if (status < 300) ok.add(responseBytes);
}

/** Bad clients say they are what they aren't; so only of attack tools are they believed. */
function measureStack({ stacks }: Measured, call: ApiCall, client: string, label: Truth['label']): void {
  const name = call.userAgent === null ? null : stackOf(call.userAgent);
  if (!name || !call.headerNames || (label === 'bad' && !(name in TOOL_STACKS))) return;
  // Whatever else takes a browser's name doesn't know what browsers send beside it.
  if (BROWSERS.includes(name) && !call.headerNames.includes('sec-fetch-mode')) return;
  const stack = at(stacks, name, createStack);
  count(stack.agents, call.userAgent!);
  count(stack.accepts, call.accept);
  count(stack.encodings, call.acceptEncoding);
  count(stack.languages, call.acceptLanguage);
  // Over HTTP/2 some headers are missing that the program would send.
  const isHttp2 = call.httpVersion === '2';
  if (!isHttp2) stack.order.add(call.headerNames);
  const habits = at(stack.clients, client, () => ({ http2: false, keepsAlive: false, cookies: false }));
  habits.http2 ||= isHttp2;
  habits.keepsAlive ||= (call.connectionRequests ?? 0) > 1;
  habits.cookies ||= call.hasCookie === true;
}

function createStack(): Stack {
  const maps = { agents: new Map(), accepts: new Map(), encodings: new Map(), languages: new Map(), clients: new Map() };
  return { ...maps, order: createOrderCounter() };
}

/** Which program a user agent names, by the templates; undefined for none. */
export function stackOf(userAgent: string): StackName | undefined {
  const known = recent.get(userAgent);
  if (known !== undefined) return known ?? undefined;
  const name = PATTERNS.find(([, pattern]) => pattern.test(userAgent))?.[0];
  if (recent.size >= MAX_KEPT) recent.clear();
  recent.set(userAgent, name ?? null);
  return name;
}

const recent = new Map<string, StackName | null>();
const PATTERNS = (Object.keys(STACKS) as StackName[]).flatMap((name) =>
  STACKS[name].agents.filter((agent) => agent !== '').map((agent) => [name, patternOf(agent)] as const),
);

function patternOf(template: string): RegExp {
  const parts = template.split(/\{(?:\d+\.\.\d+|=)\}/).map((part) => part.replace(/[.*+?^$()[\]{}|\\/]/g, '\\$&'));
  return new RegExp(`^${parts.join('\\d+')}$`);
}

function fitKinds({ clients, kinds }: Measured): Record<string, FittedKind> {
  const fitted: Record<string, FittedKind> = {};
  for (const [name, { statuses, okBytes, errorBytes }] of [...kinds].sort(byName)) {
    const members = [...clients.values()].filter(({ kind, addresses }) => kind === name && addresses.size <= MAX_ADDRESSES);
    const [calls, gapMs, gapRatio] = [createSeries(), createSeries(), createSeries()];
    for (const client of members) {
      calls.add(client.calls);
      const median = client.gaps.median();
      if (!(median > 0)) continue;
      gapMs.add(median);
      for (const gap of client.gaps.some(MAX_RATIOS)) gapRatio.add(gap / median);
    }
    const paces = { calls: calls.quantiles(), gapMs: gapMs.quantiles(), gapRatio: gapRatio.quantiles() };
    const sizes = { okBytes: okBytes.quantiles(), errorBytes: errorBytes.quantiles() };
    if (members.length >= MIN_CLIENTS && paces.gapMs.length > 0)
      fitted[name] = { clients: members.length, ...paces, statuses: sharesOf(statuses), ...sizes };
  }
  return fitted;
}

function sharesOf(counts: ReadonlyMap<string, number>): Record<string, number> {
  let total = 0;
  for (const n of counts.values()) total += n;
  return Object.fromEntries([...counts].sort(byName).map(([name, n]) => [name, Number((n / total).toPrecision(3))]));
}

function fitStacks({ stacks }: Measured): Record<string, FittedStack> {
  const fitted: Record<string, FittedStack> = {};
  for (const [name, stack] of [...stacks].sort(byName)) {
    const habits = [...stack.clients.values()];
    const share = (has: (habit: (typeof habits)[number]) => boolean) =>
      Number((habits.filter(has).length / habits.length).toPrecision(3));
    const order = stack.order.merge();
    if (habits.length < MIN_CLIENTS || order === '') continue;
    fitted[name] = {
      clients: habits.length,
      agents: mostOf(stack.agents, 8),
      order,
      accept: mostOf(stack.accepts, 1)[0] ?? null,
      encoding: mostOf(stack.encodings, 1)[0] ?? null,
      language: mostOf(stack.languages, 1)[0] ?? null,
      http2: share(({ http2 }) => http2),
      keepsAlive: share(({ keepsAlive }) => keepsAlive),
      cookies: share(({ cookies }) => cookies),
    };
  }
  return fitted;
}

function mostOf<K>(counts: ReadonlyMap<K, number>, most: number): K[] {
  const byCount = [...counts].sort(([a, m], [b, n]) => n - m || (String(a) < String(b) ? -1 : 1));
  return byCount.slice(0, most).map(([key]) => key);
}

function* allOf(names: readonly string[]): Generator<LabelledCall> {
  for (const name of names) yield* loadCapture(name);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({ options: { write: { type: 'boolean', default: false } }, allowPositionals: true });
  const found = fit(allOf(positionals.length > 0 ? positionals : captureNames()));
  const { tools: _forPeople, ...fitted } = found;
  if (values.write) writeFileSync(FITTED_FILE, `${JSON.stringify(fitted)}\n`);
  else process.stdout.write(`${JSON.stringify(found, null, 1)}\n`);
}
