import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  FRAME,
  readList,
  SPOP_STATUS,
  type SpopFault,
  type SpopFrame,
  type SpopValue,
  takeFrame,
  writeFrame,
  writeList,
  writeVariables,
} from '../gateways/spop.ts';
import type { Answer } from './ask.ts';
import { openSpoeAgent } from './spoe-agent.ts';

const NO_STREAM = { streamId: 0, frameId: 0 };
const HELLO: [string, SpopValue][] = [
  ['supported-versions', '2.0'],
  ['max-frame-size', 16_380],
  ['capabilities', 'pipelining,async'],
];
const hello = (change: [string, SpopValue][] = []) =>
  writeFrame(FRAME.haproxyHello, NO_STREAM, writeList(new Map([...HELLO, ...change])));

interface Bench {
  readonly asked: IncomingHttpHeaders[];
  readonly faults: SpopFault[];
  open(): Promise<Socket>;
}

async function start(t: TestContext, answer: Answer): Promise<Bench> {
  const [asked, faults]: [IncomingHttpHeaders[], SpopFault[]] = [[], []];
  const agent = await openSpoeAgent({
    host: '127.0.0.1',
    port: 0,
    ask({ headers, isShadow }) {
      asked.push(isShadow ? { ...headers, shadow: 'yes' } : headers);
      return answer;
    },
    onFault: (fault) => faults.push(fault),
  });
  t.after(() => agent.close());
  const open = async () => {
    const socket = connect(agent.port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { asked, faults, open };
}

/** The next so many frames; fewer where the agent hangs up. */
async function take(socket: Socket, count: number): Promise<SpopFrame[]> {
  const frames: SpopFrame[] = [];
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    for (let taken = takeFrame(bytes, 1e6); taken; taken = takeFrame(bytes, 1e6)) {
      frames.push(taken.frame);
      bytes = bytes.subarray(taken.length);
    }
    if (frames.length >= count) break;
  }
  return frames;
}

const question = (streamId: number, args: [string, SpopValue][], message = 'ask') => {
  const name = Buffer.from([message.length, ...Buffer.from(message), args.length]);
  return writeFrame(FRAME.notify, { streamId, frameId: 1 }, Buffer.concat([name, writeList(args)]));
};
const DENIED: Answer = {
  status: 403,
  result: 'deny',
  headers: [
    ['x-assay-verdict', 'bad'],
    ['x-assay-score', '0.99'],
  ],
};

test('questions that come at once and in pieces are answered each under its own number', async (t) => {
  const { open, asked } = await start(t, DENIED);
  const socket = await open();
  const bytes = Buffer.concat([
    hello(),
    question(7, [
      ['X-Real-IP', '192.0.2.1'],
      ['authorization', null],
    ]),
    writeFrame(99, NO_STREAM, Buffer.from('of a type to come')),
    question(8, [['x-real-ip', '192.0.2.2']], 'shadow'),
  ]);
  for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
  const [greeting, ...acks] = await take(socket, 3);
  assert.deepEqual(Object.fromEntries(readList(greeting!.payload)), {
    version: '2.0',
    'max-frame-size': 16_380,
    capabilities: 'pipelining',
  });
  assert.deepEqual(
    acks.map(({ type, streamId, frameId }) => [type, streamId, frameId]),
    [
      [FRAME.ack, 7, 1],
      [FRAME.ack, 8, 1],
    ],
  );
  const variables: [string, SpopValue][] = [
    ['verdict', 'bad'],
    ['score', '0.99'],
    ['denies', true],
  ];
  assert.deepEqual(acks[0]!.payload, writeVariables(variables));
  assert.deepEqual(asked, [{ 'x-real-ip': '192.0.2.1' }, { 'x-real-ip': '192.0.2.2', shadow: 'yes' }]);
});

test('that a yes may be kept is a variable of its own', async (t) => {
  const { open } = await start(t, { status: 200, result: 'allow', isSteady: true, headers: [['x-assay-verdict', 'good']] });
  const socket = await open();
  socket.write(Buffer.concat([hello(), question(7, [])]));
  const variables: [string, SpopValue][] = [
    ['verdict', 'good'],
    ['denies', false],
    ['steady', true],
  ];
  assert.deepEqual((await take(socket, 2))[1]!.payload, writeVariables(variables));
});

test('a health check and a good-bye are answered, and the connection ends', async (t) => {
  const { open, faults } = await start(t, DENIED);
  const asks = [hello([['healthcheck', true]]), writeFrame(FRAME.haproxyDisconnect, NO_STREAM, writeList([['status-code', 0]]))];
  for (const [i, ask] of asks.entries()) {
    const socket = await open();
    socket.write(ask);
    const frames = await take(socket, 2);
    assert.deepEqual(
      frames.map(({ type }) => type),
      [i === 0 ? FRAME.agentHello : FRAME.agentDisconnect],
    );
  }
  assert.deepEqual(faults, []);
});

test('what is no SPOP ends its own connection with the reason, and others go on', async (t) => {
  const { open, faults } = await start(t, DENIED);
  const cut = question(1, [['x-real-ip', '192.0.2.1']]);
  cut.writeUInt8(200, cut.length - 10);
  const fragment = Buffer.from(question(1, []));
  fragment.writeUInt32BE(0, 5);
  const cases: [number, Buffer][] = [
    [SPOP_STATUS.tooBig, Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    [SPOP_STATUS.badVersion, hello([['supported-versions', '1.0']])],
    [SPOP_STATUS.badFrameSize, hello([['max-frame-size', 16]])],
    [SPOP_STATUS.badFrameSize, hello([['max-frame-size', 'large']])],
    [SPOP_STATUS.invalid, question(1, [])],
    [SPOP_STATUS.invalid, Buffer.concat([hello(), cut])],
    [SPOP_STATUS.fragments, Buffer.concat([hello(), fragment])],
    [SPOP_STATUS.tooBig, Buffer.concat([hello([['max-frame-size', 300]]), question(1, [['user-agent', 'x'.repeat(400)]])])],
  ];
  const other = await open();
  other.write(hello());
  await take(other, 1);
  for (const [status, bytes] of cases) {
    const socket = await open();
    socket.write(bytes);
    const last = (await take(socket, 3)).at(-1)!;
    assert.equal(last.type, FRAME.agentDisconnect);
    assert.equal(readList(last.payload).get('status-code'), status);
  }
  assert.deepEqual(
    faults.map(({ status }) => status),
    cases.map(([status]) => status),
  );
  other.write(question(3, []));
  assert.equal((await take(other, 1))[0]!.type, FRAME.ack);
});
