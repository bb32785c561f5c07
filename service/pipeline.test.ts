import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulate } from '../datasets/simulator/simulator.ts';
import { readConfig } from './config.ts';
import { callOf, callsOf, NOON } from './core/calls.test.data.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { SESSION } from './core/session.ts';
import type { DeadLetter, DeliveryOutcome, Incoming, Source } from './core/source.ts';
import { decodeNdjson } from './gateways/ndjson.ts';
import { runPipeline, type Stages } from './pipeline.ts';
import { createStages } from './stages.ts';

const encoder = new TextEncoder();
const recordsOf = (lines: readonly (ApiCall | string)[]): Incoming[] =>
  lines.map((line, i) => ({
    bytes: encoder.encode(typeof line === 'string' ? line : JSON.stringify(line)),
    origin: `test:${i + 1}`,
  }));

/** Delivers what it is given, batch by batch, and tells when each is asked for and acknowledged. */
function sourceOf(
  batches: readonly (readonly Incoming[])[],
  tell: (event: string, outcome?: DeliveryOutcome) => void = () => {},
) {
  const source: Source = {
    name: 'test',
    async *deliveries() {
      for (const [i, records] of batches.entries()) {
        tell(`deliver ${i}`);
        yield { records, decode: decodeNdjson, acknowledge: async (outcome) => tell(`acknowledge ${i}`, outcome) };
      }
    },
  };
  return source;
}

interface Run {
  readonly stages: Stages;
  /** What was published of each delivery. */
  readonly published: Verdict[][];
  readonly touched: ReadonlySet<string>[];
  readonly buried: DeadLetter[][];
  readonly outcomes: DeliveryOutcome[];
}

/** The stages of a server, with places for what comes out. */
async function createRun(change: Partial<Stages> = {}): Promise<Run> {
  const scoring = await createStages(readConfig({}));
  const run = { published: [] as Verdict[][], touched: [] as ReadonlySet<string>[], buried: [] as DeadLetter[][], outcomes: [] };
  const stages: Stages = {
    ...scoring,
    now: () => Date.UTC(2100, 0, 1),
    async publish(decisions, touched) {
      run.published.push(decisions.map(({ verdict }) => verdict));
      run.touched.push(touched);
    },
    async bury(letters) {
      run.buried.push([...letters]);
    },
    ...change,
  };
  return { ...run, stages };
}

async function feed({ stages, outcomes }: Run, batches: readonly (readonly (ApiCall | string)[])[]): Promise<void> {
  const source = sourceOf(batches.map(recordsOf), (_event, outcome) => {
    if (outcome) outcomes.push(outcome);
  });
  await runPipeline(source, stages, new AbortController().signal);
}

const newestOf = ({ stages }: Run) => stages.store.list(null, 10_000);
const client = (n: number): Partial<ApiCall> => ({ clientIp: `192.0.2.${n}` });

describe('the order', () => {
  const slowly = (events: string[], name: string, stored?: () => number) => async () => {
    events.push(stored ? `${name}, ${stored()} stored` : name);
    await sleep(5);
    events.push(`${name} done`);
  };

  test('is store, publish, bury, acknowledge, and only then the next delivery', async () => {
    const events: string[] = [];
    const { stages } = await createRun();
    const publish = slowly(events, 'publish', () => stages.store.list(null, 9).length);
    const source = sourceOf([recordsOf([callOf(client(1))]), recordsOf([callOf(client(2))])], (event) => events.push(event));
    await runPipeline(source, { ...stages, publish, bury: slowly(events, 'bury') }, new AbortController().signal);
    const expected = (i: number) => [
      `deliver ${i}`,
      `publish, ${i + 1} stored`,
      'publish done',
      'bury',
      'bury done',
      `acknowledge ${i}`,
    ];
    assert.deepEqual(events, [...expected(0), ...expected(1)]);
  });

  for (const stage of ['publish', 'bury'] as const)
    test(`what ${stage} fails on is not acknowledged, and nothing more is read`, async () => {
      const events: string[] = [];
      const fail = async () => {
        throw new Error('the disk is full');
      };
      const { stages } = await createRun({ [stage]: fail });
      const source = sourceOf([recordsOf(['{']), recordsOf([callOf()])], (event) => events.push(event));
      await assert.rejects(runPipeline(source, stages, new AbortController().signal), /the disk is full/);
      assert.deepEqual(events, ['deliver 0']);
    });
});

describe('a record that is rejected', () => {
  const good = callsOf(4, 1000, () => client(1));
  const late = callOf({ ...client(1), time: NOON - SESSION.graceMs - 1000 });
  const future = JSON.stringify({ ...good[0], id: 'future', time: Date.UTC(2100, 1, 1) });
  const bad: [ApiCall | string, string][] = [
    ['{"id":', 'ASSAY_CALL_BAD_JSON'],
    ['[]', 'ASSAY_CALL_NOT_OBJECT'],
    ['{"id":"x"}', 'ASSAY_CALL_MISSING_FIELD'],
    [future, 'ASSAY_CALL_FUTURE'],
    [good[0]!, 'ASSAY_CALL_DUPLICATE'],
    [late, 'ASSAY_CALL_LATE'],
  ];
  const lines = [good[0]!, ...bad.map(([line]) => line), ...good.slice(1)];

  test('stops nothing, and is buried with its bytes and its origin', async () => {
    const run = await createRun();
    await feed(run, [lines]);
    const records = recordsOf(lines).slice(1, 1 + bad.length);
    assert.deepEqual(
      run.buried[0]!.map(({ rejected, origin, bytes }) => ({ rejected, origin, bytes })),
      bad.map(([, rejected], i) => ({ rejected, ...records[i]! })),
    );
    assert.ok(run.buried[0]!.every(({ detail }) => detail.length > 0));
    assert.deepEqual(run.outcomes, [{ accepted: good.length, rejections: run.buried[0] }]);
  });

  test('changes no verdict', async () => {
    const [mixed, pure] = [await createRun(), await createRun()];
    await feed(mixed, [lines]);
    await feed(pure, [good]);
    assert.equal(newestOf(pure)[0]!.calls, 3);
    assert.deepEqual(newestOf(mixed), newestOf(pure));
    assert.deepEqual(mixed.published, pure.published);
    assert.deepEqual(mixed.touched, pure.touched);
  });

  test('may be all that there is', async () => {
    const run = await createRun();
    await feed(run, [['{'], [], [callOf()]]);
    assert.deepEqual(
      run.outcomes.map(({ accepted, rejections }) => [accepted, rejections.length]),
      [
        [0, 1],
        [0, 0],
        [1, 0],
      ],
    );
    assert.deepEqual(
      run.published.map((verdicts) => verdicts.length),
      [0, 0, 1],
    );
  });
});

describe('a delivery', () => {
  /** Calls of two clients that take turns: five of the first and three of the second. */
  const calls = [1, 2, 1, 2, 1, 1, 2, 1].map((n, i) => callOf({ ...client(n), time: NOON + i * 1000 }));

  test("publishes each client's newest verdict only, and explains no other", async () => {
    const run = await createRun();
    const { classifier } = run.stages;
    const explained: Float32Array[] = [];
    const explain = (vector: Float32Array) => {
      explained.push(vector);
      return classifier.explain(vector);
    };
    await feed({ ...run, stages: { ...run.stages, classifier: { ...classifier, explain } } }, [calls]);
    assert.deepEqual(
      run.published[0]!.map((verdict) => verdict.calls),
      [5, 3],
    );
    assert.equal(explained.length, 2);
    for (const { baseLogOdds, reasons } of run.published[0]!) {
      assert.notEqual(baseLogOdds, null);
      assert.ok(reasons.some(({ kind }) => kind === 'contribution'));
    }
    assert.deepEqual(
      run.stages.store.list(null, 9),
      run.published[0]!.toSorted((a, b) => b.time - a.time),
    );
  });

  test('tells of every accepted call and of every verdict on the way', async () => {
    const [seen, made]: [string[], string[]] = [[], []];
    const run = await createRun({
      onCall: ({ id }, clientId) => seen.push(`${id} ${clientId}`),
      onVerdict: ({ clientId, calls: n }) => made.push(`${n} ${clientId}`),
    });
    await feed(run, [[...calls.slice(0, 4), '{', ...calls.slice(4)]]);
    const [first, second] = run.published[0]!.map(({ clientId }) => clientId);
    const ids = [first, second, first, second, first, first, second, first];
    assert.deepEqual(
      seen,
      calls.map(({ id }, i) => `${id} ${ids[i]}`),
    );
    assert.deepEqual(
      made.toSorted(),
      [1, 2, 3, 5]
        .map((n) => `${n} ${first}`)
        .concat([1, 2, 3].map((n) => `${n} ${second}`))
        .toSorted(),
    );
  });

  test('names all whose records changed, those without a new verdict too', async () => {
    const run = await createRun();
    await feed(run, [
      calls.slice(0, 6),
      [callOf({ ...client(2), time: NOON + 9000 }), callOf({ ...client(1), time: NOON + 9000 })],
    ]);
    // The fifth call of the first client, the third of the second, and then nothing is due for the first.
    assert.deepEqual(
      run.published.map((verdicts) => verdicts.map((verdict) => verdict.calls)),
      [
        [3, 2],
        [3, 5],
      ],
    );
    await feed(run, [[callOf({ ...client(1), time: NOON + 10_000 })]]);
    assert.deepEqual([run.published[2]!.length, run.touched[2]!.size], [0, 1]);
  });
});

describe('a large delivery', () => {
  const CLIENTS = 150;
  /** A call of each client, so that each has a verdict to be explained. */
  const round = (n: number) => callsOf(CLIENTS, 1, (i) => ({ ...client(i % CLIENTS), time: NOON + 10_000 * n + i }));

  test('lets other things be done meanwhile', async () => {
    const run = await createRun();
    let [turns, isOver] = [0, false];
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await feed(run, [[0, 1, 2, 3].flatMap(round)]);
    isOver = true;
    // Six stretches of 100 calls, and eight of 20 verdicts.
    assert.ok(turns >= 10, `${turns} turns`);
  });

  test('publishes nothing that the delivery of another source has overtaken', async () => {
    const run = await createRun();
    await Promise.all([0, 1, 2].map((n) => feed(run, [round(n)])));
    const last = new Map<string, number>();
    for (const { clientId, calls } of run.published.flat()) {
      assert.ok(calls > (last.get(clientId) ?? 0), `${calls} calls after ${last.get(clientId)}`);
      last.set(clientId, calls);
    }
    assert.deepEqual([...last.values()], new Array(CLIENTS).fill(3));
    assert.ok(run.published.flat().length < 3 * CLIENTS, 'none was overtaken');
  });
});

describe('the same calls', () => {
  const calls = Array.from(simulate({ seed: 5, clients: 80 }), ({ call }) => call);
  const cut = (size: number) =>
    Array.from({ length: Math.ceil(calls.length / size) }, (_, i) => calls.slice(i * size, (i + 1) * size));

  test('in deliveries of any size give the same verdicts, reasons and all', async () => {
    const whole = await createRun();
    await feed(whole, [calls]);
    const expected = newestOf(whole);
    assert.deepEqual(new Set(expected.map(({ verdict }) => verdict)), new Set(['good', 'bad', 'unsure']));
    for (const size of [1, 7, 129, 1000]) {
      const run = await createRun();
      await feed(run, cut(size));
      assert.equal(newestOf(run).length, expected.length);
      assert.deepEqual(newestOf(run), expected, `deliveries of ${size}`);
    }
  });
});

describe('a standing bad verdict', () => {
  const calls = Array.from(simulate({ seed: 5, clients: 80 }), ({ call }) => call);

  interface Culprit {
    readonly calls: readonly ApiCall[];
    readonly verdict: Verdict;
  }

  /** A client of the simulator that is found bad, with its calls, and with time for a session's end before that expires. */
  async function findCulprit(): Promise<Culprit> {
    const byClient = new Map<string, ApiCall[]>();
    const run = await createRun({
      onCall: (call, clientId) => byClient.set(clientId, [...(byClient.get(clientId) ?? []), call]),
    });
    await feed(run, [calls]);
    for (const verdict of newestOf(run)) {
      const own = byClient.get(verdict.clientId)!;
      if (verdict.verdict === 'bad' && afterBreak(own).time + 1000 < verdict.expiresAt) return { calls: own, verdict };
    }
    assert.fail('the model finds nobody bad');
  }

  /** The client's last call once more, as the first of a new session. */
  function afterBreak(own: readonly ApiCall[], pauseMs: number = SESSION.idleLimitMs + 1): ApiCall {
    const last = own.at(-1)!;
    return callOf({ ...last, id: 'after-the-break', time: last.time + pauseMs });
  }

  async function judge(batches: readonly (readonly ApiCall[])[]): Promise<Verdict> {
    const run = await createRun();
    await feed(run, batches);
    return newestOf(run).reduce((a, b) => (a.time > b.time ? a : b));
  }

  test('holds over the break, until it expires, within a delivery and from one to the next', async () => {
    const culprit = await findCulprit();
    const again = afterBreak(culprit.calls);
    for (const batches of [[culprit.calls, [again]], [[...culprit.calls, again]]]) {
      const held = await judge(batches);
      assert.deepEqual([held.calls, held.time, held.sessionStart], [1, again.time, again.time]);
      assert.deepEqual([held.verdict, held.action, held.expiresAt], ['bad', 'deny', culprit.verdict.expiresAt]);
      assert.ok(held.reasons.some(({ name }) => name === 'standing-verdict'));
    }
  });

  test('is needed for that: nobody is bad on a first call, nor once it has expired', async () => {
    const culprit = await findCulprit();
    assert.notEqual((await judge([[afterBreak(culprit.calls)]])).verdict, 'bad');
    const tooLate = afterBreak(culprit.calls, culprit.verdict.expiresAt - culprit.calls.at(-1)!.time);
    assert.notEqual((await judge([culprit.calls, [tooLate]])).verdict, 'bad');
  });
});
