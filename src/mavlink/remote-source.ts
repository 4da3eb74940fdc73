import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, toFileSyncError } from '../errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Logger,
  Source,
  SourceCapabilities,
  SourceFile,
  Space,
} from '../ports.js';
import type { FolderListing, ListingEnd, ListingScope } from './listing.js';
import { SourceOperations } from './operations.js';
import { changed } from './remote-file.js';
import { RemoteRoot } from './remote-root.js';
import { RemoteTree } from './remote-tree.js';

/** A file of a vehicle that is open for reading. */
export interface OpenRemoteFile {
  /** Bytes, from the reply to the open. */
  readonly size: number;
  /** All bytes from `offset` to `size`, in order. Throws `changed` if the file ends before. */
  read(offset: number, signal: AbortSignal): ByteStream;
  close(signal: AbortSignal): Promise<void>;
}

/** The files of a vehicle over one protocol. Paths are the vehicle's; a missing file or folder rejects with `not-found`. */
export interface RemoteFiles {
  readonly availability: Observable<Availability>;
  /** The name of the autopilot, once that is known. */
  readonly autopilot?: string | undefined;
  /** Resolves when the vehicle is online and rejects when it is offline. */
  ready(signal: AbortSignal): Promise<void>;
  /** The entries directly in a folder, without those that are reported to the scope. */
  list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing>;
  /** Whether a folder still ends as it did, by one request. */
  endsAlike?(folder: string, end: ListingEnd, signal: AbortSignal): Promise<boolean>;
  open(path: string, signal: AbortSignal): Promise<OpenRemoteFile>;
  /** CRC-32 as CalcFileCRC32 defines it, of a file of `size` bytes. */
  checksum(path: string, size: number, signal: AbortSignal): Promise<number>;
  remove(path: string, signal: AbortSignal): Promise<void>;
  /** Goes over to another protocol of the vehicle, where this one has no files. Whether that was possible. */
  fallBack?(why: 'timeout' | 'unavailable', signal: AbortSignal): Promise<boolean>;
  /** Of its SD card. Rejects with `unsupported` if the vehicle does not report that. */
  space?(signal: AbortSignal): Promise<Space>;
  close(): Promise<void>;
}

export interface RemoteSourceOptions {
  /** For messages. */
  readonly device: string;
  /** Folder on the vehicle; undefined: the log folder of its autopilot. */
  readonly root: string | undefined;
  /** Files and folders that a listing may show at most. */
  readonly maxFiles: number;
  /** The vehicle computes checksums; default true. */
  readonly checksum?: boolean;
  readonly logger: Logger;
}

/** The files below one folder of a vehicle. */
export class RemoteSource implements Source {
  readonly capabilities: SourceCapabilities;
  readonly availability: Observable<Availability>;
  readonly space?: NonNullable<Source['space']>;
  readonly #files: RemoteFiles;
  readonly #logger: Logger;
  readonly #operations: SourceOperations;
  readonly #root: RemoteRoot;
  readonly #tree: RemoteTree;
  readonly #warned = new Set<string>();

  constructor(options: RemoteSourceOptions, files: RemoteFiles) {
    const { device, root, maxFiles, checksum = true, logger } = options;
    const algorithm = checksum && ('crc32-mavlink' as const);
    this.capabilities = { connections: 1, resume: true, checksum: algorithm, remove: true };
    this.#files = files;
    this.#logger = logger;
    this.#operations = new SourceOperations(device, signal => this.#ready(signal));
    this.#root = new RemoteRoot(root);
    const space = files.space?.bind(files);
    const online = new SourceOperations(device, signal => files.ready(signal));
    if (space) this.space = signal => online.run({ operation: 'stat' }, signal, () => space(signal));
    this.#tree = new RemoteTree({
      maxFiles,
      skipped: this.#skipped,
      shown: folder => this.#root.of(folder),
      list: (folder, scope, asked) => this.#orFallBack(() => this.#listed(folder, scope, asked), asked),
      endsAlike: async (folder, end, asked) => files.endsAlike?.(this.#root.of(folder), end, asked) ?? false,
    });
    this.availability = files.availability;
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#operations.stream({ operation: 'list' }, signal, () => this.#tree.files(signal));
  }

  listChanges(unsettled: readonly string[], signal: AbortSignal): Promise<SourceFile[] | undefined> {
    return this.#operations.run({ operation: 'list' }, signal, () => this.#tree.changes(unsettled, signal));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#operations.stream({ operation: 'read', path: file.path }, signal, () =>
      this.#read(file, offset, signal),
    );
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#operations.run({ operation: 'checksum', path: file.path }, signal, async () => {
      const crc = await this.#files.checksum(this.#root.ofFile(file), file.size, signal);
      return { algorithm: 'crc32-mavlink', value: crc.toString(16).padStart(8, '0') };
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#operations.run({ operation: 'remove', path: file.path }, signal, async () => {
      const path = this.#root.ofFile(file);
      await this.#checkTime(path, file.modified, signal);
      if (await this.#isThere(path, file.size, signal)) await this.#files.remove(path, signal);
      this.#tree.removed(file.path);
    });
  }

  async close(): Promise<void> {
    await this.#files.close();
  }

  async #ready(signal: AbortSignal): Promise<void> {
    await this.#files.ready(signal);
    const scope = { skipped: () => undefined, unreadable: () => undefined, entriesLeft: 0 };
    const hasFiles = async (folder: string) =>
      (await this.#files.list(folder, scope, signal)).entries.length > 0;
    await this.#orFallBack(() => this.#root.locate(this.#files.autopilot, hasFiles), signal);
  }

  /** The work again by another protocol of the vehicle, if it fails for want of an answer or of a log folder. */
  async #orFallBack<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      const { kind } = toFileSyncError(error);
      if (kind !== 'timeout' && kind !== 'unavailable') throw error;
      if (!(await this.#files.fallBack?.(kind, signal))) throw error;
      return work();
    }
  }

  async #listed(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing> {
    try {
      return await this.#files.list(this.#root.of(folder), scope, signal);
    } catch (error) {
      throw isMissing(error) ? this.#root.missing(folder, error, this.#files.autopilot) : error;
    }
  }

  async *#read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const path = this.#root.ofFile(file);
    const size = file.size;
    const open = await this.#files.open(path, signal);
    try {
      if (open.size !== size || offset > size) throw changed(path);
      yield* open.read(offset, signal);
    } finally {
      await open.close(signal);
    }
    // A vehicle ends a file where it ended at the open: only another open shows whether the file has grown.
    if (offset < size && !(await this.#isThere(path, size, signal))) throw changed(path);
  }

  /** Rejects with `changed` if the file is listed with another time: only a listing shows that. */
  async #checkTime(path: string, modified: number | undefined, signal: AbortSignal): Promise<void> {
    if (modified === undefined) return;
    const { dir, base } = posix.parse(path);
    const scope = { skipped: () => undefined, unreadable: () => undefined, entriesLeft: Infinity };
    const listing = await this.#files.list(dir, scope, signal).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
    const now = listing?.entries.find(({ name }) => name === base)?.modified;
    if (now !== undefined && now !== modified) throw changed(path, 'time');
  }

  /** False if the file does not exist. Rejects with `changed` if it has another size. */
  async #isThere(path: string, size: number, signal: AbortSignal): Promise<boolean> {
    try {
      const open = await this.#files.open(path, signal);
      await open.close(signal);
      if (open.size !== size) throw changed(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Each message is logged once, since listings are repeated. */
  readonly #skipped = (why: string): void => {
    if (this.#warned.has(why)) return;
    this.#warned.add(why);
    this.#logger.log('warn', why);
  };
}

const isMissing = (error: unknown): boolean => error instanceof FileSyncError && error.kind === 'not-found';
