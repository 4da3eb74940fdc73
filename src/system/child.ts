import { execFile, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { FileSyncError, type ErrorKind } from '../errors.js';
import { withDeadline } from './deadline.js';
import { formatSize } from './size.js';
import { sleep } from './sleep.js';

export interface ProgramResult {
  /** Exit code; -1 after a signal. */
  readonly code: number;
  /** The signal that ended the child. */
  readonly signal?: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  /** All of its environment. The program is searched in this PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Time limit. */
  readonly ms: number;
  /** Ends the child. */
  readonly signal?: AbortSignal | undefined;
  /** The remedy where it is not installed: the package that contains it. */
  readonly remedy: string;
  /** The child does not keep this program alive. */
  readonly background?: true;
  /** What the child reads from its standard input, which ends then. Without it, that stays open and empty. */
  readonly input?: string;
  /** What to do about one that does not end in time, in place of the usual cause. */
  readonly slow?: string;
}

/** `code`: the program's exit code, or Node's code if it cannot be run. */
type Failure = Error & { readonly code?: number | string | null; readonly signal?: string };

interface Running {
  readonly command: string;
  sent?: 'SIGTERM' | 'SIGKILL';
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** ms from the signal that asks to the one that cannot be refused. */
const KILL_DELAY_MS = 1_000;

const HANGS =
  'what it waits for hangs, most often a drive: pull that out, or read the log of the kernel (dmesg)';
const NO_RIGHT = "may not be run: give this program's user the right to it";
const FILES_OPEN = 'cannot be started now: too many files are open';

/** For a code of Node's, an exit code, a signal or a time limit: the kind of error, and the words after the program's name. */
const MEANINGS: Readonly<Record<string, readonly [ErrorKind, string]>> = {
  ENOENT: ['unavailable', 'is not installed: %'],
  ENOEXEC: ['unavailable', 'is not a program for this machine'],
  EACCES: ['denied', NO_RIGHT],
  EPERM: ['denied', NO_RIGHT],
  EAGAIN: ['busy', 'cannot be started now: too many processes run'],
  ENOMEM: ['busy', 'cannot be started now: the memory is used up'],
  EMFILE: ['busy', FILES_OPEN],
  ENFILE: ['busy', FILES_OPEN],
  ERR_CHILD_PROCESS_STDIO_MAXBUFFER: ['protocol', `prints more than ${formatSize(MAX_OUTPUT_BYTES)}`],
  EXIT: ['io', 'ended with exit code %'],
  SIGNAL: ['io', 'was ended by the signal %'],
  SIGKILL: ['io', 'was killed: the memory may be used up (dmesg)'],
  TIMEOUT: ['timeout', 'did not end within %'],
  UNKILLABLE: ['timeout', `cannot even be killed: ${HANGS}`],
};

function childError(program: string, code: string, value = code, cause?: unknown): FileSyncError {
  const [kind, words] = MEANINGS[code] ?? ['io', 'cannot be started (%)'];
  return new FileSyncError(kind, `${program} ${words.replace('%', value)}`, { cause });
}

const running = new Map<ChildProcess, Running>();

/**
 * Runs a program to its end, whatever its exit code, without a shell. Rejects with `cancelled` at the abort and with `timeout`
 * after `ms`: the program is killed then, but not waited for, since one that the kernel holds outlives even that. While such
 * a process is left, the same command is refused with `timeout`. Rejects as MEANINGS says if it cannot be started.
 */
export async function runChild(
  program: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<ProgramResult> {
  const { ms, signal, background } = options;
  const command = [program, ...args].join(' ');
  if ([...running.values()].some(one => one.command === command && one.sent === 'SIGKILL'))
    throw childError(program, 'UNKILLABLE');
  const late = () => childError(program, 'TIMEOUT', `${ms / 1000} s: ${options.slow ?? HANGS}`);
  const clock = { sleep: (time: number, over?: AbortSignal) => sleep(time, over, !background) };
  const work = (over: AbortSignal) =>
    ended({ program, args, options, command, over }).catch((cause: Failure) => {
      const code = String(cause.code);
      throw childError(program, code, code === 'ENOENT' ? options.remedy : code, cause);
    });
  return withDeadline(work, { signal, ms, late, clock });
}

/** As `runChild`, but resolves to what it prints, trimmed, and rejects unless its exit code is 0. */
export async function outputOf(
  program: string,
  args: readonly string[],
  options: ChildOptions,
): Promise<string> {
  const { code, signal, stdout, stderr } = await runChild(program, args, options);
  if (code === 0) return stdout.trim();
  const cause = stderr.trim();
  if (signal === undefined) throw childError(program, 'EXIT', String(code), cause);
  throw childError(program, signal in MEANINGS ? signal : 'SIGNAL', signal, cause);
}

/** Asks all children to end, and kills those that were asked before. */
export function killChildren(): void {
  for (const [child, { sent }] of running) send(child, sent ? 'SIGKILL' : 'SIGTERM');
}

interface Run {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: ChildOptions;
  readonly command: string;
  readonly over: AbortSignal;
}

function ended({ program, args, options, command, over }: Run): Promise<ProgramResult> {
  const { env, background } = options;
  return new Promise((resolve, reject) => {
    const limits = { env, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile(program, args, limits, (error: Failure | null, stdout, stderr) => {
      running.delete(child);
      const code = error?.code ?? (error ? -1 : 0);
      if (error && typeof code === 'string') reject(error);
      else resolve({ code: Number(code), stdout, stderr, ...(error?.signal && { signal: error.signal }) });
    });
    running.set(child, { command });
    if (options.input !== undefined) write(child, options.input);
    if (background) release(child);
    over.addEventListener('abort', () => abandon(child), { once: true });
  });
}

/** The child may end without reading it. */
function write({ stdin }: ChildProcess, input: string): void {
  stdin?.on('error', () => undefined).end(input);
}

/** The child and its pipes, sockets all of them, do not keep this program alive. */
function release(child: ChildProcess): void {
  for (const part of [child, child.stdin, child.stdout, child.stderr]) (part as Socket | null)?.unref();
}

/** Kills the child, if it has not ended, and closes all handles by which it could keep this program alive. */
function abandon(child: ChildProcess): void {
  if (!running.has(child)) return;
  send(child, 'SIGTERM');
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  child.unref();
  setTimeout(() => send(child, 'SIGKILL'), KILL_DELAY_MS).unref();
}

function send(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  const one = running.get(child);
  if (!one) return;
  one.sent = signal;
  child.kill(signal);
}
