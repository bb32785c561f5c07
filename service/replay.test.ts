import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { simulate } from '../datasets/simulator/simulator.ts';
import { createApp } from './app.ts';
import { type Config, readConfig } from './config.ts';
import { CohortPeers, isCohortId } from './core/cohort.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import { createObserver } from './core/observe.ts';
import type { Decision } from './core/provenance.ts';
import { clientOf, compareVerdicts, Replay } from './core/replay.ts';
import { decide } from './core/verdict.ts';
import { decodeNdjson } from './gateways/ndjson.ts';
import { readDecision } from './io/disk-decisions.ts';
import type { ScoringStages } from './pipeline.ts';
import { replay } from './replay.ts';
import { createStages } from './stages.ts';
import { PartitionTask } from './task.ts';

const CALLS = 12_000;
const PARTITIONS = 2;
const KEY = 'assay';

let stages: ScoringStages;
let calls: ApiCall[];

before(async () => {
  stages = await createStages(readConfig({}));
  calls = [];
  for (const { call } of simulate({ seed: 4711, clients: 20_000 })) if (calls.push(call) === CALLS) break;
});

const encoder = new TextEncoder();
const recordOf = (call: ApiCall, offset: number) => ({ bytes: encoder.encode(JSON.stringify(call)), origin: '', offset });

interface Partition {
  readonly task: PartitionTask;
  readonly calls: ApiCall[];
  readonly decisions: Decision[];
}

/** Calls spread over partitions by address, whose tasks tell each other of cohorts now and then; some clients are forgotten. */
function runPartitions(): Partition[] {
  const peers = new CohortPeers();
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => {
    const createPart: ConstructorParameters<typeof PartitionTask>[0]['createObserver'] = (hooks) =>
      createObserver({ key: KEY, maxClients: 300, peers: peers.besides(partition), ...hooks });
    const task = new PartitionTask({ ...stages, identifies: true, createObserver: createPart });
    return { task, calls: [] as ApiCall[], decisions: [] as Decision[] };
  });
  calls.forEach((call, i) => {
    const partition = Number(call.clientIp.split('.').at(-1)) % PARTITIONS || 0;
    const { task, calls: own } = partitions[partition]!;
    task.process([recordOf(call, own.push(call) - 1)], decodeNdjson);
    if (i % 50 === 0) task.decide();
    if (i % 200 === 199)
      for (const [from, each] of partitions.entries()) {
        const { shared, decisions } = each.task.take(each.calls.length);
        for (const { key, value } of shared) if (value && isCohortId(key)) peers.set(from, key, value);
        each.decisions.push(...[...decisions.values()].flatMap((decision) => decision ?? []));
      }
  });
  return partitions;
}

/** From the calls of the partition and nothing else. */
function makeAgain(decision: Decision, partition: readonly ApiCall[], lacks = -1): Verdict | null {
  const again = new Replay(decision, KEY);
  partition.some((call, offset) => offset !== lacks && again.observe(call, { offset }));
  const { snapshot } = again;
  if (!snapshot) return null;
  if (lacks < 0) assert.deepEqual(snapshot.span, decision.provenance!.span);
  const [scored] = stages.classifier.score(snapshot.vector, 1);
  return decide(snapshot, scored!, stages.classifier.explain(snapshot.vector), decision.provenance!.before, stages.context);
}

const each = (partitions: readonly Partition[]) =>
  partitions.flatMap((partition) => partition.decisions.map((decision) => ({ decision, own: partition.calls })));

describe('a verdict is made again', () => {
  it('to the bit, whatever its cohort did on other partitions, and where its client had been forgotten before', () => {
    const all = each(runPartitions());
    const sample = all.filter((_, i) => i % Math.ceil(all.length / 150) === 0);
    const kinds = { alone: 0, cohort: 0, later: 0, standing: 0 };
    for (const { decision, own } of sample) {
      const made = makeAgain(decision, own);
      assert.ok(made, `${decision.verdict.id} was not met`);
      assert.deepEqual(made, decision.verdict);
      const { others, span, before: stood } = decision.provenance!;
      kinds[others ? 'cohort' : 'alone']++;
      if (span!.first > 0) kinds.later++;
      if (stood) kinds.standing++;
    }
    assert.ok(Math.min(...Object.values(kinds)) >= 10, JSON.stringify(kinds));
  });

  it('not the same where a call is lacking, or where what was known of the cohort is not told', () => {
    const all = each(runPartitions()).filter(({ decision }) => decision.verdict.calls >= 5 && decision.provenance!.others);
    const isOwn = (decision: Decision) => {
      const { identifier } = createObserver({ key: KEY });
      return (call: ApiCall) => identifier.identify(call).clientId === decision.verdict.clientId;
    };
    const lacking = all.slice(0, 40).map(({ decision, own }) => {
      const { first } = decision.provenance!.span!;
      const at = own.findIndex((call, i) => i > first && isOwn(decision)(call));
      return makeAgain(decision, own, at);
    });
    assert.ok(lacking.filter((made, i) => JSON.stringify(made) !== JSON.stringify(all[i]!.decision.verdict)).length >= 35);
    const alone = all.slice(0, 40).map(({ decision, own }) => {
      const provenance = { ...decision.provenance!, others: null };
      return compareVerdicts(decision.verdict, makeAgain({ ...decision, provenance }, own)!).map(({ field }) => field);
    });
    assert.ok(alone.some((fields) => fields.includes('score')));
  });

  it('only where an id is one', () => {
    assert.equal(clientOf(`${'0a'.repeat(16)}.lx3k2.17`), '0a'.repeat(16));
    for (const id of ['', 'x', `${'0a'.repeat(16)}.lx3k2`, `${'0a'.repeat(16)}.LX.1`, `${'0A'.repeat(16)}.lx.1`])
      assert.equal(clientOf(id), null);
  });
});

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'assay-replay-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Serves a file until all of it is read, and is gone then. */
async function serveFile(t: TestContext): Promise<{ config: Config; file: string; ids: string[] }> {
  const folder = folderFor(t);
  const file = join(folder, 'calls.ndjson');
  writeFileSync(file, calls.map((call) => `${JSON.stringify(call)}\n`).join(''));
  const config = readConfig({ ASSAY_DATA: join(folder, 'data'), ASSAY_FILES: file, PORT: '0', LOG_LEVEL: 'silent' });
  const app = await createApp(config);
  const stop = new AbortController();
  const ended = app.run(stop.signal);
  const counted = async () => Number(/^assay_calls_total (\d+)/m.exec((await app.http.inject('/metrics')).body)?.[1]);
  while ((await counted()) < CALLS) await Promise.race([new Promise((resolve) => setTimeout(resolve, 50)), ended]);
  const { clients } = (await app.http.inject('/v1/clients?limit=50')).json() as { clients: Verdict[] };
  stop.abort();
  await ended;
  return { config, file, ids: clients.map(({ id }) => id) };
}

describe('the embedded store', () => {
  it('tells what its verdicts were made from, and a file of the calls makes them again', async (t) => {
    const { config, file, ids } = await serveFile(t);
    for (const id of [ids[0]!, ids[20]!, ids[40]!]) {
      const { recorded, replayed, differences, provenance } = await replay(config, id, { calls: [file] });
      assert.deepEqual([differences, provenance.span, recorded.id], [[], null, id]);
      assert.deepEqual(replayed, recorded);
    }
    const refused: [string, Config, string, string[]][] = [
      ['ASSAY_REQUEST_INVALID', config, 'x', [file]],
      ['ASSAY_DECISION_UNKNOWN', config, `${'0a'.repeat(16)}.lx3k2.17`, [file]],
      ['ASSAY_DECISION_UNKNOWN', config, ids[0]!.replace(/\d+$/, '99999'), [file]],
      ['ASSAY_REPLAY_IMPOSSIBLE', config, ids[0]!, []],
      ['ASSAY_REPLAY_IMPOSSIBLE', { ...config, ASSAY_KEY: 'another' }, ids[0]!, [file]],
      ['ASSAY_FILE_UNREADABLE', config, ids[0]!, [`${file}.not`]],
      ['ASSAY_REPLAY_IMPOSSIBLE', { ...config, ASSAY_POLICY: otherPolicy(t, stages) }, ids[0]!, [file]],
    ];
    for (const [code, changed, id, files] of refused)
      await assert.rejects(replay(changed, id, { calls: files }), { code }, `${code} ${id}`);
  });

  it('says nothing of a client that it does not hold, and of a store that is not there', async (t) => {
    assert.equal(await readDecision(join(folderFor(t), 'none'), '0a'.repeat(16)), null);
  });
});

function otherPolicy(t: TestContext, { context }: ScoringStages): string {
  const { id: _id, ...policy } = context.policy;
  const path = join(folderFor(t), 'policy.json');
  writeFileSync(path, JSON.stringify({ ...policy, name: 'other' }));
  return path;
}
