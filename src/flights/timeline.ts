import type { Owner } from './owners.js';
import { MAX_GAP_MS, type Span } from './span.js';

/** A flight by the logs of its vehicle. */
export interface Logged extends Span {
  readonly owner: Owner;
}

/** The flights up to one of them, in the order of their start: the one that ends last, and the last one of any other owner. */
interface Latest<Flight> {
  readonly last: Flight;
  readonly other: Flight | undefined;
}

/** Flights by time. Those of one owner do not overlap. */
export class Timeline<Flight extends Logged> {
  /** In the order of their start. */
  readonly #flights: readonly Flight[];
  readonly #latest: readonly Latest<Flight>[];

  constructor(flights: readonly Flight[]) {
    this.#flights = [...flights].sort((a, b) => a.start - b.start || (a.owner.key < b.owner.key ? -1 : 1));
    let latest: Latest<Flight> | undefined;
    this.#latest = this.#flights.map(flight => (latest = withLater(latest, flight)));
  }

  /**
   * The flights that overlap the span or are at most MAX_GAP_MS away, in their order, if all of them are of one owner. No more than
   * those are visited.
   */
  around({ start, end }: Span): readonly Flight[] {
    const index = firstAfter(this.#flights, start - MAX_GAP_MS);
    const { last, other } = this.#latest[index - 1] ?? {};
    const reaches = (flight: Flight | undefined) => flight !== undefined && flight.end >= start - MAX_GAP_MS;
    if (reaches(other)) return [];
    const found = last && reaches(last) ? [last] : [];
    for (let at = index; at < this.#flights.length; at++) {
      const flight = this.#flights[at] as Flight;
      if (flight.start > end + MAX_GAP_MS) break;
      if (found[0] && found[0].owner.key !== flight.owner.key) return [];
      found.push(flight);
    }
    return found;
  }
}

function withLater<Flight extends Logged>(
  latest: Latest<Flight> | undefined,
  flight: Flight,
): Latest<Flight> {
  if (!latest) return { last: flight, other: undefined };
  const { last, other } = latest;
  const isSame = last.owner.key === flight.owner.key;
  if (isSame) return { last: later(last, flight), other };
  return flight.end >= last.end
    ? { last: flight, other: last }
    : { last, other: other ? later(other, flight) : flight };
}

const later = <Flight extends Span>(a: Flight, b: Flight): Flight => (b.end >= a.end ? b : a);

/** The one that is nearest to a time; `flights` are in their order and do not overlap, and there is one at least. */
export function nearest<Flight extends Span>(flights: readonly Flight[], time: number): Flight {
  const index = firstAfter(flights, time);
  const [before, after] = [flights[index - 1], flights[index]];
  if (!before || !after) return (before ?? after) as Flight;
  return time - before.end <= after.start - time ? before : after;
}

/** Index of the first that starts after the time. */
function firstAfter(flights: readonly Span[], time: number): number {
  let [low, high] = [0, flights.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((flights[middle] as Span).start > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
