import { posix } from 'node:path';
import { FTPError } from 'basic-ftp';
import type { Observable } from 'rxjs';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Logger,
  Source,
  SourceCapabilities,
  SourceFile,
} from '../../ports.js';
import { pollAvailability, type PollOptions } from '../availability.js';
import { FileLimit, GapReporter, ListingGaps, MAX_FILES } from '../listing-gaps.js';
import { isUnfinishedUpload } from '../part-names.js';
import { isSameVersion } from '../same-version.js';
import type { FtpConnections } from './connections.js';
import { IncompleteListing, type FtpEntry, type ListingSink } from './listing.js';
import { nameProblem, wordsFromWire } from './names.js';
import { KnownTimes } from './known-times.js';
import { NO_SUCH_FILE } from './replies.js';
import type { Facts, FtpSession } from './session.js';
import type { FtpPlace } from './target.js';

/** Folders that are nested more deeply are taken for a loop of links. */
const MAX_DEPTH = 64;
/** The server closes the control connection: no other command is possible. */
const SERVICE_CLOSING = 421;
/** Made by mkfs in the root folder of each ext drive; only root can read it. */
const LOST_AND_FOUND = 'lost+found';

export interface FtpSourceTools extends Pick<PollOptions, 'clock' | 'interval'> {
  readonly logger: Pick<Logger, 'log'>;
  /** Files and folders of one listing. */
  readonly maxFiles?: number;
}

/** Files whose times are asked for together. */
const TIMES_AT_ONCE = 64;

/** One listing in progress. */
interface Walk {
  readonly session: FtpSession;
  /** Of the known times. */
  readonly round: number;
  readonly gaps: ListingGaps;
  readonly limit: FileLimit;
  /** Relative paths that are still to be listed, each with a slash at its end. */
  readonly folders: string[];
}

interface Listed {
  readonly path: string;
  readonly entry: FtpEntry;
}

/**
 * Regular files below a folder of a server. Links are not followed; partial uploads of FileSync are not listed. A file's
 * size and, if the server reports it, time are compared before and after it is read, and before it is removed.
 */
export class FtpSource implements Source {
  readonly availability: Observable<Availability>;
  readonly #place: Omit<FtpPlace, 'url'>;
  readonly #connections: FtpConnections;
  readonly #closed = new AbortController();
  readonly #times = new KnownTimes();
  readonly #reporter: GapReporter;
  readonly #maxFiles: number;
  /** The server's algorithm: undefined before the first login, and false from its first failure on. */
  #checksum: 'sha256' | 'md5' | false | undefined;

  constructor(place: Omit<FtpPlace, 'url'>, connections: FtpConnections, tools: FtpSourceTools) {
    this.#place = place;
    this.#connections = connections;
    this.#reporter = new GapReporter(tools.logger);
    this.#maxFiles = tools.maxFiles ?? MAX_FILES;
    const { clock, interval } = tools;
    const polling = { clock, until: this.#closed.signal, ...(interval !== undefined && { interval }) };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  get capabilities(): SourceCapabilities {
    return { connections: 2, smallFiles: 4, resume: true, checksum: this.#checksum ?? false, remove: true };
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const details = { device: this.#place.device, operation: 'list' };
    return this.#connections.stream(details, signal, session => this.#walk(session));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#connections.stream(this.#detailsOf(file, 'read'), signal, session =>
      this.#read(session, file, offset),
    );
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#use(file, 'checksum', signal, async (session, path) => {
      const algorithm = this.#learnChecksum(session);
      const value = algorithm ? await this.#digest(session, path) : undefined;
      if (algorithm && value !== undefined) return { algorithm, value };
      if (algorithm) await this.#facts(session, path);
      throw this.#error('unsupported', 'the server computes no checksums');
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#use(file, 'remove', signal, async (session, path) => {
      const found = await this.#facts(session, path).catch(unlessGone);
      if (!found) return;
      if (!isSameVersion(file, found)) throw this.#changed(file);
      await session.remove(path);
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connections.close();
  }

  /** No probe while an operation is in progress: the server may allow few connections. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const { device, host, root } = this.#place;
    await this.#connections.probe({ device, operation: 'probe' }, signal, async session => {
      this.#learnChecksum(session);
      if (!(await session.isFolder(root))) throw this.#rootMissing();
    });
    return { available: true, reason: `${host}: login ok`, armed: false };
  }

  async *#walk(session: FtpSession): AsyncGenerator<SourceFile> {
    this.#learnChecksum(session);
    const round = this.#times.begin();
    const details = { device: this.#place.device, operation: 'list' };
    const walk: Walk = {
      session,
      round,
      gaps: new ListingGaps(this.#reporter),
      limit: new FileLimit(this.#maxFiles, details),
      folders: [''],
    };
    for (let folder = walk.folders.pop(); folder !== undefined; folder = walk.folders.pop())
      yield* this.#content(walk, folder);
    walk.gaps.throwIfAny(what => this.#error('denied', what));
    this.#times.end(round);
  }

  async *#content(walk: Walk, folder: string): AsyncGenerator<SourceFile> {
    const files: Listed[] = [];
    for (const entry of await this.#entries(walk, folder)) {
      const path = folder + entry.name;
      if (entry.kind === 'folder' && path !== LOST_AND_FOUND)
        walk.folders.push(this.#withinDepth(`${path}/`));
      if (entry.kind === 'file' && !isUnfinishedUpload(entry.name)) files.push({ path, entry });
    }
    for (let at = 0; at < files.length; at += TIMES_AT_ONCE) {
      const some = files.slice(at, at + TIMES_AT_ONCE);
      await this.#learnTimes(walk, some);
      for (const { path, entry } of some) {
        const modified = entry.modified ?? this.#times.get(path, walk.round);
        yield { path, size: entry.size, ...(modified !== undefined && { modified }) };
      }
    }
  }

  /** The time in LIST changes its form: MDTM is sent once for each file, and again when its line changes. */
  async #learnTimes({ session, round }: Walk, files: readonly Listed[]): Promise<void> {
    const unknown = files.filter(
      ({ path, entry }) => entry.modified === undefined && !this.#times.has(path, lineOf(entry)),
    );
    const times = await session.modified(unknown.map(({ path }) => this.#absolute(path)));
    unknown.forEach(({ path, entry }, index) => this.#times.set(path, lineOf(entry), round, times[index]));
  }

  async #entries(walk: Walk, folder: string): Promise<readonly FtpEntry[]> {
    const absolute = this.#absolute(folder.replace(/\/$/, ''));
    const entries: FtpEntry[] = [];
    const wasListed = await this.#listInto(walk, absolute, {
      entry: entry => {
        if (entry.kind !== 'other') walk.limit.add();
        entries.push(entry);
      },
      skipped: why => this.#reporter.report(`in ${absolute} ${why}`),
      unreadable: why => walk.gaps.add(`in ${absolute} ${why}`),
    });
    if (wasListed || entries.length > 0) return entries;
    if (folder === '') throw this.#rootMissing();
    return this.#withoutGone(walk, folder);
  }

  /** A folder that may be entered and not be listed does not hide the others. */
  async #listInto({ session, gaps }: Walk, folder: string, sink: ListingSink): Promise<boolean> {
    try {
      return await session.list(folder, sink);
    } catch (error) {
      const isClosed = error instanceof FTPError && error.code === NO_SUCH_FILE;
      if ((!isClosed && !(error instanceof IncompleteListing)) || folder === this.#place.root) throw error;
      gaps.add(`${folder} cannot be listed: give the user the right to (${wordsFromWire(error.message)})`);
      return true;
    }
  }

  /** A folder that was removed after its parent was listed has no files; one that cannot be entered may have some. */
  async #withoutGone({ session, gaps }: Walk, folder: string): Promise<readonly FtpEntry[]> {
    const absolute = this.#absolute(folder.replace(/\/$/, ''));
    let isThere = false;
    await session.list(posix.dirname(absolute), {
      entry: ({ kind, name }) => (isThere ||= kind === 'folder' && name === posix.basename(absolute)),
      skipped: ignore,
      unreadable: ignore,
    });
    if (isThere) gaps.add(`${absolute} cannot be entered: give the user the right to`);
    return [];
  }

  #withinDepth(folder: string): string {
    if (folder.split('/').length <= MAX_DEPTH) return folder;
    throw this.#error(
      'protocol',
      `folders are nested more than ${MAX_DEPTH} deep: is there a loop of links? ${folder}`,
    );
  }

  async *#read(session: FtpSession, file: SourceFile, offset: number): AsyncGenerator<Uint8Array> {
    this.#learnChecksum(session);
    const path = this.#absoluteOf(file);
    if (offset > file.size) throw this.#changed(file);
    await this.#checkSame(session, file, path);
    if (offset === file.size) return;
    let position = offset;
    for await (const chunk of this.#bytes(session, file, path, offset)) {
      position += chunk.length;
      if (position > file.size) throw this.#changed(file);
      yield chunk;
    }
    await this.#checkSame(session, file, path);
    if (position === file.size) return;
    const what = `the data connection ended after ${position} of the ${file.size} bytes of ${path}`;
    throw this.#error('io', `${what}: a firewall or a server's limit may have cut it`);
  }

  /** When the server aborts a transfer, the file was often changed or removed meanwhile. */
  async *#bytes(session: FtpSession, file: SourceFile, path: string, offset: number): ByteStream {
    try {
      yield* session.retrieve(path, offset);
    } catch (error) {
      if (error instanceof FTPError && error.code !== SERVICE_CLOSING)
        await this.#checkSame(session, file, path);
      throw error;
    }
  }

  async #checkSame(session: FtpSession, file: SourceFile, path: string): Promise<void> {
    if (!isSameVersion(file, await this.#facts(session, path))) throw this.#changed(file);
  }

  /** A refused SIZE can mean a missing right: only the folder's listing proves that a file is gone. */
  async #facts(session: FtpSession, path: string): Promise<Facts> {
    const found = (await session.facts(path)) ?? (await session.listed(path));
    if (found) return found;
    if (!(await session.isFolder(this.#place.root))) throw this.#rootMissing();
    throw this.#error('not-found', `there is no file ${path}`);
  }

  #learnChecksum(session: FtpSession): 'sha256' | 'md5' | false {
    if (this.#checksum !== false) this.#checksum = session.digestAlgorithm;
    return this.#checksum ?? false;
  }

  /** After a server failed to compute a digest (too slow for a large file), no digest is requested again. */
  async #digest(session: FtpSession, path: string): Promise<string | undefined> {
    try {
      return await session.digest(path);
    } catch (error) {
      this.#checksum = false;
      throw error;
    }
  }

  #use<T>(
    file: SourceFile,
    operation: string,
    signal: AbortSignal,
    work: (session: FtpSession, path: string) => Promise<T>,
  ): Promise<T> {
    return this.#connections.use(this.#detailsOf(file, operation), signal, async session =>
      work(session, this.#absoluteOf(file)),
    );
  }

  #absolute(path: string): string {
    return posix.join(this.#place.root, path);
  }

  /** Throws `bad-name` for a path that leads out of the root or would end a command: the path is not trusted. */
  #absoluteOf({ path }: SourceFile): string {
    const problem = path
      .split('/')
      .map(nameProblem)
      .find(found => found !== undefined);
    if (problem === undefined) return this.#absolute(path);
    throw new FileSyncError('bad-name', `${JSON.stringify(path)}: a part of the name ${problem}`);
  }

  #changed(file: SourceFile): FileSyncError {
    this.#times.forget(file.path);
    const message = `${file.path} changed after it was listed`;
    return new FileSyncError('changed', message, this.#detailsOf(file, 'read'));
  }

  #rootMissing(): FileSyncError {
    return this.#error('unavailable', `there is no folder ${this.#place.root}: make it, or correct root`);
  }

  #error(kind: ErrorKind, what: string): FileSyncError {
    return new FileSyncError(kind, `on ${this.#place.host} ${what}`, { device: this.#place.device });
  }

  #detailsOf({ path }: SourceFile, operation: string): ErrorDetails {
    return { device: this.#place.device, operation, path };
  }
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof FileSyncError) || error.kind !== 'not-found') throw error;
}

/** Changes with the file, as far as LIST shows that. */
const lineOf = ({ size, time }: FtpEntry): string => `${size} ${time}`;

function ignore(): void {}
