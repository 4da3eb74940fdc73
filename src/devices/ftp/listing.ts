import { FTPError, parseList, type FileInfo } from 'basic-ftp';
import { FileSyncError } from '../../errors.js';
import type { Listing } from './client.js';
import { nameFromWire, nameProblem, wordsFromWire } from './names.js';
import { UNKNOWN_COMMAND } from './replies.js';

export interface Entry {
  readonly name: string;
  /** `other`: links, devices, pipes. */
  readonly kind: 'file' | 'folder' | 'other';
  /** Bytes, of a file. */
  readonly size: number;
  /** ms since the Unix epoch, from MLSD; the time in LIST changes its form with its age. */
  readonly modified?: number;
  /** As the server writes it. */
  readonly time: string;
}

/** Called with the reason why an entry is left out of a listing, as a sentence for a person. */
export type Skipped = (why: string) => void;

/** Some servers report an empty folder so. */
const EMPTY = /\bno files\b/i;
/** In replies of success after an incomplete listing (pure-ftpd's limit, vsftpd without the right to read). */
const INCOMPLETE = /truncated|failed|not all/i;

/**
 * Lists the working directory, by MLSD where the server has it. Without `-a`, LIST hides names that start with a dot; some
 * servers take `-a` for a name, so after an empty answer LIST is sent again without.
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
      if (INCOMPLETE.test(reply)) throw incomplete(reply);
      if (text.trim() !== '' || command !== 'LIST -a') return parseListing(text, skipped);
    } catch (error) {
      if (!(error instanceof FTPError) || isFinal(error, command)) throw error;
      if (EMPTY.test(error.message)) return [];
      failure = error;
    }
  }
  throw failure;
}

/** No other command would help (if MLSD is refused, LIST might hide that by an empty answer). */
const isFinal = ({ code, message }: FTPError, command: string): boolean =>
  !EMPTY.test(message) && !UNKNOWN_COMMAND.includes(code) && command !== 'LIST -a';

function incomplete(reply: string): FileSyncError {
  const remedy =
    "raise the server's limit of files in a listing (pure-ftpd: LimitRecursion), or give the right to read";
  return new FileSyncError('protocol', `listing incomplete (${wordsFromWire(reply)}): ${remedy}`);
}

/**
 * Parses the output of MLSD or LIST (each character is a byte), of Unix and of DOS. Each line is parsed separately: in a
 * whole listing basic-ftp skips lines that it cannot parse, and a skipped file would count as removed. Throws `protocol`.
 */
export function parseListing(text: string, skipped: Skipped): Entry[] {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '' && !/^total\s+\d+/i.test(line));
  return lines.flatMap(line => {
    const [info] = parseLine(line);
    if (!info) return [];
    const name = nameFromWire(info.name);
    const problem = nameProblem(name);
    if (problem !== undefined) skipped(`${JSON.stringify(name)} is left out, since the name ${problem}`);
    return problem === undefined ? [entryOf(line, info, name)] : [];
  });
}

/** Empty for the folder itself, its parent, and (basic-ftp's choice) MLSD entries whose name is a path. */
function parseLine(line: string): FileInfo[] {
  try {
    return parseList(line);
  } catch (cause) {
    throw unparsable(line, cause);
  }
}

function entryOf(line: string, info: FileInfo, name: string): Entry {
  const { rawModifiedAt: time, modifiedAt } = info;
  if (info.isDirectory) return { name, kind: 'folder', size: 0, time };
  if (!info.isFile || isDevice(line)) return { name, kind: otherKind(line), size: 0, time };
  if (isFacts(line) && !/(^|;)size=\d/i.test(line)) throw unparsable(line);
  const modified = modifiedAt?.getTime();
  const known = modified !== undefined && !Number.isNaN(modified);
  return { name, kind: 'file', size: info.size, time, ...(known && { modified }) };
}

/** Throws `protocol` for a line of MLSD without a type. */
function otherKind(line: string): 'other' {
  if (line.startsWith(' ') || (isFacts(line) && !/(^|;)type=/i.test(line))) throw unparsable(line);
  return 'other';
}

const isFacts = (line: string): boolean => /^[^\s=]+=\S*;/.test(line);

const isDevice = (line: string): boolean => /^\s*[bc][r-][w-]/.test(line);

function unparsable(line: string, cause?: unknown): FileSyncError {
  const words = JSON.stringify(wordsFromWire(line));
  const message = `listing incomplete: a line cannot be parsed (does a name contain a line break? rename it): ${words}`;
  return new FileSyncError('protocol', message, { cause });
}
