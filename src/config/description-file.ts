import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from '../ports.js';

export type DescriptionValues = Readonly<Record<string, string>>;

export interface ParsedDescription {
  readonly values: DescriptionValues;
  /** Numbers, from 1, of the lines that are not `key=value`. */
  readonly badLines: readonly number[];
}

/**
 * Lines of `key=value`; `#` and `;` begin a comment line, `export ` in front, blanks around the `=` and one pair of
 * quotes around the value are dropped. Of a key that occurs twice the last value counts.
 */
export function parseDescription(text: string): ParsedDescription {
  const entries: [string, string][] = [];
  const badLines: number[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const trimmed = line.trim();
    if (/^([#;]|$)/.test(trimmed)) continue;
    const entry = parseLine(trimmed);
    if (entry) entries.push(entry);
    else badLines.push(index + 1);
  }
  return { values: Object.fromEntries(entries), badLines };
}

function parseLine(line: string): [string, string] | undefined {
  const [, key, value = ''] = /^(?:export\s+)?([^\s=]+)\s*=\s*(.*)$/.exec(line) ?? [];
  return key === undefined ? undefined : [key, value.replace(/^(["'])(.*)\1$/, '$2')];
}

const NOT_READ = '';

/** The description file (`/etc/coex.conf`), read again whenever it has changed. Never fails. */
export class DescriptionFile {
  #path: string;
  readonly #logger: Logger;
  #version = NOT_READ;
  #values: DescriptionValues = {};
  readonly #missing = new Set<string>();
  #loading: Promise<DescriptionValues> | undefined;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Reads another file from now on. */
  set path(path: string) {
    if (path === this.#path) return;
    this.#path = path;
    this.#version = NOT_READ;
  }

  /** The current values; the file is checked once a turn of the event loop. Empty if it is missing or unreadable (one warning). */
  values(): Promise<DescriptionValues> {
    this.#loading ??= this.#refresh().finally(() => setImmediate(() => (this.#loading = undefined)));
    return this.#loading;
  }

  /** Warns, once for each version of the file, that a template names a key that is missing. */
  warnMissing(key: string): void {
    if (this.#missing.has(key)) return;
    this.#missing.add(key);
    this.#warn(`has no key "${key}", so {coex.${key}} stays empty; add a line ${key}=VALUE`);
  }

  async #refresh(): Promise<DescriptionValues> {
    // The version is taken before the content, so that a change in between is noticed the next time.
    const version = this.#currentVersion();
    if (version !== this.#version) {
      this.#values = await this.#read();
      this.#version = version;
      this.#missing.clear();
    }
    return this.#values;
  }

  /** Times (with ctime, which a chmod changes), size and inode, or the code of the error. */
  #currentVersion(): string {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      return found ? `${found.mtimeMs} ${found.ctimeMs} ${found.size} ${found.ino}` : 'ENOENT';
    } catch (error) {
      return codeOf(error);
    }
  }

  async #read(): Promise<DescriptionValues> {
    try {
      const { values, badLines } = parseDescription(await readFile(this.#path, 'utf8'));
      if (badLines.length > 0) this.#warn(`ignored, not KEY=VALUE: line ${badLines.join(', ')}`);
      return values;
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'ENOENT') this.#warn(`cannot be read (${code}), so every {coex.KEY} stays empty`);
      return {};
    }
  }

  #warn(message: string): void {
    this.#logger.log('warn', `${this.#path}: ${message}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
