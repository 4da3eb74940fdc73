import { createHash } from 'node:crypto';
import type { FileRecord, SourceFile } from '../ports.js';

/** Modification times of FAT shift by whole quarter hours with the time zone, and are rounded to two seconds. */
const QUARTER_MS = 15 * 60_000;
const MAX_SHIFT_MS = 26 * 3_600_000;
const ROUNDING_MS = 2_000;

/**
 * Twelve hex digits from device, path, size, time, checksum and generation. `archiveSize`: distinguishes the file from those
 * whose records have been archived since they were found: they do not count for its generation.
 */
export function recordId(device: string, file: SourceFile, generation = 0, archiveSize = 0): string {
  const checksum = file.checksum ? `${file.checksum.algorithm}:${file.checksum.value}` : '';
  const look = [device, file.path, file.size, file.modified ?? '', checksum, generation];
  const identity = archiveSize === 0 ? look : [...look, archiveSize];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12);
}

/** The path with `~tag` before its extension, for another version of a file. */
export function conflictName(path: string, tag: string): string {
  const [, stem = path, extension = ''] = /^(.*?[^/])(\.[^./]+)?$/s.exec(path) ?? [];
  return `${stem}~${tag}${extension}`;
}

/**
 * The names under which a file is sent, each where other files have those before it. Files of several vehicles may have one id, since
 * their devices, paths and sizes are alike: the last name is that of this installation alone.
 */
export function namesOnTarget(path: string, { id }: FileRecord, installation = ''): readonly string[] {
  const conflict = conflictName(path, id);
  const own = `${id}-${installation.slice(0, 6)}`;
  return installation === '' ? [path, conflict] : [path, conflict, conflictName(path, own)];
}

/**
 * Sixteen hex digits that name a file's bytes: an unfinished upload with another token is never resumed. The token of a local
 * copy contains its hash and the number of copies that were lost before; that of a stream only the file's identity.
 * @param installation part of it, so that two vehicles with files that look alike never write to one unfinished upload
 */
export function tokenOf({ id, via, sha256, local, lost }: FileRecord, installation = ''): string {
  const bytes =
    via === 'stream' ? [id, 'stream'] : [id, sha256, local, ...(lost === undefined ? [] : [lost])];
  const all = installation === '' ? bytes : [...bytes, { installation }];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 16);
}

/** A listed file, compared with the records of its path. */
export type Match =
  | { readonly kind: 'known'; readonly record: FileRecord }
  /** It was gone before it was fetched, and is listed again. */
  | { readonly kind: 'back'; readonly record: FileRecord }
  /** `like`: an earlier file that it may be the same as. `generation` counts those that look just like it. */
  | { readonly kind: 'new'; readonly generation: number; readonly like?: FileRecord }
  /** The listing is older than what the record has learned since. */
  | { readonly kind: 'outdated' };

/**
 * `versions`: every record of the path, oldest first; `isOutdated`: whether what a record knows of its source is newer than
 * the listing.
 */
export function match(
  file: SourceFile,
  versions: readonly FileRecord[],
  isOutdated: (record: FileRecord) => boolean,
): Match {
  const alike = versions.filter(record => looksLike(record, file));
  const record = alike.at(-1);
  if (record && record.source.state === 'present') return { kind: 'known', record };
  if (record && isOutdated(record)) return { kind: 'outdated' };
  if (record && record.source.state === 'gone' && !isFetched(record)) return { kind: 'back', record };
  const like = record ?? versions.findLast(one => isShifted(one, file));
  return { kind: 'new', generation: nextGeneration(alike), ...(isFetched(like) && { like }) };
}

/** One more than the highest: earlier records may have been forgotten, so that their number does not count. */
const nextGeneration = (alike: readonly FileRecord[]): number =>
  1 + Math.max(-1, ...alike.map(({ generation = 0 }) => generation));

/** All its bytes were read once, so that they can be compared. */
const isFetched = (record: FileRecord | undefined): record is FileRecord => record?.sha256 !== undefined;

/** Path, size, time and checksum are the same, as far as both know them. */
function looksLike(record: FileRecord, { size, modified, checksum }: SourceFile): boolean {
  const sameTime = record.modified === undefined || modified === undefined || record.modified === modified;
  const sameSum = !record.checksum || !checksum || record.checksum.value === checksum.value;
  return record.size === size && sameTime && sameSum;
}

function isShifted(record: FileRecord, { size, modified }: SourceFile): boolean {
  if (record.size !== size || record.modified === undefined || modified === undefined) return false;
  const shift = Math.abs(record.modified - modified);
  const rest = shift % QUARTER_MS;
  return shift <= MAX_SHIFT_MS && Math.min(rest, QUARTER_MS - rest) <= ROUNDING_MS;
}

/** The two would get the same name on the target. */
export function hasSameName(one: FileRecord, other: FileRecord, target: string): boolean {
  const path = one.targets[target]?.path;
  if (path !== undefined && path === other.targets[target]?.path) return true;
  return one.device === other.device && one.path === other.path;
}
