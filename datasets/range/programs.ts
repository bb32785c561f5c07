/** All programs of the range, in one list. */
import type { Program } from './program.ts';
import { APPS } from './programs/apps.ts';
import { SCRIPTS } from './programs/scripts.ts';
import { STACKS } from './programs/stacks.ts';
import { TOOLS } from './programs/tools.ts';

export const PROGRAMS: readonly Program[] = [...STACKS, ...APPS, ...TOOLS, ...SCRIPTS];

/** Those named, or all. @throws Error naming what there is not */
export function findPrograms(names: readonly string[]): readonly Program[] {
  const unknown = names.filter((name) => !PROGRAMS.some((program) => program.name === name));
  if (unknown.length > 0)
    throw new Error(`no program ${unknown.join(', ')}; there are ${PROGRAMS.map(({ name }) => name).join(', ')}`);
  return names.length === 0 ? PROGRAMS : PROGRAMS.filter(({ name }) => names.includes(name));
}
