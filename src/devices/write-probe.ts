import { randomBytes } from 'node:crypto';
import { FileSyncError, throwIfAborted, toFileSyncError, type ErrorKind } from '../errors.js';
import type { Clock } from '../ports.js';
import { withDeadline } from '../system/deadline.js';
import { oddName } from '../system/portable-names.js';

/** What a probe does on a target, with the means of its protocol. Names are those of files in its root. */
export interface ProbeActs {
  write(name: string, signal: AbortSignal): Promise<void>;
  rename(from: string, to: string, signal: AbortSignal): Promise<void>;
  remove(name: string, signal: AbortSignal): Promise<void>;
}

export interface ProbedPlace {
  readonly device: string;
  /** The root as a person knows it. */
  readonly root: string;
  /** The option that names another root. */
  readonly option: string;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** The content of a probe: it tells a person who finds the file what it is. */
export const PROBE_TEXT = 'A probe of FileSync, which checked that it can write here. It may be deleted.\n';

/** Begins the name of a probe; sixteen random hex digits follow, so that no other file is ever meant. */
const PROBE_PREFIX = '.filesync-probe-';

/** A probe is removed within this time, also after an abort. */
const CLEANUP_TIMEOUT_MS = 5_000;

/**
 * Writes, renames and removes a small file; no other file is touched. Rejects with the error of the act that failed, in a sentence
 * that names that act; the probe is removed in any case, or the sentence names what was left. A target whose root does not exist
 * yet, and could not be removed again, rejects with `not-found` instead.
 */
export async function probeByWriting(
  acts: ProbeActs,
  place: ProbedPlace,
  signal: AbortSignal,
): Promise<void> {
  const { root, clock } = place;
  const name = PROBE_PREFIX + randomBytes(8).toString('hex');
  const renamed = `${name}.renamed`;
  throwIfAborted(signal, { device: place.device, operation: 'probe' });
  // One after the other: the server may take one connection only.
  const cleanUp = async (): Promise<boolean> =>
    (await isRemoved(acts, name, clock)) || (await isRemoved(acts, renamed, clock));
  const attempt = async (words: string, act: Promise<void>, isThere: boolean): Promise<void> => {
    try {
      await act;
    } catch (thrown) {
      const isLeft = !(await cleanUp()) && isThere;
      throw probeError(thrown, words, isLeft ? `; ${name} is left there` : '', place);
    }
  };
  await attempt(`cannot write in ${root}`, acts.write(name, signal), false);
  await attempt(`can write in ${root}, but not rename`, acts.rename(name, renamed, signal), true);
  await attempt(`can write and rename in ${root}, but not delete`, acts.remove(renamed, signal), true);
}

/** How a target is probed whose first write makes the folders that are missing. */
export interface FolderActs {
  /** @param made is called with the folders that were made, the highest first */
  readonly acts: (made: (folders: readonly string[]) => void) => ProbeActs;
  /** Removes those that are empty; does not reject. */
  readonly removeFolders: (folders: readonly string[]) => Promise<void>;
}

/** As `probeByWriting`; folders that were made are removed again, unless a file has been put into them. */
export async function probeWithFolders(
  { acts, removeFolders }: FolderActs,
  place: ProbedPlace,
  signal: AbortSignal,
): Promise<void> {
  let made: readonly string[] = [];
  try {
    await probeByWriting(
      acts(folders => (made = folders)),
      place,
      signal,
    );
  } finally {
    if (made.length > 0) await removeFolders([...made].reverse());
  }
}

/**
 * Whether the target refuses a small file in whose name something is odd as in `path`, and takes one of a plain name: then the name
 * is to blame. Both files are removed again. Rejects if the target cannot be reached meanwhile.
 */
export async function refusesName(
  { write, remove }: Pick<ProbeActs, 'write' | 'remove'>,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const plain = PROBE_PREFIX + randomBytes(8).toString('hex');
  const takes = async (file: string): Promise<boolean> => {
    try {
      await write(file, signal);
      await remove(file, signal);
      return true;
    } catch (thrown) {
      const error = toFileSyncError(thrown);
      if (UNREACHABLE.has(error.kind)) throw error;
      return false;
    }
  };
  return !(await takes(oddName(plain, path))) && (await takes(plain));
}

const UNREACHABLE: ReadonlySet<ErrorKind> = new Set(['cancelled', 'timeout', 'unavailable']);

async function isRemoved(acts: ProbeActs, name: string, clock: Pick<Clock, 'sleep'>): Promise<boolean> {
  const removing = withDeadline(over => acts.remove(name, over), { ms: CLEANUP_TIMEOUT_MS, clock });
  return removing.then(
    () => true,
    () => false,
  );
}

function probeError(
  thrown: unknown,
  words: string,
  left: string,
  { device, option }: ProbedPlace,
): FileSyncError {
  const { kind, message, temporary } = toFileSyncError(thrown);
  const remedy = kind === 'denied' ? `, or name another ${option}` : '';
  const details = { device, operation: 'probe', temporary, cause: thrown };
  if (kind === 'cancelled') return new FileSyncError(kind, message, details);
  return new FileSyncError(kind, `${words}: ${message}${remedy}${left}`, details);
}
