import type { Logger, LogLevel } from '../../src/ports.js';

export interface LogEntry {
  readonly level: LogLevel;
  /** Names of the logger and its parents, joined by `.`; empty for the root. */
  readonly name: string;
  readonly message: string;
}

/** Keeps what was logged, by itself and by all its children. */
export class RecordingLogger implements Logger {
  readonly #name: string;
  readonly entries: LogEntry[];

  constructor(name = '', entries: LogEntry[] = []) {
    this.#name = name;
    this.entries = entries;
  }

  log(level: LogLevel, message: string): void {
    this.entries.push({ level, name: this.#name, message });
  }

  child(name: string): RecordingLogger {
    return new RecordingLogger(this.#name ? `${this.#name}.${name}` : name, this.entries);
  }

  /** The messages of one level, or of all. */
  messages(level?: LogLevel): string[] {
    return this.entries.filter(entry => !level || entry.level === level).map(entry => entry.message);
  }
}
