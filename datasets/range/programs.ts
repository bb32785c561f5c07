/** All programs of the range, in one list. */
import type { Program } from './program.ts';
import { APPS } from './programs/apps.ts';
import { MORE_APPS } from './programs/more-apps.ts';
import { MORE_SCRIPTS } from './programs/more-scripts.ts';
import { MORE_TOOLS } from './programs/more-tools.ts';
import { SCRIPTS } from './programs/scripts.ts';
import { STACKS } from './programs/stacks.ts';
import { TOOLS } from './programs/tools.ts';

/** What the first captures hold, and what came after them: a capture of all at once would be too much for two cores. */
export const FIRST: readonly Program[] = [...STACKS, ...APPS, ...TOOLS, ...SCRIPTS];
export const FURTHER: readonly Program[] = [...MORE_APPS, ...MORE_TOOLS, ...MORE_SCRIPTS];

export const PROGRAMS: readonly Program[] = [...FIRST, ...FURTHER];

/** Those named, or all. @throws Error naming what there is not */
export function findPrograms(names: readonly string[]): readonly Program[] {
  const unknown = names.filter((name) => !PROGRAMS.some((program) => program.name === name));
  if (unknown.length > 0)
    throw new Error(`no program ${unknown.join(', ')}; there are ${PROGRAMS.map(({ name }) => name).join(', ')}`);
  return names.length === 0 ? PROGRAMS : PROGRAMS.filter(({ name }) => names.includes(name));
}
