/** How programs are started and asked for their version, whatever they do. */
import { join } from 'node:path';
import type { Command, Seat } from '../program.ts';

export type Start = (seat: Seat) => Command;

/** Many programs say more than their version, and some say it on standard error. */
export function firstLine(command: string): Command {
  return { file: 'sh', args: ['-c', `${command} 2>&1 | head -n 1`] };
}

/** A client of the range's own Go program. */
export function rangeGo(client: string): Start {
  return ({ work }) => ({ file: join(work, 'bin', 'range-go'), args: [client] });
}

/** A source in a folder of clients/, run by `file`. */
export function source(file: string, folder: string, script: string, ...args: readonly string[]): Start {
  return ({ clients }) => ({ file, args: [join(clients, folder, script), ...args] });
}

/** The same in the range's own Python, which leaves no bytecode among the sources. */
export function python(folder: string, script: string, ...args: readonly string[]): Start {
  return ({ clients, env }) => ({ file: env.RANGE_PYTHON ?? 'python3', args: ['-B', join(clients, folder, script), ...args] });
}
