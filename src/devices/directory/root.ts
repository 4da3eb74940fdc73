import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { codeOf, diskError } from '../../local/disk-error.js';
import type { Availability } from '../../ports.js';
import type { GuardedFileSystem } from './guarded-file-system.js';

/** The folder that a device stands for. It comes and goes, as drives and shares do. */
export class Root {
  /** Absolute. */
  readonly path: string;
  readonly #device: string;
  readonly #calls: GuardedFileSystem | undefined;

  /** @param calls how its file system is asked, if it may hang */
  constructor(path: string, device: string, calls?: GuardedFileSystem) {
    this.path = path;
    this.#device = device;
    this.#calls = calls;
  }

  /** What tells this folder from another one that is mounted over it. Throws `unavailable` if it is not there. */
  async identity(details: ErrorDetails, signal?: AbortSignal): Promise<string> {
    const asked = () => this.#stat();
    try {
      const { dev, ino } = await (this.#calls?.do(asked, { ...(signal && { signal }) }) ?? asked());
      return `${dev}:${ino}`;
    } catch (error) {
      throw this.error(error, this.path, details);
    }
  }

  /** The folder can be used with these rights (`R_OK` …). A missing one will do where its parent lets us make it. */
  async probe(rights: number, creatable: boolean): Promise<Availability> {
    const asked = () => this.#probe(rights, creatable);
    return this.#calls?.probe(asked) ?? asked();
  }

  async #probe(rights: number, creatable: boolean): Promise<Availability> {
    try {
      await this.#stat();
      await access(this.path, rights | constants.X_OK);
      return { available: true, reason: `the folder ${this.path}`, armed: false };
    } catch (error) {
      if (creatable && codeOf(error) === 'ENOENT' && (await this.#parentTakesFolders())) {
        return { available: true, reason: `the folder ${this.path} will be made`, armed: false };
      }
      throw this.error(error, this.path, { operation: 'probe' });
    }
  }

  /** A file operation's error in the engine's words. What is missing with the whole root is not missing by itself. */
  async fileError(thrown: unknown, path: string, operation: string): Promise<FileSyncError> {
    const error = this.error(thrown, join(this.path, path), { operation, path });
    if (error.kind !== 'not-found') return error;
    return this.identity({ operation, path }).then(
      () => error,
      (missing: FileSyncError) => missing,
    );
  }

  error(thrown: unknown, path: string, details: ErrorDetails): FileSyncError {
    const all = { device: this.#device, ...details };
    const code = codeOf(thrown) ?? '';
    if (code === 'EIO' && this.#calls?.local === false) return this.#lost(thrown, path, all);
    const missing = ['ENOENT', 'ENOTDIR'].includes(code);
    if (!missing || path !== this.path) return diskError(thrown, path, all);
    const cure = 'plug in or mount its drive, make the folder, or correct `path`';
    return new FileSyncError('unavailable', `the folder ${path} is not there: ${cure}`, {
      ...all,
      cause: thrown,
    });
  }

  /** Whoever stands behind the file system knows no better word. */
  #lost(cause: unknown, path: string, details: ErrorDetails): FileSyncError {
    const cure = 'check the network drive and its server, or what serves it (FUSE), and mount it again';
    return new FileSyncError('unavailable', `${path} cannot be reached: ${cure}`, { ...details, cause });
  }

  async #stat() {
    const found = await stat(this.path);
    if (found.isDirectory()) return found;
    throw Object.assign(new Error(`${this.path} is not a folder`), { code: 'ENOTDIR' });
  }

  async #parentTakesFolders(): Promise<boolean> {
    return access(dirname(this.path), constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
  }
}
