import type { Clock, Logger, LogLevel } from '../ports.js';
import { RepeatLimiter } from './repeat-limiter.js';

export const SEVERITY = { debug: 0, info: 1, warn: 2, error: 3 } as const satisfies Record<LogLevel, number>;
/** Priorities of syslog(3), as sd-daemon(3) writes them. */
const PRIORITY = { debug: 7, info: 6, warn: 4, error: 3 } as const satisfies Record<LogLevel, number>;

export interface LogFormat {
  /** One object a line: time (ISO 8601), level, logger, message. */
  readonly json: boolean;
  /** systemd's journal reads the lines: they begin with `<N>`, the priority, and text has no time, which the journal adds. */
  readonly journal: boolean;
  /** A person reads the lines on a terminal: they begin with the time of day, and the program's own name is left out. */
  readonly terminal?: boolean;
}

export interface LogEntry {
  readonly level: LogLevel;
  readonly logger: string;
  readonly message: string;
}

export interface LoggerOptions {
  /** Takes one whole line, newline included. */
  readonly write: (line: string) => void;
  /** The lowest level that is written. */
  readonly level: LogLevel;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly name: string;
  readonly format?: LogFormat;
  /** Takes each entry that is written. */
  readonly entry?: (entry: LogEntry) => void;
}

/** Writes a line an entry, of repeated messages as `RepeatLimiter` says. A child's name is `parent.child`. */
export function createLogger(options: LoggerOptions): Logger {
  return loggerWith(options, new RepeatLimiter(options.clock));
}

function loggerWith(options: LoggerOptions, limiter: RepeatLimiter): Logger {
  const { write, level: threshold, clock, name, format, entry } = options;
  const isEnabled = (level: LogLevel) => SEVERITY[level] >= SEVERITY[threshold];
  return {
    isEnabled,
    log(level, text) {
      if (!isEnabled(level)) return;
      const message = limiter.admit(level, name, text);
      if (message === undefined) return;
      const written = { level, logger: name, message };
      entry?.(written);
      write(`${logLine(written, clock.now(), format)}\n`);
    },
    child: child => loggerWith({ ...options, name: `${name}.${child}` }, limiter),
  };
}

/** Without the line end; text such as `2026-11-22T16:00:00.000Z INFO  filesync.finder: 3 new files`. */
export function logLine(entry: LogEntry, now: number, format?: LogFormat): string {
  const time = new Date(now).toISOString();
  const prefix = format?.journal ? `<${PRIORITY[entry.level]}>` : '';
  if (format?.json) return prefix + jsonLine({ time, ...entry });
  const message = oneLine(entry.message);
  const level = entry.level.toUpperCase().padEnd(5);
  if (format?.terminal) return `${timeOfDay(now)} ${level} ${withoutProgram(entry.logger)}${message}`;
  const text = `${entry.logger}: ${message}`;
  return prefix === '' ? `${time} ${level} ${text}` : prefix + text;
}

/** Such as `12:31:04`, local time. */
function timeOfDay(now: number): string {
  const date = new Date(now);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map(part => String(part).padStart(2, '0')).join(':');
}

/** `database: ` for the logger `filesync.database`; empty for the logger of the program itself. */
export function withoutProgram(logger: string): string {
  const [, ...names] = logger.split('.');
  return names.length > 0 ? `${names.join('.')}: ` : '';
}

/** The value of JOURNAL_STREAM, sd-daemon(3), names this file: device and inode, decimal. */
export function isJournalStream(
  stream: string | undefined,
  file: { readonly dev: bigint; readonly ino: bigint } | undefined,
): boolean {
  return file !== undefined && stream === `${file.dev}:${file.ino}`;
}

/** Logs at level debug; the message is built only if that level is written. */
export function logDebug(logger: Logger, message: () => string): void {
  if (logger.isEnabled?.('debug') !== false) logger.log('debug', message());
}

/** A file's name may hold line ends or terminal commands; in a log they must not act. */
export function oneLine(message: string): string {
  return message.replace(/\p{Cc}/gu, char => `\\x${hex(char, 2)}`);
}

/** JSON escapes the control characters below U+0020 alone. */
function jsonLine(value: object): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029]/g, char => `\\u${hex(char, 4)}`);
}

const hex = (char: string, digits: number): string => char.charCodeAt(0).toString(16).padStart(digits, '0');
