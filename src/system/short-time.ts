const DAY_MS = 24 * 3_600_000;

/** A time (RFC 3339, or ms since the Unix epoch) for people, local: `12:31` within half a day of `now`, else with its date. */
export function shortTime(time: string | number, now: number): string {
  const date = new Date(time);
  const two = (number: number): string => String(number).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (Math.abs(now - date.getTime()) < DAY_MS / 2) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}
