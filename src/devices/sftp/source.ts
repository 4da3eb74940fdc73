import { posix } from 'node:path';
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
  Space,
} from '../../ports.js';
import { pollAvailability, type PollOptions } from '../availability.js';
import { FileLimit, GapReporter, ListingGaps } from '../listing-gaps.js';
import { isUnfinishedUpload } from '../part-names.js';
import { isSameVersion } from '../same-version.js';
import type { SftpConnections } from './connections.js';
import { canHash, digestOf } from './digests.js';
import { hasStatus, isMissing, STATUS } from './errors.js';
import { found, unlessMissing } from './folders.js';
import { openFlags, UnsupportedRequest, type SftpEntry, type SftpSession } from './session.js';
import type { SftpPlace } from './target.js';
import { readInOrder } from './transfer.js';

/** Folders that are nested more deeply are taken for a loop of mounts. */
const MAX_DEPTH = 64;
/** Made by mkfs in the root folder of each ext drive; only root can read it. */
const LOST_AND_FOUND = 'lost+found';

export interface SftpSourceTools extends Pick<PollOptions, 'clock' | 'interval'> {
  readonly logger: Pick<Logger, 'log'>;
  /** Files and folders of one listing. */
  readonly maxFiles: number;
}

/** One listing in progress. */
interface Walk {
  readonly session: SftpSession;
  readonly gaps: ListingGaps;
  readonly limit: FileLimit;
  /** Relative paths that are still to be listed, each with a slash at its end. */
  readonly folders: string[];
}

/**
 * Regular files below a folder of a server. Links are not followed; partial uploads of FileSync are not listed. A file's size and
 * time are compared before and after it is read, and before it is removed.
 */
export class SftpSource implements Source {
  readonly availability: Observable<Availability>;
  readonly #place: Omit<SftpPlace, 'url'>;
  readonly #connections: SftpConnections;
  readonly #closed = new AbortController();
  readonly #reporter: GapReporter;
  readonly #maxFiles: number;

  constructor(place: Omit<SftpPlace, 'url'>, connections: SftpConnections, tools: SftpSourceTools) {
    this.#place = place;
    this.#connections = connections;
    this.#reporter = new GapReporter(tools.logger);
    this.#maxFiles = tools.maxFiles;
    const { clock, interval } = tools;
    const polling = { clock, until: this.#closed.signal, ...(interval !== undefined && { interval }) };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  /** Whether the server computes checksums is known after the first probe, listing or download. */
  get capabilities(): SourceCapabilities {
    const checksum = this.#connections.pool.hasher ? 'sha256' : false;
    return { connections: 2, smallFiles: 4, resume: true, checksum, remove: true };
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#connections.stream(this.#details('list'), signal, session => this.#walk(session));
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#connections.stream(this.#details('read', file), signal, session =>
      this.#read(session, file, offset),
    );
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#use(file, 'checksum', signal, async (session, path) => {
      const { pool } = this.#connections;
      if (!(await canHash(session, pool))) throw this.#error('unsupported', 'no shell computes checksums');
      await this.#entry(session, path);
      const value = await digestOf(session, pool, path);
      if (value !== undefined) return { algorithm: 'sha256', value };
      throw this.#error('unsupported', `no shell computes the checksum of ${JSON.stringify(path)}`);
    });
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#use(file, 'remove', signal, async (session, path) => {
      const entry = await this.#entry(session, path).catch(unlessGone);
      if (!entry) return;
      if (entry.kind !== 'file' || !isSameVersion(file, entry)) throw this.#changed(file);
      await session.remove(path).catch(unlessMissing);
    });
  }

  /** Rejects with `unsupported` if the server does not report the space. */
  space(signal: AbortSignal): Promise<Space> {
    return this.#connections.use(this.#details('stat'), signal, async session => {
      try {
        const { free, total } = await session.space(session.root);
        return { free, total };
      } catch (error) {
        if (error instanceof UnsupportedRequest)
          throw this.#error('unsupported', 'the server does not report its free space');
        throw isMissing(error) ? this.#rootMissing(session) : error;
      }
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connections.close();
  }

  /** No probe while an operation is in progress, which shows that the server is there. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    if (!this.#connections.pool.isWorking)
      await this.#connections.use(this.#details('probe'), signal, async session => {
        await canHash(session, this.#connections.pool);
        if ((await found(session, session.root))?.kind !== 'folder') throw this.#rootMissing(session);
      });
    return { available: true, reason: `${this.#place.host}: login ok`, armed: false };
  }

  async *#walk(session: SftpSession): AsyncGenerator<SourceFile> {
    await canHash(session, this.#connections.pool);
    const walk: Walk = {
      session,
      gaps: new ListingGaps(this.#reporter),
      limit: new FileLimit(this.#maxFiles, this.#details('list')),
      folders: [''],
    };
    for (let folder = walk.folders.pop(); folder !== undefined; folder = walk.folders.pop())
      yield* this.#content(walk, folder);
    walk.gaps.throwIfAny(what => this.#error('denied', what));
  }

  async *#content(walk: Walk, folder: string): AsyncGenerator<SourceFile> {
    for await (const { name, entry } of this.#entries(walk, folder)) {
      if (entry.kind === 'other') continue;
      walk.limit.add();
      const path = folder + name;
      const { size, modified } = entry;
      if (entry.kind === 'folder') this.#descend(walk, path);
      else if (!isUnfinishedUpload(name)) yield { path, size, ...(modified !== undefined && { modified }) };
    }
  }

  #descend({ folders }: Walk, path: string): void {
    if (path.split('/').length > MAX_DEPTH)
      throw this.#error(
        'protocol',
        `folders are nested more than ${MAX_DEPTH} deep: is there a loop? ${path}`,
      );
    if (path !== LOST_AND_FOUND) folders.push(`${path}/`);
  }

  async *#entries(walk: Walk, folder: string): AsyncGenerator<{ name: string; entry: SftpEntry }> {
    const { session, gaps } = walk;
    const handle = await this.#openFolder(walk, folder);
    if (!handle) return;
    for (;;) {
      const some = await session.readFolder(handle).catch(unlessAtEnd);
      if (!some) break;
      for (const { name, entry } of some) {
        if (name === '.' || name === '..') continue;
        const problem = nameProblem(name);
        if (problem === undefined) yield { name, entry };
        else gaps.add(`in ${posix.join(session.root, folder)} ${JSON.stringify(name)} ${problem}`);
      }
    }
    await session.closeFile(handle);
  }

  /** A folder that was removed after it was listed has no files; one that may not be listed does not hide the others. */
  async #openFolder({ session, gaps }: Walk, folder: string): Promise<Buffer | undefined> {
    const path = posix.join(session.root, folder);
    try {
      return await session.openFolder(path);
    } catch (error) {
      if (folder === '') throw isMissing(error) ? this.#rootMissing(session) : error;
      if (isMissing(error)) return undefined;
      if (!hasStatus(error, STATUS.DENIED, STATUS.FAILURE)) throw error;
      gaps.add(`${path} cannot be listed: give the user the right to`);
      return undefined;
    }
  }

  async *#read(session: SftpSession, file: SourceFile, offset: number): AsyncGenerator<Uint8Array> {
    await canHash(session, this.#connections.pool);
    const path = this.#absolute(session, file);
    if (offset > file.size) throw this.#changed(file);
    await this.#checkSame(session, file, path);
    if (offset === file.size) return;
    const handle = await session.openFile(path, openFlags.read);
    // What was opened is the listed file, and no link that has taken its place meanwhile.
    if (!isSameVersion(file, await session.fstat(handle))) throw this.#changed(file);
    let position = offset;
    for await (const chunk of readInOrder(session, handle, offset, file.size)) {
      position += chunk.length;
      yield chunk;
    }
    await session.closeFile(handle);
    await this.#checkSame(session, file, path);
    if (position !== file.size) throw this.#changed(file);
  }

  async #checkSame(session: SftpSession, file: SourceFile, path: string): Promise<void> {
    const entry = await this.#entry(session, path);
    if (entry.kind !== 'file' || !isSameVersion(file, entry)) throw this.#changed(file);
  }

  /** A file counts as gone only if the root is there: the server's disk may be unmounted. */
  async #entry(session: SftpSession, path: string): Promise<SftpEntry> {
    const entry = await session.lstat(path).catch(unlessMissing);
    if (entry) return entry;
    if ((await found(session, session.root))?.kind !== 'folder') throw this.#rootMissing(session);
    throw this.#error('not-found', `there is no file ${path}`);
  }

  #use<T>(
    file: SourceFile,
    operation: string,
    signal: AbortSignal,
    work: (session: SftpSession, path: string) => Promise<T>,
  ): Promise<T> {
    return this.#connections.use(this.#details(operation, file), signal, async session =>
      work(session, this.#absolute(session, file)),
    );
  }

  /** Throws `bad-name` for a path that leads out of the root: the path is not trusted. */
  #absolute({ root }: SftpSession, { path }: SourceFile): string {
    const problem = path
      .split('/')
      .map(part => (part === '' || part === '.' || part === '..' ? 'is not a file name' : nameProblem(part)))
      .find(each => each !== undefined);
    if (problem === undefined) return posix.join(root, path);
    throw new FileSyncError('bad-name', `${JSON.stringify(path)}: a part of the name ${problem}`);
  }

  #changed(file: SourceFile): FileSyncError {
    return new FileSyncError(
      'changed',
      `${file.path} changed after it was listed`,
      this.#details('read', file),
    );
  }

  #rootMissing({ root }: SftpSession): FileSyncError {
    return this.#error('unavailable', `there is no folder ${root}: make it, or correct root`);
  }

  #error(kind: ErrorKind, what: string): FileSyncError {
    return new FileSyncError(kind, `on ${this.#place.host} ${what}`, { device: this.#place.device });
  }

  #details(operation: string, file?: SourceFile): ErrorDetails {
    return { device: this.#place.device, operation, ...(file && { path: file.path }) };
  }
}

/** Why a listed name cannot be used; undefined if it can. What is not UTF-8 arrives with U+FFFD in its place. */
function nameProblem(name: string): string | undefined {
  if (name === '' || name.includes('/')) return 'is no name of a file: check the server';
  if (name.includes('\0')) return 'contains a NUL: check the server';
  return /[\uFFFD\p{Cs}]/u.test(name) ? 'is not listed, its name is not UTF-8: rename it' : undefined;
}

function unlessAtEnd(error: unknown): undefined {
  if (!hasStatus(error, STATUS.EOF)) throw error;
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof FileSyncError) || error.kind !== 'not-found') throw error;
}
