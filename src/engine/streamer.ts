import { FileSyncError, fromOrigin, toFileSyncError } from '../errors.js';
import { StreamHasher, type Proof } from '../local/stream-hasher.js';
import type { FileRecord, Outgoing, Receipt, Source, Target } from '../ports.js';
import type { TemplateContext } from '../rules/template-context.js';
import type { DeviceRegistry } from './devices.js';
import { tokenOf } from '../record/identity.js';
import type { Outcome } from '../record/events.js';
import type { Records } from '../record/records.js';
import { isOpen } from '../record/state.js';
import type { Progressed, StepWorker, Step } from './steps.js';
import { refuseOtherBytes } from '../record/other-bytes.js';
import { recordSame } from '../record/same-file.js';
import type { Transfer, Uploader, Write } from './uploader.js';

/** Acquires both ends, then calls `work` with them. */
export type UseBoth = <Value>(
  source: Source,
  target: Target,
  signal: AbortSignal,
  work: (source: Source, target: Target) => Promise<Value>,
) => Promise<Value>;

export interface StreamerParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly uploader: Uploader;
  readonly templates: TemplateContext;
  readonly installation?: string;
  readonly useBoth: UseBoth;
  /** A file of that source differs from its listing: a full scan is due. */
  readonly invalidate: (device: string) => void;
}

/** Copies files from their source to each target without a local copy: the source is read once for each target. */
export class Streamer implements StepWorker {
  readonly #parts: StreamerParts;
  readonly #hashers = new Map<string, StreamHasher>();

  constructor(parts: StreamerParts) {
    this.#parts = parts;
  }

  async run(step: Step, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const { id, key, target: name = '' } = step;
    const record = this.#parts.records.get(id);
    const delivery = record?.targets[name];
    if (!record || !delivery || !isOpen(delivery)) return;
    const hasher = this.#hashers.get(key) ?? new StreamHasher(record, false);
    this.#hashers.set(key, hasher);
    const about = await this.#parts.templates.about(record);
    const transfer = new StreamTransfer(this.#parts, hasher, this.#ends(record, name), {
      ...{ record, name, signal, progressed, about },
    });
    try {
      await transfer.begin();
      if (!(await this.#recognise(record, transfer))) await this.#parts.uploader.deliver(transfer);
      this.#hashers.delete(key);
    } catch (error) {
      this.#handleFailure(step, record, hasher, toFileSyncError(error));
    }
  }

  failed(step: Step, error: FileSyncError, outcome: Outcome, last: boolean): void {
    if (last || !this.#parts.records.get(step.id)) this.#hashers.delete(step.key);
    this.#parts.uploader.failed(step, error, outcome, last);
  }

  /** A file that may be the same as an earlier one is read for its hash before it is sent. */
  async #recognise(record: FileRecord, transfer: StreamTransfer): Promise<boolean> {
    const { records } = this.#parts;
    const { id, like } = record;
    const earlier = like === undefined ? undefined : records.get(like);
    if (!earlier) return false;
    const proof = await transfer.finalHash();
    if (proof.sha256 !== earlier.sha256) return !records.apply(id, { type: 'Distinguished' });
    await recordSame(records, undefined, record, earlier, proof);
    const delivery = records.get(id)?.targets[transfer.name];
    return delivery === undefined || delivery.state === 'done';
  }

  #ends(record: FileRecord, name: string): Ends {
    const source = this.#parts.registry.source(record.device);
    const target = this.#parts.registry.target(name);
    if (source && target) return { source, target };
    const missing = source ? name : record.device;
    throw new FileSyncError('unavailable', `${missing} is not in the configuration`);
  }

  /** Throws the source's own error, if it failed, instead of the error that the target reported because of that. */
  #handleFailure({ key, id }: Step, record: FileRecord, hasher: StreamHasher, thrown: FileSyncError): void {
    const { records, invalidate } = this.#parts;
    const error = hasher.failure ?? thrown;
    if (error.kind === 'corrupt') {
      this.#hashers.set(key, new StreamHasher(record, true));
      if (hasher.failure) records.apply(id, { type: 'Mismatched', reason: error.message });
    }
    const gone = hasher.failure?.kind === 'not-found';
    if (gone || hasher.failure?.kind === 'changed') invalidate(record.device);
    if (gone) records.apply(id, { type: 'FetchFailed', reason: error.message, outcome: 'gone' });
    throw gone ? new FileSyncError('changed', error.message) : error;
  }
}

interface Ends {
  readonly source: Source;
  readonly target: Target;
}

interface TransferOptions extends Pick<Transfer, 'record' | 'name' | 'signal' | 'progressed'> {
  readonly about: Pick<Outgoing, 'source' | 'device' | 'description' | 'render'>;
}

/** One attempt to stream a file to one target. */
class StreamTransfer implements Transfer {
  readonly record: FileRecord;
  readonly name: string;
  readonly target: Target;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
  readonly #parts: Pick<StreamerParts, 'useBoth' | 'records' | 'installation'>;
  readonly #hasher: StreamHasher;
  readonly #about: TransferOptions['about'];
  /** The guarded source; while sending, the acquired one. */
  #source: Source;

  constructor(
    parts: Pick<StreamerParts, 'useBoth' | 'records' | 'installation'>,
    hasher: StreamHasher,
    { source, target }: Ends,
    { record, name, signal, progressed, about }: TransferOptions,
  ) {
    this.record = record;
    this.name = name;
    this.target = target;
    this.token = tokenOf(record, parts.installation);
    this.signal = signal;
    this.progressed = progressed;
    this.#parts = parts;
    this.#hasher = hasher;
    this.#about = about;
    this.#source = source;
  }

  async begin(): Promise<void> {
    await this.#hasher.begin(this.record, this.#source, this.signal);
  }

  async sha256(): Promise<string> {
    const { sha256 } = await this.#hasher.prove(this.#source, this.signal);
    return sha256;
  }

  /** Bytes of unknown hash are resumed only if the target has a checksum. */
  startAt(partial: number): number {
    const offset = this.#hasher.startAt(partial);
    const proves = this.target.capabilities.checksum === 'sha256';
    return proves || !this.#hasher.unproven(offset) ? offset : 0;
  }

  async send(path: string, offset: number, write: Write): Promise<Receipt> {
    const guarded = this.#source;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.signal, ended.signal]);
    try {
      return await this.#parts.useBoth(guarded, this.target, this.signal, async (source, target) => {
        this.#source = source;
        if (offset === this.record.size) await this.#hasher.prove(source, signal);
        const file = this.#outgoing(source, offset, signal);
        return this.#readBack(path, target, file, await write(target, file));
      });
    } finally {
      this.#source = guarded;
      ended.abort();
    }
  }

  async finalHash(): Promise<Proof> {
    const proof = await this.#hasher.prove(this.#source, this.signal);
    refuseOtherBytes(this.#parts.records.get(this.record.id), proof.sha256, this.name);
    return proof;
  }

  #outgoing(source: Source, offset: number, signal: AbortSignal): Outgoing {
    const hasher = this.#hasher;
    return {
      ...this.#about,
      token: this.token,
      get sha256() {
        return hasher.sha256;
      },
      readBack: hasher.unproven(offset),
      open: from => hasher.open(source, from, signal),
    };
  }

  /** Verifies a resumed file that the target has verified by its size alone. */
  async #readBack(path: string, target: Target, file: Outgoing, receipt: Receipt): Promise<Receipt> {
    if (!file.readBack || receipt.verified === 'hash') return receipt;
    const there = await fromOrigin('target', target.checksum(path, this.signal));
    if (there.value === file.sha256) return { ...receipt, verified: 'hash' };
    const message = `${path} is corrupt: the bytes that an earlier run has sent are not those of the source`;
    throw new FileSyncError('corrupt', message, { device: this.name, origin: 'target', path });
  }
}
