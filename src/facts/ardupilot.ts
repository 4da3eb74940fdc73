import type { FileFacts } from '../file-facts.js';
import { DataflashCollector } from './dataflash-collector.js';
import { parseFormat, type DataflashFormat } from './dataflash-formats.js';
import { readBetween } from './between.js';
import { readBytes } from './read-bytes.js';
import type { FactReader, RandomAccess, ReadOptions } from './reader.js';
import { stream } from './stream.js';

/** Every message begins with these (HEAD_BYTE1, HEAD_BYTE2), and its type. */
const HEADER = Buffer.from([0xa3, 0x95]);
const HEADER_BYTES = 3;
const FMT = 128;
const FMT_BYTES = 89;
const MAX_MESSAGE_BYTES = 255;
/**
 * A log begins with all formats (some 22 KB), parameters and units (up to 100 KB); then it says what vehicle it is, and the flight
 * follows (LoggerMessageWriter.cpp).
 */
const HEAD_BYTES = 24 * 1024;
const TAIL_BYTES = 22 * 1024;
/** How the place behind the parameters is found. */
const STEP_BYTES = 12 * 1024;
const PROBE_BYTES = 512;
const MAX_PROBES = 10;
const ENDS_BYTES = HEAD_BYTES + TAIL_BYTES + STEP_BYTES + (MAX_PROBES + 1) * PROBE_BYTES;
const START_MESSAGES: ReadonlySet<string> = new Set(['FMT', 'PARM', 'UNIT', 'MULT', 'FMTU']);

const NO_END = 'its last block holds no messages: the duration needs the whole file';

export const ardupilot: FactReader = {
  format: 'ardupilot',
  ends: ENDS_BYTES,
  matches: (_name, head) => head[0] === HEADER[0] && head[1] === HEADER[1] && head[2] === FMT,
  async read(file, options) {
    const log = new DataflashParser(options);
    if (options.endsOnly === true && file.size > ENDS_BYTES) return readEnds(file, log, options);
    await stream(file, { from: 0, until: file.size }, options.signal, log.parse);
    return log.facts();
  },
};

async function readEnds(file: RandomAccess, log: DataflashParser, options: ReadOptions): Promise<FileFacts> {
  const { signal } = options;
  await stream(file, { from: 0, until: HEAD_BYTES }, signal, (bytes, offset) =>
    log.parse(bytes, offset, false),
  );
  await readVehicle(file, log, signal);
  const from = file.size - TAIL_BYTES;
  log.parseTail(await readBytes(file, from, TAIL_BYTES, signal), from);
  const between = { from: HEAD_BYTES, until: from };
  await readBetween(file, between, log.facts(), options, (block, at) => log.parseBlock(block, at));
  const { errors: _, dropouts: _1, ...facts } = log.facts();
  return facts;
}

/** Reads what follows the last of the blocks in which the messages of the start are found. */
async function readVehicle(file: RandomAccess, log: DataflashParser, signal: AbortSignal): Promise<void> {
  if (log.facts().vehicle !== undefined) return;
  let last = HEAD_BYTES;
  for (let probe = 1; probe <= MAX_PROBES; probe++) {
    const at = HEAD_BYTES + probe * STEP_BYTES;
    if (!log.parseBlock(await readBytes(file, at, PROBE_BYTES, signal), at)) break;
    last = at;
  }
  log.parseBlock(await readBytes(file, last, STEP_BYTES + PROBE_BYTES, signal), last);
}

class DataflashParser {
  readonly #formats = new Map<number, DataflashFormat>([
    [FMT, { name: 'FMT', length: FMT_BYTES, fields: new Map() }],
  ]);
  readonly #facts: DataflashCollector;
  #truncated = false;
  /** The position in the file is not known to be the beginning of a message. */
  #isSearching = false;
  #damagedAt: number | undefined;
  #messages = 0;
  #starts = 0;
  #isTailEmpty = false;

  constructor({ position, samples }: ReadOptions) {
    this.#facts = new DataflashCollector(position, samples);
  }

  facts(): FileFacts {
    const damage = this.#damagedAt === undefined ? undefined : `damaged at byte ${this.#damagedAt}`;
    const note = damage ?? (this.#isTailEmpty ? NO_END : undefined);
    return {
      ...this.#facts.facts(),
      ...(this.#truncated && { truncated: true }),
      ...(note !== undefined && { note }),
    };
  }

  readonly parse = (bytes: Buffer, offset: number, isLast: boolean): number => {
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const format = this.#formatAt(bytes, at);
      if (!format) {
        this.#damagedAt ??= offset + at;
        this.#isSearching = true;
        at = this.#nextHeader(bytes, at + 1);
      } else if (at + format.length > bytes.length) break;
      else {
        this.#message(bytes.subarray(at + HEADER_BYTES, at + format.length), format);
        at += format.length;
      }
    }
    if (!isLast || at >= bytes.length) return Math.min(at, bytes.length);
    this.#truncated = true;
    return bytes.length;
  };

  /** The last block of the file: where it holds nothing, such as after a power cut, nothing says when the log ends. */
  parseTail(bytes: Buffer, offset: number): void {
    const before = this.#messages;
    this.#facts.beginTail();
    this.parseBlock(bytes, offset, true);
    this.#isTailEmpty = this.#messages === before;
  }

  /**
   * A block from the middle of the file, or its last one: its first message is cut, and what looks like the header of one may be data.
   * Returns whether it has messages with which logs begin.
   */
  parseBlock(bytes: Buffer, offset: number, isLast = false): boolean {
    const [damagedAt, starts] = [this.#damagedAt, this.#starts];
    this.#isSearching = true;
    this.parse(bytes, offset, isLast);
    this.#damagedAt = damagedAt;
    return this.#starts > starts;
  }

  /** Undefined if no message begins there. Where that is searched for, one is followed by another one or by the end. */
  #formatAt(bytes: Buffer, at: number): DataflashFormat | undefined {
    if (bytes[at] !== HEADER[0] || bytes[at + 1] !== HEADER[1]) return undefined;
    const format = this.#formats.get(bytes[at + 2] ?? 0);
    if (!format || !this.#isSearching) return format;
    const next = at + format.length;
    if (next >= bytes.length) return format;
    if (bytes[next] !== HEADER[0]) return undefined;
    this.#isSearching = false;
    return format;
  }

  #nextHeader(bytes: Buffer, from: number): number {
    const found = bytes.indexOf(HEADER, from);
    return found >= 0 ? found : Math.max(from, bytes.length - 1);
  }

  #message(payload: Buffer, format: DataflashFormat): void {
    this.#messages++;
    if (START_MESSAGES.has(format.name)) this.#starts++;
    if (format.name !== 'FMT') return this.#facts.message(payload, format);
    const added = parseFormat(payload);
    const isValid = added.length >= HEADER_BYTES && added.length <= MAX_MESSAGE_BYTES && payload[0] !== FMT;
    if (isValid) this.#formats.set(payload[0] ?? 0, added);
  }
}
