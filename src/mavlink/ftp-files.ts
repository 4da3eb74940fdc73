import type { Observable } from 'rxjs';
import type { Availability } from '../ports.js';
import type { FtpClient } from './ftp-client.js';
import { endsAlike, listFolder, type Listing, type ListingEnd, type ListingScope } from './listing.js';
import type { ReadStrategy } from './read-strategy.js';
import { RemoteFile } from './remote-file.js';
import type { OpenFile, RemoteFiles } from './remote-source.js';
import type { Vehicle } from './vehicle.js';

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

  ready(signal: AbortSignal): Promise<void> {
    return this.#vehicle.ready(signal);
  }

  list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<Listing> {
    return listFolder(this.#client, folder, scope, signal);
  }

  endsAlike(folder: string, end: ListingEnd, signal: AbortSignal): Promise<boolean> {
    return endsAlike(this.#client, folder, end, signal);
  }

  async open(path: string, signal: AbortSignal): Promise<OpenFile> {
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

  close(): Promise<void> {
    return this.#vehicle.close();
  }
}
