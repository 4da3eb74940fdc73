import type { LocalStorage } from './storage.js';
import { holdsSameBytes } from './verification.js';
import type { FileRecord, Logger, Source, SourceFile } from '../ports.js';
import type { Records } from '../record/records.js';
import type { SourceMemory } from '../record/sightings.js';
import { compareNaturally } from '../system/natural-order.js';

/** A clock without a battery begins before that at each boot: a time of such a clock distinguishes no files. */
const MIN_TIME_MS = Date.UTC(2010, 0, 1);

/** A source that has just been listed completely. */
export interface Medium {
  readonly device: string;
  readonly source: Source;
  readonly files: readonly SourceFile[];
  /** How many files were listed, those included that no rule takes. */
  readonly seen?: number;
  readonly records: Records;
  readonly local: LocalStorage;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** When the listing began, monotonic ms. */
  readonly began: number;
}

/**
 * On another or an erased medium, a file that looks like a known one is another file unless its content is the same. Returns whether
 * the listing proves that files are gone: an empty one of another volume may be that of the folder where the drive is mounted.
 */
export async function checkMedium(medium: Medium, memory: SourceMemory): Promise<boolean> {
  const { device, source, records, seen, signal } = medium;
  memory.volume = await source.volume?.(signal);
  const isOther = isOtherVolume(records.source(device)?.volume, memory.volume);
  if (isOther && seen === 0) return false;
  if (isOther || (memory.suspect && (await holdsOtherFiles(medium)))) compareAgain(medium);
  memory.suspect = false;
  await noteVolume(records, device, memory.volume);
  return true;
}

async function noteVolume(records: Records, device: string, volume: string | undefined): Promise<void> {
  const known = records.source(device);
  if (known && volume !== undefined && volume !== known.volume) await records.putSource({ ...known, volume });
}

function compareAgain({ device, records, logger, files, began: asOf }: Medium): void {
  logger.log('info', `${device}: another or an erased medium: known files are compared again`);
  const alike = files.flatMap(({ path }) => records.versions(device, path));
  for (const { id } of alike) records.apply(id, { type: 'Gone', asOf });
}

/** Whether the volume is certainly another one than before. */
function isOtherVolume(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

/**
 * Whether a source without (credible) modification times has other files under known names: the newest file that was fetched from it is
 * gone although others seem to be there (its counter has started again), or its content differs.
 */
async function holdsOtherFiles({ device, source, files, records, local, signal }: Medium): Promise<boolean> {
  const listed = new Map(files.map(file => [file.path, file]));
  const looksAsKnown = ({ path, size }: FileRecord) => {
    const file = listed.get(path);
    return file?.size === size && (file.modified ?? 0) < MIN_TIME_MS;
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
