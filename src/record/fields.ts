import type { FileRecord } from '../ports.js';

type Optional = 'reason' | 'via' | 'skipped' | 'proof' | 'failures';

/** The record with these fields, and without those that are undefined. */
export function withOptional(record: FileRecord, fields: Partial<Record<Optional, unknown>>): FileRecord {
  const entries = Object.entries({ ...record, ...fields }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as FileRecord;
}

/** The record without these fields; the same object where it has none of them. */
export function without(record: FileRecord, ...keys: (keyof FileRecord)[]): FileRecord {
  if (keys.every(key => record[key] === undefined)) return record;
  const copy: Partial<Record<keyof FileRecord, unknown>> = { ...record };
  for (const key of keys) delete copy[key];
  return copy as FileRecord;
}
