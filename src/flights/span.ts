import type { FileRecord } from '../ports.js';

/**
 * ms since the Unix epoch. Clocks without a battery begin in 1970, 1980 or 2000 and count on from there; what is outside of these
 * bounds is no time of a flight.
 */
const MIN_TIME = Date.UTC(2001, 0, 1);
const MAX_TIME = Date.UTC(2100, 0, 1);
/** A log that claims to be longer has a damaged time in it. */
const MAX_DURATION_MS = 86_400_000;

/** ms since the Unix epoch; `end` is not before `start`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A file whose time is known. */
export interface Timed extends Span {
  readonly record: FileRecord;
}

/**
 * When the file was written: by what it says about itself, else up to the time that its source reports. Undefined if neither is
 * known or possible.
 */
export function spanOf({ facts, modified }: Pick<FileRecord, 'facts' | 'modified'>): Span | undefined {
  const duration = durationOf(facts);
  const start = facts?.start;
  if (isPossible(start)) return { start, end: start + duration };
  return isPossible(modified) ? { start: modified - duration, end: modified } : undefined;
}

/** ms; zero where it is not known. */
export function durationOf(facts: FileRecord['facts']): number {
  const duration = facts?.duration ?? 0;
  return duration > 0 && duration <= MAX_DURATION_MS ? duration : 0;
}

const isPossible = (time: number | undefined): time is number =>
  time !== undefined && time >= MIN_TIME && time <= MAX_TIME;

/** Names of PX4's logs (also encrypted ones), of ground stations' and of ArduPilot's. */
const LOG_NAME = /(?:\.ulg[ce]?|\.tlog|(?:^|\/)\d{8}\.bin)$/i;

/** The file is a vehicle's log: by its contents where they are known, else by its name. */
export function isLog({ path, facts }: Pick<FileRecord, 'path' | 'facts'>): boolean {
  if (facts) return facts.vehicle !== undefined || facts.format === 'ulog' || facts.format === 'ardupilot';
  return LOG_NAME.test(path);
}

/** Files at most that far apart belong together, ms. */
export const MAX_GAP_MS = 60_000;

/** Files in the order of their time, in sections between which nothing was written for more than MAX_GAP_MS. */
export function sectionsOf(files: readonly Timed[]): Section[] {
  const sections: { start: number; end: number; files: Timed[] }[] = [];
  for (const file of [...files].sort(byStart)) {
    const last = sections.at(-1);
    if (!last || file.start > last.end + MAX_GAP_MS) {
      sections.push({ start: file.start, end: file.end, files: [file] });
      continue;
    }
    last.files.push(file);
    last.end = Math.max(last.end, file.end);
  }
  return sections;
}

export interface Section extends Span {
  readonly files: readonly Timed[];
}

export const byStart = (a: Timed, b: Timed): number => a.start - b.start || byId(a.record, b.record);

export const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
