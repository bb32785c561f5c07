/** Loads captures: calls in the order of their time, each with what is known of its client at that time. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { checkCall, isRejection } from '../../service/core/api-call.ts';
import type { LabelledCall, Truth } from '../dataset.ts';
import type { AddressLabel } from './capture.ts';
import { CAPTURES_DIR } from './places.ts';

const NEWLINE = 10;
const ENDING = '.ndjson.gz';
const LABELS = `.labels${ENDING}`;

/** Names of the captures that there are, sorted. */
export function captureNames(folder = CAPTURES_DIR): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith(LABELS));
  return files.map((file) => file.slice(0, -LABELS.length)).toSorted();
}

/**
 * @param name of a capture, or the path of one, without its endings
 * @throws Error where a file is missing or a line is not what capture wrote
 */
export function* loadCapture(name: string): Generator<LabelledCall> {
  const path = basename(name) === name ? join(CAPTURES_DIR, name) : name;
  const labels = new Map<string, AddressLabel>();
  for (const label of readLines(`${path}${LABELS}`)) labels.set((label as AddressLabel).clientIp, label as AddressLabel);
  const truths = new Map<string, Truth>();
  for (const record of readLines(`${path}${ENDING}`)) {
    const call = checkCall(record, Number.MAX_VALUE);
    if (isRejection(call)) throw new Error(`${path}: ${call.rejected} ${call.detail}`);
    const label = labels.get(call.clientIp);
    if (!label) throw new Error(`${path}: no label for ${call.clientIp}`);
    yield { call, truth: truthAt(truths, label, call.time, dirname(path) === '.' ? '' : basename(path)) };
  }
}

/** One object for each client and side of its turn, so that a million calls do not make a million. */
function truthAt(
  truths: Map<string, Truth>,
  { client, label, kind, tool, turn }: AddressLabel,
  time: number,
  capture: string,
): Truth {
  const isBefore = turn !== undefined && time < turn;
  const key = `${client}|${isBefore}`;
  const known = truths.get(key);
  if (known) return known;
  const name = `${capture}/${client}`;
  const truth: Truth = { client: name, label: isBefore ? 'good' : label, kind, tool, group: name };
  truths.set(key, truth);
  return truth;
}

function* readLines(path: string): Generator<unknown> {
  const bytes = gunzipSync(readFileSync(path));
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    if (end > start) yield JSON.parse(bytes.toString('utf8', start, end)) as unknown;
    start = end + 1;
  }
}
