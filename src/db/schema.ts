import { z } from 'zod';
import { FileState, type FileRecord } from '../ports.js';

// What the database accepts: both what it is given and what it reads back. The types in ports.ts are the truth; the
// compiler refuses a table here that says something else or leaves a field out.

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');
const count = z.int().nonnegative();

const checksum = z.object({
  algorithm: z.enum(['crc32-mavlink', 'md5', 'sha256']),
  value: z.string().regex(/^[0-9a-f]+$/, 'not lower-case hex'),
});

const delivery = z.object({
  state: z.enum(['pending', 'sending', 'committing', 'done', 'failed']),
  path: z.string().exactOptional(),
  location: z.string().exactOptional(),
  verified: z.enum(['hash', 'size', 'reply']).exactOptional(),
  reason: z.string().exactOptional(),
});

export const fileRecord: z.ZodType<FileRecord> = z.object({
  id: z.string().regex(/^[0-9a-f]{12}$/, 'not twelve hex digits'),
  device: z.string().min(1),
  path: z.string().min(1),
  size: count,
  modified: z.number().exactOptional(),
  checksum: checksum.exactOptional(),
  state: z.enum(FileState),
  local: z.string(),
  sha256: sha256.exactOptional(),
  proof: checksum.exactOptional(),
  via: z.literal('stream').exactOptional(),
  kept: z.boolean().exactOptional(),
  description: z.string(),
  targets: z.record(z.string(), delivery),
  reason: z.string().exactOptional(),
  checkpoint: z.object({ boot: z.string(), synced: count }).exactOptional(),
  foundAt: z.number(),
  updatedAt: z.number(),
} satisfies Record<keyof FileRecord, z.ZodType>);

/** The schema that this version writes. It rises when an older version could not read the files rightly any more. */
export const SCHEMA = 1;

/** Every record, in the order in which they were found; change number `seq` and all before it are in them. */
export interface Snapshot {
  readonly schema: typeof SCHEMA;
  readonly seq: number;
  readonly records: Iterable<FileRecord>;
}
export const snapshot: z.ZodType<Snapshot> = z.object({
  schema: z.literal(SCHEMA),
  seq: count,
  records: z.array(fileRecord),
});

/** What became durable together, in order. `seq` is the number of the last of the changes; the first ever has 1. */
export const commit = z.object({
  seq: count,
  changes: z.array(z.union([z.object({ put: fileRecord }), z.object({ delete: z.string() })])).readonly(),
});
export type Commit = z.output<typeof commit>;
export type CommittedChange = Commit['changes'][number];

/**
 * What is wrong with a value, in a few words; undefined if it is of that shape. Whoever goes on with the value itself
 * keeps fields that this version does not know: a later one may have written them.
 */
export function problemOf(shape: z.ZodType, value: unknown): string | undefined {
  const issue = shape.safeParse(value).error?.issues[0];
  return issue && `${issue.path.join('.') || 'content'}: ${issue.message}`;
}
