/** Small statistics on typed arrays: hashes, distinct counts, running moments. Each works in place on a slice of a client's record. */

/** 32-bit hash of a string: FNV-1a over UTF-16 units, finished by MurmurHash3's mixer so that all bits are usable. */
export function hashString(text: string, seed = 0x811c9dc5): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** MurmurHash3's 32-bit finaliser. */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function combine(a: number, b: number): number {
  return mix(Math.imul(a, 31) + b);
}

/** Ranks are kept in half a byte: 15 stands for some 32,000 values a register. */
const MAX_RANK = 15;

/**
 * HyperLogLog (Flajolet et al. 2007) over `size` registers, two a byte, in `size / 2` bytes from `at`; size is a power of
 * two. Returns whether a register grew, which for few values means "not seen before".
 */
export function addDistinct(registers: Uint8Array, at: number, size: number, hash: number): boolean {
  const index = hash & (size - 1);
  const byte = at + (index >> 1);
  const shift = (index & 1) << 2;
  // Shifted first, since mix leaves 0 where it is.
  const rank = Math.min(MAX_RANK, Math.clz32(mix(hash + 0x9e3779b9) | 1) + 1);
  const pair = registers[byte]!;
  if (rank <= ((pair >> shift) & MAX_RANK)) return false;
  registers[byte] = (pair & (0xf0 >> shift)) | (rank << shift);
  return true;
}

/** Of a byte with two ranks: the sum of 2 ** -rank, and how many are free. */
const HALVES = Float64Array.from({ length: 256 }, (_, pair) => 2 ** -(pair & MAX_RANK) + 2 ** -(pair >> 4));
const FREE = Uint8Array.from({ length: 256 }, (_, pair) => Number((pair & MAX_RANK) === 0) + Number(pair >> 4 === 0));
const LOGARITHMS = Float64Array.from({ length: 129 }, (_, n) => Math.log(n));

/** Estimated number of distinct values; linear counting while registers are free, as in the paper. */
export function countDistinct(registers: Uint8Array, at: number, size: number): number {
  let sum = 0;
  let free = 0;
  for (let i = at; i < at + (size >> 1); i++) {
    sum += HALVES[registers[i]!]!;
    free += FREE[registers[i]!]!;
  }
  const alpha = size === 16 ? 0.673 : size === 32 ? 0.697 : 0.709;
  const raw = (alpha * size * size) / sum;
  return raw <= 2.5 * size && free > 0 ? size * (LOGARITHMS[size]! - LOGARITHMS[free]!) : raw;
}

/** Joins the registers of two sketches, `bytes` long, into `out`: the sketch of all that either has seen. */
export function joinDistinct(a: Uint8Array, b: Uint8Array, bytes: number, out: Uint8Array): void {
  for (let i = 0; i < bytes; i++) {
    const [x, y] = [a[i]!, b[i]!];
    out[i] = Math.max(x & 0xf0, y & 0xf0) | Math.max(x & MAX_RANK, y & MAX_RANK);
  }
}

/** Welford's running mean and sum of squared deviations, at `at` and `at + 1`; `n` counts the new value too. */
export function addMoment(slots: Float32Array, at: number, n: number, value: number): void {
  const mean = slots[at]!;
  const next = mean + (value - mean) / n;
  slots[at] = next;
  slots[at + 1]! += (value - mean) * (value - next);
}

export function deviation(slots: Float32Array, at: number, n: number): number {
  return n > 1 ? Math.sqrt(Math.max(0, slots[at + 1]! / (n - 1))) : 0;
}

/** Share of `part` in `whole`, 0 where there is nothing. */
export function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

/** Entropy of counts at `at` … `at + size`, divided by its maximum: 0 (all in one) to 1 (even). */
export function evenness(counts: ArrayLike<number>, at: number, size: number): number {
  let total = 0;
  for (let i = at; i < at + size; i++) total += counts[i]!;
  if (total === 0) return 0;
  let entropy = 0;
  for (let i = at; i < at + size; i++) {
    const p = counts[i]! / total;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return entropy / Math.log(size);
}

/** Over how many calls a client's recent shares run. */
export const RECENT_CALLS = 16;

/** Mean of the first `span` values, then of about the last `span`; `n` counts the new value too. */
export function addRecent(slots: Float32Array, at: number, n: number, span: number, value: number): void {
  slots[at]! += (value - slots[at]!) / Math.min(n, span);
}
