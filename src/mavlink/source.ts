import type { Observable } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Availability, ByteStream, Checksum, Logger, Source, SourceFile } from '../ports.js';
import type { FtpClient } from './ftp-client.js';
import { listFolder } from './listing.js';
import { Operations } from './operations.js';
import type { ReadStrategy } from './read-strategy.js';
import { changed, RemoteFile } from './remote-file.js';
import { RemoteRoot } from './remote-root.js';
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
  readonly #warned = new Set<string>();

  constructor(options: MavlinkSourceOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#operations = new Operations(options.device, signal => options.vehicle.ready(signal));
    this.#root = new RemoteRoot(options.root);
    this.availability = options.vehicle.availability;
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#operations.stream({ operation: 'list' }, signal, () => this.#listBelow('', signal));
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
    });
  }

  async close(): Promise<void> {
    await this.#options.vehicle.close();
  }

  async *#listBelow(folder: string, signal: AbortSignal): AsyncGenerator<SourceFile> {
    const remote = this.#root.of(folder);
    const folders: string[] = [];
    try {
      for await (const { kind, name, size } of listFolder(this.#client, remote, this.#skipped, signal)) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (kind === 'file') yield { path, size };
        else folders.push(path);
      }
    } catch (error) {
      const isMissing = error instanceof FileSyncError && error.kind === 'not-found';
      throw isMissing ? this.#root.missing(folder, error) : error;
    }
    for (const inner of folders) yield* this.#listBelow(inner, signal);
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
