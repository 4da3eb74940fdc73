import { flightsOf, type FoundFlight } from '../flights/flight.js';
import type { FileRecord } from '../ports.js';
import type { Arrival, FlightTime } from './events.js';

/** Links, and flights, that a message names; it has no space for more. */
const MAX_LISTED = 20;

/** What is left of a source when its files may have arrived. */
export interface SourceState {
  /** Its files that still have to be fetched or delivered. */
  readonly underWay: number;
  readonly failed: number;
  /** ms since something was found, delivered or given up there. */
  readonly quietMs: number;
  /** ms without any of these after which nothing more belongs to them. */
  readonly endsAfterMs: number;
}

/**
 * The files of a source that were `delivered` since the last message on them, once nothing of the source is under way, and nothing
 * has happened there for a while. Undefined while that is not so.
 */
export function arrivalOf(
  device: string,
  delivered: readonly FileRecord[],
  { underWay, failed, quietMs, endsAfterMs }: SourceState,
): Arrival | undefined {
  if (delivered.length === 0 || underWay > 0 || quietMs < endsAfterMs) return undefined;
  return {
    ...{ device, files: delivered.length, failed },
    bytes: delivered.reduce((sum, { size }) => sum + size, 0),
    flights: flightsOf(delivered).slice(0, MAX_LISTED).reverse().map(flightTime),
    links: delivered.slice(0, MAX_LISTED).flatMap(linksOf).slice(0, MAX_LISTED),
    delivered_at: delivered.reduce((last, { delivered: at }) => Math.max(last, at?.at ?? 0), 0),
  };
}

const flightTime = ({ start, duration, vehicle }: FoundFlight): FlightTime => ({
  started_at: start === undefined ? null : new Date(start).toISOString(),
  duration_seconds: duration === undefined ? null : duration / 1000,
  vehicle,
});

/** A URL where the target returned one, else the target and the path there. */
function linksOf({ targets }: FileRecord): string[] {
  return Object.entries(targets).flatMap(([target, { location }]) => {
    if (location === undefined || location === '') return [];
    return [/^https?:/.test(location) ? location : `${target}:${location}`];
  });
}
