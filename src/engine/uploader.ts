import { Subject } from 'rxjs';
import { FileSyncError, fromOrigin, toFileSyncError } from '../errors.js';
import { ChunkPool } from '../local/chunk-pool.js';
import type { LocalStorage } from '../local/storage.js';
import { holds, verified } from '../local/verification.js';
import type { FileRecord, Logger, Outgoing, Receipt, Target, TargetStat } from '../ports.js';
import type { Planner } from '../rules/plan.js';
import type { TemplateContext } from '../rules/template-context.js';
import type { DeviceRegistry } from './devices.js';
import { namesOnTarget, tokenOf } from '../record/identity.js';
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
  readonly installation?: string;
}

/** One attempt to deliver one file to one target, from a local copy or from its source. */
export interface Transfer {
  readonly record: FileRecord;
  /** The target's name in the configuration. */
  readonly name: string;
  readonly target: Target;
  /** Names these very bytes: see `Outgoing.token`. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly progressed: Progressed;
  /** Hex, of the whole file; computed if it is not known yet. */
  sha256(): Promise<string>;
  /** The offset from which to resume if the target holds `partial` bytes. */
  startAt(partial: number): number;
  /** Calls `write` with the target and the bytes when both are ready to work. */
  send(path: string, offset: number, write: Write): Promise<Receipt>;
  /** The hash to record before the target may hold the file. Throws if the bytes must not be delivered. */
  finalHash(): Promise<Digested>;
}

const GONE = 'the local copy is gone';

export type Write = (target: Target, file: Outgoing) => Promise<Receipt>;

/** Delivers files to each target once: resumed and verified as the target supports it. Each step is recorded. */
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
      return this.#copyLost(record, GONE);
    try {
      await this.deliver(await this.#localTransfer({ record, sha256, name, target, signal, progressed }));
    } catch (error) {
      await this.#copyFailed(record, toFileSyncError(error));
    }
  }

  failed({ id, target: name = '' }: Step, error: FileSyncError, outcome: Outcome, last: boolean): void {
    const { records } = this.#parts;
    const unanswered = error.kind === 'cancelled';
    const reason = reasonFor(error);
    const changed = records.apply(id, { type: 'DeliveryFailed', target: name, reason, outcome, unanswered });
    if (!changed || unanswered || changed.targets[name]?.state === 'done') return;
    const isFinal = outcome === 'failed';
    const { message: why, reported } = error;
    const failure = { reason: why, next: nextOf(isFinal, last), isFinal, reported };
    records.failures.report('deliver', name, changed, failure);
  }

  /**
   * A first attempt sends without asking: `write` never replaces a file. Later attempts ask the target first. If another file has
   * the name, ours gets a conflict name.
   */
  async deliver(transfer: Transfer): Promise<void> {
    const { record, name, target, signal } = transfer;
    const delivery = record.targets[name];
    refuseLostAnswer(delivery?.state, target);
    const first = await this.#pathOn(record, name, target, signal);
    for (const path of namesOnTarget(first, record, this.#parts.installation)) {
      if (!delivery?.tried && (await this.#writeIfAbsent(transfer, path, 0))) return;
      if (await this.#deliverTo(transfer, path)) return;
    }
    const message = `other files have the name ${first} and its conflict name: move them, then \`filesync retry\``;
    throw new FileSyncError('exists', message, { device: name });
  }

  /** Records the file as delivered if the target already has it: by its hash where both ends have one, else by its size. */
  async adopt(
    record: FileRecord,
    name: string,
    sha256: string | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const target = this.#targetOf(name);
    if (!target.capabilities.stat) return false;
    const hash = target.capabilities.checksum === 'sha256' ? sha256 : undefined;
    const first = await this.#pathOn(record, name, target, signal);
    for (const path of namesOnTarget(first, record, this.#parts.installation)) {
      const { size } = await fromOrigin('target', target.stat(path, record.id, signal));
      if (size !== record.size || !(await holds(target, path, hash, signal))) continue;
      const known = hash === undefined ? {} : { sha256: hash };
      await this.#delivered(record, name, path, { location: path, verified: hash ? 'hash' : 'size' }, known);
      return true;
    }
    return false;
  }

  /** False if another file has that path; it is not changed. */
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
   * Before the target can hold the file, its path and hash are in the database on disk. The hash of a stream, and that a target
   * without `stat` may have the file, are written now. A target that has answered before it had all of the file has refused it.
   */
  async #committing(transfer: Transfer, path: string, isOver: () => boolean): Promise<void> {
    const { record, name, target } = transfer;
    const digested = await transfer.finalHash();
    if (isOver()) throw new FileSyncError('cancelled', 'the attempt has ended', { device: name });
    if (!target.capabilities.stat || digested.sha256 !== undefined)
      await this.#parts.records.commit(record.id, { type: 'Committing', target: name, path, ...digested });
    else if (record.targets[name]?.path !== path) await this.#parts.records.flush(record.id);
  }

  /** The file on the target may be ours, from an attempt whose answer was lost. */
  async #isDelivered(transfer: Transfer, path: string, size: number): Promise<boolean> {
    const { target, record, name, signal } = transfer;
    if (size !== record.size || target.capabilities.checksum !== 'sha256') return false;
    const there = await fromOrigin('target', target.checksum(path, signal));
    if (there.value !== (await transfer.sha256())) return false;
    const receipt = { location: path, verified: 'hash' } as const;
    await this.#delivered(record, name, path, receipt, await transfer.finalHash());
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
    // The delivery is kept in memory if the disk is full now, and written with the record's next change.
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

  #pathOn(record: FileRecord, name: string, target: Target, signal: AbortSignal): Promise<string> {
    const plan = this.#parts.planner.plan(record.device, record.path);
    return this.#parts.templates.pathOn(record, plan, name, path => target.names?.(path, signal));
  }

  /** The hash of the local copy is known since its download. */
  async #localTransfer(
    options: Pick<Transfer, 'record' | 'name' | 'target' | 'signal' | 'progressed'> & {
      readonly sha256: string;
    },
  ): Promise<Transfer> {
    const { record, sha256, target } = options;
    const pool = new ChunkPool();
    const { local, templates, installation } = this.#parts;
    const file: Outgoing = {
      ...(await templates.about(record)),
      token: tokenOf(record, installation),
      sha256,
      open: offset => verified(local.open(record.local, 0, undefined, record.size, pool), offset, sha256),
      giveBack: chunk => pool.giveBack(chunk),
    };
    return {
      ...options,
      token: file.token,
      sha256: async () => sha256,
      startAt: partial => (partial <= record.size ? partial : 0),
      send: (_path, _offset, write) => write(target, file),
      finalHash: async () => ({}),
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
    const quarantined = kind === 'corrupt' && isSame() ? await this.#quarantine(record) : undefined;
    const isThere = quarantined === undefined && (await local.stat(record.local)) !== undefined;
    if (isThere || !isSame()) throw new FileSyncError('changed', 'the local copy was lost meanwhile');
    this.#copyLost(record, quarantined === undefined ? GONE : `${message} (kept as ${quarantined})`);
  }

  /** The source may still have the original. */
  #copyLost({ id, device, path }: FileRecord, reason: string): void {
    this.#parts.logger.log('warn', `${device}:${path}: ${reason}; fetching it again`);
    this.#parts.records.apply(id, { type: 'CopyLost', reason });
  }

  /** A corrupt copy may be the last one of a file: it is renamed, not deleted. Undefined if it is gone. */
  #quarantine(record: FileRecord): Promise<string | undefined> {
    return this.#parts.local.quarantine(record.local).catch((error: unknown) => {
      if (toFileSyncError(error).kind === 'not-found') return undefined;
      throw error;
    });
  }
}
