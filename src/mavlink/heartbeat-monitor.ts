import type { FileSyncError } from '../errors.js';
import type { Availability, Clock } from '../ports.js';
import type { Frame } from './frame.js';
import { Heartbeat } from './messages.js';

// MAVLink's numbers (common message set).
const TYPE_GCS = 6;
const AUTOPILOT_INVALID = 8;
const COMPONENT_AUTOPILOT = 1;
const MODE_FLAG_ARMED = 128;
const AUTOPILOTS: Readonly<Record<number, string>> = { 3: 'ArduPilot', 12: 'PX4' };

/** ms without a heartbeat after which the vehicle counts as offline. */
const HEARTBEAT_TIMEOUT_MS = 5_000;

/** The autopilot that gets the requests. */
export interface Target {
  readonly system: number;
  readonly component: number;
  /** MAV_AUTOPILOT. */
  readonly autopilot: number;
}

/** Which vehicle is on the link, and whether it is online. */
export class HeartbeatMonitor {
  readonly #linkName: string;
  readonly #clock: Clock;
  readonly #wanted: number | undefined;
  /** Monotonic ms of the latest heartbeat, or of the time from which on one was possible. */
  #since: number;
  #trouble: FileSyncError | undefined;
  #target: Target | undefined;
  /** System id of another vehicle on the link. */
  #otherSystem: number | undefined;
  /** A heartbeat has come since the link was connected. */
  #heard = false;
  #armed = false;

  /** `wanted` is the system id of the vehicle; without it, the first autopilot that sends a heartbeat is kept. */
  constructor(linkName: string, clock: Clock, wanted: number | undefined) {
    this.#linkName = linkName;
    this.#clock = clock;
    this.#wanted = wanted;
    this.#since = clock.monotonic();
  }

  get target(): Target | undefined {
    return this.#target;
  }

  /** Why there is no link. */
  get trouble(): FileSyncError | undefined {
    return this.#trouble;
  }

  /** From now on heartbeats are expected. */
  linkOpened(): void {
    this.#since = this.#clock.monotonic();
  }

  linkChanged(trouble: FileSyncError | undefined): void {
    if (this.#trouble && !trouble) this.linkOpened();
    if (trouble) this.#heard = false;
    this.#trouble = trouble;
  }

  heartbeat({ payload, system, component }: Frame): void {
    const { type, autopilot, baseMode } = Heartbeat.decode(payload);
    if (autopilot === AUTOPILOT_INVALID || type === TYPE_GCS) return;
    if (!this.#isOurs(system, component)) return;
    this.#target = { system, component, autopilot };
    this.#since = this.#clock.monotonic();
    this.#heard = true;
    this.#armed = (baseMode & MODE_FLAG_ARMED) !== 0;
  }

  /** Undefined until a heartbeat has come or is overdue. */
  get state(): Availability | undefined {
    const offline = (reason: string) => ({ available: false, reason, armed: this.#armed });
    if (this.#trouble)
      return {
        ...offline(this.#trouble.message),
        ...(this.#trouble.kind === 'config' && { misconfigured: 'temporarily' as const }),
      };
    const silent = this.#clock.monotonic() - this.#since >= HEARTBEAT_TIMEOUT_MS;
    if (silent) return offline(this.#silence());
    if (!this.#heard) return undefined;
    return { available: true, reason: `${this.#name()} on ${this.#linkName}`, armed: this.#armed };
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
    const silence = `no heartbeat from ${this.#name()} on ${this.#linkName}`;
    if (this.#otherSystem === undefined) {
      return `${silence}: check that it is switched on, wired, and sends MAVLink there`;
    }
    return `${silence}, but one from vehicle ${this.#otherSystem}: set target_system if that is the right one`;
  }
}
