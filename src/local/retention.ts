import { FileState, type FileRecord } from '../ports.js';
import type { Retention } from '../rules/rule.js';

/**
 * The records whose local copies may go now: delivered to every target and out of their rule's retention. Copies under
 * the same `size` retention (the same object: one rule's) share its bytes, and the oldest go first; what still
 * has to be delivered counts there, but never goes.
 * @param now ms since the Unix epoch
 */
export function expired(
  records: Iterable<FileRecord>,
  retentionOf: (record: FileRecord) => Retention,
  now: number,
): FileRecord[] {
  const groups = new Map<Retention, FileRecord[]>();
  for (const record of records) {
    if (!record.kept) continue;
    const retention = retentionOf(record);
    const group = groups.get(retention);
    if (group) group.push(record);
    else groups.set(retention, [record]);
  }
  return [...groups].flatMap(([retention, copies]) => expiredOf(retention, copies, now));
}

function expiredOf(retention: Retention, copies: FileRecord[], now: number): FileRecord[] {
  const delivered = copies.filter(isDelivered);
  switch (retention.kind) {
    case 'keep':
      return [];
    case 'delete':
      return delivered;
    case 'age':
      return delivered.filter(record => now - record.updatedAt >= retention.ms);
    case 'size':
      return oldestBeyond(retention.bytes, copies, delivered);
  }
}

function oldestBeyond(limit: number, copies: FileRecord[], delivered: FileRecord[]): FileRecord[] {
  let excess = copies.reduce((total, record) => total + record.size, 0) - limit;
  const going: FileRecord[] = [];
  for (const record of delivered.sort((a, b) => a.updatedAt - b.updatedAt)) {
    if (excess <= 0) break;
    excess -= record.size;
    going.push(record);
  }
  return going;
}

/** Every target has it. */
export const isDelivered = ({ state }: FileRecord): boolean =>
  state === FileState.UPLOADED || state === FileState.REMOVED;
