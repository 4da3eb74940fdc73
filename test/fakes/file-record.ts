import type { FileRecord } from '../../src/ports.js';

/** A valid record, another one for every number. */
export function fileRecord(number: number, changes: Partial<FileRecord> = {}): FileRecord {
  const path = `2026-11-22/${number}.ulg`;
  return {
    id: number.toString(16).padStart(12, '0'),
    device: 'autopilot',
    path,
    size: 1000 + number,
    source: { state: 'present' },
    local: `autopilot/${path}`,
    copy: { state: 'none' },
    description: '',
    targets: {},
    foundAt: 1_790_000_000_000 + number,
    updatedAt: 1_790_000_000_000 + number,
    ...changes,
  };
}
