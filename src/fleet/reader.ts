import { MAX_VEHICLES, type FleetObject, type FleetPage, type FleetVehicle } from '../api/schema-fleet.js';
import { FileSyncError, toFileSyncError, type ErrorKind } from '../errors.js';
import type { Clock, SourceFile } from '../ports.js';
import { listObjects, readObject, type ReadableStore } from './objects.js';
import { parseObject, vehicleView } from './parse.js';

/** What was read of a store. */
export type FleetView = Pick<FleetPage, 'vehicles' | 'skipped'>;

interface Known {
  readonly file: SourceFile;
  readonly object?: FleetObject;
  readonly flaw?: string;
}

/** Reads the status of all vehicles; an object that has not changed since is read once. */
export class FleetReader {
  readonly #clock: Clock;
  #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects where the store cannot be listed. An object that cannot be read or understood is skipped, with the reason. */
  async read(store: ReadableStore, signal: AbortSignal): Promise<FleetView> {
    const known = new Map<string, Known>();
    for (const file of await listed(store, signal))
      known.set(file.path, await this.#look(store, file, signal));
    this.#known = known;
    const all = [...known.values()];
    return { vehicles: vehiclesOf(all, this.#clock.now()), skipped: all.flatMap(skippedOf) };
  }

  async #look(store: ReadableStore, file: SourceFile, signal: AbortSignal): Promise<Known> {
    const before = this.#known.get(file.path);
    if (before && file.modified !== undefined && isSame(before.file, file)) return before;
    try {
      return { file, object: parseObject(await readObject(store, file, signal), file.path) };
    } catch (thrown) {
      const { kind, message } = toFileSyncError(thrown);
      if (kind === 'cancelled') throw thrown;
      // It was replaced since it was listed: its other copy is listed as well, or the next look shows it.
      return kind === 'not-found' || kind === 'changed' ? { file } : { file, flaw: message };
    }
  }
}

/** First all, then each: some devices take one operation at a time. A folder that nobody has made yet is empty. */
async function listed(store: ReadableStore, signal: AbortSignal): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  try {
    for await (const file of listObjects(store, signal)) {
      if (files.length >= MAX_VEHICLES)
        throw new FileSyncError('too-large', `the store has more than ${MAX_VEHICLES} objects of a fleet`);
      files.push(file);
    }
  } catch (thrown) {
    if (files.length > 0 || !MISSING.has(toFileSyncError(thrown).kind)) throw thrown;
  }
  return files;
}

/** What sources say where their root is missing. Whether the device itself is there is asked before. */
const MISSING: ReadonlySet<ErrorKind> = new Set(['not-found', 'unavailable']);

const isSame = (a: SourceFile, b: SourceFile): boolean => a.size === b.size && a.modified === b.modified;

/** One of each computer: an object and its second copy may both be there. */
function vehiclesOf(all: readonly Known[], now: number): FleetVehicle[] {
  const newest = new Map<string, FleetVehicle>();
  for (const { file, object } of all) {
    if (!object) continue;
    const key = `${object.vehicle} ${object.instance}`;
    const before = newest.get(key);
    if (!before || before.time < object.time || before.object > file.path)
      newest.set(key, vehicleView(object, file, now));
  }
  return [...newest.values()].sort((a, b) => compare(a.vehicle, b.vehicle) || compare(a.object, b.object));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const skippedOf = ({ file, flaw }: Known) =>
  flaw === undefined ? [] : [{ object: file.path, reason: flaw }];
