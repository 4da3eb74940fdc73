import { posix } from 'node:path';
import { map, type Observable } from 'rxjs';
import { FileSyncError } from '../../errors.js';
import {
  nameProblem,
  unfetchable,
  withoutSize,
  type FolderListing,
  type ListingScope,
} from '../../mavlink/listing.js';
import { changed } from '../../mavlink/remote-file.js';
import type { OpenRemoteFile, RemoteFiles } from '../../mavlink/remote-source.js';
import type { Availability, ByteStream, Clock } from '../../ports.js';
import { Errno, FtpRefusal, readError, refusalError } from './ftp-errors.js';
import type { MavrosEntry, FtpServices } from './ftp-services.js';
import { ReadSize } from './read-size.js';
import type { MavrosState } from './state.js';

export interface ServicesFilesOptions {
  readonly services: FtpServices;
  readonly state: MavrosState;
  readonly clock: Clock;
  /** Called once with the reason why the services of this MAVROS cannot do the work. */
  unable(why: string): void;
}

/** Calls in a row that may fail without a byte. */
const MAX_FAILURES = 5;
/** Bytes: no vehicle computes the checksum of a larger file within the 5 s after which MAVROS gives up. */
const MAX_CHECKSUM_BYTES = 16 * 1024 * 1024;

/** The files of a vehicle by the FTP services of MAVROS. */
export class ServicesFiles implements RemoteFiles {
  readonly availability: Observable<Availability>;
  readonly #options: ServicesFilesOptions;
  readonly #services: FtpServices;
  readonly #size = new ReadSize();
  /** Size of the smallest file whose checksum came too late. */
  #minUnsupportedBytes = MAX_CHECKSUM_BYTES;
  #reported: string | undefined;

  constructor(options: ServicesFilesOptions) {
    this.#options = options;
    this.#services = options.services;
    // MAVROS tells no unique id that is the same as that of its endpoint: nothing waits for one.
    this.availability = options.state.availability.pipe(
      map(now => (now.available ? { ...now, uid: '' } : now)),
    );
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#options.state.ready(signal);
  }

  async list(folder: string, scope: ListingScope, signal: AbortSignal): Promise<FolderListing> {
    try {
      const entries = await this.#listed(folder, signal);
      return { entries: entries.filter(entry => isFetchable(folder, entry, scope)) };
    } catch (error) {
      throw error instanceof FtpRefusal ? notFound(folder, error) : error;
    }
  }

  async open(path: string, signal: AbortSignal): Promise<OpenRemoteFile> {
    const size = await this.#opened(path, signal);
    return {
      size,
      read: (offset, asked) => this.#chunks(path, offset, size, asked),
      close: async ({ aborted }) => {
        const released = this.#services.release(path, aborted);
        if (!aborted) await released;
      },
    };
  }

  async checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    if (size >= this.#minUnsupportedBytes)
      throw new FileSyncError('unsupported', `${path} is too large for a checksum within MAVROS' 5 s`);
    try {
      return await this.#callWithRefusal(path, signal, () => this.#services.checksum(path, size, signal));
    } catch (error) {
      if (isLoss(error)) this.#minUnsupportedBytes = Math.max(1, Math.min(this.#minUnsupportedBytes, size));
      throw error;
    }
  }

  remove(path: string, signal: AbortSignal): Promise<void> {
    return this.#callWithRefusal(path, signal, () => this.#services.remove(path, signal));
  }

  async close(): Promise<void> {
    this.#options.state.close();
    await this.#services.settle();
  }

  async #listed(path: string, signal: AbortSignal): Promise<MavrosEntry[]> {
    const { clock, state } = this.#options;
    const begun = clock.monotonic();
    try {
      return await this.#services.list(path, signal);
    } catch (error) {
      if (error instanceof FtpRefusal && error.errno === Errno.BAD_LISTING)
        throw this.#unable('cannot read the listings of this vehicle (ArduPilot sends them otherwise)');
      const isThereWithout = !this.#services.served && state.lastMessageAt > begun;
      if (error instanceof FileSyncError && error.kind === 'unavailable' && isThereWithout)
        throw this.#unable('has not loaded its ftp plugin');
      throw error;
    }
  }

  /** An empty answer counts only when it comes twice: the first may be the vehicle's last reply to something else. */
  async *#chunks(path: string, offset: number, end: number, signal: AbortSignal): ByteStream {
    for (let at = offset, empty = 0; at < end;) {
      const chunk = await this.#chunk(path, at, end, signal);
      if (chunk.length === 0 && ++empty > 1) throw await this.#endsEarly(path, end, signal);
      if (chunk.length === 0) continue;
      empty = 0;
      at += chunk.length;
      yield chunk;
    }
  }

  /** One lost packet fails a whole call of MAVROS: it is asked for again, in smaller parts. */
  async #chunk(path: string, at: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    for (let failures = 1; ; failures++) {
      const asked = this.#size.of(end - at);
      try {
        const { answer, took } = await this.#services.read(path, at, asked, signal);
        if (answer.length === asked) this.#size.succeeded(asked, took);
        return answer.subarray(0, end - at);
      } catch (error) {
        if (!isLoss(error) || failures === MAX_FAILURES) throw asError(error, path);
        this.#size.failed();
      }
    }
  }

  /** What a read without data before the end means: the file was cut, or this MAVROS asks for 0 bytes. */
  async #endsEarly(path: string, size: number, signal: AbortSignal): Promise<FileSyncError> {
    if ((await this.#opened(path, signal)) !== size) return changed(path);
    return this.#unable('reads nothing from this vehicle (it asks for 0 bytes at a time: mavros issue 1736)');
  }

  #opened(path: string, signal: AbortSignal): Promise<number> {
    return this.#callWithRefusal(path, signal, () => this.#services.open(path, signal));
  }

  /** Only a listing distinguishes a missing file from an unreadable one: MAVROS has no r_errno for the difference. */
  async #callWithRefusal<Value>(
    path: string,
    signal: AbortSignal,
    call: () => Promise<Value>,
  ): Promise<Value> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof FtpRefusal)) throw error;
      if (error.errno === Errno.NO_SESSIONS || (await this.#isListed(path, signal)))
        throw refusalError(error, path);
      throw notFound(path, error);
    }
  }

  async #isListed(path: string, signal: AbortSignal): Promise<boolean> {
    const { dir, base } = posix.parse(path);
    try {
      return (await this.#listed(dir, signal)).some(({ name }) => name === base);
    } catch (error) {
      if (!(error instanceof FtpRefusal)) throw error;
      const isTop = dir === '/' || dir === '';
      if (isTop || (await this.#isListed(dir, signal))) throw refusalError(error, path);
      return false;
    }
  }

  /** Reported once, with the remedy; temporary, since a newer MAVROS may be started, and the file is not at fault. */
  #unable(why: string): FileSyncError {
    const words = `MAVROS ${why}`;
    if (this.#reported === undefined) this.#options.unable(words);
    this.#reported = words;
    return new FileSyncError('unsupported', `${words}: ${REMEDY}`, { temporary: true });
  }
}

export const REMEDY = 'install a newer MAVROS, or set transport: endpoint, which needs its router';

function isFetchable(folder: string, { name, size }: MavrosEntry, scope: ListingScope): boolean {
  if (name === '.' || name === '..') return false;
  const problem = nameProblem(name);
  if (problem !== undefined) scope.skipped(unfetchable(folder, name, problem));
  const hasSize = Number.isSafeInteger(size);
  if (!hasSize) scope.unreadable(withoutSize(folder, name, String(size)));
  return hasSize && problem === undefined;
}

const notFound = (path: string, cause: FtpRefusal) =>
  new FileSyncError('not-found', `${path} is not on the vehicle any more`, { path, cause });

const isLoss = (error: unknown): boolean => error instanceof FileSyncError && error.kind === 'timeout';

const asError = (error: unknown, path: string): unknown =>
  error instanceof FtpRefusal ? readError(error, path) : error;
