import { createHash, type Hash } from 'node:crypto';
import { posix } from 'node:path';
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
import type { FtpSession } from './session.js';

export interface FtpPlace {
  readonly device: string;
  readonly host: string;
  /** Absolute path of the folder on the server. */
  readonly root: string;
  /** `ftp://host:port`, what the locations of files begin with. */
  readonly url: string;
}

/** One upload under way. */
interface Upload {
  readonly session: FtpSession;
  readonly file: Outgoing;
  /** Absolute name of the finished file. */
  readonly final: string;
  /** Absolute name of the unfinished file. */
  readonly part: string;
  readonly offset: number;
  readonly events: WriteEvents;
}

/**
 * Files go up as `<name>.<token>.part`, are compared by size (and by digest, where the server computes one) and get
 * their name last. FTP cannot rename without replacing: the name is looked at right before.
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
  readonly #folders = new Set<string>();
  /** A server that once failed over a digest (too slow for a large file) is not asked again. */
  #digests = true;
  /** A server that once refused to append is not asked to again: uploads begin anew. */
  #appends = true;

  constructor(
    place: FtpPlace,
    connections: FtpConnections,
    polling: Pick<PollOptions, 'clock' | 'interval'>,
  ) {
    this.#place = place;
    this.#connections = connections;
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

  async write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt> {
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

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connections.close();
  }

  /** A server that is at work for us is not asked besides: it may allow few connections. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const { device, host } = this.#place;
    if (!this.#connections.busy) {
      await this.#connections.use({ device, operation: 'probe' }, signal, () => Promise.resolve());
    }
    return { available: true, reason: `${host} lets us in`, armed: false };
  }

  async #prepare(upload: Upload): Promise<void> {
    const { session, file, final, part, offset } = upload;
    if (file.source.size > SMALL) await this.#refuseExisting(upload);
    await this.#makeFolder(session, posix.dirname(final));
    const partial = offset > 0 ? await session.size(part) : undefined;
    if (offset === 0 || partial === offset) return;
    throw this.#error('changed', `the unfinished upload ${part} is of ${partial ?? 0} bytes, not ${offset}`);
  }

  /** Gives the digest of what the server shall hold, in the server's algorithm, if it is known. */
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
      await session.store(hash ? hashed(bytes, hash) : bytes, part, offset, chunk => file.giveBack?.(chunk));
    } catch (error) {
      this.#folders.clear();
      if (offset > 0 && error instanceof FTPError && error.code >= 500)
        await this.#beginAnew(session, part, error);
      throw error;
    }
  }

  async #beginAnew(session: FtpSession, part: string, { message }: FTPError): Promise<never> {
    this.#appends = false;
    await session.remove(part);
    throw this.#error('io', `${part} cannot be continued (${wordsFromWire(message)}), so it begins anew`);
  }

  async #verify(upload: Upload, sent: string | undefined): Promise<Verification> {
    const { session, file, final, part } = upload;
    const { size, modified } = file.source;
    const alone = size > SMALL || file.readBack === true;
    const proved = alone && (await this.#prove(upload, sent));
    const digest = !alone && sent !== undefined;
    const found = await session.examine(part, final, { digest, modified });
    if (found.size !== size) return this.#discard(session, part, `${found.size ?? 'no'} bytes`, file);
    if (found.digest !== undefined) await this.#compare(upload, found.digest, sent);
    if (found.taken !== undefined) await this.#releasePartial(upload);
    return proved || found.digest !== undefined ? 'hash' : 'size';
  }

  /** By itself: the digest of a large file takes its time, and what is read back is read before it is renamed. */
  async #prove(upload: Upload, sent: string | undefined): Promise<boolean> {
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

  /** What is wrong cannot be continued: the next try begins anew. */
  async #discard(session: FtpSession, part: string, found: string, file: Outgoing): Promise<never> {
    await session.remove(part);
    const message = `${part} arrived wrong: ${found} there, not those of ${file.source.path}`;
    throw this.#error('corrupt', message);
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

  /** Another file has got the name meanwhile. */
  async #releasePartial({ session, part, final }: Upload): Promise<never> {
    await session.remove(part);
    throw this.#taken(final);
  }

  async #rename({ session, part, final }: Upload): Promise<void> {
    try {
      await session.rename(part, final);
    } catch (error) {
      if (error instanceof FTPError && (await session.isFolder(final))) {
        throw this.#error('exists', `${final} is a folder`);
      }
      throw error;
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
    return this.#error('exists', `${final} is there already`);
  }

  #error(kind: ErrorKind, what: string): FileSyncError {
    return new FileSyncError(kind, `on ${this.#place.host} ${what}`, { device: this.#place.device });
  }
}

/** Bytes that may be sent in vain: what has the file's name already is looked for once, before the rename. */
const SMALL = 256 * 1024;

async function* hashed(bytes: ByteStream, hash: Hash): ByteStream {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}
