import type { Observable } from 'rxjs';
import type {
  Action,
  EditResult,
  File,
  FilePage,
  FileQuery,
  FlightPage,
  FlightQuery,
  FlightView,
  Repairs,
  Selection,
  Status,
} from './schema.js';
import type { FileContent } from './local-content.js';
import type { FleetPage } from './schema-fleet.js';
import type { FileChange, Receipt } from './schema-files.js';
import type { Link, LogPage, LogQuery, SignalsView } from './schema-live.js';

/** Files, or flights, in a page at most. */
export const MAX_PAGE_SIZE = 1000;

/**
 * Queries and edits, the same for commands, the socket and ROS services, with and without a daemon. `ids` may be unique
 * beginnings. Calls reject with FileSyncError: `config` if the question is wrong, `not-found` if there is no such file.
 */
export interface Api {
  /** Why the database cannot be written, or what was read of it is damaged, where this process has it open. */
  readonly problem?: string | undefined;
  status(): Promise<Status>;
  /** A page of at most MAX_PAGE_SIZE; `limit` may make it smaller. */
  files(query: FileQuery): Promise<FilePage>;
  file(id: string): Promise<File>;
  /** A page of at most MAX_PAGE_SIZE, the newest first. */
  flights(query: FlightQuery): Promise<FlightPage>;
  /** Brings FAILED files and failed deliveries back. */
  retry(which: Selection): Promise<EditResult>;
  /** Deletes records. Files stay where they are; files that are still on a source are found again. */
  forget(which: Selection): Promise<EditResult>;
  /** Moves files to the front of their queues, the first named first. */
  first(which: Selection): Promise<EditResult>;
  /** Fetches and delivers files that rules only list (SKIPPED). */
  fetch(which: Selection): Promise<EditResult>;
  /** Gives files up that are not delivered; a running transfer is interrupted, and `retry` resumes it. */
  cancel(which: Selection): Promise<EditResult>;
  /** Has what `verify` found missing or corrupt fetched or sent again; local copies are compared once more first. */
  repair(what: Repairs): Promise<EditResult>;
  /** Scans every source at once. Rejects with `unavailable` where no daemon runs, as `pause` and `push` do. */
  rescan(): Promise<Action>;
  /** Stops or resumes all work; running transfers are interrupted and resumed later. */
  pause(on: boolean): Promise<Action>;
  /** Delivers what is unfinished now, whatever `hours`, `over` and `unmetered` of its devices say. */
  push(): Promise<Action>;
  close(): Promise<void>;
}

/** The Api of the daemon's own process. */
export interface LiveApi extends Api {
  /** What happens, as the text of server-sent events. `last`: the id of the last one that the client has had. */
  events(last?: string): Observable<Uint8Array>;
  /** Edits a record as a person wants it. Rejects with `not-found` if there is no such file. */
  change(id: string, change: FileChange): Promise<EditResult>;
  /** Which bytes came from where, and who has them. */
  receipt(id: string): Promise<Receipt>;
  /** The local copy. Rejects with `not-found` if there is none. */
  content(id: string): Promise<FileContent>;
  /** What was measured of a device's link. Rejects with `not-found` if there is no such device. */
  link(device: string): Promise<Link>;
  log(query: LogQuery): Promise<LogPage>;
  /** The status of all vehicles that report to the same store as this one. */
  fleet(): Promise<FleetPage>;
  /** Altitude, speed and battery, from the local copy. */
  signals(id: string, signal: AbortSignal): Promise<SignalsView>;
  /** Has the local copy deleted; refused unless every target has the file. */
  evict(id: string): Promise<EditResult>;
}

/** All matching files, page by page; `limit` is the number of them in all. */
export async function* allFiles(api: Api, query: FileQuery): AsyncGenerator<File> {
  yield* allItems(query, async page => {
    const { files: items, cursor } = await api.files(page);
    return { items, cursor };
  });
}

/** All matching flights, page by page; `limit` is the number of them in all. */
export async function* allFlights(api: Api, query: FlightQuery): AsyncGenerator<FlightView> {
  yield* allItems(query, async page => {
    const { flights: items, cursor } = await api.flights(page);
    return { items, cursor };
  });
}

interface Paged {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

async function* allItems<Query extends Paged, Item>(
  query: Query,
  ask: (page: Query) => Promise<{ readonly items: readonly Item[]; readonly cursor: string | null }>,
): AsyncGenerator<Item> {
  const { limit = Infinity } = query;
  let left = limit;
  let cursor: string | null | undefined;
  do {
    const size = Math.min(left, MAX_PAGE_SIZE);
    const page = await ask({ ...query, limit: size, ...(cursor && { cursor }) });
    yield* page.items;
    left -= page.items.length;
    cursor = page.items.length > 0 && page.cursor !== cursor ? page.cursor : null;
  } while (cursor && left > 0);
}
