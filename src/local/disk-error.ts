import { FileSyncError, toFileSyncError, type ErrorDetails, type ErrorKind } from '../errors.js';

const NO_SERVER = "the network drive's server does not answer: check that it runs and can be reached";

/** By a file system's error code: the kind, and the message for a person, which follows the path. */
const MEANINGS: Readonly<Record<string, readonly [ErrorKind, string]>> = {
  ENOSPC: ['no-space', 'the disk is full: free some space on it'],
  EDQUOT: ['no-space', 'the disk quota is used up: free some space, or raise the quota'],
  EROFS: ['denied', 'the file system is read-only: mount it writable, or repair it'],
  EACCES: ['denied', "no permission: give this program's user the right to it"],
  EPERM: ['denied', "not permitted: give this program's user the right to it"],
  ELOOP: ['denied', 'a symbolic link is not followed here: put a real file or folder in its place'],
  ENOENT: ['not-found', 'there is no such file'],
  EEXIST: ['exists', 'something of that name is there already'],
  EISDIR: ['exists', 'a folder of that name is there already'],
  ENOTDIR: ['io', 'a file lies where a folder is needed: move it away'],
  ENAMETOOLONG: ['bad-name', 'the name is too long for the file system'],
  EILSEQ: ['bad-name', 'the file system cannot hold such a name'],
  EINVAL: ['bad-name', 'the file system cannot hold such a name'],
  ERR_INVALID_ARG_VALUE: ['bad-name', 'no file system can hold such a name'],
  EFBIG: ['too-large', 'the file is larger than the file system takes'],
  EMFILE: ['busy', 'too many files are open: raise the limit (ulimit -n), or lower `connections`'],
  ENFILE: ['busy', 'too many files are open on this machine'],
  EBUSY: ['busy', 'it is in use'],
  ENODEV: ['unavailable', 'the drive is gone: plug it in again'],
  ENXIO: ['unavailable', 'the drive is gone: plug it in again'],
  ESTALE: ['unavailable', 'the network drive was lost: mount it again'],
  ENOTCONN: ['unavailable', 'the drive was lost: mount it again'],
  ESHUTDOWN: ['unavailable', 'the drive was lost: mount it again'],
  ETIMEDOUT: ['unavailable', NO_SERVER],
  EHOSTDOWN: ['unavailable', NO_SERVER],
  EHOSTUNREACH: ['unavailable', NO_SERVER],
  ENETUNREACH: ['unavailable', NO_SERVER],
  ECONNREFUSED: ['unavailable', NO_SERVER],
  ECONNRESET: ['unavailable', NO_SERVER],
  ECONNABORTED: ['unavailable', NO_SERVER],
  EREMOTEIO: ['unavailable', NO_SERVER],
};

/** The error of a file operation as a FileSyncError. Codes that the table does not have are `io`. */
export function diskError(thrown: unknown, path: string, details: ErrorDetails = {}): FileSyncError {
  const code = codeOf(thrown);
  if (code === undefined || code === 'ABORT_ERR') return toFileSyncError(thrown, details);
  const [kind, words] = MEANINGS[code] ?? ['io', `the disk reports ${code}: check it and its cable`];
  return new FileSyncError(kind, `${path}: ${words}`, { path, ...details, cause: thrown });
}

/** `not-found` while writing means that our folder or part was deleted, not that the source's file is gone: it becomes `io`. */
export function whileWriting(error: FileSyncError, path: string): FileSyncError {
  if (error.kind !== 'not-found') return error;
  const { device, origin } = error;
  const details = {
    ...{ operation: 'write', path, cause: error },
    ...(device !== undefined && { device }),
    ...(origin && { origin }),
  };
  return new FileSyncError('io', `${path} was deleted while it was being written`, details);
}

/** The system's code (`ENOENT` …) of a thrown error. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** The promise's value, or undefined if it fails with one of these codes. */
export async function unless<Value>(
  codes: readonly string[],
  work: Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Does the work and translates what it throws. */
export async function onDisk<Value>(
  path: string,
  details: ErrorDetails,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path, details);
  }
}
