import type { Observable } from 'rxjs';

// ---- what a file is -------------------------------------------------------------------------------------

/** States of a file. The numbers are part of the outer contract (database, messages, services). */
export const FileState = {
  FOUND: 0,
  DOWNLOADED: 1,
  /** Every target of its rule has it. */
  UPLOADED: 2,
  /** Deleted from the source after delivery. */
  REMOVED: 3,
  /** Some targets have it, others still wait. */
  PARTIAL: 4,
  DOWNLOADING: 10,
  UPLOADING: 11,
  /** Gave up; `reason` says why, and a retry brings it back. */
  FAILED: 12,
  /** Gone from the source before we had it. */
  VANISHED: 13,
} as const;
export type FileState = (typeof FileState)[keyof typeof FileState];

/**
 * `crc32-mavlink`: polynomial 0xEDB88320, start 0, no final XOR (MAVLink FTP CalcFileCRC32).
 * `value` is lower-case hex, most significant byte first, in full width.
 */
export type ChecksumAlgorithm = 'crc32-mavlink' | 'md5' | 'sha256';
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** A file as its source lists it. Device, path, size, time and checksum together are its identity. */
export interface SourceFile {
  /** Relative to the device's root, parts joined by `/`, as the source names it (unchecked, may be hostile). */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Last change, ms since the Unix epoch, where the source knows it and it is stable between listings. */
  readonly modified?: number;
  readonly checksum?: Checksum;
}

/** How far one target has got with one file. */
export interface Delivery {
  /**
   * `sending`: begun. `committing`: the target may have it, we do not know yet. Where the target cannot be asked
   * (`stat`), both are on disk before the act that they announce, so that a crash leaves the truth behind: what is still
   * `sending` is certainly not complete. Where it can, `sending` with its `path` is on disk before the file can become
   * visible there, and after a crash the target is asked; `committing` is only noted of a stream, with its hash.
   */
  readonly state: 'pending' | 'sending' | 'committing' | 'done' | 'failed';
  /** Name on the target, once it has been chosen. */
  readonly path?: string;
  /** Where it can be found: a URL where the target gives one. */
  readonly location?: string;
  readonly verified?: Verification;
  /** Why it failed, or why it waits. */
  readonly reason?: string;
}

/** What proved that the target holds our bytes: a hash of them, their number, or only the target's own word. */
export type Verification = 'hash' | 'size' | 'reply';

/** One file in the database. Immutable: a change is a new object. */
export interface FileRecord extends SourceFile {
  /** Twelve hex digits, from the identity. */
  readonly id: string;
  readonly device: string;
  readonly state: FileState;
  /** Relative to the local root; chosen when the file is found and never changed. */
  readonly local: string;
  /** Of the whole file, hex, once all of it has come from the source. */
  readonly sha256?: string;
  /** What the source itself said of the bytes that have that hash. */
  readonly proof?: Checksum;
  /** `stream`: the file goes straight from its source to each target, and no local copy is ever made. */
  readonly via?: 'stream';
  /** Whether the local copy is still there. */
  readonly kept?: boolean;
  readonly description: string;
  /** By target device name, in the rule's order. */
  readonly targets: Readonly<Record<string, Delivery>>;
  /** Why FAILED, or why the last try did not work. */
  readonly reason?: string;
  /** How far the partial download is certainly on disk. */
  readonly checkpoint?: Checkpoint;
  /** ms since the Unix epoch. */
  readonly foundAt: number;
  /** ms since the Unix epoch. */
  readonly updatedAt: number;
}

/** What of a `.part` file can be trusted: everything while the machine has not rebooted, else what was synced. */
export interface Checkpoint {
  /** The kernel's boot id when the bytes were written. */
  readonly boot: string;
  /** Bytes that fsync has confirmed. */
  readonly synced: number;
}

// ---- devices --------------------------------------------------------------------------------------------

/** Bytes in order. Ends normally only when the promised bytes have all been given; otherwise it throws. */
export type ByteStream = AsyncIterable<Uint8Array>;

export interface Availability {
  readonly available: boolean;
  /** One sentence for a person: how it is reached, or why it cannot be and what to do. */
  readonly reason: string;
  /** The vehicle behind the device is armed. */
  readonly armed: boolean;
  /** Not the device but the configuration is at fault (a port that is taken): a program that starts ends with that. */
  readonly misconfigured?: boolean;
}

export interface SourceCapabilities {
  /** Operations that it bears at once. */
  readonly connections: number;
  /** `read` may begin at an offset other than 0. */
  readonly resume: boolean;
  /** The algorithm that `checksum` answers in, if it can. */
  readonly checksum: ChecksumAlgorithm | false;
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
  /** Gives the latest value at once, then each change. Probing happens only while somebody subscribes. */
  readonly availability: Observable<Availability>;
  /**
   * Emits when something may have changed: a hint that a look is worth while. It may miss changes and tell of none: polling
   * remains the truth. Watching happens only while somebody subscribes, of what has been listed since then.
   */
  readonly changes?: Observable<void>;
  /**
   * Every regular file below the root. Throws if any part could not be listed: a short listing is never a success. `denied`
   * after some files says that a folder is closed to us, and the others have been listed.
   */
  list(signal: AbortSignal): AsyncIterable<SourceFile>;
  /**
   * A look that costs little, for sources where a whole listing is dear: what is new or other than the last listing said, as far
   * as it can be seen at small cost, and in any case each of the `unsettled` that is still there, all as they are now. It proves of no
   * other file that it is gone or unchanged, and a change may show only in the next whole listing. Undefined if only a whole
   * listing can tell: none was made since the last error, or something went away.
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
  /** Ends probing and frees everything; a second call does nothing. */
  close(): Promise<void>;
}

export interface TargetCapabilities {
  readonly connections: number;
  /** `write` may begin at the `partial` that `stat` reported. */
  readonly resume: boolean;
  /** `stat` can tell what is there. Without it, an upload whose answer was lost cannot be resolved. */
  readonly stat: boolean;
  /** The algorithm that `checksum` answers in, if it can. */
  readonly checksum: ChecksumAlgorithm | false;
  /** A file whose answer was lost may be sent again, at the risk of a double (only where `stat` is false). */
  readonly resend: boolean;
}

/** A file on its way to a target. */
export interface Outgoing {
  readonly source: SourceFile;
  readonly device: string;
  /** Sixteen hex digits that name these very bytes: a partial upload that carries another token is never continued. */
  readonly token: string;
  /** Hex, where it is known: before sending, or (of a stream) when all bytes have been given. */
  readonly sha256?: string | undefined;
  /**
   * Nobody remembers the hash of what a continued upload holds already: before the file is made visible, the target
   * compares all of it with `sha256`, by reading it back if there is no other way.
   */
  readonly readBack?: boolean;
  /** The rule's description, rendered. */
  readonly description: string;
  /** May be opened more than once. */
  open(offset: number): ByteStream;
  /**
   * A target that has no more need of a chunk of `open`, and has handed it to nobody who has, may give it back: its memory is
   * filled with other bytes.
   */
  giveBack?(chunk: Uint8Array): void;
  /** Fills a template of the device's own options (`{file.name}`, `{coex.KEY}`, `{description}` …). */
  render(template: string): string;
}

/** What the writer tells while it works. */
export interface WriteEvents {
  /** Bytes of the file that have been handed over so far, the offset included. */
  progress(bytes: number): void;
  /**
   * Awaited exactly once, before the first act after which the target could hold the whole file (the last bytes of
   * an HTTP body, the rename of a `.part`). Once it has resolved, an outcome that is not known is a lost answer.
   */
  committing(): Promise<void>;
}

/** What a target holds under a name. */
export interface TargetStat {
  /** Bytes of the finished file, if there is one. */
  readonly size?: number;
  /** Bytes of the unfinished upload with the asked token (0: none). */
  readonly partial: number;
}

export interface Receipt {
  /** Where the file can be found: an absolute URL where there is one, else the path. */
  readonly location: string;
  readonly verified: Verification;
}

/** Where files go. Errors and cancelling as for `Source`. Paths are relative to the device's root, joined by `/`. */
export interface Target {
  readonly capabilities: TargetCapabilities;
  readonly availability: Observable<Availability>;
  stat(path: string, token: string, signal: AbortSignal): Promise<TargetStat>;
  /** Of the finished file, computed from what the target holds now (by the target, or by reading it back). */
  checksum(path: string, signal: AbortSignal): Promise<Checksum>;
  /**
   * Sends `file` from `offset` on and makes it visible under `path` only when it is whole and verified; folders are
   * made as needed. Rejects with `exists` rather than replace a finished file.
   */
  write(
    file: Outgoing,
    path: string,
    offset: number,
    signal: AbortSignal,
    events: WriteEvents,
  ): Promise<Receipt>;
  close(): Promise<void>;
}

// ---- the engine's own needs -----------------------------------------------------------------------------

export interface Change {
  readonly id: string;
  /** Absent when the record was deleted. */
  readonly record?: FileRecord;
  readonly previous?: FileRecord;
}

/** The database of records. Reads see a change at once; a promise resolves when the change is safe on disk. */
export interface Store {
  get(id: string): FileRecord | undefined;
  /** All records, in the order in which they were found. */
  all(): Iterable<FileRecord>;
  /** Every record of one path on one device, oldest first. */
  versions(device: string, path: string): readonly FileRecord[];
  put(record: FileRecord): Promise<void>;
  delete(id: string): Promise<void>;
  /** Emits after the change is visible to reads. Ends when the store is closed. */
  readonly changes: Observable<Change>;
  /** Makes everything durable and lets go of the files; a second call does nothing. */
  close(): Promise<void>;
}

export interface Clock {
  /** Wall time, ms since the Unix epoch. */
  now(): number;
  /** Never goes back, ms. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with kind `cancelled` when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: LogLevel, message: string): void;
  /** A logger whose messages carry `name` in front. */
  child(name: string): Logger;
}
