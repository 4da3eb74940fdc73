import { FileSyncError, fromOrigin, toFileSyncError, type Origin } from '../errors.js';
import { beyondLimits, beyondSpace } from '../rules/retention.js';
import type { LocalStorage } from '../local/storage.js';
import { checksumOrGone, knownChecksum } from '../local/verification.js';
import type { Delivery, FileRecord, Logger, Source } from '../ports.js';
import type { Plan, Planner } from '../rules/plan.js';
import type { Units } from '../units/units.js';
import type { DeviceRegistry } from './devices.js';
import type { Outcome } from '../record/events.js';
import type { Records } from '../record/records.js';
import { evictionOf } from '../record/progress.js';
import { hasLocalCopy, isDelivered } from '../record/state.js';
import { isShortCopy, type Step, type StepWorker } from './steps.js';

export interface CleanerParts {
  readonly registry: DeviceRegistry;
  readonly records: Records;
  readonly local: LocalStorage;
  readonly planner: Planner;
  readonly units: Units;
  readonly logger: Logger;
  /** A file of that source differs from its listing: a full scan is due. */
  readonly invalidate: (device: string) => void;
}

/** Deletes delivered files where the rules say so: from the source, after comparing all copies once more, and local copies. */
export class Cleaner implements StepWorker {
  readonly #parts: CleanerParts;
  #beyondLimit: ReadonlySet<string> = new Set();
  /** Ids of delivered files that have to go from a source, by its name. */
  readonly #blocking = new Map<string, ReadonlySet<string>>();
  /** Sources whose free space is not known. */
  readonly #spaceUnknown = new Set<string>();

  constructor(parts: CleanerParts) {
    this.#parts = parts;
  }

  async run({ kind, id }: Step, signal: AbortSignal): Promise<void> {
    // The delivery is on disk before any other copy is deleted.
    const record = await this.#parts.records.flush(id);
    if (!record) return;
    if (kind === 'evict' && (isDelivered(record) || isShortCopy(record))) await this.#evict(record, signal);
    if (kind === 'remove' && isDelivered(record)) await this.#remove(record, signal);
  }

  failed({ kind, id }: Step, error: FileSyncError, outcome: Outcome): void {
    if (error.kind === 'cancelled') return;
    const { records, invalidate } = this.#parts;
    const reason = error.message;
    const isLocal = kind === 'evict';
    const record = isLocal ? records.get(id) : records.apply(id, { type: 'RemovalFailed', reason, outcome });
    if (!record) return;
    if (!isLocal && error.kind === 'changed') invalidate(record.device);
    records.failures.report(isLocal ? 'evict' : 'remove', record.device, record, {
      reason,
      reported: error.reported,
    });
  }

  // ---- local copies -------------------------------------------------------------------------------------

  /** Local copies that a size limit no longer allows. */
  exceedsLimit(id: string): boolean {
    return this.#beyondLimit.has(id);
  }

  /** Determines which local copies exceed their limit; returns their ids. */
  measureLocal(): ReadonlySet<string> {
    const { records, planner, units } = this.#parts;
    const plans = new Map<string, Plan | undefined>();
    const limited = [...records.all()].filter(record => {
      if (!hasLocalCopy(record)) return false;
      plans.set(record.id, planner.planFor(record));
      return plans.get(record.id)?.after.local.kind === 'size';
    });
    const retentionOf = ({ id }: FileRecord) => plans.get(id)?.after.local ?? { kind: 'keep' as const };
    const going = beyondLimits(limited, retentionOf, units.groupOf);
    this.#beyondLimit = new Set(going.map(({ id }) => id));
    return this.#beyondLimit;
  }

  async #evict(record: FileRecord, signal: AbortSignal): Promise<void> {
    await this.#parts.local.remove(record.local, signal);
    await this.#parts.records.commit(record.id, { type: 'Evicted' });
    this.#parts.logger.log('info', evictionOf(record));
  }

  // ---- the source ---------------------------------------------------------------------------------------

  /** The source needs the space of this file. */
  spaceNeeded({ id, device }: FileRecord): boolean {
    return this.#blocking.get(device)?.has(id) ?? false;
  }

  /** Determines which delivered files a source that keeps them until it needs their space has to lose: the oldest. */
  async measureSource(device: string, signal: AbortSignal): Promise<void> {
    const { records, planner, registry, units } = this.#parts;
    const source = registry.source(device);
    const kept = [...records.all()].flatMap(record => {
      if (record.device !== device || !isRemovable(record)) return [];
      const removal = planner.planFor(record)?.after.source;
      return typeof removal === 'object' ? [{ record, ...removal }] : [];
    });
    this.#blocking.delete(device);
    const free = kept.length === 0 ? undefined : await this.#freeOn(device, source, signal);
    if (free === undefined) return;
    this.#blocking.set(device, beyondSpace(kept, free, units.groupOf));
  }

  /** Bytes; undefined where the source cannot report them, which is logged once. */
  async #freeOn(
    device: string,
    source: Source | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const unknown = new FileSyncError('unsupported', 'it cannot report its free space');
    const space = await Promise.resolve(source?.space?.(signal) ?? unknown).catch(toFileSyncError);
    if (!(space instanceof FileSyncError)) return space.free;
    if (!this.#spaceUnknown.has(device))
      this.#parts.logger.log('warn', `${device}: keep_free removes nothing: ${space.message}`);
    this.#spaceUnknown.add(device);
    return undefined;
  }

  async #remove(record: FileRecord, signal: AbortSignal): Promise<void> {
    const { registry, records, units, logger } = this.#parts;
    const { id, device, path } = record;
    const source = registry.source(device);
    if (!source?.capabilities.remove) throw unsupported(`${device} cannot delete files`);
    await this.#refuseOpen(record, source, signal);
    await this.#compare(record, source, signal);
    const now = records.get(id);
    if (!now || !isDelivered(now)) return;
    const wait = units.lookups.together({ kind: 'remove', id });
    if (wait) throw new FileSyncError('busy', wait.reason, { path });
    await fromOrigin('source', source.remove(record, signal));
    await records.commit(id, { type: 'Removed' });
    logger.log('info', `${device}:${path}: removed from the source, every target has it`);
  }

  async #refuseOpen({ path }: FileRecord, source: Source, signal: AbortSignal): Promise<void> {
    const writers = await source.writers?.([path], signal);
    if (!writers?.open.has(path)) return;
    throw new FileSyncError('busy', 'a program has the file open for writing', { path });
  }

  /** Throws unless a whole copy is proved elsewhere and the source, if it has a checksum, still holds the same bytes. */
  async #compare(record: FileRecord, source: Source, signal: AbortSignal): Promise<void> {
    const theirs = source.capabilities.checksum ? await checksumOrGone(record, source, signal) : undefined;
    if (theirs === 'gone') return;
    const { local } = this.#parts;
    const kept = hasLocalCopy(record) && (await local.stat(record.local)) !== undefined;
    await (kept ? this.#checkLocal(record) : this.#checkTargets(record, signal));
    if (!theirs) return;
    const known = knownChecksum(record, source);
    const ours = known ?? (kept ? (await local.checksum(record.local, theirs.algorithm)).value : undefined);
    if (ours === undefined) throw unsupported('the local copy is gone, so the file cannot be compared');
    if (ours !== theirs.value) throw changed('the source holds other bytes by now', 'source');
  }

  async #checkLocal({ local, sha256 }: FileRecord): Promise<void> {
    const { value } = await this.#parts.local.checksum(local, 'sha256');
    if (value !== sha256) throw changed('the local copy has changed', 'local');
  }

  /** Without a local copy, only the targets will have the file: at least one must have proved it by a hash. */
  async #checkTargets(record: FileRecord, signal: AbortSignal): Promise<void> {
    const proved = await Promise.all(
      Object.entries(record.targets).map(([name, delivery]) => this.#proves(name, delivery, record, signal)),
    );
    if (proved.includes(true)) return;
    throw unsupported('there is no local copy, and only the word of its targets that they have it');
  }

  /** A target that verified the file by its size is asked for its hash now. */
  async #proves(name: string, delivery: Delivery, record: FileRecord, signal: AbortSignal): Promise<boolean> {
    if (delivery.verified === 'hash') return true;
    const target = this.#parts.registry.target(name);
    if (!target) throw new FileSyncError('unavailable', `${name} is not in the configuration`);
    if (delivery.path === undefined || target.capabilities.checksum !== 'sha256') return false;
    const there = await fromOrigin('target', target.checksum(delivery.path, signal));
    if (there.value === record.sha256) return true;
    throw changed(`${name} holds other bytes than those that were sent`, 'target');
  }
}

/** A file whose removal was refused frees no space, and does not count for any. */
const isRemovable = (record: FileRecord): boolean =>
  isDelivered(record) && record.source.state === 'present' && record.removal !== 'refused';

/** A further attempt would fail in the same way. */
const changed = (message: string, origin: Origin) =>
  new FileSyncError('changed', message, { temporary: false, origin });
const unsupported = (message: string) => new FileSyncError('unsupported', message);
