/**
 * `npm run gateways:cost`: what asking costs good bots. Each gateway under wrk, with Assay, with a stub that answers nothing
 * but yes, and without asking, one after the other in each round; medians of ratios, into bench/gateways.json.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import Table from 'cli-table3';
import { findPort, type Started } from '../../datasets/range/processes.ts';
import type { Answer } from '../../service/io/ask.ts';
import { extAuthzService } from '../../service/io/ext-authz.ts';
import { openGrpc } from '../../service/io/grpc.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { openSpoeAgent } from '../../service/io/spoe-agent.ts';
import { MACHINE, spreadOf } from '../stand.ts';
import { bringGateways, install, startGateway } from './install.ts';
import { Assay, GOOD, teach } from './stand.ts';
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
  /** Ms that 99% of requests wait at most. */
  readonly p99: number;
}

/** @throws Error where an answer is no 2xx, or none of the application's */
async function load(port: number, application: Application): Promise<Load> {
  const before = application.answered;
  const headers = ['-H', `user-agent: ${GOOD.agent}`];
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${flags.seconds}s`, '--latency', ...headers];
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

const YES: Answer = { status: 200, result: 'allow', headers: [] };

/** Say yes to everybody, in each dialect, and nothing else. */
async function openStubs() {
  // Envoy, the only one to ask below the path, takes 204 for a denial that it is to pass on.
  const http = createServer(({ url }, response) => response.writeHead(url === '/v1/authz' ? 204 : 200).end());
  http.keepAliveTimeout = 60_000;
  const [host, ask] = ['127.0.0.1', () => YES];
  const [spoe, grpc] = [await openSpoeAgent({ host, port: 0, ask }), await openGrpc(host, 0, [extAuthzService({ ask })])];
  return { http: await listen(http), spoe: spoe.port, grpc: grpc.port };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
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
  application.port = await listen(server);
  return application;
}

const WAYS = ['assay', 'stub', 'none'] as const;
type Way = (typeof WAYS)[number];
type Asked = Readonly<Record<'http' | 'spoe' | 'grpc' | 'syslog', number>>;

interface Cost {
  readonly gateway: string;
  /** Assay's share of the stub's and of no one's throughput, and how many times their p99. */
  readonly throughput: Readonly<Record<'stub' | 'none', ReturnType<typeof spreadOf>>>;
  readonly p99: Readonly<Record<'stub' | 'none', ReturnType<typeof spreadOf>>>;
}

async function measure(
  gateway: Gateway,
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
    const loads: Record<Way, Load[]> = { assay: [], stub: [], none: [] };
    for (const way of WAYS) await load(ports[way], application);
    for (let round = 0; round < Number(flags.rounds); round++)
      for (const way of WAYS) loads[way].push(await load(ports[way], application));
    const ratio = (name: keyof Load, to: Way) => spreadOf(loads.assay.map((each, i) => each[name] / loads[to][i]![name]));
    const ratios = (name: keyof Load) => ({ stub: ratio(name, 'stub'), none: ratio(name, 'none') });
    return { gateway: gateway.name, throughput: ratios('perSecond'), p99: ratios('p99') };
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
  try {
    await teach(assay);
    // Nobody reads the log: what is measured is the question.
    const syslog = await findPort();
    const stubs = { ...(await openStubs()), syslog };
    const asked = { assay: { ...assay.ports, syslog }, stub: stubs, none: stubs };
    const costs: Cost[] = [];
    for (const gateway of chosen) costs.push(await measure(gateway, asked, application, root));
    print(costs);
    const file = join(packageRoot, 'bench', 'gateways.json');
    if (flags.only === '') writeFileSync(file, `${JSON.stringify({ machine: MACHINE, flags, costs }, null, 2)}\n`);
  } finally {
    await assay.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

function print(costs: readonly Cost[]): void {
  const cell = ({ median, min, max }: ReturnType<typeof spreadOf>) =>
    `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
  const head = ['gateway', 'throughput, of a stub', 'p99, of a stub', 'throughput, of not asking', 'p99, of not asking'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { gateway, throughput, p99 } of costs)
    table.push([gateway, cell(throughput.stub), cell(p99.stub), cell(throughput.none), cell(p99.none)]);
  console.log(table.toString());
}

await main();
process.exit(0);
