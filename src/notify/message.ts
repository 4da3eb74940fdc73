import type { NoticeValues } from '../config/notice-template.js';
import { formatDuration } from '../system/duration.js';
import { oneLine } from '../system/logger.js';
import { formatSize } from '../system/size.js';
import type { FlightTime, NoticeEvent } from './events.js';

/** One message, for all that happened within a minute. The same bytes are sent at every attempt. */
export interface Message {
  readonly values: NoticeValues;
  /** When it was made, monotonic ms. */
  readonly madeAt: number;
}

export interface MessageContext {
  readonly id: string;
  readonly hostname: string;
  /** ms since the Unix epoch. */
  readonly now: number;
  /** Monotonic ms. */
  readonly up: number;
  /** Earlier messages that were never delivered. */
  readonly dropped: number;
}

/** Characters and bytes of a message: what the strictest of the usual services takes (Slack: 3000 characters, ntfy: 4096 bytes). */
const MAX_TEXT_BYTES = 2_800;
const MAX_TITLE_BYTES = 200;
/** Names or links in one sentence. */
const MAX_LISTED = 5;
const MAX_REASON_LENGTH = 300;

/** The words of each event: its part of the title, and its sentence. */
export function makeMessage(events: readonly NoticeEvent[], context: MessageContext): Message {
  const { id, hostname, now, up, dropped } = context;
  const titles = listed([...new Set(events.map(titleOf))], '; ', 3);
  const title = cut(oneLine(`FileSync ${hostname}: ${titles}`), MAX_TITLE_BYTES);
  const lost = dropped > 0 ? [`${plural(dropped, 'earlier message')} could not be delivered`] : [];
  const text = cut([...events.map(sentenceOf), ...lost].map(oneLine).join('\n'), MAX_TEXT_BYTES);
  const devices = [...new Set(events.flatMap(event => ('device' in event ? [event.device] : [])))];
  const event = [...new Set(events.map(({ kind }) => kind))].join(',');
  const count = countOf(events);
  const time = new Date(now).toISOString();
  const all = { id, time, hostname, event, title, text, count, devices, dropped, events };
  return {
    values: {
      ...{ id, time, hostname, event, title, text, count: String(count) },
      ...{ device: devices.join(', '), json: JSON.stringify(all) },
    },
    madeAt: up,
  };
}

/** Files that are FAILED or arrived; where the message is about none, how many things happened. */
function countOf(events: readonly NoticeEvent[]): number {
  const filesOf = (...kinds: NoticeEvent['kind'][]) =>
    events.reduce((sum, one) => sum + ('files' in one && kinds.includes(one.kind) ? one.files : 0), 0);
  return filesOf('failed', 'flight') || filesOf('idle') || events.length;
}

/** Shorter ones are not named. */
const MIN_FLIGHT_S = 1;

const files = (number: number): string => plural(number, 'file');
const plural = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

function titleOf(event: NoticeEvent): string {
  switch (event.kind) {
    case 'failed':
      return `${files(event.files)} of ${event.device} FAILED`;
    case 'space':
      return 'the disk is full';
    case 'offline':
      return `${event.device} offline`;
    case 'online':
      return `${event.device} online again`;
    case 'flight':
      return `${files(event.files)} of ${event.device} delivered`;
    case 'idle':
      return 'all delivered';
    case 'test':
      return 'test message';
  }
}

function sentenceOf(event: NoticeEvent): string {
  switch (event.kind) {
    case 'failed': {
      const { paths, reasons, files: number, device } = event;
      const why = reasons.map(reason => reason.slice(0, MAX_REASON_LENGTH)).join(' | ');
      return `${files(number)} of ${device} FAILED: ${listed(paths, ', ', MAX_LISTED, number)}. Why: ${why}`;
    }
    case 'space':
      return `The disk has ${formatSize(event.free)} free above min_free, of ${formatSize(event.total)}: nothing is fetched until there is more`;
    case 'offline':
      return `${event.device} has been offline for ${formatDuration(event.seconds * 1000)}: ${event.reason}`;
    case 'online':
      return `${event.device} is online again: ${event.reason}`;
    case 'flight':
      return flightSentence(event);
    case 'idle':
      return `Everything is delivered: ${files(event.files)}, ${formatSize(event.bytes)}`;
    case 'test':
      return 'This is a test message: notifications of FileSync arrive here';
  }
}

function flightSentence(event: Extract<NoticeEvent, { kind: 'flight' }>): string {
  const { device, files: number, bytes, failed, links, flights } = event;
  const missing = failed > 0 ? `; ${files(failed)} FAILED` : '';
  const places = links.length > 0 ? `: ${listed(links, ' ', MAX_LISTED)}` : '';
  return `${files(number)} of ${device} delivered, ${formatSize(bytes)}${durations(flights)}${missing}${places}`;
}

/** Such as `, flights of 10 s, 4 min`; empty where none is known. Files of one moment have no length that says anything. */
function durations(flights: readonly FlightTime[]): string {
  const known = flights.flatMap(({ duration_seconds: seconds }) =>
    seconds === null || seconds < MIN_FLIGHT_S ? [] : [seconds * 1000],
  );
  const spans = listed(known.map(formatDuration), ', ', MAX_LISTED);
  return known.length === 0 ? '' : `, ${known.length === 1 ? 'a flight' : 'flights'} of ${spans}`;
}

/** The first of the items; `all`: how many there are, where that is more. */
function listed(items: readonly string[], separator: string, max: number, all = items.length): string {
  const shown = items.slice(0, max);
  const left = all - shown.length;
  return shown.join(separator) + (left > 0 ? `${separator.trimEnd()} and ${left} more` : '');
}

/** At most that many bytes of UTF-8, and no half character. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let end = '';
  let size = Buffer.byteLength('…');
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > bytes) break;
    end += character;
  }
  return `${end}…`;
}
