import { describeFlight, flightsOf, type Flight, type FoundFlight } from '../flights/flight.js';
import type { Clock, FileRecord } from '../ports.js';
import { stateName } from '../record/state.js';
import type { StepWait } from '../record/wait.js';
import { MAX_PAGE_SIZE } from './api.js';
import { slice } from './query.js';
import { FLIGHT_STATES, type FlightPage, type FlightQuery, type FlightView } from './schema.js';
import { timeText, wallTime } from './views.js';

type Times = Pick<Clock, 'now' | 'monotonic'>;

/** A page of the flights of all records, the newest first; `waits`: what the steps of a file wait for. */
export function flightPage(
  records: Iterable<FileRecord>,
  query: FlightQuery,
  waits: (record: FileRecord) => readonly StepWait[],
  clock: Times,
): FlightPage {
  const wanted = flightsOf(records).filter(flight => isWanted(flight, query));
  const limit = Math.min(query.limit ?? MAX_PAGE_SIZE, MAX_PAGE_SIZE);
  const { items, cursor } = slice(wanted, query, limit);
  const flights = items.map(flight => flightView(describeFlight(flight, waits), clock));
  return { flights, total: wanted.length, cursor };
}

/** `since`: it ended then or later. `vehicle`: its name or the beginning of that, or one of its sources. */
function isWanted(flight: FoundFlight, { since = -Infinity, vehicle: wanted = '' }: FlightQuery): boolean {
  const { start, duration = 0, foundAt, vehicle, devices } = flight;
  return (start ?? foundAt) + duration >= since && (vehicle.startsWith(wanted) || devices.includes(wanted));
}

function flightView(flight: Flight, clock: Times): FlightView {
  const { id, start, duration, foundAt, vehicle, devices, files, bytes, ids, delivered, missing, state } =
    flight;
  return {
    ...{ id, state: FLIGHT_STATES[state], vehicle, devices: [...devices] },
    started_at: timeText(start),
    duration_seconds: duration === undefined ? null : duration / 1000,
    found_at: timeText(foundAt),
    ...{ files, bytes, ids: [...ids] },
    delivered: delivered.map(share => ({ ...share, links: [...share.links] })),
    missing: missing.map(
      ({ state: one, device, code = '' as const, reason: text, since, until, ...counts }) => ({
        ...{ state: stateName(one) as FlightView['missing'][number]['state'], device, code, text },
        ...{ since: wallTime(clock, since), until: wallTime(clock, until), ...counts },
      }),
    ),
  };
}
