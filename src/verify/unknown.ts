import type { LocalStorage } from '../local/storage.js';
import { isCopyName } from '../local/names.js';
import { throwIfAborted } from '../errors.js';
import type { FileRecord, Source } from '../ports.js';

/** A file that no record knows. */
export interface UnknownFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** Entries of a target that are listed at most. */
const MAX_LISTED = 200_000;

/** The first folder of a path; empty for a path without one. */
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.indexOf('/')));

/** Possible finished copies without a record, in the folders of these sources and of the records. */
export async function* unknownCopies(
  local: LocalStorage,
  records: Iterable<FileRecord>,
  sources: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<UnknownFile> {
  const folders = new Set(sources);
  const known = new Set<string>();
  for (const { local: name } of records) {
    known.add(name);
    folders.add(folderOf(name));
  }
  for await (const { local: path, size } of local.list()) {
    throwIfAborted(signal);
    if (folders.has(folderOf(path)) && isCopyName(path) && !known.has(path)) yield { path, size };
  }
}

/** Files without a record in the folders to which files were delivered; `target` is listed as a source. */
export async function* unknownOnTarget(
  target: Pick<Source, 'list'>,
  delivered: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<UnknownFile> {
  const folders = new Set([...delivered].map(folderOf));
  let listed = 0;
  for await (const { path, size } of target.list(signal)) {
    if (++listed > MAX_LISTED) return;
    if (folders.has(folderOf(path)) && isCopyName(path) && !delivered.has(path)) yield { path, size };
  }
}
