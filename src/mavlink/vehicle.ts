import {
  distinctUntilChanged,
  filter,
  firstValueFrom,
  fromEvent,
  Observable,
  ReplaySubject,
  takeUntil,
} from 'rxjs';
import { FileSyncError, throwIfAborted } from '../errors.js';
import type { Availability, Clock } from '../ports.js';
import { encodeFrame, FrameDecoder, type Frame } from './frame.js';
import { decodeFtpPayload, encodeFtpPayload, type FtpPayload } from './ftp-payload.js';
import { Link, type Transport } from './link.js';
import { FileTransferProtocol, Heartbeat } from './messages.js';
import { HeartbeatMonitor } from './heartbeat-monitor.js';

// MAVLink's numbers for what is used here (common message set).
const TYPE_ONBOARD_CONTROLLER = 18;
const AUTOPILOT_INVALID = 8;
const STATE_ACTIVE = 4;
const MAVLINK_VERSION = 3;

/** ms between our heartbeats; as often we look whether the vehicle's have stopped. */
const HEARTBEAT_INTERVAL = 1_000;
/** Ours until the vehicle's is known. */
const DEFAULT_SYSTEM = 1;

export interface VehicleOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Our own system id. Default: the vehicle's, as a companion computer has it. */
  readonly systemId?: number | undefined;
  /** Our own component id; nobody else on the vehicle's network may have it. */
  readonly componentId: number;
  /** The system id of the vehicle. Default: that of the first autopilot that is heard. */
  readonly targetSystem?: number | undefined;
}

/** One vehicle on a link: its heartbeats and ours, and messages to and from its autopilot. */
export class Vehicle {
  /** Connects when it is subscribed to. The first value comes when something is known, after some 5 s at the latest. */
  readonly availability: Observable<Availability>;
  readonly #options: VehicleOptions;
  readonly #link: Link;
  readonly #presence: HeartbeatMonitor;
  readonly #decoder = new FrameDecoder();
  readonly #states = new ReplaySubject<Availability>(1);
  readonly #closing = new AbortController();
  #ftpListener: (payload: FtpPayload) => void = () => undefined;
  #beating: Promise<void> | undefined;
  #sequence = 0;

  constructor(options: VehicleOptions) {
    const { transport, clock, targetSystem } = options;
    this.#options = options;
    this.#presence = new HeartbeatMonitor(transport.name, clock, targetSystem);
    this.#link = new Link(transport, clock, {
      receive: bytes => this.#receive(bytes),
      changed: trouble => this.#linkChanged(trouble),
    });
    const changes = this.#states.pipe(distinctUntilChanged(isSame));
    this.availability = new Observable(subscriber => {
      this.#open();
      return changes.subscribe(subscriber);
    });
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Why the vehicle is away; undefined if it is there or nothing is known yet. */
  get absence(): FileSyncError | undefined {
    const state = this.#presence.state;
    if (state?.available !== false) return undefined;
    const { kind = 'unavailable', temporary = true } = this.#presence.trouble ?? {};
    return new FileSyncError(kind, state.reason, { temporary });
  }

  /** Connects if need be. Resolves when the vehicle is there; rejects as soon as it is known to be away. */
  async ready(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    throwIfAborted(this.closed);
    this.#open();
    const known = this.#states.pipe(filter(() => this.#presence.state !== undefined));
    const ended = fromEvent(signal, 'abort');
    if (!this.#presence.state)
      await firstValueFrom(known.pipe(takeUntil(ended)), { defaultValue: undefined });
    throwIfAborted(signal);
    throwIfAborted(this.closed);
    if (this.absence) throw this.absence;
  }

  /** Lost while the vehicle is not known. */
  sendFtp(payload: FtpPayload): void {
    const { target } = this.#presence;
    if (!target) return;
    const message = FileTransferProtocol.encode({
      targetNetwork: 0,
      targetSystem: target.system,
      targetComponent: target.component,
      payload: encodeFtpPayload(payload),
    });
    this.#send(FileTransferProtocol.id, message);
  }

  /** Sets who hears what the autopilot says to us about files. */
  onFtp(listener: (payload: FtpPayload) => void): void {
    this.#ftpListener = listener;
  }

  /** Ends everything; a second call does nothing. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#states.complete();
    await this.#link.close();
    await this.#beating;
  }

  get #system(): number {
    const { systemId, targetSystem } = this.#options;
    return systemId ?? this.#presence.target?.system ?? targetSystem ?? DEFAULT_SYSTEM;
  }

  #open(): void {
    if (this.#beating || this.closed.aborted) return;
    this.#presence.linkOpened();
    this.#link.open();
    this.#beating = this.#beat();
  }

  async #beat(): Promise<void> {
    while (!this.closed.aborted) {
      this.#send(Heartbeat.id, OUR_HEARTBEAT);
      this.#publish();
      await this.#options.clock.sleep(HEARTBEAT_INTERVAL, this.closed).catch(() => undefined);
    }
  }

  #linkChanged(trouble: FileSyncError | undefined): void {
    this.#presence.linkChanged(trouble);
    if (!trouble) this.#send(Heartbeat.id, OUR_HEARTBEAT);
    this.#publish();
  }

  #send(messageId: number, payload: Uint8Array): void {
    this.#sequence = (this.#sequence + 1) & 0xff;
    const sender = { sequence: this.#sequence, system: this.#system, component: this.#options.componentId };
    this.#link.send(encodeFrame({ ...sender, messageId, payload }));
  }

  #receive(bytes: Uint8Array): void {
    for (const frame of this.#decoder.push(bytes)) {
      if (frame.messageId === Heartbeat.id) this.#heartbeat(frame);
      else if (frame.messageId === FileTransferProtocol.id) this.#ftp(frame);
    }
  }

  #heartbeat(frame: Frame): void {
    this.#presence.heartbeat(frame);
    this.#publish();
  }

  /** Replies to other clients on the same link are none of our business. */
  #ftp({ system, component, payload }: Frame): void {
    const { target } = this.#presence;
    if (system !== target?.system || component !== target.component) return;
    const { targetSystem, targetComponent, payload: content } = FileTransferProtocol.decode(payload);
    const ours = targetSystem === this.#system && targetComponent === this.#options.componentId;
    if (ours) this.#ftpListener(decodeFtpPayload(content));
  }

  #publish(): void {
    const { state } = this.#presence;
    if (state) this.#states.next(state);
  }
}

const OUR_HEARTBEAT = Heartbeat.encode({
  customMode: 0,
  type: TYPE_ONBOARD_CONTROLLER,
  autopilot: AUTOPILOT_INVALID,
  baseMode: 0,
  systemStatus: STATE_ACTIVE,
  mavlinkVersion: MAVLINK_VERSION,
});

const isSame = (a: Availability, b: Availability): boolean =>
  a.available === b.available && a.reason === b.reason && a.armed === b.armed;
