import type { Observable, Subscription } from 'rxjs';
import * as z from 'zod';
import type { DeviceStatus } from '../engine/devices.js';
import type { SourceRecord } from '../ports.js';

/** The name of what is remembered among the sources in the database: no device can have it. */
const VEHICLES = 'vehicle:';

const remembered = z.record(z.string(), z.string());

export interface FollowedEngine {
  readonly devices: Observable<readonly DeviceStatus[]>;
  readonly records: {
    source(device: string): SourceRecord | undefined;
    putSource(source: SourceRecord): Promise<void>;
  };
}

/** What autopilots have said that they are called, also before a restart: files are named by it while they are offline, too. */
export class VehicleIds {
  /** The sources that are autopilots. */
  autopilots: readonly string[];
  readonly #warn: (message: string) => void;
  #known = new Map<string, string>();

  /** @param warn takes one sentence for a person */
  constructor(autopilots: readonly string[], warn: (message: string) => void) {
    this.autopilots = autopilots;
    this.#warn = warn;
  }

  /** Of the vehicle of a source's files: the source's own, or that of the only autopilot. Empty if that has none. */
  readonly uidOf = (device: string): string | undefined => {
    const [only, another] = this.autopilots;
    if (this.autopilots.includes(device)) return this.#known.get(device);
    return only !== undefined && another === undefined ? this.#known.get(only) : undefined;
  };

  /** Of this vehicle; undefined as well where there are several autopilots. */
  get own(): string | undefined {
    return this.uidOf('');
  }

  /** Learns from that engine until its devices are closed. */
  follow({ devices, records }: FollowedEngine): Subscription {
    this.#known = read(records.source(VEHICLES)?.told);
    return devices.subscribe(all => {
      for (const { name, uid } of all) if (uid !== undefined) this.#learn(name, uid, records);
    });
  }

  #learn(name: string, uid: string, records: FollowedEngine['records']): void {
    const before = this.#known.get(name);
    // A vehicle that has said what it is called may not be understood once.
    if (before === uid || (before !== undefined && uid === '')) return;
    if (uid === '') this.#warn(`${name} has no unique id: {vehicle.uid} is "unknown"; use {vehicle}`);
    this.#known.set(name, uid);
    if (uid === '') return;
    const told = JSON.stringify(Object.fromEntries([...this.#known].filter(([, one]) => one !== '')));
    // What cannot be written is learned again.
    void records.putSource({ device: VEHICLES, scannedAt: 0, told }).catch(() => undefined);
  }
}

function read(told: string | undefined): Map<string, string> {
  try {
    return new Map(Object.entries(remembered.parse(JSON.parse(told ?? '{}'))));
  } catch {
    return new Map();
  }
}
