import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileSyncError, type ErrorDetails } from '../../errors.js';
import { codeOf, diskError } from '../../local/disk-error.js';
import type { Availability } from '../../ports.js';
import type { GuardedFileSystem } from './guarded-file-system.js';
import { unmountedReason } from './unmounted.js';

/** The top folder of a device. It comes and goes, as drives and shares do. */
export class Root {
  /** Absolute. */
  readonly path: string;
  readonly #device: string;
  readonly #fileSystem: GuardedFileSystem | undefined;
  /** `dev` of stat(2), of the file system that the folder was on when it was last in use. */
  #usedOn: number | undefined;

  /** @param fileSystem guards the calls, if they may hang */
  constructor(path: string, device: string, fileSystem?: GuardedFileSystem) {
    this.path = path;
    this.#device = device;
    this.#fileSystem = fileSystem;
  }

  /** Differs from that of a folder that is mounted over this one. Throws `unavailable` if the folder is missing. */
  async identity(details: ErrorDetails, signal?: AbortSignal): Promise<string> {
    const asked = () => this.#stat();
    try {
      const { dev, ino } = await (this.#fileSystem?.do(asked, { ...(signal && { signal }) }) ?? asked());
      return `${dev}:${ino}`;
    } catch (error) {
      throw this.error(error, this.path, details);
    }
  }

  /** Checks these rights (`R_OK` …). A missing folder is available if `creatable` and its parent is writable. */
  async probe(rights: number, creatable: boolean): Promise<Availability> {
    const asked = () => this.#probe(rights, creatable);
    return this.#fileSystem?.probe(asked) ?? asked();
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

  /** The FileSyncError of a file operation: `unavailable`, not `not-found`, if the whole root is missing. */
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
    if (code === 'EIO' && this.#fileSystem?.foreign === true) return this.#unreachable(thrown, path, all);
    const missing = ['ENOENT', 'ENOTDIR'].includes(code);
    if (!missing || path !== this.path) return diskError(thrown, path, all);
    const remedy = 'plug in or mount its drive, make the folder, or correct `path`';
    return new FileSyncError('unavailable', `the folder ${path} is not there: ${remedy}`, {
      ...all,
      cause: thrown,
    });
  }

  /** EIO is all that a FUSE program or a network file system reports when its server is gone. */
  #unreachable(cause: unknown, path: string, details: ErrorDetails): FileSyncError {
    const remedy = 'check the network drive and its server, or what serves it (FUSE), and mount it again';
    return new FileSyncError('unavailable', `${path} cannot be reached: ${remedy}`, { ...details, cause });
  }

  async #stat() {
    const found = await stat(this.path);
    if (!found.isDirectory())
      throw Object.assign(new Error(`${this.path} is not a folder`), { code: 'ENOTDIR' });
    if (found.dev !== this.#usedOn) await this.#refuseUnmounted(found.dev);
    this.#usedOn = found.dev;
    return found;
  }

  async #refuseUnmounted(dev: number): Promise<void> {
    const reason = await unmountedReason(this.path, dev, this.#usedOn).catch(() => undefined);
    if (reason !== undefined) throw new FileSyncError('unavailable', reason, { device: this.#device });
  }

  async #parentTakesFolders(): Promise<boolean> {
    return access(dirname(this.path), constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
  }
}
