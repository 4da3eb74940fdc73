import { BehaviorSubject } from 'rxjs';
import { FileSyncError, throwIfAborted } from '../../src/errors.js';
import type {
  Availability,
  Checksum,
  FileRecord,
  Outgoing,
  Receipt,
  Target,
  TargetCapabilities,
  TargetStat,
  WriteEvents,
} from '../../src/ports.js';
import { checksumOf } from '../conformance/support.js';
import { recordOf } from './model-source.js';
import type { ProcessLife } from './process-life.js';

/** What goes wrong with the next write: at its beginning, in its middle, or once the file is there. */
export type Fault = 'busy' | 'refused' | 'broken' | 'timeout' | 'lost answer';

export interface Held {
  readonly bytes: Buffer;
  readonly id: string;
  readonly device: string;
  /** On the source. */
  readonly from: string;
}

/** The files on a server, apart from any connection to it. */
export class Shelf {
  /** Finished files, by path; of a server that gives them no names, by number. */
  readonly files = new Map<string, Held>();
  readonly parts = new Map<string, Buffer>();
  available = true;
  faults: Fault[] = [];
}

export interface TargetSetting {
  readonly name: string;
  readonly shelf: Shelf;
  readonly life: ProcessLife;
  readonly capabilities: Pick<TargetCapabilities, 'stat' | 'checksum' | 'resume'>;
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** Told at the very moment when a write begins. */
  readonly onWrite: (record: FileRecord) => void;
  /** Told at the very moment when the file is there. */
  readonly onHeld: (held: Held) => void;
}

/** A target as one process sees it. */
export class ModelTarget implements Target {
  readonly capabilities: TargetCapabilities;
  readonly availability: BehaviorSubject<Availability>;
  readonly #setting: TargetSetting;

  constructor(setting: TargetSetting) {
    this.#setting = setting;
    this.capabilities = { connections: 2, resend: false, ...setting.capabilities };
    this.availability = new BehaviorSubject(this.#state());
  }

  refreshAvailability(): void {
    this.availability.next(this.#state());
  }

  async stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat> {
    if (!this.capabilities.stat) throw this.#error('unsupported', 'cannot be asked what it holds');
    await this.#step(signal);
    const { shelf } = this.#setting;
    const size = shelf.files.get(path)?.bytes.length;
    const partial = shelf.parts.get(`${path} ${token}`)?.length ?? 0;
    return { partial, ...(size !== undefined && { size }) };
  }

  async checksum(path: string, signal: AbortSignal): Promise<Checksum> {
    if (!this.capabilities.checksum) throw this.#error('unsupported', 'cannot compute a checksum');
    await this.#step(signal);
    const held = this.#setting.shelf.files.get(path);
    if (!held) throw this.#error('not-found', `has no ${path}`);
    return checksumOf('sha256', held.bytes);
  }

  async write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt> {
    const { shelf, onWrite } = this.#setting;
    throwIfAborted(signal);
    onWrite(recordOf(file.source));
    await this.#step(signal);
    const fault = shelf.faults.shift();
    if (fault === 'busy') throw this.#error('busy', 'is overloaded');
    if (fault === 'refused')
      throw this.#error('rejected', 'refuses the file: correct it, then `filesync retry`');
    this.#mustBeFree(path);
    const bytes = this.capabilities.stat
      ? await this.#receive({ file, path, offset, signal, events, fault })
      : await this.#receiveBody(file, signal, events, fault);
    const verified = file.readBack ? this.#readBack(file, path, bytes) : 'size';
    if (this.capabilities.stat) await events.committing();
    await this.#step(signal, 'answer');
    if (fault === 'timeout') throw this.#unanswered();
    // Like FTP, which cannot rename without replacing: the name is looked at right before.
    this.#mustBeFree(path);
    await this.#setting.life.turn();
    this.#hold(file, path, bytes);
    await this.#step(signal, 'answer');
    if (fault !== 'lost answer')
      return { location: path, verified: this.capabilities.stat ? verified : 'reply' };
    throw this.#unanswered();
  }

  async close(): Promise<void> {
    this.availability.complete();
  }

  /** Bytes that came in earlier attempts stay under the token. */
  async #receive({ file, path, offset, signal, events, fault }: Receiving): Promise<Buffer> {
    const { parts } = this.#setting.shelf;
    const key = `${path} ${file.token}`;
    const before = parts.get(key) ?? Buffer.alloc(0);
    if (offset > before.length) throw this.#error('protocol', `has no such part of ${path}`);
    let part = before.subarray(0, offset);
    events.progress(offset);
    for await (const chunk of file.open(offset)) {
      await this.#step(signal);
      part = Buffer.concat([part, chunk]);
      if (this.capabilities.resume) parts.set(key, part);
      events.progress(part.length);
      if (fault === 'broken') throw this.#error('unavailable', 'closed the connection (connection reset)');
    }
    if (part.length === file.source.size) return part;
    throw this.#error('changed', `got ${part.length} bytes of ${path}`);
  }

  /** The last byte goes only when the record says that the file may arrive. */
  async #receiveBody(
    file: Outgoing,
    signal: AbortSignal,
    events: WriteEvents,
    fault: Fault | undefined,
  ): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of file.open(0)) {
      await this.#step(signal);
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      events.progress(length);
      if (fault === 'broken') throw this.#error('unavailable', 'closed the connection (connection reset)');
    }
    if (length !== file.source.size) throw this.#error('changed', `got ${length} bytes`);
    await events.committing();
    return Buffer.concat(chunks);
  }

  #readBack({ sha256, token }: Outgoing, path: string, bytes: Buffer): 'hash' {
    if (checksumOf('sha256', bytes).value === sha256) return 'hash';
    this.#setting.shelf.parts.delete(`${path} ${token}`);
    throw this.#error('corrupt', `${path}: other bytes than those of the source`);
  }

  #hold(file: Outgoing, path: string, bytes: Buffer): void {
    const { shelf, onHeld } = this.#setting;
    const { id, device, path: from } = recordOf(file.source);
    const held: Held = { bytes: Buffer.from(bytes), id, device, from };
    shelf.files.set(this.capabilities.stat ? path : `${shelf.files.size} ${path}`, held);
    shelf.parts.delete(`${path} ${file.token}`);
    onHeld(held);
  }

  async #step(signal: AbortSignal, what?: 'answer'): Promise<void> {
    const { life, pass, shelf } = this.#setting;
    throwIfAborted(signal);
    await life.turn();
    await pass(signal);
    throwIfAborted(signal);
    if (shelf.available) return;
    throw what === 'answer' ? this.#unanswered() : this.#error('unavailable', 'is gone');
  }

  /** A server that gives files no names takes every one. */
  #mustBeFree(path: string): void {
    const isTaken = this.capabilities.stat && this.#setting.shelf.files.has(path);
    if (isTaken) throw this.#error('exists', `has ${path} already`);
  }

  #unanswered(): FileSyncError {
    if (this.capabilities.stat) return this.#error('timeout', 'did not answer');
    return this.#error('lost-answer', 'did not answer: look there, then `filesync retry` sends it again');
  }

  #state(): Availability {
    const { available } = this.#setting.shelf;
    return { available, armed: false, reason: available ? 'it answers' : 'no route: check the network' };
  }

  #error(kind: ConstructorParameters<typeof FileSyncError>[0], what: string): FileSyncError {
    const { name } = this.#setting;
    return new FileSyncError(kind, `${name} ${what}`, { device: name });
  }
}

interface Receiving {
  readonly file: Outgoing;
  readonly path: string;
  readonly offset: number;
  readonly signal: AbortSignal;
  readonly events: WriteEvents;
  readonly fault: Fault | undefined;
}
