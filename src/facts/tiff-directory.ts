/** Reads a part of the TIFF data; shorter where these end. */
export type ReadPart = (offset: number, length: number) => Promise<Buffer>;

const ENTRY_BYTES = 12;
/** Cameras write some dozens. */
const MAX_ENTRIES = 512;
/** Bytes of a value that is wanted: a text, or a few numbers. */
const MAX_VALUE_BYTES = 256;
/** Bytes of a value by its type (TIFF 6.0, "IFD Entry"): BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8];
const ASCII = 2;
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;

interface Entry {
  readonly type: number;
  readonly count: number;
  /** The value, where it has four bytes or fewer, else its offset. */
  readonly field: Buffer;
}

/** TIFF data, as in a TIFF file or in the EXIF segment of a JPEG file. */
export class Tiff {
  readonly #read: ReadPart;
  readonly #isLittle: boolean;

  constructor(read: ReadPart, isLittle: boolean) {
    this.#read = read;
    this.#isLittle = isLittle;
  }

  /** Undefined if the data do not begin as TIFF. */
  static async open(read: ReadPart): Promise<{ tiff: Tiff; first: number } | undefined> {
    const header = await read(0, 8);
    const order = header.toString('latin1', 0, 2);
    if (header.length < 8 || (order !== 'II' && order !== 'MM')) return undefined;
    const tiff = new Tiff(read, order === 'II');
    return { tiff, first: tiff.#uint(header, 4, 4) };
  }

  /** The entries of an image file directory by their tags; empty if there is none at that offset. */
  async directory(offset: number): Promise<Directory> {
    const start = await this.#read(offset, 2);
    const count = start.length < 2 ? 0 : Math.min(this.#uint(start, 0, 2), MAX_ENTRIES);
    const bytes = await this.#read(offset + 2, count * ENTRY_BYTES);
    const entries = new Map<number, Entry>();
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const [type, size] = [this.#uint(bytes, at + 2, 2), this.#uint(bytes, at + 4, 4)];
      entries.set(this.#uint(bytes, at, 2), { type, count: size, field: bytes.subarray(at + 8, at + 12) });
    }
    return new Directory(entries, this.#read, (from, place, length) => this.#uint(from, place, length));
  }

  #uint(bytes: Buffer, at: number, length: number): number {
    return this.#isLittle ? bytes.readUIntLE(at, length) : bytes.readUIntBE(at, length);
  }
}

export class Directory {
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly #read: ReadPart;
  readonly #uint: (bytes: Buffer, at: number, length: number) => number;

  constructor(
    entries: ReadonlyMap<number, Entry>,
    read: ReadPart,
    uint: (bytes: Buffer, at: number, length: number) => number,
  ) {
    this.#entries = entries;
    this.#read = read;
    this.#uint = uint;
  }

  async text(tag: number): Promise<string | undefined> {
    const entry = this.#entries.get(tag);
    if (entry?.type !== ASCII) return undefined;
    const bytes = await this.#value(entry);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end < 0 ? bytes.length : end).trim() || undefined;
  }

  /** Rationals with a denominator of zero are NaN or infinite. */
  async numbers(tag: number): Promise<readonly number[]> {
    const entry = this.#entries.get(tag);
    if (!entry || ![1, SHORT, LONG, RATIONAL].includes(entry.type)) return [];
    const size = TYPE_BYTES[entry.type] ?? 1;
    const bytes = await this.#value(entry);
    return Array.from({ length: Math.floor(bytes.length / size) }, (_, index) =>
      entry.type === RATIONAL
        ? this.#uint(bytes, index * size, 4) / this.#uint(bytes, index * size + 4, 4)
        : this.#uint(bytes, index * size, size),
    );
  }

  /** At most MAX_VALUE_BYTES of it. */
  async #value({ type, count, field }: Entry): Promise<Buffer> {
    const length = count * (TYPE_BYTES[type] ?? 0);
    if (length <= field.length) return field.subarray(0, length);
    return this.#read(this.#uint(field, 0, 4), Math.min(length, MAX_VALUE_BYTES));
  }
}
