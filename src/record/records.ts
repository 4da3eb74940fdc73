import { fromOrigin } from '../errors.js';
import { mergeMap, Subject, type Observable } from 'rxjs';
import type { Change, Clock, FileRecord, Logger, SourceRecord, Store } from '../ports.js';
import { logDebug } from '../system/logger.js';
import { momentOf } from '../system/moment.js';
import type { FileEvent } from './events.js';
import { apply } from './record.js';
import { stateName, stateOf } from './state.js';

/** What is worth a write of its own when nothing else of the file is written soon. What is not said here can be learned again. */
const SOON: ReadonlySet<FileEvent['type']> = new Set([
  ...(['Gone', 'SeenAgain', 'Planned', 'Fetched', 'FetchFailed', 'Mismatched', 'CopyLost'] as const),
  ...([
    'Distinguished',
    'DeliveryBegan',
    'DeliveryFailed',
    'RemovalFailed',
    'Prioritised',
    'ClockSet',
  ] as const),
]);

/** What says that the source has a file, or has it no more. */
const OF_THE_SOURCE: ReadonlySet<FileEvent['type']> = new Set([
  ...(['Found', 'SeenAgain', 'Gone', 'Fetched', 'Removed'] as const),
]);

/** What people ask for: whatever was put off because it had failed is tried at once. */
const REQUESTS: ReadonlySet<FileEvent['type']> = new Set(['Retried', 'Edited', 'Asked', 'Prioritised']);

/** A copy up to this size, bytes, is looked for and hashed after a crash at less than what a write of its own costs now. */
const SMALL_BYTES = 1024 * 1024;

const isSoon = ({ type }: FileEvent, { size }: FileRecord): boolean =>
  SOON.has(type) && !(type === 'Fetched' && size <= SMALL_BYTES);

/** The one writer of the database: every change is an event that `apply` has turned into a record. */
export class Records {
  /** Ids of records that a person has asked something of. */
  readonly requests = new Subject<string>();
  readonly changes: Observable<Change>;
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

  source(device: string): SourceRecord | undefined {
    return this.#store.source(device);
  }

  /** Monotonic ms since when it is known whether the source has the file: a listing that began earlier says nothing of it. */
  learned(id: string): number {
    return this.#learned.get(id) ?? -Infinity;
  }

  /** Visible at once; on disk soon, or with the next change that is committed. Gives the record as it is then. */
  apply(id: string, event: FileEvent): FileRecord | undefined {
    const { record, changed } = this.#next(id, event);
    if (changed && changed !== record) this.#store.note(changed, isSoon(event, changed) ? 'soon' : undefined);
    if (changed && REQUESTS.has(event.type)) this.requests.next(id);
    return changed;
  }

  /** As `apply`; resolves when the change, and all before it, is on disk. */
  async commit(id: string, event: FileEvent): Promise<FileRecord | undefined> {
    const { record, changed } = this.#next(id, event);
    const written = changed && changed !== record ? this.#put(changed) : undefined;
    if (changed && REQUESTS.has(event.type)) this.requests.next(id);
    await written;
    return changed;
  }

  #next(id: string, event: FileEvent): { record: FileRecord | undefined; changed: FileRecord | undefined } {
    const record = this.#store.get(id);
    const isOutdated = event.type === 'Gone' && event.asOf < this.learned(id);
    const changed = isOutdated ? record : apply(record, event, momentOf(this.#clock));
    if (this.#logger) logDebug(this.#logger, () => describeEvent(id, event, record, changed));
    if (isOutdated) return { record, changed };
    if (OF_THE_SOURCE.has(event.type))
      this.#learned.set(id, 'asOf' in event ? event.asOf : this.#clock.monotonic());
    return { record, changed };
  }

  #put(record: FileRecord): Promise<void> {
    return fromOrigin('local', this.#store.put(record));
  }

  /** Resolves when all that the record says now is on disk, and gives it as it is then. */
  async flush(id: string): Promise<FileRecord | undefined> {
    const record = this.#store.get(id);
    if (record) await this.#put(record);
    return this.#store.get(id);
  }

  /** Deletes the record. What still lies on its source will be found again. */
  async forget(id: string): Promise<void> {
    await this.#store.delete(id);
  }

  async archive(ids: readonly string[]): Promise<void> {
    await this.#store.archive(ids);
  }

  async putSource(source: SourceRecord): Promise<void> {
    await this.#store.putSource(source);
  }

  /** Emits each file whose last target has just got it. */
  deliveries(): Observable<FileRecord> {
    return this.changes.pipe(
      mergeMap(({ record, previous }) => (record?.delivered && !previous?.delivered ? [record] : [])),
    );
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

/** Such as `0123456789ab cam:a.ulg: FetchBegan: FOUND -> DOWNLOADING`. */
function describeEvent(id: string, event: FileEvent, record?: FileRecord, changed?: FileRecord): string {
  const known = changed ?? record;
  const file = known ? `${id} ${known.device}:${known.path}` : id;
  const [before, after] = [record, changed].map(one => (one ? stateName(stateOf(one)) : 'none'));
  return `${file}: ${event.type}: ${before} -> ${after}${changed === record ? ' (unchanged)' : ''}`;
}
