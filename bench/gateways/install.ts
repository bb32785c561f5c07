/** A gateway as `deploy/` has it, on ports and in a folder of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TLS_DIR } from '../../datasets/range/places.ts';
import { type Started, startProcess, waitForPort } from '../../datasets/range/processes.ts';
import { bring } from '../../datasets/range/setup.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import type { Gateway } from './table.ts';

/** For certificates, and for what comes from PyPI. */
const COMMON_NEEDS = { apt: ['openssl', 'python3-venv'] };

/** Brings gateways that are not there. @throws Error naming what is missing and how to get it */
export function bringGateways(gateways: readonly Pick<Gateway, 'needs'>[]): void {
  bring([COMMON_NEEDS, ...gateways.map(({ needs }) => needs)], (line) => console.error(line));
}

/** What the files of `deploy/` call the ports. */
const PORTS = { http: 8080, spoe: 8081, grpc: 8082, syslog: 8083, application: 9000, plain: 8000, tls: 8443 } as const;
export type GatewayPorts = Readonly<Record<keyof typeof PORTS, number>>;
/** Where those files and what they name lie on a machine of its own. */
const PLACE = /\/(?:etc|run|var\/log|var\/cache)\/(?:nginx|haproxy|envoy|caddy|apache2|spring-cloud-gateway)(?=[/\s.])/g;

/** Copies a gateway's files with other ports and places; silent, it asks nobody. @throws Error where a place is not the gateway's */
export function install({ files, silence }: Gateway, folder: string, ports: GatewayPorts, isSilent = false): void {
  for (const [name, source] of Object.entries(files)) {
    let text = readFileSync(join(packageRoot, 'deploy', source), 'utf8').replaceAll(PLACE, folder);
    if (isSilent) for (const [what, by] of silence) text = text.replace(what, by);
    for (const [role, usual] of Object.entries(PORTS))
      text = text.replaceAll(new RegExp(`\\b${usual}\\b`, 'g'), String(ports[role as keyof typeof PORTS]));
    writeFileSync(join(folder, name), text);
  }
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(TLS_DIR, name))) as [Buffer, Buffer];
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'tls.pem'), Buffer.concat([cert, key]));
}

/** The gateway, and what writes its log. @throws Error with what it said last */
export async function startGateway(gateway: Gateway, folder: string, port: number): Promise<Started[]> {
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
