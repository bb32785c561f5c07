import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { isRejection } from '../core/api-call.ts';
import { AssayError } from '../core/errors.ts';
import type { Decode, Incoming } from '../core/source.ts';
import { lineOf, openSyslog, type Syslog } from './syslog.ts';

const NOW = Date.now();
const lineFor = (id: string, path = '/v1/a') =>
  JSON.stringify({
    log: 'assay-1',
    gateway: 'nginx',
    id,
    endedAt: String(NOW / 1000),
    seconds: '0.001',
    ip: '192.0.2.1',
    method: 'GET',
    uri: path,
    status: '200',
  });
const COMBINED = '192.0.2.2 - - [28/Nov/2026:01:17:15 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl/8"';

test('what syslog puts in front is taken off, as each of its forms has it, and of the line nothing', () => {
  const line = lineFor('1');
  const heads = [
    '',
    '<190>',
    '<190>Nov 28 01:17:15 nginx: ',
    '<190>Nov  8 01:17:15 gateway-1 nginx: ',
    '<134>Nov 28 01:17:15 haproxy[4711]: ',
    '<165>1 2026-11-28T01:17:15.003Z host.example app - ID47 - ',
    '<165>1 2026-11-28T01:17:15.003Z host.example app 4711 - [a@1 b="c\\]d"][e@2 f="g"] \xef\xbb\xbf',
    '<165>1 - - - - - - ',
  ];
  for (const head of heads)
    for (const end of ['', '\n', '\r\n', '\0']) {
      const message = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(line), Buffer.from(end)]);
      assert.equal(lineOf(message).toString(), line, head);
    }
  assert.equal(lineOf(Buffer.from(`<13>Nov 28 01:17:15 httpd: ${COMBINED}`)).toString(), COMBINED);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => lineOf(Buffer.from(bytes)).length <= bytes.length));
});

interface Bench {
  readonly syslog: Syslog;
  /** What was taken in: ids of calls, codes of what is none. */
  readonly taken: string[];
  readonly origins: Set<string>;
  lost(): number;
  untilTaken(count: number): Promise<void>;
}

async function start(t: TestContext, before: () => Promise<void> = async () => {}, maxWaiting = 50_000): Promise<Bench> {
  const taken: string[] = [];
  const origins = new Set<string>();
  let lost = 0;
  const syslog = await openSyslog({
    host: '127.0.0.1',
    port: 0,
    async post(records: readonly Incoming[], decode: Decode) {
      await before();
      for (const record of records) {
        const call = decode(record, NOW + 1000);
        taken.push(isRejection(call) ? call.rejected : call.path);
        origins.add(record.origin);
      }
      return { accepted: records.length, rejections: [] };
    },
    maxWaiting,
    onLost: (lines) => {
      lost += lines;
    },
  });
  t.after(() => syslog.close());
  const untilTaken = async (count: number) => {
    for (let tries = 0; taken.length < count; tries++) {
      assert.ok(tries < 500, `${taken.length} of ${count} lines came`);
      await sleep(10);
    }
  };
  return { syslog, taken, origins, lost: () => lost, untilTaken };
}

test('datagrams are lines of any format, each by itself', async (t) => {
  const { syslog, taken, untilTaken } = await start(t);
  const udp = createSocket('udp4');
  t.after(() => udp.close());
  for (const message of [
    `<190>Nov 28 01:17:15 nginx: ${lineFor('1', '/one')}`,
    `<13>${COMBINED}`,
    '<13>hello',
    lineFor('2', '/two'),
  ])
    udp.send(message, syslog.port, '127.0.0.1');
  await untilTaken(4);
  assert.deepEqual(taken, ['/one', '/x', 'ASSAY_CALL_BAD_LINE', '/two']);
});

test('over TCP lines come with their length in front or with an end, however they are cut', async (t) => {
  const { syslog, taken, origins, untilTaken } = await start(t);
  const counted = (path: string) => {
    const message = Buffer.from(`<190>1 - - - - - - ${lineFor('é', path)}`);
    return Buffer.concat([Buffer.from(`${message.length} `), message]);
  };
  const sent = Buffer.concat([
    counted('/a'),
    counted('/b'),
    Buffer.from(`${lineFor('1', '/c')}\n\n<13>${lineFor('2', '/d')}\r\n`),
    counted('/e'),
  ]);
  for (const step of [1, 7, 10_000]) {
    const socket = connect(syslog.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    for (let at = 0; at < sent.length; at += step) if (!socket.write(sent.subarray(at, at + step))) await once(socket, 'drain');
    socket.end(lineFor('3', '/last'));
    await once(socket, 'close');
  }
  await untilTaken(18);
  assert.deepEqual(
    taken,
    [...Array(3)].flatMap(() => ['/a', '/b', '/c', '/d', '/e', '/last']),
  );
  assert.equal(origins.size, 18);
});

test('a line without an end is no reason to hold all of it: it is rejected, and the next connection is read', async (t) => {
  const { syslog, taken, untilTaken } = await start(t);
  const socket = connect(syslog.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.end(Buffer.alloc(1_200_000, 'x'));
  await untilTaken(1);
  assert.equal(taken[0], 'ASSAY_CALL_TOO_LARGE');
  connect(syslog.port, '127.0.0.1').end(`${lineFor('1')}\n`);
  for (let tries = 0; !taken.includes('/v1/a'); tries++) {
    assert.ok(tries < 300);
    await sleep(10);
  }
});

test('while the pipeline is full lines wait and go in later; TCP is not read beyond the limit', async (t) => {
  let isFull = true;
  const { syslog, taken, lost, untilTaken } = await start(t, async () => {
    if (isFull) throw new AssayError('ASSAY_OVERLOADED');
  });
  const lines = 120_000;
  const socket = connect(syslog.port, '127.0.0.1');
  const line = Buffer.from(`${lineFor('1')}\n`);
  const all = Buffer.concat(Array.from({ length: lines }, () => line));
  socket.end(all);
  await sleep(400);
  isFull = false;
  await untilTaken(lines);
  assert.equal(lost(), 0);
  assert.ok(taken.every((path) => path === '/v1/a'));
});

test('by UDP, where nobody can be made to wait, what is too much is counted', async (t) => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { syslog, taken, lost, untilTaken } = await start(t, () => opened, 10);
  const udp = createSocket('udp4');
  t.after(() => udp.close());
  const send = async (count: number) => {
    for (let i = 0; i < count; i++) udp.send(lineFor('1'), syslog.port, '127.0.0.1');
    await sleep(100);
  };
  await send(1);
  await send(15);
  assert.equal(lost(), 5);
  open();
  await untilTaken(11);
  assert.equal(taken.length, 11);
});
