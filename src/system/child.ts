import { execFile, type ChildProcess } from 'node:child_process';
import { FileSyncError } from '../errors.js';
import { withDeadline } from './deadline.js';

export interface Outcome {
  /** Exit code; -1 if a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  /** All that it is given. The program is looked for in this PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** What it may take. */
  readonly ms: number;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/** Its code is the program's exit code, or a word of Node's if it cannot be run. */
type Failure = Error & { readonly code?: number | string | null };

interface Running {
  readonly command: string;
  told?: 'SIGTERM' | 'SIGKILL';
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** ms from the signal that asks to the one that cannot be refused. */
const KILL_AFTER = 1_000;

const running = new Map<ChildProcess, Running>();

/**
 * Runs a program to its end, without a shell. Rejects with `cancelled` at the abort and with `timeout` after `ms`: the
 * program is killed then, but not waited for, since one that the kernel holds outlives even that. While such a one is left
 * the same command is not begun again, with `timeout`. If it cannot be started, Node's error is thrown.
 */
export async function runChild(
  program: string,
  args: readonly string[],
  { env, ms, signal }: ChildOptions,
): Promise<Outcome> {
  const command = [program, ...args].join(' ');
  if ([...running.values()].some(one => one.command === command && one.told === 'SIGKILL')) {
    throw hangs(`${program} cannot even be killed`);
  }
  const late = () => hangs(`${program} did not end within ${ms / 1000} s`);
  return withDeadline(over => ended(program, args, env, { command, over }), { signal, ms, late });
}

/** Tells all children to end, and those that were told already in a way that they cannot refuse. */
export function killChildren(): void {
  for (const [child, { told }] of running) tell(child, told ? 'SIGKILL' : 'SIGTERM');
}

function ended(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { command, over }: { command: string; over: AbortSignal },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { env, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile(program, args, options, (error: Failure | null, stdout, stderr) => {
      running.delete(child);
      const code = error ? (error.code ?? -1) : 0;
      if (error && typeof code === 'string') reject(error);
      else resolve({ code: Number(code), stdout, stderr });
    });
    running.set(child, { command });
    over.addEventListener('abort', () => abandon(child), { once: true });
  });
}

/** Kills it, if it has not ended, and lets go of all by which it could hold up this program. */
function abandon(child: ChildProcess): void {
  if (!running.has(child)) return;
  tell(child, 'SIGTERM');
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  child.unref();
  setTimeout(() => tell(child, 'SIGKILL'), KILL_AFTER).unref();
}

function tell(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  const one = running.get(child);
  if (!one) return;
  one.told = signal;
  child.kill(signal);
}

function hangs(what: string): FileSyncError {
  const cure =
    'what it waits for hangs, most often a drive; pull that out, or look into the log of the kernel (dmesg)';
  return new FileSyncError('timeout', `${what}: ${cure}`);
}
