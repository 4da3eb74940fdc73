import type { Clock, Logger, LogLevel } from '../ports.js';

const SEVERITY = { debug: 0, info: 1, warn: 2, error: 3 } as const satisfies Record<LogLevel, number>;

export interface LoggerOptions {
  /** Takes one whole line, newline included. */
  readonly write: (line: string) => void;
  /** The lowest level that is written. */
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly name: string;
}

/** Writes lines such as `2026-11-22T16:00:00.000Z INFO  finder: 3 new files`. A child's name is `parent.child`. */
export function createLogger(options: LoggerOptions): Logger {
  const { write, level: threshold, clock, name } = options;
  const isEnabled = (level: LogLevel) => SEVERITY[level] >= SEVERITY[threshold];
  return {
    isEnabled,
    log(level, message) {
      if (!isEnabled(level)) return;
      const time = new Date(clock.now()).toISOString();
      write(`${time} ${level.toUpperCase().padEnd(5)} ${name}: ${oneLine(message)}\n`);
    },
    child: child => createLogger({ ...options, name: `${name}.${child}` }),
  };
}

/** Logs at level debug; the message is built only if that level is written. */
export function logDebug(logger: Logger, message: () => string): void {
  if (logger.isEnabled?.('debug') !== false) logger.log('debug', message());
}

/** A file's name may hold line ends or terminal commands; in a log they must not act. */
export function oneLine(message: string): string {
  return message.replace(/\p{Cc}/gu, char => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
