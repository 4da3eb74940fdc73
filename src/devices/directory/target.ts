import { constants } from 'node:fs';
import { link, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Observable } from 'rxjs';
import { FileSyncError, throwIfAborted, type ErrorKind } from '../../errors.js';
import { checksumOf, newDigest, type Digest } from '../../local/digest.js';
import { codeOf, unless, whileWriting } from '../../local/disk-error.js';
import { fileBytes, setModified, writeAll } from '../../local/file-bytes.js';
import { Folders, syncFolder } from '../../local/folders.js';
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
import { pollAvailability } from '../availability.js';
import type { DeviceContext } from '../../config/definition.js';
import { outgoingBytes } from '../outgoing-bytes.js';
import { checkTargetPath } from '../target-path.js';
import { GuardedFileSystem } from './guarded-file-system.js';
import { partName } from '../part-names.js';
import { PROBE_TEXT, probeByWriting } from '../write-probe.js';
import { Root } from './root.js';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
/** What file systems without hard links (FAT, exFAT, some shares) answer to one. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** One upload under way. */
interface Upload {
  readonly file: Outgoing;
  /** Absolute, of the finished file. */
  readonly final: string;
  /** Absolute, of the unfinished one. */
  readonly part: string;
  readonly offset: number;
  readonly signal: AbortSignal;
  readonly events: WriteEvents;
}

/** A folder that files are copied into: as `<name>.<token>.part` until they are whole, on disk, and read back. */
export class DirectoryTarget implements Target {
  readonly capabilities: TargetCapabilities = {
    connections: 4,
    resume: true,
    stat: true,
    checksum: 'sha256',
    resend: false,
  };
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
    this.#folders = new Folders(path, () => this.#fileSystem.local);
    const probe = () => this.#root.probe(constants.W_OK, true);
    this.availability = pollAvailability(probe, {
      clock,
      until: this.#closed.signal,
      again: this.#fileSystem.hangs,
    });
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    return this.#do('stat', path, signal, async final => {
      const part = partName(final, token);
      const [done, unfinished] = await Promise.all(
        [final, part].map(name => this.#fileSystem.found(name, signal)),
      );
      // A crash between link and unlink has left both names.
      if (done && done.ino === unfinished?.ino) await this.#fileSystem.do(() => unlink(part), { signal });
      if (done) return { size: done.size, partial: 0 };
      return { partial: unfinished?.size ?? 0 };
    });
  }

  /** Syncs the file and its folder: it counts as delivered then, and a crash may have come before the sync. */
  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    return this.#do('checksum', path, signal, async final => {
      await using handle = await this.#fileSystem.open(final, O_RDONLY | O_NOFOLLOW, signal);
      const checksum = await checksumOf(fileBytes(handle, 0, signal), 'sha256');
      await handle.sync();
      await this.#fileSystem.do(() => syncFolder(dirname(final), this.#fileSystem.local), {
        signal,
        flushes: true,
      });
      return checksum;
    });
  }

  async write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt> {
    return this.#do('write', path, signal, async final => {
      const upload = { file, final, part: partName(final, file.token), offset, signal, events };
      if (await this.#fileSystem.found(final, signal)) throw this.#exists(final);
      await this.#makeFolders(path, signal);
      await this.#fill(upload);
      await events.committing();
      await this.#publish(upload);
      return { location: final, verified: 'hash' };
    });
  }

  /** A root that is missing is made, and removed again unless somebody has put a file into it. */
  async probe(signal: AbortSignal): Promise<void> {
    const { path: root } = this.#root;
    const place = { device: this.#device, root, option: 'path', clock: this.#clock };
    const act = (name: string, over: AbortSignal, work: (path: string) => Promise<void>) =>
      this.#do('probe', name, over, final => this.#fileSystem.do(() => work(final), { signal: over }));
    let made = false;
    try {
      await probeByWriting(
        {
          write: async (name, over) => {
            made = await this.#makeMissingRoot(over);
            await this.#do('write', name, over, final => this.#writeProbe(final, over));
          },
          rename: (from, to, over) => act(from, over, path => rename(path, join(root, to))),
          remove: (name, over) => act(name, over, unlink),
        },
        place,
        signal,
      );
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
    const making = () => mkdir(path).then(() => true);
    const made = unless(['EEXIST'], this.#fileSystem.do(making, { signal }));
    return (
      (await made.catch((error: unknown) => {
        throw this.#root.error(error, path, { operation: 'write' });
      })) ?? false
    );
  }

  async #writeProbe(path: string, signal: AbortSignal): Promise<void> {
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    await using handle = await this.#fileSystem.open(path, flags, signal, 0o666);
    await writeAll(handle, Buffer.from(PROBE_TEXT), 0);
    await handle.sync();
  }

  async #makeFolders(path: string, signal: AbortSignal): Promise<void> {
    const makeRoot = () => this.#folders.makeRoot({ recursive: false });
    await this.#fileSystem.do(makeRoot, { signal }).catch((error: unknown) => {
      throw this.#root.error(error, this.#root.path, { operation: 'write', path });
    });
    await this.#fileSystem.do(() => this.#folders.make(dirname(path)), { signal, flushes: true });
  }

  /** Writes the whole file under the part's name, syncs it, and verifies that the bytes read back are those sent. */
  async #fill(upload: Upload): Promise<void> {
    const { part, file, signal } = upload;
    await using handle = await this.#fileSystem.open(part, O_RDWR | O_CREAT | O_NOFOLLOW, signal, 0o666);
    const sent = await this.#receive(upload, handle);
    await setModified(handle, file.source.modified);
    await handle.sync().catch((error: unknown) => this.#discardDropped(upload, error));
    const { value } = await checksumOf(fileBytes(handle, 0, signal, file.source.size), 'sha256');
    if (value === (file.sha256 ?? sent.hex())) return;
    await this.#fileSystem.do(() => unlink(part), { signal });
    throw this.#error('corrupt', `${part}: its content differs from what was sent; it will be written again`);
  }

  /**
   * After a failed sync the kernel drops the bytes, and a later sync would succeed without them: the part is removed.
   */
  async #discardDropped({ part, signal }: Upload, error: unknown): Promise<never> {
    if (codeOf(error) !== undefined)
      await this.#fileSystem.do(() => unlink(part), { signal }).catch(() => undefined);
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
      const writing = writeAll(handle, chunk, position);
      if (file.sha256 === undefined) digest.update(chunk);
      await writing;
      position += chunk.length;
    }
    throwIfAborted(signal);
    return digest;
  }

  /** Truncates the part to `offset`, and adds its bytes to the digest, if there is one. */
  async #keep(
    handle: FileAccess,
    { part, offset, signal }: Upload,
    digest: Digest | undefined,
  ): Promise<void> {
    const { size } = await handle.stat();
    if (size < offset) throw this.#error('io', `${part} is shorter than it was: the file will be sent again`);
    if (size > offset) await handle.truncate(offset);
    if (!digest || offset === 0) return;
    for await (const chunk of fileBytes(handle, 0, signal)) digest.update(chunk);
  }

  /** A hard link never replaces a file. Where links are unsupported, the name is checked right before the rename. */
  async #publish({ part, final, signal }: Upload): Promise<void> {
    const linked = await unless(
      ['EEXIST', ...NO_LINKS],
      this.#fileSystem.do(() => link(part, final).then(() => true), { signal }),
    );
    if (!linked && (await this.#fileSystem.found(final, signal))) throw this.#exists(final);
    await this.#fileSystem.do(() => (linked ? unlink(part) : rename(part, final)), { signal });
    await this.#fileSystem.do(() => syncFolder(dirname(final), this.#fileSystem.local), {
      signal,
      flushes: true,
    });
  }

  /** `work` receives the absolute name; what it throws becomes a FileSyncError. */
  async #do<Value>(
    operation: string,
    path: string,
    signal: AbortSignal,
    work: (final: string) => Promise<Value>,
  ): Promise<Value> {
    const details = { device: this.#device, operation, path };
    checkTargetPath(path, details);
    throwIfAborted(signal, details);
    try {
      return await work(join(this.#root.path, path));
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
