import type { FlightView } from '../api/schema.js';
import { waitText } from '../api/verdict.js';
import { formatDuration } from '../system/duration.js';
import { shortTime, withLocalTimes } from '../system/short-time.js';
import { formatSize } from '../system/size.js';
import { fitted, type Column } from './columns.js';
import { indented } from './indented.js';
import type { Shell } from './shell.js';
import { columnsOf } from './terminal/text.js';

/** Links of one target that are shown. */
const MAX_SHOWN_LINKS = 3;

const COLUMNS: readonly Column[] = [
  { heading: 'WHEN' },
  { heading: 'DURATION', right: true },
  { heading: 'VEHICLE', shrinks: true },
  { heading: 'FILES', right: true },
  { heading: 'SIZE', right: true },
  { heading: 'STATE' },
];
const DETAILS: Column = { heading: 'DELIVERED TO, MISSING' };

/** A line a flight. Where that is too long for the terminal, targets and what is missing are lines of their own below it. */
export function flightTable(
  flights: readonly FlightView[],
  shell: Pick<Shell, 'clock' | 'outputColumns'>,
): string[] {
  const now = shell.clock.now();
  const width = shell.outputColumns ?? Infinity;
  const rows = flights.map(flight => row(flight, now));
  const details = flights.map(flight => detailsOf(flight, now));
  const whole = fitted(
    [...COLUMNS, DETAILS],
    rows.map((cells, index) => [...cells, details[index]?.join('; ') ?? '']),
  );
  if (whole.every(line => columnsOf(line) <= width)) return whole;
  const [heading = '', ...lines] = fitted(COLUMNS, rows, width);
  return [heading, ...lines.flatMap((line, index) => [line, ...indented(details[index] ?? [], width)])];
}

function row(flight: FlightView, now: number): string[] {
  const { started_at: started, found_at: found, duration_seconds: seconds, vehicle, devices } = flight;
  return [
    started === null ? `found ${shortTime(found, now)}` : shortTime(started, now),
    seconds === null ? '-' : formatDuration(seconds * 1000),
    vehicle === '' ? devices.join(', ') : vehicle,
    String(flight.files),
    formatSize(flight.bytes),
    flight.state.replace('_', ' '),
  ];
}

const detailsOf = ({ delivered, missing }: FlightView, now: number): string[] => [
  ...delivered.map(shareText),
  ...missing.map(group => missingText(group, now)),
];

function shareText({ target, done, files, links }: FlightView['delivered'][number]): string {
  const name = done === files ? target : `${target} ${done} of ${files}`;
  const shown = links.slice(0, MAX_SHOWN_LINKS).join(' ');
  const more = links.length > MAX_SHOWN_LINKS ? ' …' : '';
  return shown === '' ? name : `${name}: ${shown}${more}`;
}

/** Such as `2 files wait: archive offline since 12:31 (connection refused)`. */
function missingText(
  { state, device, code, text, since, until, files }: FlightView['missing'][number],
  now: number,
) {
  const number = files === 1 ? '1 file' : `${files} files`;
  const group = { device, text, since, until, stage: '', files, bytes: 0 };
  if (code !== '')
    return `${number} ${files === 1 ? 'waits' : 'wait'}: ${withLocalTimes(waitText({ ...group, code }), now)}`;
  if (text === '') return `${number} ${state} (${device})`;
  const isOwn = state === 'SKIPPED' || state === 'VANISHED';
  return `${number} ${state}: ${isOwn ? text : `${device}: ${text}`}`;
}
