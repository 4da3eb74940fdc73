import type { EventEmitter } from 'node:events';
import type { Clock, LogLevel } from '../ports.js';
import { logLine, type LogFormat } from '../system/logger.js';

/** What the commands need of the process; src/main.ts fills it in. */
export interface Shell {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly hostname: string;
  readonly clock: Clock;
  /** The user reads from a terminal: bars instead of lines. */
  readonly interactive: boolean;
  /** Columns of the terminal. */
  readonly columns: number;
  /** Results. Takes whole lines without their end. */
  print(line: string): void;
  /** Warnings, errors, the log: whole lines without their end. */
  printError(line: string): void;
  readonly logFormat: LogFormat;
  /** Where progress bars are drawn. */
  readonly terminal: NodeJS.WritableStream;
  /** Aborted by SIGINT and SIGTERM; its reason is the exit code, 130 or 143. */
  readonly stopped: AbortSignal;
  /** The process's own emitter, for libraries that hang signal handlers on it and must be relieved of them. */
  readonly signals: EventEmitter;
  /** Calls back on each SIGUSR1. */
  onUserSignal(handler: () => void): void;
}

/** A warning or an error beside the log: in its format where a program reads it, else in words for a terminal. */
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
