import { crc32 } from 'node:zlib';
import type { SourceRecord } from '../ports.js';
import { crcHex } from './crc.js';
import { SCHEMA } from './schema.js';
import { RecordTable } from './table.js';

// A snapshot is JSON, with one record a line:
//
//   {"schema":2,"seq":17,"sources":[…],"records":[
//   {"id":"0123456789ab",…},
//   {"id":"ba9876543210",…}
//   ],"crc":"3f2a9c01"}
//
// The CRC-32 (zlib's) is that of all lines before the last, line ends included. A file that a person has edited may have
// any layout and no CRC; each record is checked instead. Schema 1 had neither CRC nor sources.

/** Every record, in the order in which they were found, and every source, as of change number `seq` or of a later one. */
export interface Snapshot {
  /** The schema of the file that was read. */
  readonly schema: number;
  readonly seq: number;
  readonly sources: Map<string, SourceRecord>;
  readonly table: RecordTable;
}

export const emptySnapshot = (): Snapshot => ({
  schema: SCHEMA,
  seq: 0,
  sources: new Map(),
  table: new RecordTable(),
});

/** Characters that are encoded between two turns of the event loop: about a millisecond of work. */
const SLICE_BYTES = 64 * 1024;

/** Always writes the current schema. */
export function* encodeSnapshot(snapshot: Snapshot): Generator<Buffer> {
  let crc = 0;
  for (const slice of slicesOf(snapshot)) {
    const bytes = Buffer.from(slice);
    crc = crc32(bytes, crc);
    yield bytes;
  }
  yield Buffer.from(`],"crc":"${crcHex(crc)}"}\n`);
}

/** All lines but the last. */
function* slicesOf({ seq, sources, table }: Snapshot): Generator<string> {
  const head = JSON.stringify({ schema: SCHEMA, seq, sources: [...sources.values()], records: [] });
  let slice = head.slice(0, -']}'.length);
  let separator = '\n';
  for (const record of table.all()) {
    slice += separator + JSON.stringify(record);
    separator = ',\n';
    if (slice.length < SLICE_BYTES) continue;
    yield slice;
    slice = '';
  }
  yield `${slice}\n`;
}
