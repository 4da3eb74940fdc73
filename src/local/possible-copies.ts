import { throwIfAborted } from '../errors.js';
import type { LocalFile } from './files-below.js';
import { isCopyName } from './names.js';
import type { LocalStorage } from './storage.js';

/** The first folder of a path, empty for a path without one: each device has its own in local storage. */
export const firstFolder = (path: string): string => path.slice(0, Math.max(0, path.indexOf('/')));

/**
 * The files in local storage that may be finished copies: those in the folders of these sources and of the records. The database's
 * own files may be next to these folders.
 */
export async function* possibleCopies(
  local: Pick<LocalStorage, 'list'>,
  records: Iterable<{ readonly local: string }>,
  sources: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<LocalFile> {
  const folders = new Set(sources);
  for (const record of records) folders.add(firstFolder(record.local));
  for await (const file of local.list()) {
    throwIfAborted(signal);
    if (folders.has(firstFolder(file.local)) && isCopyName(file.local)) yield file;
  }
}
