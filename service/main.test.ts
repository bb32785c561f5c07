/** The commands as they are run: a process of its own, real files, exit codes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Verdict } from './core/contracts.ts';
import type { EvaluationReport } from './core/evaluation.ts';
import { packageRoot } from './io/package-root.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-main-'));
after(() => rmSync(folder, { recursive: true }));
const ACCESS_LOG = join(packageRoot, 'datasets', 'apache-access', 'access.log.gz');

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function assay(args: readonly string[], { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {}): Ran {
  const main = join(packageRoot, 'dist', 'service', 'main.js');
  const ran = spawnSync(process.execPath, [main, ...args], {
    input,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

function linesOf<T>(text: string): T[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const call = (i: number, change: object = {}) =>
  JSON.stringify({
    id: `c${i}`,
    time: 1.7e12 + i * 1000,
    clientIp: '192.0.2.4',
    method: 'GET',
    path: '/v1/a',
    status: 200,
    ...change,
  });

describe('assay score', () => {
  it('gives one verdict for each client of a real log, and calls bad only who probes', () => {
    const { status, out, err } = assay(['score', '--format', 'combined', '--json', ACCESS_LOG]);
    assert.equal(status, 0);
    const clients = linesOf<Verdict & { clientIp: string; userAgent: string | null }>(out);
    assert.equal(new Set(clients.map(({ clientId }) => clientId)).size, clients.length);
    assert.equal(new Set(clients.map(({ clientIp }) => clientIp)).size, 1753);
    const bad = clients.filter(({ verdict }) => verdict === 'bad');
    assert.ok(bad.length <= 0.01 * clients.length, `${bad.length} bad`);
    for (const { family, reasons } of bad) {
      assert.ok(
        reasons.some(({ name }) => /probes|missAfter404|missed|^standing-verdict$|^bad-session$/.test(name)),
        JSON.stringify(reasons),
      );
      assert.ok(family);
    }
    for (const { reasons } of clients) assert.ok(reasons.length > 0);
    assert.match(err, /^10000 calls of \d+ clients in [\d.]+ s \(\d+ calls\/s\)/);
  });

  it('shows the clients worth a look as a table', () => {
    const { out } = assay(['score', ACCESS_LOG]);
    assert.match(out, /verdict.*score.*client.*calls.*most like.*why/);
    assert.match(out, /│ bad/);
    assert.match(out, /asked \d+ times for files that only scanners ask for/);
  });

  it('reads standard input, and gives the same for it as for the file', () => {
    const lines = Array.from({ length: 8 }, (_, i) => call(i)).join('\n');
    const path = write('same.ndjson', lines);
    const fromFile = assay(['score', '--json', path]).out;
    assert.equal(linesOf<Verdict>(fromFile)[0]?.calls, 8);
    assert.equal(assay(['score', '--json', '-'], { input: lines }).out, fromFile);
  });

  it('counts what it can not use and scores the records around it', () => {
    const lines = [
      call(0),
      '{"id":',
      call(1),
      call(2, { time: Date.UTC(3000, 0) }),
      call(3, { requestBytes: -1 }),
      call(4, { clientIp: undefined }),
      'x'.repeat(10 * 2 ** 20),
      call(5),
    ].join('\n');
    const { status, out, err } = assay(['score', '--json', write('mixed.ndjson', lines)]);
    assert.equal(status, 0);
    assert.equal(linesOf<Verdict>(out)[0]?.calls, 3);
    const codes = ['BAD_JSON', 'FUTURE', 'BAD_FIELD', 'MISSING_FIELD', 'TOO_LARGE'];
    for (const code of codes) assert.match(err, new RegExp(`1 rejected, ASSAY_CALL_${code}: first at .*mixed.ndjson:\\d`));
  });

  it('takes invalid UTF-8 for a rejection in NDJSON and for bytes in a log', () => {
    const bytes = Buffer.concat([Buffer.from(`${call(0)}\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from(call(1))]);
    assert.match(
      assay(['score', '--format', 'ndjson', '--json', write('utf8.ndjson', bytes)]).err,
      /1 rejected, ASSAY_CALL_BAD_UTF8/,
    );
    const log = Buffer.from('192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /\xff HTTP/1.1" 200 1 "-" "a\xfe"\n', 'latin1');
    assert.match(assay(['score', '--format', 'combined', '--json', write('utf8.log', log)]).err, /^1 calls of 1 clients/);
  });

  it('tells each faulty file with its code, exits with 1, and reads the others', () => {
    const packed = write('cut.ndjson.gz', gzipSync(Array.from({ length: 5000 }, (_, i) => call(i)).join('\n')));
    truncateSync(packed, 4000);
    const good = write('good.ndjson', call(0, { clientIp: '198.51.100.1' }));
    const { status, out, err } = assay(['score', '--json', packed, write('empty.log', ''), folder, join(folder, 'none'), good]);
    assert.equal(status, 1);
    for (const code of ['FILE_TRUNCATED', 'FILE_EMPTY', 'FILE_IS_DIRECTORY', 'FILE_UNREADABLE'])
      assert.match(err, new RegExp(`assay: ASSAY_${code}: `));
    const clients = linesOf<Verdict & { clientIp: string }>(out);
    assert.deepEqual(
      clients.map(({ clientIp }) => clientIp),
      ['192.0.2.4', '198.51.100.1'],
    );
    assert.ok(clients[0]!.calls > 50);
  });

  it('refuses what it can not work with, in one line', () => {
    const refused = (args: string[], env: NodeJS.ProcessEnv, code: string) => {
      const { status, out, err } = assay(args, { env });
      assert.equal(status, 1);
      assert.equal(out, '');
      assert.match(err, new RegExp(`^assay: ${code}: .*\\n$`));
    };
    refused(['score', '--format', 'nonsense', ACCESS_LOG], {}, 'ASSAY_FORMAT_UNKNOWN');
    refused(['score', ACCESS_LOG], { ASSAY_MODEL: 'nowhere' }, 'ASSAY_MODEL_MISSING');
    refused(['score', ACCESS_LOG], { ASSAY_POLICY: ACCESS_LOG }, 'ASSAY_POLICY_INVALID');
    refused(['score', ACCESS_LOG], { PORT: '-1', ASSAY_BACKEND: 'abacus' }, 'ASSAY_CONFIG_INVALID');
  });
});

describe('assay simulate and evaluate', () => {
  const calls = join(folder, 'calls.ndjson');
  const labels = join(folder, 'labels.ndjson');

  it('simulates calls and labels from a seed that no model was trained on, and measures the default model on them', () => {
    const simulated = assay(['simulate', '--seed', '97', '--clients', '400', '--labels', labels]);
    assert.equal(simulated.status, 0);
    writeFileSync(calls, simulated.out);
    const { status, out } = assay(['evaluate', '--json', '--labels', labels, calls]);
    assert.equal(status, 0);
    const report = JSON.parse(out) as EvaluationReport;
    assert.ok(report.clients > 300);
    assert.ok(report.rocAuc! > 0.87, `ROC-AUC ${report.rocAuc}`);
    assert.ok(report.falseAlarmRate! < 0.03, `false alarms ${report.falseAlarmRate}`);
    assert.ok(report.callsUntilDetection.median! >= 3);
    assert.ok(report.goodKinds.length > 20 && report.badKinds.length > 15);
    assert.match(assay(['evaluate', '--labels', labels, calls]).out, /ROC-AUC.*recall at 1% false alarms/s);
  });

  it('takes the strongest name of a client, and says which label is wrong', () => {
    const file = write(
      'two.ndjson',
      [call(0), call(1, { clientIp: '192.0.2.8', subject: 's', authScheme: 'apiKey' })].join('\n'),
    );
    const lines = [
      '{"clientIp":"192.0.2.4","label":"good","kind":"a"}',
      '{"clientIp":"192.0.2.8","label":"good"}',
      '{"subject":"s","label":"bad","kind":"b"}',
    ];
    const { out } = assay(['evaluate', '--json', '--labels', write('two.labels', lines.join('\n')), file]);
    const report = JSON.parse(out) as EvaluationReport;
    assert.deepEqual([report.goodKinds.map(({ kind }) => kind), report.badKinds.map(({ kind }) => kind)], [['a'], ['b']]);
    for (const wrong of [
      '{"label":"good"}',
      '{"clientIp":"a","label":"ugly"}',
      '{"clientIp":"a","subject":"b","label":"bad"}',
      'x',
      'null',
    ])
      assert.match(
        assay(['evaluate', '--labels', write('wrong.labels', `\n${wrong}`), file]).err,
        /^assay: ASSAY_LABEL_INVALID: .*wrong.labels:2/,
      );
  });
});

describe('assay', () => {
  it('lists the models, the default one marked', () => {
    const byDefault = readFileSync(join(packageRoot, 'models', 'DEFAULT'), 'utf8').trim();
    assert.match(assay(['models']).out, new RegExp(`^\\* ${byDefault} `, 'm'));
    assert.equal(
      linesOf<{ id: string }>(assay(['models', '--json']).out).some(({ id }) => id === byDefault),
      true,
    );
  });

  it('lists dead letters of the store, and refuses what makes no sense', () => {
    const env = { ASSAY_DATA: join(folder, 'no-store'), KAFKA_BROKERS: '' };
    assert.equal(assay(['dead-letters'], { env }).out, 'no dead letters\n');
    assert.deepEqual(assay(['dead-letters', '--json'], { env }), { status: 0, out: '', err: '' });
    assert.equal(assay(['dead-letters', '--limit', '0'], { env }).status, 1);
    assert.match(assay(['topics'], { env }).err, /^assay: ASSAY_CONFIG_INVALID: .*KAFKA_BROKERS is not set/);
    assert.equal(assay(['topics', '--create', '--replication', 'x'], { env }).status, 1);
  });

  it('passes options on to the offline scripts, and their exit code back', () => {
    assert.match(assay(['train', '--help']).out, /--promote/);
    assert.equal(assay(['train', '--nonsense']).status, 1);
    assert.match(assay(['simulate', '--help']).out, /--seed/);
  });

  it('stops quietly when its reader has seen enough', () => {
    const main = join(packageRoot, 'dist', 'service', 'main.js');
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" "${main}" score --json "${ACCESS_LOG}" | head -n 1 >/dev/null`],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0);
    assert.doesNotMatch(stderr, /EPIPE|at /);
  });
});

describe('assay replay', () => {
  it('says in codes what it can not do', () => {
    const env = { ASSAY_DATA: join(folder, 'no-store'), KAFKA_BROKERS: '' };
    for (const [id, code] of [
      ['nothing', 'ASSAY_REQUEST_INVALID'],
      [`${'0a'.repeat(16)}.lx3k2.17`, 'ASSAY_DECISION_UNKNOWN'],
    ] as const) {
      const { status, out, err } = assay(['replay', id], { env });
      assert.deepEqual([status, out], [1, '']);
      assert.match(err, new RegExp(`^assay: ${code}: `));
    }
  });
});
