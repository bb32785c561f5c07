/**
 * `npm run gateways:cost`: what asking costs good bots. Each gateway under wrk, with Assay, as a client that it does not know
 * and as one that has been good for long, with a stub that answers nothing but yes, and without asking, one after the other in each
 * round, at full speed and at a pace; medians of ratios, into bench/gateways.json.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import Table from 'cli-table3';
import { findPort, type Started } from '../../datasets/range/processes.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { MACHINE, spreadOf, startScript } from '../stand.ts';
import { bringGateways, install, startGateway } from './install.ts';
import { Assay, NEWCOMER, STEADY, teachSteady } from './stand.ts';
import { GATEWAYS, type Gateway } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
});

const run = promisify(execFile);
const CONNECTIONS = 16;

interface Load {
  readonly perSecond: number;
  /** Ms that 99% of requests wait at most, at full speed. */
  readonly p99: number;
  /** The same where each connection pauses between its requests: as many requests, however soon each is answered. */
  readonly pacedP99: number;
}

type Wrk = Pick<Load, 'perSecond' | 'p99'>;

/** Of wrk: ms between the answer and the next request of a connection. */
const PACE = 'function delay() return math.random(0, 20) end\n';

async function load(port: number, application: Application, client: Client, pace: string): Promise<Load> {
  const { p99: pacedP99 } = await runWrk(port, application, client, ['-s', pace]);
  return { ...(await runWrk(port, application, client, [])), pacedP99 };
}

type Client = Readonly<Record<string, string>>;

/** @throws Error where an answer is no 2xx, or none of the application's */
async function runWrk(port: number, application: Application, client: Client, more: readonly string[]): Promise<Wrk> {
  const before = application.answered;
  const headers = Object.entries(client).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${flags.seconds}s`, '--latency', ...headers, ...more];
  const { stdout } = await run('wrk', [...options, `http://127.0.0.1:${port}/v1/orders/7`]);
  const answers = Number(/(\d+) requests in/.exec(stdout)![1]);
  if (/Non-2xx|Socket errors/.test(stdout) || application.answered - before < answers) throw new Error(stdout);
  return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)![1]), p99: millisOf(/^ +99% +(\S+)$/m.exec(stdout)![1]!) };
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function millisOf(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text)!;
  return Number(number) * UNITS[unit!]!;
}

interface Application {
  port: number;
  /** Requests so far. */
  answered: number;
}

async function openApplication(): Promise<Application> {
  const application = { port: 0, answered: 0 };
  const server = createServer((_request, response) => {
    application.answered++;
    response.end('{"id":7}');
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  application.port = (server.address() as AddressInfo).port;
  return application;
}

const STUB = 'gateways/stub-server.js';
/** A second stub says what the ratio of a thing to itself is on this machine. */
const WAYS = ['assay', 'stub', 'twin', 'none'] as const;
type Way = (typeof WAYS)[number];
/** Who comes by which way, in the order of a round. */
const RUNS = { newcomer: 'assay', steady: 'assay', stub: 'stub', twin: 'twin', none: 'none' } as const satisfies Record<
  string,
  Way
>;
type Run = keyof typeof RUNS;
const ORDER = Object.keys(RUNS) as Run[];
type Asked = Readonly<Record<'http' | 'spoe' | 'grpc' | 'syslog', number>>;

type Ratios = Readonly<Record<'newcomer' | 'steady' | 'noise' | 'newcomerToNone' | 'steadyToNone', ReturnType<typeof spreadOf>>>;

interface Cost {
  readonly gateway: string;
  /** Assay's share of the stubs' and of no one's throughput, and how many times their p99. */
  readonly throughput: Ratios;
  readonly p99: Ratios;
  readonly pacedP99: Ratios;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function measure(
  gateway: Gateway,
  assay: Assay,
  asked: Readonly<Record<Way, Asked>>,
  application: Application,
  root: string,
): Promise<Cost> {
  const started: Started[] = [];
  const ports = {} as Record<Way, number>;
  try {
    for (const way of WAYS) {
      const folder = join(root, `${gateway.name.replaceAll(/\W+/g, '-')}-${way}`);
      mkdirSync(folder);
      ports[way] = await findPort();
      install(
        gateway,
        folder,
        { ...asked[way], application: application.port, plain: ports[way], tls: await findPort() },
        way === 'none',
      );
      started.push(...(await startGateway(gateway, folder, ports[way])));
    }
    const pace = join(root, 'pace.lua');
    writeFileSync(pace, PACE);
    const loads: Record<Run, Load[]> = { newcomer: [], steady: [], stub: [], twin: [], none: [] };
    const loadBy = async (run: Run) => {
      // Nobody reads the log, so that Assay has to be told that it goes on.
      if (run === 'steady') await teachSteady(assay);
      return load(ports[RUNS[run]], application, run === 'newcomer' ? NEWCOMER : STEADY, pace);
    };
    for (const run of ORDER) await loadBy(run);
    for (let round = 0; round < Number(flags.rounds); round++)
      // Back and forth, so that none always comes after the same one.
      for (const run of round % 2 ? ORDER.toReversed() : ORDER) loads[run].push(await loadBy(run));
    const ratio = (name: keyof Load, of: Run, ...to: Run[]) =>
      spreadOf(loads[of].map((each, i) => each[name] / mean(to.map((run) => loads[run][i]![name]))));
    const ratios = (name: keyof Load): Ratios => ({
      newcomer: ratio(name, 'newcomer', 'stub', 'twin'),
      steady: ratio(name, 'steady', 'stub', 'twin'),
      noise: ratio(name, 'twin', 'stub'),
      newcomerToNone: ratio(name, 'newcomer', 'none'),
      steadyToNone: ratio(name, 'steady', 'none'),
    });
    return { gateway: gateway.name, throughput: ratios('perSecond'), p99: ratios('p99'), pacedP99: ratios('pacedP99') };
  } finally {
    await Promise.all(started.map((each) => each.stop()));
  }
}

async function main(): Promise<void> {
  const chosen = GATEWAYS.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()));
  bringGateways([...chosen, { needs: { apt: ['wrk'] } }]);
  const root = mkdtempSync(join(tmpdir(), 'assay-cost-'));
  chmodSync(root, 0o755);
  const assay = await Assay.open(root);
  const application = await openApplication();
  const stubs = [await startScript(STUB), await startScript(STUB)];
  try {
    // Nobody reads the log: what is measured is the question.
    const syslog = await findPort();
    const [stub, twin] = stubs.map(({ said }) => ({ ...JSON.parse(said), syslog }) as Asked);
    const asked = { assay: { ...assay.ports, syslog }, stub: stub!, twin: twin!, none: stub! };
    const costs: Cost[] = [];
    for (const gateway of chosen) costs.push(await measure(gateway, assay, asked, application, root));
    print(costs);
    const file = join(packageRoot, 'bench', 'gateways.json');
    if (flags.only === '') writeFileSync(file, `${JSON.stringify({ machine: MACHINE, flags, costs }, null, 2)}\n`);
  } finally {
    await assay.stop();
    for (const { child } of stubs) child.kill();
    rmSync(root, { recursive: true, force: true });
  }
}

const NAMES: Readonly<Record<keyof Ratios, string>> = {
  newcomer: 'a newcomer, to a stub',
  steady: 'a steady client, to a stub',
  noise: 'a stub, to a stub',
  newcomerToNone: 'a newcomer, to not asking',
  steadyToNone: 'a steady client, to not asking',
};

function print(costs: readonly Cost[]): void {
  const cell = ({ median, min, max }: ReturnType<typeof spreadOf>) =>
    `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
  const head = ['gateway', 'to', 'throughput', 'p99', 'p99 at a pace'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { gateway, throughput, p99, pacedP99 } of costs)
    for (const [to, name] of Object.entries(NAMES) as [keyof Ratios, string][])
      table.push([gateway, name, cell(throughput[to]), cell(p99[to]), cell(pacedP99[to])]);
  console.log(table.toString());
}

await main();
process.exit(0);
