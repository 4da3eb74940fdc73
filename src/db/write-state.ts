import { FileSyncError, toFileSyncError } from '../errors.js';
import type { Logger } from '../ports.js';

/** Whether changes reach the disk. A failure is reported once for all files, and once more when it is over. */
export class WriteState {
  readonly #path: string;
  readonly #logger: Logger;
  #problem: string | undefined;

  /** @param path names the database in messages */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Why changes cannot be written now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  succeeded(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#logger.log('info', `changes are written to the database ${this.#path} again`);
  }

  /** Returns the error for the caller that waits for the change: a database that was open before may be writable again. */
  failed(thrown: unknown): FileSyncError {
    const error = toFileSyncError(thrown);
    const why = error.message;
    if (this.#problem === undefined)
      this.#logger.log(
        'warn',
        `changes cannot be written to the database ${this.#path}, they will be retried: ${why}`,
      );
    this.#problem = why;
    const kind = error.kind === 'config' ? 'io' : error.kind;
    const { temporary } = error;
    return new FileSyncError(kind, why, {
      ...{ operation: 'write', path: this.#path, cause: thrown, reported: true },
      temporary: temporary || kind !== error.kind,
    });
  }
}
