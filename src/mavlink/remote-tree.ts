import { FileSyncError, throwIfAborted } from '../errors.js';
import type { SourceFile } from '../ports.js';
import { compareNaturally } from '../system/natural-order.js';
import type { FolderListing, ListingEnd, ListingScope, RemoteEntry } from './listing.js';
import { ListingLimits } from './listing-limits.js';

/** How folders are listed. Paths are relative to the source's root, which is ''. */
export interface FolderReader {
  /** Files and folders that a listing may show at most. */
  readonly maxFiles: number;
  /** The folder as the vehicle names it, for messages. */
  readonly shown: (folder: string) => string;
  /** Reports a name that cannot be requested. */
  readonly skipped: (why: string) => void;
  /** All entries directly in the folder. */
  list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing>;
  /** Whether a folder still ends as it did, by one request; if not, it is listed again. */
  endsAlike(folder: string, end: ListingEnd, signal: AbortSignal): Promise<boolean>;
}

/** A folder at its last listing. */
interface Known {
  /** By name. */
  readonly entries: Map<string, RemoteEntry>;
  readonly end: ListingEnd | undefined;
}

/** Parent folders whose newest folder is checked for changes. */
const MAX_PARENTS = 8;
/** Folders changed last that are checked for changes again. */
const MAX_RECENT = 2;

/**
 * The folders of a vehicle and their entries at the last listing. Most are of past days and do not change any more. Each
 * call of `changes` checks one folder, in turn, for the same end: parent folders and the newest folders in them. Only a
 * full listing (`files`) shows removed files, and changes in other folders.
 */
export class RemoteTree {
  readonly #reader: FolderReader;
  /** Empty until a full listing has ended without an error. */
  #known = new Map<string, Known>();
  #stale = new Set<string>();
  #recent: string[] = [];
  #turn = 0;

  constructor(reader: FolderReader) {
    this.#reader = reader;
  }

  /** Everything below the root. What cannot be read is left out, and named by the error (`denied`) at the end. */
  async *files(signal: AbortSignal): AsyncGenerator<SourceFile, void> {
    this.#known = new Map();
    const found = new Map<string, Known>();
    const limits = this.#limits();
    yield* this.#below('', found, limits, signal);
    this.#known = found;
    this.#stale.clear();
    limits.unreadable.throwIfAny();
  }

  /**
   * The files of all folders that have changed, and of the folders of the `unsettled` files. Undefined if a full listing is
   * needed: an entry has been removed, or nothing is known.
   */
  async changes(unsettled: readonly string[], signal: AbortSignal): Promise<SourceFile[] | undefined> {
    const known = this.#known;
    if (known.size === 0) return undefined;
    this.#known = new Map();
    const folders = await this.#changed(known, unsettled.map(folderOf), signal);
    const files: SourceFile[] = [];
    const limits = this.#limits();
    for (const folder of folders) {
      const now = await this.#listAgain(folder, known, limits, signal);
      if (!now) return undefined;
      files.push(...now);
    }
    this.#known = known;
    return files;
  }

  /** This program has removed the file. */
  removed(path: string): void {
    const folder = folderOf(path);
    this.#known.get(folder)?.entries.delete(nameOf(path));
    this.#stale.add(folder);
  }

  async *#below(
    folder: string,
    found: Map<string, Known>,
    limits: ListingLimits,
    signal: AbortSignal,
  ): AsyncGenerator<SourceFile, void> {
    const { entries, end } = await this.#list(folder, limits, signal);
    found.set(folder, { entries: byName(entries), end });
    for (const entry of entries) {
      throwIfAborted(signal);
      if (entry.kind === 'file') yield fileOf(folder, entry);
    }
    for (const { kind, name } of entries)
      if (kind === 'folder' && !limits.exceeded)
        yield* this.#below(below(folder, name), found, limits, signal);
  }

  #limits(): ListingLimits {
    const { maxFiles, shown, skipped } = this.#reader;
    return new ListingLimits({ maxFiles, shown, skipped });
  }

  /** The listing of a folder within the limits; empty for a folder that cannot be read, which is reported. */
  async #list(folder: string, limits: ListingLimits, signal: AbortSignal): Promise<FolderListing> {
    try {
      return limits.taken(folder, await this.#reader.list(folder, limits.scope, signal));
    } catch (error) {
      if (folder === '' || !limits.isUnreadable(folder, error)) throw error;
      return { entries: [] };
    }
  }

  /** The folders that must be listed again, found with one request. */
  async #changed(
    known: ReadonlyMap<string, Known>,
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<Set<string>> {
    const folders = new Set([...wanted, ...this.#stale]);
    const candidates = this.#candidates(known);
    const next = candidates[this.#turn++ % candidates.length] ?? '';
    const end = known.get(next)?.end;
    const isAlike = !folders.has(next) && end && this.#reader.endsAlike(next, end, signal);
    if (!(await orMissing(isAlike, false))) folders.add(next);
    return folders;
  }

  /** The folders in which new entries are expected. */
  #candidates(known: ReadonlyMap<string, Known>): string[] {
    const parents = [...known]
      .filter(([, { entries }]) => foldersIn(entries).length > 0)
      .slice(0, MAX_PARENTS);
    const newest = parents.flatMap(([path, { entries }]) =>
      newestOf(foldersIn(entries)).map(name => below(path, name)),
    );
    const recent = this.#recent.filter(folder => known.has(folder));
    return [...new Set(['', ...parents.map(([path]) => path), ...newest, ...recent])];
  }

  /** The files in a folder and in its new folders; undefined if the folder or an entry has been removed. */
  async #listAgain(
    folder: string,
    known: Map<string, Known>,
    limits: ListingLimits,
    signal: AbortSignal,
  ): Promise<SourceFile[] | undefined> {
    const before = known.get(folder)?.entries;
    const listing = await orMissing(this.#list(folder, limits, signal), undefined);
    if (!before || !listing) return undefined;
    const now = byName(listing.entries);
    if ([...before.keys()].some(name => !now.has(name))) return undefined;
    known.set(folder, { entries: now, end: listing.end });
    this.#stale.delete(folder);
    this.#note(folder, before, now);
    const files = listing.entries.filter(({ kind }) => kind === 'file');
    const added = foldersIn(now).filter(name => !before.has(name));
    const inside = added.map(name => this.#below(below(folder, name), known, limits, signal));
    return [...files.map(entry => fileOf(folder, entry)), ...(await gathered(inside))];
  }

  #note(folder: string, before: Known['entries'], now: Known['entries']): void {
    const unchanged =
      now.size === before.size && [...now].every(([name, entry]) => isSame(before.get(name), entry));
    if (unchanged) return;
    this.#recent = [folder, ...this.#recent.filter(other => other !== folder)].slice(0, MAX_RECENT);
  }
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);
const byName = (entries: readonly RemoteEntry[]) => new Map(entries.map(entry => [entry.name, entry]));

const isSame = (one: RemoteEntry | undefined, other: RemoteEntry): boolean =>
  one?.kind === other.kind && one.size === other.size && one.modified === other.modified;

const fileOf = (folder: string, { name, size, modified }: RemoteEntry): SourceFile => ({
  path: below(folder, name),
  size,
  ...(modified !== undefined && { modified }),
});

const foldersIn = (entries: Known['entries']): string[] =>
  [...entries.values()].filter(({ kind }) => kind === 'folder').map(({ name }) => name);

/** The last folder of the listing and the last one by name: counters and dates go up, file systems fill gaps. */
function newestOf(names: readonly string[]): string[] {
  const last = names.at(-1);
  const greatest = names.reduce((one, other) => (compareNaturally(one, other) < 0 ? other : one));
  return last === undefined ? [] : [last, greatest];
}

async function gathered(streams: readonly AsyncIterable<SourceFile>[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const stream of streams) for await (const file of stream) files.push(file);
  return files;
}

/** The value, or `otherwise` if the file or folder does not exist any more. */
async function orMissing<Value, Other>(
  asking: Promise<Value> | Value,
  otherwise: Other,
): Promise<Value | Other> {
  try {
    return await asking;
  } catch (error) {
    const isGone = error instanceof FileSyncError && ['not-found', 'changed'].includes(error.kind);
    if (isGone) return otherwise;
    throw error;
  }
}
