import { posix } from 'node:path';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type { SourceFile } from '../ports.js';
import { MAX_PATH } from './ftp-client.js';
import { nameProblem } from './listing.js';

/** Bytes: offsets on the wire have 32 bits. */
const MAX_FILE_SIZE = 2 ** 32 - 1;

const CARD_READER = 'take the card out and copy it';

/** Where autopilots keep their logs; `@MAV_LOG` is the name that MAVLink FTP has for that folder. */
const MAV_LOG = '@MAV_LOG';
const LOG_FOLDERS: Readonly<Record<string, string>> = { PX4: '/fs/microsd/log', ArduPilot: '/APM/LOGS' };

/** Errors of a folder that does not exist; PX4 may send the errno of an older failure. */
const IS_NO_FOLDER: ReadonlySet<string> = new Set(['not-found', 'io', 'denied']);

/** Whether the folder can be listed, and has entries. Rejects with a FileSyncError. */
export type FolderProbe = (folder: string) => Promise<boolean>;

/** The folder on a vehicle below which a source's files are. */
export class RemoteRoot {
  #path: string | undefined;
  /** It was configured, or found with files in it. */
  #isSettled: boolean;

  /** Without a path, the autopilot's log folder has to be located. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.#isSettled = path !== undefined;
  }

  /** Finds the log folder, if it has to be found: the first one with files, else the first one that exists. */
  async locate(autopilot: string | undefined, probe: FolderProbe): Promise<void> {
    if (this.#isSettled) return;
    const known = autopilot === undefined ? undefined : LOG_FOLDERS[autopilot];
    const candidates = [MAV_LOG, ...(known === undefined ? Object.values(LOG_FOLDERS) : [known])];
    const existing: string[] = [];
    for (const folder of candidates) {
      const hasFiles = await probe(folder).catch(unlessMissing);
      if (hasFiles !== undefined) existing.push(folder);
      this.#isSettled = hasFiles === true;
      if (hasFiles) break;
    }
    this.#path = this.#isSettled ? existing.at(-1) : (existing[0] ?? undefined);
    if (this.#path === undefined) throw noLogFolder(autopilot, candidates);
  }

  /** The vehicle's path for a path relative to the root; the root is ''. */
  of(path: string): string {
    return posix.join(this.#path ?? '/', path);
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
  missing(folder: string, cause: unknown, autopilot?: string): FileSyncError {
    const remote = this.of(folder);
    if (folder !== '')
      return new FileSyncError('changed', `${remote} was removed while it was listed`, { cause });
    const usual = autopilot === undefined ? undefined : LOG_FOLDERS[autopilot];
    const hint = usual === undefined || usual === remote ? '' : ` (${autopilot} keeps its logs in ${usual})`;
    const remedy = `${INSERT_CARD}, or correct root or leave it out${hint}`;
    return new FileSyncError('unavailable', `the vehicle has no folder ${remote}: ${remedy}`, { cause });
  }
}

const INSERT_CARD = 'insert an SD card, let the vehicle write its first log';

function noLogFolder(autopilot: string | undefined, folders: readonly string[]): FileSyncError {
  const name = autopilot ?? 'the vehicle';
  const message = `${name} has no log folder (${folders.join(', ')}): ${INSERT_CARD}, or set root`;
  return new FileSyncError('unavailable', message);
}

function unlessMissing(thrown: unknown): undefined {
  if (!IS_NO_FOLDER.has(toFileSyncError(thrown).kind)) throw thrown;
}
