import type { Observable } from 'rxjs';
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

/** Files in a page at most. */
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
  /** Brings FAILED files back. */
  retry(which: Selection): Promise<EditResult>;
  /** Deletes records. Files stay where they are; files that are still on a source are found again. */
  forget(which: Selection): Promise<EditResult>;
  /** Moves files to the front of their queues, the first named first. */
  first(which: Selection): Promise<EditResult>;
  /** Fetches and delivers files that rules only list (SKIPPED). */
  fetch(which: Selection): Promise<EditResult>;
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
  /** The status now and whenever it changes, and each change of a file. */
  events(): Observable<ApiEvent>;
}

/** All matching files, page by page; `limit` is the number of them in all. */
export async function* allFiles(api: Api, query: FileQuery): AsyncGenerator<File> {
  const { limit = Infinity } = query;
  let left = limit;
  let cursor: string | null | undefined;
  do {
    const size = Math.min(left, MAX_PAGE_SIZE);
    const page = await api.files({ ...query, limit: size, ...(cursor && { cursor }) });
    yield* page.files;
    left -= page.files.length;
    cursor = page.files.length > 0 && page.cursor !== cursor ? page.cursor : null;
  } while (cursor && left > 0);
}
