import { readFile } from 'node:fs/promises';
import { FileSyncError } from '../../errors.js';
import type { TimestampStore } from '../../mavlink/signing.js';
import { writeDurably } from '../durable-file.js';

/** The last timestamp of signed messages in a file of its own, written durably. */
export class TimestampFile implements TimestampStore {
  readonly #path: string;

  /** `path`: absolute; its folder is made. */
  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<number> {
    try {
      const timestamp = Number((await readFile(this.#path, 'utf8')).trim());
      if (Number.isSafeInteger(timestamp) && timestamp >= 0) return timestamp;
      throw new Error('it holds no number');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 0;
      throw this.#error('read', cause);
    }
  }

  async save(timestamp: number): Promise<void> {
    try {
      await writeDurably(this.#path, `${timestamp}\n`);
    } catch (cause) {
      throw this.#error('written', cause);
    }
  }

  #error(what: string, cause: unknown): FileSyncError {
    const why = cause instanceof Error ? cause.message : String(cause);
    const remedy = 'give this program the right to it, or delete it';
    return new FileSyncError(
      'io',
      `the timestamp of signed messages in ${this.#path} cannot be ${what} (${why}): ${remedy}`,
      { cause },
    );
  }
}
