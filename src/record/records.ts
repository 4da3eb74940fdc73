import { fromOrigin, toFileSyncError } from '../errors.js';
import { mergeMap, Subject, type Observable } from 'rxjs';
import type { Change, Clock, FileRecord, Logger, SourceRecord, Store } from '../ports.js';
import { logDebug } from '../system/logger.js';
import { momentOf } from '../system/moment.js';
import type { FileEvent } from './events.js';
import { FailureLog } from './failure-log.js';
import { apply } from './record.js';
import { stateName, stateOf } from './state.js';

/** Events that are written within a second even if no other change of the file is. All other facts can be learned again. */
const WRITTEN_SOON: ReadonlySet<FileEvent['type']> = new Set([
  ...(['Gone', 'SeenAgain', 'Planned', 'Fetched', 'FetchFailed', 'Mismatched', 'CopyLost'] as const),
  ...([
    'FactsRead',
    'Distinguished',
    'DeliveryBegan',
    'DeliveryFailed',
    'RemovalFailed',
    'Prioritised',
    'ClockSet',
  ] as const),
]);

/** Events that say whether the source has the file. */
const SOURCE_EVENTS: ReadonlySet<FileEvent['type']> = new Set([
  ...(['Found', 'SeenAgain', 'Gone', 'Fetched', 'Removed'] as const),
]);

/** Requests of people: steps that were deferred because they had failed are attempted immediately. */
const REQUEST_EVENTS: ReadonlySet<FileEvent['type']> = new Set([
  ...(['Retried', 'Edited', 'Asked', 'Prioritised', 'DeliveryLost', 'CopyWanted', 'CopyUnwanted'] as const),
]);

/** Records that are archived in one call. */
const ARCHIVE_BATCH = 1000;

/** For a copy up to this size, hashing it after a crash costs less than a write of its own now. */
const SMALL_BYTES = 1024 * 1024;

const isSoon = ({ type }: FileEvent, { size }: FileRecord): boolean =>
  WRITTEN_SOON.has(type) && !(type === 'Fetched' && size <= SMALL_BYTES);

/** The one writer of the database: every change is an event that `apply` has turned into a record. */
export class Records {
  /** Ids of records with a request of a person. */
  readonly requests = new Subject<string>();
  readonly changes: Observable<Change>;
  /** Where the failures of files are logged, those of one cause together. */
  readonly failures: FailureLog;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  /** Monotonic ms at which something was last learned of a file's source, in this run of the program. */
  readonly #learned = new Map<string, number>();

  /** `logger`: each event is logged at level debug. */
  constructor(store: Store, clock: Clock, logger?: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.changes = store.changes;
    this.failures = new FailureLog(store.changes, clock, logger);
  }

  /** Why changes cannot be written to disk now. */
  get problem(): string | undefined {
    return this.#store.problem;
  }

  get(id: string): FileRecord | undefined {
    return this.#store.get(id);
  }

  /** In the order in which they were found. */
  all(): Iterable<FileRecord> {
    return this.#store.all();
  }

  /** Every record of one path on one device, oldest first. */
  versions(device: string, path: string): readonly FileRecord[] {
    return this.#store.versions(device, path);
  }

  archived(): AsyncIterable<FileRecord> {
    return this.#store.archived();
  }

  archiveSize(): Promise<number> {
    return this.#store.archiveSize();
  }

  source(device: string): SourceRecord | undefined {
    return this.#store.source(device);
  }

  /** A source without a record of its own is known if there are records of its files: earlier versions wrote none. */
  knowsSource(device: string): boolean {
    if (this.source(device)) return true;
    for (const record of this.all()) if (record.device === device && !record.atFirstScan) return true;
    return false;
  }

  /** Monotonic ms at which it was learned whether the source has the file: listings that began earlier are outdated. */
  learned(id: string): number {
    return this.#learned.get(id) ?? -Infinity;
  }

  /** Visible immediately; on disk soon, or with the next committed change of the record. Returns the record after the event. */
  apply(id: string, event: FileEvent): FileRecord | undefined {
    const { record, changed } = this.#next(id, event);
    if (changed && changed !== record) this.#store.note(changed, isSoon(event, changed) ? 'soon' : undefined);
    if (changed && REQUEST_EVENTS.has(event.type)) this.requests.next(id);
    return changed;
  }

  /** As `apply`; resolves when the change, and all before it, is on disk. */
  async commit(id: string, event: FileEvent): Promise<FileRecord | undefined> {
    const { record, changed } = this.#next(id, event);
    const written = changed && changed !== record ? this.#put(changed) : undefined;
    if (changed && REQUEST_EVENTS.has(event.type)) this.requests.next(id);
    await written;
    return changed;
  }

  #next(id: string, event: FileEvent): { record: FileRecord | undefined; changed: FileRecord | undefined } {
    const record = this.#store.get(id);
    const isOutdated = event.type === 'Gone' && event.asOf < this.learned(id);
    const changed = isOutdated ? record : apply(record, event, momentOf(this.#clock));
    if (this.#logger) logDebug(this.#logger, () => describeEvent(id, event, record, changed));
    if (isOutdated) return { record, changed };
    if (SOURCE_EVENTS.has(event.type))
      this.#learned.set(id, ('asOf' in event ? event.asOf : undefined) ?? this.#clock.monotonic());
    return { record, changed };
  }

  #put(record: FileRecord): Promise<void> {
    return fromOrigin('local', this.#store.put(record));
  }

  /** Resolves when the record as it is now is on disk; returns the record as it is then. */
  async flush(id: string): Promise<FileRecord | undefined> {
    const record = this.#store.get(id);
    if (record) await this.#put(record);
    return this.#store.get(id);
  }

  /** Deletes the record. If its file is still on the source, it will be found again. */
  async forget(id: string): Promise<void> {
    await fromOrigin('local', this.#store.delete(id));
  }

  /** Moves those of the records to the archive. What fails is logged; they stay then. */
  async archiveWhere(isOld: (record: FileRecord) => boolean): Promise<void> {
    try {
      await this.archive([...this.all()].filter(isOld).map(({ id }) => id));
    } catch (thrown) {
      const { message } = toFileSyncError(thrown);
      this.#logger?.log('warn', `old records stay in the database: ${message}`);
    }
  }

  /** Moves the records to the archive. */
  async archive(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += ARCHIVE_BATCH)
      await this.#store.archive(ids.slice(at, at + ARCHIVE_BATCH));
  }

  async putSource(source: SourceRecord): Promise<void> {
    await this.#store.putSource(source);
  }

  /** Emits each file whose last delivery has just ended. */
  deliveries(): Observable<FileRecord> {
    return this.changes.pipe(
      mergeMap(({ record, previous }) => (record?.delivered && !previous?.delivered ? [record] : [])),
    );
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

/** Such as `0123456789ab cam:a.ulg: FetchBegan: FOUND -> DOWNLOADING`, or `…: Delivered (ftp): UPLOADING -> UPLOADED`. */
function describeEvent(id: string, event: FileEvent, record?: FileRecord, changed?: FileRecord): string {
  const known = changed ?? record;
  const file = known ? `${id} ${known.device}:${known.path}` : id;
  const [before, after] = [record, changed].map(one => (one ? stateName(stateOf(one)) : 'none'));
  const target = 'target' in event ? ` (${event.target})` : '';
  return `${file}: ${event.type}${target}: ${before} -> ${after}${changed === record ? ' (unchanged)' : ''}`;
}
