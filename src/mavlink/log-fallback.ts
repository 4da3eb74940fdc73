import type { Observable } from 'rxjs';
import type { Availability, Logger, Space } from '../ports.js';
import type { FtpFiles } from './ftp-files.js';
import type { FolderListing, ListingEnd, ListingScope } from './listing.js';
import type { LogFiles } from './log-files.js';
import type { OpenRemoteFile, RemoteFiles } from './remote-source.js';

export interface AutoFilesOptions {
  readonly ftp: FtpFiles;
  readonly logs: LogFiles;
  readonly logger: Logger;
}

/** The files of a vehicle by MAVLink FTP, or by the log protocol once it has turned out that only that has them. */
export class AutoFiles implements RemoteFiles {
  readonly availability: Observable<Availability>;
  readonly #options: AutoFilesOptions;
  /** A folder has been listed. */
  #answered = false;
  #inUse: FtpFiles | LogFiles;

  constructor(options: AutoFilesOptions) {
    this.#options = options;
    this.#inUse = options.ftp;
    this.availability = options.ftp.availability;
  }

  get autopilot(): string | undefined {
    return this.#options.ftp.autopilot;
  }

  /**
   * A timeout alone is no reason where the vehicle says that it supports MAVLink FTP, or has answered it: the logs have
   * other names in the log protocol, and would all be fetched again because of a bad link.
   */
  async fallBack(why: 'timeout' | 'unavailable', signal: AbortSignal): Promise<boolean> {
    const { logs, ftp, logger } = this.#options;
    const isBadLink = why === 'timeout' && (ftp.isSupported === true || this.#answered);
    if (this.#inUse !== ftp || isBadLink || !(await logs.hasLogs(signal))) return false;
    logger.log('info', 'MAVLink FTP has no logs of this vehicle: the log protocol is used (protocol: log)');
    this.#inUse = logs;
    return true;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#inUse.ready(signal);
  }

  async list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing> {
    const listing = await this.#inUse.list(folder, scope, signal);
    this.#answered = true;
    return listing;
  }

  async endsAlike(folder: string, end: ListingEnd, signal: AbortSignal): Promise<boolean> {
    const { ftp } = this.#options;
    return this.#inUse === ftp && ftp.endsAlike(folder, end, signal);
  }

  open(path: string, signal: AbortSignal): Promise<OpenRemoteFile> {
    return this.#inUse.open(path, signal);
  }

  checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    return this.#inUse.checksum(path, size, signal);
  }

  remove(path: string, signal: AbortSignal): Promise<void> {
    return this.#inUse.remove(path, signal);
  }

  space(signal: AbortSignal): Promise<Space> {
    return this.#options.ftp.space(signal);
  }

  close(): Promise<void> {
    return this.#inUse.close();
  }
}
