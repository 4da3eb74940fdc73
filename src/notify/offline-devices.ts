import type { Moment } from '../ports.js';
import { UNKNOWN } from '../system/availability.js';
import { ageOf } from '../system/moment.js';
import type { NoticeEvent } from './events.js';
import { Lasting, type LastingState } from './lasting.js';

/** A device, as the engine reports it. */
export interface DeviceFacts {
  readonly name: string;
  readonly available: boolean;
  readonly reason: string;
}

interface Known {
  readonly offline: Lasting;
  readonly back: Lasting;
  reason: string;
}

/** The devices that are offline, or were when that was told. */
export class OfflineDevices {
  readonly #after: number;
  readonly #known = new Map<string, Known>();

  /** @param after ms that a device must have been offline */
  constructor(after: number, state: Readonly<Record<string, LastingState>>) {
    this.#after = after;
    for (const [name, one] of Object.entries(state)) this.#known.set(name, this.#add(one, ''));
  }

  get state(): Record<string, LastingState> {
    return Object.fromEntries(
      [...this.#known].flatMap(([name, { offline }]) => (offline.state ? [[name, offline.state]] : [])),
    );
  }

  /** All devices. What is known of others is forgotten: the configuration has changed. */
  update(devices: readonly DeviceFacts[], now: Moment): void {
    const names = new Set(devices.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    for (const device of devices) if (device.reason !== UNKNOWN.reason) this.#updateOne(device, now);
  }

  /** @param hold ms that are waited for in any case */
  isDue(now: Moment, hold: number): boolean {
    return [...this.#known.values()].some(
      ({ offline, back }) => back.isDue(now, hold) || (!back.state && offline.isDue(now, hold)),
    );
  }

  /** What is to be told now; it counts as told then. */
  take(now: Moment): NoticeEvent[] {
    return [...this.#known].flatMap(([device, { offline, back, reason }]): NoticeEvent[] => {
      if (back.state) {
        this.#known.delete(device);
        return [{ kind: 'online', device, reason }];
      }
      const since = offline.state?.since ?? now;
      const seconds = Math.round(ageOf(since, now) / 1000);
      return offline.take(now) ? [{ kind: 'offline', device, reason, seconds }] : [];
    });
  }

  #updateOne({ name, available, reason }: DeviceFacts, now: Moment): void {
    const known = this.#known.get(name) ?? this.#add(undefined, reason);
    known.reason = reason;
    if (!available) {
      known.offline.update(true, now);
      known.back.update(false, now);
      this.#known.set(name, known);
    } else if (known.offline.state?.told) known.back.update(true, now);
    else this.#known.delete(name);
  }

  #add(state: LastingState | undefined, reason: string): Known {
    return { offline: new Lasting(this.#after, state), back: new Lasting(0, undefined), reason };
  }
}
