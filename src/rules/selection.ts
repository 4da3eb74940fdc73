import ms, { type StringValue } from 'ms';
import type { FileRecord } from '../ports.js';
import { formatSize } from '../system/size.js';
import { isCompanion } from './companion.js';
import type { Rule } from './rule.js';
import { unitOf } from './together.js';

/** What the reason begins with for which a log is skipped that is too short. */
export const MIN_DURATION = 'min_duration:';

/** What the selection keys of a rule look at. */
export type Selectable = Pick<
  FileRecord,
  'device' | 'path' | 'size' | 'modified' | 'foundAt' | 'atFirstScan' | 'asked' | 'facts'
>;

/**
 * Why the rule, which matches the file's path, does not want its bytes now: begins with the rule's key and names the
 * remedy. `undefined`: it wants them. A file that a person asked for is always wanted. A companion is wanted if `main` is;
 * where that is not known, its own size says nothing. Nor does that of a unit's marker.
 */
export function refusal(rule: Rule, file: Selectable, main: Selectable = file): string | undefined {
  if (file.asked || main.asked) return undefined;
  return (
    refusalByAge(rule, main) ??
    refusalBySize(rule, main) ??
    refusalByDuration(rule, file) ??
    refusalUntilAsked(rule)
  );
}

/**
 * Only of what was there at the first scan: what comes later is new however old its time says it is, as clocks of vehicles
 * may be wrong and a source may have been offline for long.
 */
function refusalByAge({ begin }: Rule, { modified, foundAt, atFirstScan }: Selectable): string | undefined {
  if (!atFirstScan) return undefined;
  const changed = modified ?? foundAt;
  switch (begin.kind) {
    case 'all':
      return undefined;
    case 'new':
      return inWords('begin: new', 'it was on the source at the first scan');
    case 'date':
      return changed < begin.from ? inWords(`begin: ${showDate(begin.from)}`, 'it is older') : undefined;
    case 'age':
      return foundAt - changed > begin.ms
        ? inWords(`begin: ${showSpan(begin.ms)}`, 'it was older when it was found')
        : undefined;
  }
}

function refusalBySize(
  { largerThan, smallerThan, together }: Rule,
  { path, size }: Selectable,
): string | undefined {
  if (isCompanion(path) || unitOf(path, together)?.isMarker) return undefined;
  if (largerThan !== undefined && size <= largerThan) {
    return inWords(`larger_than: ${formatSize(largerThan)}`, `it has ${showSizeBeside(size, largerThan)}`);
  }
  if (smallerThan !== undefined && size >= smallerThan) {
    return inWords(`smaller_than: ${formatSize(smallerThan)}`, `it has ${showSizeBeside(size, smallerThan)}`);
  }
  return undefined;
}

/**
 * A log that something is wrong with may be longer than it says. No file of a unit is refused: the last part of a long bag may be
 * short, and the unit would never be complete without it.
 */
function refusalByDuration(
  { minDuration = 0, together }: Rule,
  { facts, path }: Selectable,
): string | undefined {
  if (unitOf(path, together)) return undefined;
  if (facts?.duration === undefined || facts.note !== undefined || facts.duration >= minDuration)
    return undefined;
  const [wanted, length] = [showSpan(minDuration), `${Math.floor(facts.duration / 100) / 10} s`];
  return inWords(`${MIN_DURATION} ${wanted}`, `it is ${length} long`);
}

function refusalUntilAsked({ fetch }: Rule): string | undefined {
  return fetch === 'asked' ? inWords('fetch: asked') : undefined;
}

function inWords(key: string, ...why: readonly string[]): string {
  return `${key} (${[...why, 'filesync fetch ID takes it'].join('; ')})`;
}

/** Exact where the rounded size would look like the limit. */
function showSizeBeside(size: number, limit: number): string {
  return formatSize(size) === formatSize(limit) ? `${size} bytes` : formatSize(size);
}

/** In the largest unit in which it is a whole number; the library rounds. */
function showSpan(span: number): string {
  const unit = ['y', 'd', 'h', 'm', 's'].find(unit => span % ms(`1${unit}` as StringValue) === 0) ?? 'ms';
  return `${span / ms(`1${unit}` as StringValue)}${unit}`;
}

/** UTC; the day alone where it begins there. */
function showDate(time: number): string {
  return new Date(time).toISOString().replace(/(T00:00:00)?\.000Z$/, (_, midnight) => (midnight ? '' : 'Z'));
}
