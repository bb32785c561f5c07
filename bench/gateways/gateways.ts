/**
 * `npm run gateways`: every gateway that can run here, with the configuration that `deploy/` gives, before a real server of
 * Assay and driven by real clients. One table: what it does when Assay answers, and that nobody notices when it doesn't.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { TLS_DIR } from '../../datasets/range/places.ts';
import { findPort } from '../../datasets/range/processes.ts';
import { CHECKS, recover, warmUp } from './checks.ts';
import { bringGateways, type GatewayPorts, install, startGateway } from './install.ts';
import type { Stand } from './requests.ts';
import { Application, Assay, Front, Log, type Ports, teach } from './stand.ts';
import { GATEWAYS, type Gateway } from './table.ts';

const { values: flags } = parseArgs({ options: { only: { type: 'string', default: '' } } });

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
    const around = { front: fronts[gateway.dialect], assay, application, verdict, log, told, late: [] };
    return { row: await runChecks({ gateway, port: ports.plain, tlsPort, ca, ...around }), told };
  } finally {
    await Promise.all(started.map((each) => each.stop()));
    log.close();
    await Promise.all([application.close(), ...Object.values(fronts).map((front) => front.close())]);
  }
}

async function openFronts({ http, spoe, grpc }: Ports): Promise<Record<Gateway['dialect'], Front>> {
  return { http: await new Front(http).open(), spoe: await new Front(spoe).open(), grpc: await new Front(grpc).open() };
}

const GOOD_CELL = 'ok';
const NO_CELL = '–';
const GOOD_CELLS: ReadonlySet<string> = new Set([GOOD_CELL, NO_CELL]);

async function runChecks(stand: Stand): Promise<Row> {
  const row: string[] = [];
  if (stand.gateway.warmsUp) await warmUp(stand);
  for (const { name, run } of CHECKS) {
    const wrong = await run(stand).catch((error: Error) => error.message);
    if (wrong) console.error(`${stand.gateway.name}, ${name}: ${wrong}`);
    row.push(wrong === null ? NO_CELL : wrong || GOOD_CELL);
    // Whatever went wrong, the next check begins with Assay as it should be.
    if (wrong) await recover(stand).catch(() => '');
  }
  if (stand.late.length > 0) console.error(`${stand.gateway.name}, late questions that were asked anew: ${stand.late.length}`);
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
  bringGateways(chosen);
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
