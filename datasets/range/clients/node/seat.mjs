/** What the range hands a client: addresses, paths, credentials, a seeded generator and a clock that ends in time. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { env } = process;

export const url = env.RANGE_URL ?? '';
export const api = JSON.parse(env.RANGE_API ?? readFileSync(env.RANGE_API_FILE ?? '', 'utf8'));
export const form = env.RANGE_FORM ?? 'plain';
export const email = env.RANGE_EMAIL ?? '';
export const password = env.RANGE_PASSWORD ?? '';
export const key = env.RANGE_API_KEY ?? '';
export const clientId = env.RANGE_CLIENT_ID ?? '';
export const clientSecret = env.RANGE_CLIENT_SECRET ?? '';

/** Accounts of a client that serves several users: its own and what else it was dealt. */
export const accounts = [[email, password], ...(env.RANGE_ACCOUNTS ?? '').split(/\s+/).filter(Boolean).map(splitAccount)];

function splitAccount(text) {
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}

/** Path of a logical name; ids fill its `{}` in turn. */
export function at(name, ...ids) {
  const path = api[name];
  if (path === undefined) throw new Error(`the API has no ${name}`);
  let next = 0;
  return path.replaceAll(/\{[^}]*\}/g, () => encodeURIComponent(String(ids[next++] ?? '')));
}

/** Loads an npm package from the range's own folder. */
export async function load(name) {
  const work = env.RANGE_WORK ?? '';
  const root = [work, join(work, 'node'), join(work, 'npm')].find((folder) => existsSync(join(folder, 'node_modules', name)));
  const require = createRequire(join(root ?? work, 'package.json'));
  return await import(pathToFileURL(require.resolve(name)).href);
}

/** What abuses or copies does so to the range's own mock API only. @throws Error naming an address that is not of the range */
export function checkUrls(urls = [url]) {
  const foreign = urls.find((one) => !/^https:\/\/([a-z0-9-]+\.range\.test|localhost)(:\d+)?$/.test(one));
  if (foreign !== undefined || urls.length === 0) throw new Error(`not an address of the range: ${foreign}`);
}

/** Lines of a file that a variable names; none where there is no such file. */
export function readLines(variable) {
  return env[variable] ? readFileSync(env[variable], 'utf8').split('\n').filter(Boolean) : [];
}

let state = Number(env.RANGE_SEED ?? 1) >>> 0;

/** A number from 0 to 1 (mulberry32). */
function next() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

export const random = {
  real: (low, high) => low + next() * (high - low),
  int: (low, high) => low + Math.floor(next() * (high - low + 1)),
  /** Small values often, large ones now and then. */
  log: (low, high) => low * (high / low) ** next(),
  logInt: (low, high) => Math.max(low, Math.min(high, Math.round(low * (high / low) ** next()))),
  chance: (p) => next() < p,
  pick: (list) => list[Math.floor(next() * list.length)],
  hex: (length) => Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join(''),
  uuid: () => `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-a${random.hex(3)}-${random.hex(12)}`,
  shuffle: (list) => {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  },
};

const endsAtMs = Date.now() + Number(env.RANGE_SECONDS ?? 60) * 1000 - 500;

/** Milliseconds that are left. */
export function leftMs() {
  return endsAtMs - Date.now();
}

/** Calls that are left: what repeats itself says with `spend` how many it has made. */
let leftCalls = 600;

export function spend(calls = 1) {
  leftCalls -= calls;
}

export function isOver() {
  return leftMs() <= 0 || leftCalls <= 0;
}

/** Waits, but never past the end. */
export async function pause(ms) {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(ms, leftMs()))));
}

/** How long a person or a schedule lets pass around `ms`. */
export async function linger(ms) {
  await pause(ms * random.log(0.4, 2.5));
}

/** Runs tasks with at most `width` at once. */
export async function inParallel(list, width, run) {
  const queue = [...list];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined && !isOver(); item = queue.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Milliseconds of a Retry-After header; a guess where there is none. */
export function retryAfterMs(value, otherwiseMs = 1000) {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : otherwiseMs;
}

/** A day of the last `days`, as an ISO time. */
export function dayBefore(days) {
  return new Date(Date.UTC(2026, 0, 28) - Math.round(days * 86_400_000)).toISOString();
}

/** Runs the client; a failure is told and ends it, as it would end the real program, and a hanging socket keeps nobody. */
export async function main(run) {
  const guard = setTimeout(() => process.exit(0), Math.max(100, leftMs() + 2500));
  try {
    await run();
  } catch (error) {
    console.error(error?.stack ?? String(error));
  }
  clearTimeout(guard);
  process.exit(0);
}
