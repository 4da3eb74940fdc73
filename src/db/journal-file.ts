import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.js';
import type { DatabasePaths } from './paths.js';

/**
 * Written after the last line whenever the file must grow. Overwriting it changes neither the file's size nor its blocks, so that a
 * sync is one write without a commit of the file system; and some changes can still be recorded when the disk is full.
 */
const PADDING = Buffer.alloc(128 * 1024, ' ');

/** The state of `oldJournal`: absent, a closed part of the journal, or (a rotation failed halfway) the open file. */
type OldJournal = 'none' | 'closed' | 'open';

/** The journal as found on disk. */
export interface JournalState {
  /** Bytes of whole lines. */
  readonly size: number;
  /** Bytes of an incomplete line after them. */
  readonly torn: number;
  /** Bytes of the file. */
  readonly allocated: number;
  /** A compaction has left `oldJournal`. */
  readonly hasOld: boolean;
}

/** The journal's file, opened for appending. `append` and `rotate` must not overlap. */
export class JournalFile {
  readonly #disk: Disk;
  readonly #paths: DatabasePaths;
  #file: DiskFile;
  #size: number;
  /** Bytes of the file, padding included. */
  #allocated: number;
  /** After `#size` there may be bytes of a write that failed. */
  #dirty: boolean;
  #old: OldJournal;

  private constructor(disk: Disk, paths: DatabasePaths, file: DiskFile, found: JournalState) {
    this.#disk = disk;
    this.#paths = paths;
    this.#file = file;
    this.#size = found.size;
    this.#allocated = found.allocated;
    this.#dirty = found.torn > 0;
    this.#old = found.hasOld ? 'closed' : 'none';
  }

  /** Opens the file to append to what was found. */
  static async open(disk: Disk, paths: DatabasePaths, found: JournalState): Promise<JournalFile> {
    const file = await disk.open(paths.journal);
    const journal = new JournalFile(disk, paths, file, found);
    try {
      await journal.#clean();
      await disk.syncFolder(dirname(paths.journal));
      return journal;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves when the bytes are on the medium. If it rejects, none of them is in the file, as far as it can be restored. */
  async append(bytes: Uint8Array): Promise<void> {
    await this.#clean();
    this.#dirty = true;
    const end = this.#size + bytes.length;
    const fits = end <= this.#allocated;
    try {
      await this.#file.write(fits ? bytes : Buffer.concat([bytes, PADDING]), this.#size);
      await this.#file.sync();
    } catch (error) {
      await this.#clean().catch(() => undefined);
      throw error;
    }
    this.#size = end;
    if (!fits) this.#allocated = end + PADDING.length;
    this.#dirty = false;
  }

  /** Renames the journal to `oldJournal` and begins a new file; does nothing while there is an old one. */
  async rotate(): Promise<void> {
    if (this.#old === 'closed') return;
    await this.#clean();
    if (this.#old === 'none') await this.#disk.rename(this.#paths.journal, this.#paths.oldJournal);
    this.#old = 'open';
    const next = await this.#openNext();
    const previous = this.#file;
    this.#file = next;
    this.#size = 0;
    this.#allocated = 0;
    this.#old = 'closed';
    await previous.close();
  }

  /** To be called when a new snapshot holds all of `oldJournal` and the one before has become the backup. */
  async retireOld(): Promise<void> {
    await this.#disk.rename(this.#paths.oldJournal, this.#paths.backupJournal);
    this.#old = 'none';
    await this.#disk.syncFolder(dirname(this.#paths.journal));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #clean(): Promise<void> {
    if (!this.#dirty) return;
    await this.#file.truncate(this.#size);
    this.#allocated = this.#size;
    await this.#file.sync();
    this.#dirty = false;
  }

  /**
   * Both names must be durable before a change goes to the new file, and the old one's before there is a new file: a power cut may
   * keep the second name alone, and all changes of the old file would have none.
   */
  async #openNext(): Promise<DiskFile> {
    const folder = dirname(this.#paths.journal);
    await this.#disk.syncFolder(folder);
    const next = await this.#disk.open(this.#paths.journal);
    try {
      await this.#disk.syncFolder(folder);
      return next;
    } catch (error) {
      await next.close();
      throw error;
    }
  }
}
