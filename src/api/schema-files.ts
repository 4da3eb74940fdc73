import * as z from 'zod';
import { DELIVERY_STATES, fileState } from './schema.js';

const time = z.iso.datetime({ precision: 3 });
const bytes = z.number().nonnegative();

const MAX_DESCRIPTION_LENGTH = 10_000;
const MAX_TARGETS = 1000;

/** The body of `PATCH /files/{id}`: what a person wants a record to be. */
export const fileChange = z
  .strictObject({
    /** FOUND: fetch it again; DOWNLOADED: deliver it again to every target; FAILED: give up. */
    state: fileState.optional(),
    description: z.string().max(MAX_DESCRIPTION_LENGTH).optional(),
    /** All its targets. */
    targets: z.array(z.string()).max(MAX_TARGETS).readonly().optional(),
  })
  .refine(
    change => Object.keys(change).length > 0,
    'nothing to change: state, description and targets are absent',
  );

/** What one target has of a file. */
const received = z.object({
  target: z.string(),
  state: z.enum(Object.values(DELIVERY_STATES)),
  /** Name on the target; empty until it has been chosen. */
  path: z.string(),
  /** Where it can be found: a URL where the target returns one, else a path. */
  location: z.string(),
  /** The proof that the target has our bytes; empty unless DONE. */
  verified: z.enum(['', 'hash', 'size', 'reply']),
  delivered_at: time.nullable(),
});

/** Which bytes came from where, who has them, and how that was proved. */
export const receipt = z.object({
  id: z.string(),
  device: z.string(),
  /** On the device. */
  path: z.string(),
  size: bytes,
  /** Hex, of the whole file; empty until all of it has been read. */
  sha256: z.string(),
  modified: time.nullable(),
  found_at: time,
  fetched_at: time.nullable(),
  /** The computer that says so, and the version of its filesync. */
  hostname: z.string(),
  version: z.string(),
  issued_at: time,
  targets: z.array(received),
});

export type FileChange = z.output<typeof fileChange>;
export type Receipt = z.output<typeof receipt>;
