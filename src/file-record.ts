// The facts about a file, as the database holds them.

import type { FileFacts } from './file-facts.js';

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
  /** No further attempt is made; `reason` says why, and a retry starts it again. */
  FAILED: 12,
  /** Gone from the source before it was fetched. */
  VANISHED: 13,
  /** Listed; its bytes are not wanted now, and `skipped` names the rule key that says so. */
  SKIPPED: 14,
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

/** The delivery of one file to one target. */
export interface Delivery {
  /**
   * `sending`: begun. `committing`: the target may have the file. Where the target cannot be asked (`stat`), both are on disk
   * before the act: after a crash, a delivery that is still `sending` is certainly not complete. Where it can be asked, the
   * `path` is on disk before the file can become visible there, and after a crash the target is asked.
   */
  readonly state: 'pending' | 'sending' | 'committing' | 'done' | 'failed';
  /** Name on the target, once it has been chosen. */
  readonly path?: string;
  /** An attempt may have left something on the target: it is asked before anything is sent. */
  readonly tried?: true;
  /** Where it can be found: a URL where the target returns one. */
  readonly location?: string;
  readonly verified?: Verification;
  /** Why the last attempt failed, and how many attempts did. */
  readonly reason?: string;
  readonly failures?: number;
  /** When it was done, or last failed, ms since the Unix epoch. */
  readonly at?: number;
}

/** The proof that the target has our bytes: their hash, their number, or only the target's reply. */
export type Verification = 'hash' | 'size' | 'reply';

/** The local copy of a file. `fetching` and `partial`: unfinished, with a checkpoint of the trusted bytes. */
export type LocalCopy =
  | { readonly state: 'none' | 'whole' | 'evicted' }
  | { readonly state: 'fetching' | 'partial'; readonly checkpoint?: Checkpoint };

/** Whether the source still has the file: `gone` (a complete listing did not show it) or `removed` (by us, after delivery). */
export interface Presence {
  readonly state: 'present' | 'gone' | 'removed';
}

/** A point in time whose age can be computed although the wall clock may jump. */
export interface Moment {
  /** Wall clock, ms since the Unix epoch. */
  readonly at: number;
  /** The kernel's boot, as `Clock.boot`. */
  readonly boot: string;
  /** Monotonic ms of that boot. */
  readonly up: number;
  /** The wall clock was known to be right. */
  readonly synced: boolean;
}

/**
 * The facts about one file in the database. Its state, what is done next and why it waits are derived from them. Immutable;
 * `apply` of record/record.ts alone makes the next one.
 */
export interface FileRecord extends SourceFile {
  /** Twelve hex digits. */
  readonly id: string;
  readonly device: string;
  /** Counts files of the same path, size, time and checksum: one that appears after the earlier one was gone is another file. */
  readonly generation?: number;
  readonly source: Presence;
  /** Relative to the local root; chosen when the file is found. */
  readonly local: string;
  readonly copy: LocalCopy;
  /** Of the whole file, hex, once all of it has come from the source. */
  readonly sha256?: string;
  /** The source's own checksum of the bytes that have that hash. */
  readonly proof?: Checksum;
  /** `stream`: the file goes straight from its source to each target, and no local copy is made. */
  readonly via?: 'stream';
  readonly description: string;
  /** By target device name, in the rule's order. */
  readonly targets: Readonly<Record<string, Delivery>>;
  /** To targets that rules or a person took out, and may name again. */
  readonly former?: Readonly<Record<string, Delivery>>;
  /** A person has chosen the targets; rules do not change them. */
  readonly byHand?: true;
  /** Why its bytes are not wanted now; begins with the key of the rule. */
  readonly skipped?: string;
  /** A person asked for the bytes, whatever the rule's selection says. */
  readonly asked?: true;
  /** Moved to the front of the queues by a person; of two, the higher one goes first. */
  readonly first?: number;
  /** It was on the source when that was scanned for the first time. */
  readonly atFirstScan?: true;
  /** A person asked for the local copy of a delivered file again, which was lost. */
  readonly restore?: true;
  /** A person does not need the local copy: it is deleted, while every target has the file. */
  readonly evict?: true;
  /** The record of an earlier file that may be the same: contents are compared before anything is sent. */
  readonly like?: string;
  /** How many local copies were lost or corrupt: an upload from one of them is not resumed from another. */
  readonly lost?: number;
  /** How often the bytes that arrived did not have the source's checksum. */
  readonly mismatches?: number;
  /** No further fetch is attempted, after a failure or by a person's request: FAILED. */
  readonly givenUp?: true;
  /** The source's file cannot be removed, whatever the rule says; attempted again after a restart. */
  readonly removal?: 'refused';
  /** Why FAILED, or why the last attempt failed, and how many attempts to fetch it did. */
  readonly reason?: string;
  readonly failures?: number;
  /** What the file says about itself, once its contents have been read. */
  readonly facts?: FileFacts;
  /** When its local copy was whole, and when it was removed from its source: ms since the Unix epoch. */
  readonly fetchedAt?: number;
  readonly removedAt?: number;
  /** When the last target got it. */
  readonly delivered?: Moment;
  /** ms since the Unix epoch. */
  readonly foundAt: number;
  readonly updatedAt: number;
}

/** What is known of a source as a whole; of the notifications (their `device` is `notify:`), what they have `told`, as JSON. */
export interface SourceRecord {
  readonly device: string;
  /** When it was first scanned completely, ms since the Unix epoch. */
  readonly scannedAt: number;
  /** The volume that was last seen there, where the source can name it. */
  readonly volume?: string;
  readonly told?: string;
}

/**
 * The trusted bytes of a `.part` file: all of them while `boot` is the kernel's boot id, else the bytes that were synced.
 */
export interface Checkpoint {
  readonly boot: string;
  readonly synced: number;
}
