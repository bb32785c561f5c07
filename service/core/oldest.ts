/**
 * The keys of a map or set in the order in which they came, one at a time, each to be deleted or set anew before the next is
 * asked for. A new iterator each time would step over all that was deleted before: in a map of a million that takes longer
 * than all else.
 */
export class Oldest<K> {
  readonly #keys: { keys(): Iterator<K> };
  #iterator: Iterator<K> | null = null;

  constructor(keys: { keys(): Iterator<K> }) {
    this.#keys = keys;
  }

  /** Undefined where there is none. */
  next(): K | undefined {
    this.#iterator ??= this.#keys.keys();
    const { done, value } = this.#iterator.next();
    if (!done) return value;
    this.#iterator = this.#keys.keys();
    const first = this.#iterator.next();
    return first.done ? undefined : first.value;
  }
}
