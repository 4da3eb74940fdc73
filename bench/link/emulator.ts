import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { FrameDecoder } from '../../src/mavlink/frame.js';
import { FileTransferProtocol } from '../../src/mavlink/messages.js';
import { Wire, type WireConditions, type WireCounts } from './wire.js';

// Runs in a separate program, so that neither end's work delays its packets (see far-side.ts).

/** The same in both directions. */
export interface LinkConditions extends WireConditions {
  readonly seed: number;
  /** Port of the vehicle on 127.0.0.1. */
  readonly vehicle: number;
  /** Telemetry messages a second beside the files; they count as load. */
  readonly telemetry: number;
}

/** The result of a link. */
export interface LinkReport {
  /** File transfer requests that the client has sent, and the datagrams that held them. */
  readonly requests: number;
  readonly datagrams: number;
  readonly up: WireCounts;
  readonly down: WireCounts;
  /** ms by which each telemetry message and heartbeat came later than on an idle link, null: dropped. */
  readonly added: readonly (number | null)[];
}

interface Waiting {
  readonly due: number;
  deliver(now: number): void;
}

/** Bytes of a telemetry message on the wire: ATTITUDE (28 bytes of payload) in a MAVLink 2 frame. */
const TELEMETRY_SIZE = 40;
const ATTITUDE = 30;
const HEARTBEAT = 0;

/** One direction: packets that are due are delivered, however late a timer rings. */
class Direction {
  readonly wire: Wire;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(how: WireConditions, seed: number) {
    this.wire = new Wire(how, seed);
  }

  /** `deliver` gets the time of delivery. False if the queue is full. */
  send(size: number, deliver: (now: number) => void): boolean {
    const transmission = this.wire.offer(size, performance.now());
    if (!transmission) return false;
    this.#waiting.push({ due: transmission.arrives, deliver: transmission.lost ? () => undefined : deliver });
    if (!this.#running) this.#run();
    return true;
  }

  readonly #run = (): void => {
    this.#running = true;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const now = performance.now();
      if (first.due > now) return void setTimeout(this.#run, first.due - now);
      this.#waiting.shift();
      first.deliver(now);
    }
    this.#running = false;
  };
}

/** A link between a client and a vehicle, both on 127.0.0.1. */
export class Emulator {
  readonly #conditions: LinkConditions;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #added: (number | null)[] = [];
  readonly #telemetryTimer: NodeJS.Timeout | undefined;
  /** Faces the client. */
  readonly #front: Socket;
  /** Faces the vehicle. */
  readonly #back: Socket;
  #closed = false;
  #client = 0;
  #requests = 0;
  #datagrams = 0;
  #sequence = 0;

  private constructor(how: LinkConditions, front: Socket, back: Socket) {
    this.#conditions = how;
    this.#up = new Direction(how, how.seed);
    this.#down = new Direction(how, how.seed + 1);
    this.#front = front;
    this.#back = back;
    front.on('message', (bytes, from) => {
      this.#client = from.port;
      this.#count(bytes);
      this.#up.send(bytes.length, () => {
        if (!this.#closed) back.send(bytes, how.vehicle, '127.0.0.1');
      });
    });
    back.on('message', bytes => this.#toClient(bytes));
    const period = 1000 / how.telemetry;
    if (how.telemetry > 0) this.#telemetryTimer = setInterval(() => this.#telemetry(), period);
  }

  static async open(how: LinkConditions): Promise<Emulator> {
    const [front, back] = await Promise.all([bound(), bound()]);
    return new Emulator(how, front, back);
  }

  get port(): number {
    return this.#front.address().port;
  }

  report(): LinkReport {
    const [requests, datagrams] = [this.#requests, this.#datagrams];
    return {
      requests,
      datagrams,
      up: this.#up.wire.counts,
      down: this.#down.wire.counts,
      added: this.#added,
    };
  }

  /** Packets in flight are lost. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#telemetryTimer);
    this.#front.close();
    this.#back.close();
  }

  #count(bytes: Uint8Array): void {
    const frames = new FrameDecoder().push(bytes);
    const requests = frames.filter(({ messageId }) => messageId === FileTransferProtocol.id).length;
    this.#requests += requests;
    if (requests > 0) this.#datagrams++;
  }

  #toClient(bytes: Uint8Array): void {
    if (messageOf(bytes) === HEARTBEAT) return this.#timed(bytes);
    this.#down.send(bytes.length, () => this.#deliver(bytes));
  }

  #telemetry(): void {
    const message = new Uint8Array(TELEMETRY_SIZE);
    message.set([0xfd, TELEMETRY_SIZE - 12, 0, 0, this.#sequence++ & 0xff, 1, 1, ATTITUDE]);
    if (this.#client) this.#timed(message);
  }

  #timed(bytes: Uint8Array): void {
    const { rate, delay } = this.#conditions;
    const idle = performance.now() + (bytes.length / rate) * 1000 + delay;
    const taken = this.#down.send(bytes.length, now => {
      this.#added.push(Math.max(0, now - idle));
      this.#deliver(bytes);
    });
    if (!taken) this.#added.push(null);
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#client && !this.#closed) this.#front.send(bytes, this.#client, '127.0.0.1');
  }
}

const messageOf = (frame: Uint8Array) => (frame[7] ?? 0) | ((frame[8] ?? 0) << 8) | ((frame[9] ?? 0) << 16);

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
