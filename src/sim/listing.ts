import { FtpErrorCode, MAX_DATA } from '../mavlink/ftp-payload.js';
import { errnoOf, Nak } from './exchange.js';
import { clean, type Folder, type FolderEntry } from './folder.js';
import type { ListingRules } from './personality.js';

/** The listing that is requested. */
export interface ListingRequest {
  readonly path: string;
  /** Entries to skip. */
  readonly offset: number;
  /** Also the time of the last change of each file. */
  readonly withTime: boolean;
}

/** One packet of a folder's entries. Throws a Nak at the end and if the folder cannot be read. */
export async function packListing(
  folder: Folder,
  rules: ListingRules,
  asked: ListingRequest,
): Promise<Uint8Array> {
  const texts = listedTexts(folder, rules, asked);
  const parts: Buffer[] = [];
  let space = MAX_DATA;
  let more = false;
  for await (const text of texts) {
    more = text.length > space;
    if (more) break;
    parts.push(text);
    space -= text.length;
  }
  if (parts.length === 0 && isEnd(rules, asked, more)) throw new Nak(FtpErrorCode.EOF);
  return Buffer.concat(parts);
}

/** Whether a packet without entries ends the listing. */
function isEnd(rules: ListingRules, asked: ListingRequest, more: boolean): boolean {
  if (!rules.emptyPackets) return true;
  return !more && asked.offset > 0;
}

/** The entries from the offset on, as they are sent. */
async function* listedTexts(
  folder: Folder,
  rules: ListingRules,
  asked: ListingRequest,
): AsyncGenerator<Buffer> {
  let skip = asked.offset;
  for (const entry of await entriesOf(folder, rules, asked.path)) {
    // Only for a link must the target be checked to know whether the entry counts.
    const known = skip > 0 && entry.type !== 'link' && rules.mark(entry) !== undefined;
    const text = known ? '' : await describe(folder, rules, asked, entry);
    if (text === undefined) continue;
    if (skip > 0) skip--;
    else yield Buffer.from(text + rules.terminator, 'latin1');
  }
}

async function entriesOf(folder: Folder, rules: ListingRules, path: string): Promise<FolderEntry[]> {
  try {
    return await folder.list(path);
  } catch (error) {
    throw new Nak(rules.fault, errnoOf(error));
  }
}

/** Undefined if the entry is not listed at all. */
async function describe(
  folder: Folder,
  rules: ListingRules,
  asked: ListingRequest,
  entry: FolderEntry,
): Promise<string | undefined> {
  const mark = rules.mark(entry);
  if (mark === 'S') return mark;
  if (mark === 'D') return mark + entry.name;
  const stat = mark && (await folder.stat(clean(`${asked.path}/${entry.name}`)).catch(() => undefined));
  if (!stat) return undefined;
  return `F${entry.name}\t${stat.size}${asked.withTime ? `\t${stat.modified}` : ''}`;
}
