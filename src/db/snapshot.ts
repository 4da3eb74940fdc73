import { Low, type Adapter } from 'lowdb';
import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.js';
import { SCHEMA } from './schema.js';
import { emptySnapshot, encodeSnapshot, type Snapshot } from './snapshot-format.js';
import { parseSnapshot } from './snapshot-parser.js';

/** Undefined if there is none. Rejects with `corrupt` if it is torn or foreign, `config` if a later version wrote it. */
export async function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const nothing = emptySnapshot();
  const low = new Low(new SnapshotFile(disk, path), nothing);
  await low.read();
  return low.data === nothing ? undefined : low.data;
}

/**
 * Replaces the snapshot atomically, in small steps, so that the event loop is not blocked. `beforeReplace` is awaited when the new
 * one is durable under its temporary name; if it rejects, nothing is changed.
 */
export async function writeSnapshot(
  disk: Disk,
  path: string,
  content: Omit<Snapshot, 'schema'>,
  beforeReplace?: () => Promise<void>,
): Promise<void> {
  await new Low(new SnapshotFile(disk, path, beforeReplace), { ...content, schema: SCHEMA }).write();
}

/** The path at which a snapshot is written before it replaces the old one. */
export const temporaryPath = (path: string) => `${path}.tmp`;

/** With larger intervals, a sync of the journal would have to wait for more of the snapshot. */
const SYNC_INTERVAL_BYTES = 256 * 1024;

/** The file adapter of lowdb. */
class SnapshotFile implements Adapter<Snapshot> {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #beforeReplace: (() => Promise<void>) | undefined;

  constructor(disk: Disk, path: string, beforeReplace?: () => Promise<void>) {
    this.#disk = disk;
    this.#path = path;
    this.#beforeReplace = beforeReplace;
  }

  async read(): Promise<Snapshot | null> {
    const file = await this.#disk.openToRead(this.#path);
    if (!file) return null;
    try {
      return await parseSnapshot(file, this.#path);
    } finally {
      await file.close();
    }
  }

  async write(snapshot: Snapshot): Promise<void> {
    const temporary = temporaryPath(this.#path);
    try {
      await this.#writeTo(temporary, snapshot);
      await this.#beforeReplace?.();
      await this.#disk.rename(temporary, this.#path);
    } catch (error) {
      await this.#disk.remove(temporary).catch(() => undefined);
      throw error;
    }
    await this.#disk.syncFolder(dirname(this.#path));
  }

  async #writeTo(path: string, snapshot: Snapshot): Promise<void> {
    const file = await this.#disk.open(path);
    try {
      await file.truncate(0);
      await writeSlices(file, encodeSnapshot(snapshot));
    } finally {
      await file.close();
    }
  }
}

async function writeSlices(file: DiskFile, slices: Iterable<Buffer>): Promise<void> {
  let position = 0;
  let synced = 0;
  for (const slice of slices) {
    await file.write(slice, position);
    position += slice.length;
    if (position - synced < SYNC_INTERVAL_BYTES) continue;
    await file.sync();
    synced = position;
  }
  await file.sync();
}
