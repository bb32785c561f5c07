/** What each gateway has to tell of a call, as its log is read back. */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRejection } from '../../service/core/api-call.ts';
import type { ApiCall } from '../../service/core/contracts.ts';
import { decodeAsFound } from '../../service/io/tail.ts';
import { countsOf, type Outcome, responseOf, type Stand, send, textOf } from './requests.ts';
import { type Client, GOOD, hashOf } from './stand.ts';

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

/** How long a line may be on its way. */
export const LINE_LIMIT_MS = 5000;

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
export function readLines({ log }: Stand, known = 0): ReturnType<ReturnType<typeof decodeAsFound>>[] {
  const decode = decodeAsFound();
  return log
    .lines()
    .slice(known)
    .map((bytes, i) => decode({ bytes, origin: `line ${i}` }, Date.now()));
}

/** What a client sends is found in the log, and agrees. */
export async function tell(stand: Stand): Promise<Outcome> {
  const ports = stand.tlsPort === 0 ? [stand.port] : [stand.port, stand.tlsPort];
  for (const port of ports) {
    const wrong = await tellOn(stand, port);
    if (wrong) return wrong;
  }
  return '';
}

const NEWCOMER: Client = { address: '127.0.0.23', agent: 'okhttp/4.12.0' };

/** A question counts as a call until its log line comes, which says of which call it is. */
export async function askAndTell(stand: Stand): Promise<Outcome> {
  if (!stand.gateway.saysWhich) return null;
  const before = await countsOf(stand.assay, 'assay_questions_total');
  const known = stand.log.lines().length;
  const { status } = await send(stand, NEWCOMER);
  if (status !== 200) return `a good request got ${status}`;
  const now = Date.now();
  while (stand.log.lines().length === known && Date.now() - now < LINE_LIMIT_MS) await sleep(50);
  // Questions are looked at a moment after they are answered.
  await sleep(100);
  const asked = await countsOf(stand.assay, 'assay_questions_total');
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
  const told = await countsOf(stand.assay, 'assay_questions_total');
  return told.told === before.told! + 1 ? '' : `the log line tells of another call: ${body}`;
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
