/**
 * `npm run gateways`: every gateway that can run here, with the configuration that `deploy/` gives, before a real server of
 * Assay and driven by real clients. One table: what it does when Assay answers, and that nobody notices when it doesn't.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { TLS_DIR } from '../../datasets/range/places.ts';
import { findPort, type Started, startProcess, waitForPort } from '../../datasets/range/processes.ts';
import { bring } from '../../datasets/range/setup.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { CHECKS, type Stand } from './checks.ts';
import { Application, Assay, Front, Log, type Ports, teach } from './stand.ts';
import { GATEWAYS, type Gateway } from './table.ts';

/** For certificates, and for what comes from PyPI. */
const COMMON_NEEDS = { apt: ['openssl', 'python3-venv'] };
const { values: flags } = parseArgs({ options: { only: { type: 'string', default: '' } } });

/** What the files of `deploy/` call the ports. */
const PORTS = { http: 8080, spoe: 8081, grpc: 8082, syslog: 8083, application: 9000, plain: 8000, tls: 8443 } as const;
type GatewayPorts = Readonly<Record<keyof typeof PORTS, number>>;
/** Where those files and what they name lie on a machine of its own. */
const PLACE = /\/(?:etc|run|var\/log|var\/cache)\/(?:nginx|haproxy|envoy|caddy|apache2)(?=[/\s.])/g;

/** Copies a gateway's files with other ports and places. @throws Error where a place is not the gateway's */
function install({ files }: Gateway, folder: string, ports: GatewayPorts): void {
  for (const [name, source] of Object.entries(files)) {
    let text = readFileSync(join(packageRoot, 'deploy', source), 'utf8').replaceAll(PLACE, folder);
    for (const [role, usual] of Object.entries(PORTS))
      text = text.replaceAll(new RegExp(`\\b${usual}\\b`, 'g'), String(ports[role as keyof typeof PORTS]));
    writeFileSync(join(folder, name), text);
  }
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(TLS_DIR, name))) as [Buffer, Buffer];
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'tls.pem'), Buffer.concat([cert, key]));
}

type Row = readonly string[];

interface Ran {
  readonly row: Row;
  /** Which fields of a call the gateway tells. */
  readonly told: ReadonlyMap<string, boolean>;
}

async function runGateway(gateway: Gateway, { assay, verdict }: Pick<Stand, 'assay' | 'verdict'>, root: string): Promise<Ran> {
  const folder = join(root, gateway.name.replaceAll(/\W+/g, '-'));
  mkdirSync(folder);
  const fronts = await openFronts(assay.ports);
  const application = new Application();
  const log = await Log.open(gateway.log && join(folder, gateway.log));
  const ports: GatewayPorts = {
    ...{ http: fronts.http.port, spoe: fronts.spoe.port, grpc: fronts.grpc.port, application: await application.open() },
    ...{ plain: await findPort(), tls: await findPort(), syslog: log.port },
  };
  install(gateway, folder, ports);
  const started = await startGateway(gateway, folder, ports.plain);
  const told = new Map<string, boolean>();
  try {
    const ca = readFileSync(join(TLS_DIR, 'ca.pem'));
    const tlsPort = gateway.speaksTls ? ports.tls : 0;
    const around = { front: fronts[gateway.dialect], assay, application, verdict, log, told };
    return { row: await runChecks({ gateway, port: ports.plain, tlsPort, ca, ...around }), told };
  } finally {
    await Promise.all(started.map((each) => each.stop()));
    log.close();
    await Promise.all([application.close(), ...Object.values(fronts).map((front) => front.close())]);
  }
}

/** The gateway, and what writes its log. @throws Error with what it said last */
async function startGateway(gateway: Gateway, folder: string, port: number): Promise<Started[]> {
  const output = join(folder, 'output.log');
  const started: Started[] = [];
  const start = ([file, ...args]: readonly [string, ...string[]]) => {
    started.push(startProcess(file, args, { log: output, env: process.env }));
  };
  start(gateway.command(folder, port));
  try {
    await waitForPort(port, started[0]!, gateway.name);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${readFileSync(output, 'utf8').slice(-2000)}`, { cause: error });
  }
  if (gateway.logger) start(gateway.logger(folder));
  return started;
}

async function openFronts({ http, spoe, grpc }: Ports): Promise<Record<keyof Ports, Front>> {
  return { http: await new Front(http).open(), spoe: await new Front(spoe).open(), grpc: await new Front(grpc).open() };
}

const GOOD_CELL = 'ok';
const NO_CELL = '–';
const GOOD_CELLS: ReadonlySet<string> = new Set([GOOD_CELL, NO_CELL]);

async function runChecks(stand: Stand): Promise<Row> {
  const row: string[] = [];
  for (const { name, run } of CHECKS) {
    const wrong = await run(stand).catch((error: Error) => error.message);
    if (wrong) console.error(`${stand.gateway.name}, ${name}: ${wrong}`);
    row.push(wrong === null ? NO_CELL : wrong || GOOD_CELL);
    // Whatever went wrong, the next check begins with Assay as it should be.
    if (wrong) await stand.front.turn('open');
  }
  return row;
}

function notRun({ name }: Gateway, { message }: Error): Ran {
  console.error(`${name} did not run: ${message}`);
  return { row: CHECKS.map(() => 'not run'), told: new Map() };
}

function printRows(head: readonly string[], rows: readonly Row[]): void {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  table.push(...rows.map((row) => [...row]));
  console.log(table.toString());
}

/** Which gateway tells which field of a call. */
function printTold(ran: ReadonlyMap<string, Ran>): void {
  const all = [...ran.values()].flatMap(({ told }) => [...told]);
  const fields = [...new Set(all.flatMap(([field, isTold]) => (isTold ? [field] : [])))];
  const cellOf = (isTold: boolean | undefined) => (isTold ? 'yes' : NO_CELL);
  printRows(
    ['field', ...ran.keys()],
    fields.map((field) => [field, ...[...ran.values()].map(({ told }) => cellOf(told.get(field)))]),
  );
}

async function main(): Promise<boolean> {
  const chosen = GATEWAYS.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()));
  bring([COMMON_NEEDS, ...chosen.map(({ needs }) => needs)], (line) => console.error(line));
  const root = mkdtempSync(join(tmpdir(), 'assay-gateways-'));
  // Gateways read their files as someone else.
  chmodSync(root, 0o755);
  const assay = await Assay.open(root);
  try {
    const verdict = await teach(assay);
    const ran = new Map<string, Ran>();
    for (const gateway of chosen) {
      const one = runGateway(gateway, { assay, verdict }, root);
      ran.set(gateway.name, await one.catch((error: Error) => notRun(gateway, error)));
    }
    const rows = [...ran].map(([name, { row }]) => [name, ...row]);
    printRows(['gateway', ...CHECKS.map(({ name }) => name)], rows);
    printTold(ran);
    const isGood = rows.length > 0 && [...ran.values()].every(({ row }) => row.every((cell) => GOOD_CELLS.has(cell)));
    console.log(isGood ? `all ${rows.length} as expected` : 'NOT as expected');
    return isGood;
  } finally {
    await assay.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

process.exit((await main()) ? 0 : 1);
