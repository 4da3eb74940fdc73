import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, toFileSyncError, type ErrorDetails } from '../errors.js';
import type { Availability, ByteStream, Checksum, Logger, Source, SourceFile } from '../ports.js';
import { FtpClient, MAX_PATH } from './ftp-client.js';
import { listFolder, nameProblem } from './listing.js';
import type { ReadStrategy } from './read-strategy.js';
import { changed, RemoteFile } from './remote-file.js';
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

/** Bytes: offsets on the wire have 32 bits. */
const MAX_FILE_SIZE = 2 ** 32 - 1;

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
  readonly #warned = new Set<string>();

  constructor(options: MavlinkSourceOptions) {
    this.#options = options;
    this.#client = options.client;
    this.availability = options.vehicle.availability;
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#stream({ operation: 'list' }, signal, () => this.#listBelow('', signal));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#stream({ operation: 'read', path: file.path }, signal, () =>
      this.#read(file, offset, signal),
    );
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#run({ operation: 'checksum', path: file.path }, signal, async () => {
      const crc = await this.#client.checksum(this.#remotePath(file), file.size, signal);
      return { algorithm: 'crc32-mavlink', value: crc.toString(16).padStart(8, '0') };
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#run({ operation: 'remove', path: file.path }, signal, async () => {
      const path = this.#remotePath(file);
      if (await this.#isThere(path, file.size, signal)) await this.#client.remove(path, signal);
    });
  }

  async close(): Promise<void> {
    await this.#options.vehicle.close();
  }

  async *#listBelow(folder: string, signal: AbortSignal): AsyncGenerator<SourceFile> {
    const remote = this.#remote(folder);
    const folders: string[] = [];
    try {
      for await (const { kind, name, size } of listFolder(this.#client, remote, this.#skipped, signal)) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (kind === 'file') yield { path, size };
        else folders.push(path);
      }
    } catch (error) {
      throw folderError(error, folder, remote);
    }
    for (const inner of folders) yield* this.#listBelow(inner, signal);
  }

  async *#read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const path = this.#remotePath(file);
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

  #remote(path: string): string {
    return posix.join(this.#options.root, path);
  }

  /** The name may come from anywhere: one that leads out of the root, or cannot be sent, is `bad-name`. */
  #remotePath({ path, size }: SourceFile): string {
    const problem = path
      .split('/')
      .map(nameProblem)
      .find(found => found !== undefined);
    if (problem !== undefined) throw new FileSyncError('bad-name', `${path}: a part of the name ${problem}`);
    const remote = this.#remote(path);
    if (Buffer.byteLength(remote) > MAX_PATH) {
      throw new FileSyncError('bad-name', `${remote} is too long for file transfer: rename it`);
    }
    if (size > MAX_FILE_SIZE)
      throw new FileSyncError('unsupported', `${remote} is 4 GiB or more: ${CARD_READER}`);
    return remote;
  }

  /** Each thing is told once: listings come again and again. */
  readonly #skipped = (why: string): void => {
    if (this.#warned.has(why)) return;
    this.#warned.add(why);
    this.#options.logger.log('warn', why);
  };

  async *#stream<Item>(
    details: ErrorDetails,
    signal: AbortSignal,
    open: () => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void> {
    try {
      await this.#options.vehicle.ready(signal);
      yield* open();
    } catch (error) {
      throw this.#translated(error, details);
    }
  }

  async #run<Value>(details: ErrorDetails, signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    try {
      await this.#options.vehicle.ready(signal);
      return await work();
    } catch (error) {
      throw this.#translated(error, details);
    }
  }

  #translated(thrown: unknown, details: ErrorDetails): FileSyncError {
    const { kind, message, temporary, cause } = toFileSyncError(thrown);
    return new FileSyncError(kind, message, { ...details, device: this.#options.device, temporary, cause });
  }
}

const CARD_READER = 'take the card out and copy it';

/** A root that is missing is the device's trouble; a folder that was listed a moment ago and is gone is a change. */
function folderError(thrown: unknown, folder: string, remote: string): unknown {
  if (!(thrown instanceof FileSyncError) || thrown.kind !== 'not-found') return thrown;
  if (folder !== '')
    return new FileSyncError('changed', `${remote} went away while it was listed`, { cause: thrown });
  const cure = 'insert an SD card, let the vehicle write its first log, or correct root';
  return new FileSyncError('unavailable', `the vehicle has no folder ${remote}: ${cure}`, { cause: thrown });
}
