import { crc32 } from 'node:zlib';
import { commit, problemOf, type Commit } from './schema.js';

// A line of the journal is a commit: {"crc":"3f2a9c01","seq":17,"changes":[…]}. The CRC-32 (zlib's) is that of the
// bytes behind its own comma, the line end not counted. One commit is one line and one write, so that a power cut
// leaves it whole or recognisably torn, never half applied. Spaces behind the last line are room for more.

const NEWLINE = 0x0a;
const PADDING: readonly (number | undefined)[] = [0x20, 0x00];
/** `{"crc":"3f2a9c01",` */
const PREFIX = /^\{"crc":"([0-9a-f]{8})",$/;
const PREFIX_LENGTH = 18;
const SEQ = /^"seq":(\d+),/;
const MAX_SEQ_LENGTH = 24;

export interface JournalContent {
  /** What holds changes later than the asked ones, in the order of the file. */
  readonly commits: readonly Commit[];
  /** Bytes up to the end of the last whole line. */
  readonly size: number;
  /** Bytes behind it: what an interrupted write leaves. */
  readonly torn: number;
  /** There is more that cannot be read than an interrupted write leaves. */
  readonly damaged: boolean;
}

export function encodeCommit(content: Commit): Buffer {
  const body = Buffer.from(JSON.stringify(content).slice(1));
  const prefix = `{"crc":"${hex(crc32(body))}",`;
  return Buffer.concat([Buffer.from(prefix), body, Buffer.of(NEWLINE)]);
}

/** Reads the commits that hold any change after number `after`; earlier ones are checked but not unpacked. */
export function decodeJournal(bytes: Buffer, after: number): JournalContent {
  const scan: Scan = { commits: [], size: 0, bad: 0, badBetween: false };
  const used = bytes.subarray(0, usedLength(bytes));
  for (const { line, end } of linesOf(used)) note(scan, decodeLine(line, after), end);
  const damaged = scan.badBetween || scan.bad > 1;
  return { commits: scan.commits, size: scan.size, torn: used.length - scan.size, damaged };
}

interface Scan {
  readonly commits: Commit[];
  size: number;
  /** Bad lines since the last good one. */
  bad: number;
  badBetween: boolean;
}

function note(scan: Scan, line: Commit | 'old' | 'bad', end: number): void {
  if (line === 'bad') {
    scan.bad += 1;
    return;
  }
  // What is bad before an old line was old itself, and nobody needs it.
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

/** The whole lines; what follows the last line end counts as one, too. */
function* linesOf(bytes: Buffer): Generator<{ line: Buffer; end: number }> {
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    yield { line: bytes.subarray(start, end), end };
    start = end;
  }
}

function decodeLine(line: Buffer, after: number): Commit | 'old' | 'bad' {
  const expected = PREFIX.exec(line.toString('latin1', 0, PREFIX_LENGTH))?.[1];
  if (line.at(-1) !== NEWLINE || expected !== hex(crc32(line.subarray(PREFIX_LENGTH, -1)))) return 'bad';
  const seq = SEQ.exec(line.toString('latin1', PREFIX_LENGTH, PREFIX_LENGTH + MAX_SEQ_LENGTH))?.[1];
  if (Number(seq) <= after) return 'old';
  return unpack(`{${line.toString('utf8', PREFIX_LENGTH)}`) ?? 'bad';
}

function unpack(json: string): Commit | undefined {
  try {
    const content: unknown = JSON.parse(json);
    return problemOf(commit, content) === undefined ? (content as Commit) : undefined;
  } catch {
    return undefined;
  }
}

const hex = (value: number) => value.toString(16).padStart(8, '0');
