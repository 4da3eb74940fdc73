import { posix } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { SourceFile } from '../ports.js';
import { MAX_PATH } from './ftp-client.js';
import { nameProblem } from './listing.js';

/** Bytes: offsets on the wire have 32 bits. */
const MAX_FILE_SIZE = 2 ** 32 - 1;

const CARD_READER = 'take the card out and copy it';

/** The folder on a vehicle below which a source's files are. */
export class RemoteRoot {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The vehicle's path for a path relative to the root; the root is ''. */
  of(path: string): string {
    return posix.join(this.#path, path);
  }

  /** Throws `bad-name` for a name that leads out of the root or cannot be sent. */
  ofFile({ path, size }: SourceFile): string {
    const problem = path
      .split('/')
      .map(nameProblem)
      .find(found => found !== undefined);
    if (problem !== undefined) throw new FileSyncError('bad-name', `${path}: a part of the name ${problem}`);
    const remote = this.of(path);
    if (Buffer.byteLength(remote) > MAX_PATH) {
      throw new FileSyncError('bad-name', `${remote} is too long for file transfer: rename it`);
    }
    if (size > MAX_FILE_SIZE)
      throw new FileSyncError('unsupported', `${remote} is 4 GiB or more: ${CARD_READER}`);
    return remote;
  }

  /** The error for a missing folder: `unavailable` for the root, `changed` for a folder that a listing has just named. */
  missing(folder: string, cause: unknown): FileSyncError {
    const remote = this.of(folder);
    if (folder !== '')
      return new FileSyncError('changed', `${remote} was removed while it was listed`, { cause });
    const remedy = 'insert an SD card, let the vehicle write its first log, or correct root';
    return new FileSyncError('unavailable', `the vehicle has no folder ${remote}: ${remedy}`, { cause });
  }
}
