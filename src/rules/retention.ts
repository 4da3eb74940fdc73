import type { FileRecord } from '../ports.js';
import type { Retention } from './rule.js';

/**
 * The records whose local copies exceed the size limit of their rule: copies under the same limit (the same object) share its
 * bytes, and those that were delivered first are evicted first. Undelivered files count, but are never evicted.
 */
export function beyondLimits(
  records: Iterable<FileRecord>,
  retentionOf: (record: FileRecord) => Retention,
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
    retention.kind === 'size' ? oldestBeyond(retention.bytes, copies) : [],
  );
}

function oldestBeyond(limit: number, copies: readonly FileRecord[]): FileRecord[] {
  let excess = copies.reduce((total, record) => total + record.size, 0) - limit;
  const going: FileRecord[] = [];
  for (const record of copies.filter(({ delivered }) => delivered).sort(byDelivery)) {
    if (excess <= 0) break;
    excess -= record.size;
    going.push(record);
  }
  return going;
}

function byDelivery(a: FileRecord, b: FileRecord): number {
  return (a.delivered?.at ?? 0) - (b.delivered?.at ?? 0) || a.foundAt - b.foundAt;
}
