import type { Delivery, FileRecord, Moment } from '../ports.js';
import type { UnitOfFile } from './together.js';

/** The files that a marker says belong to its unit, relative to its folder; why that is not known, or that it says nothing. */
export type Listing =
  | { readonly kind: 'none' }
  /** `soon`: it is being read. */
  | { readonly kind: 'unknown'; readonly why: string; readonly soon?: true }
  | { readonly kind: 'files'; readonly files: readonly string[] };

/** What holds files of a unit back. Each text is a reason for people. */
export interface UnitVerdict {
  /** Why it is not complete for a file that its source has, and for one that its source has no longer. */
  readonly incomplete: Readonly<Record<'present' | 'gone', string | undefined>>;
  /** The list of its files will be known soon. */
  readonly soon: boolean;
  /** Why the marker is not sent to a target, by its name. */
  readonly marker: ReadonlyMap<string, string>;
  /** Why none of its files is removed from the source, and no local copy of them. */
  readonly held: string | undefined;
  /** The source has the marker: other files are removed after it. */
  readonly markerOnSource: boolean;
  /** When the last of its files was delivered. */
  readonly delivered: Moment | undefined;
}

/** A file of a unit. */
export interface Member {
  readonly record: FileRecord;
  readonly isMarker: boolean;
}

/** The latest record of each path of a unit, and what it needs. */
interface Unit extends UnitPlace {
  readonly members: readonly Member[];
  readonly byName: ReadonlyMap<string, FileRecord>;
}

/** What is the same for all files of a unit. */
export type UnitPlace = Pick<UnitOfFile, 'name' | 'base' | 'needs'>;

/**
 * What holds files of a unit back, from the facts about them alone.
 * @param members all its files, in the order in which they were found
 * @param listing what the record of a marker lists
 */
export function judge(
  place: UnitPlace,
  members: Iterable<Member>,
  listing: (marker: FileRecord) => Listing,
): UnitVerdict {
  const unit = latestOf(place, members);
  const marker = unit.byName.get(nameOf(unit.needs.at(-1) ?? ''));
  const listed = marker && !marker.delivered ? listing(marker) : NONE;
  const held = missing(unit, false) ?? undelivered(unit);
  return {
    incomplete: {
      present: missing(unit, true) ?? unlisted(unit, listed),
      gone: missing(unit, false) ?? unlisted(unit, listed),
    },
    soon: listed.kind === 'unknown' && listed.soon === true,
    marker: blockedTargets(unit),
    held,
    markerOnSource: unit.members.some(({ record, isMarker }) => isMarker && isPresent(record)),
    delivered: unit.members.flatMap(({ record }) => record.delivered ?? []).reduce(later, undefined),
  };
}

const NONE: Listing = { kind: 'none' };
const nameOf = (path: string): string => path.toLowerCase();
const isPresent = ({ source }: FileRecord): boolean => source.state === 'present';

function latestOf(place: UnitPlace, members: Iterable<Member>): Unit {
  const latest = new Map<string, Member>();
  for (const member of members) latest.set(member.record.path, member);
  const byName = new Map([...latest.values()].map(({ record }) => [nameOf(record.path), record]));
  return { ...place, members: [...latest.values()], byName };
}

/** Its bytes are wanted, and can be delivered or have been. */
function counts(record: FileRecord): boolean {
  if (record.delivered) return true;
  return record.skipped === undefined && (isPresent(record) || record.copy.state === 'whole');
}

/**
 * Which of the files that it needs is missing. For a file that the source has, those that are gone from there do not count: it may
 * be of a new recording of that name.
 */
function missing({ needs, byName, name }: Unit, present: boolean): string | undefined {
  for (const path of needs) {
    const record = byName.get(nameOf(path));
    if (record && counts(record) && (isPresent(record) || !present)) continue;
    const skipped = record?.skipped !== undefined && !record.delivered ? ` (${record.skipped})` : '';
    return needs.length > 1
      ? `waits for ${path}${skipped}, which belongs to it`
      : `waits for ${baseName(path)} of ${name}${skipped}`;
  }
  return undefined;
}

/** Which of the files that the marker lists there is no record of. */
function unlisted({ base, byName, needs, name, members }: Unit, listing: Listing): string | undefined {
  if (listing.kind === 'none') return undefined;
  const marker = baseName(needs.at(-1) ?? '');
  if (listing.kind === 'unknown') return `waits for ${marker} of ${name}: ${listing.why}`;
  const exact = new Map(members.map(({ record }) => [record.path, record]));
  for (const file of listing.files) {
    const record = exact.get(`${base}${file}`) ?? byName.get(nameOf(`${base}${file}`));
    if (record && counts(record)) continue;
    const why = record ? (record.skipped ?? 'it is gone from the source') : 'there is no such file yet';
    return `waits for ${file}, which ${marker} of ${name} lists: ${why}`;
  }
  return undefined;
}

/** For each target, which file the marker waits for: one that failed, or else any that is not delivered there. */
function blockedTargets({ members, name }: Unit): Map<string, string> {
  const blocked = new Map<string, string>();
  for (const { record, isMarker } of members) {
    if (isMarker || record.delivered || !counts(record)) continue;
    for (const [target, delivery] of Object.entries(record.targets)) {
      if (delivery.state === 'done') continue;
      const failed = failureOf(record, delivery);
      if (failed !== undefined) blocked.set(target, `is not sent: ${record.path} ${failed}`);
      else if (!blocked.has(target))
        blocked.set(target, `goes last: other files of ${name} are not there yet`);
    }
  }
  return blocked;
}

function failureOf(record: FileRecord, { state, reason }: Delivery): string | undefined {
  if (state !== 'failed' && !record.givenUp) return undefined;
  return `FAILED: ${reason ?? record.reason ?? 'no reason is known'} (\`filesync retry ${record.id}\` sends it again)`;
}

function undelivered({ members, name }: Unit): string | undefined {
  const open = members.find(({ record }) => counts(record) && !record.delivered);
  return open && `goes with all files of ${name}: ${open.record.path} is not on every target yet`;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function later(one: Moment | undefined, other: Moment): Moment {
  if (!one) return other;
  const isLater = one.boot === other.boot ? other.up > one.up : other.at > one.at;
  return isLater ? other : one;
}

/**
 * Why a step of a file of the unit waits; `kind` and `target` are those of the step.
 * @param early whether parts are sent before the unit is complete
 */
export function unitReason(
  { kind, target = '' }: { readonly kind: string; readonly target?: string },
  { record, isMarker }: Member,
  { needs }: UnitPlace,
  early: boolean,
  verdict: UnitVerdict,
): string | undefined {
  if (kind === 'evict') return verdict.held;
  if (kind === 'remove') return verdict.held ?? afterMarker(isMarker, needs, verdict);
  if (kind !== 'deliver' && kind !== 'stream') return undefined;
  return isMarker || !early ? sendingReason({ record, isMarker }, target, verdict) : undefined;
}

function sendingReason(
  { record, isMarker }: Member,
  target: string,
  verdict: UnitVerdict,
): string | undefined {
  const incomplete = verdict.incomplete[isPresent(record) ? 'present' : 'gone'];
  return incomplete ?? (isMarker ? verdict.marker.get(target) : undefined);
}

/**
 * On its source too, the marker is never there without its parts: a reader finds no half bag, also where a crash comes between the
 * removals, and files that are found again after a lost database are not complete.
 */
const afterMarker = (isMarker: boolean, needs: UnitPlace['needs'], { markerOnSource }: UnitVerdict) =>
  isMarker || !markerOnSource ? undefined : `goes after ${baseName(needs.at(-1) ?? '')}`;

/** Whether a change of a record can change the verdict on its unit. */
export function concernsUnit(record: FileRecord, previous: FileRecord): boolean {
  const { copy, source, skipped, givenUp, sha256, delivered, targets } = record;
  const isSame =
    copy.state === previous.copy.state &&
    source.state === previous.source.state &&
    skipped === previous.skipped &&
    givenUp === previous.givenUp &&
    sha256 === previous.sha256 &&
    delivered === previous.delivered;
  return !isSame || endsOf(targets) !== endsOf(previous.targets);
}

const endOf = ({ state }: Delivery): string => (state === 'done' || state === 'failed' ? state : '');

const endsOf = (targets: FileRecord['targets']): string =>
  Object.entries(targets)
    .map(([name, delivery]) => `${name} ${endOf(delivery)}`)
    .join('\0');

/** Whether a change of a file that its unit does not need to be complete can only release other files, and hold none of them back. */
export function onlyReleases(record: FileRecord, previous: FileRecord): boolean {
  if (previous.delivered) return record.delivered !== undefined;
  const { copy, source, skipped, givenUp, targets } = record;
  const counts = isPresent(record) || copy.state === previous.copy.state;
  const isSame =
    skipped === previous.skipped && givenUp === previous.givenUp && source.state === previous.source.state;
  return counts && isSame && Object.entries(targets).every(each => isDoneOrSame(each, previous.targets));
}

function isDoneOrSame([name, delivery]: readonly [string, Delivery], before: FileRecord['targets']): boolean {
  const previous = before[name];
  return delivery.state === 'done' || (previous !== undefined && endOf(delivery) === endOf(previous));
}

/** Verdicts with the same one hold back the same steps. */
export const signatureOf = ({ incomplete, marker, held, markerOnSource, delivered }: UnitVerdict): string =>
  JSON.stringify([
    ...[incomplete.present === undefined, incomplete.gone === undefined, held === undefined, markerOnSource],
    ...[[...marker.keys()].sort(), held === undefined && delivered?.up],
  ]);
