import { FileSyncError } from '../errors.js';
import type { Posted } from './ftp-channel.js';
import {
  SESSION_LOST,
  type BurstPacket,
  type FtpClient,
  type OpenedFile,
  type Receive,
} from './ftp-client.js';
import { FtpNak, isNak, toMavlinkFtpError } from './ftp-errors.js';

/** Times that one read may lose its session: a late copy of an old request can close the first new one. */
const MAX_RENEWALS = 2;

/**
 * A file on the vehicle, open for reading until `close`: a session that the vehicle closed (idle for 10 s, or rebooted) is
 * opened again. Any number of reads may be in flight.
 */
export class RemoteFile {
  readonly #client: FtpClient;
  readonly #path: string;
  readonly #size: number;
  #opened: OpenedFile;
  /** The session may be open: on PX4, its number may be that of another client's session otherwise. */
  #isOpen = true;
  #reopening: Promise<OpenedFile> | undefined;

  private constructor(client: FtpClient, path: string, opened: OpenedFile) {
    this.#client = client;
    this.#path = path;
    this.#size = opened.size;
    this.#opened = opened;
  }

  static async open(client: FtpClient, path: string, signal: AbortSignal): Promise<RemoteFile> {
    return new RemoteFile(client, path, await client.open(path, signal));
  }

  /** Bytes, at the first open. */
  get size(): number {
    return this.#size;
  }

  /** Up to `size` (at most 239) bytes from `offset`; none at the end. Rejects with `changed` if the size has changed. */
  async read(offset: number, size: number, signal: AbortSignal): Promise<Uint8Array> {
    for (let renewals = 0; ; renewals++) {
      const opened = this.#opened;
      if (opened.size !== this.#size) throw changed(this.#path);
      try {
        return await this.#client.read(opened.session, offset, size, signal);
      } catch (error) {
        if (!(error instanceof FtpNak)) throw error;
        if (renewals === MAX_RENEWALS) throw toMavlinkFtpError(error, this.#path);
        await this.#renewed(opened, isNak(error, ...SESSION_LOST), signal);
      }
    }
  }

  /** Aborted when no request will be answered any more. */
  get closed(): AbortSignal {
    return this.#client.closed;
  }

  /** See `FtpChannel.together`. */
  together(work: () => void): void {
    this.#client.together(work);
  }

  /** Sends one request in the open session and returns at once; see `FtpClient.postRead`. */
  postRead(offset: number, size: number, receive: Receive<Uint8Array>): Posted {
    return this.#client.postRead({ session: this.#opened.session, offset, size }, receive);
  }

  /** Sends one burst request in the open session and returns at once; see `FtpClient.postBurst`. */
  postBurst(offset: number, size: number, receive: Receive<BurstPacket>): Posted {
    return this.#client.postBurst({ session: this.#opened.session, offset, size }, receive);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    if (this.#isOpen) await this.#client.terminate(this.#opened.session);
    this.#isOpen = false;
  }

  /** Opens the file again, once for all reads that lost the same session. */
  async #renewed(before: OpenedFile, lost: boolean, signal: AbortSignal): Promise<void> {
    if (this.#opened !== before) return;
    this.#reopening ??= this.#reopened(lost, signal);
    try {
      this.#opened = await this.#reopening;
    } finally {
      this.#reopening = undefined;
    }
  }

  async #reopened(lost: boolean, signal: AbortSignal): Promise<OpenedFile> {
    if (!lost) await this.close();
    this.#isOpen = false;
    const opened = await this.#client.open(this.#path, signal);
    this.#isOpen = true;
    return opened;
  }
}

export const changed = (path: string, what: 'size' | 'time' = 'size') =>
  new FileSyncError('changed', `${path} is not the file that was listed any more: its ${what} is another`, {
    path,
  });
