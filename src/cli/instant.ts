import { duration } from '../config/options.js';
import { FileSyncError } from '../errors.js';

const TIME_OF_DAY = /^(\d{1,2}):(\d\d)$/;
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * A point in time as people name it: `2h` or `3d` ago, `12:31` today, a date, or a date and a time; local where no zone is
 * named. Returns ms since the Unix epoch; throws `config`.
 */
export function parseInstant(text: string, option: string, now: number): number {
  const found = timeOfDay(text, now) ?? dateOf(text) ?? ago(text, now);
  if (found !== undefined) return found;
  throw new FileSyncError(
    'config',
    `--${option}: "${text}" is no time: write 2h, 12:31, 2026-08-01 or 2026-08-01T12:31`,
  );
}

function timeOfDay(text: string, now: number): number | undefined {
  const [, hours, minutes] = TIME_OF_DAY.exec(text) ?? [];
  if (Number(hours) > 23 || Number(minutes) > 59 || hours === undefined) return undefined;
  return new Date(now).setHours(Number(hours), Number(minutes), 0, 0);
}

/** JavaScript takes a date alone as UTC, one with a time as local. */
function dateOf(text: string): number | undefined {
  if (!DATE.test(text)) return undefined;
  const at = Date.parse(text.length === '2026-08-01'.length ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(at) ? undefined : at;
}

function ago(text: string, now: number): number | undefined {
  const span = /[a-z]/i.test(text) ? duration().safeParse(text).data : undefined;
  return span === undefined ? undefined : now - span;
}
