import type { TimeRange } from '../../config/definition.js';

const DAY_MINUTES = 24 * 60;

/**
 * Whether one of the ranges holds the time, ms since the Unix epoch, on the local clock; if none does, when the next one begins.
 * A range that ends before it begins goes over midnight.
 */
export function openingAt(ranges: readonly TimeRange[], now: number): 'open' | number {
  const date = new Date(now);
  const minute = date.getHours() * 60 + date.getMinutes();
  const isIn = ({ from, to }: TimeRange) =>
    from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (ranges.some(isIn)) return 'open';
  return Math.min(...ranges.map(({ from }) => nextAt(date, from, minute)));
}

/** By the calendar: a day with a change to summer time has 23 hours. */
function nextAt(date: Date, from: number, minute: number): number {
  const next = new Date(date);
  next.setHours(0, from, 0, 0);
  if (from <= minute) next.setHours(0, from + DAY_MINUTES, 0, 0);
  return next.getTime();
}
