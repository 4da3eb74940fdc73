#!/usr/bin/env node
import { fstatSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { cli } from './cli/cli.js';
import { killChildren } from './system/child.js';
import { systemClock } from './system/clock.js';
import { GatheredLines } from './system/gathered-lines.js';
import { isJournalStream } from './system/logger.js';

/** ms from the first signal to the end, whatever hangs: a little less than the five seconds that it may take. */
const MAX_SHUTDOWN_MS = 4_500;
/** ms that calls to files may take to be through: when the work has ended, and where the user does not wait for that. */
const LAST_CALLS_MS = 1_000;
const AT_ONCE = 100;
const POLL_INTERVAL_MS = 10;
/** ms in which a second signal is the first one over again: `ros2 launch` hands on to the node what all have been sent. */
const REPEATED_SIGNAL_MS = process.argv.includes('node') ? 2_000 : 0;
/** Calls that hold one of Node's threads: to files, and for the addresses of names. */
const FILES = /^(FSReq|FileHandleClose)/;
const THREADS = /^(FSReq|FileHandleClose|GetAddrInfo|GetNameInfo)/;

// On a machine with much memory the heap would grow to many times what is in use before the collector is asked; a companion
// computer has other programs (V8, `heap_growing_percent`: the growth between two collections).
setFlagsFromString('--heap-growing-percent=30');

const journal = isJournalStream(process.env['JOURNAL_STREAM'], standardError());
const stop = new AbortController();
let stoppedAt = Infinity;
process.on('SIGINT', () => stopped(130));
process.on('SIGTERM', () => stopped(143));

// A reader that goes away (`filesync files | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Nor does the work depend on somebody who reads the log.
process.stderr.on('error', () => undefined);
const errorLines = new GatheredLines(text => void process.stderr.write(text));
process.on('exit', () => errorLines.flush()).on('exit', killChildren);

process.exitCode = await cli({
  argv: process.argv.slice(2),
  env: process.env,
  home: homedir(),
  hostname: hostname(),
  clock: systemClock,
  interactive: process.stderr.isTTY,
  columns: process.stdout.columns || 100,
  print: line => {
    errorLines.flush();
    process.stdout.write(`${line}\n`);
  },
  printError,
  logFormat: { json: false, journal },
  terminal: process.stderr,
  stopped: stop.signal,
  signals: process,
  onUserSignal: handler => void process.on('SIGUSR1', handler),
});

// What still holds the event loop when the work has ended is not waited for where a signal has ended it, or where it is a
// call to a file system that never answers.
if (stop.signal.aborted) await end(LAST_CALLS_MS, process.exitCode);
process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
setInterval(() => {
  if (holdsThreads(FILES)) endBySignal();
}, LAST_CALLS_MS).unref();

/** The first signal asks for a clean end, the second one does not wait for that. */
function stopped(code: 130 | 143): void {
  const now = systemClock.monotonic();
  if (now - stoppedAt >= REPEATED_SIGNAL_MS) void end(AT_ONCE, stop.signal.reason as number);
  if (stop.signal.aborted) return;
  stoppedAt = now;
  stop.abort(code);
  setTimeout(giveUp, MAX_SHUTDOWN_MS, code);
}

function giveUp(code: number): void {
  printError(
    `${journal ? '<3>' : ''}filesync: could not end cleanly, since something hangs: is ended as it is`,
  );
  void end(AT_ONCE, code);
}

/** Its file; undefined if it is closed. */
function standardError() {
  try {
    return fstatSync(2, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Calls that are about to be answered are waited for. */
async function end(ms: number, code: number): Promise<void> {
  for (let left = ms; left > 0 && holdsThreads(THREADS); left -= POLL_INTERVAL_MS)
    await delay(POLL_INTERVAL_MS);
  if (holdsThreads(THREADS)) endBySignal();
  else process.exit(code);
}

function holdsThreads(calls: RegExp): boolean {
  return process.getActiveResourcesInfo().some(name => calls.test(name));
}

/** `process.exit` would wait for the threads that such calls hold, a signal does not. */
function endBySignal(): void {
  const signal = stop.signal.reason === 130 ? 'SIGINT' : 'SIGTERM';
  killChildren();
  errorLines.flush();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** On a terminal at once: progress is drawn there as well. */
function printError(line: string): void {
  errorLines.add(line);
  if (process.stderr.isTTY) errorLines.flush();
}
