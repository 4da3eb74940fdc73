const DAY_MS = 24 * 3_600_000;

/** A time (RFC 3339, or ms since the Unix epoch) for people, local: `12:31` within half a day of `now`, else with its date. */
export function shortTime(time: string | number, now: number): string {
  const date = new Date(time);
  const two = (number: number): string => String(number).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (Math.abs(now - date.getTime()) < DAY_MS / 2) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** Times as texts of the API have them: `since 2026-11-30T14:01Z`. A path may look like a time, and is left as it is. */
const TIME = /(\bsince |\bnext attempt )(\d{4}-\d\d-\d\dT\d\d:\d\dZ)/g;

/** A time of the API as it is written within a text: UTC, to the minute. A reader may be in another time zone than this machine. */
export const timeInText = (time: string): string => `${time.slice(0, 'yyyy-mm-ddThh:mm'.length)}Z`;

/** The text with its times as `shortTime` shows them. */
export const withLocalTimes = (text: string, now: number): string =>
  text.replace(TIME, (_, before: string, time: string) => before + shortTime(time, now));

/** The text with its times as `14:01 UTC`, for a reader whose time zone is not known. */
export const withUtcTimes = (text: string): string =>
  text.replace(TIME, (_, before: string, time: string) => `${before}${time.slice(-6, -1)} UTC`);
