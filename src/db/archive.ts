import { dirname } from 'node:path';
import { toFileSyncError } from '../errors.js';
import type { FileRecord, Logger } from '../ports.js';
import type { Disk, DiskFile, DiskReader } from './disk.js';
import { lengthOfLines, linesOf } from './lines.js';
import { fileRecord, problemOf } from './schema.js';

/** The beginning of a line. */
const ID = /^\{ ?"id": ?"([0-9a-f]{12})"/;
const ID_LENGTH = '{ "id": "0123456789ab"'.length;
/** A power cut leaves zeros in place of bytes that were not written yet. */
const HOLE = 0x00;
const OPENING_BRACE = 0x7b;

/**
 * Records that were moved out of the database: a file that only grows, one record a line, as JSON that begins with its id.
 * It is read only on request, never at the start. A record may have several lines: the last one counts.
 */
export class Archive {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #logger: Logger;
  #size: number | undefined;

  constructor(disk: Disk, path: string, logger: Logger) {
    this.#disk = disk;
    this.#path = path;
    this.#logger = logger;
  }

  /**
   * Resolves when the records are on the medium; if it rejects, none of them is in the file, as far as it can be restored. They are
   * written in one call. Calls must not overlap.
   */
  async append(records: readonly FileRecord[]): Promise<void> {
    const file = await this.#disk.open(this.#path);
    try {
      const size = await appendTo(file, records);
      await this.#disk.syncFolder(dirname(this.#path));
      this.#size = size;
    } finally {
      await file.close();
    }
  }

  /** Bytes of its lines: increases with every record. Where they cannot be read, that is logged, and 0 returned. */
  async size(): Promise<number> {
    return (this.#size ??= await this.#measure());
  }

  async #measure(): Promise<number> {
    try {
      const file = await this.#disk.openToRead(this.#path);
      return file ? await lengthOfLines(file).finally(() => file.close()) : 0;
    } catch (thrown) {
      const { message } = toFileSyncError(thrown);
      this.#logger.log('warn', `the archive ${this.#path} cannot be read: ${message}`);
      return 0;
    }
  }

  /** The records, oldest first, without those that `isLive` reports as still in the database. */
  async *records(isLive: (id: string) => boolean): AsyncGenerator<FileRecord> {
    const file = await this.#disk.openToRead(this.#path);
    if (!file) return;
    try {
      const unreadable = yield* latestRecords(file, isLive);
      if (unreadable > 0) this.#logger.log('warn', unreadableMessage(this.#path, unreadable));
    } finally {
      await file.close();
    }
  }
}

function unreadableMessage(path: string, lines: number): string {
  return `${lines} lines of the archive ${path} cannot be read and were left out: restore them from a backup, or remove them`;
}

/** Returns the bytes of all lines. */
async function appendTo(file: DiskFile, records: readonly FileRecord[]): Promise<number> {
  const start = await lengthOfLines(file);
  if (start < (await file.size())) await cut(file, start);
  const lines = records.map(record => `${JSON.stringify(Object.assign({ id: record.id }, record))}\n`);
  const bytes = Buffer.from(lines.join(''));
  try {
    await file.write(bytes, start);
    await file.sync();
    return start + bytes.length;
  } catch (error) {
    await cut(file, start).catch(() => undefined);
    throw error;
  }
}

/** Removes an unfinished line, durably, before anything is written in its place. */
async function cut(file: DiskFile, size: number): Promise<void> {
  await file.truncate(size);
  await file.sync();
}

/** The last line of each record that is not live. Returns how many other lines cannot be read. */
async function* latestRecords(
  file: DiskReader,
  isLive: (id: string) => boolean,
): AsyncGenerator<FileRecord, number> {
  const end = await file.size();
  const latest = await latestLines(file, end);
  let [number, unreadable] = [0, 0];
  for await (const lines of linesOf(file, end)) {
    for (const line of lines) {
      number += 1;
      const id = idOf(line);
      if (id !== undefined && (isLive(id) || (latest.get(id) ?? number) > number)) continue;
      const record = parse(line);
      if (record) yield record;
      else if (!line.includes(HOLE)) unreadable += 1;
    }
  }
  return unreadable;
}

/** The number of the last line, from 1, of each record that has more than one. */
async function latestLines(file: DiskReader, end: number): Promise<ReadonlyMap<string, number>> {
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  let number = 0;
  for await (const lines of linesOf(file, end)) {
    for (const line of lines) {
      number += 1;
      const id = idOf(line);
      if (id === undefined) continue;
      if (seen.has(id)) latest.set(id, number);
      else seen.add(id);
    }
  }
  return latest;
}

function idOf(line: Buffer): string | undefined {
  return ID.exec(line.toString('latin1', 0, ID_LENGTH))?.[1];
}

function parse(line: Buffer): FileRecord | undefined {
  if (line[0] !== OPENING_BRACE) return undefined;
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return problemOf(fileRecord, value) === undefined ? (value as FileRecord) : undefined;
  } catch {
    return undefined;
  }
}
