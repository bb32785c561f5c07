/** Who calls: actors with what they do, the addresses they have and how they speak. */
import type { Truth } from '../dataset.ts';
import { type Context, type Course, createPace, type Kind, type Manners, type Step } from './actor.ts';
import { BAD_KINDS } from './bad-kinds.ts';
import { imitateCrowd, startInCrowd } from './crowd.ts';
import type { Deployment } from './deployment.ts';
import { createFittedPace, drawKind, drawQuantile, type FittedKind } from './fitted.ts';
import { GOOD_KINDS } from './good-kinds.ts';
import { createRandom, type Random, scatter } from './random.ts';
import { createVoice, type Disguise, hashName, type Voice } from './software.ts';
import type { StackName } from './stacks.ts';

/** An actor ends at whichever comes first. */
const MAX_CALLS = 3000;
const MAX_LIFE_MS = 12 * 3600_000;

export interface Connection {
  readonly id: string;
  requests: number;
  usedAt: number;
}

/** One address and one voice of an actor; most have one. */
export interface Face {
  readonly address: string;
  readonly voice: Voice;
  readonly pool: Connection[];
  calls: number;
}

export interface Actor {
  readonly truth: Truth;
  readonly deployment: Deployment;
  readonly random: Random;
  readonly kind: Kind;
  readonly faces: readonly Face[];
  readonly callsPerFace: number;
  readonly certificate: string;
  readonly context: Context;
  readonly maxCalls: number;
  readonly endsAt: number;
  course: Course | null;
  next: Step | null;
  at: number;
  order: number;
  calls: number;
}

/** What is counted over all deployments. */
export interface Counts {
  readonly seed: number;
  addresses: number;
  actors: number;
}

/** What is drawn of an actor before it has an address. */
interface Role {
  readonly label: Truth['label'];
  readonly kindName: string;
  readonly kind: Kind;
  readonly voice: Voice;
  readonly startsAt: number;
}

export function createActor(counts: Counts, deployment: Deployment, label: Truth['label'], nats: Nats): Actor {
  const random = deployment.random.fork();
  const role = drawRole(deployment, random, label);
  const { kind, kindName, voice, startsAt } = role;
  const nat = kind.addresses || kind.voices ? null : joinNat(counts, deployment, nats, voice, label);
  const name = `${deployment.name}-c${counts.actors++}`;
  const first = nat?.address ?? drawAddress(counts, random);
  const { faces, callsPerFace } = drawFaces(counts, random, role, first, nat !== null);
  const truth = { client: name, label, kind: kindName, tool: voice.tool, group: nat?.group ?? name };
  const endsAt = Math.min(deployment.time.endsAt, startsAt + MAX_LIFE_MS);
  const fitted = drawKind(random, deployment.fitted, label, kindName);
  return {
    truth,
    deployment,
    random,
    kind,
    faces,
    callsPerFace,
    certificate: random.hex(64),
    context: createContext(deployment, random, role, { faces: faces.length, lifeMs: endsAt - startsAt, fitted }),
    maxCalls: fitted && !kind.addresses ? Math.min(MAX_CALLS, Math.ceil(drawQuantile(random, fitted.calls))) : MAX_CALLS,
    endsAt,
    course: null,
    next: null,
    at: startsAt,
    order: counts.actors,
    calls: 0,
  };
}

function drawRole(deployment: Deployment, random: Random, label: Truth['label']): Role {
  const { crowd, time } = deployment;
  const kinds = label === 'bad' ? BAD_KINDS : GOOD_KINDS;
  if (crowd && label === 'good' && random.chance(crowd.share)) {
    const kindName = random.weighted(crowd.kinds);
    const startsAt = startInCrowd(random, time, crowd);
    return { label, kindName, kind: kinds[kindName]!, voice: random.pick(crowd.voices), startsAt };
  }
  const kindName = random.weighted(weightsOf(kinds, deployment.api.isSite, crowd !== null));
  const kind = kinds[kindName]!;
  // Who has many addresses needs time to use them.
  const startsAt = Math.floor(time.startsAt + random.real(0, time.windowMs * (kind.addresses ? 0.3 : 0.9)));
  const tool = random.pick(kind.software);
  if (crowd && label === 'bad' && random.chance(kind.addresses ? 0.6 : 0.3))
    return { label, kindName, kind, voice: imitateCrowd(random, crowd, tool), startsAt };
  const disguise = random.weighted(kind.disguises as Record<'none', number>);
  return { label, kindName, kind, voice: drawVoice(deployment, random, tool, disguise), startsAt };
}

function drawVoice({ builds, fitted }: Deployment, random: Random, tool: StackName, disguise: Disguise): Voice {
  const isShared = builds !== null && disguise === 'none';
  return createVoice(isShared ? createRandom(builds + hashName(tool) + random.int(0, 1)) : random, tool, disguise, fitted);
}

/** Where a crowd is, attacks from many addresses are more frequent: what tells them apart is seen there alone. */
function weightsOf(kinds: Readonly<Record<string, Kind>>, isSite: boolean, hasCrowd: boolean): Record<string, number> {
  const weightOf = ({ onSite, onApi, addresses }: Kind) => (isSite ? onSite : onApi) * (addresses && hasCrowd ? 4 : 1);
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, weightOf(kind)]));
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

export interface Nats {
  readonly open: Nat[];
  readonly random: Random;
  /** How often a client sits behind one. */
  readonly chance: number;
}

/** Good and bad share an address only where the gateway shows a difference between their programs. */
function joinNat(counts: Counts, deployment: Deployment, nats: Nats, voice: Voice, label: Truth['label']): Nat | null {
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
    address: drawAddress(counts, random),
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
function drawAddress(counts: Counts, random: Random): string {
  const n = scatter(counts.addresses++, counts.seed ^ 0x3c6ef372);
  if (random.chance(0.06)) return `2001:db8:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}::${random.hex(4)}`;
  const first = 11 + ((n >>> 24) % 200);
  return `${first === 127 ? 99 : first}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** How often one actor shows one face, or several. */
const FACES = {
  good: { one: 95, addresses: 5, voices: 0, both: 0 },
  bad: { one: 84, addresses: 7, voices: 6, both: 3 },
} as const;

/** Addresses and voices that an actor goes through: phones change networks, attackers change both. */
function drawFaces(
  counts: Counts,
  random: Random,
  role: Role,
  address: string,
  isShared: boolean,
): { faces: Face[]; callsPerFace: number } {
  const { label, kind, voice } = role;
  const first = faceOf(address, voice);
  const another = () => faceOf(drawAddress(counts, random), voice);
  if (kind.addresses) {
    const more = random.logInt(...kind.addresses) - 1;
    return { faces: [first, ...Array.from({ length: more }, another)], callsPerFace: 1 };
  }
  if (kind.voices) {
    const speak = () =>
      faceOf(address, createVoice(random, random.pick(kind.software), random.chance(0.3) ? 'own-name' : 'none'));
    return { faces: [first, ...Array.from({ length: random.int(...kind.voices) - 1 }, speak)], callsPerFace: 1 };
  }
  if (kind.turns) {
    // Some thieves carry the credential home, to a program of their own.
    const elsewhere = () =>
      faceOf(drawAddress(counts, random), random.chance(0.5) ? voice : otherVoice(random, kind, voice.tool));
    return { faces: !isShared && random.chance(0.35) ? [first, elsewhere()] : [first], callsPerFace: MAX_CALLS };
  }
  const how = isShared ? 'one' : random.weighted(FACES[label]);
  if (how === 'one') return { faces: [first], callsPerFace: MAX_CALLS };
  const count = label === 'bad' ? random.logInt(2, 25) : random.int(2, 5);
  const faces = Array.from({ length: count }, (_x, n) => {
    if (n === 0) return first;
    const from = how === 'voices' ? address : drawAddress(counts, random);
    return faceOf(from, how === 'addresses' ? voice : otherVoice(random, kind, voice.tool));
  });
  return { faces, callsPerFace: label === 'bad' ? random.logInt(1, 10) : random.logInt(1, 60) };
}

function faceOf(address: string, voice: Voice): Face {
  return { address, voice, pool: [], calls: 0 };
}

function otherVoice(random: Random, kind: Kind, tool: StackName): Voice {
  return createVoice(random, random.chance(0.8) ? tool : random.pick(kind.software), random.chance(0.6) ? 'browser' : 'none');
}

interface Prospects {
  readonly faces: number;
  readonly lifeMs: number;
  readonly fitted: FittedKind | null;
}

function createContext(deployment: Deployment, random: Random, { kind, label, startsAt }: Role, prospects: Prospects): Context {
  const { time } = deployment;
  const { fitted } = prospects;
  const decides = kind.addresses !== undefined || kind.voices !== undefined || kind.turns === true;
  return {
    ...prospects,
    random,
    api: deployment.api,
    manners: drawManners(random, label),
    account: random.int(0, 1e6),
    credential: null,
    failRun: 0,
    posesAs: null,
    from: decides ? 0 : null,
    now: startsAt,
    // What was measured was measured in a short range; in life the same clients take longer.
    pace: fitted
      ? createFittedPace(random, fitted, time.quicker > 1 ? 1 : random.log(1, 10))
      : createPace(random, kind.paceMs, time.quicker),
    issueKey: (owner, scheme) => deployment.server.issueKey(owner, scheme),
  };
}

function drawManners(random: Random, label: Truth['label']): Manners {
  const isGood = label === 'good';
  return {
    heeds: random.chance(isGood ? 0.85 : 0.3),
    isPunctual: random.chance(0.5),
    retries: random.pick(isGood ? [0, 1, 2, 3, 3, 5] : [0, 0, 0, 1, 3]),
    retryMs: random.log(20, 4000),
    renews: random.chance(isGood ? 0.93 : 0.4),
    patience: random.logInt(2, isGood ? 25 : 60),
  };
}
