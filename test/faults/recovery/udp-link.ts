import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Address } from '../fault.js';
import { SPEED } from './fast-clock.js';
import { UNDER_WAY, type Link, type LinkTrouble } from './link.js';

/** Packets from the vehicle that pass while the link drips: one a second. */
const DRIP_MS = 1000 / SPEED;

/** A UDP port in front of a vehicle, whose trouble begins and ends when a test says. */
export class UdpLink implements Link {
  readonly #inner: Socket = createSocket('udp4');
  #outer: Socket = createSocket('udp4');
  #to: Address = { host: '', port: 0 };
  #port = 0;
  #client: RemoteInfo | undefined;
  #trouble: LinkTrouble | undefined;
  #bytes = 0;
  #size = 0;
  #passedAt = 0;
  struck = 0;

  async open(to: Address): Promise<number> {
    this.#to = to;
    await bind(this.#inner, 0);
    this.#inner.on('message', bytes => this.#fromVehicle(bytes));
    await this.#listen();
    this.#port = this.#outer.address().port;
    return this.#port;
  }

  async begin(trouble: LinkTrouble, size: number): Promise<void> {
    this.#size = size;
    this.#trouble = trouble;
    this.#bytes = 0;
    if (trouble !== 'refused') return;
    this.struck++;
    await closed(this.#outer);
  }

  /** There are none. */
  drop(): void {}

  async lift(): Promise<void> {
    const wasClosed = this.#trouble === 'refused';
    this.#trouble = undefined;
    if (!wasClosed) return;
    this.#outer = createSocket('udp4');
    await this.#listen();
  }

  async close(): Promise<void> {
    await closed(this.#inner);
    if (this.#trouble !== 'refused') await closed(this.#outer);
  }

  async #listen(): Promise<void> {
    await bind(this.#outer, this.#port);
    this.#outer.on('message', (bytes, from) => {
      this.#client = from;
      if (!this.#isLost()) this.#inner.send(bytes, this.#to.port, this.#to.host);
    });
  }

  #fromVehicle(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const client = this.#client;
    if (!client || this.#trouble === 'refused' || this.#isLost()) return;
    const sent = this.#trouble === 'wrong answer' ? garbled(bytes) : bytes;
    if (sent !== bytes) this.struck++;
    this.#outer.send(sent, client.port, client.address);
  }

  #isLost(): boolean {
    const trouble = this.#trouble;
    const isUnderWay = this.#bytes > UNDER_WAY * this.#size;
    const isLost =
      trouble === 'stall' ||
      ((trouble === 'half-open' || trouble === 'restart mid-transfer') && isUnderWay) ||
      (trouble === 'dripping' && !this.#drips());
    if (isLost) this.struck++;
    return isLost;
  }

  #drips(): boolean {
    const now = performance.now();
    if (now - this.#passedAt < DRIP_MS) return false;
    this.#passedAt = now;
    return true;
  }
}

/** The same frame with another payload: its checksum does not match. */
const garbled = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.map((byte, index) => (index < 10 ? byte : byte ^ 0x55)));

async function bind(socket: Socket, port: number): Promise<void> {
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
}

const closed = (socket: Socket): Promise<void> => new Promise(done => socket.close(done));
