/** What each gateway has to do, by a real client, in each state that Assay may be in. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { isRejection } from '../../service/core/api-call.ts';
import { type Answer, answerOf, countsOf, type Outcome, PATIENCE_MS, type Stand, send } from './requests.ts';
import {
  type Assay,
  BAD,
  type Client,
  GOOD,
  hashOf,
  maskedFrame,
  SLOW_MS,
  STEADY,
  STEADY_CLIENT,
  teachSteady,
  type Way,
} from './stand.ts';
import { askAndTell, LINE_LIMIT_MS, readLines, tell } from './tells.ts';

export interface Check {
  readonly name: string;
  run(stand: Stand): Promise<Outcome>;
}

const FORGED = {
  'x-assay-verdict': 'forged',
  'x-assay-score': 'forged',
  'x-assay-action': 'forged',
  'x-real-ip': GOOD.address,
  'x-original-user-agent': GOOD.agent,
  'x-ja4': 'forged',
  'x-tenant': 'forged',
};

const verdictOf = ({ arrived }: Answer) => arrived?.headers['x-assay-verdict'];
const SILENT = new Set<unknown>([undefined, '', 'unknown']);
const ROUNDS = 20;

/** A gateway that lets pass unasked has waited for at least so long. */
const LEAST_WAIT_MS = 10;
const LATE_LIMIT = 20;

/**
 * Where Assay answers, a request passes unasked only if the gateway has waited in vain: on a busy machine a pause may be longer
 * than that wait. Such a request is sent anew; one that passes unasked at once is not.
 */
async function untilAsked(stand: Stand, sendOnce: () => Promise<Answer>): Promise<Answer> {
  for (let late = 0; ; late++) {
    const answer = await sendOnce();
    const isLate = answer.status === 200 && SILENT.has(verdictOf(answer)) && answer.ms >= LEAST_WAIT_MS;
    if (!isLate || late === LATE_LIMIT) return answer;
    stand.late.push(answer.ms);
  }
}

/** Both ask some times; @param told what the application may be told of the good one; @param denied whether the bad one is kept out */
async function ask(stand: Stand, told: ReadonlySet<unknown>, denied: boolean): Promise<Outcome> {
  const waits: number[] = [];
  const sendOne = (client: Client, headers: Record<string, string>) => {
    const sendOnce = () => send(stand, client, { headers });
    return told === SILENT ? sendOnce() : untilAsked(stand, sendOnce);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const good = await sendOne(GOOD, { ...FORGED, 'x-real-ip': BAD.address, 'x-original-user-agent': BAD.agent });
    if (good.status !== 200) return `a good request got ${good.status}`;
    for (const name of ['x-assay-score', 'x-assay-action'] as const)
      if (good.arrived?.headers[name] === 'forged') return `a forged ${name} came through`;
    if (!told.has(verdictOf(good))) return `told ${verdictOf(good)} after ${good.ms.toFixed(0)} ms`;
    const bad = await sendOne(BAD, FORGED);
    if (bad.status !== (denied ? 403 : 200)) return `a bad request got ${bad.status} after ${bad.ms.toFixed(0)} ms`;
    waits.push(good.ms, bad.ms);
  }
  const ms = waits.toSorted((x, y) => x - y)[ROUNDS]!;
  return ms > SLOW_MS / 2 ? `half of the requests took ${ms.toFixed(0)} ms or more` : '';
}

/** Waits until the bad client is kept out again. */
export async function recover(stand: Stand): Promise<Outcome> {
  await stand.front.turn('open');
  for (let tries = 0; tries < 50; tries++) {
    const [good, bad] = [await send(stand, GOOD), await send(stand, BAD)];
    if (good.status !== 200) return `a good request got ${good.status} while it recovered`;
    if (bad.status === 403 && verdictOf(good) === stand.verdict) return '';
    await sleep(100);
  }
  return 'it did not recover in 5 s';
}

/** Assay is spoilt: requests pass at once, and what a gateway remembers still holds. */
const spoilt = (way: Way): Check => ({
  name: way === 'slow' ? `${SLOW_MS} ms late` : way,
  async run(stand) {
    await stand.front.turn(way);
    const wrong = await ask(stand, SILENT, stand.gateway.remembers);
    return wrong || recover(stand);
  },
});

/** One that has been good for long is asked about now and then; another one on its connection each time. */
async function steady(stand: Stand): Promise<Outcome> {
  const { gateway, assay } = stand;
  if (!gateway.keepsYes) return null;
  await teachSteady(assay);
  const before = await countAnswers(assay);
  const known = stand.log.lines().length;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const told: unknown[][] = [];
  const alreadyLate = stand.late.length;
  for (let i = 0; i < ROUNDS; i++) {
    const steady = await untilAsked(stand, () => send(stand, STEADY_CLIENT, { headers: STEADY, agent }));
    if (verdictOf(steady) !== 'good') return `it got ${steady.status}, told ${verdictOf(steady)}`;
    told.push(toldOf(steady));
    const other = await send(stand, STEADY_CLIENT, { headers: OTHER, agent });
    if (told.some((each) => isDeepStrictEqual(each, toldOf(other)))) return 'another one was taken for it';
  }
  agent.destroy();
  const asked = (await countAnswers(assay)) - before - ROUNDS;
  const late = stand.late.length - alreadyLate;
  if (asked < 1 || asked - late > (gateway.keepsYes === 'at once' ? ROUNDS / 2 : ROUNDS))
    return `asked about ${asked} of ${ROUNDS} requests`;
  if (told.flat().includes(undefined)) return `the application is told ${JSON.stringify(told)}`;
  return saysWho(stand, known, ROUNDS);
}

/** What Assay says of the credential is kept with the yes, and logged. */
async function saysWho(stand: Stand, known: number, times: number): Promise<string> {
  const subject = hashOf(STEADY.authorization);
  const logged = () => readLines(stand, known).filter((call) => !isRejection(call) && call.subject === subject).length;
  for (const startedAt = Date.now(); Date.now() - startedAt < LINE_LIMIT_MS; await sleep(50)) if (logged() === times) return '';
  return `${logged()} of ${times} lines say who it was`;
}

const OTHER = { 'user-agent': 'curl/8.5.0', authorization: 'Bearer other' };
const TOLD = ['x-assay-verdict', 'x-assay-score', 'x-assay-reasons', 'x-assay-decision'] as const;
const toldOf = ({ arrived }: Answer) => TOLD.map((name) => arrived?.headers[name]);

/** Questions that Assay has answered. */
async function countAnswers(assay: Assay): Promise<number> {
  return Object.values(await countsOf(assay, 'assay_authz_total')).reduce((sum, count) => sum + count, 0);
}

const WARM_UP_REQUESTS = 200;

/** Requests until the gateway's code is compiled; those meanwhile may pass unasked. */
export async function warmUp(stand: Stand): Promise<void> {
  for (let i = 0; i < WARM_UP_REQUESTS; i++) await send(stand, GOOD);
  await http2Requests(stand);
}

const CLIENTS = 8;
const LOAD_AFTER_MS = 500;

/** Good requests all the while that Assay is stopped and started. */
async function restart(stand: Stand): Promise<Outcome> {
  let isOver = false;
  const failures = new Map<string, number>();
  let sent = 0;
  const fail = (why: string) => failures.set(why, (failures.get(why) ?? 0) + 1);
  const clients = Array.from({ length: CLIENTS }, async () => {
    const agent = new Agent({ keepAlive: true });
    while (!isOver) {
      sent++;
      await send(stand, GOOD, { agent }).then(
        ({ status }) => status !== 200 && fail(String(status)),
        (error: Error) => fail(error.message),
      );
    }
    agent.destroy();
  });
  await sleep(LOAD_AFTER_MS);
  await stand.assay.stop();
  await sleep(LOAD_AFTER_MS);
  await stand.assay.start();
  await sleep(LOAD_AFTER_MS);
  isOver = true;
  await Promise.all(clients);
  if (failures.size > 0) return `of ${sent} good requests: ${JSON.stringify(Object.fromEntries(failures))}`;
  return sent > CLIENTS * 10 ? recover(stand) : `only ${sent} requests were sent`;
}

/** Many requests over one connection. */
async function keepAlive(stand: Stand): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<unknown>();
  agent.on('free', (socket: Socket) => ports.add(socket.localPort));
  for (let round = 0; round < ROUNDS; round++) {
    const { status } = await send(stand, GOOD, { agent });
    if (status !== 200) return `a good request got ${status}`;
  }
  agent.destroy();
  return ports.size === 1 ? '' : `it took ${ports.size} connections`;
}

async function upload(stand: Stand): Promise<Outcome> {
  const body = randomBytes(10 * 1024 * 1024);
  const { status, arrived } = await send(stand, GOOD, { body });
  if (status !== 200) return `got ${status}`;
  return arrived!.sha256 === createHash('sha256').update(body).digest('hex') ? '' : `${arrived!.bytes} bytes arrived`;
}

/** What a client sends at once, before the way to the application is there, must not be lost. */
async function upgrade(stand: Stand): Promise<Outcome> {
  for (let round = 0; round < ROUNDS; round++) {
    const wrong = await upgradeOnce(stand);
    if (wrong) return `${wrong} in round ${round}`;
  }
  return '';
}

async function upgradeOnce(stand: Stand): Promise<string> {
  const headers = {
    ...{ 'user-agent': GOOD.agent, connection: 'Upgrade', upgrade: 'websocket' },
    ...{ 'sec-websocket-version': '13', 'sec-websocket-key': randomBytes(16).toString('base64') },
  };
  const sent = request({ host: '127.0.0.1', port: stand.port, localAddress: GOOD.address, path: '/socket', headers });
  sent.end();
  const outcome = await Promise.race([
    once(sent, 'upgrade').then(([, socket]) => socket as Socket),
    once(sent, 'response').then(([response]) => (response as IncomingMessage).statusCode!),
    sleep(PATIENCE_MS, 'no answer'),
  ]);
  if (typeof outcome !== 'object') return `got ${outcome}`;
  outcome.write(maskedFrame('ping'));
  const [bytes] = (await Promise.race([once(outcome, 'data'), sleep(PATIENCE_MS, [''])])) as [Buffer | string];
  outcome.destroy();
  // Behind the frame's head of two bytes.
  return String(bytes).slice(2) === 'ping' ? '' : `heard ${JSON.stringify(String(bytes))}`;
}

async function http2Requests(stand: Stand): Promise<Outcome> {
  const { tlsPort, ca, verdict } = stand;
  if (tlsPort === 0) return null;
  for (const client of [GOOD, BAD]) {
    const options = { host: '127.0.0.1', port: tlsPort, localAddress: client.address, servername: 'localhost', ca };
    const session = http2.connect(`https://localhost:${tlsPort}`, {
      createConnection: () => connectTls({ ...options, ALPNProtocols: ['h2'] }),
    });
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const answer = await untilAsked(stand, () => sendStream(session, client));
        if (answer.status !== (client === GOOD ? 200 : 403)) return `${client.agent} got ${answer.status}`;
        if (client === GOOD && verdictOf(answer) !== verdict) return `told ${verdictOf(answer)}`;
      }
    } finally {
      session.close();
    }
  }
  return '';
}

async function sendStream(session: http2.ClientHttp2Session, { agent }: Client): Promise<Answer> {
  const startedAt = performance.now();
  const stream = session.request({ ':path': '/v1/orders/7', 'user-agent': agent, 'x-assay-verdict': 'forged' });
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  return answerOf(headers[':status']!, stream, startedAt);
}

export const CHECKS: readonly Check[] = [
  { name: 'allow, deny, forged', run: (stand) => ask(stand, new Set([stand.verdict]), true) },
  spoilt('slow'),
  spoilt('down'),
  spoilt('broken'),
  { name: 'restart under load', run: restart },
  { name: 'keep-alive', run: keepAlive },
  { name: 'HTTP/2', run: http2Requests },
  { name: '10 MB upload', run: upload },
  { name: 'WebSocket', run: upgrade },
  { name: 'telemetry', run: tell },
  { name: 'asking is telling', run: askAndTell },
  { name: 'steady client', run: steady },
];
