/**
 * `npm run gateways:attacks`: sqlmap and a credential-stuffing script against a small API behind real nginx, which asks Assay
 * and sends it its log, while an app's user works from the same address. How many calls of each attack came through before
 * the first 403, and that the user got none.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { findPort } from '../../datasets/range/processes.ts';
import { bringGateways, install, startGateway } from './install.ts';
import { Application, Assay, type Respond } from './stand.ts';
import { GATEWAYS } from './table.ts';

/** The 95th percentile of calls until detection that the model card gives, and calls that are under way when a verdict is made. */
const PROMISED_CALLS = 20;
const UNDER_WAY = 5;
const USER = { name: 'anna', password: 'correct horse', token: 'Bearer 5e3c9f' };
const ORDERS = Array.from({ length: 40 }, (_, i) => 1000 + 7 * i);

/** Logins, orders of the one user that there is, and an item search that trips over quotes. */
const respond: Respond = ({ method, url = '', headers }, body) => {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  if (method === 'POST' && pathname === '/v1/login') {
    const isRight = body.toString() === JSON.stringify({ user: USER.name, password: USER.password });
    return isRight ? { status: 200, body: { token: USER.token } } : { status: 401, body: { error: 'wrong name or password' } };
  }
  if (pathname === '/v1/items') return items(searchParams.get('id') ?? '');
  if (headers.authorization !== USER.token) return { status: 401, body: { error: 'log in' } };
  if (pathname === '/v1/orders') return { status: 200, body: { orders: ORDERS.slice(0, 20) } };
  const order = Number(pathname.replace('/v1/orders/', ''));
  return ORDERS.includes(order)
    ? { status: 200, body: { id: order, total: 42 } }
    : { status: 404, body: { error: 'no such order' } };
};

function items(id: string) {
  if (/^\d{1,4}$/.test(id)) return { status: 200, body: { id, name: `item ${id}` } };
  return { status: /['"]/.test(id) ? 500 : 400, body: { error: 'bad id' } };
}

/** Statuses in the order in which they came. */
type Trail = number[];

interface Sent {
  readonly path: string;
  readonly agent: string;
  readonly body?: object;
  readonly token?: string | undefined;
}

async function send(url: string, trail: Trail, { path, agent, body, token }: Sent): Promise<void> {
  const response = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      'user-agent': agent,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(token ? { authorization: token } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  await response.arrayBuffer();
  trail.push(response.status);
}

/** Looks at orders as a person does, until it is over. */
async function useApp(url: string, trail: Trail, isOver: () => boolean): Promise<void> {
  const agent = 'okhttp/4.12.0';
  await send(url, trail, { path: '/v1/login', agent, body: { user: USER.name, password: USER.password } });
  for (let i = 0; !isOver(); i++) {
    const path = i % 4 === 0 ? '/v1/orders' : `/v1/orders/${ORDERS[(3 * i) % 20]}`;
    await send(url, trail, { path, agent, token: USER.token });
    await sleep(150 + 350 * Math.abs(Math.sin(i)));
  }
}

const GUESSES = 200;
const GUESS_PAUSE_MS = 50;

async function stuff(url: string, trail: Trail): Promise<void> {
  for (let i = 0; i < GUESSES; i++) {
    const body = { user: `user${i}@example.test`, password: `Summer${2000 + (i % 26)}!` };
    await send(url, trail, { path: '/v1/login', agent: 'python-requests/2.31.0', body });
    await sleep(GUESS_PAUSE_MS);
  }
}

const SQLMAP_LIMIT_MS = 120_000;

/** What it gets is told by the gateway's log. */
async function runSqlmap(url: string, folder: string): Promise<void> {
  const flags = [
    '--batch',
    '--level=2',
    '--risk=1',
    '--flush-session',
    `--output-dir=${folder}`,
    '--ignore-code=401',
    '--timeout=5',
  ];
  const child = spawn('sqlmap', ['-u', `${url}/v1/items?id=17`, ...flags], { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), SQLMAP_LIMIT_MS);
  await once(child, 'exit');
  clearTimeout(timer);
}

/** Calls before the first 403, null where there was none. */
function callsUntilDenied(trail: Trail): number | null {
  const at = trail.indexOf(403);
  return at < 0 ? null : at;
}

async function main(): Promise<boolean> {
  const nginx = GATEWAYS.find(({ name }) => name === 'nginx')!;
  bringGateways([nginx, { needs: { apt: ['sqlmap'] } }]);
  const root = mkdtempSync(join(tmpdir(), 'assay-attacks-'));
  chmodSync(root, 0o755);
  const folder = join(root, 'nginx');
  mkdirSync(folder);
  const scanned: Trail = [];
  const application = new Application((request, body) => {
    if (/^sqlmap/.test(request.headers['user-agent'] ?? '')) scanned.push(200);
    return respond(request, body);
  });
  const assay = await Assay.open(root);
  const [plain, tls] = [await findPort(), await findPort()];
  install(nginx, folder, { ...assay.ports, application: await application.open(), plain, tls });
  const started = await startGateway(nginx, folder, plain);
  const url = `http://127.0.0.1:${plain}`;
  const [used, stuffed]: [Trail, Trail] = [[], []];
  let isOver = false;
  try {
    const user = useApp(url, used, () => isOver);
    await stuff(url, stuffed);
    await runSqlmap(url, root);
    isOver = true;
    await user;
  } finally {
    await Promise.all(started.map((each) => each.stop()));
    await Promise.all([assay.stop(), application.close()]);
    rmSync(root, { recursive: true, force: true });
  }
  const denied = used.filter((status) => status === 403).length;
  const guessed = callsUntilDenied(stuffed);
  const after = guessed === null ? 0 : stuffed.slice(guessed).filter((status) => status !== 403).length;
  const table = new Table({
    head: ['client', 'calls', 'came through before the first 403', 'after it'],
    style: { head: [], border: [] },
  });
  table.push(
    ['credential stuffing', stuffed.length, guessed ?? 'all', after],
    ['sqlmap', '', scanned.length, 'all are counted'],
    ['an app, same address', used.length, denied === 0 ? 'all' : `${denied} denied`, ''],
  );
  console.log(table.toString());
  const limit = PROMISED_CALLS + UNDER_WAY;
  const isGood =
    guessed !== null && guessed <= limit && after === 0 && scanned.length <= limit && used.length > 20 && denied === 0;
  console.log(isGood ? 'as promised' : 'NOT as promised');
  return isGood;
}

process.exit((await main()) ? 0 : 1);
