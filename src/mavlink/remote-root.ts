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

  /** The vehicle's path of what is named relative to the root; the root itself is ''. */
  of(path: string): string {
    return posix.join(this.#path, path);
  }

  /** The name may come from anywhere: one that leads out of the root, or cannot be sent, is `bad-name`. */
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

  /** What it means that this folder is not there: the root is the device's trouble, one that was listed a moment ago a change. */
  missing(folder: string, cause: unknown): FileSyncError {
    const remote = this.of(folder);
    if (folder !== '')
      return new FileSyncError('changed', `${remote} went away while it was listed`, { cause });
    const cure = 'insert an SD card, let the vehicle write its first log, or correct root';
    return new FileSyncError('unavailable', `the vehicle has no folder ${remote}: ${cure}`, { cause });
  }
}
