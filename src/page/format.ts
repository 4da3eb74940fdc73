// Numbers and times as a person reads them. Times are shown in the time zone of the browser.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Such as `24.1 MB`. */
export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond: number): string => `${size(bytesPerSecond)}/s`;

/** Such as `45 s`, `2 min 10 s`, `1 h 20 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return joined(minutes, 'min', whole % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joined(hours, 'h', minutes % 60, 'min');
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const joined = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const dayOfYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

type Time = string | number | null;

/** `12:31:05`. */
export const clockTime = (time: Time): string => (time === null ? '' : clock.format(new Date(time)));

/** `12:31` today, `3 May, 12:31` this year, `3 May 2024, 12:31` before. */
export function moment(time: Time, now = Date.now()): string {
  if (time === null) return '';
  const [date, today] = [new Date(time), new Date(now)];
  if (date.toDateString() === today.toDateString()) return minute.format(date);
  const format = date.getFullYear() === today.getFullYear() ? day : dayOfYear;
  return `${format.format(date)}, ${minute.format(date)}`;
}

/** Times as verdicts have them. A path may look like a time, and is left as it is. */
const TIME = /(\bsince |\bnext attempt )(\d{4}-\d\d-\d\dT\d\d:\d\dZ)/g;

/** The text with its times as `moment` shows them. */
export const withLocalTimes = (text: string): string =>
  text.replace(TIME, (_, before: string, time: string) => before + moment(time));

/** The last part of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
/** What stands before it, without a slash at its end. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** Only addresses of the web become links. Undefined for anything else, such as `javascript:` or a path. */
export function webAddress(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  try {
    const { href, protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && username === '' && password === '' ? href : undefined;
  } catch {
    return undefined;
  }
}
