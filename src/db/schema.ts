import * as z from 'zod';
import type { FileFacts } from '../file-facts.js';
import type { FileRecord, SourceRecord } from '../ports.js';

// The schema of the records that the database writes and reads. The types in ports.ts are authoritative: the compiler rejects
// a difference or a missing field.

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');
export const recordId = z.string().regex(/^[0-9a-f]{12}$/, 'not twelve hex digits');
export const count = z.int().nonnegative();

export const checksum = z.object({
  algorithm: z.enum(['crc32-mavlink', 'md5', 'sha256']),
  value: z.string().regex(/^[0-9a-f]+$/, 'not lower-case hex'),
});

export const checkpoint = z.object({ boot: z.string(), synced: count });

export const delivery = z.object({
  state: z.enum(['pending', 'sending', 'committing', 'done', 'failed']),
  path: z.string().exactOptional(),
  tried: z.literal(true).exactOptional(),
  location: z.string().exactOptional(),
  verified: z.enum(['hash', 'size', 'reply']).exactOptional(),
  reason: z.string().exactOptional(),
  failures: count.exactOptional(),
  at: z.number().exactOptional(),
});

const presence = z.object({
  state: z.enum(['present', 'gone', 'removed']),
});

const localCopy = z.discriminatedUnion('state', [
  z.object({ state: z.enum(['none', 'whole', 'evicted']) }),
  z.object({ state: z.enum(['fetching', 'partial']), checkpoint: checkpoint.exactOptional() }),
]);

export const position = z.object({
  latitude: z.number(),
  longitude: z.number(),
  altitude: z.number().exactOptional(),
});

export const fileFacts = z.object({
  format: z.enum(['ulog', 'ardupilot', 'mcap', 'rosbag2', 'jpeg', 'tiff']),
  start: z.number().exactOptional(),
  duration: z.number().exactOptional(),
  vehicle: z.string().exactOptional(),
  firmware: z.string().exactOptional(),
  hardware: z.string().exactOptional(),
  airframe: z.string().exactOptional(),
  errors: count.exactOptional(),
  warnings: count.exactOptional(),
  dropouts: count.exactOptional(),
  dropoutMs: z.number().exactOptional(),
  truncated: z.literal(true).exactOptional(),
  appended: z.literal(true).exactOptional(),
  profile: z.string().exactOptional(),
  topics: count.exactOptional(),
  messages: count.exactOptional(),
  camera: z.string().exactOptional(),
  radiometric: z.boolean().exactOptional(),
  position: position.exactOptional(),
  endsOnly: z.literal(true).exactOptional(),
  note: z.string().exactOptional(),
} satisfies Record<keyof FileFacts, z.ZodType>);

const moment = z.object({ at: z.number(), boot: z.string(), up: z.number(), synced: z.boolean() });

const fields = {
  id: recordId,
  device: z.string().min(1),
  path: z.string().min(1),
  size: count,
  modified: z.number().exactOptional(),
  checksum: checksum.exactOptional(),
  generation: count.exactOptional(),
  source: presence,
  local: z.string(),
  copy: localCopy,
  sha256: sha256.exactOptional(),
  proof: checksum.exactOptional(),
  via: z.literal('stream').exactOptional(),
  description: z.string(),
  targets: z.record(z.string(), delivery),
  former: z.record(z.string(), delivery).exactOptional(),
  byHand: z.literal(true).exactOptional(),
  skipped: z.string().exactOptional(),
  asked: z.literal(true).exactOptional(),
  first: z.number().exactOptional(),
  atFirstScan: z.literal(true).exactOptional(),
  restore: z.literal(true).exactOptional(),
  evict: z.literal(true).exactOptional(),
  like: z.string().exactOptional(),
  mismatches: count.exactOptional(),
  lost: count.exactOptional(),
  givenUp: z.literal(true).exactOptional(),
  removal: z.literal('refused').exactOptional(),
  reason: z.string().exactOptional(),
  failures: count.exactOptional(),
  facts: fileFacts.exactOptional(),
  fetchedAt: z.number().exactOptional(),
  removedAt: z.number().exactOptional(),
  delivered: moment.exactOptional(),
  foundAt: z.number(),
  updatedAt: z.number(),
} satisfies Record<keyof FileRecord, z.ZodType>;

export const fileRecord: z.ZodType<FileRecord> = z.object(fields);

export const sourceRecord: z.ZodType<SourceRecord> = z.object({
  device: z.string().min(1),
  scannedAt: z.number(),
  volume: z.string().exactOptional(),
  told: z.string().exactOptional(),
} satisfies Record<keyof SourceRecord, z.ZodType>);

/** The schema that this version writes. It increases when an older version could not read the files correctly any more. */
export const SCHEMA = 2;

const change = z.union([
  z.object({ put: fileRecord }),
  z.object({ delete: z.string() }),
  z.object({ source: sourceRecord }),
]);
export type CommittedChange = z.output<typeof change>;

/** Changes that became durable together, in order. `seq` is the number of the last of the changes; the first ever has 1. */
export const commit = z.object({ seq: count, changes: z.array(change).readonly() });
export type Commit = z.output<typeof commit>;

/**
 * The first problem of a value, in a few words; undefined if it has that shape. Unknown fields are no problem, and callers keep them:
 * a later version may have written them.
 */
export function problemOf(shape: z.ZodType, value: unknown): string | undefined {
  const issue = shape.safeParse(value).error?.issues[0];
  return issue && `${issue.path.join('.') || 'content'}: ${issue.message}`;
}

/** As `problemOf(fileRecord, record)`, where `previous` is known to be valid: only the fields that differ from it are checked. */
export function problemOfNext(record: FileRecord, previous: FileRecord | undefined): string | undefined {
  if (!previous) return problemOf(fileRecord, record);
  const changed = FIELDS.filter(field => record[field] !== previous[field]);
  if (changed.some(field => record[field] === undefined)) return problemOf(fileRecord, record);
  for (const field of changed) {
    const problem = problemOf(fields[field], record[field]);
    if (problem !== undefined) return `${field}: ${problem.replace(/^content: /, '')}`;
  }
  return undefined;
}

const FIELDS = Object.keys(fields) as (keyof FileRecord)[];
