import * as z from 'zod';
import { FileState } from '../ports.js';
import { WAIT_CODES } from '../record/wait.js';

// What commands, the socket and other programs see: one schema for all. Names are those of the ROS messages (msg/), states are
// words. Texts that are not known are empty, as in the messages; times and numbers that are not known are null.

const keysOf = <Key extends string>(table: Readonly<Record<Key, unknown>>) =>
  Object.keys(table) as [Key, ...Key[]];

/** RFC 3339, UTC, with milliseconds. */
const time = z.iso.datetime({ precision: 3 });
const bytes = z.number().nonnegative();
const count = z.int().nonnegative();

export const fileState = z.enum(keysOf(FileState));
export const DELIVERY_STATES = {
  pending: 'PENDING',
  sending: 'SENDING',
  committing: 'COMMITTING',
  done: 'DONE',
  failed: 'FAILED',
} as const;

/** How far one target is with one file. */
const delivery = z.object({
  target: z.string(),
  state: z.enum(Object.values(DELIVERY_STATES)),
  /** Name on the target; empty until it has been chosen. */
  path: z.string(),
  /** Where it can be found: a URL where the target returns one, else a path. */
  location: z.string(),
  /** The proof that the target has our bytes; empty unless DONE. */
  verified: z.enum(['', 'hash', 'size', 'reply']),
  reason: z.string(),
  failed_attempts: count,
  /** When it was done, or last failed. */
  updated_at: time.nullable(),
});

/** Why one step of a file does not begin now. */
const waiting = z.object({
  /** `fetch`, `deliver`, `stream`, `recover`, `remove` or `evict`. */
  stage: z.string(),
  /** Empty where the step concerns no target. */
  target: z.string(),
  code: z.enum(WAIT_CODES),
  text: z.string(),
  since: time.nullable(),
  /** Null: when something changes. */
  until: time.nullable(),
});

export const file = z.object({
  /** Twelve hex digits. */
  id: z.string(),
  device: z.string(),
  path: z.string(),
  size: bytes,
  modified: time.nullable(),
  state: fileState,
  /** Whether its source still has it. */
  on_source: z.boolean(),
  /** Path of the local copy below the local root. */
  local: z.string(),
  /** Whether the local copy is there. */
  kept: z.boolean(),
  sha256: z.string(),
  description: z.string(),
  /** Why FAILED or SKIPPED, or why the last attempt failed. */
  reason: z.string(),
  targets: z.array(delivery),
  /** Attempts to fetch it that failed. */
  failed_attempts: count,
  found_at: time,
  fetched_at: time.nullable(),
  delivered_at: time.nullable(),
  removed_at: time.nullable(),
  updated_at: time,
  waiting: z.array(waiting),
});

export const page = z.object({
  files: z.array(file),
  /** Matching files in all. */
  total: count,
  /** For the next page; null after the last one. */
  cursor: z.string().nullable(),
});

const device = z.object({
  name: z.string(),
  type: z.string(),
  available: z.boolean(),
  armed: z.boolean(),
  reason: z.string(),
  /** Since when it has been available or offline, armed or disarmed. */
  since: time.nullable(),
});

const transfer = z.object({
  id: z.string(),
  device: z.string(),
  path: z.string(),
  /** Of an upload; empty for a download. */
  target: z.string(),
  bytes,
  size: bytes,
  /** 0 to 100. */
  percent: z.number(),
  bytes_per_second: z.number(),
  seconds_left: z.number().nullable(),
});

/** Unfinished files that wait for the same. */
const waitingGroup = z.object({
  /** What it is that makes them wait. */
  device: z.string(),
  stage: z.string(),
  code: z.enum(WAIT_CODES),
  text: z.string(),
  since: time.nullable(),
  until: time.nullable(),
  files: count,
  bytes,
});

const verdict = z.object({
  /** SAFE: all is delivered. WAIT: something is under way or waits. ATTENTION: a person has to act. */
  code: z.enum(['SAFE', 'WAIT', 'ATTENTION']),
  text: z.string(),
  seconds_left: z.number().nullable(),
});

export const status = z.object({
  version: z.string(),
  /** Whether a daemon has the database open; without one, devices are not known. */
  running: z.boolean(),
  running_since: time.nullable(),
  paused: z.boolean(),
  verdict,
  devices: z.array(device),
  /** Why changes cannot be written to the database now: all work waits for it. Empty while they can. */
  database: z.string(),
  /** Why the configuration was not reloaded: the earlier one is in use. Empty while the file's is. */
  configuration: z.string(),
  /** Number of files by state; states without files are left out. */
  counts: z.partialRecord(fileState, count),
  transfers: z.array(transfer),
  waiting: z.array(waitingGroup),
  /** Of the file system with the local copies; null where it cannot be measured. */
  disk: z.object({ free: bytes, total: bytes }).nullable(),
});

/** The result of an edit; each file is either changed or refused with a reason. */
export const editResult = z.object({
  changed: z.array(z.string()),
  refused: z.array(z.object({ id: z.string(), reason: z.string() })),
});

/** What a command with `--json` prints where it fails; the exit code says of which kind the error is. */
export const failure = z.object({ error: z.string() });

/** The answer to `POST /rescan`, `POST /push` and `PUT /paused`. */
export const action = z.object({ message: z.string() });

export const pausing = z.strictObject({ paused: z.boolean() });

/** What `GET /events` sends, each as one event (server-sent events) of that type. */
export const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('file'), file }),
  z.object({ type: z.literal('forgotten'), id: z.string() }),
  z.object({ type: z.literal('status'), status }),
]);

/** `all`: every file that the edit is meant for. */
export const selection = z.union([
  z.strictObject({ ids: z.array(z.string()).readonly() }),
  z.strictObject({ all: z.literal(true) }),
]);

/** Faults of at most so many files in one request. */
export const MAX_REPAIRS = 1000;

/** What `verify` has found: files whose local copies are missing or corrupt, and targets that do not have a file any more. */
export const repairs = z.strictObject({
  copies: z.array(z.string()).max(MAX_REPAIRS).readonly(),
  deliveries: z
    .array(z.strictObject({ id: z.string(), target: z.string(), reason: z.string().max(1000) }))
    .max(MAX_REPAIRS)
    .readonly(),
});

export const SORT_KEYS = ['found_at', 'updated_at', 'modified', 'size', 'path'] as const;
const instant = z.coerce.number();

/** All texts, as in the query of a URL. `since`, `until`: ms since the Unix epoch, of the time at which the file was found. */
export const fileQuery = z.strictObject({
  /** One of them, separated by commas. */
  state: z
    .string()
    .transform(text => text.split(','))
    .pipe(z.array(fileState))
    .optional(),
  device: z.string().optional(),
  /** A glob of the path. */
  match: z.string().optional(),
  since: instant.optional(),
  until: instant.optional(),
  /** Bytes. */
  larger: z.coerce.number().nonnegative().optional(),
  /** Descending with a leading `-`. */
  sort: z.enum([...SORT_KEYS, ...SORT_KEYS.map(key => `-${key}` as const)]).optional(),
  limit: z.coerce.number().int().positive().optional(),
  cursor: z.string().optional(),
  /** Files to leave out at the beginning; a cursor is better where files come and go. */
  offset: z.coerce.number().int().nonnegative().optional(),
  /** With the records of the archive. */
  archive: z.stringbool().optional(),
});

export type File = z.output<typeof file>;
export type FileQuery = Partial<z.output<typeof fileQuery>>;
export type FilePage = z.output<typeof page>;
export type Status = z.output<typeof status>;
export type Verdict = z.output<typeof verdict>;
export type WaitingGroup = z.output<typeof waitingGroup>;
export type TransferView = z.output<typeof transfer>;
export type Action = z.output<typeof action>;
export type ApiEvent = z.output<typeof event>;
export type EditResult = z.output<typeof editResult>;
export type Failure = z.output<typeof failure>;
export type Repairs = z.output<typeof repairs>;
export type Selection = z.output<typeof selection>;
