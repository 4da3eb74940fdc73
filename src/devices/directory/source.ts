import { constants, type Dirent, type Stats } from 'node:fs';
import { lstat, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, throwIfAborted, type ErrorDetails } from '../../errors.js';
import { checksumOf } from '../../local/digest.js';
import { codeOf, unless } from '../../local/disk-error.js';
import { fileBytes } from '../../local/file-bytes.js';
import { Folders } from '../../local/folders.js';
import type { HeldFolder } from '../../local/held-folder.js';
import type { FileAccess } from '../../local/open-file.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Source,
  SourceCapabilities,
  SourceFile,
  Space,
  Writers,
} from '../../ports.js';
import { fileSystemUuid } from '../../system/file-system-uuid.js';
import { spaceOf } from '../../system/statfs.js';
import { pollAvailability } from '../availability.js';
import type { DeviceContext } from '../../config/definition.js';
import { GuardedFileSystem } from './guarded-file-system.js';
import { nameFromBytes, pathToBytes } from '../byte-names.js';
import { isUnfinishedUpload } from '../part-names.js';
import { Root } from './root.js';
import { SameListing } from './same-listing.js';
import { FolderWatches } from './watches.js';
import { writersOf } from './writers.js';

/** Opening does not wait for a pipe and follows no link. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const GONE = ['ENOENT', 'ENOTDIR'];
/** Enough to keep Node's file threads busy, which costs less than to wake one for each file. */
const MAX_STATS_IN_FLIGHT = 128;
const CAPABILITIES: SourceCapabilities = {
  ...{ connections: 8, smallFiles: 4 },
  ...{ resume: true, checksum: 'sha256', checksumRereads: true, remove: true },
};
const LOCAL_CAPABILITIES: SourceCapabilities = { ...CAPABILITIES, smallFiles: 8 };
/** Made by mkfs at the top of each ext drive, for root alone. */
const LOST_AND_FOUND = 'lost+found';

export interface SourceOptions {
  /** ms without an answer after which a file system that is not this machine's own counts as hanging. */
  readonly timeout?: number;
  /** Shared by the stays of one drive. */
  readonly watches?: FolderWatches;
  /** What to do if others write to the drive and its listing never changes. Default: that of a share; none for a local folder. */
  readonly ifSame?: string;
}

const IF_SHARE_IS_SAME =
  'if there are newer files on its server, mount it again, with a shorter cache (NFS and SMB: actimeo=10, sshfs: dir_cache=no)';

/** Regular files below a folder, without links, devices, pipes and unfinished uploads of ours. */
export class DirectorySource implements Source {
  readonly availability: Observable<Availability>;
  readonly #root: Root;
  readonly #folders: Folders;
  readonly #device: string;
  readonly #logger: DeviceContext['logger'];
  readonly changes: Observable<void>;
  readonly #fileSystem: GuardedFileSystem;
  readonly #watches: FolderWatches;
  readonly #closed = new AbortController();
  readonly #same: SameListing;
  readonly #ifSame: string | undefined;

  /** @param path absolute */
  constructor(path: string, context: DeviceContext, { timeout, watches, ifSame }: SourceOptions = {}) {
    const { name, clock, logger } = context;
    this.#logger = logger;
    this.#fileSystem = new GuardedFileSystem(path, context, timeout);
    this.#watches = watches ?? new FolderWatches(context, this.#closed.signal);
    this.changes = this.#watches.changes;
    this.#root = new Root(path, name, this.#fileSystem);
    this.#folders = new Folders(path, { calls: this.#fileSystem, links: 'refused' });
    this.#device = name;
    this.#ifSame = ifSame;
    this.#same = new SameListing(clock, () => logger.log('warn', `${path}: ${this.note ?? ''}`));
    const probe = () => this.#root.probe(constants.R_OK, false).then(state => this.#noted(state));
    this.availability = pollAvailability(probe, {
      clock,
      until: this.#closed.signal,
      again: this.#fileSystem.hangs,
    });
  }

  get capabilities(): SourceCapabilities {
    return this.#fileSystem.local ? LOCAL_CAPABILITIES : CAPABILITIES;
  }

  /** That the listing never changes, and what to do; undefined unless that is so. */
  get note(): string | undefined {
    const { isReported } = this.#same;
    return isReported
      ? `its listing has not changed for a day: ${this.#ifSame ?? IF_SHARE_IS_SAME}`
      : undefined;
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const files = this.#list(signal);
    return this.#canBeStale ? this.#same.follow(files) : files;
  }

  /** A local folder has no cache that can be out of date. */
  get #canBeStale(): boolean {
    return this.#ifSame !== undefined || this.#fileSystem.foreign;
  }

  #noted(state: Availability): Availability {
    const { note } = this;
    return note === undefined ? state : { ...state, reason: `${state.reason}; ${note}` };
  }

  async *#list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const details = { device: this.#device, operation: 'list' };
    throwIfAborted(signal, details);
    const before = await this.#root.identity(details, signal);
    const folders = [''];
    const seen: Buffer[] = [];
    const denied: FileSyncError[] = [];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      seen.push(this.#absolute(folder));
      if (this.#fileSystem.local) await this.#watches.add(this.#absolute(folder));
      const paths: string[] = [];
      for (const entry of await this.#entries(folder, signal, denied)) {
        const path = folder + nameFromBytes(entry.name);
        if (entry.isDirectory() && path !== LOST_AND_FOUND) folders.push(`${path}/`);
        if (entry.isFile()) paths.push(path);
      }
      yield* this.#files(paths, signal);
    }
    this.#watches.keepOnly(seen);
    if (before !== (await this.#root.identity(details, signal))) throw this.#replaced(details);
    if (denied[0]) throw denied[0];
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    throwIfAborted(signal, this.#detailsOf(file, 'read'));
    const { folder, name } = placeOf(file.path);
    try {
      await using at = await this.#folders.hold(folder, { signal });
      await using handle = await this.#fileSystem.open(at, name, READ_FLAGS, signal);
      const before = await this.#checkSame(file, handle);
      let position = offset;
      for await (const chunk of fileBytes(handle, offset, signal, file.size)) {
        position += chunk.length;
        if (position > file.size) throw this.#changed(file, 'read');
        yield chunk;
      }
      const after = await this.#checkSame(file, handle);
      if (position !== file.size || wasTouched(before, after)) throw this.#changed(file, 'read');
      const now = await this.#find(file.path, signal);
      if (now && wasReplaced(after, now)) throw this.#changed(file, 'read');
    } catch (error) {
      throw await this.#root.fileError(error, file.path, 'read');
    }
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    throwIfAborted(signal, this.#detailsOf(file, 'checksum'));
    try {
      await using handle = await this.#open(file, signal);
      return await checksumOf(fileBytes(handle, 0, signal), 'sha256');
    } catch (error) {
      throw await this.#root.fileError(error, file.path, 'checksum');
    }
  }

  /**
   * Durable: a file that reappears after a power cut would be found as a new one. One that is gone already may have been removed by
   * a process that was killed before the sync.
   */
  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal, this.#detailsOf(file, 'remove'));
    const { folder, name } = placeOf(file.path);
    const removed = async (at: HeldFolder) => {
      const found = await at.find(name, { signal });
      if (found && !isSame(file, found)) throw this.#changed(file, 'remove');
      if (found) await at.do(entry => unlink(entry(name)), { signal });
      await at.sync(signal);
    };
    try {
      await this.#folders.in(folder, removed, { signal });
    } catch (thrown) {
      const error = await this.#root.fileError(thrown, file.path, 'remove');
      if (error.kind !== 'not-found') throw error;
    }
  }

  /** Incomplete for a file system that other machines or programs may write to. */
  async writers(paths: readonly string[], signal: AbortSignal): Promise<Writers> {
    const details = { device: this.#device, operation: 'stat' };
    throwIfAborted(signal, details);
    await this.#root.identity(details, signal);
    if (!this.#fileSystem.local) return { open: new Set(), complete: false };
    return writersOf(paths, path => this.#absolute(path), signal);
  }

  space(signal: AbortSignal): Promise<Space> {
    return this.#ofRoot(async root => spaceOf(await statfs(root)), signal);
  }

  /** The UUID of its file system, where udev knows it. */
  volume(signal: AbortSignal): Promise<string | undefined> {
    return this.#ofRoot(async root => fileSystemUuid((await stat(root)).dev), signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  async #ofRoot<Value>(ask: (path: string) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    const details = { device: this.#device, operation: 'stat' };
    throwIfAborted(signal, details);
    const { path } = this.#root;
    return this.#fileSystem
      .do(() => ask(path), { signal })
      .catch((error: unknown) => {
        throw this.#root.error(error, path, details);
      });
  }

  #replaced(details: ErrorDetails): FileSyncError {
    const message = `the folder ${this.#root.path} was replaced while it was listed`;
    return new FileSyncError('unavailable', message, details);
  }

  /** A folder removed since its parent was listed has no entries. An error of a denied folder goes to `denied`. */
  async #entries(folder: string, signal: AbortSignal, denied: FileSyncError[]): Promise<Dirent<Buffer>[]> {
    const options = { withFileTypes: true, encoding: 'buffer' } as const;
    const listed = (at: HeldFolder) => at.do((_entry, path) => readdir(path, options), { signal });
    try {
      return await this.#folders.in(asName(folder), listed, { signal });
    } catch (error) {
      if (folder !== '' && GONE.includes(codeOf(error) ?? '')) return [];
      const failure = this.#root.error(error, join(this.#root.path, folder), { operation: 'list' });
      if (folder === '' || failure.kind !== 'denied') throw failure;
      denied.push(failure);
      return [];
    }
  }

  /** The files among the paths, which are all of one folder. */
  async *#files(paths: readonly string[], signal: AbortSignal): AsyncIterable<SourceFile> {
    for (let done = 0; done < paths.length; done += MAX_STATS_IN_FLIGHT) {
      const some = paths.slice(done, done + MAX_STATS_IN_FLIGHT);
      for (const file of await this.#describeAll(some, signal)) {
        throwIfAborted(signal, { device: this.#device, operation: 'list' });
        if (file) yield file;
      }
    }
  }

  async #describeAll(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (SourceFile | undefined)[]> {
    const [first = ''] = paths;
    const described = async (at: HeldFolder) => {
      if (this.#fileSystem.local) return Promise.all(paths.map(path => this.#describe(at, path, signal)));
      const files: (SourceFile | undefined)[] = [];
      for (const path of paths) files.push(await this.#describe(at, path, signal));
      return files;
    };
    try {
      return (await unless(GONE, this.#folders.in(placeOf(first).folder, described, { signal }))) ?? [];
    } catch (error) {
      throw this.#root.error(error, join(this.#root.path, first), { operation: 'list', path: first });
    }
  }

  async #describe(at: HeldFolder, path: string, signal: AbortSignal): Promise<SourceFile | undefined> {
    const { name } = placeOf(path);
    if (isUnfinishedUpload(String(name))) return undefined;
    try {
      const found = await unless(
        GONE,
        at.do(entry => lstat(entry(name)), { signal }),
      );
      if (!found?.isFile() || !this.#isUsable(path, found)) return undefined;
      return { path, size: found.size, modified: modifiedOf(found) };
    } catch (error) {
      throw this.#root.error(error, join(this.#root.path, path), { operation: 'list', path });
    }
  }

  /** A damaged file system shows sizes that no file has: one of them must not end the whole listing. */
  #isUsable(path: string, { size }: Stats): boolean {
    if (Number.isSafeInteger(size)) return true;
    this.#logger.log(
      'warn',
      `${path}: its size, ${size} bytes, cannot be right, it is left out: check the file system (fsck)`,
    );
    return false;
  }

  #open({ path }: SourceFile, signal: AbortSignal): Promise<FileAccess> {
    const { folder, name } = placeOf(path);
    const opened = (at: HeldFolder) => this.#fileSystem.open(at, name, READ_FLAGS, signal);
    return this.#folders.in(folder, opened, { signal });
  }

  #find(path: string, signal: AbortSignal): Promise<Stats | undefined> {
    const { folder, name } = placeOf(path);
    return unless(
      GONE,
      this.#folders.in(folder, at => at.find(name, { signal }), { signal }),
    );
  }

  async #checkSame(file: SourceFile, handle: FileAccess): Promise<Stats> {
    const found = await handle.stat();
    if (isSame(file, found)) return found;
    throw this.#changed(file, 'read');
  }

  /** As bytes, for names that are not UTF-8. */
  #absolute(path: string): Buffer {
    if (path.includes('..') && path.split('/').includes('..')) {
      throw new FileSyncError('bad-name', `${JSON.stringify(path)} leads out of the folder`, { path });
    }
    return Buffer.concat([Buffer.from(`${this.#root.path}/`), pathToBytes(path)]);
  }

  #changed(file: SourceFile, operation: string): FileSyncError {
    const message = `${file.path} changed since it was listed`;
    return new FileSyncError('changed', message, this.#detailsOf(file, operation));
  }

  #detailsOf({ path }: SourceFile, operation: string) {
    return { device: this.#device, operation, path };
  }
}

/** Names that are not UTF-8 stay bytes. */
const asName = (path: string): string | Buffer => (/\p{Cs}/u.test(path) ? pathToBytes(path) : path);

function placeOf(path: string): { readonly folder: string | Buffer; readonly name: string | Buffer } {
  const slash = path.lastIndexOf('/');
  return { folder: asName(path.slice(0, Math.max(0, slash))), name: asName(path.slice(slash + 1)) };
}

/** Whole milliseconds: finer times are not stable on every file system. */
const modifiedOf = ({ mtimeMs }: Stats): number => Math.floor(mtimeMs);

function isSame(file: SourceFile, found: Stats): boolean {
  const sameTime = file.modified === undefined || file.modified === modifiedOf(found);
  return found.isFile() && found.size === file.size && sameTime;
}

/**
 * In full resolution, which is stable while a file is open. Not by ctime: some shares change it when a file is only
 * read.
 */
const wasTouched = (before: Stats, after: Stats): boolean => before.mtimeMs !== after.mtimeMs;

/** Another file has the name by now. The inode alone does not prove that: some shares renumber a file at each call. */
function wasReplaced(read: Stats, named: Stats): boolean {
  if (read.dev === named.dev && read.ino === named.ino) return false;
  return read.nlink === 0 || read.ctimeMs !== named.ctimeMs || read.birthtimeMs !== named.birthtimeMs;
}
