import type { FileFacts } from '../file-facts.js';
import { readBetween } from './between.js';
import { readBytes } from './read-bytes.js';
import type { FactReader, RandomAccess, ReadOptions } from './reader.js';
import { stream } from './stream.js';
import { UlogCollector } from './ulog-collector.js';

const MAGIC = Buffer.from([0x55, 0x4c, 0x6f, 0x67, 0x01, 0x12, 0x35]);
const SYNC = Buffer.from([0x2f, 0x73, 0x13, 0x20, 0x25, 0x0c, 0xbb, 0x12]);
const FILE_HEADER_BYTES = 16;
const HEADER_BYTES = 3;
const FLAG_BITS = 0x42; // B
const KNOWN_TYPES: ReadonlySet<number> = new Set(Buffer.from('BFDIMPQARSOLC'));
/** A message of an unknown type that is larger is taken for damage. */
const MAX_UNKNOWN_BYTES = 10_000;
/** `incompat_flags[0]`: data was appended, and `appended_offsets` say where. */
const APPENDED = 1;
/** Names of all topics, versions and the vehicle are in the first 36 KB of any log; the rest shows how it ended. */
const HEAD_BYTES = 40 * 1024;
const TAIL_BYTES = 24 * 1024;
/** That many messages in a row that end where the file does are no coincidence. */
const MIN_CHAIN = 4;

export const ulog: FactReader = {
  format: 'ulog',
  ends: HEAD_BYTES + TAIL_BYTES,
  matches: (_name, head) => MAGIC.equals(head.subarray(0, MAGIC.length)),
  async read(file, options) {
    const log = new UlogParser(options, file.size);
    if (options.endsOnly === true && file.size > HEAD_BYTES + TAIL_BYTES) return readEnds(file, log, options);
    await stream(file, { from: 0, until: file.size }, options.signal, log.parse);
    return log.facts();
  },
};

async function readEnds(file: RandomAccess, log: UlogParser, options: ReadOptions): Promise<FileFacts> {
  const { signal } = options;
  await stream(file, { from: 0, until: HEAD_BYTES }, signal, (bytes, offset) =>
    log.parse(bytes, offset, false),
  );
  const until = log.mainEnd;
  const from = Math.max(HEAD_BYTES, until - TAIL_BYTES);
  if (until > from) log.parseTail(await readBytes(file, from, until - from, signal), until === file.size);
  const between = { from: HEAD_BYTES, until: from };
  await readBetween(file, between, log.facts(), options, block => log.parseBlock(block));
  const { errors: _, warnings: _1, dropouts: _2, dropoutMs: _3, ...facts } = log.facts();
  return facts;
}

/** Finds the messages of a log, and what is wrong with it. */
class UlogParser {
  readonly #facts: UlogCollector;
  readonly #size: number;
  /** Where appended data begins, in ascending order: the message before it may be cut. */
  #boundaries: number[] = [];
  #appended = false;
  #truncated = false;
  #begun = false;
  /** The position in the file is not known to be the beginning of a message. */
  #lost = false;
  #damagedAt: number | undefined;
  #note: string | undefined;

  constructor({ position, samples }: ReadOptions, size: number) {
    this.#facts = new UlogCollector(position, samples);
    this.#size = size;
  }

  /** Where the data that was logged in flight ends. */
  get mainEnd(): number {
    return this.#boundaries[0] ?? this.#size;
  }

  facts(): FileFacts {
    const damage = this.#damagedAt === undefined ? undefined : `damaged at byte ${this.#damagedAt}`;
    const note = damage ?? this.#note;
    return {
      ...this.#facts.facts(),
      ...((this.#truncated || !this.#begun) && { truncated: true }),
      ...(this.#appended && { appended: true }),
      ...(note !== undefined && { note }),
    };
  }

  readonly parse = (bytes: Buffer, offset: number, isLast: boolean): number => {
    if (!this.#begun) return this.#parseFileHeader(bytes);
    let at = this.#lost ? this.#findSync(bytes, 0) : 0;
    while (!this.#lost && bytes.length - at >= HEADER_BYTES) {
      const next = this.#parseMessage(bytes, at, offset);
      if (next === undefined) break;
      at = this.#lost ? this.#findSync(bytes, next) : next;
    }
    if (!isLast || at >= bytes.length) return at;
    this.#truncated ||= !this.#lost;
    return bytes.length;
  };

  /** The last block of the data. What it begins with is found by what it ends with. */
  parseTail(bytes: Buffer, isFileEnd: boolean): void {
    const end = this.parseBlock(bytes);
    if (end === undefined) this.#note = 'its last block holds no messages: the duration needs the whole file';
    else this.#truncated = isFileEnd && end < bytes.length;
  }

  /** A block from anywhere in the data. Returns where its last whole message ends; undefined: it holds none. */
  parseBlock(bytes: Buffer): number | undefined {
    const start = chainStart(bytes);
    if (start === undefined) return undefined;
    this.#facts.beginTail();
    let at = start;
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + HEADER_BYTES + bytes.readUInt16LE(at);
      if (end > bytes.length) break;
      this.#facts.message(bytes[at + 2] ?? 0, bytes.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    return at;
  }

  #parseFileHeader(bytes: Buffer): number {
    if (bytes.length < FILE_HEADER_BYTES) return 0;
    this.#begun = true;
    this.#facts.begin(Number(bytes.readBigUInt64LE(8)));
    return FILE_HEADER_BYTES;
  }

  /** Returns where the next message begins, which may lie behind the bytes. Undefined: more bytes are needed. */
  #parseMessage(bytes: Buffer, at: number, offset: number): number | undefined {
    const size = bytes.readUInt16LE(at);
    const type = bytes[at + 2] ?? 0;
    const end = at + HEADER_BYTES + size;
    const boundary = this.#boundaryAfter(offset + at);
    if (boundary !== undefined && offset + end > boundary) return boundary - offset;
    if (!KNOWN_TYPES.has(type)) return this.#unknown(bytes, at, offset, { size, type, end });
    if (end > bytes.length) return undefined;
    const payload = bytes.subarray(at + HEADER_BYTES, end);
    if (type === FLAG_BITS) this.#flags(payload, offset + end);
    else this.#facts.message(type, payload);
    return end;
  }

  #boundaryAfter(position: number): number | undefined {
    while ((this.#boundaries[0] ?? Infinity) <= position) this.#boundaries.shift();
    return this.#boundaries[0];
  }

  /** Either damage, or a type that is younger than this reader. */
  #unknown(
    bytes: Buffer,
    at: number,
    offset: number,
    { size, type, end }: { readonly size: number; readonly type: number; readonly end: number },
  ): number | undefined {
    const isDamage = type === 0 || size === 0 || size > MAX_UNKNOWN_BYTES;
    if (!isDamage && end > bytes.length) return undefined;
    if (isDamage || bytes.subarray(at, end).includes(SYNC)) {
      this.#damagedAt ??= offset + at;
      this.#lost = true;
      return at;
    }
    return end;
  }

  /** Logs have a synchronisation message every half second, since PX4 1.8. Returns what to go on with: behind it, or where it may begin. */
  #findSync(bytes: Buffer, at: number): number {
    const found = bytes.indexOf(SYNC, at);
    this.#lost = found < 0;
    return this.#lost ? Math.max(at, bytes.length - SYNC.length + 1) : found + SYNC.length;
  }

  /** Compatible flags (8), incompatible flags (8), three offsets of appended data. */
  #flags(payload: Buffer, end: number): void {
    if (payload.length < 40 || ((payload[8] ?? 0) & APPENDED) === 0) return;
    this.#appended = true;
    const offsets = [16, 24, 32].map(at => Number(payload.readBigUInt64LE(at)));
    // Each appended part lies behind the one before: anything else is damage.
    const ascending = offsets.filter((offset, index) => offset > Math.max(end, ...offsets.slice(0, index)));
    this.#boundaries = ascending.filter(offset => offset < this.#size);
  }
}

/**
 * Where the longest chain of messages begins that ends with the bytes, or with a message that they cut. From the end on, each place
 * is looked at once.
 */
function chainStart(bytes: Buffer): number | undefined {
  const counts = new Uint16Array(bytes.length);
  let best = 0;
  for (let at = bytes.length - HEADER_BYTES; at >= 0; at--) {
    counts[at] = chainLength(bytes, at, counts);
    if ((counts[at] ?? 0) > (counts[best] ?? 0)) best = at;
  }
  return (counts[best] ?? 0) >= MIN_CHAIN ? best : undefined;
}

/** @param counts the lengths of the chains that begin behind that place */
function chainLength(bytes: Buffer, at: number, counts: Uint16Array): number {
  const size = bytes.readUInt16LE(at);
  if (size === 0 || !KNOWN_TYPES.has(bytes[at + 2] ?? 0)) return 0;
  const end = at + HEADER_BYTES + size;
  if (end > bytes.length - HEADER_BYTES) return 1;
  const behind = counts[end] ?? 0;
  return behind === 0 ? 0 : behind + 1;
}
