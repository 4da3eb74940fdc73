import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FileSyncError } from '../errors.js';
import { encodeFrame, FrameDecoder, type Frame } from '../mavlink/frame.js';
import type { Signing } from '../mavlink/signing.js';
import type { Clock, Logger } from '../ports.js';
import { Impairment, type Impairments } from './impairment.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A message to be framed. */
export interface OutgoingMessage {
  readonly messageId: number;
  readonly payload: Uint8Array;
}

/** The sender of a frame. */
export interface MavlinkIds {
  readonly system: number;
  readonly component: number;
}

export const AUTOPILOT_IDS: MavlinkIds = { system: 1, component: 1 };

/** Bytes, for clients with many requests in flight. */
const SOCKET_BUFFER_BYTES = 1024 * 1024;
/** Burst packets that are sent in one turn of the event loop; requests are received in between. */
const PACKETS_PER_TURN = 8;

export interface NetworkOptions {
  readonly listen: Address;
  readonly ids: MavlinkIds;
  readonly signing?: Signing | undefined;
  /** Only the first frame of a datagram is read, as by some bridges to a radio (MavESP8266). */
  readonly firstFrameOnly?: boolean | undefined;
  readonly impairments: Impairments;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type FrameListener = (frame: Frame, from: Address) => void;

/** MAVLink over one UDP socket, with impairments. */
export class Network {
  readonly address: Address;
  readonly ids: MavlinkIds;
  readonly #signing: Signing | undefined;
  readonly #firstFrameOnly: boolean;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #in: Impairment;
  readonly #out: Impairment;
  /** Impaired separately, so that the losses of files do not depend on the time. */
  readonly #heartbeats: Impairment;
  readonly #closing = new AbortController();
  #onFrame: FrameListener = () => undefined;
  #sequence = 0;
  #burst = 0;

  private constructor(socket: Socket, options: NetworkOptions) {
    const { impairments, clock, logger } = options;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    this.ids = options.ids;
    this.#signing = options.signing;
    this.#firstFrameOnly = options.firstFrameOnly ?? false;
    this.#socket = socket;
    this.#clock = clock;
    this.#in = new Impairment(impairments, clock, 0);
    this.#out = new Impairment(impairments, clock, 1);
    this.#heartbeats = new Impairment(impairments, clock, 2);
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', error => logger.log('warn', `UDP: ${error.message}`));
  }

  /** Throws `config` if the port cannot be bound. */
  static async open(options: NetworkOptions): Promise<Network> {
    const { host, port } = options.listen;
    const socket = createSocket({
      type: isIPv6(host) ? 'udp6' : 'udp4',
      recvBufferSize: SOCKET_BUFFER_BYTES,
    });
    try {
      socket.bind(port, host);
      await once(socket, 'listening');
    } catch (cause) {
      socket.close();
      throw cannotListen(options.listen, cause);
    }
    return new Network(socket, options);
  }

  /** Frames that arrived before are lost. */
  onFrame(listener: FrameListener): void {
    this.#onFrame = listener;
  }

  /** Packets that the impairments dropped, in both directions. */
  get dropped(): number {
    return this.#in.dropped + this.#out.dropped + this.#heartbeats.dropped;
  }

  send(message: OutgoingMessage, to: Address): void {
    this.#transmit(this.#out, message, to);
  }

  sendHeartbeat(message: OutgoingMessage, to: Address): void {
    this.#transmit(this.#heartbeats, message, to);
  }

  /** Resolves when another packet of a burst can be sent; never rejects. */
  async ready(): Promise<void> {
    const wait = this.#out.congestion;
    if (wait > 0) await this.#clock.sleep(wait, this.#closing.signal).catch(() => undefined);
    else if (++this.#burst % PACKETS_PER_TURN === 0) await nextTurn();
  }

  /** Frees the port. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const direction of [this.#in, this.#out, this.#heartbeats]) direction.close();
    await new Promise<void>(resolve => this.#socket.close(resolve));
  }

  #receive(bytes: Buffer, { address, port }: RemoteInfo): void {
    this.#in.send(bytes.length, () => {
      const from = { host: address, port };
      const frames = new FrameDecoder().push(bytes);
      for (const frame of this.#firstFrameOnly ? frames.slice(0, 1) : frames)
        if (!this.#signing || this.#signing.verify(frame) === 'valid') this.#onFrame(frame, from);
    });
  }

  #transmit(direction: Impairment, message: OutgoingMessage, to: Address): void {
    this.#sequence = (this.#sequence + 1) & 0xff;
    const ids = { ...this.ids, sequence: this.#sequence };
    const bytes = encodeFrame({ ...message, ...ids }, this.#signing);
    direction.send(bytes.length, () => this.#put(bytes, to));
  }

  #put(bytes: Uint8Array, to: Address): void {
    if (!this.#closing.signal.aborted) this.#socket.send(bytes, to.port, to.host);
  }
}

function cannotListen({ host, port }: Address, cause: unknown): FileSyncError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why =
    code === 'EADDRINUSE'
      ? `UDP port ${port} of ${host} is taken; stop the program that has it, or listen on another port`
      : `cannot listen on ${host}:${port}; name an address of this machine and a port that you may use`;
  return new FileSyncError('config', why, { operation: 'listen', cause });
}
