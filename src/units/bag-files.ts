import { isBagMetadata, listedFiles } from '../facts/rosbag2.js';
import type { Listing } from '../rules/unit.js';

/** A list of 10,000 files, each with its times, is smaller. */
export const MAX_METADATA_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 20_000;
/** Of a name: file systems hold no longer ones. */
const MAX_NAME_LENGTH = 255;

/**
 * The files that the metadata of a bag lists, relative to its folder; `none`: the text is of another kind. What it says is not
 * trusted: a name that is not that of a file in the folder makes the list unknown.
 *
 * @param folder the path of the bag's folder, for its name
 */
export async function bagFilesIn(text: string, folder: string, signal: AbortSignal): Promise<Listing> {
  if (!isBagMetadata(text)) return { kind: 'none' };
  const listed = await listedFiles(text, signal);
  if (listed === 'too-large') return TOO_LARGE;
  if (!listed) return unknown('it is damaged (`ros2 bag reindex` makes it again)');
  if (listed.paths.length > MAX_FILES) return unknown(`it lists more than ${MAX_FILES} files`);
  const own = listed.version < 4 ? `${folder.slice(folder.lastIndexOf('/') + 1)}/` : '';
  const files = listed.paths.map(path => withoutPrefix(withoutPrefix(path, './'), own));
  const wrong = files.find(file => !isName(file));
  if (wrong === undefined) return { kind: 'files', files: [...new Set(files)] };
  return unknown(`it lists ${JSON.stringify(wrong.slice(0, 80))}, which is no file of its folder`);
}

const unknown = (why: string): Listing => ({ kind: 'unknown', why });

export const TOO_LARGE = unknown('it is too large for the list of a bag');

const withoutPrefix = (path: string, prefix: string): string =>
  prefix !== '' && path.startsWith(prefix) ? path.slice(prefix.length) : path;

const isName = (file: string): boolean =>
  file !== '' && file.length <= MAX_NAME_LENGTH && !/[/\\\p{C}]|^\.{1,2}$/u.test(file);
