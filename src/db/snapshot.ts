import { Low, type Adapter } from 'lowdb';
import { dirname } from 'node:path';
import { FileSyncError } from '../errors.js';
import type { Disk, DiskFile } from './disk.js';
import { problemOf, SCHEMA, snapshot, type Snapshot } from './schema.js';

export const EMPTY: Snapshot = { schema: SCHEMA, seq: 0, records: [] };

/** Undefined if there is none. Rejects with `corrupt` if it is torn or foreign, `config` if a later version wrote it. */
export async function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const low = new Low(new SnapshotFile(disk, path), EMPTY);
  await low.read();
  return low.data === EMPTY ? undefined : low.data;
}

/**
 * Replaces the snapshot, whole or not at all. Takes its time, in small steps, so that other work goes on.
 * `beforeReplace` is awaited when the new one is safe under its temporary name; if it rejects, all stays as it was.
 */
export async function writeSnapshot(
  disk: Disk,
  path: string,
  content: Omit<Snapshot, 'schema'>,
  beforeReplace?: () => Promise<void>,
): Promise<void> {
  await new Low(new SnapshotFile(disk, path, beforeReplace), { schema: SCHEMA, ...content }).write();
}

/** Where a snapshot is written before it takes its place. */
export const temporaryPath = (path: string) => `${path}.tmp`;

/** Characters that are turned into JSON in one go: about a millisecond's work. */
const SLICE = 64 * 1024;
/** Bytes between syncs. With more at once, a sync of the journal would have to wait for all of them. */
const SYNC_EVERY = 256 * 1024;

/** lowdb's way to the file. */
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
    const bytes = await this.#disk.read(this.#path);
    return bytes ? decode(bytes, this.#path) : null;
  }

  async write(content: Snapshot): Promise<void> {
    const temporary = temporaryPath(this.#path);
    try {
      await this.#writeTo(temporary, content);
      await this.#beforeReplace?.();
      await this.#disk.rename(temporary, this.#path);
    } catch (error) {
      await this.#disk.remove(temporary).catch(() => undefined);
      throw error;
    }
    await this.#disk.syncFolder(dirname(this.#path));
  }

  async #writeTo(path: string, content: Snapshot): Promise<void> {
    const file = await this.#disk.open(path);
    try {
      await file.truncate(0);
      await writeSlices(file, encode(content));
    } finally {
      await file.close();
    }
  }
}

async function writeSlices(file: DiskFile, slices: Iterable<string>): Promise<void> {
  let position = 0;
  let synced = 0;
  for (const slice of slices) {
    const bytes = Buffer.from(slice);
    await file.write(bytes, position);
    position += bytes.length;
    if (position - synced < SYNC_EVERY) continue;
    await file.sync();
    synced = position;
  }
  await file.sync();
}

/** JSON with one record a line. */
function* encode({ schema, seq, records }: Snapshot): Generator<string> {
  let slice = `{"schema":${schema},"seq":${seq},"records":[`;
  let separator = '\n';
  for (const record of records) {
    slice += separator + JSON.stringify(record);
    separator = ',\n';
    if (slice.length < SLICE) continue;
    yield slice;
    slice = '';
  }
  yield `${slice}\n]}\n`;
}

function decode(bytes: Buffer, path: string): Snapshot {
  const content = parse(bytes, path);
  const schema = schemaOf(content);
  if (schema > SCHEMA) throw tooNew(path, schema);
  const problem = problemOf(snapshot, content);
  if (problem !== undefined) throw corrupt(path, problem);
  return content as Snapshot;
}

function parse(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw corrupt(path, error instanceof Error ? error.message : String(error));
  }
}

function schemaOf(content: unknown): number {
  const named = typeof content === 'object' && content !== null && 'schema' in content;
  return named && typeof content.schema === 'number' ? content.schema : 0;
}

function corrupt(path: string, why: string): FileSyncError {
  return new FileSyncError('corrupt', why, { operation: 'read', path });
}

function tooNew(path: string, schema: number): FileSyncError {
  const versions = `schema ${schema}, this one knows ${SCHEMA}`;
  const message = `a later version of filesync wrote the database ${path} (${versions}): upgrade filesync; nothing was changed`;
  return new FileSyncError('config', message, { operation: 'read', path });
}
