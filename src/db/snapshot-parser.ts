import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { FileSyncError } from '../errors.js';
import type { FileRecord, SourceRecord } from '../ports.js';
import { crcHex } from './crc.js';
import type { DiskReader } from './disk.js';
import { linesOf } from './lines.js';
import { fileRecord1, fromSchema1, type FileRecord1 } from './schema-1.js';
import { count, fileRecord, problemOf, SCHEMA, sourceRecord } from './schema.js';
import { SharedStrings } from './shared-strings.js';
import type { Snapshot } from './snapshot-format.js';
import { RecordTable } from './table.js';

/** Throws `corrupt` if the file is torn or foreign, `config` if a later version wrote it. */
export async function parseSnapshot(file: DiskReader, path: string): Promise<Snapshot> {
  return (await parseLines(file, path)) ?? (await parseWhole(file, path));
}

// ---- line by line -----------------------------------------------------------------------------------------

const LAST_LINE = /^\](?:,"crc":"([0-9a-f]{8})")?\}\n$/;
const LAST_LINE_LENGTH = '],"crc":"00000000"}\n'.length;
const [CLOSING_BRACKET, COMMA] = [0x5d, 0x2c];

/** Undefined if the file does not have the layout that this program writes. */
async function parseLines(file: DiskReader, path: string): Promise<Snapshot | undefined> {
  const lines = new SnapshotLines(path, await statedCrc(file));
  for await (const some of linesOf(file)) {
    for (const line of some) if (!lines.take(line)) return undefined;
  }
  return lines.finish();
}

async function statedCrc(file: DiskReader): Promise<string | undefined> {
  const bytes = Buffer.alloc(LAST_LINE_LENGTH);
  await file.read(bytes, Math.max(0, (await file.size()) - LAST_LINE_LENGTH));
  return LAST_LINE.exec(bytes.toString('latin1'))?.[1];
}

class SnapshotLines {
  readonly #path: string;
  readonly #statedCrc: string | undefined;
  readonly #strings = new SharedStrings();
  #snapshot: Snapshot | undefined;
  #crc = 0;
  #ended = false;

  /** Records are checked one by one only if there is no CRC. */
  constructor(path: string, crc: string | undefined) {
    this.#path = path;
    this.#statedCrc = crc;
  }

  /** Whether the line is valid at its position. Throws as `parseSnapshot`. */
  take(line: Buffer): boolean {
    if (this.#ended) return false;
    if (line[0] === CLOSING_BRACKET) return (this.#ended = LAST_LINE.test(line.toString('latin1')));
    this.#crc = crc32(line, this.#crc);
    try {
      if (this.#snapshot) this.#addRecord(this.#snapshot, line);
      else this.#snapshot = emptyAs(JSON.parse(`${line.toString()}]}`), this.#path);
      return true;
    } catch (error) {
      if (error instanceof FileSyncError) throw error;
      return false;
    }
  }

  finish(): Snapshot | undefined {
    if (!this.#ended) return undefined;
    const stated = this.#statedCrc;
    if (stated !== undefined && stated !== crcHex(this.#crc)) throw corrupt(this.#path, WRONG_CRC);
    return this.#snapshot;
  }

  #addRecord(snapshot: Snapshot, line: Buffer): void {
    const end = line.length - (line.at(-2) === COMMA ? 2 : 1);
    const value: unknown = JSON.parse(line.toString('utf8', 0, end));
    const vouchedFor = this.#statedCrc !== undefined && snapshot.schema === SCHEMA;
    const record = vouchedFor ? (value as FileRecord) : checked(value, snapshot, this.#path);
    this.#strings.replaceIn(record);
    snapshot.table.add(record);
  }
}

const WRONG_CRC =
  'its checksum is wrong; where a person has edited it, "crc" must be taken out of its last line';

// ---- in any layout ----------------------------------------------------------------------------------------

async function parseWhole(file: DiskReader, path: string): Promise<Snapshot> {
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  const content = parse(bytes, path);
  const snapshot = emptyAs(content, path);
  const strings = new SharedStrings();
  for (const value of (content as SnapshotJson).records) {
    const record = checked(value, snapshot, path);
    strings.replaceIn(record);
    snapshot.table.add(record);
  }
  return snapshot;
}

function parse(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw corrupt(path, error instanceof Error ? error.message : String(error));
  }
}

// ---- what is in it ----------------------------------------------------------------------------------------

interface SnapshotJson {
  readonly seq: number;
  /** Schema 1 had none. */
  readonly sources?: readonly SourceRecord[];
  readonly records: readonly unknown[];
}

const shape = z.object({
  schema: z.literal(SCHEMA),
  seq: count,
  sources: z.array(sourceRecord),
  records: z.array(z.unknown()),
});
const shape1 = shape.extend({ schema: z.literal(1) }).omit({ sources: true });

/** The snapshot without its records yet. */
function emptyAs(content: unknown, path: string): Snapshot {
  const schema = schemaOf(content);
  if (schema > SCHEMA) throw tooNew(path, schema);
  const problem = problemOf(schema === 1 ? shape1 : shape, content);
  if (problem !== undefined) throw corrupt(path, problem);
  const { seq, sources = [] } = content as SnapshotJson;
  const byDevice = new Map(sources.map(source => [source.device, source]));
  return { schema, seq, sources: byDevice, table: new RecordTable() };
}

function checked(value: unknown, { schema, table }: Snapshot, path: string): FileRecord {
  const problem = problemOf(schema === 1 ? fileRecord1 : fileRecord, value);
  if (problem !== undefined) throw corrupt(path, `record ${table.size + 1}: ${problem}`);
  return schema === 1 ? fromSchema1(value as FileRecord1) : (value as FileRecord);
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
