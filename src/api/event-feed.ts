import {
  concatMap,
  distinctUntilChanged,
  EMPTY,
  from,
  map,
  merge,
  Observable,
  Subject,
  takeUntil,
  throttle,
} from 'rxjs';
import type { Clock, FileRecord } from '../ports.js';
import type { Records } from '../record/records.js';
import { after, endOf } from '../system/rx.js';
import { changedFiles } from './changed-files.js';
import type { LinkHistory, LogRing } from './live.js';
import type { File, Status, TransferView } from './schema.js';
import type { ApiEvent } from './schema-events.js';

/** Between two batches of lines of the log. */
const GATHER_MS = 100;
/** Lines of the log in a batch, the newest: a client sees by their numbers that others are missing. */
const MAX_LINES = 50;
/** Between two events `progress`. */
const PROGRESS_INTERVAL_MS = 200;
/** The rate of a transfer decreases although nothing arrives, and its end is no progress. */
const TRANSFERS_INTERVAL_MS = 1_000;

export interface EventFeedParts {
  readonly records: Records;
  readonly clock: Clock;
  readonly view: (record: FileRecord) => File;
  readonly status: Observable<Status>;
  /** Emits when a transfer has made progress. */
  readonly progress: Observable<unknown>;
  readonly transfers: () => TransferView[];
  readonly links?: Pick<LinkHistory, 'samples'> | undefined;
  readonly log?: Pick<LogRing, 'entries'> | undefined;
}

/** All that happens, paced so that a burst of changes costs neither memory nor the time of others. Ends with the database. */
export function eventFeed(parts: EventFeedParts): Observable<ApiEvent> {
  const { status, links, log, clock } = parts;
  const samples = (links?.samples ?? EMPTY).pipe(
    map(({ device, sample }): ApiEvent => ({ type: 'link', device, sample })),
  );
  const lines = newest(log?.entries ?? EMPTY, clock).pipe(map((entry): ApiEvent => ({ type: 'log', entry })));
  return merge(fileEvents(parts), statusEvents(status), progressEvents(parts), samples, lines).pipe(
    takeUntil(endOf(parts.records.changes)),
  );
}

/** One event for all changes of a file in a short time; of very many files, clients load everything again. */
function fileEvents({ records, view, clock }: EventFeedParts): Observable<ApiEvent> {
  return changedFiles(records.changes, clock).pipe(
    map((id): ApiEvent => {
      if (id === undefined) return { type: 'reset' };
      const record = records.get(id);
      return record ? { type: 'file', file: view(record) } : { type: 'forgotten', id };
    }),
  );
}

/** What has changed of the status. */
function statusEvents(status: Observable<Status>): Observable<ApiEvent> {
  const parts = new Map<string, string>();
  return status.pipe(
    concatMap(({ devices, counts, verdict, waiting, units, paused, disk, ...rest }) => {
      const { database, configuration, notifications } = rest;
      const both: ApiEvent[] = [
        { type: 'devices', devices },
        {
          ...{ type: 'counts', counts, verdict, waiting, units, paused, disk },
          ...{ database, configuration, notifications },
        },
      ];
      const changed = both.filter(event => parts.get(event.type) !== JSON.stringify(event));
      for (const event of changed) parts.set(event.type, JSON.stringify(event));
      return from(changed);
    }),
  );
}

function progressEvents({ records, progress, transfers, clock }: EventFeedParts): Observable<ApiEvent> {
  const lists = new Observable<TransferView[]>(subscriber => {
    const again = new Subject<void>();
    let timer = EMPTY.subscribe();
    const looking = merge(progress, records.changes, again)
      .pipe(throttle(() => after(clock, PROGRESS_INTERVAL_MS), { leading: true, trailing: true }))
      .subscribe(() => {
        timer.unsubscribe();
        const list = transfers();
        if (list.length > 0) timer = after(clock, TRANSFERS_INTERVAL_MS).subscribe(() => again.next());
        subscriber.next(list);
      });
    looking.add(() => timer.unsubscribe());
    return looking;
  });
  return lists.pipe(
    distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
    map((list): ApiEvent => ({ type: 'progress', transfers: list })),
  );
}

/** The newest items of each GATHER_MS. */
function newest<Item>(items: Observable<Item>, clock: Clock): Observable<Item> {
  return new Observable(subscriber => {
    let kept: Item[] = [];
    let timer = EMPTY.subscribe();
    const send = (): void => {
      const batch = kept;
      kept = [];
      for (const item of batch) subscriber.next(item);
    };
    const source = items.subscribe(item => {
      if (kept.length === 0) timer = after(clock, GATHER_MS).subscribe(send);
      kept.push(item);
      if (kept.length > MAX_LINES) kept.shift();
    });
    source.add(() => timer.unsubscribe());
    return source;
  });
}
