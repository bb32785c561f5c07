/**
 * Labelled calls without end to taste: deployments are drawn one after the other, each with its clients; a heap of every
 * live actor's next call merges them in event time. Only what is live is held.
 */
import type { LabelledCall, LoadCalls, Truth } from '../dataset.ts';
import type { Step } from './actor.ts';
import { type Actor, type Counts, createActor, type Face, type Nats } from './cast.ts';
import { createDeployment, type Deployment } from './deployment.ts';
import { evade, mayEvade } from './evasion.ts';
import { FITTED, type Fitted } from './fitted.ts';
import { createRandom, type Random, scatter } from './random.ts';
import { callOf, toldTime } from './record.ts';
import type { Answer, Credential } from './server.ts';
import type { ViewName } from './view.ts';

export interface SimulateOptions {
  /** Whole number from 0. */
  readonly seed: number;
  /** Actors in all, from 1; one that has many addresses counts as one. */
  readonly clients: number;
  /** Every gateway tells the same; else each deployment draws its own view. */
  readonly view?: ViewName;
  /** What was measured, for half of the clients to follow; the committed file unless given. */
  readonly fitted?: Fitted;
}

const START = Date.UTC(2026, 0, 5);
const DAY_MS = 86_400_000;

/** The same seed and options give the same calls, byte for byte. */
export const loadCalls: LoadCalls = (options) => simulate(options);

export function* simulate(options: SimulateOptions): Generator<LabelledCall> {
  const { seed } = options;
  const world = createWorld(options);
  let number = 0;
  for (;;) {
    while (
      world.clientsLeft > 0 &&
      world.nextDeploymentAt <= (world.heap[0] ? toldTime(world.heap[0]) : Number.POSITIVE_INFINITY)
    )
      addDeployment(world);
    const actor = world.heap[0];
    if (!actor) return;
    const made = act(actor, callId(seed, number));
    if (made) {
      number++;
      yield made;
    }
    if (actor.next) sink(world.heap, 0);
    else removeFirst(world.heap);
  }
}

interface World extends Counts {
  readonly random: Random;
  readonly view: ViewName | undefined;
  readonly fitted: Fitted;
  readonly heap: Actor[];
  clientsLeft: number;
  nextDeploymentAt: number;
  deployments: number;
}

function createWorld({ seed, clients, view, fitted = FITTED }: SimulateOptions): World {
  const random = createRandom(seed);
  const nextDeploymentAt = START + (Math.abs(Math.trunc(seed)) % 28) * DAY_MS + random.int(0, 86_399) * 1000;
  const counts = { deployments: 0, addresses: 0, actors: 0 };
  return { random, seed, view, fitted, heap: [], clientsLeft: clients, nextDeploymentAt, ...counts };
}

/** Four hex digits for each 16-bit number: making them anew costs a third of a call. */
const HEX = Array.from({ length: 65_536 }, (_x, n) => n.toString(16).padStart(4, '0'));

/** Unique, and as random to look at as nginx's $request_id. */
function callId(seed: number, number: number): string {
  const part = (n: number) => {
    const bits = scatter(number, seed + n);
    return HEX[bits >>> 16]! + HEX[bits & 0xffff]!;
  };
  return part(0) + part(0x51ed27) + part(0x2c1b3c) + part(0x7feb35);
}

function addDeployment(world: World): void {
  const random = world.random.fork();
  const { view, fitted, nextDeploymentAt: startsAt } = world;
  const deployment = createDeployment(random, { name: `d${world.deployments++}`, startsAt, view, fitted });
  const count = Math.min(world.clientsLeft, drawSize(random, deployment));
  const badShare = drawBadShare(random, deployment);
  const nats: Nats = { open: [], random, chance: random.pick([0, 0, 0.05, 0.2, 0.5]) };
  for (let i = 0; i < count; i++)
    push(world.heap, createActor(world, deployment, random.chance(badShare) ? 'bad' : 'good', nats));
  world.clientsLeft -= count;
  // In whole seconds, so that no call of it is told as earlier.
  world.nextDeploymentAt += random.int(60, 1500) * 1000;
}

function drawSize(random: Random, { crowd }: Deployment): number {
  return crowd && random.chance(0.4) ? random.logInt(250, 600) : random.logInt(20, 200);
}

function drawBadShare(random: Random, { api, crowd }: Deployment): number {
  if (api.isSite) return random.pick([0.02, 0.1, 0.3, 0.5]);
  return crowd ? random.log(0.05, 0.7) : random.real(0.55, 0.95);
}

/** Makes the actor's call that is due and asks it for the next; null where it had none to make. */
function act(actor: Actor, id: string): LabelledCall | null {
  if (!actor.course && !begin(actor)) return null;
  const step = actor.next!;
  const truth = truthOf(actor);
  const face = faceOf(actor);
  const { answer, credential } = serve(actor, step, face);
  const call = callOf(actor, step, face, answer, credential, id);
  actor.calls++;
  face.calls++;
  advance(actor, answer);
  return { call, truth };
}

/** Whether it has a call to make. A client's first call is when it starts, whatever its pace. */
function begin(actor: Actor): boolean {
  const { context, kind, truth } = actor;
  const course = kind.run(context);
  actor.course = truth.label === 'bad' && mayEvade(truth.kind, kind) ? evade(context, course) : course;
  const first = actor.course.next();
  if (!first.done) actor.next = first.value;
  return !first.done;
}

function faceOf({ context: { from }, faces, calls, callsPerFace }: Actor): Face {
  return faces[(from ?? Math.floor(calls / callsPerFace)) % faces.length]!;
}

function truthOf({ truth, context: { posesAs } }: Actor): Truth {
  return posesAs === null ? truth : { ...truth, label: 'good', kind: posesAs };
}

function serve(actor: Actor, step: Step, face: Face): { answer: Answer; credential: Credential | null } {
  const credential = step.credential === undefined ? actor.context.credential : step.credential;
  const answer = actor.deployment.server.answer(
    {
      method: step.method,
      path: step.path,
      query: step.query ?? null,
      address: face.address,
      credential,
      login: step.login ?? null,
      wish: step.wish ?? null,
      seenAt: step.seenAt ?? null,
    },
    actor.at,
  );
  return { answer, credential };
}

function advance(actor: Actor, answer: Answer): void {
  const following = actor.course!.next(answer);
  actor.next = following.done ? null : following.value;
  if (!actor.next) return;
  const from = actor.next.alongside ? actor.at : actor.at + answer.durationMs;
  actor.at = Math.max(actor.at + 1, Math.floor(from + Math.max(0, actor.next.waitMs)));
  if (actor.calls >= actor.maxCalls || actor.at > actor.endsAt) actor.next = null;
}

// A binary heap by time, then by the order of arrival.

/** By the time as told; where that is cut to seconds, by the full time within. */
function isBefore(a: Actor, b: Actor): boolean {
  const difference = toldTime(a) - toldTime(b) || a.at - b.at || a.order - b.order;
  return difference < 0;
}

function push(heap: Actor[], actor: Actor): void {
  let i = heap.push(actor) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(actor, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = actor;
}

function sink(heap: Actor[], from: number): void {
  const actor = heap[from]!;
  let i = from;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, actor)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = actor;
}

function removeFirst(heap: Actor[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  sink(heap, 0);
}
