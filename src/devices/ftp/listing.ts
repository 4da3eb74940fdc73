import { FTPError, type FileInfo } from 'basic-ftp';
// Private modules: package.json pins the version, and a test checks their shape.
import { parseLine as parseDos } from 'basic-ftp/dist/parseListDOS.js';
import { parseLine as parseFacts } from 'basic-ftp/dist/parseListMLSD.js';
import { parseLine as parseUnix } from 'basic-ftp/dist/parseListUnix.js';
import { FileSyncError } from '../../errors.js';
import { parseEplf } from './eplf.js';
import { nameFromWire, nameProblem, wordsFromWire } from './names.js';
import { UNKNOWN_COMMAND } from './replies.js';

export interface FtpEntry {
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

/** What one listing is made of. */
export interface ListingSink {
  /** Called with each entry. Throws to end the listing. */
  entry(entry: FtpEntry): void;
  /** Called with the reason why a name is left out, as a sentence for a person. */
  skipped(why: string): void;
  /** Called with a line that cannot be parsed, as a sentence: a file may be in it. */
  unreadable(why: string): void;
}

/** How one command was answered. */
export interface ListReply {
  /** Lines that are not empty. */
  readonly lines: number;
  /** The reply that ended it. */
  readonly reply: string;
}

/** Sends a command and calls `line` with each line of its answer (each character is a byte). */
export type AskForListing = (command: string, line: (text: string) => void) => Promise<ListReply>;

/** Some servers report an empty folder so. */
const EMPTY = /\bno files\b/i;
/** In replies of success after an incomplete listing (pure-ftpd's limit, vsftpd without the right to read). */
const INCOMPLETE = /truncated|failed|not all/i;

/**
 * Lists the working directory, by MLSD where the server has it. Without `-a`, LIST hides names that start with a dot; some
 * servers take `-a` for a name, so after an empty answer LIST is sent again without.
 */
export async function listFolder(ask: AskForListing, hasMlsd: boolean, sink: ListingSink): Promise<void> {
  const commands = [...(hasMlsd ? ['MLSD'] : []), 'LIST -a', 'LIST'];
  let failure: unknown;
  let taken = 0;
  const take = (line: string): void => {
    taken++;
    parseInto(sink, line);
  };
  for (const command of commands) {
    try {
      if ((await completeLines(ask, command, take)) > 0 || command !== 'LIST -a') return;
    } catch (error) {
      if (!(error instanceof FTPError) || taken > 0 || isFinal(error, command)) throw error;
      if (EMPTY.test(error.message)) return;
      failure = error;
    }
  }
  throw failure;
}

async function completeLines(
  ask: AskForListing,
  command: string,
  take: (line: string) => void,
): Promise<number> {
  const { lines, reply } = await ask(command, take);
  if (INCOMPLETE.test(reply)) throw new IncompleteListing(reply);
  return lines;
}

/** No other command would help (if MLSD is refused, LIST might hide that by an empty answer). */
const isFinal = ({ code, message }: FTPError, command: string): boolean =>
  !EMPTY.test(message) && !UNKNOWN_COMMAND.includes(code) && command !== 'LIST -a';

/** The server says that the listing of a folder lacks some files. */
export class IncompleteListing extends FileSyncError {
  constructor(reply: string) {
    const remedy =
      "raise the server's limit of files in a listing (pure-ftpd: LimitRecursion), or give the right to read";
    super('protocol', `listing incomplete (${wordsFromWire(reply)}): ${remedy}`);
  }
}

/** Longer lines are no entries. */
const MAX_LINE_LENGTH = 8192;

/** Parses one line of MLSD or LIST, of Unix, DOS or EPLF. */
export function parseInto(sink: ListingSink, line: string): void {
  if (line.trim() === '' || /^total\s+\d+/i.test(line)) return;
  const info = line.length > MAX_LINE_LENGTH ? undefined : parseLine(line);
  if (info === 'self') return;
  const kind = info && kindOf(line, info);
  if (!info || !kind) return sink.unreadable(unparsable(line));
  const name = nameFromWire(info.name);
  const problem = nameProblem(name);
  if (problem === undefined) sink.entry(entryOf(kind, info, name));
  else sink.skipped(`${JSON.stringify(name)} is left out, since the name ${problem}`);
}

/** `self`: the folder itself or its parent; undefined if it cannot be parsed. */
function parseLine(line: string): FileInfo | 'self' | undefined {
  try {
    return parse(line);
  } catch {
    // basic-ftp throws for a date that is none.
    return undefined;
  }
}

function parse(line: string): FileInfo | 'self' | undefined {
  if (line.startsWith('+')) return parseEplf(line);
  if (line.startsWith(' ')) return undefined;
  if (isFacts(line)) return parseFacts(withLowerType(line)) ?? 'self';
  if (/^\d{2}[-/.]/.test(line)) return parseDos(line) ?? selfIn(line);
  const unix = withPlus(line);
  return parseUnix(unix) ?? parseUnix(withLinkCount(unix)) ?? selfIn(line);
}

/** Its case is of no meaning (RFC 3659 section 7.5.1). */
const withLowerType = (line: string): string =>
  line.replace(
    /^(\S*?\btype=)(file|dir|cdir|pdir);/i,
    (_, before: string, type: string) => `${before}${type.toLowerCase()};`,
  );

const selfIn = (line: string): 'self' | undefined =>
  /^[-\dbcdlps].*\s\.{1,2}$/.test(line) ? 'self' : undefined;

/** A `.` behind the rights says that SELinux has a label for the file, `@` (macOS) that it has attributes. */
const withPlus = (line: string): string => line.replace(/^([-bcdlps][-rwxsStTlL]{9})[.@]/, '$1+');

/** Some servers leave the number of links out. */
const withLinkCount = (line: string): string => line.replace(/^([-bcdlps][-rwxsStTlL]{9}\+?)\s+/, '$1 1 ');

/** Undefined where the line does not say what it is, or how large. */
function kindOf(line: string, info: FileInfo): FtpEntry['kind'] | undefined {
  if (info.isDirectory) return 'folder';
  const facts = isFacts(line);
  if (info.isFile && !isDevice(line)) {
    const hasSize = !facts || /(^|;)size=\d{1,15}(;|$)/i.test(line.split(' ', 1)[0] ?? '');
    return hasSize && Number.isSafeInteger(info.size) ? 'file' : undefined;
  }
  return facts && !/(^|;)type=/i.test(line) ? undefined : 'other';
}

function entryOf(
  kind: FtpEntry['kind'],
  { rawModifiedAt: time, modifiedAt, size }: FileInfo,
  name: string,
): FtpEntry {
  if (kind !== 'file') return { name, kind, size: 0, time };
  const modified = modifiedAt?.getTime();
  const known = modified !== undefined && !Number.isNaN(modified);
  return { name, kind, size, time, ...(known && { modified }) };
}

const isFacts = (line: string): boolean => /^[^\s=]+=\S*;/.test(line);

const isDevice = (line: string): boolean => /^\s*[bc][r-][w-]/.test(line);

function unparsable(line: string): string {
  const words = JSON.stringify(wordsFromWire(line.slice(0, MAX_LINE_LENGTH)));
  return `a line of the listing cannot be parsed (does a name contain a line break? rename it): ${words}`;
}

/** From a line of MLST, whose name may be a whole path. */
export function entryInMlst(line: string): FtpEntry | undefined {
  let found: FtpEntry | undefined;
  const named = `${line.slice(0, line.indexOf(' '))} file`;
  parseInto({ entry: entry => (found = entry), skipped: ignore, unreadable: ignore }, named);
  return found;
}

function ignore(): void {}
