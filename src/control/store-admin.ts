import { firstValueFrom, type Observable } from 'rxjs';
import { FileState, type Clock, type FileRecord, type Store } from '../ports.js';
import type { DeviceStatus } from '../pipeline/hub.js';
import { edited, type Edit } from '../pipeline/edit.js';
import { retried } from '../pipeline/record.js';
import { stateName } from '../pipeline/state-name.js';
import type { Admin, EditResult, FileFilter, Status } from './admin.js';

type Refusal = EditResult['refused'][number];

/** The Admin of the process that holds the database: the daemon, or a command when no daemon runs. */
export class StoreAdmin implements Admin {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #devices: Observable<readonly DeviceStatus[]> | undefined;

  /** `devices` is there only in a running daemon. */
  constructor(store: Store, clock: Clock, devices?: Observable<readonly DeviceStatus[]>) {
    this.#store = store;
    this.#clock = clock;
    this.#devices = devices;
  }

  async status(): Promise<Status> {
    const devices = this.#devices ? await firstValueFrom(this.#devices) : [];
    const counts: Record<string, number> = {};
    for (const { state } of this.#store.all()) counts[stateName(state)] = (counts[stateName(state)] ?? 0) + 1;
    return { running: this.#devices !== undefined, devices, counts };
  }

  async files({ state, device }: FileFilter): Promise<readonly FileRecord[]> {
    return [...this.#store.all()].filter(
      record =>
        (state === undefined || record.state === state) && (device === undefined || record.device === device),
    );
  }

  async retry(ids: readonly string[] | 'failed'): Promise<EditResult> {
    const failed = () =>
      [...this.#store.all()].filter(record => record.state === FileState.FAILED).map(one => one.id);
    return this.#edit(ids === 'failed' ? failed() : ids, async record => {
      if (record.state !== FileState.FAILED)
        return `it is ${stateName(record.state)}; only FAILED files can be retried`;
      await this.#store.put({ ...retried(record), updatedAt: this.#clock.now() });
      return undefined;
    });
  }

  async forget(ids: readonly string[]): Promise<EditResult> {
    return this.#edit(ids, async record => {
      await this.#store.delete(record.id);
      return undefined;
    });
  }

  /** The one record whose id begins so, or why there is none. */
  look(id: string): FileRecord | string {
    const exact = this.#store.get(id);
    if (exact) return exact;
    const alike = id === '' ? [] : [...this.#store.all()].filter(record => record.id.startsWith(id));
    if (alike[0] && alike.length === 1) return alike[0];
    return alike.length === 0
      ? 'no such file; `filesync files` lists them'
      : `${alike.length} files begin so; give more digits`;
  }

  /** The record after the edit, or why it is refused; then nothing is changed. */
  async edit(id: string, edit: Edit, isTarget: (device: string) => boolean): Promise<FileRecord | string> {
    const record = this.look(id);
    const wanted = typeof record === 'string' ? record : edited(record, edit, isTarget);
    if (typeof wanted === 'string') return wanted;
    const changed = { ...wanted, updatedAt: this.#clock.now() };
    await this.#store.put(changed);
    return changed;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  /** `change` answers why it refuses, or nothing when it is done. */
  async #edit(
    ids: readonly string[],
    change: (record: FileRecord) => Promise<string | undefined>,
  ): Promise<EditResult> {
    const changed: string[] = [];
    const refused: Refusal[] = [];
    for (const id of ids) {
      const record = this.look(id);
      const reason = typeof record === 'string' ? record : await change(record);
      if (reason !== undefined) refused.push({ id, reason });
      else if (typeof record !== 'string') changed.push(record.id);
    }
    return { changed, refused };
  }
}
