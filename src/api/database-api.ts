import { setImmediate as othersRun } from 'node:timers/promises';
import { EMPTY, firstValueFrom, map, merge, type Observable } from 'rxjs';
import manifest from '../../package.json' with { type: 'json' };
import type { Config } from '../config/config.js';
import { readStore } from '../db/read-only.js';
import { openStore } from '../db/store.js';
import type { DeviceStatus } from '../engine/devices.js';
import { FileSyncError } from '../errors.js';
import type { Edit, FileEvent } from '../record/events.js';
import type { Transfer } from '../record/progress.js';
import { Records } from '../record/records.js';
import { stateOf } from '../record/state.js';
import type { StepWait } from '../record/wait.js';
import { FileState, type Clock, type FileRecord, type Logger, type Space } from '../ports.js';
import { spaceOf, statfsNearest } from '../system/statfs.js';
import { Repair } from '../verify/repair.js';
import { MAX_PAGE_SIZE, type LiveApi } from './api.js';
import { fetchRefusal, firstRefusal, refusalOf, retryRefusal } from './edit.js';
import { matches, matching, pageOf } from './query.js';
import type {
  Action,
  ApiEvent,
  EditResult,
  File,
  FilePage,
  FileQuery,
  Repairs,
  Selection,
  Status,
} from './schema.js';
import { statusFeed } from './status-feed.js';
import { describeStatus } from './status.js';
import { fileView, timeText } from './views.js';

/** A long list of ids keeps all other work of the program waiting at most that long at a time. */
const MAX_BLOCKED_MS = 20;

type Refusal = EditResult['refused'][number];

/** What only a running daemon knows. */
export interface Daemon {
  readonly devices: Observable<readonly DeviceStatus[]>;
  readonly progress: Observable<unknown>;
  readonly paused: boolean;
  waits(record: FileRecord): readonly StepWait[];
  transfers(): readonly Transfer[];
  rescan(): void;
  pause(on: boolean): void;
  push(): number;
}

export interface DatabaseApiParts {
  readonly records: Records;
  readonly clock: Clock;
  /** The folder with the local copies. */
  readonly local: string;
  /** Absent in a command without a daemon. */
  readonly daemon?: Daemon;
  /** How the last reload of the daemon's configuration went. */
  readonly configuration?: Observable<unknown> & { readonly value: { readonly problem: string } };
}

/** The Api of the process that holds the database: the daemon, or a command when no daemon runs. */
export class DatabaseApi implements LiveApi {
  readonly #records: Records;
  readonly #parts: DatabaseApiParts;
  /** Monotonic ms. */
  readonly #began: number;

  constructor(parts: DatabaseApiParts) {
    this.#parts = parts;
    this.#records = parts.records;
    this.#began = parts.clock.monotonic();
  }

  /** Why changes cannot be written to the database, or what was read of it is damaged. */
  get problem(): string | undefined {
    return this.#records.problem;
  }

  async status(): Promise<Status> {
    const { clock, daemon, local } = this.#parts;
    const devices = daemon ? await firstValueFrom(daemon.devices) : [];
    const transfers = daemon?.transfers() ?? [];
    const paused = daemon?.paused ?? false;
    const waits = (record: FileRecord) => daemon?.waits(record) ?? [];
    const { problem: database = '' } = this;
    const since = clock.now() - (clock.monotonic() - this.#began);
    return {
      version: manifest.version,
      running: daemon !== undefined,
      running_since: daemon ? timeText(since) : null,
      ...describeStatus({
        ...{ records: this.#records.all(), devices, transfers, waits, paused, database, clock },
        configuration: this.#parts.configuration?.value.problem ?? '',
      }),
      disk: await space(local),
    };
  }

  async files(query: FileQuery): Promise<FilePage> {
    const isWanted = matches(query);
    const found: FileRecord[] = [];
    if (query.archive)
      for await (const record of this.#records.archived()) if (isWanted(record)) found.push(record);
    for (const record of this.#records.all()) if (isWanted(record)) found.push(record);
    const limit = Math.min(query.limit ?? MAX_PAGE_SIZE, MAX_PAGE_SIZE);
    const matched = await matching(found, query.match, this.#parts.clock);
    const { records, total, cursor } = pageOf(matched, query, limit);
    return { files: records.map(this.view), total, cursor };
  }

  async file(id: string): Promise<File> {
    const record = this.look(id);
    if (typeof record !== 'string') return this.view(record);
    for await (const old of this.#records.archived()) if (old.id === id) return this.view(old);
    throw new FileSyncError('not-found', `${id}: ${record}`);
  }

  async repair({ copies, deliveries }: Repairs): Promise<EditResult> {
    const repair = new Repair(this.#records, this.#parts.local);
    const ofCopies = await this.#edit(copies, record => repair.copy(record));
    const results = [ofCopies];
    for (const { id, target, reason } of deliveries)
      results.push(await this.#edit([id], record => repair.delivery(record, target, reason)));
    return {
      changed: [...new Set(results.flatMap(({ changed }) => changed))],
      refused: results.flatMap(({ refused }) => refused),
    };
  }

  async rescan(): Promise<Action> {
    const daemon = this.#running();
    daemon.rescan();
    return { message: daemon.paused ? 'paused: it is done when the work is resumed' : '' };
  }

  async pause(on: boolean): Promise<Action> {
    this.#running().pause(on);
    return { message: on ? 'paused' : 'resumed' };
  }

  async push(): Promise<Action> {
    const files = this.#running().push();
    if (files === 0) return { message: 'nothing waits' };
    return { message: `${files === 1 ? '1 file goes' : `${files} files go`} now` };
  }

  events(): Observable<ApiEvent> {
    const { clock, daemon, configuration: reloads } = this.#parts;
    const { devices = EMPTY, progress = EMPTY } = daemon ?? {};
    const status = statusFeed(this, { records: this.#records, devices, progress, reloads }, clock);
    const files = this.#records.changes.pipe(
      map(({ id, record }): ApiEvent =>
        record ? { type: 'file', file: this.view(record) } : { type: 'forgotten', id },
      ),
    );
    return merge(status.pipe(map((now): ApiEvent => ({ type: 'status', status: now }))), files);
  }

  #running(): Daemon {
    const { daemon } = this.#parts;
    if (daemon) return daemon;
    throw new FileSyncError('unavailable', 'no daemon runs: start one with `filesync run`');
  }

  /** The record as people and programs see it. */
  readonly view = (record: FileRecord): File =>
    fileView(record, this.#parts.daemon?.waits(record) ?? [], this.#parts.clock);

  async retry(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => stateOf(record) === FileState.FAILED);
    return this.#each(ids, retryRefusal, () => ({ type: 'Retried' }));
  }

  async first(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => firstRefusal(record) === undefined);
    let first =
      1 + ids.length + [...this.#records.all()].reduce((most, one) => Math.max(most, one.first ?? 0), 0);
    return this.#each(ids, firstRefusal, () => ({ type: 'Prioritised', first: first-- }));
  }

  async fetch(which: Selection): Promise<EditResult> {
    const ids = this.#selected(which, record => fetchRefusal(record) === undefined);
    return this.#each(ids, fetchRefusal, () => ({ type: 'Asked' }));
  }

  async forget(which: Selection): Promise<EditResult> {
    if ('all' in which)
      throw new FileSyncError('config', 'forget needs ids: without its records a source is sent again');
    return this.#edit(which.ids, async record => {
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

  #selected(which: Selection, isMeant: (record: FileRecord) => boolean): readonly string[] {
    if ('ids' in which) return which.ids;
    return [...this.#records.all()].filter(isMeant).map(({ id }) => id);
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
    let looked = this.#parts.clock.monotonic();
    for (const id of ids) {
      if (this.#parts.clock.monotonic() - looked > MAX_BLOCKED_MS) {
        await othersRun();
        looked = this.#parts.clock.monotonic();
      }
      const record = this.look(id);
      const reason = typeof record === 'string' ? record : await change(record);
      if (reason !== undefined) refused.push({ id, reason });
      else if (typeof record !== 'string') changed.push(record.id);
    }
    return { changed, refused };
  }
}

type Places = Pick<Config, 'database' | 'local' | 'modes'>;

async function space(folder: string): Promise<Space | null> {
  return statfsNearest(folder).then(spaceOf, () => null);
}

/** Reads the database's own files, where no daemon answers; edits are refused. */
export async function readDatabaseApi({ database, local }: Places, clock: Clock): Promise<DatabaseApi> {
  const records = new Records(await readStore(database), clock);
  return new DatabaseApi({ records, clock, local });
}

/** Opens the database's own files for edits, where no daemon runs. */
export async function openDatabaseApi(
  { database, local, modes }: Places,
  clock: Clock,
  logger: Logger,
): Promise<DatabaseApi> {
  const records = new Records(await openStore(database, { clock, modes, logger }), clock);
  return new DatabaseApi({ records, clock, local });
}
