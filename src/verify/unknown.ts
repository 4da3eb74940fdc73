import type { LocalStorage } from '../local/storage.js';
import { isCopyName } from '../local/names.js';
import { firstFolder, possibleCopies } from '../local/possible-copies.js';
import type { FileRecord, Source } from '../ports.js';

/** A file that no record knows. */
export interface UnknownFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** Entries of a target that are listed at most. */
const MAX_LISTED = 200_000;

/** Possible finished copies without a record, in the folders of these sources and of the records. */
export async function* unknownCopies(
  local: LocalStorage,
  records: Iterable<FileRecord>,
  sources: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<UnknownFile> {
  const all = [...records];
  const known = new Set(all.map(({ local: name }) => name));
  for await (const { local: path, size } of possibleCopies(local, all, sources, signal))
    if (!known.has(path)) yield { path, size };
}

/** Files without a record in the folders to which files were delivered; `target` is listed as a source. */
export async function* unknownOnTarget(
  target: Pick<Source, 'list'>,
  delivered: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<UnknownFile> {
  const folders = new Set([...delivered].map(firstFolder));
  let listed = 0;
  for await (const { path, size } of target.list(signal)) {
    if (++listed > MAX_LISTED) return;
    if (folders.has(firstFolder(path)) && isCopyName(path) && !delivered.has(path)) yield { path, size };
  }
}
