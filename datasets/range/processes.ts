/** Processes that the range starts: each in a group of its own, so that it can be ended with all its children. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';

export interface Started {
  readonly child: ChildProcess;
  /** Resolves when it has ended, with its exit code; null when a signal ended it or it could not be started. */
  readonly ended: Promise<number | null>;
  /** Ends the whole group: first kindly, by force 2 s later. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdin?: string | undefined;
  /** File that takes standard output and errors. */
  readonly log: string;
}

const live = new Set<Started>();
const GRACE_MS = 2000;

export function startProcess(file: string, args: readonly string[], options: StartOptions): Started {
  const log = openSync(options.log, 'a');
  const stdio: StdioOptions = [options.stdin === undefined ? 'ignore' : 'pipe', log, log];
  const child = spawn(file, [...args], { detached: true, stdio, env: options.env, cwd: options.cwd });
  closeSync(log);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.stdin);
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', () => resolve(null));
  });
  const started: Started = { child, ended, stop: () => stopGroup(started) };
  live.add(started);
  void ended.then(() => live.delete(started));
  return started;
}

async function stopGroup({ child, ended }: Started): Promise<void> {
  signalGroup(child, 'SIGTERM');
  const force = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS);
  await ended;
  clearTimeout(force);
  // The leader may be gone while its children are not.
  signalGroup(child, 'SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended.
  }
}

/** Ends everything that is still running, by force; for when the range itself must go. */
export function stopAllNow(): void {
  for (const { child } of live) signalGroup(child, 'SIGKILL');
}

/** A port of loopback that nobody holds right now; `wanted` where it is free. */
export async function findPort(wanted = 0): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0))!;
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '0.0.0.0', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}

/** Waits until something listens. @throws Error when the process ends or the time is over */
export async function waitForPort(port: number, { child }: Started, name: string, limitMs = 20_000): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (Date.now() < untilMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended at once; see its log`);
    if (await isListening(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} does not listen on port ${port}`);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
