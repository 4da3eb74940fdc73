import type { FleetObject } from '../api/schema-fleet.js';
import { toFileSyncError } from '../errors.js';
import type { SourceFile } from '../ports.js';
import type { FleetObjects } from './objects.js';
import { parseObject } from './parse.js';

/** A name whose owner has not reported for that long after it was due is taken over, as by a vehicle with a new computer. */
const ABANDONED_MS = 7 * 24 * 3_600_000;

/** What is under a name on the store. */
interface Place {
  readonly name: string;
  readonly file?: SourceFile;
  /** Another computer that reports under this name. */
  readonly owner?: FleetObject;
}

export interface Published {
  /** Without `.json`. */
  readonly name: string;
  /** Another computer has the vehicle's name. */
  readonly isTaken: boolean;
}

/**
 * Writes the report in the place of the earlier one. Where another computer reports under the vehicle's name, this one gets a name
 * with a suffix of its own, and so on each time: nobody's status is ever overwritten.
 */
export async function publish(
  objects: FleetObjects,
  report: FleetObject,
  signal: AbortSignal,
): Promise<Published> {
  const own = await placeOf(objects, report.vehicle, report, signal);
  const suffixed = `${report.vehicle}~${report.instance.slice(0, 6)}`;
  const place = own.owner ? await placeOf(objects, suffixed, report, signal) : own;
  await objects.replace(place.name, `${JSON.stringify(report)}\n`, place.file, signal);
  return { name: place.name, isTaken: own.owner !== undefined };
}

async function placeOf(
  objects: FleetObjects,
  name: string,
  { instance, time }: FleetObject,
  signal: AbortSignal,
): Promise<Place> {
  const file = await objects.find(`${name}.json`, signal);
  const there = file && (await objectIn(objects, file, signal));
  if (!file || !there) return { name, ...(file && { file }) };
  const isAbandoned = Date.parse(time) > Date.parse(there.next_by) + ABANDONED_MS;
  return { name, file, ...(there.instance !== instance && !isAbandoned && { owner: there }) };
}

/** What is not the status of a vehicle belongs to nobody, and is replaced. */
async function objectIn(
  objects: FleetObjects,
  file: SourceFile,
  signal: AbortSignal,
): Promise<FleetObject | undefined> {
  try {
    return parseObject(await objects.read(file, signal), file.path);
  } catch (thrown) {
    const { kind } = toFileSyncError(thrown);
    if (kind === 'protocol' || kind === 'too-large') return undefined;
    throw thrown;
  }
}
