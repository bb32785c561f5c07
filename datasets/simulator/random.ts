/**
 * All chance in the simulator. The generator is sfc32 (Chris Doty-Humphrey, PractRand, public domain), seeded through
 * splitmix32; the same seed gives the same draws on every machine.
 */
export interface Random {
  /** Evenly in [low, high). */
  real(low?: number, high?: number): number;
  /** Whole numbers, both ends included. */
  int(low: number, high: number): number;
  /** Evenly over the orders of magnitude: as likely between 1 and 10 as between 10 and 100. `low` above 0. */
  log(low: number, high: number): number;
  logInt(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** One of the names, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
  /** Standard normal. */
  normal(): number;
  /** Times that vary by a factor of about e to the `spread`. */
  around(middle: number, spread: number): number;
  hex(digits: number): string;
  uuid(): string;
  shuffle<T>(items: readonly T[]): T[];
  /** A generator of its own, so that one actor's draws do not shift another's. */
  fork(): Random;
}

type Draw = () => number;

function sfc32(a: number, b: number, c: number, d: number): Draw {
  return () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
}

function splitmix32(seed: number): Draw {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let t = state ^ (state >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
}

/** @param seed any number; its whole part below 2^53 counts */
export function createRandom(seed: number): Random {
  const mixed = splitmix32(Math.trunc(seed) ^ Math.trunc(seed / 2 ** 32));
  return randomOf(sfc32(mixed(), mixed(), mixed(), mixed()));
}

const UNIT = 2 ** -32;

function randomOf(draw: Draw): Random {
  const real = (low = 0, high = 1) => low + draw() * UNIT * (high - low);
  const int = (low: number, high: number) => low + Math.floor(draw() * UNIT * (high - low + 1));
  const log = (low: number, high: number) => low * (high / low) ** (draw() * UNIT);
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw() * UNIT)) * Math.cos(2 * Math.PI * draw() * UNIT);
  const hex = (digits: number) => {
    let text = '';
    while (text.length < digits) text += draw().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  };
  return {
    real,
    int,
    log,
    logInt: (low, high) => Math.round(log(low, high)),
    chance: (probability) => draw() * UNIT < probability,
    pick: (items) => items[Math.floor(draw() * UNIT * items.length)]!,
    weighted: (weights) => pickWeighted(weights, draw() * UNIT),
    normal,
    around: (middle, spread) => middle * Math.exp(spread * normal()),
    hex,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[int(0, 3)]}${hex(3)}-${hex(12)}`,
    shuffle: (items) => shuffled(items, int),
    fork: () => randomOf(sfc32(draw(), draw(), draw(), draw())),
  };
}

function pickWeighted<K extends string>(weights: Readonly<Record<K, number>>, at: number): K {
  const names = Object.keys(weights) as K[];
  let total = 0;
  for (const name of names) total += weights[name];
  let left = at * total;
  for (const name of names) {
    left -= weights[name];
    if (left < 0) return name;
  }
  return names.at(-1)!;
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], int: Random['int']): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = int(0, i);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

const ODD = 0x9e3779b1;
const ODD_INVERSE = inverse(ODD);

/** The inverse of an odd number modulo 2^32, by Newton's iteration. */
function inverse(odd: number): number {
  let x = odd;
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x));
  return x;
}

/** Scatters 32-bit numbers, one to one, so that `gather` finds the number again without a table. */
export function scatter(n: number, seed: number): number {
  const x = Math.imul((n ^ seed) | 0, ODD);
  return (x ^ (x >>> 16)) >>> 0;
}

export function gather(scattered: number, seed: number): number {
  const x = (scattered ^ (scattered >>> 16)) | 0;
  return (Math.imul(x, ODD_INVERSE) ^ seed) >>> 0;
}
