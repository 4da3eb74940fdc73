import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { contentOf, Opcode, type FtpPayload } from '../../../src/mavlink/ftp-payload.js';
import type { Requester } from '../../../src/sim/exchange.js';
import { Folder } from '../../../src/sim/folder.js';
import { MavlinkFtpServer } from '../../../src/sim/ftp-server.js';
import type { Personality } from '../../../src/sim/personality.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

export type Request = Partial<Omit<FtpPayload, 'data'>> & { readonly data?: string | Uint8Array };

/** A client that asks a server directly, without a network. */
export class Asker implements Requester {
  readonly id: string;
  readonly replies: FtpPayload[] = [];
  readonly #server: MavlinkFtpServer;
  #sequence: number;
  #gate: Promise<void> | undefined;
  #openGate: (() => void) | undefined;

  constructor(server: MavlinkFtpServer, id: string, sequence: number) {
    this.#server = server;
    this.id = id;
    this.#sequence = sequence;
  }

  send(reply: FtpPayload): void {
    this.replies.push({ ...reply, data: reply.data.slice() });
  }

  async ready(): Promise<void> {
    await turn();
    await this.#gate;
  }

  /** Bursts stop after their next packet until `resume`. */
  pause(): void {
    this.#gate = new Promise(resolve => (this.#openGate = resolve));
  }

  resume(): void {
    this.#openGate?.();
    this.#gate = undefined;
  }

  /** Sends a request and does not wait. Each has a new sequence number unless it brings its own. */
  post(opcode: number, { data = '', ...fields }: Request = {}): void {
    const bytes = Buffer.from(data);
    const full = Buffer.concat([bytes, Buffer.alloc(239)]).subarray(0, 239);
    const sequence = (this.#sequence += 10);
    const defaults = { sequence, session: 0, offset: 0, size: bytes.length, requestOpcode: 0 };
    this.#server.receive({ ...defaults, burstComplete: false, ...fields, opcode, data: full }, this);
  }

  /** The next reply that has not been taken. Mocha's time limit ends a vain wait. */
  async next(): Promise<FtpPayload> {
    for (;;) {
      const reply = this.replies.shift();
      if (reply) return reply;
      await turn();
    }
  }

  ask(opcode: number, request: Request = {}): Promise<FtpPayload> {
    this.post(opcode, request);
    return this.next();
  }

  open(path: string, session = 0): Promise<FtpPayload> {
    return this.ask(Opcode.OPEN_FILE_RO, { data: path, session });
  }

  read(offset: number, size = 239, session = 0): Promise<FtpPayload> {
    return this.ask(Opcode.READ_FILE, { offset, size, session });
  }

  /** Packets of a burst until one marked complete or a NAK. */
  async burst(offset = 0, size = 239): Promise<FtpPayload[]> {
    this.post(Opcode.BURST_READ_FILE, { offset, size });
    const packets = [await this.next()];
    for (let last = packets[0]; last && !isEnd(last); packets.push(last)) last = await this.next();
    return packets;
  }

  /** One packet of a listing as its entries, or the code of the NAK. */
  async list(path: string, offset = 0): Promise<string[] | number> {
    const reply = await this.ask(Opcode.LIST_DIRECTORY, { data: path, offset });
    const content = Buffer.from(contentOf(reply)).toString('latin1');
    return reply.opcode === Opcode.NAK ? codeOf(reply) : content.split('\0').filter(entry => entry !== '');
  }
}

const isEnd = (reply: FtpPayload) => reply.opcode === Opcode.NAK || reply.burstComplete;

/** The code of a NAK; 0 for an ACK. */
export const codeOf = (reply: FtpPayload): number => (reply.opcode === Opcode.NAK ? (reply.data[0] ?? 0) : 0);

/** A server on a folder of its own. */
export class ServerBench {
  readonly clock: VirtualClock;
  readonly logger = new RecordingLogger();
  readonly root: string;
  readonly server: MavlinkFtpServer;
  readonly asker: Asker;
  #sequence = 0;
  /** Their sequence numbers are far apart: PX4 would answer one with what it kept for the other. */
  readonly another = (id: string): Asker => new Asker(this.server, id, (this.#sequence += 10_000));

  private constructor(root: string, folder: Folder, clock: VirtualClock, like: Personality) {
    this.root = root;
    this.clock = clock;
    this.server = new MavlinkFtpServer(folder, like, clock, this.logger);
    this.asker = this.another('first');
  }

  static async open(
    like: Personality,
    files: Readonly<Record<string, string | Uint8Array>> = {},
  ): Promise<ServerBench> {
    const root = join(await mkdtemp(join(tmpdir(), 'filesync-sim-')), 'card');
    await mkdir(root);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    const clock = new VirtualClock();
    return new ServerBench(root, await Folder.at(root, clock), clock, like);
  }

  async close(): Promise<void> {
    await this.server.close();
    await rm(dirname(this.root), { recursive: true });
  }
}

/** A test body that gets a bench, which is closed behind it. */
export function onServer(
  like: Personality,
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (bench: ServerBench) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const bench = await ServerBench.open(like, files);
    try {
      await body(bench);
    } finally {
      await bench.close();
    }
  };
}
