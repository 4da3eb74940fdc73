import type { EventEmitter } from 'node:events';
import type { Clock, LogLevel } from '../ports.js';
import { logLine, type LogFormat } from '../system/logger.js';
import type { LiveLines } from './terminal/live-lines.js';

/** A person at a terminal. */
export interface Conversation {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** What Ctrl-C does elsewhere: while a line is edited, the terminal sends no signal. */
  readonly interrupt: () => void;
}

/** The process as commands see it; made by src/main.ts. */
export interface Shell {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly hostname: string;
  readonly clock: Clock;
  /** Columns of the terminal. */
  readonly columns: number;
  /** Columns of standard output where that is a terminal. */
  readonly outputColumns: number | undefined;
  /** Writes a result to standard output: a whole line without its end. */
  print(line: string): void;
  /** Writes a warning, an error or a line of the log to standard error: a whole line without its end. */
  printError(line: string): void;
  readonly logFormat: LogFormat;
  /** Lines that show progress, at the end of standard error; undefined where it is no terminal that can redraw them. */
  readonly live: LiveLines | undefined;
  /** Standard input. */
  input(): NodeJS.ReadableStream;
  /** Undefined unless both standard input and that stream are a terminal. Questions go there. */
  conversation(output?: 'stdout' | 'stderr'): Conversation | undefined;
  /** Aborted by SIGINT, SIGTERM and the SIGHUP of a closing terminal; its reason is the exit code, 130, 143 or 129. */
  readonly stopped: AbortSignal;
  /** The process's own emitter, from which handlers that libraries add are removed. */
  readonly signals: EventEmitter;
  /** Calls back on each SIGUSR1. */
  onUserSignal(handler: () => void): void;
  /** Calls back on each SIGHUP that no closing terminal has sent. Without a handler it stops the program. */
  onReload(handler: () => void): void;
}

/** Prints a warning or an error beside the log: in its format if that is JSON or the journal's, else as plain text. */
export function report(shell: Shell, level: LogLevel, message: string): void {
  const { logFormat, clock } = shell;
  if (!logFormat.json && !logFormat.journal)
    return shell.printError(`${level === 'warn' ? 'warning' : 'filesync'}: ${message}`);
  for (const part of logFormat.json ? [message] : message.split('\n'))
    shell.printError(logLine({ level, logger: 'filesync', message: part }, clock.now(), logFormat));
}

export const ExitCode = { DONE: 0, INCOMPLETE: 1, USAGE: 2 } as const;

/** The code to exit with after a signal. */
export function signalExitCode(stopped: AbortSignal): number {
  return typeof stopped.reason === 'number' ? stopped.reason : ExitCode.DONE;
}
