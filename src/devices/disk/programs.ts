import { isAbsolute } from 'node:path';
import { runChild, type ProgramResult } from '../../system/child.js';

export type { ProgramResult };

/** ms for each program. A file system that was not unmounted cleanly may take long to mount. */
const TIMEOUTS_MS = {
  lsblk: 10_000,
  blkid: 10_000,
  mount: 30_000,
  umount: 30_000,
  udisksctl: 30_000,
} as const;

export type ProgramName = keyof typeof TIMEOUTS_MS;

const packageOf = (program: ProgramName): string => (program === 'udisksctl' ? 'udisks2' : 'util-linux');

/**
 * Runs a program to its end, without a shell. Rejects as `runChild`: with `cancelled` promptly at the abort, with `timeout` if
 * it hangs, and with `unavailable` if it is not installed.
 */
export type RunProgram = (
  program: ProgramName,
  args: readonly string[],
  signal?: AbortSignal,
) => Promise<ProgramResult>;

/** Where every distribution has them (also as links, or from busybox), whatever the user's PATH is. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** As `RunProgram`; the folders of `path`, a PATH, are searched first. */
export async function runProgram(
  program: ProgramName,
  args: readonly string[],
  signal?: AbortSignal,
  path = '',
): Promise<ProgramResult> {
  const folders = [...path.split(':').filter(isAbsolute), ...FOLDERS];
  // English messages, since they are parsed.
  const env = { PATH: folders.join(':'), LC_ALL: 'C' };
  const remedy = `install the package ${packageOf(program)}`;
  return runChild(program, args, { env, ms: TIMEOUTS_MS[program], signal, remedy });
}

/** Characters of a program's words that a message shows. */
const MAX_WORDS_LENGTH = 500;

export const firstLine = (text: string): string => {
  const [line = ''] = text.trim().split('\n', 1);
  return line.slice(0, MAX_WORDS_LENGTH);
};
