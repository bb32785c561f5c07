/** What the range needs to know of a program: who it is, how many clients run it, and how it is started. */
import type { Truth } from '../dataset.ts';

/** What must be on the machine before a program runs; set-up brings it or says what is missing. */
export interface Needs {
  /** Debian packages. */
  readonly apt?: readonly string[];
  /** PyPI requirements with exact versions, into the range's own environment. */
  readonly pip?: readonly string[];
  /** npm packages with exact versions, into the range's own folder. */
  readonly npm?: readonly string[];
  /** Go commands with exact versions, such as `example.org/tool/v2@v2.1.0`, built into the range's own folder. */
  readonly go?: readonly string[];
  /** Folders under clients/ that are built: `java` with Maven, `go` with go build. */
  readonly build?: readonly ('java' | 'go')[];
  /** Folders with a pom.xml that takes the property `assay.target`, by their whole paths; built into `mavenTarget`. */
  readonly maven?: readonly string[];
}

/** One client about to run: what its command may be made of. All of it is also in the command's environment. */
export interface Seat {
  readonly seed: number;
  readonly form: string;
  /** Base URLs, one for each of its addresses; the first is its own. */
  readonly urls: readonly string[];
  /** Logical names of the API to paths; `{}` is where an id goes. */
  readonly api: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly env: Readonly<Record<string, string>>;
  /** Scratch folder of its own, its working directory and HOME. */
  readonly folder: string;
  /** datasets/range/.work, where set-up put environments and binaries. */
  readonly work: string;
  /** datasets/range/clients of the sources. */
  readonly clients: string;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Fed to the program's standard input. */
  readonly stdin?: string;
}

export interface Program {
  /** Unique, such as `okhttp-mobile`. */
  readonly name: string;
  readonly label: Truth['label'];
  /** Which attack, or which kind of good bot; the simulator's names where it knows the kind. */
  readonly kind: string;
  /** What is held out as one: a bad program's own name (`hydra`, `stuffing-script`), a good one's stack. */
  readonly tool: string;
  /** Prints the version on one line, for the table beside a capture. */
  readonly version: Command | string;
  /** Dealt to its clients in turn. */
  readonly forms: readonly string[];
  /** Clients in a capture of full size. */
  readonly clients: number;
  /** Addresses of each client; 1 unless said. */
  readonly addresses?: number;
  readonly seconds: number;
  readonly needs: Needs;
  readonly start: (seat: Seat) => Command;
}
