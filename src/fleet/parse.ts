import * as z from 'zod';
import { fleetObject, type FleetObject, type FleetVehicle } from '../api/schema-fleet.js';
import { FileSyncError } from '../errors.js';
import type { SourceFile } from '../ports.js';
import { isNamedFor } from './objects.js';

/** Clocks of vehicles, stores and readers differ. */
const GRACE_MS = 60_000;

/** The object in a text that anybody may have written. Throws `protocol` with one sentence that is safe to print. */
export function parseObject(text: string, name: string): FleetObject {
  const parsed = fleetObject.safeParse(jsonOf(text));
  if (!parsed.success) throw refused(flawOf(parsed.error));
  if (!isNamedFor(name, parsed.data.vehicle)) throw refused('its name is not that of its vehicle');
  return parsed.data;
}

/**
 * One vehicle at a time of the reader (ms since the Unix epoch). The store's time of the object counts where there is one: the clock
 * of a vehicle may be wrong.
 */
export function vehicleView(object: FleetObject, { path, modified }: SourceFile, now: number): FleetVehicle {
  const written = Date.parse(object.time);
  const reported = modified ?? written;
  const due = Date.parse(object.next_by) - written;
  const isLate = now > reported + due + GRACE_MS;
  const isFailing = object.failures.length > 0 || object.verdict.code === 'ATTENTION';
  const state = isLate ? 'LATE' : isFailing ? 'FAILING' : 'OK';
  return { ...object, state, reported_at: new Date(reported).toISOString(), object: path };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused('it is not JSON');
  }
}

/** By names of keys alone: the values are those of others. */
function flawOf({ issues: [first] }: z.core.$ZodError): string {
  const key = first?.path.filter(part => typeof part !== 'symbol').join('.') ?? '';
  return `${key === '' ? 'it' : `its ${key}`} is not as docs/FLEET.md says`;
}

const refused = (why: string) => new FileSyncError('protocol', why);
