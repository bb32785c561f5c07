/**
 * Labelled calls without end to taste: deployments are drawn one after the other, each with its clients; a heap of every
 * live actor's next call merges them in event time. Only what is live is held.
 */
import type { ApiCall } from '../../service/core/contracts.ts';
import type { LabelledCall, LoadCalls, Truth } from '../dataset.ts';
import { type Context, type Course, createPace, type Kind, type Manners, type Step } from './actor.ts';
import { type Api, createApi } from './api.ts';
import { BAD_KINDS } from './bad-kinds.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import { createRandom, type Random, scatter } from './random.ts';
import { type Answer, type Credential, createServer, type Server } from './server.ts';
import { CARRIES, createVoice, type Voice } from './software.ts';
import type { StackName } from './stacks.ts';
import { createView, type View, type ViewName } from './view.ts';

export interface SimulateOptions {
  /** Whole number from 0. */
  readonly seed: number;
  /** Actors in all, from 1. */
  readonly clients: number;
  /** Every gateway tells the same; else each deployment draws its own view. */
  readonly view?: ViewName;
}

const START = Date.UTC(2026, 0, 5);
const DAY_MS = 86_400_000;
/** An actor ends at whichever comes first. */
const MAX_CALLS = 3000;
const MAX_LIFE_MS = 12 * 3600_000;
/** nginx's default for keepalive_requests. */
const MAX_CONNECTION_CALLS = 1000;

/** One address and one voice of an actor; most have one. */
interface Face {
  readonly address: string;
  readonly voice: Voice;
}

interface Connection {
  readonly id: string;
  readonly address: string;
  requests: number;
  usedAt: number;
}

interface Deployment {
  readonly name: string;
  readonly api: Api;
  readonly view: View;
  readonly server: Server;
  readonly random: Random;
  readonly hasTls: boolean;
  readonly offersHttp2: boolean;
  readonly idleLimitMs: number;
  readonly headerBytes: number;
  connections: number;
}

interface Actor {
  readonly truth: Truth;
  readonly deployment: Deployment;
  readonly random: Random;
  readonly faces: readonly Face[];
  readonly callsPerFace: number;
  readonly certificate: string;
  readonly context: Context;
  readonly startsAt: number;
  course: Course | null;
  next: Step | null;
  at: number;
  order: number;
  calls: number;
  pool: Connection[];
}

/** The same seed and options give the same calls, byte for byte. */
export const loadCalls: LoadCalls = (options) => simulate(options);

export function* simulate({ seed, clients, view }: SimulateOptions): Generator<LabelledCall> {
  const world = createWorld(seed, clients, view);
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

interface World {
  readonly random: Random;
  readonly seed: number;
  readonly view: ViewName | undefined;
  readonly heap: Actor[];
  clientsLeft: number;
  nextDeploymentAt: number;
  deployments: number;
  addresses: number;
  actors: number;
}

function createWorld(seed: number, clients: number, view: ViewName | undefined): World {
  const random = createRandom(seed);
  const nextDeploymentAt = START + (Math.abs(Math.trunc(seed)) % 28) * DAY_MS + random.int(0, 86_399) * 1000;
  return { random, seed, view, heap: [], clientsLeft: clients, nextDeploymentAt, deployments: 0, addresses: 0, actors: 0 };
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
  const isSite = random.chance(0.22);
  const deployment = createDeployment(world, random, isSite);
  const count = Math.min(world.clientsLeft, random.logInt(20, 200));
  const badShare = isSite ? random.pick([0.02, 0.1, 0.3, 0.5]) : random.real(0.3, 0.85);
  const windowMs = random.log(2 * 60_000, 4 * 3600_000);
  const nats: Nats = { open: [], random, chance: random.pick([0, 0, 0.05, 0.2, 0.5]) };
  for (let i = 0; i < count; i++) {
    const label = random.chance(badShare) ? 'bad' : 'good';
    const startsAt = Math.floor(world.nextDeploymentAt + random.real(0, windowMs));
    push(world.heap, createActor(world, deployment, label, startsAt, nats));
  }
  world.clientsLeft -= count;
  // In whole seconds, so that no call of it is told as earlier.
  world.nextDeploymentAt += random.int(60, 1500) * 1000;
}

function createDeployment(world: World, random: Random, isSite: boolean): Deployment {
  const api = createApi(random, isSite);
  return {
    name: `d${world.deployments++}`,
    api,
    view: createView(random, isSite, world.view),
    server: createServer(api, random.fork()),
    random,
    hasTls: random.chance(0.8),
    offersHttp2: random.chance(isSite ? 0.35 : 0.6),
    idleLimitMs: random.log(4000, 120_000),
    headerBytes: random.int(140, 420),
    connections: random.int(1, 1e6),
  };
}

/** An address that several actors of a deployment share. */
interface Nat {
  readonly address: string;
  readonly group: string;
  /** Whether one attacker may be among them. */
  readonly isMixed: boolean;
  /** What is seen of the software of each label there. */
  readonly seen: Map<string, Truth['label']>;
  left: number;
}

interface Nats {
  readonly open: Nat[];
  readonly random: Random;
  /** How often a client sits behind one. */
  readonly chance: number;
}

function createActor(world: World, deployment: Deployment, label: Truth['label'], startsAt: number, nats: Nats): Actor {
  const random = deployment.random.fork();
  const kinds = label === 'bad' ? BAD_KINDS : GOOD_KINDS;
  const kindName = random.weighted(weightsOf(kinds, deployment.api.isSite));
  const kind = kinds[kindName]!;
  const tool = random.pick(kind.software);
  const disguise = random.weighted(kind.disguises as Record<'none', number>);
  const voice = createVoice(random, tool, disguise);
  const nat = joinNat(world, deployment, nats, voice, label);
  const name = `${deployment.name}-c${world.actors++}`;
  const address = nat?.address ?? drawAddress(world, random);
  const { faces, callsPerFace } = drawFaces(world, random, kind, { address, voice }, label, nat !== null);
  const truth = { client: name, label, kind: kindName, tool, group: nat?.group ?? name };
  return {
    truth,
    deployment,
    random,
    faces,
    callsPerFace,
    certificate: random.hex(64),
    context: createContext(deployment, random, kind, label, startsAt),
    startsAt,
    course: null,
    next: null,
    at: startsAt,
    order: world.actors,
    calls: 0,
    pool: [],
  };
}

function weightsOf(kinds: Readonly<Record<string, Kind>>, isSite: boolean): Record<string, number> {
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, isSite ? kind.onSite : kind.onApi]));
}

/** Good and bad share an address only where the gateway shows a difference between their programs. */
function joinNat(world: World, deployment: Deployment, nats: Nats, voice: Voice, label: Truth['label']): Nat | null {
  const { random, open } = nats;
  if (!random.chance(nats.chance)) return null;
  const seenAs = fingerprintOf(deployment, voice);
  for (const nat of open) {
    const others = nat.seen.get(seenAs);
    const fits = label === 'good' ? others !== 'bad' : nat.isMixed && others !== 'good' && seenAs !== '';
    if (nat.left <= 0 || !fits) continue;
    nat.left--;
    nat.seen.set(seenAs, label);
    return nat;
  }
  if (label === 'bad') return null;
  const group = `${deployment.name}-nat${open.length}`;
  const isMixed = random.chance(0.3) && seenAs !== '';
  open.push({
    address: drawAddress(world, random),
    group,
    isMixed,
    seen: new Map([[seenAs, label]]),
    left: random.logInt(1, 20),
  });
  return open.at(-1)!;
}

function fingerprintOf({ view, hasTls }: Deployment, voice: Voice): string {
  if (hasTls && view.tells.has('ja4')) return voice.ja4;
  if (hasTls && view.tells.has('ja3')) return voice.ja3;
  return view.tells.has('userAgent') ? voice.family : '';
}

/** Addresses follow one another through a bijection, so that each is new and none tells who has it. */
function drawAddress(world: World, random: Random): string {
  const n = scatter(world.addresses++, world.seed ^ 0x3c6ef372);
  if (random.chance(0.06)) return `2001:db8:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}::${random.hex(4)}`;
  const first = 11 + ((n >>> 24) % 200);
  return `${first === 127 ? 99 : first}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** How often one actor shows one face, or several. */
const FACES = {
  good: { one: 95, addresses: 5, voices: 0, both: 0 },
  bad: { one: 86, addresses: 6, voices: 6, both: 2 },
} as const;

/** Addresses and voices that an actor goes through: phones change networks, attackers change both. */
function drawFaces(
  world: World,
  random: Random,
  kind: Kind,
  first: Face,
  label: Truth['label'],
  isShared: boolean,
): { faces: Face[]; callsPerFace: number } {
  const how = isShared ? 'one' : random.weighted(FACES[label]);
  if (how === 'one') return { faces: [first], callsPerFace: MAX_CALLS };
  const count = label === 'bad' ? random.logInt(2, 25) : random.int(2, 5);
  const faces = Array.from({ length: count }, (_x, n) => {
    if (n === 0) return first;
    const address = how === 'voices' ? first.address : drawAddress(world, random);
    const voice = how === 'addresses' ? first.voice : otherVoice(random, kind, first.voice.tool);
    return { address, voice };
  });
  return { faces, callsPerFace: label === 'bad' ? random.logInt(1, 10) : random.logInt(1, 60) };
}

function otherVoice(random: Random, kind: Kind, tool: StackName): Voice {
  return createVoice(random, random.chance(0.8) ? tool : random.pick(kind.software), random.chance(0.6) ? 'browser' : 'none');
}

function createContext(deployment: Deployment, random: Random, kind: Kind, label: Truth['label'], now: number): Context {
  return {
    random,
    api: deployment.api,
    manners: drawManners(random, label),
    account: random.int(0, 1e6),
    credential: null,
    failRun: 0,
    posesAs: null,
    now,
    pace: createPace(random, kind.paceMs),
    issueKey: (owner, scheme) => deployment.server.issueKey(owner, scheme),
  };
}

function drawManners(random: Random, label: Truth['label']): Manners {
  const isGood = label === 'good';
  return {
    heeds: random.chance(isGood ? 0.85 : 0.3),
    retries: random.pick(isGood ? [0, 1, 2, 3, 3, 5] : [0, 0, 0, 1, 3]),
    retryMs: random.log(20, 4000),
    renews: random.chance(isGood ? 0.93 : 0.4),
    patience: random.logInt(2, isGood ? 25 : 60),
  };
}

/** Makes the actor's call that is due and asks it for the next; null where it had none to make. */
function act(actor: Actor, id: string): LabelledCall | null {
  if (!actor.course) {
    const kinds = actor.truth.label === 'bad' ? BAD_KINDS : GOOD_KINDS;
    actor.course = kinds[actor.truth.kind]!.run(actor.context);
    const first = actor.course.next();
    if (first.done) return null;
    // A client's first call is when it starts, whatever its pace.
    actor.next = first.value;
  }
  const step = actor.next!;
  const truth = truthOf(actor);
  const face = actor.faces[Math.floor(actor.calls / actor.callsPerFace) % actor.faces.length]!;
  const { answer, credential } = serve(actor, step, face);
  const call = callOf(actor, step, face, answer, credential, id);
  actor.calls++;
  advance(actor, answer);
  return { call, truth };
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
  if (actor.calls >= MAX_CALLS || actor.at - actor.startsAt > MAX_LIFE_MS) actor.next = null;
}

/** A gateway that verifies a token tells whose it is; one that hashes the token as it comes has verified nothing. */
function isVerified({ rules }: Api, credential: Credential | null, { status }: Answer): boolean {
  if (credential === null || !credential.isValid || status === 401) return false;
  return credential.scheme !== 'bearer' || rules.subjectIs === 'account';
}

function callOf(actor: Actor, step: Step, face: Face, answer: Answer, credential: Credential | null, id: string): ApiCall {
  const { deployment, at } = actor;
  const { view, api } = deployment;
  const { voice } = face;
  const connection = connect(actor, face, step, at);
  const hasBody = step.bodyBytes !== undefined && step.bodyBytes > 0;
  const hasCookie = voice.cookies && actor.calls > 0;
  const headerNames = voice.headerNames(carriesOf(step, credential, hasBody, hasCookie));
  const { hasTls } = deployment;
  const call: ApiCall = {
    id,
    time: toldTime(actor),
    clientIp: face.address,
    method: step.method,
    path: step.path,
    status: answer.status,
    query: step.query ?? null,
    host: api.host,
    route: view.tells.has('route') ? routeOf(api, step.path) : null,
    gateway: deployment.name,
    tenant: deployment.name,
    requestBytes: (view.countsHeaders ? 60 + step.path.length + headerNames.length * 29 : 0) + (step.bodyBytes ?? 0),
    responseBytes: answer.bytes + (view.countsHeaders && answer.status !== 499 ? deployment.headerBytes : 0),
    durationMs: Math.fround(answer.durationMs),
    httpVersion: voice.http2 && deployment.offersHttp2 && hasTls ? '2' : '1.1',
    userAgent: voice.userAgent,
    accept: step.accept ?? voice.accept,
    acceptEncoding: voice.acceptEncoding,
    acceptLanguage: voice.acceptLanguage,
    contentType: hasBody ? (step.contentType ?? 'application/json') : null,
    referer: step.referer ?? null,
    headerNames,
    hasCookie,
    tlsVersion: hasTls ? voice.tlsVersion : null,
    tlsCipher: hasTls ? voice.tlsCipher : null,
    ja3: hasTls ? voice.ja3 : null,
    ja4: hasTls ? voice.ja4 : null,
    tlsResumed: hasTls ? connection.isResumed : null,
    clientCertificate: actor.certificate,
    connectionId: connection.id,
    connectionRequests: connection.requests,
    authScheme: credential?.scheme ?? 'none',
    subject: credential?.subject ?? null,
    identityVerified: isVerified(api, credential, answer),
    account: step.login ? scatter(step.login.account, 41).toString(16).padStart(8, '0') : null,
    bodySample: null,
  };
  const told = call as unknown as Record<string, unknown>;
  for (const field of view.hides) told[field] = null;
  return call;
}

function carriesOf(step: Step, credential: { scheme: string } | null, hasBody: boolean, hasCookie: boolean): number {
  return (
    (hasBody ? CARRIES.body : 0) |
    (credential ? (credential.scheme === 'apiKey' ? CARRIES.key : CARRIES.authorization) : 0) |
    (step.referer ? CARRIES.referer : 0) |
    (hasCookie ? CARRIES.cookie : 0) |
    (step.seenAt === undefined ? 0 : CARRIES.condition) |
    (step.hasOrigin ? CARRIES.origin : 0) |
    (step.method === 'PROPFIND' ? CARRIES.depth : 0)
  );
}

/** The template where the gateway has a route for the path. */
function routeOf(api: Api, path: string): string | null {
  if (api.endpoints.has(path)) return path;
  const resource = api.resources.find((r) => path === r.path || path.startsWith(`${r.path}/`));
  if (!resource) return null;
  if (path === resource.path) return path;
  return `${resource.path}/{id}${path.endsWith(`/${resource.child}`) ? `/${resource.child}` : ''}`;
}

/** The connection that a call goes over: kept alive, one of a pool, or a new one. */
function connect(
  { pool, deployment, random }: Actor,
  face: Face,
  step: Step,
  at: number,
): { id: string; requests: number; isResumed: boolean } {
  const { voice } = face;
  const slot =
    step.alongside && !voice.http2
      ? random.int(0, Math.max(voice.pool, 6) - 1)
      : voice.pool > 1
        ? random.int(0, voice.pool - 1)
        : 0;
  const old = pool[slot];
  const isOpen = old && voice.keepsAlive && old.address === face.address && at - old.usedAt < deployment.idleLimitMs;
  if (isOpen && old.requests < MAX_CONNECTION_CALLS) {
    old.requests++;
    old.usedAt = at;
    return { id: old.id, requests: old.requests, isResumed: false };
  }
  const id = String(deployment.connections++);
  pool[slot] = { id, address: face.address, requests: 1, usedAt: at };
  return { id, requests: 1, isResumed: old !== undefined && voice.resumes && random.chance(0.8) };
}

// A binary heap by time, then by the order of arrival.

/** By the time as told; where that is cut to seconds, by the full time within. */
function isBefore(a: Actor, b: Actor): boolean {
  const difference = toldTime(a) - toldTime(b) || a.at - b.at || a.order - b.order;
  return difference < 0;
}

function toldTime({ at, deployment }: Actor): number {
  return deployment.view.wholeSeconds ? at - (at % 1000) : at;
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
