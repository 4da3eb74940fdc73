import type { Observable } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Availability, ByteStream, Checksum, Logger, Source, SourceFile } from '../ports.js';
import type { FtpClient } from './ftp-client.js';
import { endsAlike, listFolder, type FolderListing } from './listing.js';
import { Operations } from './operations.js';
import type { ReadStrategy } from './read-strategy.js';
import { changed, RemoteFile } from './remote-file.js';
import { RemoteRoot } from './remote-root.js';
import { RemoteTree } from './remote-tree.js';
import type { Vehicle } from './vehicle.js';

export interface MavlinkSourceOptions {
  /** For messages. */
  readonly device: string;
  /** Folder on the vehicle. */
  readonly root: string;
  readonly vehicle: Vehicle;
  readonly client: FtpClient;
  readonly strategy: ReadStrategy;
  readonly logger: Logger;
}

/** The files below one folder of a vehicle, by MAVLink FTP. */
export class MavlinkSource implements Source {
  readonly capabilities = {
    connections: 1,
    resume: true,
    checksum: 'crc32-mavlink',
    remove: true,
  } as const;
  readonly availability: Observable<Availability>;
  readonly #options: MavlinkSourceOptions;
  readonly #client: FtpClient;
  readonly #operations: Operations;
  readonly #root: RemoteRoot;
  readonly #tree: RemoteTree;
  readonly #warned = new Set<string>();

  constructor(options: MavlinkSourceOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#operations = new Operations(options.device, signal => options.vehicle.ready(signal));
    this.#root = new RemoteRoot(options.root);
    this.#tree = new RemoteTree({
      list: (folder, asked) => this.#listed(folder, asked),
      endsAlike: (folder, end, asked) => endsAlike(this.#client, this.#root.of(folder), end, asked),
    });
    this.availability = options.vehicle.availability;
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
      const crc = await this.#client.checksum(this.#root.ofFile(file), file.size, signal);
      return { algorithm: 'crc32-mavlink', value: crc.toString(16).padStart(8, '0') };
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#operations.run({ operation: 'remove', path: file.path }, signal, async () => {
      const path = this.#root.ofFile(file);
      if (await this.#isThere(path, file.size, signal)) await this.#client.remove(path, signal);
      this.#tree.removed(file.path);
    });
  }

  async close(): Promise<void> {
    await this.#options.vehicle.close();
  }

  async #listed(folder: string, signal: AbortSignal): Promise<FolderListing> {
    try {
      return await listFolder(this.#client, this.#root.of(folder), this.#skipped, signal);
    } catch (error) {
      const isMissing = error instanceof FileSyncError && error.kind === 'not-found';
      throw isMissing ? this.#root.missing(folder, error) : error;
    }
  }

  async *#read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const path = this.#root.ofFile(file);
    const size = file.size;
    const open = await RemoteFile.open(this.#client, path, signal);
    try {
      if (open.size !== size || offset > size) throw changed(path);
      yield* this.#options.strategy.read(open, { path, offset, end: size }, signal);
    } finally {
      await open.close();
    }
    // PX4 ends a file where it ended at the open: only another open tells whether it has grown since.
    if (offset < size && !(await this.#isThere(path, size, signal))) throw changed(path);
  }

  /** False if the file is gone. Rejects with `changed` if it has another size. */
  async #isThere(path: string, size: number, signal: AbortSignal): Promise<boolean> {
    try {
      const opened = await this.#client.open(path, signal);
      await this.#client.terminate(opened.session);
      if (opened.size !== size) throw changed(path);
      return true;
    } catch (error) {
      if (error instanceof FileSyncError && error.kind === 'not-found') return false;
      throw error;
    }
  }

  /** Each thing is told once: listings come again and again. */
  readonly #skipped = (why: string): void => {
    if (this.#warned.has(why)) return;
    this.#warned.add(why);
    this.#options.logger.log('warn', why);
  };
}
