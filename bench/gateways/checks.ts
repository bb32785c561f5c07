/** What each gateway has to do, by a real client, in each state that Assay may be in. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import http2 from 'node:http2';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { isRejection } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import { decodeAsFound } from '../../service/io/tail.ts';
import {
  type Application,
  type Arrived,
  type Assay,
  BAD,
  type Client,
  type Front,
  GOOD,
  hashOf,
  type Log,
  maskedFrame,
  SLOW_MS,
  STEADY,
  STEADY_CLIENT,
  teachSteady,
  type Way,
} from './stand.ts';
import type { Gateway } from './table.ts';

export interface Stand {
  readonly gateway: Gateway;
  readonly port: number;
  /** 0 where it speaks no TLS. */
  readonly tlsPort: number;
  readonly ca: Buffer;
  readonly front: Front;
  readonly assay: Assay;
  readonly application: Application;
  /** What Assay says of the good client. */
  readonly verdict: string;
  readonly log: Log;
  /** Which fields of a call its log tells, once that was looked at. */
  readonly told: Map<string, boolean>;
}

/** What is wrong, '' where nothing is; null where it does not apply. */
type Outcome = string | null;

export interface Check {
  readonly name: string;
  run(stand: Stand): Promise<Outcome>;
}

interface Answer {
  readonly status: number;
  /** What the application says that it got; null where it was not reached. */
  readonly arrived: Arrived | null;
  readonly ms: number;
}

const PATIENCE_MS = 10_000;

interface Options {
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly agent?: Agent;
}

async function send({ port }: Stand, client: Client, { headers = {}, body, agent }: Options = {}): Promise<Answer> {
  const startedAt = performance.now();
  const sent = request({
    ...{ host: '127.0.0.1', port, localAddress: client.address, path: '/v1/orders/7', agent: agent ?? false },
    method: body ? 'POST' : 'GET',
    headers: { 'user-agent': client.agent, ...headers, ...(body ? { 'content-length': body.length } : {}) },
    timeout: PATIENCE_MS,
  });
  sent.once('timeout', () => sent.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)));
  sent.end(body);
  const response = await responseOf(sent);
  const text = await textOf(response);
  const isOurs = response.statusCode === 200;
  return {
    status: response.statusCode!,
    arrived: isOurs ? (JSON.parse(text) as Arrived) : null,
    ms: performance.now() - startedAt,
  };
}

async function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
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
/** Requests that may pass unasked where Assay answers: a pause of this machine is longer than what a gateway waits. */
const LATE_ROUNDS = 1;

/** Both ask some times; @param told what the application may be told of the good one; @param denied whether the bad one is kept out */
async function ask(stand: Stand, told: ReadonlySet<unknown>, denied: boolean): Promise<Outcome> {
  const waits: number[] = [];
  let late = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const good = await send(stand, GOOD, {
      headers: { ...FORGED, 'x-real-ip': BAD.address, 'x-original-user-agent': BAD.agent },
    });
    if (good.status !== 200) return `a good request got ${good.status}`;
    for (const name of ['x-assay-score', 'x-assay-action'] as const)
      if (good.arrived?.headers[name] === 'forged') return `a forged ${name} came through`;
    if (!told.has(verdictOf(good)) && !(SILENT.has(verdictOf(good)) && late++ < LATE_ROUNDS)) return `told ${verdictOf(good)}`;
    const bad = await send(stand, BAD, { headers: FORGED });
    if (bad.status !== (denied ? 403 : 200) && !(bad.status === 200 && late++ < LATE_ROUNDS))
      return `a bad request got ${bad.status}`;
    waits.push(good.ms, bad.ms);
  }
  const ms = waits.toSorted((x, y) => x - y)[ROUNDS]!;
  return ms > SLOW_MS / 2 ? `half of the requests took ${ms.toFixed(0)} ms or more` : '';
}

/** Waits until the bad client is kept out again. */
async function recover(stand: Stand): Promise<Outcome> {
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
  let late = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const steady = await send(stand, STEADY_CLIENT, { headers: STEADY, agent });
    if (SILENT.has(verdictOf(steady)) && late++ < LATE_ROUNDS) continue;
    if (verdictOf(steady) !== 'good') return `it got ${steady.status}, told ${verdictOf(steady)}`;
    told.push(toldOf(steady));
    const other = await send(stand, STEADY_CLIENT, { headers: OTHER, agent });
    if (told.some((each) => isDeepStrictEqual(each, toldOf(other)))) return 'another one was taken for it';
  }
  agent.destroy();
  const asked = (await countAnswers(assay)) - before - told.length;
  if (asked < 1 || asked > (gateway.keepsYes === 'at once' ? ROUNDS / 2 : ROUNDS))
    return `asked about ${asked} of ${ROUNDS} requests`;
  if (told.flat().includes(undefined)) return `the application is told ${JSON.stringify(told)}`;
  return saysWho(stand, known, told.length);
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
async function countAnswers({ url }: Assay): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(/^assay_authz_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
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

async function http2Requests({ tlsPort, ca, verdict }: Stand): Promise<Outcome> {
  if (tlsPort === 0) return null;
  for (const [client, wanted] of [
    [GOOD, 200],
    [BAD, 403],
  ] as const) {
    const options = { host: '127.0.0.1', port: tlsPort, localAddress: client.address, servername: 'localhost', ca };
    const session = http2.connect(`https://localhost:${tlsPort}`, {
      createConnection: () => connectTls({ ...options, ALPNProtocols: ['h2'] }),
    });
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const stream = session.request({ ':path': '/v1/orders/7', 'user-agent': client.agent, 'x-assay-verdict': 'forged' });
        const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
        const text = await textOf(stream);
        if (headers[':status'] !== wanted) return `${client.agent} got ${headers[':status']}`;
        if (wanted === 200 && (JSON.parse(text) as Arrived).headers['x-assay-verdict'] !== verdict) return 'told something else';
      }
    } finally {
      session.close();
    }
  }
  return '';
}

/** What a client sends that a log may tell. */
const SENT = {
  accept: 'application/json;q="0.9"',
  'accept-encoding': 'gzip, br',
  'accept-language': 'de-AT, de;q=0.7',
  'content-type': 'application/json',
  referer: 'https://example.test/"quoted"\\back',
  cookie: 'session=secret',
  authorization: 'Bearer secret-token',
  'user-agent': 'Mozilla/5.0 (caf\xc3\xa9) "odd"\\',
};
const BODY = Buffer.from('{"quantity":1}');
const HASH = hashOf(SENT.authorization);
/** In the order in which Node sends them; HAProxy's own view has no connection header. */
const NAMES = [...Object.keys(SENT), 'content-length', 'host', 'connection'].join(' ');

/** What the log has to say of it, where it says anything. */
function expectedOf(path: string, port: number): Partial<Record<keyof ApiCall, unknown>> {
  return {
    ...{ clientIp: GOOD.address, method: 'POST', path, query: 'a=1&b=%27x', status: 200, host: `localhost:${port}` },
    ...{ httpVersion: '1.1', userAgent: 'Mozilla/5.0 (café) "odd"\\', accept: SENT.accept, contentType: SENT['content-type'] },
    ...{ acceptEncoding: SENT['accept-encoding'], acceptLanguage: SENT['accept-language'], referer: SENT.referer },
    ...{ hasCookie: true, authScheme: 'Bearer', subject: HASH },
  };
}

/** What differs by gateway, and has to be of the right kind. */
const KINDS: Partial<Record<keyof ApiCall, (value: unknown, now: number) => boolean>> = {
  time: (value, now) => Math.abs((value as number) - now) < 5000,
  requestBytes: (value) => (value as number) >= BODY.length && (value as number) < 2000,
  responseBytes: (value) => (value as number) > 200 && (value as number) < 5000,
  durationMs: (value) => (value as number) >= 0 && (value as number) < 5000,
  headerNames: (value) => (value as string[]).length > 8 && NAMES.startsWith((value as string[]).join(' ')),
  connectionId: (value) => String(value).length > 0,
  // Some count from 0, and some only those that are kept alive.
  connectionRequests: (value) => value === 1 || value === 2,
  id: (value) => String(value).length > 0,
};

const LINE_LIMIT_MS = 5000;

/** The second of two requests on a connection is looked for in the log, of which each line has to be read. */
async function tellOn(stand: Stand, port: number): Promise<string> {
  const mark = randomBytes(8).toString('hex');
  const path = `/v1/told/${mark}`;
  const agent = new (port === stand.tlsPort ? TlsAgent : Agent)({ keepAlive: true, maxSockets: 1 });
  for (const target of ['/v1/told/first', `${path}?a=1&b=%27x`]) {
    const status = await sendTold(stand, port, target, agent);
    if (status !== 200) return `a good request got ${status}`;
  }
  agent.destroy();
  const now = Date.now();
  while (!stand.log.lines().some((line) => line.includes(mark)) && Date.now() - now < LINE_LIMIT_MS) await sleep(50);
  const calls = readLines(stand);
  const rejected = calls.findIndex(isRejection);
  if (rejected >= 0) return `${JSON.stringify(calls[rejected])}: ${stand.log.lines()[rejected]}`;
  const found = (calls as ApiCall[]).filter((call) => call.path === path);
  if (found.length !== 1) return `${found.length} of ${calls.length} lines tell of it`;
  return compareTold(stand, found[0]!, expectedOf(path, port), now);
}

/** @param known lines to pass over */
function readLines({ log }: Stand, known = 0): ReturnType<ReturnType<typeof decodeAsFound>>[] {
  const decode = decodeAsFound();
  return log
    .lines()
    .slice(known)
    .map((bytes, i) => decode({ bytes, origin: `line ${i}` }, Date.now()));
}

async function tell(stand: Stand): Promise<Outcome> {
  const ports = stand.tlsPort === 0 ? [stand.port] : [stand.port, stand.tlsPort];
  for (const port of ports) {
    const wrong = await tellOn(stand, port);
    if (wrong) return wrong;
  }
  return '';
}

const NEWCOMER: Client = { address: '127.0.0.23', agent: 'okhttp/4.12.0' };

/** A question counts as a call until its log line comes, which says of which call it is. */
async function askAndTell(stand: Stand): Promise<Outcome> {
  if (!stand.gateway.saysWhich) return null;
  const before = await questionsOf(stand.assay);
  const known = stand.log.lines().length;
  const { status } = await send(stand, NEWCOMER);
  if (status !== 200) return `a good request got ${status}`;
  const now = Date.now();
  while (stand.log.lines().length === known && Date.now() - now < LINE_LIMIT_MS) await sleep(50);
  // Questions are looked at a moment after they are answered.
  await sleep(100);
  const asked = await questionsOf(stand.assay);
  if (asked.taken !== before.taken! + 1) return `the question was not taken: ${JSON.stringify([before, asked])}`;
  const body = Buffer.concat(
    stand.log
      .lines()
      .slice(known)
      .flatMap((line) => [line, Buffer.from('\n')]),
  );
  const posted = await fetch(`${stand.assay.url}/v1/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  if (posted.status !== 202) return `the log line was answered ${posted.status}`;
  const told = await questionsOf(stand.assay);
  return told.told === before.told! + 1 ? '' : `the log line tells of another call: ${body}`;
}

/** How many questions there were, by what became of them. */
async function questionsOf({ url }: Assay): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.matchAll(/^assay_questions_total\{result="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(found, ([, result, count]) => [result, Number(count)]));
}

async function sendTold({ tlsPort, ca }: Stand, port: number, path: string, agent: Agent): Promise<number> {
  const headers = { ...SENT, 'content-length': BODY.length, host: `localhost:${port}` };
  const options = { host: '127.0.0.1', port, localAddress: GOOD.address, agent, method: 'POST', path, headers };
  const sent = port === tlsPort ? requestTls({ ...options, ca, servername: 'localhost' }) : request(options);
  sent.end(BODY);
  const response = await responseOf(sent);
  await textOf(response);
  return response.statusCode!;
}

function compareTold({ told }: Stand, call: ApiCall, expected: ReturnType<typeof expectedOf>, now: number): string {
  const wrong: string[] = [];
  for (const [name, value] of Object.entries(call) as [keyof ApiCall, unknown][]) {
    told.set(name, value !== null || told.get(name) === true);
    if (value === null) continue;
    const isRight = name in expected ? value === expected[name] : (KINDS[name]?.(value, now) ?? true);
    if (!isRight) wrong.push(`${name} is ${JSON.stringify(value)}`);
  }
  return wrong.join(', ');
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
