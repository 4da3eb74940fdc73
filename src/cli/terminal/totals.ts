import { Subscription, type Observable } from 'rxjs';
import type { DeviceStatus } from '../../engine/devices.js';
import { FileState, type Change, type FileRecord } from '../../ports.js';
import type { Records } from '../../record/records.js';
import { hasLocalCopy, isUnfinished, openTargets, stateOf } from '../../record/state.js';
import { deviceAt, endOf, from, to, type End } from './end.js';

/** A transfer as far as totals depend on it. */
export interface Moving {
  readonly device: string;
  readonly target?: string;
  readonly bytes: number;
}

export interface TotalsSource {
  readonly records: Pick<Records, 'all' | 'changes'>;
  readonly devices: Observable<readonly DeviceStatus[]>;
}

/** Files and bytes of the work that is under way: what is done of it, and what is left. It begins again when all was done. */
export class Totals {
  /** Files that were delivered to all of their targets. */
  delivered = 0;
  /** Files that still have to be fetched or delivered. */
  open = 0;
  readonly #failed = new Set<string>();
  /** Bytes of transfers that have ended. */
  #moved = 0;
  /** Bytes of transfers that have not ended. */
  readonly #left = new Map<End, number>();
  readonly #offline = new Set<string>();
  readonly #watching = new Subscription();

  constructor({ records, devices }: TotalsSource) {
    for (const record of records.all()) this.#changed({ id: record.id, record });
    this.#watching.add(records.changes.subscribe(change => this.#changed(change)));
    this.#watching.add(devices.subscribe(all => this.#noteOffline(all)));
  }

  /** Files that were given up since the work began. */
  get failed(): number {
    return this.#failed.size;
  }

  get files(): number {
    return this.delivered + this.open + this.failed;
  }

  /** Bytes that were moved on all ways: those of a file count for its download, and once for each target. */
  done(running: readonly Moving[]): number {
    return running.reduce((sum, { bytes }) => sum + bytes, this.#moved);
  }

  /** Bytes that are still to be moved at each end, without devices that are offline. */
  left(running: readonly Moving[]): ReadonlyMap<End, number> {
    const left = new Map([...this.#left].filter(([end]) => !this.#offline.has(deviceAt(end))));
    for (const one of running) {
      const end = endOf(one);
      left.set(end, Math.max(0, (left.get(end) ?? 0) - one.bytes));
    }
    return left;
  }

  stop(): void {
    this.#watching.unsubscribe();
  }

  #noteOffline(devices: readonly DeviceStatus[]): void {
    this.#offline.clear();
    for (const { name, available } of devices) if (!available) this.#offline.add(name);
  }

  #changed(change: Change): void {
    const { record, previous } = change;
    if (this.open === 0 && isOpen(record)) this.#beginAgain();
    this.#count(change);
    const [before, after] = [endsOf(previous), endsOf(record)];
    for (const end of before) this.#add(end, -(previous?.size ?? 0));
    for (const end of after) this.#add(end, record?.size ?? 0);
    if (record) this.#moved += before.filter(end => isDone(record, end)).length * record.size;
  }

  #count({ id, record, previous }: Change): void {
    this.open += Number(isOpen(record)) - Number(isOpen(previous));
    if (previous && !previous.delivered && record?.delivered) this.delivered += 1;
    if (!record || stateOf(record) !== FileState.FAILED) this.#failed.delete(id);
    else if (previous) this.#failed.add(id);
  }

  #beginAgain(): void {
    this.delivered = 0;
    this.#moved = 0;
    this.#failed.clear();
  }

  #add(end: End, bytes: number): void {
    this.#left.set(end, (this.#left.get(end) ?? 0) + bytes);
  }
}

const isOpen = (record: FileRecord | undefined): boolean =>
  record !== undefined &&
  isUnfinished(record) &&
  stateOf(record) !== FileState.FAILED &&
  openTargets(record).length > 0;

/** Where the record still asks for transfers. */
function endsOf(record: FileRecord | undefined): End[] {
  if (!record || !isOpen(record)) return [];
  const targets = openTargets(record).map(to);
  return hasLocalCopy(record) || record.via === 'stream' ? targets : [from(record.device), ...targets];
}

function isDone(record: FileRecord, end: End): boolean {
  if (end === from(record.device)) return hasLocalCopy(record);
  return record.targets[deviceAt(end)]?.state === 'done';
}
