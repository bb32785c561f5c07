import type { Letter, Resubmission } from '../core/dead-letter.ts';

/** Where dead letters lie: a topic of Kafka's, or the store on disk. */
export interface LetterPlace {
  /** Shows every letter once, oldest first within a partition; `onMark` names one shown before that was put back since. */
  read(onLetter: (letter: Letter) => void, onMark: (place: string) => void): Promise<void>;
  /** Puts the letters of these places back into their source, as far as they can be. */
  putBack(chosen: ReadonlySet<string>): Promise<Resubmission>;
}
