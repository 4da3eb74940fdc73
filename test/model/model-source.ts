import { BehaviorSubject } from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../src/errors.js';
import type {
  Availability,
  ByteStream,
  Checksum,
  FileRecord,
  Source,
  SourceCapabilities,
  SourceFile,
  Space,
} from '../../src/ports.js';
import { checksumOf } from '../conformance/support.js';
import type { Drive, Stored } from './drive.js';
import type { ProcessLife } from './process-life.js';

export const PIECE = 1000;
/** Bytes that the medium holds. */
const MEDIUM = 30_000;

export interface SourceSetting {
  readonly name: string;
  readonly drive: Drive;
  readonly life: ProcessLife;
  /** Like a vehicle: lists no times, and computes a CRC-32. Otherwise a folder that only rereads. */
  readonly isVehicle: boolean;
  /** Takes the time of one operation. */
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** Told what is about to be done, at the very moment. */
  readonly watch: (operation: 'list' | 'read' | 'checksum' | 'remove', file?: SourceFile) => void;
}

/** A source as one process sees it. */
export class ModelSource implements Source {
  readonly capabilities: SourceCapabilities;
  readonly availability: BehaviorSubject<Availability>;
  readonly #setting: SourceSetting;

  constructor(setting: SourceSetting) {
    this.#setting = setting;
    const own = setting.isVehicle
      ? ({ connections: 1, checksum: 'crc32-mavlink' } as const)
      : ({ connections: 2, checksum: 'sha256', checksumRereads: true } as const);
    this.capabilities = { resume: true, remove: true, ...own };
    this.availability = new BehaviorSubject(this.#state());
  }

  /** What is known of the device has changed. */
  refreshAvailability(): void {
    this.availability.next(this.#state());
  }

  async *list(signal: AbortSignal): AsyncIterable<SourceFile> {
    await this.#enter('list', signal);
    const files = this.#setting.drive.list(!this.#setting.isVehicle);
    // What is told is not new any more.
    await this.#step(signal);
    await this.#step(signal);
    yield* files;
    await this.#setting.life.alive();
  }

  async *read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream {
    await this.#enter('read', signal, file);
    const opened = this.#find(file);
    this.#mustBeSame(file, opened);
    for (let position = offset; position < file.size; position += PIECE) {
      await this.#step(signal);
      const { bytes } = this.#setting.isVehicle ? this.#find(file) : opened;
      if (bytes.length !== file.size) throw this.#changed(file);
      yield this.#damaged(bytes.subarray(position, position + PIECE));
    }
    await this.#step(signal);
    this.#mustBeSame(file, this.#find(file));
    if (!this.#setting.isVehicle && this.#find(file) !== opened) throw this.#changed(file);
  }

  async checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum> {
    await this.#enter('checksum', signal, file);
    return checksumOf(this.capabilities.checksum || 'sha256', this.#find(file).bytes);
  }

  async remove(file: SourceFile, signal: AbortSignal): Promise<void> {
    const { drive, watch } = this.#setting;
    await this.#step(signal);
    const stored = drive.files.get(file.path);
    if (!stored) return;
    this.#mustBeSame(file, stored);
    watch('remove', file);
    drive.take(file.path);
    await this.#step(signal);
  }

  async space(signal: AbortSignal): Promise<Space> {
    await this.#step(signal);
    const used = [...this.#setting.drive.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    return { free: MEDIUM - used, total: MEDIUM };
  }

  async close(): Promise<void> {
    this.availability.complete();
  }

  #state(): Availability {
    const { available, armed } = this.#setting.drive;
    return { available, armed, reason: available ? 'it answers' : 'it does not answer: switch it on' };
  }

  async #enter(operation: 'list' | 'read' | 'checksum', signal: AbortSignal, file?: SourceFile) {
    throwIfAborted(signal);
    this.#setting.watch(operation, file);
    await this.#step(signal);
    const { drive, name } = this.#setting;
    if (drive.failing === 0) return;
    drive.failing -= 1;
    throw new FileSyncError('timeout', `${name} did not answer`, { device: name });
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { drive, life, pass, name } = this.#setting;
    throwIfAborted(signal);
    await life.turn();
    await pass(signal);
    throwIfAborted(signal);
    if (!drive.available) throw new FileSyncError('unavailable', `${name} is gone`, { device: name });
  }

  #damaged(piece: Buffer): Buffer {
    const { drive, isVehicle } = this.#setting;
    if (drive.corrupt === 0 || !isVehicle || piece.length === 0) return piece;
    drive.corrupt -= 1;
    const copy = Buffer.from(piece);
    copy[0] = (copy[0] ?? 0) ^ 1;
    return copy;
  }

  #find({ path }: SourceFile): Stored {
    const stored = this.#setting.drive.files.get(path);
    if (stored) return stored;
    const { name } = this.#setting;
    throw new FileSyncError('not-found', `${path} is gone`, { device: name, path });
  }

  #mustBeSame(file: SourceFile, { bytes, modified }: Stored): void {
    const time = modified + this.#setting.drive.shift;
    if (bytes.length !== file.size || (file.modified !== undefined && file.modified !== time))
      throw this.#changed(file);
  }

  #changed({ path }: SourceFile): FileSyncError {
    const { name } = this.#setting;
    return new FileSyncError('changed', `${path} has changed on ${name}`, { device: name, path });
  }
}

/** Sources are given whole records. */
export const recordOf = (file: SourceFile): FileRecord => file as FileRecord;
