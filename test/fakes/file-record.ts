import type { FileRecord } from '../../src/ports.js';
import { recordId } from '../../src/record/identity.js';

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

/** The record of `a.ulg`, changed at 1000 ms, on the source `cam`, as a scan finds it; pending for the target `ftp`. */
export function camRecord(size: number, changes: Partial<FileRecord> = {}): FileRecord {
  const file = { path: 'a.ulg', size, modified: 1000 };
  return {
    ...{ ...file, id: recordId('cam', file), device: 'cam', local: 'cam/a.ulg', description: '' },
    ...{ source: { state: 'present' }, copy: { state: 'none' }, targets: { ftp: { state: 'pending' } } },
    ...{ foundAt: 1, updatedAt: 1 },
    ...changes,
  };
}
