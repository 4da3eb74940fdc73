import type { Observable } from 'rxjs';
import type {
  Availability,
  ByteStream,
  Checksum,
  Source,
  SourceCapabilities,
  SourceFile,
  Space,
  Writers,
} from '../../ports.js';
import type { DeviceContext } from '../../config/definition.js';
import { DirectorySource } from '../directory/source.js';
import { FolderWatches } from '../directory/watches.js';
import type { Drive } from './drive.js';
import { DriveEnd } from './drive-end.js';

const IF_SAME =
  'if a camera writes to the drive meanwhile, set remount: each-scan; where another program mounts it, mount it again';

/** The files of a drive, wherever it is mounted. The drive is mounted read-only until a file is to be removed. */
export class DiskSource implements Source {
  readonly capabilities: SourceCapabilities;
  readonly availability: Observable<Availability>;
  readonly changes: Observable<void>;
  readonly #closed = new AbortController();
  readonly #end: DriveEnd<DirectorySource>;

  constructor(drive: Drive, context: DeviceContext) {
    const watches = new FolderWatches(context, this.#closed.signal);
    const { timeout } = drive;
    const folderAt = (path: string) =>
      new DirectorySource(path, context, { watches, timeout, ifSame: IF_SAME });
    this.changes = watches.changes;
    this.capabilities = folderAt('/').capabilities;
    this.#end = new DriveEnd(drive, 'read', context, folderAt, folder => folder.note);
    this.availability = this.#end.availability;
  }

  list(signal: AbortSignal): AsyncIterable<SourceFile> {
    return this.#end.stream(folder => folder.list(signal), '', signal, 'list');
  }

  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    return this.#end.stream(folder => folder.read(file, offset, signal), file.path, signal, 'read');
  }

  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    return this.#end.do(folder => folder.checksum(file, signal), file.path, signal, 'checksum');
  }

  remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    return this.#end.do(folder => folder.remove(file, signal), file.path, signal, 'remove', 'write');
  }

  writers(paths: readonly string[], signal: AbortSignal): Promise<Writers> {
    return this.#end.do(folder => folder.writers(paths, signal), '', signal, 'stat');
  }

  space(signal: AbortSignal): Promise<Space> {
    return this.#end.do(folder => folder.space(signal), '', signal, 'stat');
  }

  /** The UUID of its file system: a card reader keeps its serial number, whatever card is in it. */
  async volume(signal: AbortSignal): Promise<string | undefined> {
    const { uuid, serial } = await this.#end.drive(signal);
    return uuid ?? serial;
  }

  close(): Promise<void> {
    this.#closed.abort();
    return this.#end.close();
  }
}
