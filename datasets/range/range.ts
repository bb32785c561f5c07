/** `npm run range`: real programs against a real gateway before a realistic API, captured from the gateway's log. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { createRandom } from '../simulator/random.ts';
import { createWorld, type World } from './api-world.ts';
import { readCapture } from './capture.ts';
import { createTable, labelAddresses, writeCapture, writeProgramTable } from './captures.ts';
import { type GatewayName, type Site, startSite } from './gateways.ts';
import { CAPTURES_DIR, WORK_DIR } from './places.ts';
import { stopAllNow } from './processes.ts';
import type { Program } from './program.ts';
import { FIRST, FURTHER, findPrograms } from './programs.ts';
import { planClients, runClients } from './schedule.ts';
import { hostLines, MAX_HOSTS, prepareSeat } from './seats.ts';
import { setUp } from './setup.ts';
import { SHAPES, type ShapeName } from './shape.ts';

interface CommonOptions {
  readonly shape: ShapeName;
  readonly gateway: GatewayName;
  readonly seed: number;
  readonly port: number;
}

const IN_NAMESPACE = 'RANGE_NAMESPACE';

const say = (line: string) => void process.stderr.write(`${line}\n`);

/**
 * Sets up, then starts this process again in a mount namespace of its own, where /etc/hosts can be another one without
 * the machine noticing; returns in there only.
 */
async function enterNamespace(programs: readonly Program[]): Promise<void> {
  if (process.env[IN_NAMESPACE]) return;
  setUp(needsOf(programs), say);
  const flags = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const child = spawn('unshare', [...flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [IN_NAMESPACE]: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.exit(await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1))));
}

/** @throws Error where mounting is not allowed */
function nameHosts(folder: string): void {
  const path = join(folder, 'hosts');
  writeFileSync(path, hostLines(MAX_HOSTS));
  const { status, stderr } = spawnSync('mount', ['--bind', path, '/etc/hosts'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot give names to the clients' hosts: ${stderr}`);
}

function needsOf(programs: readonly Program[]) {
  return programs.map(({ needs }) => needs);
}

function createRunFolder(name: string): string {
  const folder = join(WORK_DIR, 'run', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function dieTogether(): void {
  process.once('exit', stopAllNow);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(0));
}

interface ServeOptions extends CommonOptions {
  readonly seats: number;
}

/** Addresses of the last of the seats that `serve` hands out; the others have one. */
const MANY = 30;

async function serve(options: ServeOptions): Promise<void> {
  await enterNamespace([]);
  dieTogether();
  const folder = createRunFolder(`serve-${process.pid}`);
  nameHosts(folder);
  const site = await startSite({ ...options, folder, salt: createRandom(options.seed).hex(16) });
  const world = createWorld(SHAPES[options.shape], options.seed, Date.now());
  for (let seat = 0; seat < options.seats; seat++) writeSeat(seat, options, world, site, folder);
  const enter = writeEnter(folder);
  process.stdout.write(`base URL  https://h0000.range.test:${site.port} (names resolve inside only)\n`);
  process.stdout.write(`log       ${site.log}\nenter     ${enter} SEAT COMMAND…   (SEAT 0 to ${options.seats - 1})\n`);
  await new Promise(() => {});
}

interface CaptureCommandOptions extends CommonOptions {
  readonly name?: string;
  readonly seconds: number;
  readonly scale: number;
  readonly only: readonly string[];
  readonly live: number;
  readonly most: number;
  readonly try?: boolean;
}

async function capture(options: CaptureCommandOptions): Promise<void> {
  const programs = findPrograms(options.only);
  await enterNamespace(programs);
  dieTogether();
  const name = options.name ?? `${options.shape}-${options.gateway}`;
  const folder = createRunFolder(`${name}-${process.pid}`);
  mkdirSync(join(folder, 'logs'));
  nameHosts(folder);
  const plans = planClients(programs, options);
  const random = createRandom(options.seed + 17);
  const salt = random.hex(16);
  const world = createWorld(SHAPES[options.shape], options.seed, Date.now());
  const site = await startSite({ ...options, folder, salt });
  say(`${plans.length} clients of ${programs.length} programs in ${options.seconds} s; logs in ${join(folder, 'logs')}`);
  const runs = await runClients(plans, world, site, { folder, maxLive: options.live, say });
  await site.stop();
  const labels = labelAddresses(runs, random);
  const result = await readCapture(site.log, { name, salt, labels, mostPerClient: options.most });
  const out = options.try ? join(WORK_DIR, 'captures') : CAPTURES_DIR;
  const table = createTable(options, name, programs, runs, result);
  writeCapture(out, name, result.calls, [...labels.values()], table);
  say(`${result.calls.length} calls of ${plans.length} clients in ${join(out, name)}.*; ${result.foreign} lines were no call`);
  // What the programs printed is kept; what could hold credentials is not.
  for (const path of [site.log, site.davFolder, site.caldavFolder, join(folder, 'seats')]) rmSync(path, { recursive: true });
}

function writeSeat(seat: number, options: ServeOptions, world: World, site: Site, folder: string): void {
  const isLast = seat === options.seats - 1;
  const hosts = isLast ? Array.from({ length: MANY }, (_, i) => options.seats + i) : [seat];
  const plan = { seat, hosts, seed: options.seed * 1000 + seat, form: 'plain', seconds: 60, turn: 0 };
  const { env, folder: own } = prepareSeat(plan, world, site, folder);
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`);
  writeFileSync(join(own, 'env.sh'), `${lines.join('\n')}\n`);
}

/** A script that runs a command where the names resolve, with a seat's environment. */
function writeEnter(folder: string): string {
  const path = join(folder, 'enter');
  const inner = `. "${folder}/seats/$1/env.sh"; cd "${folder}/seats/$1"; shift; exec "$@"`;
  const flags = 'flags=-m; [ "$(id -u)" = 0 ] || flags="-U --preserve-credentials -m"';
  writeFileSync(path, `#!/bin/sh\n${flags}\nexec nsenter -t ${process.pid} $flags sh -c '${inner}' enter "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const whole = (text: string) => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${text} is not a whole number`);
  return number;
};

function addCommon(command: Command): Command {
  return command
    .addOption(new Option('--shape <name>', 'of the API').choices(Object.keys(SHAPES)).default('shop'))
    .addOption(new Option('--gateway <name>', 'before it').choices(['nginx', 'envoy']).default('nginx'))
    .option('--seed <n>', 'the data and all chance follow from it', whole, 1)
    .option('--port <n>', 'where the gateway listens; another where it is taken', whole, 8443);
}

const program = new Command('range');
addCommon(program.command('serve').description('keep API and gateway up, to try programs by hand'))
  .option('--seats <n>', 'seats to prepare', whole, 24)
  .action(serve);

const names = (text: string) => text.split(',').filter(Boolean);
const share = (text: string) => {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${text} is not above 0`);
  return number;
};

program
  .command('setup')
  .description('bring what the programs need')
  .option('--only <names>', 'programs, with commas', names, [])
  .action(({ only }: { only: readonly string[] }) => setUp(needsOf(findPrograms(only)), say));

/** The captures that are committed; each takes some ten minutes on two cores. */
const COMMITTED = [
  { name: 'shop-nginx', shape: 'shop', gateway: 'nginx', seed: 11, seconds: 420 },
  { name: 'bank-envoy', shape: 'bank', gateway: 'envoy', seed: 12, seconds: 420 },
  { name: 'desk-nginx', shape: 'desk', gateway: 'nginx', seed: 13, seconds: 420 },
  { name: 'shop-envoy', shape: 'shop', gateway: 'envoy', seed: 14, seconds: 400 },
  { name: 'bank-nginx', shape: 'bank', gateway: 'nginx', seed: 15, seconds: 400 },
] as const;

/** The same for the programs that came later. */
const COMMITTED_FURTHER = [
  { name: 'desk-envoy', shape: 'desk', gateway: 'envoy', seed: 21, seconds: 440, scale: 0.55 },
  { name: 'shop-nginx-2', shape: 'shop', gateway: 'nginx', seed: 22, seconds: 440, scale: 0.55 },
  { name: 'bank-envoy-2', shape: 'bank', gateway: 'envoy', seed: 23, seconds: 440, scale: 0.5 },
] as const;

/** One process a capture: each has a mount namespace of its own. */
function captureAll(): void {
  for (const facts of COMMITTED) captureOne(facts, { scale: 0.4, live: 56 }, FIRST);
  for (const facts of COMMITTED_FURTHER) captureOne(facts, { live: 46, most: 1500 }, FURTHER);
  writeProgramTable(CAPTURES_DIR);
}

function captureOne(facts: { readonly name: string }, settings: object, programs: readonly Program[]): void {
  const only = programs.map(({ name }) => name).join(',');
  const options = Object.entries({ ...facts, ...settings, only }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { status } = spawnSync(process.execPath, [process.argv[1]!, 'capture', ...options], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${facts.name} failed`);
}

program.command('all', { isDefault: true }).description('make the committed captures and their table anew').action(captureAll);

program
  .command('table')
  .description('write the table of programs of all captures')
  .action(() => writeProgramTable(CAPTURES_DIR));

addCommon(program.command('capture').description('run all programs and write a capture'))
  .option('--name <name>', 'of the capture; shape and gateway if not given')
  .option('--seconds <n>', 'in which clients start', whole, 480)
  .option('--scale <x>', 'multiplies the number of clients', share, 1)
  .option('--only <names>', 'programs, with commas', names, [])
  .option('--live <n>', 'clients at once', whole, 48)
  .option('--most <n>', 'calls of one client that are kept', whole, 3000)
  .option('--try', 'write to .work/captures')
  .action(capture);

try {
  await program.parseAsync();
} catch (error) {
  say((error as Error).message);
  process.exit(1);
}
