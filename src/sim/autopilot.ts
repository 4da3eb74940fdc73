import type { Frame } from '../mavlink/frame.js';
import { decodeFtpPayload, encodeFtpPayload, type FtpPayload } from '../mavlink/ftp-payload.js';
import { CommandAck, CommandLong, FileTransferProtocol, Heartbeat } from '../mavlink/messages.js';
import {
  CMD_COMPONENT_ARM_DISARM,
  MAVLINK_VERSION,
  MODE_FLAG_ARMED,
  RESULT_ACCEPTED,
  RESULT_UNSUPPORTED,
  STATE_ACTIVE,
  TYPE_QUADROTOR,
} from '../mavlink/numbers.js';
import type { Clock } from '../ports.js';
import type { Requester } from './exchange.js';
import type { Folder } from './folder.js';
import { LogServer } from './log-server.js';
import { requestedMessage } from './requested-messages.js';
import type { Address, Network, OutgoingMessage } from './network.js';
import type { CommandRules, HeartbeatFields } from './personality.js';
import type { FileTraffic, Traffic } from './traffic.js';

const HEARTBEAT_INTERVAL_MS = 1000;
/** ms by which a burst may be ahead of its pace, since timers are no finer, and by which it may catch up. */
const MAX_AHEAD_MS = 2;
const MAX_BEHIND_MS = 10;
/** ms for which a client gets heartbeats after its latest frame. */
const PEER_TIMEOUT_MS = 60_000;

interface Peer {
  readonly address: Address;
  /** Monotonic ms. */
  heard: number;
}

export interface SimStats {
  /** File transfer requests that arrived. */
  readonly requests: number;
  /** Data bytes of files that were sent, whether they arrived or not. */
  readonly bytesServed: number;
  /** Packets that the impairments dropped, in both directions. */
  readonly packetsDropped: number;
  /** By the vehicle's path, such as `/log/a.ulg`. */
  readonly files: ReadonlyMap<string, FileTraffic>;
}

/** A running simulated autopilot. */
export interface Sim {
  /** The address on which it listens. */
  readonly address: Address;
  readonly stats: SimStats;
  readonly armed: boolean;
  /** The MAV_CMD numbers of the commands that arrived. */
  readonly commands: readonly number[];
  /** A log transfer was begun and not ended: the vehicle logs nothing. */
  readonly inLogTransfer: boolean;
  /** Sends a heartbeat at once. */
  arm(armed: boolean): void;
  toggleArmed(): void;
  /** Sets all counts but the dropped packets to zero. */
  resetStats(): void;
  /**
   * From now on no byte of the file from `offset` (default 0) on is sent: requests for it stay unanswered.
   * The returned function ends that.
   */
  hold(path: string, offset?: number): () => void;
  /** Frees the port and closes all files; a second call does nothing. */
  close(): Promise<void>;
}

/** What answers file transfer requests. */
export interface FileServer {
  readonly traffic: Traffic;
  /** Never throws; replies go to the requester, at once or later. */
  receive(request: FtpPayload, from: Requester): void;
  /** Closes idle sessions. */
  expire(): Promise<void>;
  /** See `Sim.hold`; absent where no file can be held back. */
  hold?(path: string, offset: number): () => void;
  close(): Promise<void>;
}

export interface AutopilotOptions {
  readonly to: Address | undefined;
  readonly clock: Clock;
  readonly heartbeat: HeartbeatFields;
  /** ms from one packet of a burst to the next on average; 0: as fast as the link takes them. */
  readonly burstInterval: number;
  /** Replies go to all components of the client's system. */
  readonly toAllComponents?: boolean | undefined;
  /** What it answers besides file transfer, about that folder; absent: arming only. */
  readonly extras?: { readonly folder: Folder; readonly commands: CommandRules };
}

/** The simulated vehicle: heartbeats, arming, and the file server. */
export class Autopilot implements Sim {
  readonly address: Address;
  readonly #network: Network;
  readonly #options: AutopilotOptions;
  readonly #clock: Clock;
  readonly #server: FileServer;
  readonly #commands: number[] = [];
  readonly #logs: LogServer | undefined;
  /** By host and port. */
  readonly #peers = new Map<string, Peer>();
  /** By address, system and component. */
  readonly #requesters = new Map<string, Requester>();
  readonly #closing = new AbortController();
  #armed = false;
  /** Monotonic ms at which the next packet of a burst is due. */
  #burstDue = 0;

  constructor(network: Network, server: FileServer, options: AutopilotOptions) {
    this.address = network.address;
    this.#network = network;
    this.#options = options;
    this.#clock = options.clock;
    this.#server = server;
    this.#logs = options.extras?.commands.logs ? new LogServer(options.extras.folder) : undefined;
    if (options.to) this.#peers.set(keyOf(options.to), { address: options.to, heard: Infinity });
    network.onFrame((frame, from) => this.#receive(frame, from));
    void this.#live();
  }

  get stats(): SimStats {
    const { requests, bytesServed, files } = this.#server.traffic;
    return { requests, bytesServed, files: new Map(files), packetsDropped: this.#network.dropped };
  }

  get armed(): boolean {
    return this.#armed;
  }

  get inLogTransfer(): boolean {
    return this.#logs?.busy ?? false;
  }

  get commands(): readonly number[] {
    return this.#commands;
  }

  arm(armed: boolean): void {
    this.#armed = armed;
    this.#sendHeartbeats();
  }

  toggleArmed(): void {
    this.arm(!this.#armed);
  }

  resetStats(): void {
    this.#server.traffic.reset();
  }

  hold(path: string, offset = 0): () => void {
    return this.#server.hold?.(path, offset) ?? (() => undefined);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#network.close();
    await this.#server.close();
  }

  async #live(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#forgetSilentPeers();
      this.#sendHeartbeats();
      await this.#server.expire();
      await this.#clock.sleep(HEARTBEAT_INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  #sendHeartbeats(): void {
    const { customMode, autopilot, baseMode, systemStatus } = this.#options.heartbeat;
    const payload = Heartbeat.encode({
      customMode,
      type: TYPE_QUADROTOR,
      autopilot,
      baseMode: this.#armed ? baseMode | MODE_FLAG_ARMED : baseMode,
      systemStatus: this.#armed ? STATE_ACTIVE : systemStatus,
      mavlinkVersion: MAVLINK_VERSION,
    });
    const heartbeat: OutgoingMessage = { messageId: Heartbeat.id, payload };
    for (const { address } of this.#peers.values()) this.#network.sendHeartbeat(heartbeat, address);
  }

  #forgetSilentPeers(): void {
    const oldest = this.#clock.monotonic() - PEER_TIMEOUT_MS;
    for (const [key, { heard }] of this.#peers) {
      if (heard >= oldest) continue;
      this.#peers.delete(key);
      for (const id of this.#requesters.keys()) if (id.startsWith(`${key}/`)) this.#requesters.delete(id);
    }
  }

  #receive(frame: Frame, from: Address): void {
    this.#hear(from);
    const { withoutFtp = false } = this.#options.extras?.commands ?? {};
    const sendLog = async (message: OutgoingMessage) => {
      this.#network.send(message, from);
      await this.#network.ready();
    };
    if (frame.messageId === FileTransferProtocol.id && !withoutFtp) this.#receiveFtp(frame, from);
    else if (frame.messageId === CommandLong.id) this.#receiveCommand(frame, from);
    else this.#logs?.receive(frame, sendLog);
  }

  #hear(address: Address): void {
    const key = keyOf(address);
    const peer = this.#peers.get(key);
    const heard = this.#clock.monotonic();
    if (!peer) this.#peers.set(key, { address, heard });
    else peer.heard = Math.max(peer.heard, heard);
  }

  #receiveFtp(frame: Frame, from: Address): void {
    const message = FileTransferProtocol.decode(frame.payload);
    if (!this.#isForUs(message)) return;
    this.#server.receive(decodeFtpPayload(message.payload), this.#requester(frame, from));
  }

  #requester({ system, component }: Frame, from: Address): Requester {
    const id = `${keyOf(from)}/${system}/${component}`;
    const known = this.#requesters.get(id);
    if (known) return known;
    const targetComponent = this.#options.toAllComponents ? 0 : component;
    const target = { targetNetwork: 0, targetSystem: system, targetComponent };
    const requester = {
      id,
      send: (reply: FtpPayload) => this.#network.send(framed(reply, target), from),
      ready: () => this.#burstReady(),
    };
    this.#requesters.set(id, requester);
    return requester;
  }

  /** Resolves when the link, and the pace of the vehicle, allow another packet of a burst; never rejects. */
  async #burstReady(): Promise<void> {
    await this.#network.ready();
    const now = this.#clock.monotonic();
    this.#burstDue = Math.max(this.#burstDue, now - MAX_BEHIND_MS) + this.#options.burstInterval;
    const ahead = this.#burstDue - now;
    if (ahead > MAX_AHEAD_MS) await this.#clock.sleep(ahead, this.#closing.signal).catch(() => undefined);
  }

  /** The id 0 addresses all. */
  #isForUs(target: { readonly targetSystem: number; readonly targetComponent: number }): boolean {
    const { system, component } = this.#network.ids;
    return [0, system].includes(target.targetSystem) && [0, component].includes(target.targetComponent);
  }

  #receiveCommand({ payload, system, component }: Frame, from: Address): void {
    const message = CommandLong.decode(payload);
    if (!this.#isForUs(message)) return;
    const { command, param1 } = message;
    this.#commands.push(command);
    const isArming = command === CMD_COMPONENT_ARM_DISARM;
    if (isArming) this.arm(param1 >= 0.5);
    const { extras } = this.#options;
    const answer = isArming || !extras ? undefined : requestedMessage(message, extras.commands);
    const result = isArming || answer ? RESULT_ACCEPTED : RESULT_UNSUPPORTED;
    const target = { targetSystem: system, targetComponent: component };
    const ack = CommandAck.encode({ command, result, progress: 0, resultParam2: 0, ...target });
    this.#network.send({ messageId: CommandAck.id, payload: ack }, from);
    if (answer && extras) void answer(extras.folder).then(reply => this.#network.send(reply, from));
  }
}

function framed(
  reply: FtpPayload,
  target: { targetNetwork: number; targetSystem: number; targetComponent: number },
): OutgoingMessage {
  const payload = FileTransferProtocol.encode({ ...target, payload: encodeFtpPayload(reply) });
  return { messageId: FileTransferProtocol.id, payload };
}

const keyOf = ({ host, port }: Address) => `${host}:${port}`;
