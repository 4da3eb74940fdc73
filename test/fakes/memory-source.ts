import { BehaviorSubject, Subject, type Observable } from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../src/errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  Source,
  SourceCapabilities,
  SourceFile,
} from '../../src/ports.js';
import { checksumOf } from '../conformance/support.js';

export type SourceOperation = 'list' | 'read' | 'checksum' | 'remove';

export interface MemorySourceOptions {
  readonly capabilities?: Partial<SourceCapabilities>;
  /** Bytes in one piece of a read. */
  readonly piece?: number;
  /** Tells when it has changed. */
  readonly hints?: boolean;
  /** Called before each operation and before each piece of a read; what it throws is the device's error. */
  /** Can look at the changes alone. */
  readonly changes?: boolean;
  readonly before?: (operation: SourceOperation, path: string, offset: number) => void | Promise<void>;
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly modified: number;
}

const PIECE = 4096;

/** A source whose files are in memory. */
export class MemorySource implements Source {
  readonly capabilities: SourceCapabilities;
  readonly availability = new BehaviorSubject<Availability>({
    available: true,
    reason: 'in memory',
    armed: false,
  });
  /** The hand that gives hints, if the options say so. */
  readonly hints = new Subject<void>();
  readonly changes?: Observable<void>;
  /** Every read that began, in order. */
  readonly reads: { path: string; offset: number }[] = [];
  /** Bytes of all reads. */
  bytesRead = 0;
  /** Each look: at everything, or the paths that were asked for in a look at the changes. */
  readonly looks: ('everything' | readonly string[])[] = [];
  readonly listChanges?: NonNullable<Source['listChanges']>;
  readonly #files = new Map<string, Stored>();
  /** Put since the last look; undefined if only a whole listing can tell what there is. */
  #touched: Set<string> | undefined;
  readonly #before: NonNullable<MemorySourceOptions['before']>;
  readonly #piece: number;
  #rootIsThere = true;
  #time = Date.UTC(2026, 0, 1);

  constructor(options: MemorySourceOptions = {}) {
    const { capabilities, changes = false, hints = false, piece = PIECE, before = () => undefined } = options;
    if (changes) this.listChanges = (unsettled, signal) => this.#listChanges(unsettled, signal);
    if (hints) this.changes = this.hints;
    this.#piece = piece;
    this.capabilities = { connections: 1, resume: true, checksum: 'sha256', remove: true, ...capabilities };
    this.#before = before;
  }

  // ---- the hand that changes what lies there

  put(path: string, bytes: Uint8Array, modified = this.#time++): void {
    this.#files.set(path, { bytes: Uint8Array.from(bytes), modified });
    this.#touched?.add(path);
  }

  take(path: string): void {
    this.#files.delete(path);
    this.#touched = undefined;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  loseRoot(): void {
    this.#rootIsThere = false;
  }

  // ---- the port

  async *list(signal: AbortSignal): AsyncIterable<SourceFile> {
    this.#touched = undefined;
    this.looks.push('everything');
    await this.#mustList(signal);
    for (const [path, { bytes, modified }] of [...this.#files]) {
      throwIfAborted(signal);
      yield { path, size: bytes.length, modified };
    }
    this.#touched = new Set();
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    if (offset > 0 && !this.capabilities.resume) throw unsupported('read from an offset');
    this.reads.push({ path: file.path, offset });
    let position = offset;
    do {
      await this.#enter('read', file.path, signal, position);
      const { bytes } = this.#find(file);
      if (bytes.length !== file.size || position > bytes.length) throw changed(file);
      const piece = bytes.slice(position, position + this.#piece);
      position += piece.length;
      this.bytesRead += piece.length;
      if (piece.length > 0) yield piece;
    } while (position < file.size);
    if (this.#find(file).bytes.length !== file.size) throw changed(file);
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    if (!this.capabilities.checksum) throw unsupported('checksum');
    await this.#enter('checksum', file.path, signal);
    return checksumOf(this.capabilities.checksum, this.#find(file).bytes);
  }

  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    if (!this.capabilities.remove) throw unsupported('remove');
    await this.#enter('remove', file.path, signal);
    const stored = this.#files.get(file.path);
    if (!stored) return;
    if (stored.bytes.length !== file.size || stored.modified !== file.modified) throw changed(file);
    this.#files.delete(file.path);
  }

  async close(): Promise<void> {
    this.availability.complete();
    this.hints.complete();
  }

  async #listChanges(unsettled: readonly string[], signal: AbortSignal): Promise<SourceFile[] | undefined> {
    const touched = this.#touched;
    this.#touched = undefined;
    this.looks.push(unsettled);
    await this.#mustList(signal);
    if (!touched || unsettled.some(path => !this.#files.has(path))) return undefined;
    this.#touched = new Set();
    const paths = [...new Set([...unsettled, ...touched])];
    return paths.flatMap(path => {
      const stored = this.#files.get(path);
      return stored ? [{ path, size: stored.bytes.length, modified: stored.modified }] : [];
    });
  }

  async #mustList(signal: AbortSignal): Promise<void> {
    await this.#enter('list', '', signal);
    if (!this.#rootIsThere) throw new FileSyncError('unavailable', 'the memory is gone');
  }

  async #enter(operation: SourceOperation, path: string, signal: AbortSignal, offset = 0): Promise<void> {
    throwIfAborted(signal);
    await new Promise(resolve => setImmediate(resolve));
    await this.#before(operation, path, offset);
    throwIfAborted(signal);
  }

  #find({ path }: SourceFile): Stored {
    const stored = this.#files.get(path);
    if (!stored) throw new FileSyncError('not-found', `${path} is gone`, { path });
    return stored;
  }
}

const changed = ({ path }: SourceFile) => new FileSyncError('changed', `${path} has changed`, { path });
const unsupported = (what: string) => new FileSyncError('unsupported', `this memory cannot ${what}`);
