#!/usr/bin/env node
import { fstatSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { setFlagsFromString } from 'node:v8';
import { cli } from './cli/cli.js';
import { plain } from './cli/print.js';
import { LiveLines } from './cli/terminal/live-lines.js';
import { killChildren } from './system/child.js';
import { systemClock } from './system/clock.js';
import { GatheredLines } from './system/gathered-lines.js';
import { isJournalStream } from './system/logger.js';
import { hasServiceManager } from './system/service-manager.js';

/** From the first signal to the end, even if calls hang: less than the five seconds that are promised. */
const MAX_SHUTDOWN_MS = 4_500;
/** Time for open calls to files to return: when the work has ended, and after a second signal. */
const LAST_CALLS_MS = 1_000;
const MIN_LAST_CALLS_MS = 100;
/** At the end of complete work, so many looks must find a call before it counts as one that hangs: a busy machine is slow. */
const MAX_BLOCKED_LOOKS = 4;
const POLL_INTERVAL_MS = 10;
/** Time for everything else that is open to close, when the work has ended. */
const LAST_HANDLES_MS = 5_000;
/** Longer than a command takes that only prints something. */
const SHORT_MS = 1_000;
/** Time in which a second signal is a copy of the first: `ros2 launch` forwards the signal that the process group has received. */
const REPEATED_SIGNAL_MS = process.argv.includes('node') ? 2_000 : 0;
/** The signals that stop the program, by its exit code then. */
const SIGNALS = { 129: 'SIGHUP', 130: 'SIGINT', 143: 'SIGTERM' } as const;
/** Calls that block one of Node's threads: file system calls, and with name look-ups. */
const FILE_CALLS = /^(FSReq|FileHandleClose)/;
const THREAD_CALLS = /^(FSReq|FileHandleClose|GetAddrInfo|GetNameInfo)/;

// On a machine with much memory V8 lets the heap grow to many times its live size before it collects; a companion computer
// has other programs (`heap_growing_percent`: the growth between two collections). A short command is over before that matters.
setTimeout(() => setFlagsFromString('--heap-growing-percent=30'), SHORT_MS).unref();

const journal = isJournalStream(process.env['JOURNAL_STREAM'], standardError());
/** See sd-daemon(3). */
const ERROR_PRIORITY = journal ? '<3>' : '';
const stop = new AbortController();
let stoppedAt = Infinity;
process.on('SIGINT', () => stopped(130));
process.on('SIGTERM', () => stopped(143));
// The kernel takes the terminal away from the process before the signal comes: it is looked for now.
const hasTerminal = isAtTerminal();
let reload: (() => void) | undefined;
process.on('SIGHUP', () => (reload && !hasTerminal ? reload() : stopped(129)));

// A reader that closes the pipe (`filesync files | head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// The work does not depend on a reader of the log.
process.stderr.on('error', () => undefined);
const errorLines = new GatheredLines(text => void process.stderr.write(text));
/** A terminal of the type `dumb` knows no control functions. */
const live =
  process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? new LiveLines(process.stderr) : undefined;
process.on('exit', flush).on('exit', killChildren);

process.exitCode = await cli({
  argv: process.argv.slice(2),
  env: process.env,
  home: homedir(),
  hostname: hostname(),
  clock: systemClock,
  columns: process.stdout.columns || 100,
  outputColumns: process.stdout.isTTY ? process.stdout.columns : undefined,
  print: line => {
    errorLines.flush();
    process.stdout.write(`${line}\n`);
  },
  printError,
  logFormat: { json: false, journal, terminal: process.stderr.isTTY },
  live,
  input: () => process.stdin,
  conversation: (output = 'stdout') =>
    process.stdin.isTTY && process[output].isTTY
      ? { input: process.stdin, output: process[output], interrupt: () => stopped(130) }
      : undefined,
  stopped: stop.signal,
  signals: process,
  onUserSignal: handler => void process.on('SIGUSR1', handler),
  onReload: handler => (reload = handler),
});

// After a signal, the process does not wait for handles that still keep the event loop alive. Without one it waits for a while,
// and as long as a slow reader has not taken its output, but not for calls to a file system that never answers.
if (stop.signal.aborted) await end(LAST_CALLS_MS, process.exitCode);
process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM').removeAllListeners('SIGHUP');
let blockedLooks = 0;
setInterval(() => {
  blockedLooks = isBlockedBy(FILE_CALLS) ? blockedLooks + 1 : 0;
  if (blockedLooks === MAX_BLOCKED_LOOKS) endBySignal();
}, LAST_CALLS_MS).unref();
setInterval(() => {
  if (process.stdout.writableLength + process.stderr.writableLength === 0) endWithOpenResources();
}, LAST_HANDLES_MS).unref();

/**
 * Whether SIGHUP says that the terminal is gone. A program whose standard streams all go elsewhere (`nohup`, a service, cron) does
 * not depend on the terminal that it was started from, if there was one (`tty_nr` of proc_pid_stat(5)).
 */
function isAtTerminal(): boolean {
  if (hasServiceManager(process.env)) return false;
  if (![0, 1, 2].some(stream => isatty(stream))) return false;
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\)/s, '');
    return fields.trim().split(' ')[4] !== '0';
  } catch {
    return true;
  }
}

/** The first signal asks for a clean end, the second one ends the process at once. */
function stopped(code: keyof typeof SIGNALS): void {
  const now = systemClock.monotonic();
  if (now - stoppedAt >= REPEATED_SIGNAL_MS) void end(MIN_LAST_CALLS_MS, stop.signal.reason as number);
  if (stop.signal.aborted) return;
  stoppedAt = now;
  stop.abort(code);
  setTimeout(forceExit, MAX_SHUTDOWN_MS, code);
}

function forceExit(code: number): void {
  printError(
    `${ERROR_PRIORITY}filesync: could not end cleanly within ${MAX_SHUTDOWN_MS / 1000} s, since a call hangs: killed`,
  );
  void end(MIN_LAST_CALLS_MS, code);
}

/** Its file; undefined if it is closed. */
function standardError() {
  try {
    return fstatSync(2, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Waits up to `ms` for calls to return, then ends the process. */
async function end(ms: number, code: number): Promise<void> {
  for (let left = ms; left > 0 && isBlockedBy(THREAD_CALLS); left -= POLL_INTERVAL_MS)
    await delay(POLL_INTERVAL_MS);
  if (isBlockedBy(THREAD_CALLS)) endBySignal();
  else process.exit(code);
}

/** Something was left open. That is a mistake of this program, and no reason to stay. */
function endWithOpenResources(): void {
  const open = process.getActiveResourcesInfo().join(', ');
  printError(
    `${ERROR_PRIORITY}filesync: ended with open resources (${open}): the work is complete, please report this`,
  );
  process.exit();
}

function isBlockedBy(calls: RegExp): boolean {
  return process.getActiveResourcesInfo().some(name => calls.test(name));
}

/** `process.exit` would wait for the threads that such calls block, a signal does not. */
function endBySignal(): void {
  const signal = SIGNALS[stop.signal.reason as keyof typeof SIGNALS] ?? 'SIGTERM';
  killChildren();
  flush();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** What a terminal shows is written at once, and nothing in it acts on the terminal. */
function printError(text: string): void {
  if (!process.stderr.isTTY) return errorLines.add(text);
  const shown = text.split('\n').map(plain).join('\n');
  if (live) live.print(shown);
  else process.stderr.write(`${shown}\n`);
}

/** Nothing is left to be written, and no line is left that only a running program keeps true. */
function flush(): void {
  errorLines.flush();
  live?.show([]);
}
