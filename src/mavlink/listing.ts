import { posix } from 'node:path';
import { MAX_PATH, type FtpClient } from './ftp-client.js';
import { protocolError } from './ftp-errors.js';
import { MAX_DATA } from './ftp-payload.js';
import type { UnreadableEntry } from '../system/unreadable-entries.js';

export interface RemoteEntry {
  readonly kind: 'file' | 'folder';
  readonly name: string;
  /** Bytes; 0 for a folder. */
  readonly size: number;
  /** Last change of a file, ms since the Unix epoch, if the vehicle knew the time. */
  readonly modified?: number;
}

/** What the listing of a source has to report, and its limit. */
export interface ListingScope {
  /** Called with a message for each entry whose name cannot be requested: no listing can show that file. */
  readonly skipped: (why: string) => void;
  /** Called for each entry that cannot be understood: the listing is incomplete. */
  unreadable(entry: UnreadableEntry): void;
  /** Entries that may still be listed. A folder with more is returned with one more, and not read to its end. */
  readonly entriesLeft: number;
}

/** How a listing ended: one request can compare the end of the folder with this. */
export interface ListingEnd {
  /** Entries in all, as requests count them. */
  readonly count: number;
  /** The last entry as it was sent; undefined if the last packet was empty. */
  readonly last: Uint8Array | undefined;
}

/** What a folder holds directly. */
export interface FolderListing {
  readonly entries: readonly RemoteEntry[];
  readonly end?: ListingEnd;
}

/** Packets without a new entry in a row after which a listing fails. */
const MAX_USELESS_PACKETS = 16;
/** Seconds since the Unix epoch: 2010, before which there were no such vehicles, and the end of 32 bits. */
const MIN_TIME_S = 1_262_304_000;
const MAX_TIME_S = 2 ** 32 - 1;
/** Bytes of free space in the last packet of a listing; with less, an entry that did not fit may follow. */
const MIN_SPACE_BYTES = 128;

/**
 * The files and folders directly in a folder, without those that are reported to the scope. Throws `protocol` if the listing has
 * no end.
 */
export async function listFolder(
  client: FtpClient,
  folder: string,
  scope: ListingScope,
  signal: AbortSignal,
): Promise<FolderListing> {
  const entries = new Map<string, RemoteEntry>();
  /** Every entry as it was sent, since a vehicle may repeat itself without end. */
  const seen = new Set<string>();
  let count = 0;
  let last: Uint8Array | undefined;
  let useless = 0;
  for await (const packet of entryPackets(client, folder, scope, signal)) {
    const before = seen.size;
    for (const text of packet) {
      seen.add(Buffer.from(text).toString('latin1'));
      const entry = parseEntry(text, folder, scope);
      // An entry that is made or removed between two packets moves the others.
      if (entry && !entries.has(entry.name)) entries.set(entry.name, entry);
    }
    useless = seen.size === before ? useless + 1 : 0;
    if (useless === MAX_USELESS_PACKETS) throw protocolError(NO_END, folder);
    if (seen.size > scope.entriesLeft) break;
    last = packet.at(-1);
    count += placesIn(packet);
  }
  return { entries: [...entries.values()], end: { count, last } };
}

/**
 * Requests the last entry again, with all that follow. A new entry is added there or moves the last one; an entry that
 * takes the place of a removed one does not show.
 */
export async function endsAlike(
  client: FtpClient,
  folder: string,
  { count, last }: ListingEnd,
  signal: AbortSignal,
): Promise<boolean> {
  const packet = await client.list(folder, Math.max(0, count - 1), signal);
  const texts = packet ? split(packet) : [];
  const [text] = texts;
  const sameEnd = last ? text !== undefined && Buffer.compare(text, last) === 0 : text === undefined;
  if (!sameEnd || texts.length > 1) return false;
  const hasSpace = (packet?.length ?? 0) <= MAX_DATA - MIN_SPACE_BYTES;
  return hasSpace || (await client.list(folder, count, signal)) === undefined;
}

/** Why a name must not become part of a path on the vehicle; undefined if it may. */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name of a file';
  if (name.includes('/')) return 'holds a "/"';
  return name.includes('\0') ? 'holds a NUL' : undefined;
}

/** The message for an entry whose name has such a problem. */
export const unfetchable = (folder: string, name: string, problem: string): string =>
  `${posix.join(folder, name)} cannot be downloaded: its name ${problem}; rename it`;

/**
 * The entries as they are sent. The offset of a request counts all of them, skipped ones (`S`) too. PX4 sends an empty
 * packet in place of a name that is too long, and at the start of an empty folder.
 */
async function* entryPackets(
  client: FtpClient,
  folder: string,
  { skipped }: Pick<ListingScope, 'skipped'>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array[]> {
  for (let offset = 0, empty = 0; ;) {
    const packet = await client.list(folder, offset, signal);
    const texts = packet ? split(packet) : [];
    const isEmptyFolder = !packet && offset === 1;
    if (empty > 0 && (!packet || texts.length > 0) && !isEmptyFolder) skipped(tooLong(folder));
    if (!packet) return;
    yield texts;
    empty = texts.length > 0 ? 0 : empty + 1;
    offset += placesIn(texts);
  }
}

const NO_END = `${MAX_USELESS_PACKETS} packets of a listing without a new entry`;

/** An empty packet takes the place of one entry that did not fit. */
const placesIn = (packet: readonly Uint8Array[]): number => Math.max(1, packet.length);

/** Each entry ends with a NUL, of ArduPilot with two. */
function split(packet: Uint8Array): Uint8Array[] {
  const texts: Uint8Array[] = [];
  for (let start = 0; start < packet.length;) {
    const nul = packet.indexOf(0, start);
    const end = nul < 0 ? packet.length : nul;
    if (end > start) texts.push(packet.subarray(start, end));
    start = end + 1;
  }
  return texts;
}

/** `F<name>\t<size>`, maybe with a time after that, or `D<name>`; undefined for what is left out. */
function parseEntry(bytes: Uint8Array, folder: string, scope: ListingScope): RemoteEntry | undefined {
  const text = Buffer.from(bytes).toString();
  const entry = text.startsWith('F')
    ? fileEntry(text, folder, scope)
    : text.startsWith('D')
      ? folderEntry(text)
      : undefined;
  if (!entry || entry.name === '.' || entry.name === '..') return undefined;
  const problem = Buffer.from(text).equals(bytes) ? pathProblem(folder, entry.name) : 'is not UTF-8';
  if (problem === undefined) return entry;
  scope.skipped(unfetchable(folder, entry.name, problem));
  return undefined;
}

/** A name may hold tabs: the fields are read from the end. */
function fileEntry(text: string, folder: string, scope: ListingScope): RemoteEntry | undefined {
  const [, name, size, seconds] = /^F([^]*?)\t(\d+)(?:\t(\d+))?$/.exec(text) ?? [];
  if (name !== undefined && Number(size) <= Number.MAX_SAFE_INTEGER)
    return { kind: 'file', name, size: Number(size), ...timeOf(Number(seconds)) };
  const [plain = '', ...fields] = text.slice(1).split('\t');
  scope.unreadable(withoutSize(folder, plain, fields.join(' ')));
  return undefined;
}

/** A clock without a battery begins in 1970 or 1980 at each boot: such a time is none. */
function timeOf(seconds: number): Pick<RemoteEntry, 'modified'> {
  return seconds >= MIN_TIME_S && seconds <= MAX_TIME_S ? { modified: seconds * 1000 } : {};
}

/** A listed file whose size is no number of bytes. */
export const withoutSize = (folder: string, name: string, size: string): UnreadableEntry => ({
  path: posix.join(folder, name),
  problem: `is listed without a valid size (${size === '' ? 'none' : size.slice(0, 40)})`,
  remedy: 'check the SD card, and update the firmware if that stays so; the other files are fetched',
});

const folderEntry = (text: string): RemoteEntry => ({ kind: 'folder', name: text.slice(1), size: 0 });

function pathProblem(folder: string, name: string): string | undefined {
  const isTooLong = Buffer.byteLength(posix.join(folder, name)) > MAX_PATH;
  return nameProblem(name) ?? (isTooLong ? `is longer than ${MAX_PATH} bytes with its folder` : undefined);
}

const tooLong = (folder: string) =>
  `a file in ${folder} has a name that is too long for file transfer: rename it`;
