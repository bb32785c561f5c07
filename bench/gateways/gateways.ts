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
import { findPort, startProcess, waitForPort } from '../../datasets/range/processes.ts';
import { bring } from '../../datasets/range/setup.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { CHECKS, type Stand } from './checks.ts';
import { Application, Assay, Front, type Ports, teach } from './stand.ts';
import { GATEWAYS, type Gateway } from './table.ts';

/** For certificates, and for what comes from PyPI. */
const COMMON_NEEDS = { apt: ['openssl', 'python3-venv'] };
const { values: flags } = parseArgs({ options: { only: { type: 'string', default: '' } } });

/** What the files of `deploy/` call the ports. */
const PORTS = { http: 8080, spoe: 8081, grpc: 8082, application: 9000, plain: 8000, tls: 8443 } as const;
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

async function runGateway(gateway: Gateway, assay: Assay, verdict: string, root: string): Promise<Row> {
  const folder = join(root, gateway.name.replaceAll(/\W+/g, '-'));
  mkdirSync(folder);
  const fronts = await openFronts(assay.ports);
  const application = new Application();
  const ports: GatewayPorts = {
    ...{ http: fronts.http.port, spoe: fronts.spoe.port, grpc: fronts.grpc.port, application: await application.open() },
    ...{ plain: await findPort(), tls: await findPort() },
  };
  install(gateway, folder, ports);
  const [file, ...args] = gateway.command(folder, ports.plain);
  const log = join(folder, 'output.log');
  const started = startProcess(file, args, { log, env: process.env });
  try {
    await waitForPort(ports.plain, started, gateway.name);
    const ca = readFileSync(join(TLS_DIR, 'ca.pem'));
    const tlsPort = gateway.speaksTls ? ports.tls : 0;
    return await runChecks({
      gateway,
      port: ports.plain,
      tlsPort,
      ca,
      front: fronts[gateway.dialect],
      assay,
      application,
      verdict,
    });
  } catch (error) {
    console.error(`${gateway.name}: ${(error as Error).message}\n${readFileSync(log, 'utf8').slice(-2000)}`);
    return ['did not run', ...CHECKS.slice(1).map(() => '')];
  } finally {
    await started.stop();
    await Promise.all([application.close(), ...Object.values(fronts).map((front) => front.close())]);
  }
}

async function openFronts({ http, spoe, grpc }: Ports): Promise<Record<keyof Ports, Front>> {
  return { http: await new Front(http).open(), spoe: await new Front(spoe).open(), grpc: await new Front(grpc).open() };
}

const GOOD_CELL = 'ok';
const NO_CELL = '–';

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

async function main(): Promise<boolean> {
  const chosen = GATEWAYS.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()));
  bring([COMMON_NEEDS, ...chosen.map(({ needs }) => needs)], (line) => console.error(line));
  const root = mkdtempSync(join(tmpdir(), 'assay-gateways-'));
  // Gateways read their files as someone else.
  chmodSync(root, 0o755);
  const assay = await Assay.open(root);
  try {
    const verdict = await teach(assay);
    const table = new Table({ head: ['gateway', ...CHECKS.map(({ name }) => name)], style: { head: [], border: [] } });
    const rows: Row[] = [];
    for (const gateway of chosen) {
      const row = await runGateway(gateway, assay, verdict, root);
      rows.push(row);
      table.push([gateway.name, ...row]);
    }
    console.log(table.toString());
    const isGood = rows.length > 0 && rows.every((row) => row.every((cell) => cell === GOOD_CELL || cell === NO_CELL));
    console.log(isGood ? `all ${rows.length} as expected` : 'NOT as expected');
    return isGood;
  } finally {
    await assay.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

process.exit((await main()) ? 0 : 1);
