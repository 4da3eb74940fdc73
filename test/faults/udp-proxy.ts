import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { corrupted, luckOf, type Address, type Fault, type FaultProxy } from './fault.js';

/** Share of packets that `drop` and `corrupt` strike. */
const SHARE = 0.1;
/** Packets that pass before the link goes dead, how often it does, and for how long; ms. */
const ALIVE = 150;
const DEATHS = 3;
const DEAD = 800;
/** Bytes a second in each direction. */
const RATE = 200_000;
/** ms of sending that wait in front of a slow link; the rest is dropped. */
const QUEUE = 200;

/**
 * A UDP port on loopback between one client and a server: `drop` loses packets, `corrupt` changes a byte, `throttle`
 * makes the link slow with a short queue, `cut` loses every packet for a while, `stall` holds them back as long.
 */
export class UdpFaultProxy implements FaultProxy {
  readonly #fault: Fault;
  readonly #luck: () => number;
  readonly #outer: Socket = createSocket('udp4');
  readonly #inner: Socket = createSocket('udp4');
  readonly #timers = new Set<NodeJS.Timeout>();
  #client: RemoteInfo | undefined;
  #alive = 0;
  #deaths = 0;
  #deadUntil = 0;
  #idleAt = 0;
  #struck = 0;

  constructor(fault: Fault) {
    this.#fault = fault;
    this.#luck = luckOf(fault.seed);
  }

  /** Packets that were struck. */
  get struck(): number {
    return this.#struck;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(
      [this.#outer, this.#inner].map(socket => new Promise<void>(done => socket.close(done))),
    );
  }

  /** Once only. */
  async open(to: Address): Promise<number> {
    for (const socket of [this.#outer, this.#inner]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    this.#outer.on('message', (bytes, from) => {
      this.#client = from;
      this.#pass(bytes, passed => this.#inner.send(passed, to.port, to.host));
    });
    this.#inner.on('message', bytes => {
      const client = this.#client;
      if (client) this.#pass(bytes, passed => this.#outer.send(passed, client.port, client.address));
    });
    return this.#outer.address().port;
  }

  #pass(bytes: Buffer, send: (bytes: Buffer) => void): void {
    const { kind } = this.#fault;
    if (kind === 'drop') this.#unless(this.#strikes(), () => send(bytes));
    else if (kind === 'corrupt') send(this.#strikes() ? corrupted(bytes, this.#anyOf(bytes)) : bytes);
    else if (kind === 'throttle') this.#queue(bytes.length, () => send(bytes));
    else if (kind === 'cut') this.#unless(this.#dead() > 0, () => send(bytes));
    else this.#later(this.#dead(), () => send(bytes));
  }

  #unless(struck: boolean, send: () => void): void {
    if (struck) this.#struck++;
    else send();
  }

  #strikes(): boolean {
    const strikes = this.#luck() < SHARE;
    if (strikes && this.#fault.kind === 'corrupt') this.#struck++;
    return strikes;
  }

  #anyOf(bytes: Buffer): number {
    return Math.floor(this.#luck() * bytes.length);
  }

  /** ms that the link stays dead; 0: it is alive. */
  #dead(): number {
    const now = performance.now();
    if (now < this.#deadUntil) return this.#deadUntil - now;
    if (++this.#alive % ALIVE !== 0 || this.#deaths === DEATHS) return 0;
    this.#deaths++;
    this.#deadUntil = now + DEAD;
    return DEAD;
  }

  /** Sends when the link has sent what it was given before. */
  #queue(size: number, send: () => void): void {
    const now = performance.now();
    const sent = Math.max(now, this.#idleAt) + (size / RATE) * 1000;
    if (sent - now > QUEUE) return void this.#struck++;
    this.#idleAt = sent;
    this.#later(sent - now, send);
  }

  #later(wait: number, send: () => void): void {
    if (wait <= 0) return send();
    this.#struck++;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, wait);
    this.#timers.add(timer);
  }
}
