import type { FileSyncError } from '../errors.js';
import type { Availability, Clock } from '../ports.js';
import { ArmedTime } from './armed-time.js';
import type { Frame } from './frame.js';
import { Heartbeat } from './messages.js';
import { AUTOPILOT_INVALID, COMPONENT_AUTOPILOT, MODE_FLAG_ARMED, TYPE_GCS } from './numbers.js';
import type { SignatureVerdict } from './signing.js';

/** Names of MAV_AUTOPILOT's values. */
export const AUTOPILOTS: Readonly<Record<number, 'ArduPilot' | 'PX4'>> = { 3: 'ArduPilot', 12: 'PX4' };

/** ms without a heartbeat after which the vehicle counts as offline. */
const HEARTBEAT_TIMEOUT_MS = 5_000;

const UNVERIFIED: Readonly<Record<SignatureVerdict, string>> = {
  valid: '',
  unsigned: 'does not sign its messages: set up the key there, or remove signing_key',
  'wrong key': 'signs with another key: correct signing_key, or set up the key there',
  replayed:
    'sends old timestamps, as after a start without a clock: wait until it has heard this program, else set its time',
};

/** Whether a heartbeat is that of an autopilot, not of a ground station, a camera or another computer. */
export function isAutopilot({ payload }: Frame): boolean {
  const { type, autopilot } = Heartbeat.decode(payload);
  return autopilot !== AUTOPILOT_INVALID && type !== TYPE_GCS;
}

/** Whether the base mode of a heartbeat says that the vehicle is armed. */
export const isArmed = (baseMode: number): boolean => (baseMode & MODE_FLAG_ARMED) !== 0;

/** The autopilot that gets the requests. */
export interface TargetSystem {
  readonly system: number;
  readonly component: number;
  /** MAV_AUTOPILOT. */
  readonly autopilot: number;
}

/** Which vehicle is on the link, and whether it is online. */
export class HeartbeatMonitor {
  readonly #link: { readonly name: string };
  readonly #clock: Clock;
  readonly #wanted: number | undefined;
  /** Monotonic ms of the latest heartbeat, or of the time from which on one was possible. */
  #since: number;
  #linkError: FileSyncError | undefined;
  #target: TargetSystem | undefined;
  /** System id of another vehicle on the link. */
  #otherSystem: number | undefined;
  /** A heartbeat has come since the link was connected. */
  #heard = false;
  readonly #armed: ArmedTime;
  #version: string | undefined;
  #uid: string | undefined;
  /** Why the heartbeat of a vehicle was not accepted. */
  #unverified: string | undefined;

  /** `wanted` is the system id of the vehicle; without it, the first autopilot that sends a heartbeat is kept. */
  constructor(link: { readonly name: string }, clock: Clock, wanted: number | undefined) {
    this.#link = link;
    this.#clock = clock;
    this.#wanted = wanted;
    this.#since = clock.monotonic();
    this.#armed = new ArmedTime(clock);
  }

  get armed(): boolean {
    return this.#armed.armed;
  }

  /** The firmware and the board, for people. */
  set version(version: string | undefined) {
    this.#version = version;
  }

  /** As in `Availability`. */
  set uid(uid: string | undefined) {
    this.#uid = uid;
  }

  /** MAV_AUTOPILOT's name, of those whose log folders are known. */
  get autopilot(): string | undefined {
    return AUTOPILOTS[this.#target?.autopilot ?? -1];
  }

  get target(): TargetSystem | undefined {
    return this.#target;
  }

  /** Why there is no link. */
  get linkError(): FileSyncError | undefined {
    return this.#linkError;
  }

  /** From now on heartbeats are expected. */
  linkOpened(): void {
    this.#since = this.#clock.monotonic();
  }

  linkChanged(linkError: FileSyncError | undefined): void {
    if (this.#linkError && !linkError) this.linkOpened();
    if (linkError) this.#heard = false;
    this.#linkError = linkError;
  }

  /** The target does not answer, and another one may be heard on the link. */
  release(): void {
    this.#target = undefined;
    this.#version = undefined;
    this.#uid = undefined;
  }

  heartbeat(frame: Frame): void {
    const { payload, system, component } = frame;
    const { autopilot, baseMode } = Heartbeat.decode(payload);
    if (!isAutopilot(frame)) return;
    if (!this.#isOurs(system, component)) return;
    this.#target = { system, component, autopilot };
    this.#since = this.#clock.monotonic();
    this.#heard = true;
    this.#armed.set(isArmed(baseMode));
  }

  /** A heartbeat whose signature is not what it has to be. */
  unverified(frame: Frame, verdict: SignatureVerdict): void {
    if (isAutopilot(frame)) this.#unverified = `vehicle ${frame.system} ${UNVERIFIED[verdict]}`;
  }

  /** Undefined until a heartbeat has come or is overdue. */
  get state(): Availability | undefined {
    const { armed } = this.#armed;
    const offline = (reason: string) => ({
      available: false,
      reason: reason + this.#armed.whileOffline,
      armed,
    });
    if (this.#linkError)
      return {
        ...offline(this.#linkError.message),
        ...(this.#linkError.kind === 'config' && { misconfigured: 'temporarily' as const }),
      };
    const silent = this.#clock.monotonic() - this.#since >= HEARTBEAT_TIMEOUT_MS;
    if (silent) return offline(this.#silence());
    if (!this.#heard) return undefined;
    const version = this.#version === undefined ? '' : `, ${this.#version}`;
    const reason = `${this.#name()} on ${this.#link.name}${version}${this.#armed.whileOnline}`;
    return { available: true, reason, armed, ...(this.#uid !== undefined && { uid: this.#uid }) };
  }

  /** Another vehicle may share the link. The autopilot is component 1, a camera or gimbal is not. */
  #isOurs(system: number, component: number): boolean {
    const ours = this.#target?.system ?? this.#wanted ?? system;
    if (system !== ours) {
      this.#otherSystem = system;
      return false;
    }
    return component === COMPONENT_AUTOPILOT || this.#target?.component !== COMPONENT_AUTOPILOT;
  }

  #name(): string {
    if (!this.#target) return this.#wanted === undefined ? 'a vehicle' : `vehicle ${this.#wanted}`;
    const { autopilot, system } = this.#target;
    return `${AUTOPILOTS[autopilot] ?? 'vehicle'} ${system}`;
  }

  #silence(): string {
    const silence = `no heartbeat from ${this.#name()} on ${this.#link.name}`;
    if (this.#unverified !== undefined) return `${silence} with a valid signature: ${this.#unverified}`;
    if (this.#otherSystem === undefined) {
      return `${silence}: check that it is switched on, wired, and sends MAVLink there`;
    }
    return `${silence}, but one from vehicle ${this.#otherSystem}: set target_system if that is the right one`;
  }
}
