/** Who runs when: clients dealt from the table of programs, started at random times, bounded in number and time. */
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { createRandom, type Random } from '../simulator/random.ts';
import { MAX_SEATS, type World } from './api-world.ts';
import type { Site } from './gateways.ts';
import { type Started, startProcess } from './processes.ts';
import type { Program } from './program.ts';
import { MAX_HOSTS, prepareSeat, type SeatPlan } from './seats.ts';

/** A client runs on for so long after its time before it is ended. */
const GRACE_SECONDS = 5;
/** Clients give way to API and gateway, so that waits tell of the client, not of the machine. */
const CLIENT_NICENESS = 5;

export interface ClientPlan extends SeatPlan {
  readonly program: Program;
  /** Seconds after the capture's start. */
  readonly startsAt: number;
}

export interface ClientRun {
  readonly plan: ClientPlan;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** null where it had to be ended. */
  readonly exitCode: number | null;
}

export interface PlanOptions {
  readonly seed: number;
  /** Length of the capture. */
  readonly seconds: number;
  /** Multiplies the number of clients of each program, which is at least 1. */
  readonly scale: number;
}

/**
 * Deals clients. Seats, hosts and start times are drawn over all clients alike: they tell nothing of the program.
 *
 * @throws Error where there are more clients or addresses than the range can tell apart
 */
export function planClients(programs: readonly Program[], { seed, seconds, scale }: PlanOptions): ClientPlan[] {
  const random = createRandom(seed * 31 + 7);
  const wanted = programs.flatMap((program) => dealForms(random, program, Math.max(1, Math.round(program.clients * scale))));
  const hosts = wanted.reduce((sum, { program }) => sum + (program.addresses ?? 1), 0);
  if (wanted.length > MAX_SEATS || hosts > MAX_HOSTS)
    throw new Error(`${wanted.length} clients on ${hosts} addresses; at most ${MAX_SEATS} on ${MAX_HOSTS}`);
  const freeHosts = random.shuffle(Array.from({ length: MAX_HOSTS }, (_, n) => n));
  const plans = random.shuffle(wanted).map(({ program, form }, seat) => {
    const own = freeHosts.splice(0, program.addresses ?? 1);
    return planClient(random, program, form, { seat, hosts: own, startsAt: random.real(0, seconds), most: seconds });
  });
  return plans.toSorted((a, b) => a.startsAt - b.startsAt);
}

type Place = Pick<ClientPlan, 'seat' | 'hosts' | 'startsAt'> & { readonly most: number };

/** Forms in turn from a drawn one on, so that small captures with other seeds show other forms. */
function dealForms(random: Random, program: Program, clients: number) {
  const first = random.int(0, program.forms.length - 1);
  return Array.from({ length: clients }, (_, i) => ({ program, form: program.forms[(first + i) % program.forms.length]! }));
}

function planClient(random: Random, program: Program, form: string, { most, ...place }: Place): ClientPlan {
  const seconds = Math.min(program.seconds, most);
  const turn = form === 'hijack' ? Math.round(random.real(0.3, 0.6) * seconds) : 0;
  return { ...place, program, form, seconds, turn, seed: random.int(1, 2 ** 31 - 1) };
}

export interface RunOptions {
  readonly folder: string;
  /** Clients at once; those whose time has come wait for a place. */
  readonly maxLive: number;
  readonly say: (line: string) => void;
}

/** Runs all clients to their end. A client that cannot start is one that ended at once. */
export async function runClients(
  plans: readonly ClientPlan[],
  world: World,
  site: Site,
  options: RunOptions,
): Promise<ClientRun[]> {
  const startMs = Date.now();
  const runs: ClientRun[] = [];
  const live = new Set<Promise<void>>();
  for (const [i, plan] of plans.entries()) {
    await sleep(startMs + plan.startsAt * 1000 - Date.now());
    while (live.size >= options.maxLive) await Promise.race(live);
    if (i % 25 === 0)
      options.say(`${Math.round((Date.now() - startMs) / 1000)} s: client ${i} of ${plans.length}, ${live.size} live`);
    const done = runClient(plan, world, site, options).then((run) => {
      runs.push(run);
      live.delete(done);
    });
    live.add(done);
  }
  await Promise.all(live);
  return runs;
}

async function runClient(plan: ClientPlan, world: World, site: Site, { folder, say }: RunOptions): Promise<ClientRun> {
  const startedAtMs = Date.now();
  let exitCode: number | null = null;
  try {
    const started = startClient(plan, world, site, folder);
    const limit = setTimeout(() => void started.stop(), (plan.seconds + GRACE_SECONDS) * 1000);
    exitCode = await started.ended;
    clearTimeout(limit);
    // Children that it left behind must not call on under another's label.
    await started.stop();
  } catch (error) {
    say(`${plan.program.name} could not start: ${(error as Error).message}`);
  }
  return { plan, startedAtMs, endedAtMs: Date.now(), exitCode };
}

function startClient(plan: ClientPlan, world: World, site: Site, folder: string): Started {
  const seat = prepareSeat(plan, world, site, folder);
  const { file, args, env, stdin } = plan.program.start(seat);
  const log = join(folder, 'logs', `${plan.program.name}-${plan.seat}.log`);
  const started = startProcess(file, args, { env: { ...seat.env, ...env }, cwd: seat.folder, stdin, log });
  if (started.child.pid !== undefined) yieldPriority(started.child.pid);
  return started;
}

function yieldPriority(pid: number): void {
  try {
    setPriority(pid, CLIENT_NICENESS);
  } catch {
    // It has ended already.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
