import {
  combineLatest,
  filter,
  firstValueFrom,
  from,
  map,
  merge,
  type Observable,
  type Subscription,
} from 'rxjs';
import { FileState, type Change, type FileRecord, type Store } from '../ports.js';
import type { Planner } from '../rules/plan.js';
import type { Cleaner } from './cleaner.js';
import { deliveryTask, type DeliveryTask } from './courier.js';
import type { Downloader } from './downloader.js';
import type { Finder } from './finder.js';
import type { DeviceHub } from './hub.js';
import { openDeliveries } from './record.js';
import type { Streamer } from './streamer.js';
import type { Uploader } from './uploader.js';
import { Worker, type Task, type WorkerTools } from './worker.js';

const TO_FETCH: ReadonlySet<FileState> = new Set([FileState.FOUND, FileState.DOWNLOADING]);
const TO_DELIVER: ReadonlySet<FileState> = new Set([
  FileState.DOWNLOADED,
  FileState.PARTIAL,
  FileState.UPLOADING,
]);

export interface Workers {
  readonly finder: Finder;
  readonly downloader: Downloader;
  readonly uploader: Uploader;
  readonly streamer: Streamer;
  readonly cleaner: Cleaner;
}

/** How many tasks each queue holds. */
export interface Pending {
  readonly finds: number;
  readonly downloads: number;
  /** Streams included. */
  readonly uploads: number;
  readonly total: number;
}

/**
 * The queues between the workers. The database's changes alone feed them: what a record says is what gets done, whoever
 * wrote it (a worker, a command, another node), and a file that was queued when the process died is queued again.
 */
export class Queues {
  readonly #store: Store;
  readonly #hub: DeviceHub;
  readonly #planner: Planner;
  readonly #finds: Worker<Task>;
  readonly #downloads: Worker<Task>;
  readonly #uploads: Worker<DeliveryTask>;
  readonly #streams: Worker<DeliveryTask>;
  readonly #cleanups: Worker<Task>;

  constructor(store: Store, hub: DeviceHub, planner: Planner, workers: Workers, tools: WorkerTools) {
    this.#store = store;
    this.#hub = hub;
    this.#planner = planner;
    this.#finds = new Worker(workers.finder, tools);
    this.#downloads = new Worker(workers.downloader, tools);
    this.#uploads = new Worker(workers.uploader, tools);
    this.#streams = new Worker(workers.streamer, tools);
    this.#cleanups = new Worker(workers.cleaner, tools);
  }

  /** Queues what the database holds, then each change to it, until unsubscribed. */
  feed(): Subscription {
    const held = from([...this.#store.all()]).pipe(map((record): Change => ({ id: record.id, record })));
    return merge(this.#store.changes, held).subscribe(change => this.#take(change));
  }

  look(device: string): void {
    this.#finds.ask({ key: device });
  }

  /** Resolves when every source that was asked for has been looked at. */
  async looked(): Promise<void> {
    await firstValueFrom(this.#finds.pending.pipe(filter(count => count === 0)));
  }

  /** Resolves when nothing is queued, running or waiting for another try. */
  async idle(): Promise<void> {
    await firstValueFrom(this.pending().pipe(filter(({ total }) => total === 0)));
  }

  /** How many tasks each queue holds; emits at once and on each change. */
  pending(): Observable<Pending> {
    return combineLatest(this.#workers.map(worker => worker.pending)).pipe(
      map(([finds = 0, downloads = 0, sent = 0, streamed = 0, cleanups = 0]) => {
        const uploads = sent + streamed;
        return { finds, downloads, uploads, total: finds + downloads + uploads + cleanups };
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.stop()));
  }

  get #workers() {
    return [this.#finds, this.#downloads, this.#uploads, this.#streams, this.#cleanups];
  }

  #take({ id, record, previous }: Change): void {
    if (record) return this.#queue(record);
    this.#downloads.remove(id);
    this.#cleanups.remove(id);
    for (const target of Object.keys(previous?.targets ?? {})) {
      this.#uploads.remove(deliveryTask(id, target).key);
      this.#streams.remove(deliveryTask(id, target).key);
    }
  }

  /** Work for a device that the configuration no longer names stays in the database until it does again. */
  #queue(record: FileRecord): void {
    const { id, device, path, state, via } = record;
    const fetches = TO_FETCH.has(state) && this.#hub.source(device) !== undefined;
    if (via === 'stream') this.#queueStreams(record);
    else if (fetches) this.#downloads.add({ key: id });
    else if (TO_DELIVER.has(state)) this.#queueDeliveries(record, this.#uploads);
    if (state !== FileState.UPLOADED) return;
    if (this.#planner.plan(device, path)?.after.source === 'delete') this.#cleanups.add({ key: id });
  }

  #queueStreams(record: FileRecord): void {
    const open = TO_FETCH.has(record.state) || TO_DELIVER.has(record.state);
    if (open && this.#hub.source(record.device)) this.#queueDeliveries(record, this.#streams);
  }

  #queueDeliveries(record: FileRecord, worker: Worker<DeliveryTask>): void {
    const targets = openDeliveries(record).filter(target => this.#hub.target(target));
    for (const target of targets) worker.add(deliveryTask(record.id, target));
  }
}
