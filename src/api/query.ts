import { setImmediate as othersRun } from 'node:timers/promises';
import { FileSyncError } from '../errors.js';
import type { Clock, FileRecord } from '../ports.js';
import { compileGlob, type Matches } from '../system/glob/glob.js';
import { stateWord } from './views.js';
import type { FileQuery, SORT_KEYS } from './schema.js';

type SortKey = (typeof SORT_KEYS)[number];

/** What records are ordered by; those without a value come first. */
const VALUES: Readonly<Record<SortKey, (record: FileRecord) => number | string>> = {
  found_at: ({ foundAt }) => foundAt,
  updated_at: ({ updatedAt }) => updatedAt,
  modified: ({ modified }) => modified ?? -Infinity,
  size: ({ size }) => size,
  path: ({ path }) => path,
};

/** All other work of the program waits at most that long at a time for a comparison of many paths. */
const MAX_BLOCKED_MS = 20;
/** Comparing all paths with a client's pattern takes the program no longer than this. */
const MATCH_TIMEOUT_MS = 10_000;

/** Whether a record is asked for, whatever its path. */
export function matches(query: FileQuery): (record: FileRecord) => boolean {
  const { state, device, text, since = -Infinity, until = Infinity, larger = -1 } = query;
  const part = text?.toLowerCase();
  return record =>
    (state === undefined || state.includes(stateWord(record))) &&
    (device === undefined || record.device === device) &&
    (part === undefined || record.path.toLowerCase().includes(part)) &&
    record.foundAt >= since &&
    record.foundAt <= until &&
    record.size > larger;
}

/** Those whose paths match the glob. Throws `config` if it is none, or if comparing takes too long. */
export async function matching(
  records: readonly FileRecord[],
  glob: string | undefined,
  clock: Pick<Clock, 'monotonic'>,
): Promise<readonly FileRecord[]> {
  if (glob === undefined) return records;
  const isMatch = matcherOf(glob);
  const found: FileRecord[] = [];
  const began = clock.monotonic();
  let rested = began;
  for (const record of records) {
    if (clock.monotonic() - rested > MAX_BLOCKED_MS) {
      await othersRun();
      rested = clock.monotonic();
      if (rested - began > MATCH_TIMEOUT_MS) throw new FileSyncError('config', TOO_SLOW);
    }
    if (isMatch(record.path)) found.push(record);
  }
  return found;
}

const TOO_SLOW = 'match: comparing the paths with that pattern takes too long: write a shorter one';

function matcherOf(glob: string): Matches {
  try {
    return compileGlob(glob, { dot: true });
  } catch (cause) {
    throw new FileSyncError('config', `match: not a glob: ${(cause as Error).message}`, { cause });
  }
}

export interface Page {
  readonly records: readonly FileRecord[];
  readonly total: number;
  readonly cursor: string | null;
}

/** The next `limit` of the matching records after the query's cursor, in its order; without one, as they were found. */
export function pageOf(
  found: readonly FileRecord[],
  { sort, cursor, offset }: FileQuery,
  limit: number,
): Page {
  const key = sort?.replace(/^-/, '') as SortKey | undefined;
  const value = key && VALUES[key];
  const sorted = value
    ? [...found].sort((a, b) => compare(value(a), value(b)) || compare(a.id, b.id))
    : found;
  const ordered = sort?.startsWith('-') ? sorted.toReversed() : sorted;
  const { items, cursor: next } = slice(ordered, { cursor, offset }, limit);
  return { records: items, total: found.length, cursor: next };
}

/** The next `limit` items after the cursor, or without one from the offset on; and the cursor of those that come next. */
export function slice<Item extends { readonly id: string }>(
  ordered: readonly Item[],
  { cursor, offset = 0 }: { readonly cursor?: string | undefined; readonly offset?: number | undefined },
  limit: number,
): { readonly items: readonly Item[]; readonly cursor: string | null } {
  const start = cursor === undefined ? offset : startAfter(ordered, cursor);
  const items = ordered.slice(start, start + limit);
  const last = items.at(-1);
  return { items, cursor: last && start + limit < ordered.length ? `${last.id}.${start + limit}` : null };
}

const compare = (a: number | string, b: number | string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A cursor names the last item of a page, and its number for the case that this item is gone. */
function startAfter(items: readonly { readonly id: string }[], cursor: string): number {
  const [, id, number] = /^([0-9a-f]{12})\.(\d{1,10})$/.exec(cursor) ?? [];
  if (id === undefined) throw new FileSyncError('config', 'cursor: not one that a page has named');
  const at = Number(number);
  if (items[at - 1]?.id === id) return at;
  const index = items.findIndex(item => item.id === id);
  return index < 0 ? at : index + 1;
}
