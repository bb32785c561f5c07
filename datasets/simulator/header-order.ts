/** From many calls' header names to one order with marks, as STACKS has them. */
import { OPTIONAL } from './software.ts';

/** Header names and different lists of them that are kept of one program; what comes beyond is not counted. */
const MAX_NAMES = 64;
const MAX_LISTS = 512;
/** In so many of the calls a header counts as always sent. */
const ALWAYS = 0.9;
/** In fewer it is a single client's own. */
const OWN = 0.02;

export interface OrderCounter {
  add(headerNames: readonly string[]): void;
  /** Names in the order most calls agree on; + before those with cause, +extra once where clients put their own. */
  merge(): string;
}

export function createOrderCounter(): OrderCounter {
  const lists = new Map<string, number>();
  return {
    add(headerNames) {
      const list = headerNames.slice(0, MAX_NAMES).join(' ');
      if (lists.size < MAX_LISTS || lists.has(list)) lists.set(list, (lists.get(list) ?? 0) + 1);
    },
    merge: () => mark(sortNames(lists), sharesOf(lists)),
  };
}

function sharesOf(lists: ReadonlyMap<string, number>): Map<string, number> {
  const shares = new Map<string, number>();
  let total = 0;
  for (const n of lists.values()) total += n;
  for (const [list, n] of lists)
    for (const name of new Set(list.split(' '))) shares.set(name, (shares.get(name) ?? 0) + n / total);
  return shares;
}

/** Takes again and again the name that the fewest of those left come before. */
function sortNames(lists: ReadonlyMap<string, number>): string[] {
  const before = new Map<string, Map<string, number>>();
  for (const [list, n] of lists) {
    const names = list.split(' ');
    names.forEach((name, i) => {
      const after = before.get(name) ?? new Map<string, number>();
      before.set(name, after);
      for (const later of names.slice(i + 1)) after.set(later, (after.get(later) ?? 0) + n);
    });
  }
  const comesBefore = (a: string, b: string) => (before.get(a)?.get(b) ?? 0) > (before.get(b)?.get(a) ?? 0);
  const left = [...before.keys()].sort().slice(0, MAX_NAMES);
  const sorted: string[] = [];
  while (left.length > 0) {
    const ahead = left.map((name) => left.filter((other) => comesBefore(other, name)).length);
    sorted.push(...left.splice(ahead.indexOf(Math.min(...ahead)), 1));
  }
  return sorted;
}

function mark(names: readonly string[], shares: ReadonlyMap<string, number>): string {
  const slots: string[] = [];
  for (const name of names) {
    const share = shares.get(name) ?? 0;
    const slot = OPTIONAL[name] ? `+${name}` : share >= ALWAYS ? name : '+extra';
    if (name === '' || (slot === '+extra' && (share < OWN || slots.includes(slot)))) continue;
    slots.push(slot);
  }
  return slots.join(' ');
}
