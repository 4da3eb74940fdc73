import type { RemoteInfo } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { FileSyncError } from '../errors.js';
import type { Clock, Logger } from '../ports.js';
import { FrameDecoder } from './frame.js';
import { isAutopilot } from './heartbeat-monitor.js';
import { Heartbeat } from './messages.js';
import type { Broadcast, Endpoint } from './url.js';

/** ms of silence after which another sender may replace the current one. */
const SENDER_TIMEOUT_MS = 5_000;
/** ms of silence after which a host name is looked up again, and between two look-ups. */
const LOOKUP_INTERVAL_MS = 15_000;
/** Datagrams a second from senders that are not the peer which are examined for heartbeats. */
const MAX_EXAMINED_PER_S = 50;
/** Other senders that are remembered and reported. */
const MAX_OTHERS = 32;

/** The other end of a UDP link. */
export interface Peer {
  /** Undefined until it is known. */
  readonly endpoint: Endpoint | undefined;
  /** Whether the datagram is the vehicle's. */
  accepts(bytes: Uint8Array, from: RemoteInfo): boolean;
  /** The peer has answered a request of ours: it is the vehicle. */
  confirm(): void;
  /** The peer does not answer. True if another sender takes its place. */
  tryNextSender(): boolean;
}

export interface PeerOptions {
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** System id of the vehicle; undefined: the first autopilot. */
  readonly system?: number | undefined;
}

/** Reads the heartbeats of autopilots in datagrams of strangers, a limited number a second. */
class Strangers {
  readonly #options: PeerOptions;
  readonly #reported = new Set<string>();
  #second = 0;
  #examined = 0;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** System id of an autopilot that sends a heartbeat in the datagram: the wanted one, if there is one. */
  heartbeat(bytes: Uint8Array): number | undefined {
    const second = Math.floor(this.#options.clock.monotonic() / 1000);
    if (second !== this.#second) this.#examined = 0;
    this.#second = second;
    if (++this.#examined > MAX_EXAMINED_PER_S) return undefined;
    const beats = new FrameDecoder()
      .push(bytes)
      .filter(frame => frame.messageId === Heartbeat.id && isAutopilot(frame));
    const { system } = this.#options;
    return beats.find(beat => system === undefined || beat.system === system)?.system;
  }

  report(from: RemoteInfo, system: number, peer: Endpoint): void {
    const key = keyOf(from);
    if (this.#reported.has(key) || this.#reported.size >= MAX_OTHERS) return;
    this.#reported.add(key);
    this.#options.logger?.log(
      'warn',
      `${key} also sends heartbeats of vehicle ${system}, which is at ${peer.host}:${peer.port}: ignored; if that is the vehicle, correct url, else find out who sends them`,
    );
  }
}

/** A configured host. Its replies may come from another port, as behind a router. */
export class FixedPeer implements Peer {
  readonly #remote: Endpoint;
  readonly #family: 4 | 6;
  readonly #options: PeerOptions;
  readonly #strangers: Strangers;
  #address: string;
  #heardAt: number;

  private constructor(remote: Endpoint, family: 4 | 6, address: string, options: PeerOptions) {
    this.#remote = remote;
    this.#family = family;
    this.#address = address;
    this.#options = options;
    this.#strangers = new Strangers(options);
    this.#heardAt = options.clock.monotonic();
  }

  static async at(remote: Endpoint, family: 4 | 6, options: PeerOptions): Promise<FixedPeer> {
    try {
      const { address } = await lookup(remote.host, { family });
      return new FixedPeer(remote, family, address, options);
    } catch (cause) {
      const message = `${remote.host} has no known address: check the host name in url`;
      throw new FileSyncError('unavailable', message, { cause });
    }
  }

  /** The name of a vehicle that is silent is looked up again: its address may be another one by now. */
  get endpoint(): Endpoint {
    const now = this.#options.clock.monotonic();
    if (now - this.#heardAt >= LOOKUP_INTERVAL_MS) {
      this.#heardAt = now;
      void this.#lookUp();
    }
    return { host: this.#address, port: this.#remote.port };
  }

  accepts(bytes: Uint8Array, from: RemoteInfo): boolean {
    if (from.address === this.#address) {
      this.#heardAt = this.#options.clock.monotonic();
      return true;
    }
    const system = this.#strangers.heartbeat(bytes);
    if (system !== undefined) this.#strangers.report(from, system, { ...this.#remote, host: this.#address });
    return false;
  }

  confirm(): void {}

  tryNextSender(): boolean {
    return false;
  }

  async #lookUp(): Promise<void> {
    const found = await lookup(this.#remote.host, { family: this.#family }).catch(() => undefined);
    if (found) this.#address = found.address;
  }
}

/** Another sender of the vehicle's heartbeats. */
interface Candidate {
  readonly endpoint: Endpoint;
  readonly system: number;
  /** Monotonic ms. */
  heardAt: number;
}

/**
 * The sender of the vehicle's heartbeats, which is not configured. The first one gets our requests. One that does not
 * answer gives its place to the next; one that has answered keeps it until it has been silent for SENDER_TIMEOUT_MS.
 */
export class LearnedPeer implements Peer {
  readonly #options: PeerOptions;
  readonly #strangers: Strangers;
  /** In the order in which they were heard; by address. */
  readonly #others = new Map<string, Candidate>();
  #current: Candidate | undefined;
  #confirmed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#strangers = new Strangers(options);
  }

  get endpoint(): Endpoint | undefined {
    return this.#current?.endpoint;
  }

  accepts(bytes: Uint8Array, from: RemoteInfo): boolean {
    const now = this.#options.clock.monotonic();
    const current = this.#current;
    if (current?.endpoint.host === from.address && current.endpoint.port === from.port) {
      current.heardAt = now;
      return true;
    }
    const system = this.#strangers.heartbeat(bytes);
    if (system === undefined) return false;
    const candidate = { endpoint: { host: from.address, port: from.port }, system, heardAt: now };
    if (!current || now - current.heardAt >= SENDER_TIMEOUT_MS) {
      this.#take(candidate);
      return true;
    }
    if (this.#others.size < MAX_OTHERS) this.#others.set(keyOf(from), candidate);
    if (this.#confirmed && system === current.system) this.#strangers.report(from, system, current.endpoint);
    return false;
  }

  confirm(): void {
    this.#confirmed = true;
  }

  tryNextSender(): boolean {
    if (this.#confirmed) return false;
    const oldest = this.#options.clock.monotonic() - SENDER_TIMEOUT_MS;
    for (const [key, candidate] of this.#others) {
      this.#others.delete(key);
      if (candidate.heardAt < oldest) continue;
      const { logger } = this.#options;
      logger?.log('debug', `no answer from the first sender of heartbeats: the next one is ${key}`);
      this.#take(candidate);
      return true;
    }
    return false;
  }

  #take(candidate: Candidate): void {
    const { host, port } = candidate.endpoint;
    this.#others.delete(`${host}:${port}`);
    this.#current = candidate;
    this.#confirmed = false;
  }
}

/** All hosts of the network, and the vehicle once it is heard (unless `always`). */
export class BroadcastPeer extends LearnedPeer {
  readonly #broadcast: Broadcast;

  constructor(broadcast: Broadcast, options: PeerOptions) {
    super(options);
    this.#broadcast = broadcast;
  }

  override get endpoint(): Endpoint {
    const all = { host: '255.255.255.255', port: this.#broadcast.port };
    return this.#broadcast.always ? all : (super.endpoint ?? all);
  }
}

const keyOf = ({ address, port }: RemoteInfo): string => `${address}:${port}`;
