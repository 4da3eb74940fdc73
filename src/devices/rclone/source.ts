import type { Observable } from 'rxjs';
import { FileSyncError } from '../../errors.js';
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
import { pollAvailability } from '../availability.js';
import { FileLimit, GapReporter, ListingGaps } from '../listing-gaps.js';
import { isUnfinishedUpload } from '../part-names.js';
import { isSameVersion } from '../same-version.js';
import type { RcloneRemote, RemoteInfo, RemoteItem } from './remote.js';
import type { Scope } from './service.js';

/** Each probe is a request to a service that counts them. */
const PROBE_INTERVAL_MS = 60_000;
/** Folders that are nested more deeply are taken for a loop. */
const MAX_DEPTH = 64;

export interface RcloneSourceTools {
  readonly logger: Pick<Logger, 'log'>;
  /** Files and folders of one listing. */
  readonly maxFiles: number;
}

/** One listing in progress. */
interface Walk {
  readonly scope: Scope;
  readonly gaps: ListingGaps;
  readonly limit: FileLimit;
  /** Relative paths that are still to be listed; the root is empty. */
  readonly folders: string[];
}

/**
 * Files below a folder of a remote, listed folder by folder. Size and time of a file are compared before and after it is read, and
 * before it is removed.
 */
export class RcloneSource implements Source {
  readonly availability: Observable<Availability>;
  readonly #remote: RcloneRemote;
  readonly #device: string;
  readonly #maxFiles: number;
  readonly #reporter: GapReporter;
  readonly #closed = new AbortController();
  #isClosed = false;

  constructor(remote: RcloneRemote, device: string, { logger, maxFiles }: RcloneSourceTools) {
    this.#remote = remote;
    this.#device = device;
    this.#maxFiles = maxFiles;
    this.#reporter = new GapReporter(logger);
    const polling = { clock: remote.service.clock, interval: PROBE_INTERVAL_MS, until: this.#closed.signal };
    this.availability = pollAvailability(signal => this.#probe(signal), polling);
  }

  /** Which hashes the remote has is known after the first probe, listing or download. */
  get capabilities(): SourceCapabilities {
    const info = this.#remote.knownInfo;
    const checksum = info ? checksumIn(info) : false;
    const rereads = info?.isLocal === true && { checksumRereads: true };
    return { connections: 2, smallFiles: 4, resume: true, checksum, ...rereads, remove: true };
  }

  async *list(signal: AbortSignal): AsyncIterable<SourceFile> {
    const scope = this.#scope('list', signal);
    await this.#remote.info(scope);
    const limit = new FileLimit(this.#maxFiles, scope.details);
    const walk: Walk = { scope, gaps: new ListingGaps(this.#reporter), limit, folders: [''] };
    for (let folder = walk.folders.pop(); folder !== undefined; folder = walk.folders.pop())
      yield* this.#content(walk, folder);
    walk.gaps.throwIfAny(what => this.#error('denied', what, scope));
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    const scope = this.#scope('read', signal, file);
    if (offset > file.size) throw this.#changed(file, scope);
    await this.#remote.info(scope);
    await this.#checkSame(file, scope);
    if (offset < file.size) yield* this.#bytes(file, offset, scope);
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    const scope = this.#scope('checksum', signal, file);
    const algorithm = checksumIn(await this.#remote.info(scope));
    if (!algorithm) throw this.#error('unsupported', 'reports no checksums', scope);
    const value = (await this.#found(file, scope, [algorithm])).hashes[algorithm];
    if (value !== undefined && value !== '') return { algorithm, value };
    throw this.#error('unsupported', `reports no checksum of ${file.path}`, scope);
  }

  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    const scope = this.#scope('remove', signal, file);
    await this.#remote.info(scope);
    const found = await this.#found(file, scope).catch(unlessGone);
    if (!found) return;
    if (!isSameVersion(file, found)) throw this.#changed(file, scope);
    await this.#remote.remove(file.path, scope).catch(unlessGone);
  }

  /** Rejects with `unsupported` if the service does not report it. */
  async space(signal: AbortSignal): Promise<Space> {
    const scope = this.#scope('stat', signal);
    const { tellsSpace } = await this.#remote.info(scope);
    const about = tellsSpace
      ? await this.#remote.call('operations/about', { fs: this.#remote.remote }, scope)
      : {};
    const { free, total } = about;
    if (typeof free === 'number' && typeof total === 'number') return { free, total };
    throw this.#error('unsupported', 'does not report its free space', scope);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.abort();
    await this.#remote.service.close();
  }

  /** No probe while an operation is in progress: its outcome shows the same. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const scope = this.#scope('probe', signal);
    if (!this.#remote.service.isWorking) {
      await this.#remote.info(scope);
      await this.#checkRoot(scope);
    }
    return { available: true, reason: `${this.#remote.name}: reached by rclone`, armed: false };
  }

  async *#content(walk: Walk, folder: string): AsyncGenerator<SourceFile> {
    const names = new Set<string>();
    for (const item of await this.#items(walk, folder)) {
      if (walk.scope.signal.aborted) throw this.#remote.service.explain(walk.scope.signal.reason, walk.scope);
      walk.limit.add();
      const path = folder === '' ? item.name : `${folder}/${item.name}`;
      const problem = names.has(item.name) ? TWICE : problemOf(item.name);
      names.add(item.name);
      if (problem !== undefined) walk.gaps.add(`${this.#remote.name} ${JSON.stringify(path)} ${problem}`);
      else if (item.isFolder) this.#descend(walk, path);
      else if (item.size < 0)
        this.#reporter.report(`${this.#remote.name} ${JSON.stringify(path)} ${NO_FILE}`);
      else if (!isUnfinishedUpload(item.name)) yield fileOf(path, item);
    }
  }

  #descend({ folders, scope }: Walk, path: string): void {
    if (path.split('/').length > MAX_DEPTH)
      throw this.#error(
        'protocol',
        `has folders that are nested more than ${MAX_DEPTH} deep: is there a loop? ${path}`,
        scope,
      );
    folders.push(path);
  }

  /** A folder that was removed after it was listed has no files. One that may not be listed does not hide the others. */
  async #items({ scope, gaps }: Walk, folder: string): Promise<readonly RemoteItem[]> {
    try {
      const items = await this.#remote.folder(folder, scope);
      if (!items && folder === '') throw this.#noRoot(scope);
      return items ?? [];
    } catch (error) {
      const isClosed = error instanceof FileSyncError && error.kind === 'denied';
      if (!isClosed || folder === '') throw error;
      gaps.add(`${folder} is not listed: ${error.message}`);
      return [];
    }
  }

  async *#bytes(file: SourceFile, offset: number, scope: Scope): ByteStream {
    let position = offset;
    try {
      for await (const chunk of this.#remote.bytes(file.path, offset, scope)) {
        position += chunk.length;
        if (position > file.size) throw this.#changed(file, scope);
        yield chunk;
      }
    } catch (error) {
      // rclone ends early where the file has changed below it.
      if (!scope.signal.aborted) await this.#checkSame(file, scope);
      throw error;
    }
    await this.#checkSame(file, scope);
    if (position !== file.size)
      throw this.#error('io', `sent fewer bytes of ${file.path} than it has`, scope);
  }

  async #checkSame(file: SourceFile, scope: Scope): Promise<void> {
    if (!isSameVersion(file, await this.#found(file, scope))) throw this.#changed(file, scope);
  }

  /** A file counts as gone only if the root is there. */
  async #found(file: SourceFile, scope: Scope, hashes: readonly string[] = []): Promise<RemoteItem> {
    const found = await this.#remote.file(file.path, scope, hashes);
    if (found) return found;
    await this.#checkRoot(scope);
    throw this.#error('not-found', `no longer has ${file.path}`, scope);
  }

  async #checkRoot(scope: Scope): Promise<void> {
    if (!(await this.#remote.folder('', scope, 'folders'))) throw this.#noRoot(scope);
  }

  #noRoot(scope: Scope): FileSyncError {
    return this.#error(
      'unavailable',
      `has no folder ${this.#remote.root}: make it, or correct remote`,
      scope,
    );
  }

  #changed({ path }: SourceFile, scope: Scope): FileSyncError {
    return this.#error('changed', `has another version of ${path}: it changed after it was listed`, scope);
  }

  #error(kind: FileSyncError['kind'], what: string, { details }: Scope): FileSyncError {
    return this.#remote.error(kind, `${this.#remote.name} ${what}`, details);
  }

  /** Throws `bad-name` for a path that leads out of the root: it is not trusted. */
  #scope(operation: string, signal: AbortSignal, file?: SourceFile): Scope {
    const scope = { signal, details: { device: this.#device, operation, ...(file && { path: file.path }) } };
    const problem = file?.path
      .split('/')
      .map(problemOf)
      .find(each => each !== undefined);
    if (problem === undefined) return scope;
    throw this.#remote.error('bad-name', `${JSON.stringify(file?.path)} ${problem}`, scope.details);
  }
}

const TWICE = 'is there more than once, so that none can be told from the other: rename one (rclone dedupe)';
const NO_FILE = 'is not listed: it is a document of the service, not a file';

/** Why a name of a part of a path cannot be used; undefined if it can. */
function problemOf(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..' || name.includes('/')) return 'is no name of a file';
  if (name.includes('\0')) return 'contains a NUL';
  return /[\uFFFD\p{Cs}]/u.test(name) ? 'is not listed, its name is not UTF-8: rename it' : undefined;
}

const fileOf = (path: string, { size, modified }: RemoteItem): SourceFile => ({
  path,
  size,
  ...(modified !== undefined && { modified }),
});

const checksumIn = ({ hashes }: RemoteInfo): 'sha256' | 'md5' | false =>
  hashes.includes('sha256') ? 'sha256' : hashes.includes('md5') && 'md5';

function unlessGone(error: unknown): undefined {
  if (!(error instanceof FileSyncError) || error.kind !== 'not-found') throw error;
}
