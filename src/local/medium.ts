import type { LocalStorage } from './storage.js';
import { holdsSameBytes } from './verification.js';
import type { FileRecord, Logger, Source, SourceFile } from '../ports.js';
import type { Records } from '../record/records.js';
import type { SourceMemory } from '../record/sightings.js';
import { compareNaturally } from '../system/natural-order.js';

/** A source that has just been listed completely. */
export interface Medium {
  readonly device: string;
  readonly source: Source;
  readonly files: readonly SourceFile[];
  readonly records: Records;
  readonly local: LocalStorage;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** When the listing began, monotonic ms. */
  readonly began: number;
}

/** On another or an erased medium, a file that looks like a known one is another file unless its content is the same. */
export async function checkMedium(medium: Medium, memory: SourceMemory): Promise<void> {
  const { device, source, records, logger, files, began: asOf, signal } = medium;
  const known = records.source(device);
  memory.volume = await source.volume?.(signal);
  const isOther = isOtherVolume(known?.volume, memory.volume);
  if (isOther || (memory.suspect && (await holdsOtherFiles(medium)))) {
    logger.log('info', `${device}: another or an erased medium: known files are compared again`);
    const alike = files.flatMap(({ path }) => records.versions(device, path));
    for (const { id } of alike) records.apply(id, { type: 'Gone', asOf });
  }
  memory.suspect = false;
  if (known && memory.volume !== undefined && memory.volume !== known.volume)
    await records.putSource({ ...known, volume: memory.volume });
}

/** Whether the volume is certainly another one than before. */
function isOtherVolume(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

/**
 * Whether a source without modification times has other files under known names: the newest file that was fetched from it is
 * gone although others seem to be there (its counter has started again), or its content differs.
 */
async function holdsOtherFiles({ device, source, files, records, local, signal }: Medium): Promise<boolean> {
  const listed = new Map(files.map(file => [file.path, file]));
  const looksAsKnown = ({ path, size }: FileRecord) => {
    const file = listed.get(path);
    return file?.size === size && file.modified === undefined;
  };
  const fetched = [...records.all()].filter(
    record => record.device === device && record.source.state === 'present' && record.sha256 !== undefined,
  );
  const newest = fetched.reduce<FileRecord | undefined>((a, b) => (a && isNewer(a, b) ? a : b), undefined);
  if (!newest || !fetched.some(looksAsKnown)) return false;
  return !looksAsKnown(newest) || !(await holdsSameBytes(newest, newest, source, local, signal));
}

function isNewer(a: FileRecord, b: FileRecord): boolean {
  if (a.foundAt !== b.foundAt) return a.foundAt > b.foundAt;
  return compareNaturally(a.path, b.path) > 0;
}
