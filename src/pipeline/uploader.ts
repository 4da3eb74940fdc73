import { Subject } from 'rxjs';
import { FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import {
  FileState,
  type Delivery,
  type FileRecord,
  type Logger,
  type Outgoing,
  type Target,
  type TargetStat,
} from '../ports.js';
import { reasonOf } from './downloader.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { progressOf, type Progress } from './progress.js';
import { besideName, withDelivery } from './record.js';
import type { Lane, Task, Work } from './worker.js';

export interface UploadTask extends Task {
  readonly id: string;
  readonly target: string;
}

export const uploadTask = (id: string, target: string): UploadTask => ({
  key: `${id} ${target}`,
  id,
  target,
});

export interface UploadTools {
  readonly hub: DeviceHub;
  readonly ledger: Ledger;
  readonly local: LocalStorage;
  readonly logger: Logger;
  laneOf(record: FileRecord, target: string): Lane;
  /** Where the file shall lie on the target. */
  pathOn(record: FileRecord, target: string): Promise<string>;
  /** The local copy as a target takes it. */
  outgoing(record: FileRecord & { readonly sha256: string }): Promise<Outgoing>;
}

/** One upload under way. */
interface Attempt {
  readonly record: FileRecord;
  readonly name: string;
  readonly target: Target;
  readonly file: Outgoing;
  readonly signal: AbortSignal;
  readonly progressed: () => void;
}

/** Delivers local files to their targets: each target once, resumed where it can be, verified as it allows. */
export class Uploader implements Work<UploadTask> {
  readonly progress = new Subject<Progress>();
  readonly #tools: UploadTools;

  constructor(tools: UploadTools) {
    this.#tools = tools;
  }

  lane({ id, target }: UploadTask): Lane {
    const record = this.#tools.ledger.get(id);
    if (!record) throw new FileSyncError('internal', `no record ${id}`);
    return this.#tools.laneOf(record, target);
  }

  async run({ id, target: name }: UploadTask, signal: AbortSignal, progressed: () => void): Promise<void> {
    const record = this.#tools.ledger.get(id);
    const delivery = record?.targets[name];
    if (!record?.kept || !delivery || delivery.state === 'done' || delivery.state === 'failed') return;
    const target = this.#tools.hub.target(name);
    if (!target) throw new FileSyncError('unavailable', `${name} is not in the configuration`);
    refuseLostAnswer(delivery, target);
    const there = await this.#tools.local.stat(record.local);
    const { sha256 } = record;
    if (!there || sha256 === undefined) return this.#fetchAgain(record, 'the local copy is gone');
    const file = await this.#tools.outgoing({ ...record, sha256 });
    await this.#deliver({ record, name, target, file, signal, progressed }, delivery);
  }

  async failed({ id, target }: UploadTask, error: FileSyncError, final: boolean): Promise<void> {
    const record = this.#tools.ledger.get(id);
    const delivery = record?.targets[target];
    if (!record || !delivery || delivery.state === 'done') return;
    if (isLocal(error)) return this.#fetchAgain(record, error.message);
    const gaveUp = final && !error.temporary;
    await this.#note(id, target, afterFailure(delivery, error, gaveUp));
    if (error.kind !== 'cancelled') this.#tellFailure(record, target, error, gaveUp);
  }

  #tellFailure({ device, path }: FileRecord, target: string, error: FileSyncError, gaveUp: boolean): void {
    const next = gaveUp ? 'gave up' : 'will try again';
    this.#tools.logger.log(
      gaveUp ? 'error' : 'warn',
      `${device}:${path} -> ${target}: ${error.message} (${next})`,
    );
  }

  async #deliver(attempt: Attempt, delivery: Delivery): Promise<void> {
    const first = delivery.path ?? (await this.#tools.pathOn(attempt.record, attempt.name));
    for (const path of [first, besideName(first, attempt.record.id)]) {
      if (await this.#deliverTo(attempt, path)) return;
    }
    throw new FileSyncError('exists', `another file lies under ${first} and beside it`, {
      device: attempt.name,
    });
  }

  /** False if another file lies under that path: it is left as it is. */
  async #deliverTo(attempt: Attempt, path: string): Promise<boolean> {
    const { target, file, signal } = attempt;
    const there: TargetStat = target.capabilities.stat
      ? await target.stat(path, file.token, signal)
      : { partial: 0 };
    if (there.size !== undefined) return this.#isDelivered(attempt, path, there.size);
    return this.#send(attempt, path, resumeAt(target, there, file)).catch((error: unknown) => {
      if (error instanceof FileSyncError && error.kind === 'exists') return false;
      throw error;
    });
  }

  async #send(attempt: Attempt, path: string, offset: number): Promise<boolean> {
    const { record, name, target, file, signal } = attempt;
    await this.#note(record.id, name, { state: 'sending', path });
    const receipt = await target.write(file, path, offset, signal, {
      progress: bytes => this.#progress(attempt, bytes),
      committing: () => this.#note(record.id, name, { state: 'committing', path }),
    });
    await this.#done(attempt, { state: 'done', path, ...receipt });
    return true;
  }

  /** What lies there may be ours, from a try whose end we did not see. */
  async #isDelivered(attempt: Attempt, path: string, size: number): Promise<boolean> {
    const { target, file, record, signal } = attempt;
    if (size !== record.size || target.capabilities.checksum !== 'sha256') return false;
    const there = await target.checksum(path, signal);
    if (there.value !== file.sha256) return false;
    await this.#done(attempt, { state: 'done', path, location: path, verified: 'hash' });
    return true;
  }

  async #done({ record, name }: Attempt, delivery: Delivery): Promise<void> {
    await this.#note(record.id, name, delivery);
    const where = delivery.location ?? delivery.path ?? '';
    this.#tools.logger.log('info', `${record.device}:${record.path} -> ${name}: delivered to ${where}`);
  }

  #progress({ record, name, progressed }: Attempt, bytes: number): void {
    progressed();
    this.progress.next(progressOf(record, bytes, name));
  }

  async #note(id: string, target: string, delivery: Delivery): Promise<void> {
    await this.#tools.ledger.update(id, record => withDelivery(record, target, delivery));
  }

  /** The local copy cannot be delivered: the source may still have the original. */
  async #fetchAgain(record: FileRecord, reason: string): Promise<void> {
    this.#tools.logger.log('warn', `${record.device}:${record.path}: ${reason}; fetching it again`);
    await this.#tools.ledger.update(record.id, now => ({
      ...now,
      kept: false,
      state: FileState.FOUND,
      reason,
    }));
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

/** Our own copy is broken (what targets find carries their name). */
function isLocal(error: FileSyncError): boolean {
  return error.kind === 'corrupt' && error.device === undefined;
}

function resumeAt(target: Target, there: TargetStat, file: Outgoing): number {
  return target.capabilities.resume && there.partial <= file.source.size ? there.partial : 0;
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
