import { FTPError, parseList, type FileInfo } from 'basic-ftp';
import { FileSyncError } from '../../errors.js';
import type { Listing } from './client.js';
import { nameFromWire, nameProblem, wordsFromWire } from './names.js';

export interface Entry {
  readonly name: string;
  /** `other`: links, devices, pipes. */
  readonly kind: 'file' | 'folder' | 'other';
  /** Bytes, of a file. */
  readonly size: number;
  /** ms since the Unix epoch, from MLSD; LIST tells no time that stays the same. */
  readonly modified?: number;
  /** The time in the server's words: while they are the same, so probably is the file. */
  readonly time: string;
}

/** Hears why something was left out of a listing, as a sentence for a person. */
export type Skipped = (why: string) => void;

/** Not known, or not with that parameter. */
const UNKNOWN = [500, 501, 502, 504];
/** Some servers' way to say that a folder is empty. */
const EMPTY = /\bno files\b/i;
/** Replies of success behind a listing that is not whole (pure-ftpd's limit, vsftpd without the right to read). */
const CUT_SHORT = /truncated|failed|not all/i;

/**
 * The folder in which the connection stands, by MLSD where it is offered. LIST hides names with a dot without `-a`,
 * which some servers take for a name: an answer without a single line is asked for again without.
 */
export async function listFolder(
  ask: (command: string) => Promise<Listing>,
  hasMlsd: boolean,
  skipped: Skipped,
): Promise<Entry[]> {
  const commands = [...(hasMlsd ? ['MLSD'] : []), 'LIST -a', 'LIST'];
  let failure: unknown;
  for (const command of commands) {
    try {
      const { text, reply } = await ask(command);
      if (CUT_SHORT.test(reply)) throw cutShort(reply);
      if (text.trim() !== '' || command !== 'LIST -a') return parseListing(text, skipped);
    } catch (error) {
      if (!(error instanceof FTPError) || isFinal(error, command)) throw error;
      if (EMPTY.test(error.message)) return [];
      failure = error;
    }
  }
  throw failure;
}

/** The next command would not do better (MLSD that is refused: LIST might hide that by an empty answer). */
const isFinal = ({ code, message }: FTPError, command: string): boolean =>
  !EMPTY.test(message) && !UNKNOWN.includes(code) && command !== 'LIST -a';

function cutShort(reply: string): FileSyncError {
  const cure =
    "raise the server's limit of files in a listing (pure-ftpd: LimitRecursion), or give the right to read";
  return new FileSyncError('protocol', `the listing is not whole (${wordsFromWire(reply)}): ${cure}`);
}

/**
 * What MLSD or LIST sent (a character a byte), of unix and of DOS. Each line is taken by itself: basic-ftp passes over
 * lines of a whole listing that it cannot read, and a file that is passed over would count as gone. Throws `protocol`.
 */
export function parseListing(text: string, skipped: Skipped): Entry[] {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '' && !/^total\s+\d+/i.test(line));
  return lines.flatMap(line => {
    const [info] = readLine(line);
    if (!info) return [];
    const name = nameFromWire(info.name);
    const problem = nameProblem(name);
    if (problem !== undefined) skipped(`${JSON.stringify(name)} is left out, since the name ${problem}`);
    return problem === undefined ? [entryOf(line, info, name)] : [];
  });
}

/** Empty for the folder itself, its parent, and (basic-ftp's choice) MLSD entries whose name is a path. */
function readLine(line: string): FileInfo[] {
  try {
    return parseList(line);
  } catch (cause) {
    throw unreadable(line, cause);
  }
}

function entryOf(line: string, info: FileInfo, name: string): Entry {
  const { rawModifiedAt: time, modifiedAt } = info;
  if (info.isDirectory) return { name, kind: 'folder', size: 0, time };
  if (!info.isFile || isDevice(line)) return { name, kind: otherThan(line), size: 0, time };
  if (isFacts(line) && !/(^|;)size=\d/i.test(line)) throw unreadable(line);
  const modified = modifiedAt?.getTime();
  const known = modified !== undefined && !Number.isNaN(modified);
  return { name, kind: 'file', size: info.size, time, ...(known && { modified }) };
}

/** A line of MLSD that does not even say what the entry is tells nothing. */
function otherThan(line: string): 'other' {
  if (line.startsWith(' ') || (isFacts(line) && !/(^|;)type=/i.test(line))) throw unreadable(line);
  return 'other';
}

const isFacts = (line: string): boolean => /^[^\s=]+=\S*;/.test(line);

const isDevice = (line: string): boolean => /^\s*[bc][r-][w-]/.test(line);

function unreadable(line: string, cause?: unknown): FileSyncError {
  const words = JSON.stringify(wordsFromWire(line).slice(0, 120));
  const message = `a line of the listing cannot be made sense of, so files may be missing (does a name hold a line break? rename it): ${words}`;
  return new FileSyncError('protocol', message, { cause });
}
