import { Subject } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { Delivery, FileRecord, Logger, Outgoing, Receipt, Target, TargetStat } from '../ports.js';
import { reasonOf } from './downloader.js';
import type { Ledger } from './ledger.js';
import { progressOf, type Progress } from './progress.js';
import { besideName, withDelivery } from './record.js';
import type { Progressed, Task } from './worker.js';

/** The work of bringing one file to one target. */
export interface DeliveryTask extends Task {
  readonly id: string;
  readonly target: string;
}

export const deliveryTask = (id: string, target: string): DeliveryTask => ({
  key: `${id} ${target}`,
  id,
  target,
});

export interface CourierTools {
  readonly ledger: Ledger;
  readonly logger: Logger;
  /** Where the file shall lie on the target. */
  pathOn(record: FileRecord, target: string): Promise<string>;
}

/** One file on its way to one target, wherever its bytes come from. */
export interface Parcel {
  readonly record: FileRecord;
  /** The target's name in the configuration. */
  readonly name: string;
  readonly target: Target;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
  /** Hex, of the whole file; what is not known yet is found out. */
  sha256(): Promise<string>;
  /** Where to go on if the target holds so many bytes. */
  startAt(partial: number): number;
  /** Calls `write` with the target and the bytes when both are ready to work. */
  send(path: string, offset: number, write: Write): Promise<Receipt>;
  /** What the record has to tell from when the target may hold the file. Throws if the bytes are not to be delivered. */
  sealed(): Promise<Pick<FileRecord, 'sha256' | 'proof'>>;
}

export type Write = (target: Target, file: Outgoing) => Promise<Receipt>;

/** Delivers parcels: each target once, resumed where it can be, verified as it allows; the record tells each step. */
export class Courier {
  readonly progress = new Subject<Progress>();
  readonly #tools: CourierTools;

  constructor(tools: CourierTools) {
    this.#tools = tools;
  }

  async deliver(parcel: Parcel, delivery: Delivery): Promise<void> {
    refuseLostAnswer(delivery, parcel.target);
    const first = delivery.path ?? (await this.#tools.pathOn(parcel.record, parcel.name));
    const untried = delivery.path === undefined;
    for (const path of [first, besideName(first, parcel.record.id)]) {
      if (untried && (await this.#sendUnlessThere(parcel, path, 0))) return;
      if (await this.#deliverTo(parcel, path)) return;
    }
    throw new FileSyncError('exists', `another file lies under ${first} and beside it`, {
      device: parcel.name,
    });
  }

  /** Puts a delivery to rest that did not work. */
  async failed({ id, target }: DeliveryTask, error: FileSyncError, final: boolean): Promise<void> {
    const record = this.#tools.ledger.get(id);
    const delivery = record?.targets[target];
    if (!record || !delivery || delivery.state === 'done') return;
    const gaveUp = final && !error.temporary;
    await this.#note({ record, name: target }, afterFailure(delivery, error, gaveUp));
    if (error.kind !== 'cancelled') this.#tellFailure(record, target, error, gaveUp);
  }

  #tellFailure({ device, path }: FileRecord, target: string, error: FileSyncError, gaveUp: boolean): void {
    const next = gaveUp ? 'gave up' : 'will try again';
    this.#tools.logger.log(
      gaveUp ? 'error' : 'warn',
      `${device}:${path} -> ${target}: ${error.message} (${next})`,
    );
  }

  /** False if another file lies under that path: it is left as it is. */
  async #deliverTo(parcel: Parcel, path: string): Promise<boolean> {
    const { target, token, signal } = parcel;
    const there: TargetStat = target.capabilities.stat
      ? await target.stat(path, token, signal)
      : { partial: 0 };
    if (there.size !== undefined) return this.#isDelivered(parcel, path, there.size);
    return this.#sendUnlessThere(parcel, path, there.partial);
  }

  async #sendUnlessThere(parcel: Parcel, path: string, partial: number): Promise<boolean> {
    const offset = parcel.target.capabilities.resume ? parcel.startAt(partial) : 0;
    return this.#send(parcel, path, offset).catch((error: unknown) => {
      if (error instanceof FileSyncError && error.kind === 'exists') return false;
      throw error;
    });
  }

  async #send(parcel: Parcel, path: string, offset: number): Promise<boolean> {
    const receipt = await parcel.send(path, offset, async (target, file) => {
      const begun = this.#note(parcel, { state: 'sending', path });
      begun.catch(() => undefined);
      if (!target.capabilities.stat) await begun;
      return target.write(file, path, offset, parcel.signal, {
        progress: bytes => this.#progress(parcel, bytes),
        committing: () => begun.then(() => this.#committing(parcel, path)),
      });
    });
    await this.#done(parcel, { state: 'done', path, ...receipt });
    return true;
  }

  /**
   * The record on disk names the path by now: after a crash the target is asked what lies there, if it can tell, and that
   * is enough. What only we know has to be on disk as well.
   */
  async #committing(parcel: Parcel, path: string): Promise<void> {
    const known = await parcel.sealed();
    if (parcel.target.capabilities.stat && known.sha256 === undefined) return;
    await this.#note(parcel, { state: 'committing', path }, known);
  }

  /** What lies there may be ours, from a try whose end we did not see. */
  async #isDelivered(parcel: Parcel, path: string, size: number): Promise<boolean> {
    const { target, record, signal } = parcel;
    if (size !== record.size || target.capabilities.checksum !== 'sha256') return false;
    const there = await target.checksum(path, signal);
    if (there.value !== (await parcel.sha256())) return false;
    const delivery = { state: 'done', path, location: path, verified: 'hash' } as const;
    await this.#done(parcel, delivery, await parcel.sealed());
    return true;
  }

  async #done(parcel: Parcel, delivery: Delivery, more?: Partial<FileRecord>): Promise<void> {
    await this.#note(parcel, delivery, more);
    const { record, name } = parcel;
    const where = delivery.location ?? delivery.path ?? '';
    this.#tools.logger.log('info', `${record.device}:${record.path} -> ${name}: delivered to ${where}`);
  }

  #progress({ record, name, progressed }: Parcel, bytes: number): void {
    progressed(bytes);
    this.progress.next(progressOf(record, bytes, name));
  }

  async #note(
    { record, name }: Pick<Parcel, 'record' | 'name'>,
    delivery: Delivery,
    more: Partial<FileRecord> = {},
  ): Promise<void> {
    await this.#tools.ledger.update(record.id, now => withDelivery({ ...now, ...more }, name, delivery));
  }
}

/** An upload that ended without an answer, in a crash of ours, at a target that cannot tell what it holds. */
function refuseLostAnswer(delivery: Delivery, target: Target): void {
  if (delivery.state !== 'committing' || target.capabilities.stat || target.capabilities.resend) return;
  const cure = 'look there, then `filesync retry` to send it again, or set on_lost_answer: resend';
  throw new FileSyncError(
    'lost-answer',
    `the whole file was sent and no answer came; it may have arrived: ${cure}`,
  );
}

/** A try that had begun to commit and ended without any answer stays `committing`: what is not known is not forgotten. */
function afterFailure(delivery: Delivery, error: FileSyncError, gaveUp: boolean): Delivery {
  const path = delivery.path === undefined ? {} : { path: delivery.path };
  const reason = reasonOf(error);
  const why = reason ? { reason } : {};
  if (gaveUp) return { state: 'failed', ...path, ...why };
  const unanswered = delivery.state === 'committing' && error.kind === 'cancelled';
  return { state: unanswered ? 'committing' : 'pending', ...path, ...why };
}
