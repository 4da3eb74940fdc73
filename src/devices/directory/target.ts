import { constants } from 'node:fs';
import { link, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, throwIfAborted, type ErrorKind } from '../../errors.js';
import { checksumOf, newDigest, type Digest } from '../../local/digest.js';
import { codeOf, unless, whileWriting } from '../../local/disk-error.js';
import { appendAll, fileBytes, setModified, writeAll } from '../../local/file-bytes.js';
import { Folders } from '../../local/folders.js';
import type { EntryPath, HeldFolder } from '../../local/held-folder.js';
import { NOT_OURS } from '../../local/sync-folder.js';
import type { FileAccess } from '../../local/open-file.js';
import type {
  Availability,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  WriteEvents,
} from '../../ports.js';
import type { NameStyle } from '../../system/portable-names.js';
import { pollAvailability } from '../availability.js';
import type { DeviceContext } from '../../config/definition.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import { GuardedFileSystem } from './guarded-file-system.js';
import { nameStyleOf } from './name-style.js';
import { partName } from '../part-names.js';
import { PROBE_TEXT, probeByWriting, type ProbeActs } from '../write-probe.js';
import { Root } from './root.js';

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NEW_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const GONE = ['ENOENT', 'ENOTDIR'];
/** What file systems without hard links (FAT, exFAT, some shares) answer to one. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

const CAPABILITIES: TargetCapabilities = {
  ...{ connections: 4, resume: true, stat: true, checksum: 'sha256', resend: false },
};
/** The calls of many files to a share would wait for each other, see guarded-file-system.ts; a local disk syncs them together. */
const LOCAL_CAPABILITIES: TargetCapabilities = { ...CAPABILITIES, smallFiles: 8 };

/** One upload under way. */
interface Upload {
  readonly file: Outgoing;
  /** Of both files, relative to the root. */
  readonly folder: string;
  /** Of the finished file. */
  readonly final: string;
  /** Of the unfinished one. */
  readonly part: string;
  readonly offset: number;
  readonly signal: AbortSignal;
  readonly events: WriteEvents;
}

/** A folder that files are copied into: as `<name>.<token>.part` until they are whole, on disk, and read back. */
export class DirectoryTarget implements Target {
  readonly availability: Observable<Availability>;
  readonly #root: Root;
  readonly #device: string;
  readonly #clock: DeviceContext['clock'];
  readonly #folders: Folders;
  readonly #fileSystem: GuardedFileSystem;
  readonly #closed = new AbortController();

  /** @param path absolute @param timeout ms without an answer after which a mounted share counts as hanging */
  constructor(path: string, context: DeviceContext, timeout?: number) {
    const { name, clock } = context;
    this.#fileSystem = new GuardedFileSystem(path, context, timeout);
    this.#root = new Root(path, name, this.#fileSystem);
    this.#device = name;
    this.#clock = clock;
    this.#folders = new Folders(path, { calls: this.#fileSystem });
    const probe = () => this.#root.probe(constants.W_OK, true);
    this.availability = pollAvailability(probe, {
      clock,
      until: this.#closed.signal,
      again: this.#fileSystem.hangs,
    });
  }

  get capabilities(): TargetCapabilities {
    return this.#fileSystem.local ? LOCAL_CAPABILITIES : CAPABILITIES;
  }

  /** A finished file that is reported is on disk: a crash may have come before it was synced. */
  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    const [name, part] = [basename(path), basename(partName(path, token))];
    const asked = async (at: HeldFolder): Promise<TargetStat> => {
      const [done, unfinished] = await Promise.all([name, part].map(one => at.find(one, { signal })));
      if (!done) return { partial: unfinished?.size ?? 0 };
      if (done.isFile()) await unless(NOT_OURS, this.#settle(at, name, signal));
      // A crash between link and unlink has left both names.
      if (done.ino === unfinished?.ino) await at.do(entry => unlink(entry(part)), { signal });
      return { size: done.size, partial: 0 };
    };
    const inFolder = () => this.#folders.in(dirname(path), asked, { signal, durable: true });
    return this.#do('stat', path, signal, async () => (await unless(GONE, inFolder())) ?? { partial: 0 });
  }

  /** Syncs the file and its folders: it counts as delivered then, and a crash may have come before the sync. */
  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    const computed = async (at: HeldFolder) => {
      await using handle = await this.#fileSystem.open(at, basename(path), READ_FLAGS, signal);
      const checksum = await checksumOf(fileBytes(handle, 0, signal), 'sha256');
      await handle.sync();
      await at.sync(signal);
      return checksum;
    };
    return this.#do('checksum', path, signal, () =>
      this.#folders.in(dirname(path), computed, { signal, durable: true }),
    );
  }

  async write(...[file, path, offset, signal, events]: Parameters<Target['write']>): Promise<Receipt> {
    const [folder, final, part] = [dirname(path), basename(path), basename(partName(path, file.token))];
    const upload = { file, folder, final, part, offset, signal, events };
    return this.#do('write', path, signal, async () => {
      // The calls that complete the file find the folder open.
      await using at = await this.#folders.hold(folder, { signal, make: true });
      await this.#fill(upload, at);
      await events.committing();
      await this.#in(upload, now => this.#publish(upload, now));
      return { location: this.#absolute(upload, final), verified: 'hash' };
    });
  }

  /** By the type of the file system. */
  names(path: string, signal: AbortSignal): Promise<NameStyle> {
    const asked = () => nameStyleOf(this.#root.path);
    return this.#do('write', path, signal, () => this.#fileSystem.do(asked, { signal }));
  }

  /** A root that is missing is made, and removed again unless a file has been put into it. */
  async probe(signal: AbortSignal): Promise<void> {
    const { path: root } = this.#root;
    const place = { device: this.#device, root, option: 'path', clock: this.#clock };
    const inRoot = <Value>(name: string, over: AbortSignal, use: (at: HeldFolder) => Promise<Value>) =>
      this.#do('probe', name, over, () => this.#folders.in('.', use, { signal: over }));
    const act = (name: string, over: AbortSignal, work: (entry: EntryPath) => Promise<void>) =>
      inRoot(name, over, at => at.do(work, { signal: over }));
    let made = false;
    const acts: ProbeActs = {
      write: async (name, over) => {
        made = await this.#makeMissingRoot(over);
        await inRoot(name, over, at => this.#writeProbe(at, name, over));
      },
      rename: (from, to, over) => act(from, over, entry => rename(entry(from), entry(to))),
      remove: (name, over) => act(name, over, entry => unlink(entry(name))),
    };
    try {
      await probeByWriting(acts, place, signal);
    } finally {
      if (made) await this.#fileSystem.do(() => rmdir(root)).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** Whether it was missing. */
  async #makeMissingRoot(signal: AbortSignal): Promise<boolean> {
    const { path } = this.#root;
    const making = this.#fileSystem.do(() => mkdir(path).then(() => true), { signal });
    const made = await unless(['EEXIST'], making).catch((error: unknown) => {
      throw this.#root.error(error, path, { operation: 'write' });
    });
    return made ?? false;
  }

  async #writeProbe(at: HeldFolder, name: string, signal: AbortSignal): Promise<void> {
    await using handle = await this.#fileSystem.open(at, name, NEW_FLAGS, signal, 0o666);
    await writeAll(handle, Buffer.from(PROBE_TEXT), 0);
    await handle.sync();
  }

  async #settle(at: HeldFolder, name: string, signal: AbortSignal): Promise<void> {
    await using handle = await this.#fileSystem.open(at, name, READ_FLAGS, signal);
    await handle.sync();
    await at.sync(signal);
  }

  #in<Value>({ folder, signal }: Upload, use: (at: HeldFolder) => Promise<Value>): Promise<Value> {
    return this.#folders.in(folder, use, { signal });
  }

  /** Writes the whole file under the part's name, syncs it, and verifies that the bytes read back are those sent. */
  async #fill(upload: Upload, at: HeldFolder): Promise<void> {
    const { file, signal } = upload;
    await using handle = await this.#openPart(upload, at);
    const sent = await this.#receive(upload, handle);
    await setModified(handle, file.source.modified);
    await handle.sync().catch((error: unknown) => this.#discardDropped(upload, error));
    const { value } = await checksumOf(fileBytes(handle, 0, signal, file.source.size), 'sha256');
    if (value === (file.sha256 ?? sent.hex())) return;
    await this.#discard(upload);
    const message = `${this.#absolute(upload, upload.part)}: its content differs from what was sent; it will be written again`;
    throw this.#error('corrupt', message);
  }

  async #openPart({ folder, final, part, signal }: Upload, at: HeldFolder): Promise<FileAccess> {
    if (await at.find(final, { signal })) throw this.#exists(join(this.#root.path, folder, final));
    const open = (flags: number) => this.#fileSystem.open(at, part, flags, signal, 0o666);
    return at.openOwn(part, open, { signal });
  }

  #discard(upload: Upload): Promise<void> {
    const { part, signal } = upload;
    return this.#in(upload, at => at.do(entry => unlink(entry(part)), { signal }));
  }

  /**
   * After a failed sync the kernel drops the bytes, and a later sync would succeed without them: the part is removed.
   */
  async #discardDropped(upload: Upload, error: unknown): Promise<never> {
    if (codeOf(error) !== undefined) await this.#discard(upload).catch(() => undefined);
    throw error;
  }

  /** Writes the file's bytes and returns their digest. */
  async #receive(upload: Upload, handle: FileAccess): Promise<Digest> {
    const { file, offset, signal, events } = upload;
    const digest = newDigest('sha256');
    await this.#keep(handle, upload, file.sha256 === undefined ? digest : undefined);
    let position = offset;
    const handover = { device: this.#device, progress: (bytes: number) => events.progress(bytes) };
    for await (const chunk of outgoingBytes(file, offset, handover)) {
      throwIfAborted(signal);
      const writing = appendAll(handle, chunk, position);
      if (file.sha256 === undefined) digest.update(chunk);
      await writing;
      position += chunk.length;
    }
    throwIfAborted(signal);
    return digest;
  }

  /** Truncates the part to `offset`, and adds its bytes to the digest, if there is one. */
  async #keep(handle: FileAccess, upload: Upload, digest: Digest | undefined): Promise<void> {
    const { offset, signal } = upload;
    const { size } = await handle.stat();
    if (size < offset) {
      const part = this.#absolute(upload, upload.part);
      throw this.#error('io', `${part} is shorter than it was: the file will be sent again`);
    }
    if (size > offset) await handle.truncate(offset);
    if (!digest || offset === 0) return;
    for await (const chunk of fileBytes(handle, 0, signal)) digest.update(chunk);
  }

  /** A hard link never replaces a file. Where links are unsupported, the name is checked right before the rename. */
  async #publish(upload: Upload, at: HeldFolder): Promise<void> {
    const { part, final, signal } = upload;
    const linking = at.do(entry => link(entry(part), entry(final)).then(() => true), { signal });
    const linked = await unless(['EEXIST', ...NO_LINKS], linking);
    if (!linked && (await at.find(final, { signal }))) {
      // The file is sent under another name: nothing would ever remove this part.
      await unless(GONE, this.#discard(upload));
      throw this.#exists(this.#absolute(upload, final));
    }
    const moved = (entry: EntryPath) => (linked ? unlink(entry(part)) : rename(entry(part), entry(final)));
    await at.do(moved, { signal });
    await at.sync(signal);
  }

  #absolute({ folder }: Upload, name: string): string {
    return join(this.#root.path, folder, name);
  }

  /** What the work throws becomes a FileSyncError. */
  async #do<Value>(
    operation: string,
    path: string,
    signal: AbortSignal,
    work: () => Promise<Value>,
  ): Promise<Value> {
    const details = { device: this.#device, operation, path };
    checkTargetPath(path, details);
    throwIfAborted(signal, details);
    try {
      return await work();
    } catch (thrown) {
      const error = await this.#root.fileError(thrown, path, operation);
      throw operation === 'write' ? whileWriting(error, path) : error;
    }
  }

  #exists(final: string): FileSyncError {
    return this.#error('exists', `${final}: a file of that name is there already`);
  }

  #error(kind: ErrorKind, message: string): FileSyncError {
    return new FileSyncError(kind, message, { device: this.#device, operation: 'write' });
  }
}
