/** What every tool needs of its seat: lists to work through, a time limit, pauses. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, type Random } from '../../simulator/random.ts';
import type { Command, Seat } from '../program.ts';
import { drawGuise, type Guise } from './tool-guise.ts';

/** A seat with its draws: everything random about a tool's run follows from the seed. */
export interface Errand {
  readonly seat: Seat;
  readonly random: Random;
  readonly guise: Guise;
  /** Base URL without a slash at its end. */
  readonly base: string;
  /** Forms `patient` and `pauses`: few calls in long time. */
  readonly isSlow: boolean;
  /** Seconds that a thread should wait between two calls, where the tool can; the hasty half of the others waits not at all. */
  readonly waitS: number;
}

export function errandOf(seat: Seat): Errand {
  const random = createRandom(seat.seed);
  const base = (seat.urls[0] ?? '').replace(/\/$/, '');
  const isSlow = seat.form === 'patient' || seat.form === 'pauses';
  const guise = drawGuise(seat, random);
  const hasty = random.chance(0.5) ? 0 : random.log(0.03, 0.6);
  const waitS = seat.form === 'patient' ? random.log(0.3, 2.5) : hasty;
  return { seat, random, base, isSlow, guise, waitS };
}

/** @throws Error where the range has not given the variable */
export function given(seat: Seat, name: string): string {
  const value = seat.env[name];
  if (value === undefined) throw new Error(`${name} is missing for ${seat.form}`);
  return value;
}

/** @throws Error where the shape has no such path */
export function pathOf(seat: Seat, name: string, id = ''): string {
  const path = seat.api[name];
  if (path === undefined) throw new Error(`the API has no ${name}`);
  return path.replace('{}', id);
}

/** `/v1` of `/v1/products`. */
export function prefixOf(seat: Seat): string {
  return pathOf(seat, 'products').replace(/\/[^/]+$/, '');
}

/** Lines of one of the range's lists. */
export function linesFrom(seat: Seat, name: string): string[] {
  return readFileSync(given(seat, name), 'utf8').split('\n').filter(Boolean);
}

/** `count` lines in their order from a random place on, as an attacker takes the head of one list or another. */
export function sliceOf(random: Random, lines: readonly string[], count: number): string[] {
  const from = random.int(0, Math.max(0, lines.length - count));
  return lines.slice(from, from + count);
}

/** Writes a list into the seat's folder. @returns its path */
export function writeList(seat: Seat, name: string, lines: readonly string[]): string {
  mkdirSync(seat.folder, { recursive: true });
  const path = join(seat.folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** A slice of the path list, from `least` to `most` words. @returns its file */
export function writeWords({ seat, random }: Errand, least: number, most: number): string {
  return writeList(seat, 'tool-words.txt', sliceOf(random, linesFrom(seat, 'RANGE_WORDS'), random.logInt(least, most)));
}

/** A slice of the password list. @returns its file */
export function writePasswords({ seat, random }: Errand, least: number, most: number): string {
  return writeList(seat, 'tool-passwords.txt', sliceOf(random, linesFrom(seat, 'RANGE_PASSWORDS'), random.logInt(least, most)));
}

/** Addresses of real and of made-up accounts. */
export function drawEmails({ seat, random }: Errand, count: number): string[] {
  const emails = linesFrom(seat, 'RANGE_LEAKED').map((line) => line.split(':')[0]!);
  return random.shuffle(emails).slice(0, count);
}

/** Ends the command within the seat's time, should it not end by itself. */
export function bounded({ seat }: Errand, command: readonly string[], env?: Readonly<Record<string, string>>): Command {
  const args = ['-k', '2', String(Math.max(5, seat.seconds - 2)), ...command];
  return env ? { file: 'timeout', args, env } : { file: 'timeout', args };
}

export interface Rounds {
  /** How many times the command runs. */
  readonly rounds: number;
  /** Seconds between two runs, least and most. */
  readonly pause: readonly [number, number];
  /** A file that is cut into as many parts; `{PART}` in the command names the round's part. */
  readonly list?: string;
}

/**
 * Runs a tool that knows no pauses round by round. In its arguments `{TOKEN}` becomes a fresh token of the seat's account,
 * `{ADDRESS}` the address of its host and `{LINE}` the round's line of the list.
 */
export function inRounds(errand: Errand, { rounds, pause, list }: Rounds, command: readonly string[]): Command {
  const script = join(errand.seat.clients, 'tools', 'rounds.sh');
  const [least, most] = pause.map(String);
  return bounded(errand, ['bash', script, String(rounds), least!, most!, list ?? '', ...command], {
    TOOL_LOGIN: errand.base + pathOf(errand.seat, 'login'),
    TOOL_HOST: new URL(errand.base).hostname,
  });
}

/** One run without pauses for tools that need `{TOKEN}` or `{ADDRESS}`; form `pauses` gets rounds over the list's parts. */
export function perhapsInRounds(errand: Errand, list: string, command: readonly string[]): Command {
  const { seat, random } = errand;
  if (seat.form !== 'pauses') return inRounds(errand, { rounds: 1, pause: [0, 0], list }, command);
  return inRounds(errand, { rounds: random.int(4, 9), pause: [1, random.int(4, 12)], list }, command);
}

/** A version that the Debian package tells. */
export function debian(name: string): Command {
  return { file: 'dpkg-query', args: ['-W', '-f', `\${Package} \${Version}\\n`, name] };
}

/** For tools whose scripts must meet Debian's Python and no other. */
export const DEBIAN_PATH = { PATH: '/usr/bin:/bin' } as const;

/** Threads and a delay that varies by as much again. */
export function ffufPace({ random, isSlow, waitS }: Errand): string[] {
  const threads = isSlow ? random.int(1, 2) : random.int(1, 12);
  const delay = waitS === 0 ? [] : ['-p', `${(waitS * 0.4).toFixed(2)}-${(waitS * 1.6).toFixed(2)}`];
  return ['-t', String(threads), ...delay];
}
