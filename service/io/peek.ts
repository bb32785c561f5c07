export interface Peeked {
  /** What was read so far. */
  readonly head: Buffer;
  /** What reading it met, null where nothing. */
  readonly failure: unknown;
  /** Everything, the head included, and then the failure. */
  readonly all: AsyncIterable<Uint8Array>;
}

/** Reads on until the beginning is enough to decide by, or there is no more. `isEnough` must set a limit. */
export async function peek(chunks: AsyncIterable<Uint8Array>, isEnough: (head: Buffer) => boolean): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let failure: unknown = null;
  try {
    while (!isEnough(head)) {
      const next = await iterator.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
  } catch (error) {
    failure = error;
  }
  return { head, failure, all: rejoin(head, iterator, failure) };
}

async function* rejoin(head: Buffer, rest: AsyncIterator<Uint8Array>, failure: unknown): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    if (failure) throw failure;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
