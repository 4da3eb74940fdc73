import * as z from 'zod';
import { FileState } from '../ports.js';
import { WAIT_CODES } from '../record/wait.js';
import { linkFigures } from './schema-live.js';

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

/** What a file says about itself (docs/FACTS.md); what it does not say is absent. Spans in seconds. */
export const factsView = z.object({
  format: z.enum(['ulog', 'ardupilot', 'mcap', 'rosbag2', 'jpeg', 'tiff']),
  /** When it begins, or the picture was taken. */
  start: time.optional(),
  duration: z.number().nonnegative().optional(),
  vehicle: z.string().optional(),
  firmware: z.string().optional(),
  hardware: z.string().optional(),
  airframe: z.string().optional(),
  /** Logged messages of that severity. */
  errors: count.optional(),
  warnings: count.optional(),
  /** How often the logger lost data, and for how long in all. */
  dropouts: count.optional(),
  dropout_duration: z.number().nonnegative().optional(),
  /** It ends within a message. */
  truncated: z.literal(true).optional(),
  /** PX4 has added data to it after a crash. */
  appended: z.literal(true).optional(),
  profile: z.string().optional(),
  topics: count.optional(),
  messages: count.optional(),
  camera: z.string().optional(),
  radiometric: z.boolean().optional(),
  /** The first one: degrees, and metres above mean sea level. */
  position: z
    .object({ latitude: z.number(), longitude: z.number(), altitude: z.number().optional() })
    .optional(),
  /** Only its ends were read. */
  ends_only: z.literal(true).optional(),
  /** Why something is missing. */
  note: z.string().optional(),
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
  /** Null until it has been read, and for a format that is not read. */
  facts: factsView.nullable(),
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
  /** The latest figures of its link; null where none was measured in the last hour. */
  link: linkFigures.nullable(),
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
  /**
   * SAFE: every wanted file is on its targets, or safe in local storage. WAIT: a source has the only copy of a file, or is not
   * completely listed yet. ATTENTION: a person has to act.
   */
  code: z.enum(['SAFE', 'WAIT', 'ATTENTION']),
  /** One line: why, and what may be switched off. */
  text: z.string(),
  /** At the measured rate, until no source has the only copy of a file; null if that is not known. */
  seconds_left: z.number().nonnegative().nullable(),
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
  /** Why the web page is not served, although the configuration asks for it. Empty otherwise. */
  web: z.string(),
  /** Notifications that do not arrive: the entry of `notify` with its receiver, why, and since when. */
  notifications: z.array(z.object({ to: z.string(), reason: z.string(), since: time })),
  /** Number of files by state; states without files are left out. */
  counts: z.partialRecord(fileState, count),
  /** Of the unfinished files those that go together (`together` of their rule), and how many bags, folders or pairs that are. */
  units: z.array(z.object({ kind: z.enum(['bag', 'folder', 'pair']), units: count, files: count })),
  transfers: z.array(transfer),
  waiting: z.array(waitingGroup),
  /** Of the file system with the local copies; null where it cannot be measured. */
  disk: z.object({ free: bytes, total: bytes }).nullable(),
});

export const FLIGHT_STATES = {
  complete: 'COMPLETE',
  'under way': 'UNDER_WAY',
  failed: 'FAILED',
  incomplete: 'INCOMPLETE',
} as const;

/** What one target has of a flight. */
const share = z.object({
  target: z.string(),
  /** Files that it has. */
  done: count,
  /** Files that are meant for it. */
  files: count,
  /** Web addresses of the files there, those of logs first; the first twenty. */
  links: z.array(z.string()),
});

/** Files of a flight that are not delivered, for the same reason. */
const missing = z.object({
  state: fileState,
  /** What they wait for, or where they failed: a target, or their source. */
  device: z.string(),
  /** Empty where they wait for nothing that is known. */
  code: z.enum(['', ...WAIT_CODES]),
  /** Why; empty if it is not known. */
  text: z.string(),
  since: time.nullable(),
  /** Null: when something changes. */
  until: time.nullable(),
  files: count,
  bytes,
});

/** Files that belong together, such as a log and the pictures that were taken meanwhile. */
export const flight = z.object({
  /** That of the file which was found first. */
  id: z.string(),
  /** UNDER_WAY: something is to be fetched or delivered. INCOMPLETE: nothing is, and files were skipped or have vanished. */
  state: z.enum(Object.values(FLIGHT_STATES)),
  /** By what its logs say of themselves; empty if they do not. */
  vehicle: z.string(),
  /** The sources of its files. */
  devices: z.array(z.string()),
  /** Null where no file has a time. */
  started_at: time.nullable(),
  duration_seconds: z.number().nonnegative().nullable(),
  /** When the first of its files was found. */
  found_at: time,
  files: count,
  bytes,
  /** The first thousand, in the order of their time. */
  ids: z.array(z.string()),
  delivered: z.array(share),
  missing: z.array(missing),
});

export const flightPage = z.object({
  flights: z.array(flight),
  /** Matching flights in all. */
  total: count,
  /** For the next page; null after the last one. */
  cursor: z.string().nullable(),
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
/** ms since the Unix epoch, or RFC 3339; a plus sign that was not encoded has become a space. */
const instant = z.union([
  z.coerce.number(),
  z
    .string()
    .transform(text => text.replace(' ', '+'))
    .pipe(z.iso.datetime({ offset: true }))
    .transform(text => Date.parse(text)),
]);

/** All texts, as in the query of a URL. `since`, `until`: the time at which the file was found. */
export const fileQuery = z.strictObject({
  /** One of them, separated by commas. */
  state: z
    .string()
    .transform(text => text.split(','))
    .pipe(z.array(fileState))
    .optional(),
  device: z.string().optional(),
  /** A part of the path, in upper or lower case. */
  text: z.string().max(1000).optional(),
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

/** All texts, as in the query of a URL. */
export const flightQuery = z.strictObject({
  /** Flights that ended then or later. */
  since: instant.optional(),
  /** What the logs name, or the beginning of it; or a source. */
  vehicle: z.string().optional(),
  limit: z.coerce.number().int().positive().optional(),
  cursor: z.string().optional(),
  offset: z.coerce.number().int().nonnegative().optional(),
  /** With the files of the archive. */
  archive: z.stringbool().optional(),
});

export type File = z.output<typeof file>;
export type FileQuery = Partial<z.output<typeof fileQuery>>;
export type FilePage = z.output<typeof page>;
export type FlightView = z.output<typeof flight>;
export type FlightPage = z.output<typeof flightPage>;
export type FlightQuery = Partial<z.output<typeof flightQuery>>;
export type Status = z.output<typeof status>;
export type Verdict = z.output<typeof verdict>;
export type WaitingGroup = z.output<typeof waitingGroup>;
export type TransferView = z.output<typeof transfer>;
export type Action = z.output<typeof action>;
export type EditResult = z.output<typeof editResult>;
export type Failure = z.output<typeof failure>;
export type Repairs = z.output<typeof repairs>;
export type Selection = z.output<typeof selection>;
