import { execFile } from 'node:child_process';
import { FileSyncError } from '../../errors.js';
import { codeOf } from '../../local/disk-error.js';

/** The programs of util-linux that are used, where every distribution has them (also as links, or from busybox). */
const PATHS = {
  lsblk: '/bin/lsblk',
  blkid: '/sbin/blkid',
  mount: '/bin/mount',
  umount: '/bin/umount',
} as const;

export type ProgramName = keyof typeof PATHS;

export interface Outcome {
  /** Exit code; -1 if it was ended because it took too long. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a shell. Throws `unavailable` only if it cannot be started. */
export type RunProgram = (program: ProgramName, args: readonly string[]) => Promise<Outcome>;

/** English messages, since their words are looked at. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** ms; a file system that was not unmounted may take long to mount. */
const TIMEOUT = 30_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export const runProgram: RunProgram = (program, args) =>
  new Promise((resolve, reject) => {
    const path = PATHS[program];
    const options = { env: ENVIRONMENT, timeout: TIMEOUT, maxBuffer: MAX_OUTPUT_BYTES };
    execFile(path, args, options, (error, stdout, stderr) => {
      if (codeOf(error) !== undefined) reject(notStarted(path, error));
      else resolve({ code: exitCode(error), stdout, stderr });
    });
  });

function exitCode(error: { code?: number | string | null } | null): number {
  if (!error) return 0;
  return typeof error.code === 'number' ? error.code : -1;
}

function notStarted(path: string, cause: unknown): FileSyncError {
  const message = `${path} does not run (${codeOf(cause)}): install the package util-linux`;
  return new FileSyncError('unavailable', message, { cause });
}
