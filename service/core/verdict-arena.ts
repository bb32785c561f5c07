/**
 * Verdicts at rest: 152 bytes each in shared chunks, where as an object with its reasons one takes 1.1 KiB. What comes out
 * equals what went in; a verdict that does not fit is told so, and stays an object.
 */
import type { Reason, Verdict } from './contracts.ts';
import { describeFeature, FEATURES } from './features.ts';
import { type Standing, verdictId } from './verdict.ts';

const MAX_REASONS = 6;
/** Most of them are names of features, of families and of models. */
const MAX_WORDS = 10_000;

/** Float64 slots: null is NaN, which no verdict holds. A weight for each reason follows. */
const N = { score: 0, novelty: 1, baseLogOdds: 2, time: 3, sessionStart: 4, expiresAt: 5, weights: 6 } as const;
/** Float32 slots, in which the features are measured: a value for each reason. */
const VALUES_AT = 2 * (N.weights + MAX_REASONS);
/** Uint16 slots: numbers, also of words. What a reason is, and its name, for each follow. */
const U = { calls: 0, made: 1, family: 2, reasons: 3, reason: 4 } as const;
const SHORTS_AT = 2 * (VALUES_AT + MAX_REASONS);
const SLOT_BYTES = 2 * (SHORTS_AT + U.reason + 2 * MAX_REASONS);
const CHUNK_SLOTS = 4096;

interface Chunk {
  readonly numbers: Float64Array;
  readonly values: Float32Array;
  readonly shorts: Uint16Array;
}

export class VerdictArena {
  readonly #chunks: Chunk[] = [];
  readonly #free: number[] = [];
  readonly #words = new Words();
  #next = 0;

  /** Keeps a verdict; null where it does not fit: many reasons, words never heard of, texts that its numbers do not give. */
  put(verdict: Verdict): number | null {
    const { reasons, score, novelty, baseLogOdds, time, sessionStart, expiresAt } = verdict;
    const shorts = this.#shortsOf(verdict);
    if (shorts === null) return null;
    const slot = this.#free.pop() ?? this.#next++;
    if (slot >= this.#chunks.length * CHUNK_SLOTS) this.#chunks.push(createChunk());
    const chunk = this.#chunkOf(slot);
    const weights = reasons.map(({ weight }) => weight);
    const numbers = [score, novelty, baseLogOdds, time, sessionStart, expiresAt, ...weights];
    chunk.numbers.set(numbers.map(toNumber), at(slot, 8));
    chunk.values.set(
      reasons.map(({ value }) => toNumber(value)),
      at(slot, 4) + VALUES_AT,
    );
    chunk.shorts.set(shorts, at(slot, 2) + SHORTS_AT);
    return slot;
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  #shortsOf(verdict: Verdict): number[] | null {
    const { reasons, calls, action, family, model, featureSet, policy, mode } = verdict;
    const fits =
      reasons.length <= MAX_REASONS &&
      verdict.id === verdictId(verdict) &&
      calls < 2 ** 16 &&
      reasons.every(({ value }) => value === null || Math.fround(value) === value);
    if (!fits) return null;
    const made = [verdict.verdict, action, model, featureSet, policy, mode].join(BETWEEN);
    const shorts = [calls, this.#words.put(made), family === null ? 0 : this.#words.put(family), reasons.length];
    for (const reason of reasons) shorts.push(this.#words.put(whatOf(reason)), this.#words.put(reason.name));
    return shorts.includes(NO_ROOM) ? null : shorts;
  }

  read(slot: number, clientId: string): Verdict {
    const { numbers, shorts } = this.#chunkOf(slot);
    const numberAt = (name: number) => nullable(numbers[at(slot, 8) + name]!);
    const shortAt = (name: number) => shorts[at(slot, 2) + SHORTS_AT + name]!;
    const made = this.#words.partsOf(shortAt(U.made));
    const [verdict, action, model, featureSet, policy, mode] = made as [Verdict['verdict'], Verdict['action'], ...string[]];
    const reasons: Reason[] = [];
    for (let i = 0; i < shortAt(U.reasons); i++) reasons.push(this.#reasonOf(slot, i));
    const [calls, sessionStart] = [shortAt(U.calls), numberAt(N.sessionStart)!];
    return {
      id: verdictId({ clientId, sessionStart, calls }),
      clientId,
      verdict,
      score: numberAt(N.score),
      action,
      family: this.#words.partsOf(shortAt(U.family))[0] || null,
      reasons,
      baseLogOdds: numberAt(N.baseLogOdds),
      calls,
      time: numberAt(N.time)!,
      sessionStart,
      novelty: numberAt(N.novelty),
      model: model!,
      featureSet: featureSet!,
      policy: policy!,
      mode: mode as Verdict['mode'],
      expiresAt: numberAt(N.expiresAt)!,
    };
  }

  #reasonOf(slot: number, i: number): Reason {
    const { numbers, values, shorts } = this.#chunkOf(slot);
    const u = at(slot, 2) + SHORTS_AT + U.reason + 2 * i;
    const [kind, text] = this.#words.partsOf(shorts[u]!) as readonly [Reason['kind'], string?];
    const name = this.#words.partsOf(shorts[u + 1]!)[0]!;
    const value = nullable(values[at(slot, 4) + VALUES_AT + i]!);
    const weight = nullable(numbers[at(slot, 8) + N.weights + i]!);
    return { kind, name, text: text ?? describe(name, value)!, weight, value };
  }

  standing(slot: number): Standing {
    const { numbers, shorts } = this.#chunkOf(slot);
    const [n, u] = [at(slot, 8), at(slot, 2) + SHORTS_AT];
    return {
      verdict: this.#words.partsOf(shorts[u + U.made]!)[0] as Verdict['verdict'],
      score: nullable(numbers[n + N.score]!),
      novelty: nullable(numbers[n + N.novelty]!),
      calls: shorts[u + U.calls]!,
      time: numbers[n + N.time]!,
      sessionStart: numbers[n + N.sessionStart]!,
      expiresAt: numbers[n + N.expiresAt]!,
    };
  }

  #chunkOf(slot: number): Chunk {
    return this.#chunks[(slot / CHUNK_SLOTS) | 0]!;
  }
}

function createChunk(): Chunk {
  const buffer = new ArrayBuffer(CHUNK_SLOTS * SLOT_BYTES);
  return { numbers: new Float64Array(buffer), values: new Float32Array(buffer), shorts: new Uint16Array(buffer) };
}

/** Where a slot begins among numbers of `bytes` each. */
function at(slot: number, bytes: 8 | 4 | 2): number {
  return (slot % CHUNK_SLOTS) * (SLOT_BYTES / bytes);
}

function toNumber(value: number | null): number {
  return value ?? Number.NaN;
}

function nullable(number: number): number | null {
  return Number.isNaN(number) ? null : number;
}

/** Between words that are kept as one. */
const BETWEEN = '\0';

/**
 * A reason's kind, and its text where that is not what a feature's value says. '' where it can't be kept: a signal says
 * something else each time.
 */
function whatOf({ kind, name, text, value }: Reason): string {
  if (kind === 'contribution') return text === describe(name, value) ? kind : '';
  return kind === 'signal' || kind === 'list' ? '' : kind + BETWEEN + text;
}

const FEATURE_BY_NAME = new Map(FEATURES.map((feature) => [feature.name, feature]));

function describe(name: string, value: number | null): string | null {
  const feature = FEATURE_BY_NAME.get(name);
  return feature === undefined || value === null ? null : describeFeature(feature, value);
}

/** In place of a word's number. */
const NO_ROOM = -1;

/** Words by number; '' is 0. */
class Words {
  readonly #parts: (readonly string[])[] = [['']];
  readonly #numbers = new Map<string, number>();

  /** NO_ROOM where there are too many, or there is nothing to keep. */
  put(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    if (word === '' || this.#parts.length >= MAX_WORDS) return NO_ROOM;
    this.#numbers.set(word, this.#parts.length);
    return this.#parts.push(word.split(BETWEEN)) - 1;
  }

  /** The words that were kept as one. */
  partsOf(number: number): readonly string[] {
    return this.#parts[number]!;
  }
}
