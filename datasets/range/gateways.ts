/** What stands between the clients and the business: the API, the DAV servers, and nginx or Envoy before them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiOptions } from './api.ts';
import { GATEWAYS_DIR, TLS_DIR, VENV_BIN } from './places.ts';
import { findPort, type Started, startProcess, waitForPort } from './processes.ts';

export type GatewayName = 'nginx' | 'envoy';

export interface SiteOptions extends Pick<ApiOptions, 'shape' | 'seed'> {
  readonly gateway: GatewayName;
  /** Where the gateway listens, on all of loopback; another one is taken where it is not free. */
  readonly port: number;
  /** For configurations, logs and what the DAV servers hold. */
  readonly folder: string;
  /** Goes into the hashes of credentials. */
  readonly salt: string;
}

export interface Site {
  readonly port: number;
  /** The gateway's access log. */
  readonly log: string;
  /** Folders that the DAV servers serve. */
  readonly davFolder: string;
  readonly caldavFolder: string;
  /** Ends the gateway first, so that its log is complete. */
  stop(): Promise<void>;
}

/** Starts all of it and waits until it listens. @throws Error which part did not start */
export async function startSite(options: SiteOptions): Promise<Site> {
  const { folder } = options;
  const davFolder = join(folder, 'dav');
  const caldavFolder = join(folder, 'caldav');
  for (const one of [davFolder, caldavFolder]) mkdirSync(one, { recursive: true });
  const [api, dav, caldav, port] = [await findPort(), await findPort(), await findPort(), await findPort(options.port)];
  const started: Started[] = [];
  const start = async (name: string, at: number, file: string, args: readonly string[]) => {
    const one = startProcess(file, args, { log: join(folder, `${name}.log`), env: process.env });
    started.push(one);
    await waitForPort(at, one, name);
  };
  const log = join(folder, 'access.ndjson');
  const stop = async () => {
    for (const one of started.toReversed()) await one.stop();
  };
  try {
    const apiOptions: ApiOptions = { shape: options.shape, seed: options.seed, port: api };
    const script = join(import.meta.dirname, 'api-process.js');
    await start('api', api, process.execPath, ['--max-old-space-size=1024', script, JSON.stringify(apiOptions)]);
    await start('dav', dav, 'rclone', ['serve', 'webdav', davFolder, '--addr', `127.0.0.1:${dav}`, '--baseurl', '/dav']);
    await start('caldav', caldav, join(VENV_BIN, 'radicale'), ['--config', writeRadicale(folder, caldavFolder, caldav)]);
    const values = { DIR: folder, TLS: TLS_DIR, LOG: log, SALT: options.salt, PORT: port, API: api, DAV: dav, CALDAV: caldav };
    await start(options.gateway, port, ...gatewayCommand(options.gateway, folder, values));
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, log, davFolder, caldavFolder, stop };
}

type Values = Readonly<Record<string, string | number>>;

function gatewayCommand(gateway: GatewayName, folder: string, values: Values): [string, string[]] {
  if (gateway === 'envoy') {
    const config = fill('envoy.yaml', folder, values);
    const limits = ['--concurrency', '1', '--disable-hot-restart', '--file-flush-interval-msec', '500'];
    return [join(VENV_BIN, 'envoy'), ['-c', config, '--log-level', 'warn', ...limits]];
  }
  fill('headers.js', folder, values);
  return ['nginx', ['-e', join(folder, 'nginx-error.log'), '-c', fill('nginx.conf', folder, values)]];
}

/** Copies a template, with `@NAME@` replaced. @throws Error where a name has no value */
function fill(name: string, folder: string, values: Values): string {
  const text = readFileSync(join(GATEWAYS_DIR, name), 'utf8').replaceAll(/@([A-Z]+)@/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`${name} asks for ${key}`);
    return String(value);
  });
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function writeRadicale(folder: string, storage: string, port: number): string {
  const path = join(folder, 'radicale.ini');
  const lines = [
    `[server]\nhosts = 127.0.0.1:${port}\nmax_connections = 64`,
    '[auth]\ntype = none',
    `[storage]\nfilesystem_folder = ${storage}`,
    '[logging]\nlevel = error',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
