import { firstValueFrom, type Observable } from 'rxjs';
import type { DeviceStatus } from '../engine/devices.js';
import type { Edit, FileEvent } from '../record/events.js';
import { openStore } from '../db/store.js';
import { Records } from '../record/records.js';
import { stateName, stateOf, viewOf } from '../record/state.js';
import type { Wait } from '../engine/steps.js';
import { FileState, type Clock, type FileRecord, type Logger } from '../ports.js';
import type { Admin, EditResult, FileFilter, ListedFile, Status } from './admin.js';
import { fetchRefusal, firstRefusal, refusalOf, retryRefusal } from './edit.js';

type Refusal = EditResult['refused'][number];

/** The state that only a running daemon has. */
export interface Daemon {
  readonly devices: Observable<readonly DeviceStatus[]>;
  explain(record: FileRecord): Wait | undefined;
}

/** The Admin of the process that holds the database: the daemon, or a command when no daemon runs. */
export class StoreAdmin implements Admin {
  readonly #records: Records;
  readonly #daemon: Daemon | undefined;

  constructor(records: Records, daemon?: Daemon) {
    this.#records = records;
    this.#daemon = daemon;
  }

  async status(): Promise<Status> {
    const devices = this.#daemon ? await firstValueFrom(this.#daemon.devices) : [];
    const counts: Record<string, number> = {};
    for (const record of this.#records.all()) {
      const name = stateName(stateOf(record));
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return { running: this.#daemon !== undefined, devices, counts };
  }

  async files({ state, device, all = false }: FileFilter): Promise<readonly ListedFile[]> {
    const files: ListedFile[] = [];
    const take = (record: FileRecord) => {
      if (state !== undefined && stateOf(record) !== state) return;
      if (device === undefined || record.device === device) files.push(this.view(record));
    };
    if (all) for await (const record of this.#records.archived()) take(record);
    for (const record of this.#records.all()) take(record);
    return files;
  }

  /** The record as it is listed. */
  readonly view = (record: FileRecord): ListedFile => {
    const waits = this.#daemon?.explain(record)?.reason;
    return { ...viewOf(record), ...(waits !== undefined && { waits }) };
  };

  async retry(ids: readonly string[] | 'failed'): Promise<EditResult> {
    const failed = () =>
      [...this.#records.all()].filter(record => stateOf(record) === FileState.FAILED).map(({ id }) => id);
    return this.#each(ids === 'failed' ? failed() : ids, retryRefusal, () => ({ type: 'Retried' }));
  }

  async first(ids: readonly string[]): Promise<EditResult> {
    let first =
      1 + ids.length + [...this.#records.all()].reduce((most, one) => Math.max(most, one.first ?? 0), 0);
    return this.#each(ids, firstRefusal, () => ({ type: 'Prioritised', first: first-- }));
  }

  async fetch(ids: readonly string[]): Promise<EditResult> {
    return this.#each(ids, fetchRefusal, () => ({ type: 'Asked' }));
  }

  async forget(ids: readonly string[]): Promise<EditResult> {
    return this.#edit(ids, async record => {
      await this.#records.forget(record.id);
      return undefined;
    });
  }

  /** The only record whose id begins with `id`, or why there is none. */
  look(id: string): FileRecord | string {
    const exact = this.#records.get(id);
    if (exact) return exact;
    const alike = id === '' ? [] : [...this.#records.all()].filter(record => record.id.startsWith(id));
    if (alike[0] && alike.length === 1) return alike[0];
    return alike.length === 0
      ? 'no such file; `filesync files` lists them'
      : `${alike.length} ids begin with that; use more digits`;
  }

  /** The record after the edit, or why the edit is refused, which changes nothing. */
  async edit(id: string, edit: Edit, isTarget: (device: string) => boolean): Promise<FileRecord | string> {
    const record = this.look(id);
    const refusal = typeof record === 'string' ? record : refusalOf(record, edit, isTarget);
    if (refusal !== undefined || typeof record === 'string') return refusal ?? '';
    return (await this.#records.commit(record.id, { type: 'Edited', edit })) ?? 'it has just been forgotten';
  }

  async close(): Promise<void> {
    await this.#records.close();
  }

  #each(
    ids: readonly string[],
    refusal: (record: FileRecord) => string | undefined,
    event: () => FileEvent,
  ): Promise<EditResult> {
    return this.#edit(ids, async record => {
      const reason = refusal(record);
      if (reason === undefined) await this.#records.commit(record.id, event());
      return reason;
    });
  }

  /** `change` returns why it refuses, or undefined when it is done. */
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

/** Opens the database's own files, where no daemon runs. */
export async function openStoreAdmin(path: string, clock: Clock, logger: Logger): Promise<StoreAdmin> {
  return new StoreAdmin(new Records(await openStore(path, { clock, logger }), clock));
}
