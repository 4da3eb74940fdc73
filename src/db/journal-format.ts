import { crc32 } from 'node:zlib';
import { crcHex } from './crc.js';
import { split } from './lines.js';
import { WorkPacer } from '../system/work-pacer.js';
import { fromSchema1, isSchema1 } from './schema-1.js';
import { commit, problemOf, type Commit, type CommittedChange } from './schema.js';

// A line of the journal is a commit: {"crc":"3f2a9c01","seq":17,"changes":[…]}. The CRC-32 (zlib's) is that of the
// bytes after its own comma, without the line end. One commit is one line and one write, so that a power cut leaves it
// whole or recognisably torn, never half applied. Spaces after the last line are preallocated.

const NEWLINE = 0x0a;
const PADDING: readonly (number | undefined)[] = [0x20, 0x00];
/** `{"crc":"3f2a9c01",` */
const PREFIX = /^\{"crc":"([0-9a-f]{8})",$/;
const PREFIX_LENGTH = 18;
const CRC_START = 8;
const SEQ = /^"seq":(\d+),/;
const MAX_SEQ_LENGTH = 24;
/** Bytes that are unpacked between two turns of the event loop: some milliseconds of work. */
const UNPACK_BATCH_BYTES = 256 * 1024;

export interface JournalContent {
  /** The commits with changes after the given number, in the order of the file. */
  readonly commits: readonly Commit[];
  /** Bytes up to the end of the last whole line. */
  readonly size: number;
  /** Bytes after it, left by an interrupted write. */
  readonly torn: number;
  /** More is unreadable than an interrupted write leaves. */
  readonly damaged: boolean;
}

export function encodeCommit(content: Commit): Buffer {
  const line = Buffer.from(`{"crc":"00000000",${JSON.stringify(content).slice(1)}\n`);
  line.write(crcHex(crc32(line.subarray(PREFIX_LENGTH, -1))), CRC_START, 'latin1');
  return line;
}

/**
 * Reads the commits with any change after number `after`; earlier ones are checked but not unpacked. Records of schema 1 are
 * converted to the current schema.
 */
export async function decodeJournal(bytes: Buffer, after: number): Promise<JournalContent> {
  const scan: JournalScan = { commits: [], size: 0, bad: 0, badBetween: false };
  const used = bytes.subarray(0, usedLength(bytes));
  const pacer = new WorkPacer(UNPACK_BATCH_BYTES);
  let end = 0;
  for (const line of split(used)) {
    end += line.length;
    take(scan, decodeLine(line, after), end);
    await pacer.after(line.length);
  }
  const damaged = scan.badBetween || scan.bad > 1;
  return { commits: scan.commits, size: scan.size, torn: used.length - scan.size, damaged };
}

interface JournalScan {
  readonly commits: Commit[];
  size: number;
  /** Bad lines since the last good one. */
  bad: number;
  badBetween: boolean;
}

function take(scan: JournalScan, line: Commit | 'old' | 'bad', end: number): void {
  if (line === 'bad') {
    scan.bad += 1;
    return;
  }
  // Bad lines before an old one were old as well, and are not needed.
  scan.badBetween = line !== 'old' && (scan.badBetween || scan.bad > 0);
  scan.bad = 0;
  scan.size = end;
  if (line !== 'old') scan.commits.push(line);
}

/** Without the padding: spaces, or zeros where a power cut came before they were written. */
function usedLength(bytes: Buffer): number {
  let length = bytes.length;
  while (length > 0 && PADDING.includes(bytes[length - 1])) length -= 1;
  return length;
}

function decodeLine(line: Buffer, after: number): Commit | 'old' | 'bad' {
  const expected = PREFIX.exec(line.toString('latin1', 0, PREFIX_LENGTH))?.[1];
  if (line.at(-1) !== NEWLINE || expected !== crcHex(crc32(line.subarray(PREFIX_LENGTH, -1)))) return 'bad';
  const seq = SEQ.exec(line.toString('latin1', PREFIX_LENGTH, PREFIX_LENGTH + MAX_SEQ_LENGTH))?.[1];
  if (Number(seq) <= after) return 'old';
  return unpack(`{${line.toString('utf8', PREFIX_LENGTH)}`) ?? 'bad';
}

function unpack(json: string): Commit | undefined {
  try {
    const { seq, changes } = JSON.parse(json) as Commit;
    const content = { seq, changes: changes.map(migrated) };
    return problemOf(commit, content) === undefined ? content : undefined;
  } catch {
    return undefined;
  }
}

function migrated(change: CommittedChange): CommittedChange {
  if (!('put' in change) || !isSchema1(change.put)) return change;
  return { put: fromSchema1(change.put) };
}
