#!/usr/bin/env node
import { homedir, hostname } from 'node:os';
import { cli } from './cli/cli.js';
import { systemClock } from './system/clock.js';

const stop = new AbortController();
process.on('SIGINT', () => stop.abort(130));
process.on('SIGTERM', () => stop.abort(143));

// A reader that goes away (`filesync files | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Nor does the work depend on somebody who reads the log.
process.stderr.on('error', () => undefined);

process.exitCode = await cli({
  argv: process.argv.slice(2),
  env: process.env,
  home: homedir(),
  hostname: hostname(),
  clock: systemClock,
  interactive: process.stderr.isTTY,
  columns: process.stdout.columns || 100,
  print: line => void process.stdout.write(`${line}\n`),
  complain: line => void process.stderr.write(`${line}\n`),
  terminal: process.stderr,
  stopped: stop.signal,
  signals: process,
  onUserSignal: handler => void process.on('SIGUSR1', handler),
});

// What still holds the event loop when the work has ended is not waited for where a signal has ended it, or where it is a
// call to a file system that never answers.
setInterval(() => {
  if (process.getActiveResourcesInfo().some(name => /^(FSReq|FileHandleClose)/.test(name))) endBySignal();
  if (stop.signal.aborted) process.exit();
}, 1000).unref();

/** `process.exit` would wait for the thread that the call holds, a signal does not. */
function endBySignal(): void {
  const signal = stop.signal.reason === 130 ? 'SIGINT' : 'SIGTERM';
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
