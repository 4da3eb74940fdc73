import type { Observable } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Availability, Space } from '../ports.js';
import { StorageInformation } from './messages.js';
import type { FtpClient } from './ftp-client.js';
import { endsAlike, listFolder, type FolderListing, type ListingEnd, type ListingScope } from './listing.js';
import type { ReadStrategy } from './read-strategy.js';
import { RemoteFile } from './remote-file.js';
import type { OpenRemoteFile, RemoteFiles } from './remote-source.js';
import type { Vehicle } from './vehicle.js';

/** MAVLink's STORAGE_STATUS_READY. */
const STORAGE_READY = 2;
const MIB = 1024 * 1024;

export interface FtpFilesOptions {
  readonly vehicle: Vehicle;
  readonly client: FtpClient;
  readonly strategy: ReadStrategy;
}

/** The files of a vehicle over MAVLink FTP. */
export class FtpFiles implements RemoteFiles {
  readonly availability: Observable<Availability>;
  readonly #vehicle: Vehicle;
  readonly #client: FtpClient;
  readonly #strategy: ReadStrategy;

  constructor({ vehicle, client, strategy }: FtpFilesOptions) {
    this.#vehicle = vehicle;
    this.#client = client;
    this.#strategy = strategy;
    this.availability = vehicle.availability;
  }

  get autopilot(): string | undefined {
    return this.#vehicle.autopilot;
  }

  /** As `Vehicle.hasFtp`. */
  get isSupported(): boolean | undefined {
    return this.#vehicle.hasFtp;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#vehicle.ready(signal);
  }

  list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing> {
    return listFolder(this.#client, folder, scope, signal);
  }

  endsAlike(folder: string, end: ListingEnd, signal: AbortSignal): Promise<boolean> {
    return endsAlike(this.#client, folder, end, signal);
  }

  async open(path: string, signal: AbortSignal): Promise<OpenRemoteFile> {
    const file = await RemoteFile.open(this.#client, path, signal);
    return {
      size: file.size,
      read: (offset, asked) => this.#strategy.read(file, { path, offset, end: file.size }, asked),
      close: () => file.close(),
    };
  }

  checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    return this.#client.checksum(path, size, signal);
  }

  remove(path: string, signal: AbortSignal): Promise<void> {
    return this.#client.remove(path, signal);
  }

  async space(signal: AbortSignal): Promise<Space> {
    const storage = await this.#vehicle.query(StorageInformation, signal);
    if (storage?.status === STORAGE_READY && storage.totalCapacity > 0)
      return {
        free: Math.floor(storage.availableCapacity * MIB),
        total: Math.floor(storage.totalCapacity * MIB),
      };
    const message = 'the vehicle does not report the free space of its SD card (STORAGE_INFORMATION)';
    throw new FileSyncError('unsupported', message);
  }

  close(): Promise<void> {
    return this.#vehicle.close();
  }
}
