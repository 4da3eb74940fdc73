import { Subject } from 'rxjs';
import { FileSyncError, fromOrigin, toFileSyncError } from '../errors.js';
import { ChunkPool } from '../local/chunk-pool.js';
import type { LocalStorage } from '../local/storage.js';
import { holds, verified } from '../local/verification.js';
import type { FileRecord, Logger, Outgoing, Receipt, Target, TargetStat } from '../ports.js';
import type { Planner } from '../rules/plan.js';
import type { TemplateContext } from '../rules/template-context.js';
import type { DeviceRegistry } from './devices.js';
import { conflictName, tokenOf } from '../record/identity.js';
import { refuseLostAnswer } from '../record/lost-answer.js';
import { progressOf, type Progress } from '../record/progress.js';
import type { Digested, Outcome } from '../record/events.js';
import type { Records } from '../record/records.js';
import { hasLocalCopy, nextOf, openTargets, reasonFor } from '../record/state.js';
import type { Progressed, StepWorker, Step } from './steps.js';

export interface UploaderParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly local: LocalStorage;
  readonly planner: Planner;
  readonly templates: TemplateContext;
  readonly logger: Logger;
}

/** One attempt to bring one file to one target, wherever its bytes come from. */
export interface Transfer {
  readonly record: FileRecord;
  /** The target's name in the configuration. */
  readonly name: string;
  readonly target: Target;
  /** Names these very bytes: see `Outgoing.token`. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
  /** Hex, of the whole file; what is not known yet is found out. */
  sha256(): Promise<string>;
  /** Where to go on if the target holds so many bytes. */
  startAt(partial: number): number;
  /** Calls `write` with the target and the bytes when both are ready to work. */
  send(path: string, offset: number, write: Write): Promise<Receipt>;
  /** What the record has to say from when the target may hold the file. Throws if the bytes must not be delivered. */
  sealed(): Promise<Digested>;
}

export type Write = (target: Target, file: Outgoing) => Promise<Receipt>;

/** Delivers files: to each target once, resumed where it can be, verified as it allows; the record tells each step. */
export class Uploader implements StepWorker {
  readonly progress = new Subject<Progress>();
  readonly #parts: UploaderParts;

  constructor(parts: UploaderParts) {
    this.#parts = parts;
  }

  /** Delivers a local copy. */
  async run({ id, target: name = '' }: Step, signal: AbortSignal, progressed: Progressed): Promise<void> {
    const record = this.#parts.records.get(id);
    if (!record || !hasLocalCopy(record) || !openTargets(record).includes(name)) return;
    const target = this.#targetOf(name);
    const { sha256 } = record;
    if (sha256 === undefined || !(await this.#parts.local.stat(record.local)))
      return this.#copyLost(record, 'the local copy is gone');
    try {
      await this.deliver(await this.#localTransfer({ record, sha256, name, target, signal, progressed }));
    } catch (error) {
      await this.#copyFailed(record, toFileSyncError(error));
    }
  }

  failed({ id, target: name = '' }: Step, error: FileSyncError, outcome: Outcome, last: boolean): void {
    const { records, logger } = this.#parts;
    const unanswered = error.kind === 'cancelled';
    const reason = reasonFor(error);
    const changed = records.apply(id, { type: 'DeliveryFailed', target: name, reason, outcome, unanswered });
    if (!changed || unanswered || changed.targets[name]?.state === 'done') return;
    const gaveUp = outcome === 'gave up';
    const next = nextOf(gaveUp, last);
    logger.log(
      gaveUp ? 'error' : 'warn',
      `${changed.device}:${changed.path} -> ${name}: ${error.message} (${next})`,
    );
  }

  /**
   * A first attempt sends at once: `write` refuses to replace what lies there. Later ones ask first. Another file under the
   * name stays as it is, and ours goes beside it.
   */
  async deliver(transfer: Transfer): Promise<void> {
    const { record, name, target } = transfer;
    const delivery = record.targets[name];
    refuseLostAnswer(delivery?.state, target);
    const first = delivery?.path ?? (await this.#pathOn(record, name));
    for (const path of [first, conflictName(first, record.id)]) {
      if (!delivery?.tried && (await this.#writeIfAbsent(transfer, path, 0))) return;
      if (await this.#deliverTo(transfer, path)) return;
    }
    const remedy = 'move them away there, then `filesync retry`';
    const message = `other files lie under ${first} and beside it: ${remedy}`;
    throw new FileSyncError('exists', message, { device: name });
  }

  /** Takes what lies on the target for delivered if it is the file: by its hash where both ends can tell, else by its size. */
  async adopt(
    record: FileRecord,
    name: string,
    sha256: string | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const target = this.#targetOf(name);
    if (!target.capabilities.stat) return false;
    const hash = target.capabilities.checksum === 'sha256' ? sha256 : undefined;
    const first = record.targets[name]?.path ?? (await this.#pathOn(record, name));
    for (const path of [first, conflictName(first, record.id)]) {
      const { size } = await fromOrigin('target', target.stat(path, record.id, signal));
      if (size !== record.size || !(await holds(target, path, hash, signal))) continue;
      const known = hash === undefined ? {} : { sha256: hash };
      await this.#delivered(record, name, path, { location: path, verified: hash ? 'hash' : 'size' }, known);
      return true;
    }
    return false;
  }

  /** False if another file lies under that path: it is left as it is. */
  async #deliverTo(transfer: Transfer, path: string): Promise<boolean> {
    const { target, token, signal } = transfer;
    const there: TargetStat = target.capabilities.stat
      ? await fromOrigin('target', target.stat(path, token, signal))
      : { partial: 0 };
    if (there.size !== undefined) return this.#isDelivered(transfer, path, there.size);
    return this.#writeIfAbsent(transfer, path, there.partial);
  }

  async #writeIfAbsent(transfer: Transfer, path: string, partial: number): Promise<boolean> {
    const offset = transfer.target.capabilities.resume ? transfer.startAt(partial) : 0;
    try {
      await this.#send(transfer, path, offset);
      return true;
    } catch (error) {
      if (error instanceof FileSyncError && error.kind === 'exists') return false;
      throw error;
    }
  }

  async #send(transfer: Transfer, path: string, offset: number): Promise<void> {
    const { record, name, signal } = transfer;
    const receipt = await transfer.send(path, offset, async (target, file) => {
      const begun = { type: 'DeliveryBegan', target: name, path } as const;
      if (target.capabilities.stat) this.#parts.records.apply(record.id, begun);
      else await this.#parts.records.commit(record.id, begun);
      let isOver = false;
      const writing = target.write(file, path, offset, signal, {
        progress: bytes => this.#progress(transfer, bytes),
        committing: () => this.#committing(transfer, path, () => isOver),
      });
      return fromOrigin('target', writing).finally(() => (isOver = true));
    });
    await this.#delivered(record, name, path, receipt, {});
  }

  /**
   * Before the target can hold the file, the disk knows where to ask for it: its path is there with the file's hash. What
   * nobody else knows (the hash of a stream, that a target which cannot be asked may have the file) is written now. A target
   * that has answered before it had all of the file commits nothing any more: its refusal stands.
   */
  async #committing(transfer: Transfer, path: string, isOver: () => boolean): Promise<void> {
    const { record, name, target } = transfer;
    const digested = await transfer.sealed();
    if (isOver()) throw new FileSyncError('cancelled', 'the attempt has ended', { device: name });
    if (!target.capabilities.stat || digested.sha256 !== undefined)
      await this.#parts.records.commit(record.id, { type: 'Committing', target: name, path, ...digested });
    else if (record.targets[name]?.path !== path) await this.#parts.records.flush(record.id);
  }

  /** What lies there may be ours, from an attempt whose end we did not see. */
  async #isDelivered(transfer: Transfer, path: string, size: number): Promise<boolean> {
    const { target, record, name, signal } = transfer;
    if (size !== record.size || target.capabilities.checksum !== 'sha256') return false;
    const there = await fromOrigin('target', target.checksum(path, signal));
    if (there.value !== (await transfer.sha256())) return false;
    await this.#delivered(record, name, path, { location: path, verified: 'hash' }, await transfer.sealed());
    return true;
  }

  async #delivered(
    { id, device, path: from }: FileRecord,
    target: string,
    path: string,
    receipt: Receipt,
    digested: Digested,
  ): Promise<void> {
    const { records } = this.#parts;
    const event = { type: 'Delivered', target, path, receipt, ...digested } as const;
    // The target has it, even if our disk cannot take that now: it is written as soon as anything of the record is.
    await records.commit(id, event).catch(() => records.apply(id, event));
    this.#parts.logger.log(
      'info',
      `${device}:${from} -> ${target}: delivered to ${receipt.location || path}`,
    );
  }

  #progress({ record, name, progressed }: Transfer, bytes: number): void {
    progressed(bytes);
    this.progress.next(progressOf(record, bytes, name));
  }

  #targetOf(name: string): Target {
    const target = this.#parts.registry.target(name);
    if (!target) throw new FileSyncError('unavailable', `${name} is not in the configuration`);
    return target;
  }

  async #pathOn(record: FileRecord, target: string): Promise<string> {
    return this.#parts.templates.pathOn(record, this.#parts.planner.plan(record.device, record.path), target);
  }

  /** The record knows the local copy's hash since it was downloaded. */
  async #localTransfer(
    way: Pick<Transfer, 'record' | 'name' | 'target' | 'signal' | 'progressed'> & { readonly sha256: string },
  ): Promise<Transfer> {
    const { record, sha256, target } = way;
    const pool = new ChunkPool();
    const { local, templates } = this.#parts;
    const file: Outgoing = {
      ...(await templates.about(record)),
      token: tokenOf(record),
      sha256,
      open: offset => verified(local.open(record.local, 0, undefined, record.size, pool), offset, sha256),
      giveBack: chunk => pool.giveBack(chunk),
    };
    return {
      ...way,
      token: file.token,
      sha256: async () => sha256,
      startAt: partial => (partial <= record.size ? partial : 0),
      send: (_path, _offset, write) => write(target, file),
      sealed: async () => ({}),
    };
  }

  /**
   * Throws the error again unless our own copy is to blame. A copy that may have been fetched again since this attempt began is
   * not touched.
   */
  async #copyFailed(record: FileRecord, error: FileSyncError): Promise<void> {
    const { records, local } = this.#parts;
    const { kind, origin, message } = error;
    if (origin !== 'local' || (kind !== 'corrupt' && kind !== 'not-found')) throw error;
    const isSame = () => records.get(record.id)?.lost === record.lost;
    const aside = kind === 'corrupt' && isSame() ? await this.#setAside(record) : undefined;
    const isThere = aside === undefined && (await local.stat(record.local)) !== undefined;
    if (isThere || !isSame()) throw new FileSyncError('changed', 'the local copy was lost meanwhile');
    this.#copyLost(record, aside === undefined ? 'the local copy is gone' : `${message} (kept as ${aside})`);
  }

  /** The source may still have the original. */
  #copyLost({ id, device, path }: FileRecord, reason: string): void {
    this.#parts.logger.log('warn', `${device}:${path}: ${reason}; fetching it again`);
    this.#parts.records.apply(id, { type: 'CopyLost', reason });
  }

  /** A damaged copy may be all that is left of a file: it is renamed, not deleted. Undefined if it is gone. */
  #setAside(record: FileRecord): Promise<string | undefined> {
    return this.#parts.local.setAside(record.local).catch((error: unknown) => {
      if (toFileSyncError(error).kind === 'not-found') return undefined;
      throw error;
    });
  }
}
