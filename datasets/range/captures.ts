/** Writing a capture: calls, labels of addresses, and a table of what ran. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ApiCall } from '../../service/core/contracts.ts';
import type { Random } from '../simulator/random.ts';
import { type AddressLabel, type CaptureResult, callLine, createAddresses } from './capture.ts';
import { captureNames } from './load.ts';
import type { Program } from './program.ts';
import type { ClientRun } from './schedule.ts';
import { baseEnv, hostAddress } from './seats.ts';

/** By server address; client addresses are drawn in the order of the hosts, which is itself drawn. */
export function labelAddresses(runs: readonly ClientRun[], random: Random): Map<string, AddressLabel> {
  const labels = new Map<string, AddressLabel>();
  const draw = createAddresses(random);
  const hosts = runs.flatMap(({ plan, startedAtMs }) => plan.hosts.map((host) => ({ host, plan, startedAtMs })));
  for (const { host, plan, startedAtMs } of hosts.toSorted((a, b) => a.host - b.host)) {
    const { label, kind, tool, name } = plan.program;
    const turn = plan.turn > 0 ? { turn: startedAtMs + plan.turn * 1000 } : {};
    const about = {
      label,
      kind,
      tool,
      form: plan.form,
      program: name,
      client: clientName(plan),
      ...turn,
    };
    labels.set(hostAddress(host), { clientIp: draw(), ...about });
  }
  return labels;
}

function clientName({ seat }: ClientRun['plan']): string {
  return `c${String(seat).padStart(4, '0')}`;
}

interface TableRow {
  readonly program: string;
  readonly label: string;
  readonly kind: string;
  readonly tool: string;
  readonly version: string;
  readonly forms: readonly string[];
  readonly clients: number;
  /** Clients without a single call: the program did not run as it should. */
  readonly silent: number;
  readonly addresses: number;
  readonly calls: number;
  /** Calls left out since their clients had made enough. */
  readonly cut: number;
}

export interface CaptureTable {
  readonly name: string;
  readonly shape: string;
  readonly gateway: string;
  readonly seed: number;
  readonly seconds: number;
  readonly scale: number;
  readonly clients: number;
  readonly calls: number;
  readonly programs: readonly TableRow[];
}

type TableFacts = Pick<CaptureTable, 'shape' | 'gateway' | 'seed' | 'seconds' | 'scale'>;

export function createTable(
  { shape, gateway, seed, seconds, scale }: TableFacts,
  name: string,
  programs: readonly Program[],
  runs: readonly ClientRun[],
  result: CaptureResult,
): CaptureTable {
  const rows = programs.map((program) =>
    rowOf(
      program,
      runs.filter(({ plan }) => plan.program === program),
      result,
    ),
  );
  const facts = { name, shape, gateway, seed, seconds, scale, clients: runs.length, calls: result.calls.length };
  return { ...facts, programs: rows.toSorted((a, b) => a.program.localeCompare(b.program)) };
}

function rowOf(program: Program, runs: readonly ClientRun[], { kept, cut }: CaptureResult): TableRow {
  const clients = runs.map(({ plan }) => clientName(plan));
  const sum = (counts: ReadonlyMap<string, number>) => clients.reduce((total, client) => total + (counts.get(client) ?? 0), 0);
  return {
    program: program.name,
    label: program.label,
    kind: program.kind,
    tool: program.tool,
    version: versionOf(program),
    forms: program.forms,
    clients: clients.length,
    silent: clients.filter((client) => !kept.has(client)).length,
    addresses: runs.reduce((total, { plan }) => total + plan.hosts.length, 0),
    calls: sum(kept),
    cut: sum(cut),
  };
}

const MAX_VERSION_CHARS = 80;

function versionOf({ version }: Program): string {
  if (typeof version === 'string') return version;
  // Java tells of its options before it tells its version.
  const env = { ...baseEnv(), JAVA_TOOL_OPTIONS: undefined, HOME: '/nonexistent', ...version.env };
  const { stdout, stderr } = spawnSync(version.file, version.args, { env, encoding: 'utf8', timeout: 20_000 });
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n').filter((line) => line.trim());
  return (lines[0] ?? 'unknown').trim().slice(0, MAX_VERSION_CHARS);
}

/** Writes NAME.ndjson.gz, NAME.labels.ndjson.gz and NAME.json. */
export function writeCapture(
  folder: string,
  name: string,
  calls: readonly ApiCall[],
  labels: readonly AddressLabel[],
  table: CaptureTable,
): void {
  mkdirSync(folder, { recursive: true });
  const gzip = (lines: readonly string[]) => gzipSync(lines.map((line) => `${line}\n`).join(''), { level: 9 });
  // An address that never called would tell of nothing.
  const seen = new Set(calls.map(({ clientIp }) => clientIp));
  const spoken = labels.filter(({ clientIp }) => seen.has(clientIp));
  writeFileSync(join(folder, `${name}.ndjson.gz`), gzip(calls.map(callLine)));
  writeFileSync(join(folder, `${name}.labels.ndjson.gz`), gzip(spoken.map((label) => JSON.stringify(label))));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(table, null, 2)}\n`);
}

/** Writes PROGRAMS.md: every program of the folder's captures, with its version, clients and calls in all of them. */
export function writeProgramTable(folder: string): void {
  const tables = captureNames(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as CaptureTable,
  );
  const rows = new Map<string, TableRow>();
  for (const { programs } of tables)
    for (const row of programs) {
      const { clients = 0, addresses = 0, calls = 0 } = rows.get(row.program) ?? {};
      const sums = { clients: clients + row.clients, addresses: addresses + row.addresses, calls: calls + row.calls };
      rows.set(row.program, { ...row, ...sums });
    }
  const lines = [...rows.values()]
    .toSorted((a, b) => b.label.localeCompare(a.label) || a.kind.localeCompare(b.kind) || a.program.localeCompare(b.program))
    .map(({ label, kind, program, version, forms, clients, addresses, calls }) =>
      ['', label, kind, program, version, forms.join(' '), clients, addresses, calls, ''].join(' | ').trim(),
    );
  const captures = tables.map(
    ({ name, shape, gateway, seed, seconds, clients, calls }) =>
      `| ${name} | ${shape} | ${gateway} | ${seed} | ${seconds} | ${clients} | ${calls} |`,
  );
  const text = [
    '# What the captures hold',
    '',
    'Written by `npm run range`.',
    '',
    '| capture | API | gateway | seed | seconds | clients | calls |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...captures,
    '',
    '| label | kind | program | version | forms | clients | addresses | calls |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ];
  writeFileSync(join(folder, 'PROGRAMS.md'), text.join('\n'));
}
