/** What only machines call: files, webhooks, telemetry, builds, artifacts, health, metrics. */
import { createHash } from 'node:crypto';
import { createRandom } from '../simulator/random.ts';
import { type Call, failure, missing, type Reply, type Route, route, unless } from './api-http.ts';
import { BoundedMap, isOutage } from './api-limits.ts';
import type { World } from './api-world.ts';

const MAX_FILES = 300;
const MAX_FILE_BYTES = 256 * 1024;
const MAX_ARTIFACTS = 60;
const MAX_ARTIFACT_BYTES = 1024 * 1024;
const MAX_BUILDS = 2000;

export interface Machines {
  readonly routes: readonly Route[];
  /** Counts an answer for /metrics. */
  count(status: number): void;
}

export function createMachines(world: World, startMs: number): Machines {
  const { map } = world.shape;
  const counts = new Map<number, number>();
  return {
    count: (status) => void counts.set(status, (counts.get(status) ?? 0) + 1),
    routes: [
      ...fileRoutes(world),
      ...buildRoutes(world),
      ...artifactRoutes(map.artifacts!),
      ...route('POST', map.hooks!, ({ nowMs }) =>
        isOutage(nowMs - startMs, world.seed) ? failure(503, 'unavailable') : { status: 202, body: { accepted: true } },
      ),
      ...route(
        'POST',
        map.telemetry!,
        (call) => unless(call, ['key'], failure(403, 'forbidden')) ?? { status: 202, body: { accepted: true } },
      ),
      ...route('GET', map.health!, () => ({ status: 200, body: { status: 'ok' } })),
      ...route('GET', map.metrics!, ({ nowMs }) => metrics(counts, nowMs - startMs)),
      ...['', '/{}'].flatMap((more) => route('GET POST PUT PATCH DELETE', map.admin! + more, () => failure(403, 'forbidden'))),
      ...route('GET', `${map.admin!.replace(/\/users$/, '')}`, () => failure(403, 'forbidden')),
    ],
  };
}

function metrics(counts: ReadonlyMap<number, number>, upMs: number): Reply {
  const lines = [...counts].map(([status, count]) => `http_requests_total{status="${status}"} ${count}`);
  const body = ['# TYPE http_requests_total counter', ...lines, '# TYPE up_seconds gauge', `up_seconds ${upMs / 1000}`];
  return { status: 200, body: `${body.join('\n')}\n`, type: 'text/plain; version=0.0.4' };
}

function fileRoutes({ seed, shape: { map } }: World): Route[] {
  const random = createRandom(seed + 303);
  const files = new BoundedMap<Buffer>(MAX_FILES);
  const ids = Array.from({ length: 100 }, () => random.uuid());
  for (const id of ids) files.set(id, Buffer.from(random.hex(random.logInt(500, 60_000))));
  return [
    ...route('GET', map.files!, () => ({ status: 200, body: { items: [...files.keys()].slice(0, 100).map((id) => ({ id })) } })),
    ...route('POST', map.files!, (call) => {
      const denied = unless(call, ['user', 'key'], failure(403, 'forbidden'));
      if (denied) return denied;
      if (call.body.length === 0) return failure(422, 'empty');
      const id = random.uuid();
      files.set(id, contentOf(call).subarray(0, MAX_FILE_BYTES));
      return { status: 201, body: { id, bytes: call.body.length }, headers: { location: map.file!.replace('{}', id) } };
    }),
    ...route('GET', map.file!, (call, [id]) => {
      const denied = unless(call, ['user', 'key'], failure(403, 'forbidden'));
      const file = files.get(id!);
      return denied ?? (file ? slice(call, file) : missing());
    }),
  ];
}

/** The first part of a multipart body, or the body itself. */
function contentOf({ headers, body }: Call): Buffer {
  if (!/^multipart\//i.test(headers['content-type'] ?? '')) return Buffer.from(body);
  const start = body.indexOf('\r\n\r\n');
  const boundary = body.subarray(0, Math.max(0, body.indexOf('\r\n')));
  const end = start < 0 ? -1 : body.indexOf(boundary, start + 4);
  return Buffer.from(start < 0 ? body : body.subarray(start + 4, end < 0 ? body.length : end - 2));
}

function slice(call: Call, file: Buffer): Reply {
  const type = 'application/octet-stream';
  const match = /^bytes=(\d{1,9})-(\d{0,9})$/.exec(call.headers.range?.toString() ?? '');
  if (!match) return { status: 200, body: file, type, headers: { 'accept-ranges': 'bytes' }, isCacheable: true };
  const [from, to] = [Number(match[1]), match[2] ? Math.min(Number(match[2]), file.length - 1) : file.length - 1];
  if (from > to) return failure(416, 'range', { 'content-range': `bytes */${file.length}` });
  const headers = { 'accept-ranges': 'bytes', 'content-range': `bytes ${from}-${to}/${file.length}` };
  return { status: 206, body: file.subarray(from, to + 1), type, headers };
}

function buildRoutes({ seed, shape: { map } }: World): Route[] {
  const random = createRandom(seed + 404);
  const builds = new BoundedMap<{ atMs: number; runsMs: number }>(MAX_BUILDS);
  return [
    ...route('POST', map.builds!, (call) => {
      const denied = unless(call, ['key', 'user'], failure(403, 'forbidden'));
      if (denied) return denied;
      const id = random.uuid();
      builds.set(id, { atMs: call.nowMs, runsMs: random.int(8000, 30_000) });
      return { status: 201, body: { id, status: 'queued' }, headers: { location: map.build!.replace('{}', id) } };
    }),
    ...route('GET', map.build!, (call, [id]) => {
      const denied = unless(call, ['key', 'user'], failure(403, 'forbidden'));
      if (denied) return denied;
      const build = builds.get(id!);
      if (!build) return missing();
      const ageMs = call.nowMs - build.atMs;
      return { status: 200, body: { id, status: ageMs < 3000 ? 'queued' : ageMs < build.runsMs ? 'running' : 'done' } };
    }),
  ];
}

function artifactRoutes(path: string): Route[] {
  const artifacts = new BoundedMap<Buffer>(MAX_ARTIFACTS);
  return [
    ...route('PUT', path, (call, [name]) => {
      const denied = unless(call, ['key', 'user'], failure(403, 'forbidden'));
      if (denied) return denied;
      if (call.body.length > MAX_ARTIFACT_BYTES) return failure(413, 'too_large');
      const isNew = !artifacts.has(name!);
      artifacts.set(name!.slice(0, 200), Buffer.from(call.body));
      return { status: isNew ? 201 : 200, body: { sha256: createHash('sha256').update(call.body).digest('hex') } };
    }),
    ...route('GET', path, (call, [name]) => {
      const denied = unless(call, ['key', 'user'], failure(403, 'forbidden'));
      const artifact = artifacts.get(name!);
      return denied ?? (artifact ? slice(call, artifact) : missing());
    }),
  ];
}
