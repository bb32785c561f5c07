/** Divides rows and names among folds. */
import { createRandom } from '../datasets/simulator/random.ts';

/**
 * Deals the names (kinds, tools) out to `folds` sets in turn, so that each is held out once. Those whose `keyOf` is alike
 * come one after the other, and so into different sets.
 */
export function dealOut(names: Iterable<string>, folds: number, keyOf = (name: string) => name): string[][] {
  const sets: string[][] = Array.from({ length: folds }, () => []);
  const keyed = [...new Set(names)].map((name) => [`${keyOf(name)} ${name}`, name] as const);
  keyed.sort(([a], [b]) => (a < b ? -1 : 1));
  keyed.forEach(([, name], i) => {
    sets[i % folds]!.push(name);
  });
  return sets.filter((set) => set.length > 0);
}

/** A fold for each row, so that each fold has about the same share of every label. */
export function stratify(labels: ArrayLike<number>, folds: number, seed: number): Uint8Array {
  const fold = new Uint8Array(labels.length);
  const dealt = new Map<number, number>();
  for (const row of createRandom(seed).shuffle([...Array(labels.length).keys()])) {
    const n = dealt.get(labels[row]!) ?? 0;
    fold[row] = n % folds;
    dealt.set(labels[row]!, n + 1);
  }
  return fold;
}
