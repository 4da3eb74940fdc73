import { FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import { FileState, type FileRecord, type Logger, type Source } from '../ports.js';
import type { Plan } from '../rules/plan.js';
import type { DeviceHub } from './hub.js';
import type { Ledger } from './ledger.js';
import { withReason } from './record.js';
import { hashOf } from './verified.js';
import type { Lane, Task, Work } from './worker.js';

export interface CleanTools {
  readonly hub: DeviceHub;
  readonly ledger: Ledger;
  readonly local: LocalStorage;
  readonly logger: Logger;
  laneOf(record: FileRecord): Lane;
  planFor(record: FileRecord): Plan | undefined;
  /** A file of that source is not as it was listed: another look at everything is due. */
  distrust(device: string): void;
}

/** Deletes from the source what every target has, where the rule says so, after looking at all copies once more. */
export class Cleaner implements Work<Task> {
  readonly #tools: CleanTools;

  constructor(tools: CleanTools) {
    this.#tools = tools;
  }

  lane(task: Task): Lane {
    const record = this.#tools.ledger.get(task.key);
    if (!record) throw new FileSyncError('internal', `no record ${task.key}`);
    return this.#tools.laneOf(record);
  }

  async run({ key }: Task, signal: AbortSignal): Promise<void> {
    const record = this.#tools.ledger.get(key);
    const source = record && this.#tools.hub.source(record.device);
    if (!record || !source || !this.#mayGo(record, source)) return;
    await this.#compare(record, source, signal);
    await source.remove(record, signal);
    await this.#tools.ledger.update(key, now => withReason({ ...now, state: FileState.REMOVED }, ''));
    this.#tools.logger.log(
      'info',
      `${record.device}:${record.path}: removed from the source, every target has it`,
    );
  }

  async failed({ key }: Task, error: FileSyncError): Promise<void> {
    if (error.kind === 'cancelled') return;
    const reason = `not removed from the source: ${error.message}`;
    const record = await this.#tools.ledger.update(key, now => withReason(now, reason));
    if (record && error.kind === 'changed') this.#tools.distrust(record.device);
    if (record) this.#tools.logger.log('warn', `${record.device}:${record.path}: ${reason}`);
  }

  #mayGo(record: FileRecord, source: Source): boolean {
    const delivered = Object.values(record.targets).every(delivery => delivery.state === 'done');
    const wanted = this.#tools.planFor(record)?.after.source === 'delete';
    return wanted && delivered && record.state === FileState.UPLOADED && source.capabilities.remove;
  }

  /** Throws unless our copy is whole and the source, where it can tell, still holds the same bytes. */
  async #compare(record: FileRecord, source: Source, signal: AbortSignal): Promise<void> {
    if (!record.kept)
      throw new FileSyncError('unsupported', 'the local copy is gone, so the file cannot be compared');
    const { local } = this.#tools;
    if ((await hashOf(local.open(record.local, 0))) !== record.sha256)
      throw changed('the local copy has changed');
    if (!source.capabilities.checksum) return;
    const theirs = await source.checksum(record, signal);
    const ours = await local.checksum(record.local, theirs.algorithm);
    if (ours.value !== theirs.value) throw changed('the source holds other bytes by now');
  }
}

/** Nothing that a further try would mend. */
const changed = (message: string) => new FileSyncError('changed', message, { temporary: false });
