import { createHash, type Hash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { FTPError } from 'basic-ftp';
import type { Observable } from 'rxjs';
import { FileSyncError, type ErrorDetails, type ErrorKind } from '../../errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  Verification,
  WriteEvents,
} from '../../ports.js';
import { pollAvailability, type PollOptions } from '../availability.js';
import { partName } from '../part-names.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import type { FtpConnections } from './connections.js';
import { toUrlPath, wordsFromWire } from './names.js';
import { isForbidden, isRefusal } from './replies.js';
import type { FtpSession, UploadState } from './session.js';
import {
  PROBE_TEXT,
  probeWithFolders,
  refusesName,
  type FolderActs,
  type ProbeActs,
} from '../write-probe.js';

export interface FtpPlace {
  readonly device: string;
  readonly host: string;
  /** Absolute path of the folder on the server. */
  readonly root: string;
  /** `ftp://host:port`, the prefix of the locations of files. */
  readonly url: string;
}

/** One upload in progress. */
interface Upload {
  readonly session: FtpSession;
  readonly file: Outgoing;
  /** Absolute path of the finished file. */
  readonly final: string;
  /** Absolute path of the partial file. */
  readonly part: string;
  readonly offset: number;
  readonly events: WriteEvents;
}

/**
 * Files are uploaded as `<name>.<token>.part`, verified by size (and by digest, if the server computes one) and renamed
 * last. A rename in FTP can replace a file: the final name is checked right before.
 */
export class FtpTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 4,
    resume: true,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
  readonly availability: Observable<Availability>;
  readonly #place: FtpPlace;
  readonly #connections: FtpConnections;
  readonly #closed = new AbortController();
  readonly #clock: PollOptions['clock'];
  readonly #folders = new Set<string>();
  /** False after the server failed to compute a digest (too slow for a large file). */
  #digests = true;
  /** False after the server refused to append: uploads are not resumed. */
  #appends = true;

  constructor(
    place: FtpPlace,
    connections: FtpConnections,
    polling: Pick<PollOptions, 'clock' | 'interval' | 'random'>,
  ) {
    this.#place = place;
    this.#connections = connections;
    this.#clock = polling.clock;
    const until = this.#closed.signal;
    this.availability = pollAvailability(signal => this.#probe(signal), { ...polling, until });
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    return this.#use('stat', path, signal, async session => {
      const final = this.#absolute(path);
      const [size, held = 0] = await session.sizes([final, partName(final, token)]);
      const partial = size === undefined && this.#appends ? held : 0;
      return size === undefined ? { partial } : { size, partial };
    });
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    return this.#use('checksum', path, signal, async session => {
      const file = this.#absolute(path);
      const size = await session.size(file);
      if (size === undefined) throw this.#error('not-found', `there is no file ${file}`);
      const value = session.digestAlgorithm === 'sha256' ? await this.#digest(session, file) : undefined;
      return value === undefined ? session.readChecksum(file) : { algorithm: 'sha256', value };
    });
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    return this.#use('write', path, signal, async session => {
      const final = this.#absolute(path);
      const upload = { session, file, final, part: partName(final, file.token), offset, events };
      await this.#prepare(upload);
      const verified = await this.#verify(upload, await this.#send(upload));
      await events.committing();
      await this.#rename(upload);
      return { location: this.#place.url + toUrlPath(final), verified };
    });
  }

  /** Folders that are missing are made, and removed again unless a file has been put into them. */
  async probe(signal: AbortSignal): Promise<void> {
    const { device, root } = this.#place;
    const probing: FolderActs = {
      acts: made => this.#probeActs(made),
      removeFolders: folders => this.#removeFolders(folders),
    };
    await probeWithFolders(probing, { device, root, option: 'root', clock: this.#clock }, signal);
  }

  /** The root exists: a file was just refused there. */
  refusesName(path: string, signal: AbortSignal): Promise<boolean> {
    return refusesName(
      this.#probeActs(() => undefined),
      path,
      signal,
    );
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connections.close();
  }

  /** @param made is called with the folders that were made for the root */
  #probeActs(made: (folders: readonly string[]) => void): ProbeActs {
    const act = (
      name: string,
      over: AbortSignal,
      work: (session: FtpSession, path: string) => Promise<void>,
    ) => this.#use('probe', name, over, session => work(session, this.#absolute(name)));
    return {
      write: (name, over) =>
        act(name, over, async (session, path) => {
          made(await session.makeFolder(this.#place.root));
          await session.store(probeBytes(), path, 0);
        }),
      rename: (from, to, over) =>
        act(from, over, (session, path) => session.rename(path, this.#absolute(to))),
      remove: (name, over) => act(name, over, (session, path) => session.remove(path)),
    };
  }

  async #removeFolders(folders: readonly string[]): Promise<void> {
    const details = { device: this.#place.device, operation: 'probe' };
    const { signal } = this.#closed;
    await this.#connections
      .use(details, signal, session => session.removeFolders(folders))
      .catch(() => undefined);
  }

  /** No probe while an operation is in progress: the server may allow few connections. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const { device, host } = this.#place;
    await this.#connections.probe({ device, operation: 'probe' }, signal, () => Promise.resolve());
    return { available: true, reason: `${host}: login ok`, armed: false };
  }

  async #prepare(upload: Upload): Promise<void> {
    const { session, file, final, part, offset } = upload;
    if (file.source.size > MAX_SMALL_BYTES) await this.#refuseExisting(upload);
    await this.#makeFolder(session, posix.dirname(final));
    const partial = offset > 0 ? await session.size(part) : undefined;
    if (offset === 0 || partial === offset) return;
    throw this.#error('changed', `the partial upload ${part} has ${partial ?? 0} bytes, not ${offset}`);
  }

  /** Returns the digest that the uploaded file must have, in the server's algorithm, if it is known. */
  async #send(upload: Upload): Promise<string | undefined> {
    const { session, file, offset } = upload;
    const algorithm = this.#digests ? session.digestAlgorithm : undefined;
    const known = () => (algorithm === 'sha256' ? file.sha256 : undefined);
    const hash = algorithm && known() === undefined && offset === 0 ? createHash(algorithm) : undefined;
    if (offset === 0 || offset < file.source.size) await this.#store(upload, hash);
    return known() ?? hash?.digest('hex');
  }

  async #store({ session, file, part, offset, events }: Upload, hash: Hash | undefined): Promise<void> {
    const { device } = this.#place;
    const bytes = outgoingBytes(file, offset, { device, progress: sent => events.progress(sent) });
    try {
      await session.store(hash ? hashing(bytes, hash) : bytes, part, offset, chunk => file.giveBack?.(chunk));
    } catch (error) {
      this.#folders.clear();
      if (offset > 0 && error instanceof FTPError && error.code >= 500)
        await this.#restart(session, part, error);
      throw error;
    }
  }

  async #restart(session: FtpSession, part: string, { message }: FTPError): Promise<never> {
    this.#appends = false;
    await this.#remove(session, part);
    throw this.#error(
      'io',
      `${part} cannot be resumed (${wordsFromWire(message)}): it is sent again from the start`,
    );
  }

  async #verify(upload: Upload, sent: string | undefined): Promise<Verification> {
    const { session, file, part } = upload;
    const { size, modified } = file.source;
    const alone = size > MAX_SMALL_BYTES || file.readBack === true;
    const hashed = alone && (await this.#verifySeparately(upload, sent));
    const digest = !alone && sent !== undefined;
    const found = await this.#examine(upload, { digest, modified });
    if (found.size !== size) return this.#discard(session, part, `${found.size ?? 'no'} bytes`, file);
    if (found.digest !== undefined) await this.#compare(upload, found.digest, sent);
    if (found.taken !== undefined) await this.#releasePartial(upload);
    return hashed || found.digest !== undefined ? 'hash' : 'size';
  }

  async #examine(upload: Upload, how: Parameters<FtpSession['examine']>[2]): Promise<UploadState> {
    const answer = await upload.session.examine(upload.part, upload.final, how);
    return answer.size === undefined ? { ...answer, ...(await this.#listed(upload)) } : answer;
  }

  /** A user may lack the right to ask for sizes; the existence of the final name is then unknown, too. */
  async #listed({ session, part, final }: Upload): Promise<Pick<UploadState, 'size' | 'taken'>> {
    try {
      const size = (await session.listed(part))?.size;
      return { size, taken: (await session.listed(final))?.size };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const what = `the size of ${part} is unknown (${wordsFromWire(error.message)})`;
      throw this.#error('denied', `${what}: give the user the right to ask for it (SIZE), or to list there`);
    }
  }

  /** Verifies separately: the digest of a large file takes long, and a file is read back before it is renamed. */
  async #verifySeparately(upload: Upload, sent: string | undefined): Promise<boolean> {
    const { session, file, part } = upload;
    const digest = sent === undefined ? undefined : await this.#digest(session, part);
    if (digest !== undefined) return this.#compare(upload, digest, sent);
    if (!file.readBack) return false;
    const { value } = await session.readChecksum(part);
    return this.#compare(upload, value, file.sha256);
  }

  async #compare({ session, part, file }: Upload, held: string, sent?: string): Promise<true> {
    return held === sent || this.#discard(session, part, `the digest ${held}`, file);
  }

  /** A wrong part cannot be resumed: the next attempt starts from the beginning. */
  async #discard(session: FtpSession, part: string, found: string, file: Outgoing): Promise<never> {
    await this.#remove(session, part);
    const message = `${part} is corrupt: it has ${found}, not those of ${file.source.path}`;
    throw this.#error('corrupt', message);
  }

  /** Where the user may not remove it, an upload is emptied: its bytes are never resumed. */
  async #remove(session: FtpSession, part: string): Promise<void> {
    try {
      await session.remove(part);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await session.store(Readable.from([]), part, 0);
    }
  }

  async #digest(session: FtpSession, file: string): Promise<string | undefined> {
    try {
      return this.#digests ? await session.digest(file) : undefined;
    } catch (error) {
      this.#digests = false;
      throw error;
    }
  }

  async #refuseExisting({ session, final }: Upload): Promise<void> {
    if ((await session.size(final)) !== undefined) throw this.#taken(final);
  }

  /** Another file has the final name now. */
  async #releasePartial({ session, part, final }: Upload): Promise<never> {
    await this.#remove(session, part);
    throw this.#taken(final);
  }

  async #rename({ session, part, final }: Upload): Promise<void> {
    try {
      await session.rename(part, final);
    } catch (error) {
      if (error instanceof FTPError && (await session.isFolder(final))) {
        throw this.#error('exists', `${final} is a folder`);
      }
      if (!isForbidden(error)) throw error;
      const what = `${part} is whole and cannot be renamed (${wordsFromWire(error.message)})`;
      throw this.#error('denied', `${what}: give the user the right to rename there (RNFR, RNTO)`);
    }
  }

  async #makeFolder(session: FtpSession, folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await session.makeFolder(folder);
    this.#folders.add(folder);
  }

  async #use<T>(
    operation: string,
    path: string,
    signal: AbortSignal,
    work: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    const details: ErrorDetails = { device: this.#place.device, operation, path };
    checkTargetPath(path, details);
    return this.#connections.use(details, signal, work);
  }

  #absolute(path: string): string {
    return posix.join(this.#place.root, path);
  }

  #taken(final: string): FileSyncError {
    return this.#error('exists', `${final} already exists`);
  }

  #error(kind: ErrorKind, what: string): FileSyncError {
    return new FileSyncError(kind, `on ${this.#place.host} ${what}`, { device: this.#place.device });
  }
}

/** For a file that is not larger, the existence of the final name is checked only once, right before the rename. */
const MAX_SMALL_BYTES = 256 * 1024;

async function* probeBytes(): ByteStream {
  yield Buffer.from(PROBE_TEXT);
}

async function* hashing(bytes: ByteStream, hash: Hash): ByteStream {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}
