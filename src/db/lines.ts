import type { DiskReader } from './disk.js';

const NEWLINE = 0x0a;
/** Bytes read at a time: with 256 KiB, parsing them holds the event loop for some milliseconds. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The whole lines of a file up to byte `end`, each with its line end, in batches of one read. Bytes after the last line end are left
 * out. A batch can be iterated once, until the next one is requested.
 */
export async function* linesOf(file: DiskReader, end = Infinity): AsyncGenerator<Iterable<Buffer>> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest: Buffer[] = [];
  for (let position = 0; position < end;) {
    const length = await file.read(buffer.subarray(0, Math.min(CHUNK_BYTES, end - position)), position);
    if (length === 0) return;
    position += length;
    const chunk = buffer.subarray(0, length);
    const first = chunk.indexOf(NEWLINE) + 1;
    const whole = chunk.lastIndexOf(NEWLINE) + 1;
    if (whole > 0) {
      yield batchOf(Buffer.concat([...rest, chunk.subarray(0, first)]), chunk.subarray(first, whole));
      rest = [];
    }
    if (whole < length) rest.push(Buffer.from(chunk.subarray(whole)));
  }
}

function* batchOf(first: Buffer, others: Buffer): Generator<Buffer> {
  yield first;
  yield* split(others);
}

/** Bytes up to the end of the last whole line. */
export async function lengthOfLines(file: DiskReader): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let end = await file.size(); end > 0; end = Math.max(0, end - CHUNK_BYTES)) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const length = await file.read(buffer.subarray(0, end - start), start);
    const newline = buffer.subarray(0, length).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
  }
  return 0;
}

/** Lines, each with its line end, one at a time: a file of empty lines has very many. What follows the last line end is a line. */
export function* split(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    yield bytes.subarray(start, end);
    start = end;
  }
}
