import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Frame } from '../../src/mavlink/frame.js';
import { FtpChannel, type FtpPort } from '../../src/mavlink/ftp-channel.js';
import { FtpClient } from '../../src/mavlink/ftp-client.js';
import { toMavlinkFtpError } from '../../src/mavlink/ftp-errors.js';
import {
  decodeFtpPayload,
  encodeFtpPayload,
  MAX_DATA,
  Opcode,
  type FtpPayload,
} from '../../src/mavlink/ftp-payload.js';
import { listFolder } from '../../src/mavlink/listing.js';
import { LogClient } from '../../src/mavlink/log-client.js';
import { LogData, LogEntry } from '../../src/mavlink/messages.js';
import { RemoteTree } from '../../src/mavlink/remote-tree.js';
import { VirtualClock } from '../fakes/virtual-clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { ack, nak, uint32 } from '../unit/mavlink/scripted-vehicle.js';
import { checkName, checkPath, checkSize, type Parser } from './parser.js';

const MAX_FILES = 300;
/** ms of virtual time after which an operation must have ended. */
const MAX_TIME_MS = 3_600_000;
const forever = new AbortController().signal;

/** Runs the work while time passes. Fails if it does not end in time. */
async function inTime<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let isOver = false;
  const done = work.finally(() => (isOver = true));
  done.catch(() => undefined);
  while (!isOver) {
    assert.ok(clock.monotonic() < MAX_TIME_MS, 'it does not end');
    await clock.advance(clock.nextWake ?? 1);
  }
  return done;
}

// ---- directory listings -------------------------------------------------------------------------------------

/** Cuts the input into packets: a byte says how long the next one is, 0 that the folder ends. */
function packetsIn(input: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < input.length;) {
    const length = Math.min(input[at] ?? 0, MAX_DATA);
    packets.push(input.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return packets;
}

const packet = (text: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(text).subarray(0, MAX_DATA);
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
};

const entry = fc
  .tuple(
    fc.constantFrom('F', 'D', 'S', 'X', ''),
    fc.oneof(
      fc.constantFrom('a', 'b.ulg', '..', '.', '../x', 'x/y', 'A\tB', ''),
      fc.string({ maxLength: 12 }),
    ),
    fc.oneof(
      fc.constantFrom('\t10', '', '\t-1', '\t9007199254740993', '\t1\t1760000000', '\t5\t99999999999', '\tx'),
    ),
  )
  .map(parts => `${parts.join('')}\0`);

/** Answers list requests in turn from packets; again and again from the beginning if `cyclic`. */
function listing(packets: readonly Buffer[], cyclic: boolean): Pick<FtpClient, 'list'> {
  let next = 0;
  return {
    list: async () => {
      const one = cyclic ? packets[next++ % packets.length] : packets[next++];
      return one && one.length > 0 ? one : undefined;
    },
  };
}

const listings: Parser = {
  name: 'mavlink-listings',
  seeds: [
    Buffer.concat([packet('Flog_1.ulg\t1234\0Flog_2.ulg\t99\0Dold\0'), packet('Flast.ulg\t7\0'), packet('')]),
    Buffer.concat([packet('D2026-01-01\0D2026-01-02\0'), packet(''), packet('Fa.ulg\t1\t1760000000\0S\0')]),
    packet('D.\0D..\0Flogs.bin\t5\0\0'),
  ],
  generated: fc
    .array(
      fc.array(entry, { maxLength: 8 }).map(entries => packet(entries.join(''))),
      { maxLength: 30 },
    )
    .map(packets => Buffer.concat(packets)),
  worst: ['\x05Da\0Db', '\x03Fa\0', { unit: '\xef', before: '' }],
  // Every folder may get all packets: what a vehicle sends is a hundred times the input.
  maxBytes: 4096,
  async parse(input) {
    const packets = packetsIn(input);
    // The first byte decides whether the vehicle repeats itself without end.
    const client = listing(packets, (input[0] ?? 0) % 2 === 1) as FtpClient;
    const notes: string[] = [];
    const tree = new RemoteTree({
      maxFiles: MAX_FILES,
      shown: folder => `/log/${folder}`,
      skipped: why => notes.push(why),
      list: (folder, scope, signal) => listFolder(client, `/log/${folder}`, scope, signal),
      endsAlike: async () => true,
    });
    const found = [];
    try {
      for await (const file of tree.files(forever)) found.push(file);
    } finally {
      assert.ok(found.length <= MAX_FILES);
      found.forEach(({ path, size }) => (checkPath(path), checkSize(size)));
    }
    return { found, notes };
  },
  // A vehicle that repeats itself is listed up to the limit of files, however few bytes that takes.
  baseMs: 1_500,
  maxGrowth: 2000,
};

// ---- replies of a vehicle -----------------------------------------------------------------------------------

/** A vehicle whose replies are taken from the input: 12 bytes of change, of which a mask says which are taken. */
class FuzzedVehicle implements FtpPort {
  readonly closed = new AbortController().signal;
  readonly absence = undefined;
  othersHeardAt = -Infinity;
  requests = 0;
  readonly #input: Buffer;
  #at = 0;
  #listener: (reply: FtpPayload) => void = () => undefined;

  constructor(input: Buffer) {
    this.#input = input;
  }

  onFtp(listener: (reply: FtpPayload) => void): void {
    this.#listener = listener;
  }

  sendFtp(request: FtpPayload): void {
    this.requests++;
    const [how = 0, size = 0] = [this.#input[this.#at], this.#input[this.#at + 1]];
    const changes = this.#input.subarray(this.#at + 2, this.#at + 2 + Math.min(size, MAX_DATA));
    this.#at += 2 + size;
    // The input is over: the vehicle is offline.
    if (changes.length === 0 && this.#at > this.#input.length) return;
    for (const reply of this.#replies(request, how, changes)) queueMicrotask(() => this.#listener(reply));
  }

  #replies(request: FtpPayload, how: number, changes: Buffer): readonly FtpPayload[] {
    const good = how & 1 ? ack(request, changes) : nak(request, ...changes.subarray(0, 2));
    const opened =
      request.opcode === Opcode.OPEN_FILE_RO && how & 2 ? [ack(request, uint32(changes.length * 50))] : [];
    if (!(how & 4)) return [...opened, good];
    const bytes = Buffer.from(encodeFtpPayload(good));
    changes.forEach((byte, index) => {
      const at = (byte * 7 + index) % 12;
      bytes[at] = (bytes[at] ?? 0) ^ (changes[(index + 1) % changes.length] ?? 0);
    });
    return [...opened, decodeFtpPayload(bytes), ...(how & 8 ? [good] : [])];
  }
}

const reply = (how: number, data: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(data).subarray(0, MAX_DATA);
  return Buffer.concat([Uint8Array.of(how, bytes.length), bytes]);
};

/** An operation of the client, and what must be true of its result. */
type Operation = (client: FtpClient) => Promise<unknown>;

const OPERATIONS: readonly Operation[] = [
  async client => {
    const scope = { skipped: () => undefined, unreadable: () => undefined, entriesLeft: MAX_FILES };
    const { entries } = await listFolder(client, '/log', scope, forever);
    entries.forEach(({ name, size }) => (checkName(name), checkSize(size)));
    return entries;
  },
  async client => {
    const { session, size } = await client.open('/log/a.ulg', forever);
    checkSize(size);
    const bytes = await client.read(session, 0, 100, forever);
    assert.ok(bytes.length <= 100, 'more bytes than were requested');
    await client.terminate(session);
    return bytes;
  },
  async client => client.checksum('/log/a.ulg', 1000, forever),
  async client => client.remove('/log/a.ulg', forever),
];

const replies: Parser = {
  name: 'mavlink-replies',
  seeds: [
    Buffer.concat([reply(1, 'Fa.ulg\t100\0'), reply(0, '\x06'), reply(0, '\x06')]),
    Buffer.concat([reply(1, ''), reply(2, 'abc'), reply(1, 'x'.repeat(100)), reply(1, '')]),
    Buffer.concat([reply(5, 'abc'), reply(13, 'Fa\t1\0'), reply(0, '\x02\x02')]),
  ],
  maxBytes: 4096,
  baseMs: 300,
  async parse(input) {
    const operation = OPERATIONS[(input[0] ?? 0) % OPERATIONS.length] as Operation;
    const clock = new VirtualClock();
    const vehicle = new FuzzedVehicle(input.subarray(1));
    const client = new FtpClient(new FtpChannel(vehicle, clock, 65_530), new RecordingLogger());
    try {
      return await inTime(clock, operation(client));
    } catch (thrown) {
      throw toMavlinkFtpError(thrown, '/log/a.ulg');
    } finally {
      assert.ok(vehicle.requests < 5000, `${vehicle.requests} requests`);
      assert.equal(clock.sleeping, 0, 'a timer is left behind');
    }
  },
};

// ---- log messages -------------------------------------------------------------------------------------------

const frame = (messageId: number, payload: Uint8Array): Frame => ({
  ...{ version: 2, sequence: 0, system: 1, component: 1, messageId, payload },
});

/** Cuts the input into payloads of both messages. */
function logFramesIn(input: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < input.length;) {
    const type = (input[at] ?? 0) % 2 === 0 ? LogEntry : LogData;
    const payload = new Uint8Array(type.length);
    payload.set(input.subarray(at + 1, at + 1 + type.length));
    frames.push(frame(type.id, payload));
    at += 1 + type.length;
  }
  return frames;
}

const logEntry = (id: number, size: number, numLogs: number): Buffer =>
  Buffer.concat([
    Uint8Array.of(0),
    LogEntry.encode({ id, size, numLogs, timeUtc: 1_760_000_000, lastLogNum: numLogs }),
  ]);
const logData = (id: number, offset: number, count: number): Buffer =>
  Buffer.concat([Uint8Array.of(1), LogData.encode({ id, offset, count, data: new Uint8Array(90).fill(7) })]);

const logs: Parser = {
  name: 'mavlink-logs',
  seeds: [
    Buffer.concat([
      logEntry(1, 150, 2),
      logEntry(2, 90, 2),
      logData(1, 0, 90),
      logData(1, 90, 60),
      logData(2, 0, 90),
    ]),
    Buffer.concat([logEntry(0, 0, 0)]),
    Buffer.concat([logEntry(1, 2 ** 32 - 1, 1), logData(1, 2 ** 32 - 90, 90)]),
  ],
  generated: fc
    .array(
      fc.oneof(
        fc.tuple(fc.nat(3), fc.nat(400), fc.nat(3)).map(([id, size, count]) => logEntry(id, size, count)),
        fc.tuple(fc.nat(3), fc.nat(5), fc.nat(120)).map(([id, at, count]) => logData(id, at * 90, count)),
      ),
      { maxLength: 30 },
    )
    .map(parts => Buffer.concat(parts)),
  maxBytes: 16 * 1024,
  baseMs: 300,
  async parse(input) {
    const clock = new VirtualClock();
    const frames = logFramesIn(input);
    let receive: (frame: Frame) => void = () => undefined;
    // Each request is followed by the next frames of the input.
    const sendLog = () => queueMicrotask(() => frames.splice(0, 4).forEach(one => receive(one)));
    const closed = new AbortController().signal;
    const port = {
      armed: false,
      absence: undefined,
      closed,
      sendLog,
      onLog: (on: typeof receive) => (receive = on),
    };
    const client = new LogClient(port, clock);
    try {
      const found = await inTime(clock, client.list(forever));
      found.forEach(({ size }) => checkSize(size));
      const [log] = found;
      const bytes = log && (await inTime(clock, client.read(log, 0, forever)));
      assert.ok(!bytes || bytes.length <= (log?.size ?? 0));
      return found;
    } finally {
      assert.equal(clock.sleeping, 0, 'a timer is left behind');
    }
  },
};

export const ftpAndLogParsers: readonly Parser[] = [listings, replies, logs];
