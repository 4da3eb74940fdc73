import { defer, EMPTY, firstValueFrom, type Observable } from 'rxjs';
import manifest from '../../package.json' with { type: 'json' };
import type { Config } from '../config/config.js';
import type { Rule } from '../rules/rule.js';
import { readStore } from '../db/read-only.js';
import { openStore } from '../db/store.js';
import type { DeviceStatus } from '../engine/devices.js';
import { FileSyncError } from '../errors.js';
import type { Edit } from '../record/events.js';
import type { RunningTransfer } from '../record/progress.js';
import { Records } from '../record/records.js';
import type { StepWait } from '../record/wait.js';
import type { Clock, FileRecord, Logger, Space } from '../ports.js';
import { LocalStorage } from '../local/storage.js';
import { isInMemory } from '../system/memory-file-system.js';
import { spaceOf, statfsNearest } from '../system/statfs.js';
import { Grouping } from '../units/grouping.js';
import { NOTIFICATIONS, problemsIn } from '../notify/told.js';
import { MAX_PAGE_SIZE, type LiveApi } from './api.js';
import { eventFeed } from './event-feed.js';
import { EventHub } from './event-hub.js';
import { flightPage } from './flights.js';
import type { LiveParts } from './live.js';
import { contentOf, type FileContent } from './local-content.js';
import { matches, matching, pageOf } from './query.js';
import { RecordEdits } from './record-edits.js';
import type {
  Action,
  EditResult,
  File,
  FilePage,
  FileQuery,
  FlightPage,
  FlightQuery,
  Repairs,
  Selection,
  Status,
} from './schema.js';
import { NO_FLEET, type FleetPage } from './schema-fleet.js';
import type { FileChange, Receipt } from './schema-files.js';
import { statusFeed } from './status-feed.js';
import { describeStatus, type StatusParts } from './status.js';
import type { ApiEvent } from './schema-events.js';
import type { Link, LogPage, LogQuery, SignalsView } from './schema-live.js';
import { fileView, receiptOf, timeText, transferView } from './views.js';

/** What only a running daemon knows. */
export interface Daemon {
  readonly devices: Observable<readonly DeviceStatus[]>;
  readonly progress: Observable<unknown>;
  readonly paused: boolean;
  waits(record: FileRecord): readonly StepWait[];
  /** Whether a rule delivers to that device. */
  isTarget(device: string): boolean;
  transfers(): readonly RunningTransfer[];
  rescan(): void;
  pause(on: boolean): void;
  push(): number;
}

export interface DatabaseApiParts {
  readonly records: Records;
  readonly clock: Clock;
  /** The folder with the local copies. */
  readonly local: string;
  /** The name of this computer. */
  readonly hostname?: string;
  /** Whether a rule delivers to that device; the daemon knows it itself. */
  readonly isTarget?: (device: string) => boolean;
  /** Which files go together. */
  readonly grouping?: Grouping;
  /** Absent in a command without a daemon. */
  readonly daemon?: Daemon;
  /** The web page of the daemon. */
  readonly page?: { readonly problem: string };
  readonly live?: LiveParts;
  /** How the last reload of the daemon's configuration went. */
  readonly configuration?: Observable<unknown> & { readonly value: { readonly problem: string } };
}

/** The Api of the process that holds the database: the daemon, or a command when no daemon runs. */
export class DatabaseApi implements LiveApi {
  readonly #records: Records;
  readonly #parts: DatabaseApiParts;
  readonly #edits: RecordEdits;
  readonly #storage: LocalStorage;
  #hub: EventHub | undefined;
  /** Monotonic ms. */
  readonly #began: number;

  constructor(parts: DatabaseApiParts) {
    this.#parts = parts;
    this.#records = parts.records;
    const { daemon, isTarget = device => daemon?.isTarget(device) ?? false } = parts;
    this.#edits = new RecordEdits({ ...parts, isTarget });
    this.#storage = new LocalStorage(parts.local);
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
        units: records => this.#parts.grouping?.count(records) ?? [],
        configuration: this.#parts.configuration?.value.problem ?? '',
        ...this.#known(),
        inMemory: await isInMemory(local),
      }),
      notifications: this.#notifications(),
      web: this.#webProblem,
      disk: await space(local),
    };
  }

  get #webProblem(): string {
    return this.#parts.page?.problem ?? '';
  }

  /** What is known of the sources, and how fast files come from them. */
  #known(): Pick<StatusParts, 'sources' | 'running' | 'link'> {
    const { daemon, live } = this.#parts;
    const link = (device: string) => live?.links?.figures(device) ?? null;
    return { sources: live?.sources?.now() ?? [], running: daemon !== undefined, link };
  }

  #notifications(): Status['notifications'] {
    const { told } = this.#records.source(NOTIFICATIONS) ?? {};
    return problemsIn(told).map(({ since, ...problem }) => ({ ...problem, since: timeText(since) }));
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
    return this.view(await this.#find(id));
  }

  async receipt(id: string): Promise<Receipt> {
    const { clock, hostname = '' } = this.#parts;
    return receiptOf(await this.#find(id), { hostname, version: manifest.version, now: clock.now() });
  }

  async content(id: string): Promise<FileContent> {
    return contentOf(await this.#find(id), this.#storage);
  }

  async link(device: string): Promise<Link> {
    const { daemon, live } = this.#parts;
    const devices = daemon ? await firstValueFrom(daemon.devices) : [];
    if (!devices.some(({ name }) => name === device))
      throw new FileSyncError('not-found', `${device}: no such device; \`filesync status\` lists them`);
    return live?.links?.of(device) ?? { device, samples: [], listings: [] };
  }

  async log(query: LogQuery): Promise<LogPage> {
    return this.#parts.live?.log?.query(query) ?? { entries: [] };
  }

  async signals(id: string, signal: AbortSignal): Promise<SignalsView> {
    const record = await this.#find(id);
    return (
      this.#parts.live?.signals?.of(record, signal) ?? { signals: [], note: 'only the daemon reads them' }
    );
  }

  async fleet(): Promise<FleetPage> {
    return this.#parts.live?.fleet?.page() ?? NO_FLEET;
  }

  /** Among the archived records as well. */
  async #find(id: string): Promise<FileRecord> {
    const record = this.recordOf(id);
    if (typeof record !== 'string') return record;
    for await (const old of this.#records.archived()) if (old.id === id) return old;
    throw new FileSyncError('not-found', `${id}: ${record}`);
  }

  async flights(query: FlightQuery): Promise<FlightPage> {
    const records: FileRecord[] = [];
    if (query.archive) for await (const record of this.#records.archived()) records.push(record);
    for (const record of this.#records.all()) records.push(record);
    const { daemon, clock } = this.#parts;
    return flightPage(records, query, record => daemon?.waits(record) ?? [], clock);
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

  events(last?: string): Observable<Uint8Array> {
    this.#hub ??= new EventHub(this.#feed(), this.#parts.clock);
    return this.#hub.stream(last);
  }

  #feed(): Observable<ApiEvent> {
    const { clock, daemon, live, configuration: reloads } = this.#parts;
    const { devices = EMPTY, progress = EMPTY } = daemon ?? {};
    const hints = { records: this.#records, devices, progress, reloads, sources: live?.sources?.changes };
    return eventFeed({
      ...{ records: this.#records, clock, view: this.view, progress, links: live?.links, log: live?.log },
      status: defer(() => statusFeed(this, hints, clock)),
      transfers: () => daemon?.transfers().map(transferView) ?? [],
    });
  }

  #running(): Daemon {
    const { daemon } = this.#parts;
    if (daemon) return daemon;
    throw new FileSyncError('unavailable', 'no daemon runs: start one with `filesync run`');
  }

  /** The record as people and programs see it. */
  readonly view = (record: FileRecord): File =>
    fileView(record, this.#parts.daemon?.waits(record) ?? [], this.#parts.clock);

  retry(which: Selection): Promise<EditResult> {
    return this.#edits.retry(which);
  }

  cancel(which: Selection): Promise<EditResult> {
    return this.#edits.cancel(which);
  }

  first(which: Selection): Promise<EditResult> {
    return this.#edits.first(which);
  }

  fetch(which: Selection): Promise<EditResult> {
    return this.#edits.fetch(which);
  }

  forget(which: Selection): Promise<EditResult> {
    return this.#edits.forget(which);
  }

  repair(what: Repairs): Promise<EditResult> {
    return this.#edits.repair(what);
  }

  change(id: string, change: FileChange): Promise<EditResult> {
    return this.#edits.change(id, change);
  }

  evict(id: string): Promise<EditResult> {
    return this.#edits.evict(id);
  }

  /** The only record whose id begins with `id`, or why there is none. */
  recordOf(id: string): FileRecord | string {
    return this.#edits.recordOf(id);
  }

  /** The record after the edit, or why the edit is refused, which changes nothing. */
  edit(id: string, edit: Edit, isTarget?: (device: string) => boolean): Promise<FileRecord | string> {
    return this.#edits.edit(id, edit, isTarget);
  }

  async close(): Promise<void> {
    await this.#records.close();
  }
}

type Places = Pick<Config, 'database' | 'local' | 'modes' | 'rules'>;

const byRules = (rules: readonly Rule[]): Pick<DatabaseApiParts, 'grouping' | 'isTarget'> => ({
  grouping: Grouping.by(rules),
  isTarget: device => rules.some(({ to }) => to.includes(device)),
});

async function space(folder: string): Promise<Space | null> {
  return statfsNearest(folder).then(spaceOf, () => null);
}

/** Reads the database's own files, where no daemon answers; edits are refused. */
export async function readDatabaseApi(
  { database, local, rules }: Places,
  clock: Clock,
): Promise<DatabaseApi> {
  const records = new Records(await readStore(database), clock);
  return new DatabaseApi({ records, clock, local, ...byRules(rules) });
}

/** Opens the database's own files for edits, where no daemon runs. */
export async function openDatabaseApi(
  { database, local, modes, rules }: Places,
  clock: Clock,
  logger: Logger,
): Promise<DatabaseApi> {
  const records = new Records(await openStore(database, { clock, modes, logger }), clock);
  return new DatabaseApi({ records, clock, local, ...byRules(rules) });
}
