import { runInNewContext } from 'node:vm';
import picomatch from 'picomatch';
import { FileSyncError } from '../errors.js';
import type { FileRecord } from '../ports.js';
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

/** Comparing all paths with a client's pattern takes the program no longer than this. */
const MATCH_TIMEOUT_MS = 1_000;

/** Whether a record is asked for, whatever its path. */
export function matches(query: FileQuery): (record: FileRecord) => boolean {
  const { state, device, since = -Infinity, until = Infinity, larger = -1 } = query;
  return record =>
    (state === undefined || state.includes(stateWord(record))) &&
    (device === undefined || record.device === device) &&
    record.foundAt >= since &&
    record.foundAt <= until &&
    record.size > larger;
}

/**
 * Those whose paths match the glob. Some globs take a regular expression years for a path that they nearly match, and nothing else
 * runs meanwhile; only the time limit of the `vm` module ends that. Throws `config` then.
 */
export function matching(records: readonly FileRecord[], glob: string | undefined): readonly FileRecord[] {
  if (glob === undefined) return records;
  const compare = () => records.filter(pathMatches(glob));
  try {
    return runInNewContext('compare()', { compare }, { timeout: MATCH_TIMEOUT_MS }) as FileRecord[];
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? TOO_SLOW : message;
    throw new FileSyncError('config', `match: ${why}`, { cause });
  }
}

const TOO_SLOW = 'comparing the paths with that pattern takes too long: write fewer * and brackets';

function pathMatches(glob: string): (record: FileRecord) => boolean {
  const isMatch = picomatch(glob, { flags: 'is', dot: true });
  return ({ path }) => isMatch(path);
}

export interface Page {
  readonly records: readonly FileRecord[];
  readonly total: number;
  readonly cursor: string | null;
}

/** The next `limit` of the matching records after the query's cursor, in its order; without one, as they were found. */
export function pageOf(
  found: readonly FileRecord[],
  { sort, cursor, offset = 0 }: FileQuery,
  limit: number,
): Page {
  const key = sort?.replace(/^-/, '') as SortKey | undefined;
  const value = key && VALUES[key];
  const sorted = value
    ? [...found].sort((a, b) => compare(value(a), value(b)) || compare(a.id, b.id))
    : found;
  const ordered = sort?.startsWith('-') ? sorted.toReversed() : sorted;
  const start = cursor === undefined ? offset : startAfter(ordered, cursor);
  const records = ordered.slice(start, start + limit);
  const last = records.at(-1);
  const next = last && start + limit < ordered.length ? `${last.id}.${start + limit}` : null;
  return { records, total: found.length, cursor: next };
}

const compare = (a: number | string, b: number | string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A cursor names the last record of a page, and its number for the case that this record is gone. */
function startAfter(records: readonly FileRecord[], cursor: string): number {
  const [, id, number] = /^([0-9a-f]{12})\.(\d{1,10})$/.exec(cursor) ?? [];
  if (id === undefined) throw new FileSyncError('config', 'cursor: not one that a page has named');
  const at = Number(number);
  if (records[at - 1]?.id === id) return at;
  const index = records.findIndex(record => record.id === id);
  return index < 0 ? at : index + 1;
}
