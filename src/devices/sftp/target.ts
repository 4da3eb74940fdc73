import { createHash, type Hash } from 'node:crypto';
import { posix } from 'node:path';
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
import { outgoingBytes } from '../outgoing-bytes.js';
import { partName } from '../part-names.js';
import { checkTargetPath } from '../target-path.js';
import {
  PROBE_TEXT,
  probeWithFolders,
  refusesName,
  type FolderActs,
  type ProbeActs,
} from '../write-probe.js';
import type { SftpConnections } from './connections.js';
import { canHash, digestOf, readDigest } from './digests.js';
import { hasStatus, isStatus, STATUS } from './errors.js';
import { found, isTaken, makeFolders } from './folders.js';
import { openFlags, UnsupportedRequest, type SftpSession } from './session.js';
import { writeInOrder } from './transfer.js';

export interface SftpPlace {
  readonly device: string;
  readonly host: string;
  /** As configured. */
  readonly root: string;
  /** `sftp://host:port`, the prefix of the locations of files. */
  readonly url: string;
}

/** One upload in progress. */
/** SHA-256 of an uploaded file. */
interface Digests {
  /** What it must be, if that is known. */
  readonly sent: string | undefined;
  /** What the server's shell has computed, where it has been asked and can. */
  readonly told: string | undefined;
}

interface Upload {
  readonly session: SftpSession;
  readonly file: Outgoing;
  /** Absolute path of the finished file. */
  readonly final: string;
  /** Absolute path of the partial file. */
  readonly part: string;
  readonly offset: number;
  readonly events: WriteEvents;
}

/**
 * Files are uploaded as `<name>.<token>.part`, synced to disk, verified (by SHA-256 where a shell of the server computes it, else by
 * size) and published by a hard link, which never replaces a file. Where links are not possible, a plain rename takes its place: it
 * replaces nothing in version 3 of the protocol, and the final name is checked right before.
 */
export class SftpTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 4,
    resume: true,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
  readonly availability: Observable<Availability>;
  readonly #place: SftpPlace;
  readonly #connections: SftpConnections;
  readonly #clock: PollOptions['clock'];
  readonly #closed = new AbortController();
  readonly #folders = new Set<string>();

  constructor(
    place: SftpPlace,
    connections: SftpConnections,
    polling: Pick<PollOptions, 'clock' | 'interval' | 'random'>,
  ) {
    this.#place = place;
    this.#connections = connections;
    this.#clock = polling.clock;
    const until = this.#closed.signal;
    this.availability = pollAvailability(signal => this.#probe(signal), { ...polling, until });
  }

  /** A whole upload beside its finished file is removed: the program ended between link and removal. */
  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    return this.#use('stat', path, signal, async session => {
      const final = posix.join(session.root, path);
      const part = partName(final, token);
      const [file, partial] = await Promise.all([found(session, final), found(session, part)]);
      const held = partial?.kind === 'file' ? partial.size : 0;
      if (file?.kind !== 'file') return { partial: held };
      if (partial?.kind === 'file' && held === file.size) await this.#removeQuietly(session, part);
      return { size: file.size, partial: 0 };
    });
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    return this.#use('checksum', path, signal, async session => {
      const file = posix.join(session.root, path);
      if ((await found(session, file))?.kind !== 'file')
        throw this.#error('not-found', `there is no file ${file}`);
      const value =
        (await digestOf(session, this.#connections.pool, file)) ?? (await readDigest(session, file));
      return { algorithm: 'sha256', value };
    });
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    return this.#use('write', path, signal, async session => {
      const final = posix.join(session.root, path);
      const upload = { session, file, final, part: partName(final, file.token), offset, events };
      await this.#prepare(upload);
      const verified = await this.#verify(upload, await this.#send(upload));
      await events.committing();
      await this.#publish(session, upload.part, final);
      return { location: this.#place.url + encodeURI(final), verified };
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
      work: (session: SftpSession, path: string) => Promise<void>,
    ) => this.#use('probe', name, over, session => work(session, posix.join(session.root, name)));
    return {
      write: (name, over) =>
        act(name, over, async (session, path) => {
          const folders = await makeFolders(session, session.root);
          if (folders.length > 0) made(folders);
          await this.#writeProbe(session, path);
        }),
      rename: (from, to, over) =>
        act(from, over, (session, path) =>
          this.#publish(session, path, posix.join(session.root, to), 'whole'),
        ),
      remove: (name, over) => act(name, over, (session, path) => session.remove(path)),
    };
  }

  async #writeProbe(session: SftpSession, path: string): Promise<void> {
    const text = Buffer.from(PROBE_TEXT);
    try {
      const handle = await session.openFile(path, openFlags.replace);
      await session.write(handle, text, 0);
      await session.closeFile(handle);
    } catch (error) {
      throw await this.#explain(session, error, path, text.length);
    }
  }

  async #removeFolders(folders: readonly string[]): Promise<void> {
    const details = { device: this.#place.device, operation: 'probe' };
    await this.#connections
      .use(details, this.#closed.signal, async session => {
        for (const folder of folders) await session.removeFolder(folder);
      })
      .catch(() => undefined);
  }

  /** No probe while an operation is in progress, which shows that the server is there. */
  async #probe(signal: AbortSignal): Promise<Availability> {
    const { device, host } = this.#place;
    if (!this.#connections.pool.isWorking)
      await this.#connections.use({ device, operation: 'probe' }, signal, session => session.stat('/'));
    return { available: true, reason: `${host}: login ok`, armed: false };
  }

  async #prepare({ session, final, part, offset }: Upload): Promise<void> {
    if (await isTaken(session, final)) throw this.#error('exists', `${final} already exists`);
    await this.#makeFolder(session, posix.dirname(final));
    const partial = offset > 0 ? (await found(session, part))?.size : undefined;
    if (offset === 0 || partial === offset) return;
    throw this.#error('changed', `the partial upload ${part} has ${partial ?? 0} bytes, not ${offset}`);
  }

  async #send(upload: Upload): Promise<Digests> {
    const { session, file, part, offset } = upload;
    const isUnknown = file.sha256 === undefined && offset === 0;
    const hash =
      isUnknown && (await canHash(session, this.#connections.pool)) ? createHash('sha256') : undefined;
    try {
      return await this.#store(upload, hash);
    } catch (error) {
      this.#folders.clear();
      throw await this.#explain(session, error, part, file.source.size);
    }
  }

  async #store(upload: Upload, hash: Hash | undefined): Promise<Digests> {
    const { session, file, part, offset, events } = upload;
    const { device } = this.#place;
    const handle = await session.openFile(part, offset > 0 ? openFlags.resume : openFlags.replace);
    const isWhole = offset > 0 && offset === file.source.size;
    const bytes = outgoingBytes(file, offset, { device, progress: sent => events.progress(sent) });
    const hashed = hash ? hashing(bytes, hash) : bytes;
    if (!isWhole) await writeInOrder(session, handle, hashed, offset, chunk => file.giveBack?.(chunk));
    const { modified = 0 } = file.source;
    // A time that the server cannot keep is no reason to refuse a file.
    if (modified > 0) await session.setTime(handle, modified).catch(unlessRefused);
    const sent = file.sha256 ?? hash?.digest('hex');
    const told = await this.#sync(upload, handle, sent !== undefined);
    await session.closeFile(handle);
    return { sent, told };
  }

  /** The server reads all that was written for its hash, if that is wanted, while it syncs it. */
  async #sync({ session, part }: Upload, handle: Buffer, isHashed: boolean): Promise<string | undefined> {
    const hashing = isHashed ? digestOf(session, this.#connections.pool, part) : undefined;
    const syncing = session.sync(handle).catch(unlessUnsupported);
    const [told, synced] = await Promise.allSettled([hashing, syncing]);
    if (synced.status === 'rejected') throw synced.reason;
    if (told.status === 'rejected') throw told.reason;
    return told.value;
  }

  async #verify({ session, file, part }: Upload, { sent, told }: Digests): Promise<Verification> {
    await this.#checkSize({ session, file, part });
    if (told !== undefined && told === sent) return 'hash';
    if (told === undefined && !file.readBack) return 'size';
    // A shell may see other files than SFTP does (a changed root folder): what can be read back decides.
    const held = await readDigest(session, part);
    if (held !== sent) return this.#discard(session, part, `the digest ${held}`, file);
    if (told !== undefined) this.#connections.pool.hasher = false;
    return 'hash';
  }

  async #checkSize({ session, file, part }: Pick<Upload, 'session' | 'file' | 'part'>): Promise<void> {
    const size = (await found(session, part))?.size;
    if (size !== file.source.size) await this.#discard(session, part, `${size ?? 'no'} bytes`, file);
  }

  /** A wrong part cannot be resumed: the next attempt starts from the beginning. */
  async #discard(session: SftpSession, part: string, has: string, file: Outgoing): Promise<never> {
    await this.#empty(session, part);
    throw this.#error('corrupt', `${part} is corrupt: it has ${has}, not those of ${file.source.path}`);
  }

  /** Where the user may not remove it, an upload is emptied: its bytes are never resumed. */
  async #empty(session: SftpSession, part: string): Promise<void> {
    try {
      await session.remove(part);
    } catch (error) {
      if (!isStatus(error)) throw error;
      await session.closeFile(await session.openFile(part, openFlags.replace));
    }
  }

  /** `part`: an upload, which is removed where the name is taken. */
  async #publish(
    session: SftpSession,
    from: string,
    to: string,
    what: 'part' | 'whole' = 'part',
  ): Promise<void> {
    try {
      await session.link(from, to);
    } catch (error) {
      if (!isStatus(error) && !(error instanceof UnsupportedRequest)) throw error;
      return this.#rename(session, from, to, what);
    }
    await this.#removeQuietly(session, from);
  }

  async #rename(session: SftpSession, from: string, to: string, what: 'part' | 'whole'): Promise<void> {
    try {
      if (await isTaken(session, to)) throw this.#error('exists', `${to} already exists`);
      await session.rename(from, to);
    } catch (error) {
      const isExisting = error instanceof FileSyncError || (isStatus(error) && (await isTaken(session, to)));
      if (isExisting && what === 'part') await this.#removeQuietly(session, from);
      if (isExisting) throw this.#error('exists', `${to} already exists`);
      throw error;
    }
  }

  /** The file has its name: a copy that cannot be removed is no failure. */
  async #removeQuietly(session: SftpSession, part: string): Promise<void> {
    await session.remove(part).catch(unlessRefused);
  }

  /** Code 4 means many things: a full disk and a read-only one are found out, where the server has `statvfs@openssh.com`. */
  async #explain(session: SftpSession, error: unknown, path: string, size: number): Promise<unknown> {
    if (!hasStatus(error, STATUS.FAILURE)) return error;
    const folder = posix.dirname(path);
    const space = await session.space(folder).catch(() => undefined);
    if (!space) return error;
    if (space.readOnly)
      return this.#error('denied', `the disk of ${folder} is read-only: remount it, or check it`);
    const held = (await found(session, path))?.size ?? 0;
    if (space.free < size - held)
      return this.#error(
        'no-space',
        `the disk of ${folder} is full (${space.free} bytes free): free space there`,
      );
    const why = 'its disk has space, so a quota may be used up: raise it, or look at the log of the server';
    return this.#error('no-space', `${path} cannot be written: ${why}`);
  }

  async #makeFolder(session: SftpSession, folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await makeFolders(session, folder);
    this.#folders.add(folder);
  }

  async #use<T>(
    operation: string,
    path: string,
    signal: AbortSignal,
    work: (session: SftpSession) => Promise<T>,
  ): Promise<T> {
    const details: ErrorDetails = { device: this.#place.device, operation, path };
    checkTargetPath(path, details);
    if (/\p{Cs}/u.test(path))
      throw new FileSyncError('bad-name', `${JSON.stringify(path)} ${NOT_UTF8}`, details);
    return this.#connections.use(details, signal, work);
  }

  #error(kind: ErrorKind, what: string): FileSyncError {
    return new FileSyncError(kind, `on ${this.#place.host} ${what}`, { device: this.#place.device });
  }
}

const NOT_UTF8 =
  'is not UTF-8, as names in SFTP are: set names: portable in the rule, or rename the file on the source';

function unlessRefused(error: unknown): void {
  if (!isStatus(error)) throw error;
}

function unlessUnsupported(error: unknown): void {
  if (!(error instanceof UnsupportedRequest) && !hasStatus(error, STATUS.UNSUPPORTED)) throw error;
}

async function* hashing(bytes: ByteStream, hash: Hash): ByteStream {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}
