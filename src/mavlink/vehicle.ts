import {
  distinctUntilChanged,
  filter,
  firstValueFrom,
  fromEvent,
  Observable,
  ReplaySubject,
  takeUntil,
} from 'rxjs';
import { FileSyncError, throwIfAborted, toFileSyncError } from '../errors.js';
import type { Availability, Clock } from '../ports.js';
import { encodeFrame, FrameDecoder, type Frame } from './frame.js';
import { decodeFtpPayload, encodeFtpPayload, type FtpPayload } from './ftp-payload.js';
import { Link, type Transport } from './link.js';
import { Outbox } from './outbox.js';
import {
  AutopilotVersion,
  FileTransferProtocol,
  Heartbeat,
  LogData,
  LogEntry,
  type Fields,
  type MessageType,
  type Values,
} from './messages.js';
import {
  AUTOPILOT_INVALID,
  CAPABILITY_FTP,
  MAVLINK_VERSION,
  STATE_ACTIVE,
  TYPE_ONBOARD_CONTROLLER,
} from './numbers.js';
import type { Signing } from './signing.js';
import { MessageRequests } from './message-requests.js';
import { uidText, versionText } from './version-text.js';
import { Beat } from './beat.js';
import { HeartbeatMonitor } from './heartbeat-monitor.js';
import { isSameAvailability } from '../system/availability.js';

/** Requests without an answer after which another sender of heartbeats is tried, if there is one. */
const MAX_UNANSWERED = 3;
/** Between two requests for the version, and how many without an answer are enough. */
const VERSION_INTERVAL_MS = 60_000;
const MAX_VERSION_REQUESTS = 5;
/** System id of this program until the vehicle's is known. */
const DEFAULT_SYSTEM = 1;

export interface VehicleOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** System id of this program. Default: the vehicle's, as for a companion computer. */
  readonly systemId?: number | undefined;
  /** Component id of this program, unique on the vehicle's network. */
  readonly componentId: number;
  /** Signs what is sent; what is received counts only with a valid signature. */
  readonly signing?: Signing | undefined;
  /** System id of the vehicle. Default: that of the first autopilot that sends a heartbeat. */
  readonly targetSystem?: number | undefined;
}

/** One vehicle on a link: heartbeats in both directions, and messages to and from its autopilot. */
export class Vehicle {
  /** Connects at the first subscription. The first value comes with a heartbeat, or after some 5 s. */
  readonly availability: Observable<Availability>;
  readonly #options: VehicleOptions;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #monitor: HeartbeatMonitor;
  readonly #beat: Beat;
  readonly #decoder = new FrameDecoder();
  readonly #states = new ReplaySubject<Availability>(1);
  readonly #closing = new AbortController();
  #othersHeardAt = -Infinity;
  #ftpListener: (payload: FtpPayload) => boolean = () => false;
  /** Requests without an answer since the other end of the link was chosen. */
  #unanswered = 0;
  readonly #requests: MessageRequests;
  #beating: Promise<void> | undefined;
  #sequence = 0;
  /** For one request after the other: each is copied into its frame. */
  readonly #ftpMessage = ftpMessage();
  /** Monotonic ms before which the version is not asked for (again); reset when the vehicle goes offline. */
  #versionAskedAgain = -Infinity;
  #versionUnanswered = 0;
  #signs = false;
  #hasFtp: boolean | undefined;
  #logListener: (frame: Frame) => void = () => undefined;

  constructor(options: VehicleOptions) {
    const { transport, clock, targetSystem } = options;
    this.#options = options;
    this.#monitor = new HeartbeatMonitor(transport, clock, targetSystem);
    this.#beat = new Beat(clock, this.closed);
    this.#link = new Link(transport, clock, {
      receive: bytes => this.#receive(bytes),
      changed: linkError => this.#linkChanged(linkError),
    });
    this.#outbox = new Outbox({
      send: bytes => this.#link.send(bytes),
      together: () => this.#link.together,
    });
    this.#requests = new MessageRequests({
      clock,
      closed: this.#closing.signal,
      armed: () => this.#monitor.armed,
      target: () => this.#monitor.target,
      send: (messageId, payload) => this.#send(messageId, payload),
    });
    const changes = this.#states.pipe(distinctUntilChanged(isSameAvailability));
    this.availability = new Observable(subscriber => {
      this.#open();
      return changes.subscribe(subscriber);
    });
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Why the vehicle is offline; undefined if it is online or not known yet. */
  get absence(): FileSyncError | undefined {
    const state = this.#monitor.state;
    if (state?.available !== false) return undefined;
    const { kind = 'unavailable', temporary = true } = this.#monitor.linkError ?? {};
    return new FileSyncError(kind, state.reason, { temporary });
  }

  /** Connects if needed. Resolves when the vehicle is online; rejects as soon as it counts as offline. */
  async ready(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    throwIfAborted(this.closed);
    this.#open();
    const known = this.#states.pipe(filter(() => this.#monitor.state !== undefined));
    const ended = fromEvent(signal, 'abort');
    if (!this.#monitor.state) await firstValueFrom(known.pipe(takeUntil(ended)), { defaultValue: undefined });
    throwIfAborted(signal);
    throwIfAborted(this.closed);
    if (this.absence) throw this.absence;
  }

  /** It signs its messages while this program does not: it may answer only signed ones. */
  get signs(): boolean {
    return this.#signs;
  }

  /** Which autopilot it is, where its log folder is known. */
  get autopilot(): string | undefined {
    return this.#monitor.autopilot;
  }

  /** A message that the vehicle sends on request; undefined while it is armed, or if it does not send it. */
  query<F extends Fields>(type: MessageType<F>, signal: AbortSignal): Promise<Values<F> | undefined> {
    return this.#requests.request(type, signal);
  }

  /** Whether it says that it supports MAVLink FTP; undefined: it has not said. */
  get hasFtp(): boolean | undefined {
    return this.#hasFtp;
  }

  /** Whether it was armed at its last heartbeat. */
  get armed(): boolean {
    return this.#monitor.armed;
  }

  /** Sends a message of the log protocol to the autopilot. It is lost while the vehicle is not known. */
  sendLog<F extends Fields>(
    type: MessageType<F>,
    values: Omit<Values<F>, 'targetSystem' | 'targetComponent'>,
  ): void {
    const { target } = this.#monitor;
    if (!target) return;
    const ids = { targetSystem: target.system, targetComponent: target.component };
    this.#send(type.id, type.encode({ ...values, ...ids } as unknown as Values<F>));
  }

  /** Sets the listener for the autopilot's LOG_ENTRY and LOG_DATA, which have no addressee. */
  onLog(listener: (frame: Frame) => void): void {
    this.#logListener = listener;
  }

  /** The payload is lost while the vehicle is not known. */
  sendFtp(payload: FtpPayload): void {
    this.#tryNextSender();
    const { target } = this.#monitor;
    if (!target) return;
    const { bytes, payload: part } = this.#ftpMessage;
    bytes.fill(0);
    bytes[1] = target.system;
    bytes[2] = target.component;
    encodeFtpPayload(payload, part);
    this.#send(FileTransferProtocol.id, bytes, payload.sequence);
  }

  /** The file transfer messages that `work` sends leave at its end, several in one datagram or write. */
  together(work: () => void): void {
    this.#outbox.hold(work);
  }

  /**
   * Sets the listener for the autopilot's file transfer messages to this program. It returns whether the message is the
   * answer to a request: the sender of an answer is the vehicle.
   */
  onFtp(listener: (payload: FtpPayload) => boolean): void {
    this.#ftpListener = listener;
  }

  /** Monotonic ms of the last file transfer message of the vehicle to another client; -Infinity: none was heard. */
  get othersHeardAt(): number {
    return this.#othersHeardAt;
  }

  /** Ends everything; a second call does nothing. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#states.complete();
    await this.#link.close();
    await this.#beating;
    await this.#options.signing?.close().catch(() => undefined);
  }

  get #system(): number {
    const { systemId, targetSystem } = this.#options;
    return systemId ?? this.#monitor.target?.system ?? targetSystem ?? DEFAULT_SYSTEM;
  }

  #open(): void {
    if (this.#beating || this.closed.aborted) return;
    const { signing } = this.#options;
    this.#beating = signing ? this.#runSigned(signing) : this.#run();
  }

  async #runSigned(signing: Signing): Promise<void> {
    try {
      await signing.open();
    } catch (error) {
      return this.#linkChanged(toFileSyncError(error));
    }
    return this.#run();
  }

  #run(): Promise<void> {
    this.#monitor.linkOpened();
    if (!this.closed.aborted) this.#link.open();
    return this.#sendHeartbeats();
  }

  async #sendHeartbeats(): Promise<void> {
    while (!this.closed.aborted) {
      this.#send(Heartbeat.id, OUR_HEARTBEAT);
      this.#publish();
      await this.#beat.next();
    }
  }

  #linkChanged(linkError: FileSyncError | undefined): void {
    this.#monitor.linkChanged(linkError);
    this.#outbox.forget();
    if (!linkError) this.#send(Heartbeat.id, OUR_HEARTBEAT);
    this.#publish();
  }

  /** `number` identifies a request. */
  #send(messageId: number, payload: Uint8Array, number?: number): void {
    this.#sequence = (this.#sequence + 1) & 0xff;
    const [sequence, system, component] = [this.#sequence, this.#system, this.#options.componentId];
    const frame = encodeFrame({ sequence, system, component, messageId, payload }, this.#options.signing);
    this.#outbox.put(frame, number);
  }

  #receive(bytes: Uint8Array): void {
    for (const frame of this.#decoder.push(bytes)) {
      if (!this.#isTrusted(frame)) continue;
      if (frame.messageId === Heartbeat.id) this.#heartbeat(frame);
      else if (frame.messageId === FileTransferProtocol.id) this.#ftp(frame);
      else if (frame.messageId === LogEntry.id || frame.messageId === LogData.id) this.#log(frame);
      else this.#requests.receive(frame);
    }
  }

  #log(frame: Frame): void {
    const { target } = this.#monitor;
    if (frame.system === target?.system && frame.component === target.component) this.#logListener(frame);
  }

  #isTrusted(frame: Frame): boolean {
    const verdict = this.#options.signing?.verify(frame) ?? 'valid';
    if (verdict !== 'valid' && frame.messageId === Heartbeat.id) this.#monitor.unverified(frame, verdict);
    return verdict === 'valid';
  }

  #heartbeat(frame: Frame): void {
    this.#monitor.heartbeat(frame);
    if (frame.system === this.#monitor.target?.system)
      this.#signs = frame.signed !== undefined && !this.#options.signing;
    this.#publish();
    if (frame.system === this.#monitor.target?.system) this.#beat.heard();
    void this.#learnVersion();
  }

  /** Asks until there is an answer each time that the vehicle has come online, and never while it is armed. */
  async #learnVersion(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (!this.#monitor.state?.available || this.#monitor.armed || now < this.#versionAskedAgain) return;
    this.#versionAskedAgain = now + VERSION_INTERVAL_MS;
    const version = await this.#requests.request(AutopilotVersion, this.closed).catch(() => undefined);
    if (!version) return this.#withoutVersion();
    this.#versionAskedAgain = Infinity;
    this.#hasFtp = ((version.capabilities[0] ?? 0) & CAPABILITY_FTP) !== 0;
    this.#monitor.version = versionText(version);
    this.#monitor.uid = uidText(version);
    this.#publish();
  }

  /** A vehicle that never answers has no unique id as far as anybody can know, and nothing waits for it any longer. */
  #withoutVersion(): void {
    if (this.closed.aborted || this.#monitor.armed || ++this.#versionUnanswered < MAX_VERSION_REQUESTS)
      return;
    this.#versionAskedAgain = Infinity;
    this.#monitor.uid = '';
    this.#publish();
  }

  /**
   * Replies to other clients on the same link are ignored. The id 0 addresses all: PX4 before 1.11 sends every reply to
   * component 0, and the channel finds its own by sequence number, opcode, session and offset.
   */
  #ftp({ system, component, payload }: Frame): void {
    const { target } = this.#monitor;
    if (system !== target?.system || component !== target.component) return;
    if (!isFor(payload[1], this.#system) || !isFor(payload[2], this.#options.componentId)) {
      this.#othersHeardAt = this.#options.clock.monotonic();
      return;
    }
    const reply = decodeFtpPayload(payload, FTP_PAYLOAD_AT);
    if (this.#ftpListener(reply)) this.#answered((reply.sequence - 1) & 0xffff);
  }

  /** The request with the number. */
  #answered(number: number): void {
    if (this.#unanswered > 0) this.#link.confirm();
    this.#unanswered = 0;
    this.#outbox.answered(number);
  }

  /** A heartbeat is easily forged: a sender of heartbeats that answers no request gives way to another one. */
  #tryNextSender(): void {
    if (++this.#unanswered <= MAX_UNANSWERED || !this.#link.tryNextSender()) return;
    this.#unanswered = 0;
    this.#outbox.forget();
    this.#monitor.release();
  }

  #publish(): void {
    const { state } = this.#monitor;
    if (state?.available === false) {
      this.#versionAskedAgain = -Infinity;
      this.#outbox.forget();
    }
    if (state) this.#states.next(state);
  }
}

/** In FILE_TRANSFER_PROTOCOL: after the target's network, system and component. */
const FTP_PAYLOAD_AT = 3;

/** A FILE_TRANSFER_PROTOCOL message, and the view of its payload. */
function ftpMessage(): { readonly bytes: Uint8Array; readonly payload: Uint8Array } {
  const bytes = new Uint8Array(FileTransferProtocol.length);
  return { bytes, payload: bytes.subarray(FTP_PAYLOAD_AT) };
}

const isFor = (target: number | undefined, own: number): boolean => target === 0 || target === own;

const OUR_HEARTBEAT = Heartbeat.encode({
  customMode: 0,
  type: TYPE_ONBOARD_CONTROLLER,
  autopilot: AUTOPILOT_INVALID,
  baseMode: 0,
  systemStatus: STATE_ACTIVE,
  mavlinkVersion: MAVLINK_VERSION,
});
