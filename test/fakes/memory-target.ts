import { BehaviorSubject } from 'rxjs';
import { checkTargetPath } from '../../src/devices/target-path.js';
import { FileSyncError, throwIfAborted } from '../../src/errors.js';
import type {
  Availability,
  Checksum,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  WriteEvents,
} from '../../src/ports.js';
import { checksumOf } from '../conformance/support.js';

export type TargetOperation = 'stat' | 'checksum' | 'write' | 'commit' | 'probe';

export interface MemoryTargetOptions {
  readonly capabilities?: Partial<TargetCapabilities>;
  /**
   * Called before each operation, before each piece of a write, and (`commit`) once the whole file is there but not
   * visible; what it throws is the device's error.
   */
  readonly before?: (operation: TargetOperation, path: string, offset: number) => void | Promise<void>;
}

/** A target whose files are in memory. */
export class MemoryTarget implements Target {
  readonly capabilities: TargetCapabilities;
  readonly availability = new BehaviorSubject<Availability>({
    available: true,
    reason: 'in memory',
    armed: false,
  });
  /** Finished files by path. */
  readonly files = new Map<string, Buffer>();
  /** Every write that began, in order. */
  readonly writes: { path: string; offset: number; description: string }[] = [];
  readonly #parts = new Map<string, Buffer>();
  readonly #before: NonNullable<MemoryTargetOptions['before']>;

  constructor({ capabilities, before = () => undefined }: MemoryTargetOptions = {}) {
    const all = { connections: 1, resume: true, stat: true, checksum: 'sha256', resend: false } as const;
    this.capabilities = { ...all, ...capabilities };
    this.#before = before;
  }

  /** Names of the unfinished uploads. */
  get unfinished(): string[] {
    return [...this.#parts.keys()];
  }

  /** Holds what another one holds, as a server does that is asked by the next process. */
  inherit(other: MemoryTarget, change = (part: Buffer) => part): void {
    for (const [path, bytes] of other.files) this.files.set(path, bytes);
    for (const [name, part] of other.#parts) this.#parts.set(name, change(Buffer.from(part)));
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    if (!this.capabilities.stat) throw unsupported('stat');
    await this.#enter('stat', path, signal);
    const size = this.files.get(path)?.length;
    const partial = this.#parts.get(partName(path, token))?.length ?? 0;
    return size === undefined ? { partial } : { size, partial };
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    if (!this.capabilities.checksum) throw unsupported('checksum');
    await this.#enter('checksum', path, signal);
    const bytes = this.files.get(path);
    if (!bytes) throw new FileSyncError('not-found', `${path} is not there`, { path });
    return checksumOf(this.capabilities.checksum, bytes);
  }

  async write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt> {
    if (offset > 0 && !this.capabilities.resume) throw unsupported('write from an offset');
    await this.#enter('write', path, signal, offset);
    if (this.files.has(path)) throw new FileSyncError('exists', `${path} is there already`, { path });
    this.writes.push({ path, offset, description: file.description });
    const bytes = await this.#receive(file, path, offset, signal, events);
    const verified = file.readBack ? this.#readBack(file, path, bytes) : 'size';
    await events.committing();
    await this.#before('commit', path, bytes.length);
    this.files.set(path, bytes);
    this.#parts.delete(partName(path, file.token));
    return { location: path, verified };
  }

  async probe(signal: AbortSignal): Promise<void> {
    await this.#enter('probe', '.filesync-probe', signal);
  }

  async close(): Promise<void> {
    this.availability.complete();
  }

  async #receive(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Buffer> {
    const name = partName(path, file.token);
    let part = this.#parts.get(name) ?? Buffer.alloc(0);
    if (offset > part.length)
      throw new FileSyncError('protocol', `${path}: no part of that length`, { path });
    part = part.subarray(0, offset);
    events.progress(offset);
    for await (const chunk of file.open(offset)) {
      await this.#enter('write', path, signal, part.length);
      part = Buffer.concat([part, chunk]);
      if (this.capabilities.resume) this.#parts.set(name, part);
      events.progress(part.length);
    }
    if (part.length !== file.source.size)
      throw new FileSyncError('changed', `${path}: another size`, { path });
    return part;
  }

  #readBack({ sha256, token }: Outgoing, path: string, bytes: Buffer): 'hash' {
    if (checksumOf('sha256', bytes).value === sha256) return 'hash';
    this.#parts.delete(partName(path, token));
    throw new FileSyncError('corrupt', `${path}: other bytes than those of the source`, { device: 'memory' });
  }

  async #enter(operation: TargetOperation, path: string, signal: AbortSignal, offset = 0): Promise<void> {
    checkTargetPath(path);
    throwIfAborted(signal);
    await new Promise(resolve => setImmediate(resolve));
    await this.#before(operation, path, offset);
    throwIfAborted(signal);
  }
}

const partName = (path: string, token: string) => `${path}.${token}.part`;
const unsupported = (what: string) => new FileSyncError('unsupported', `this memory cannot ${what}`);
