import { FileSyncError } from '../errors.js';
import type { LocalStorage } from '../local/storage.js';
import {
  FileState,
  type Checksum,
  type Delivery,
  type FileRecord,
  type Logger,
  type Source,
} from '../ports.js';
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
    if (!this.#mayGo(await this.#tools.ledger.confirmed(key), source)) return;
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

  #mayGo(record: FileRecord | undefined, source: Source): boolean {
    if (record?.state !== FileState.UPLOADED || !source.capabilities.remove) return false;
    const delivered = Object.values(record.targets).every(delivery => delivery.state === 'done');
    return delivered && this.#tools.planFor(record)?.after.source === 'delete';
  }

  /** Throws unless a whole copy is certainly elsewhere, and the source, where it can tell, still holds the same bytes. */
  async #compare(record: FileRecord, source: Source, signal: AbortSignal): Promise<void> {
    const theirs = source.capabilities.checksum ? await checksumOrGone(record, source, signal) : undefined;
    if (theirs === 'gone') return;
    const kept = record.kept === true && (await this.#tools.local.stat(record.local)) !== undefined;
    await (kept ? this.#checkLocal(record) : this.#checkTargets(record, signal));
    if (!theirs) return;
    const ours =
      knownChecksum(record, theirs.algorithm) ?? (kept && (await this.#localChecksum(record, theirs)));
    if (!ours) throw unproven('the local copy is gone, so the file cannot be compared');
    if (ours.value !== theirs.value) throw changed('the source holds other bytes by now');
  }

  async #checkLocal({ local, sha256 }: FileRecord): Promise<void> {
    if ((await hashOf(this.#tools.local.open(local, 0))) !== sha256)
      throw changed('the local copy has changed');
  }

  #localChecksum({ local }: FileRecord, { algorithm }: Checksum): Promise<Checksum> {
    return this.#tools.local.checksum(local, algorithm);
  }

  /** Without a local copy, what the targets hold is all that will be left: one at least must have proved it by a hash. */
  async #checkTargets(record: FileRecord, signal: AbortSignal): Promise<void> {
    const proved = await Promise.all(
      Object.entries(record.targets).map(([name, delivery]) => this.#proves(name, delivery, record, signal)),
    );
    if (proved.includes(true)) return;
    throw unproven('there is no local copy, and only the word of its targets that they have it');
  }

  /** One that took the file by its size is asked for its hash now. */
  async #proves(name: string, delivery: Delivery, record: FileRecord, signal: AbortSignal): Promise<boolean> {
    if (delivery.verified === 'hash') return true;
    const target = this.#tools.hub.target(name);
    if (!target) throw new FileSyncError('unavailable', `${name} is not in the configuration`);
    if (delivery.path === undefined || target.capabilities.checksum !== 'sha256') return false;
    const there = await target.checksum(delivery.path, signal);
    if (there.value === record.sha256) return true;
    throw changed(`${name} holds other bytes than those that were sent`);
  }
}

async function checksumOrGone(
  record: FileRecord,
  source: Source,
  signal: AbortSignal,
): Promise<Checksum | 'gone'> {
  return source.checksum(record, signal).catch((error: unknown) => {
    if (error instanceof FileSyncError && error.kind === 'not-found') return 'gone' as const;
    throw error;
  });
}

function knownChecksum(
  { proof, sha256 }: FileRecord,
  algorithm: Checksum['algorithm'],
): Checksum | undefined {
  if (proof?.algorithm === algorithm) return proof;
  return algorithm === 'sha256' && sha256 !== undefined ? { algorithm, value: sha256 } : undefined;
}

/** Nothing that a further try would mend. */
const changed = (message: string) => new FileSyncError('changed', message, { temporary: false });
const unproven = (message: string) => new FileSyncError('unsupported', message);
