import type { Observable } from 'rxjs';
import type {
  Checksum,
  ChecksumAlgorithm,
  FileRecord,
  SourceFile,
  SourceRecord,
  Verification,
} from './file-record.js';

export * from './file-record.js';

/** Bytes in order. Ends normally only after all promised bytes; otherwise it throws. */
export type ByteStream = AsyncIterable<Uint8Array>;

export interface Availability {
  readonly available: boolean;
  /** One sentence for a person: how the device is reached, or why it cannot be reached and what to do. */
  readonly reason: string;
  /** The vehicle behind the device is armed. */
  readonly armed: boolean;
  /** What the autopilot is called by its maker, unique among all; empty: it has no such name. Absent: not known (yet). */
  readonly uid?: string;
  /**
   * The configuration cannot work, and the program exits at its start. `temporarily`: it may work without a change to it, as
   * when a port is taken now, and a service goes on.
   */
  readonly misconfigured?: boolean | 'temporarily';
  /**
   * It may not be used: by a key of its configuration, because its start is spread, or because it has asked for a pause
   * (`slow_down`). It is not probed, and is available.
   */
  readonly closed?: {
    readonly code: 'hours' | 'over' | 'unmetered' | 'spread' | 'slow_down';
    readonly reason: string;
    /** Monotonic ms at which to ask again. */
    readonly until?: number;
    /** Running steps are interrupted too. */
    readonly interrupts?: true;
  };
}

/** What was measured of the requests to a device since it was last reported. */
export interface LinkMeasure {
  readonly answered: number;
  readonly lost: number;
  /** ms, the mean. */
  readonly roundTripMs: number;
}

export interface Capabilities {
  /** Operations in parallel. As many as `smallFiles` (a divisor of 16; default 1) count as one: they mostly wait for a disk. */
  readonly connections: number;
  readonly smallFiles?: number;
  /** The algorithm that `checksum` answers in, if it can. */
  readonly checksum: ChecksumAlgorithm | false;
}

export interface SourceCapabilities extends Capabilities {
  /** `read` may begin at an offset other than 0. */
  readonly resume: boolean;
  /**
   * `checksum` reads the file through the same kernel as `read` does: right after a download it would see the same cached
   * bytes, and prove nothing of the transfer.
   */
  readonly checksumRereads?: boolean;
  readonly remove: boolean;
}

/**
 * Where files come from. Every call rejects with a FileSyncError and, when `signal` aborts, promptly with kind
 * `cancelled`. What a capability denies rejects with `unsupported`.
 */
export interface Source {
  readonly capabilities: SourceCapabilities;
  /** Emits the latest value immediately, then each change. Probing happens only while there are subscribers. */
  readonly availability: Observable<Availability>;
  /**
   * Emits when something may have changed: a hint that a scan is useful. It may miss changes, so that polling is still needed.
   * Watching happens only while there are subscribers, of the files that were listed since then.
   */
  readonly changes?: Observable<void>;
  /**
   * Every regular file below the root. Throws if any part could not be listed: a short listing is never a success. `denied`
   * after some files means that a folder cannot be read, and the others have been listed.
   */
  list(signal: AbortSignal): AsyncIterable<SourceFile>;
  /**
   * A cheap listing, for sources where a full listing is expensive: files that are new or changed since the last listing, as far as
   * that is cheap to detect, and in any case each of the `unsettled` that still exists, all as they are now. It proves of no other
   * file that it is gone or unchanged, and some changes appear only in the next full listing. Undefined if a full listing is
   * needed: none was made since the last error, or something is gone.
   */
  listChanges?(unsettled: readonly string[], signal: AbortSignal): Promise<readonly SourceFile[] | undefined>;
  /**
   * The bytes from `offset` to `file.size`. Throws `changed` if the source's file is not of that size any more,
   * ends early or goes on, and if `offset` lies beyond the end; `not-found` if it is gone.
   */
  read(file: SourceFile, offset: number, signal: AbortSignal): ByteStream;
  /** Computed by the source over the file as it is now. */
  checksum(file: SourceFile, signal: AbortSignal): Promise<Checksum>;
  /** A file that is gone already is a success; one that is not of that size and time any more rejects with `changed`. */
  remove(file: SourceFile, signal: AbortSignal): Promise<void>;
  /**
   * Which of the paths a process of this machine has open for writing. Absent, or undefined: that cannot be seen here
   * (a device behind a protocol, a network drive, processes of other users).
   */
  writers?(paths: readonly string[], signal: AbortSignal): Promise<Writers>;
  /** Free space of the file system with the files; absent where the source cannot report it. */
  space?(signal: AbortSignal): Promise<Space>;
  /** Names the medium (a file system's UUID, a disk's serial number): another one means other files. */
  volume?(signal: AbortSignal): Promise<string | undefined>;
  /** Ends probing and frees everything; a second call does nothing. */
  close(): Promise<void>;
}

export interface Writers {
  readonly open: ReadonlySet<string>;
  /** All processes were checked: a path that is not in `open` is certainly open nowhere on this machine. */
  readonly complete: boolean;
}

/** Bytes. */
export interface Space {
  readonly free: number;
  readonly total: number;
}

export interface TargetCapabilities extends Capabilities {
  /** `write` may begin at the `partial` that `stat` reported. */
  readonly resume: boolean;
  /** `stat` reports what exists. Without it, an upload whose answer was lost cannot be resolved. */
  readonly stat: boolean;
  /** A file whose answer was lost may be sent again, at the risk of a duplicate (only where `stat` is false). */
  readonly resend: boolean;
}

/** A file on its way to a target. */
export interface Outgoing {
  readonly source: SourceFile;
  readonly device: string;
  /** Sixteen hex digits that name these very bytes: a partial upload with another token is never resumed. */
  readonly token: string;
  /** Hex, where it is known: before sending, or (of a stream) when all bytes have been read. */
  readonly sha256?: string | undefined;
  /**
   * The hash of the bytes that a resumed upload already has is unknown: before the file is made visible, the target compares all of
   * it with `sha256`, by reading it back if necessary.
   */
  readonly readBack?: boolean;
  /** The rule's description, rendered. */
  readonly description: string;
  /** May be opened more than once. */
  open(offset: number): ByteStream;
  /** A target that holds the last reference to a chunk of `open` may give it back: its memory is reused. */
  giveBack?(chunk: Uint8Array): void;
  /** Fills a template of the device's own options (`{file.name}`, `{coex.KEY}`, `{description}` …). */
  render(template: string): string;
}

/** The events of a running write. */
export interface WriteEvents {
  /** Bytes of the file that have been sent so far, the offset included. */
  progress(bytes: number): void;
  /**
   * Awaited exactly once, before the first act after which the target could hold the whole file (the last bytes of
   * an HTTP body, the rename of a `.part`). Once it has resolved, an outcome that is not known is a lost answer.
   */
  committing(): Promise<void>;
}

/** What a target has under a name. */
export interface TargetStat {
  /** Bytes of the finished file, if there is one. */
  readonly size?: number;
  /** Bytes of the unfinished upload with the asked token (0: none). */
  readonly partial: number;
}

export interface Receipt {
  /** The location of the file: an absolute URL if there is one, else the path. */
  readonly location: string;
  readonly verified: Verification;
}

/** Where files go. Errors and cancelling as for `Source`. Paths are relative to the device's root, joined by `/`. */
export interface Target {
  readonly capabilities: TargetCapabilities;
  readonly availability: Observable<Availability>;
  stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat>;
  /** Of the finished file, computed from the bytes that the target has now (by the target, or by reading it back). */
  checksum(path: string, signal: AbortSignal): Promise<Checksum>;
  /**
   * Sends `file` from `offset` on and makes it visible under `path` only when it is whole and verified; folders are
   * made as needed. Never replaces a finished file: rejects with `exists`.
   */
  write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt>;
  /** Which names it needs for that path, where the rule leaves that to the target. Absent: `as-is`. */
  names?(path: string, signal: AbortSignal): Promise<'as-is' | 'portable'>;
  /** Whether it refuses a small file of its own in whose name something is odd as in `path`, and takes one of a plain name. */
  refusesName?(path: string, signal: AbortSignal): Promise<boolean>;
  /** Writes, renames and removes a file of its own; rejects as `probeByWriting` does. Absent where it would leave something. */
  probe?(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface Change {
  readonly id: string;
  /** Absent when the record was deleted. */
  readonly record?: FileRecord;
  readonly previous?: FileRecord;
}

/** The database. Reads see a change at once; a promise resolves when it is safe on disk. Only record/records.ts writes. */
export interface Store {
  get(id: string): FileRecord | undefined;
  /** All records, in the order in which they were found. */
  all(): Iterable<FileRecord>;
  /** Every record of one path on one device, oldest first. */
  versions(device: string, path: string): readonly FileRecord[];
  put(record: FileRecord): Promise<void>;
  /** As `put`, but delayed until the record's next `put`, until `close`, or, with `soon`, by a second. A crash loses it. */
  note(record: FileRecord, soon?: 'soon'): void;
  delete(id: string): Promise<void>;
  /** Moves records out of memory to the archive of the database. Safe on disk when it resolves. */
  archive(ids: readonly string[]): Promise<void>;
  /** Archived records, oldest first, read from disk one by one. */
  archived(): AsyncIterable<FileRecord>;
  /** Bytes of the archive: increases with every record that is archived. */
  archiveSize(): Promise<number>;
  source(device: string): SourceRecord | undefined;
  putSource(source: SourceRecord): Promise<void>;
  /** Why changes cannot be written to disk now, or what was read is damaged: one sentence for a person. */
  readonly problem?: string | undefined;
  /** Emits after the change is visible to reads. Ends when the store is closed. */
  readonly changes: Observable<Change>;
  /** Makes everything durable and closes the files; a second call does nothing. */
  close(): Promise<void>;
}

export interface Clock {
  /** Wall time, ms since the Unix epoch. */
  now(): number;
  /** ms since the machine's boot: never goes back, and goes on across restarts of the program. */
  monotonic(): number;
  /** Names the machine's boot. */
  readonly boot: string;
  /** Whether the wall clock is known to be right (set by a network, a GPS or a battery-backed clock). */
  readonly synchronised: boolean;
  /** Resolves after `ms`; rejects with kind `cancelled` when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: LogLevel, message: string): void;
  /** Whether messages of that level are written. Absent: all of them are. */
  isEnabled?(level: LogLevel): boolean;
  /** A logger whose messages begin with `name`. */
  child(name: string): Logger;
}
