import { toFileSyncError } from '../errors.js';
import { UnreadableEntries } from '../system/unreadable-entries.js';
import type { FolderListing, ListingScope } from './listing.js';

/** Errors of a folder's listing that do not concern the other folders. */
const OF_ONE_FOLDER: ReadonlySet<string> = new Set(['denied', 'io', 'protocol']);
/** Parent folders with the same entries, all of them folders, after which a folder counts as one of its own parents. */
const MAX_ALIKE_PARENTS = 3;

export interface ListingLimitsOptions {
  /** Files and folders in all. */
  readonly maxFiles: number;
  /** The folder as the vehicle names it, for messages. */
  readonly shown: (folder: string) => string;
  readonly skipped: (why: string) => void;
}

/** Bounds one listing of a vehicle, which may have no end, and collects what could not be read. Paths are relative. */
export class ListingLimits {
  readonly unreadable = new UnreadableEntries();
  readonly #options: ListingLimitsOptions;
  /** The entries of each folder with sub-folders, as one text. */
  readonly #contents = new Map<string, string>();
  #left: number;
  #exceeded = false;

  constructor(options: ListingLimitsOptions) {
    this.#options = options;
    this.#left = options.maxFiles;
  }

  /** The greatest number of files has been reached: nothing more is listed. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  get scope(): ListingScope {
    return {
      skipped: this.#options.skipped,
      unreadable: entry => this.unreadable.add(entry),
      entriesLeft: this.#left,
    };
  }

  /** The part of a folder's listing that is used. */
  taken(folder: string, listing: FolderListing): FolderListing {
    if (this.#leadsBack(folder, listing)) return { entries: [] };
    const entries = listing.entries.slice(0, this.#left);
    if (entries.length < listing.entries.length) this.#exceed(folder);
    this.#left -= entries.length;
    return { ...listing, entries };
  }

  /** Reports the error if it concerns this folder alone. */
  isUnreadable(folder: string, thrown: unknown): boolean {
    const { kind, message } = toFileSyncError(thrown);
    if (!OF_ONE_FOLDER.has(kind)) return false;
    const problem = `cannot be listed (${message})`;
    this.#report(folder, problem, 'check the SD card; the other folders are fetched');
    return true;
  }

  #exceed(folder: string): void {
    if (this.#exceeded) return;
    this.#exceeded = true;
    const problem = `exceeds the limit of ${this.#options.maxFiles} files and folders`;
    this.#report(folder, problem, 'move old logs off the vehicle, choose a deeper root, or raise max_files');
  }

  /** A folder that lists the same as one of its parents, and a sub-folder among it, is that parent again. */
  #leadsBack(folder: string, { entries }: FolderListing): boolean {
    if (!entries.some(({ kind }) => kind === 'folder')) return false;
    const content = JSON.stringify(entries.map(({ kind, name, size }) => [kind, name, size]));
    this.#contents.set(folder, content);
    const alike = parentsOf(folder).filter(parent => this.#contents.get(parent) === content).length;
    const enough = entries.some(({ kind }) => kind === 'file') ? 1 : MAX_ALIKE_PARENTS;
    if (alike < enough) return false;
    this.#report(folder, 'leads back to one of its own parents', 'check the file system of the SD card');
    return true;
  }

  #report(folder: string, problem: string, remedy: string): void {
    this.unreadable.add({ path: this.#options.shown(folder), problem, remedy });
  }
}

/** The folders above, the root ('') included. */
function parentsOf(folder: string): string[] {
  if (folder === '') return [];
  const parts = folder.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/'));
}
