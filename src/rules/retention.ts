import type { FileRecord } from '../ports.js';
import { compareRanks, rankIn } from './order.js';
import type { Retention } from './rule.js';

/** Files of the same `group` go together; `isWhole`: they may go. */
export interface Group {
  readonly group: unknown;
  readonly isWhole: boolean;
}

/**
 * The records whose local copies exceed the size limit of their rule: copies under the same limit (the same object) share its
 * bytes, and those that were delivered first are evicted first, whole groups. Undelivered files count, but are never evicted.
 */
export function beyondLimits(
  records: Iterable<FileRecord>,
  retentionOf: (record: FileRecord) => Retention,
  groupOf: (record: FileRecord) => Group = alone,
): FileRecord[] {
  const groups = new Map<Retention, FileRecord[]>();
  for (const record of records) {
    if (record.copy.state !== 'whole') continue;
    const retention = retentionOf(record);
    const group = groups.get(retention);
    if (group) group.push(record);
    else groups.set(retention, [record]);
  }
  return [...groups].flatMap(([retention, copies]) =>
    retention.kind === 'size' ? oldestBeyond(retention.bytes, copies, groupOf) : [],
  );
}

const alone = ({ id, delivered }: FileRecord): Group => ({ group: id, isWhole: delivered !== undefined });

function oldestBeyond(
  limit: number,
  copies: readonly FileRecord[],
  groupOf: (record: FileRecord) => Group,
): FileRecord[] {
  const excess = copies.reduce((total, record) => total + record.size, 0) - limit;
  return firstOf(copies.filter(({ delivered }) => delivered).sort(byDelivery), () => excess, groupOf);
}

/**
 * The first of the sorted records until their sizes reach what `wanted` says for the next one, with all others of their groups. A
 * group has the place of its last record.
 */
function firstOf(
  sorted: readonly FileRecord[],
  wanted: (record: FileRecord) => number,
  groupOf: (record: FileRecord) => Group,
): FileRecord[] {
  const groups = new Map<unknown, FileRecord[]>();
  for (const record of sorted) {
    const { group, isWhole } = groupOf(record);
    if (!isWhole) continue;
    const members = groups.get(group) ?? [];
    members.push(record);
    groups.delete(group);
    groups.set(group, members);
  }
  const going: FileRecord[] = [];
  let freed = 0;
  for (const group of groups.values()) {
    if (!group.some(record => freed < wanted(record))) continue;
    for (const { size } of group) freed += size;
    going.push(...group);
  }
  return going;
}

/** A file that its source keeps until fewer than `keepFree` bytes are free. */
export interface KeptFile {
  readonly record: FileRecord;
  readonly keepFree: number;
}

/** The ids of the files that a source with `free` bytes has to lose: the oldest, whole groups. */
export function beyondSpace(
  kept: readonly KeptFile[],
  free: number,
  groupOf: (record: FileRecord) => Group = alone,
): ReadonlySet<string> {
  const sorted = [...kept].sort((a, b) =>
    compareRanks(rankIn(0, a.record, 'oldest'), rankIn(0, b.record, 'oldest')),
  );
  const wanted = new Map(kept.map(({ record, keepFree }) => [record.id, keepFree - free]));
  const going = firstOf(
    sorted.map(({ record }) => record),
    ({ id }) => wanted.get(id) ?? 0,
    groupOf,
  );
  return new Set(going.map(({ id }) => id));
}

function byDelivery(a: FileRecord, b: FileRecord): number {
  return (a.delivered?.at ?? 0) - (b.delivered?.at ?? 0) || a.foundAt - b.foundAt;
}
