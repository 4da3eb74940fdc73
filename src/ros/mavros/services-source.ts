import { posix } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError } from '../../errors.js';
import { nameProblem } from '../../mavlink/listing.js';
import { Operations } from '../../mavlink/operations.js';
import { changed } from '../../mavlink/remote-file.js';
import { RemoteRoot } from '../../mavlink/remote-root.js';
import { RemoteTree } from '../../mavlink/remote-tree.js';
import type { Availability, ByteStream, Checksum, Clock, Logger, Source, SourceFile } from '../../ports.js';
import { Errno, FtpRefusal, readError, refusalError } from './ftp-errors.js';
import type { Entry, FtpServices } from './ftp-services.js';
import { ReadSize } from './read-size.js';
import type { MavrosState } from './state.js';

export interface ServicesSourceOptions {
  /** For messages. */
  readonly device: string;
  /** Folder on the vehicle. */
  readonly root: string;
  readonly services: FtpServices;
  readonly state: MavrosState;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hears once why the services of this MAVROS cannot do the work. */
  unable(why: string): void;
}

/** Calls in a row that may fail without a byte. */
const MAX_FAILURES = 5;
/** Bytes: no vehicle computes the checksum of a larger file within the 5 s that MAVROS gives it. */
const MAX_CHECKSUM = 16 * 1024 * 1024;

/** The files below one folder of a vehicle, by the FTP services of MAVROS. */
export class ServicesSource implements Source {
  readonly capabilities = {
    connections: 1,
    resume: true,
    checksum: 'crc32-mavlink',
    remove: true,
  } as const;
  readonly availability: Observable<Availability>;
  readonly #options: ServicesSourceOptions;
  readonly #services: FtpServices;
  readonly #operations: Operations;
  readonly #root: RemoteRoot;
  readonly #tree: RemoteTree;
  readonly #size = new ReadSize();
  /** Bytes: the smallest file whose checksum came too late. */
  #tooLarge = MAX_CHECKSUM;
  #inability: string | undefined;
  readonly #warned = new Set<string>();

  constructor(options: ServicesSourceOptions) {
    this.#options = options;
    this.#services = options.services;
    this.#operations = new Operations(options.device, signal => options.state.ready(signal));
    this.#root = new RemoteRoot(options.root);
    this.#tree = new RemoteTree({ list: (folder, asked) => this.#entries(folder, asked) });
    this.availability = options.state.availability;
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
      const crc = await this.#checksum(this.#root.ofFile(file), file.size, signal);
      return { algorithm: 'crc32-mavlink', value: crc.toString(16).padStart(8, '0') };
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#operations.run({ operation: 'remove', path: file.path }, signal, async () => {
      const path = this.#root.ofFile(file);
      if (!(await this.#isThere(path, file.size, signal))) return;
      await this.#refined(path, signal, () => this.#services.remove(path, signal));
      this.#tree.removed(file.path);
    });
  }

  async close(): Promise<void> {
    this.#options.state.close();
    await this.#services.settle();
  }

  /** Those with names that can be asked for. */
  async #entries(folder: string, signal: AbortSignal): Promise<{ entries: Entry[] }> {
    try {
      const entries = await this.#listed(this.#root.of(folder), signal);
      return { entries: entries.filter(({ name }) => this.#isSafe(folder, name)) };
    } catch (error) {
      throw error instanceof FtpRefusal ? this.#root.missing(folder, error) : error;
    }
  }

  #isSafe(folder: string, name: string): boolean {
    if (name === '.' || name === '..') return false;
    const problem = nameProblem(name);
    if (problem === undefined) return true;
    const why = `${posix.join(this.#root.of(folder), name)} cannot be fetched, since its name ${problem}: rename it`;
    if (!this.#warned.has(why)) this.#options.logger.log('warn', why);
    this.#warned.add(why);
    return false;
  }

  async #listed(path: string, signal: AbortSignal): Promise<Entry[]> {
    const { clock, state } = this.#options;
    const begun = clock.monotonic();
    try {
      return await this.#services.list(path, signal);
    } catch (error) {
      if (error instanceof FtpRefusal && error.errno === Errno.BAD_LISTING)
        throw this.#unable('cannot read the listings of this vehicle (ArduPilot sends them otherwise)');
      const isThereWithout = !this.#services.served && state.heard > begun;
      if (error instanceof FileSyncError && error.kind === 'unavailable' && isThereWithout)
        throw this.#unable('has not loaded its ftp plugin');
      throw error;
    }
  }

  async *#read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const path = this.#root.ofFile(file);
    const size = await this.#opened(path, signal);
    try {
      if (size !== file.size || offset > size) throw changed(path);
      yield* this.#chunks(path, offset, size, signal);
    } finally {
      const released = this.#services.release(path, signal.aborted);
      if (!signal.aborted) await released;
    }
    // A vehicle ends a file where it ended at the open: only another open tells whether it has grown since.
    if (offset < size && !(await this.#isThere(path, size, signal))) throw changed(path);
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

  async #checksum(path: string, size: number, signal: AbortSignal): Promise<number> {
    if (size >= this.#tooLarge)
      throw new FileSyncError('unsupported', `${path} is too large for a checksum within MAVROS' 5 s`);
    try {
      return await this.#refined(path, signal, () => this.#services.checksum(path, size, signal));
    } catch (error) {
      if (isLoss(error)) this.#tooLarge = Math.max(1, Math.min(this.#tooLarge, size));
      throw error;
    }
  }

  /** False if the file is gone. Rejects with `changed` if it has another size. */
  async #isThere(path: string, size: number, signal: AbortSignal): Promise<boolean> {
    try {
      const found = await this.#opened(path, signal);
      await this.#services.release(path, signal.aborted);
      if (found !== size) throw changed(path);
      return true;
    } catch (error) {
      if (error instanceof FileSyncError && error.kind === 'not-found') return false;
      throw error;
    }
  }

  #opened(path: string, signal: AbortSignal): Promise<number> {
    return this.#refined(path, signal, () => this.#services.open(path, signal));
  }

  /** A refusal does not tell a missing file from one that cannot be read, for MAVROS has no number for that; the listing does. */
  async #refined<Value>(path: string, signal: AbortSignal, call: () => Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof FtpRefusal)) throw error;
      if (error.errno === Errno.NO_SESSIONS || (await this.#isListed(path, signal)))
        throw refusalError(error, path);
      const words = 'is not on the vehicle any more';
      throw new FileSyncError('not-found', `${path} ${words}`, { path, cause: error });
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

  /** Told once, with the cure; a new MAVROS may make it good, so it is no fault of the file. */
  #unable(why: string): FileSyncError {
    const words = `MAVROS ${why}`;
    if (this.#inability === undefined) this.#options.unable(words);
    this.#inability = words;
    return new FileSyncError('unsupported', `${words}: ${CURE}`, { temporary: true });
  }
}

export const CURE = 'install a newer MAVROS, or set transport: endpoint, which needs its router';

const isLoss = (error: unknown): boolean => error instanceof FileSyncError && error.kind === 'timeout';

const asError = (error: unknown, path: string): unknown =>
  error instanceof FtpRefusal ? readError(error, path) : error;
