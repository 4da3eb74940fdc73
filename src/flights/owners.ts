import type { FileRecord } from '../ports.js';
import { isLog } from './span.js';

/** Whose flights they are: a vehicle by the name that its logs have for it, or a device whose logs name none. */
export interface Owner {
  /** Not the same for a vehicle and a device of one name. */
  readonly key: string;
  /** Empty if it is only known by its device. */
  readonly vehicle: string;
}

/**
 * Whose vehicle's each file is. A device whose logs all name one vehicle is of that vehicle, with everything that it holds; one whose
 * logs name none is a vehicle of its own.
 */
export class Owners {
  /** Of the devices with logs: the vehicles that these name. */
  readonly #named = new Map<string, Set<string>>();

  constructor(records: readonly FileRecord[]) {
    for (const record of records) {
      if (!isLog(record)) continue;
      const names = this.#named.get(record.device) ?? new Set();
      this.#named.set(record.device, names);
      if (record.facts?.vehicle !== undefined) names.add(record.facts.vehicle);
    }
  }

  ofLog({ device, facts }: FileRecord): Owner {
    return (
      (facts?.vehicle === undefined ? undefined : vehicle(facts.vehicle)) ??
      this.ofDevice(device) ??
      own(device)
    );
  }

  /** Undefined where the device has no logs, or those of several vehicles: its other files may be of any vehicle. */
  ofDevice(device: string): Owner | undefined {
    const names = this.#named.get(device);
    if (!names || names.size > 1) return undefined;
    const [only] = names;
    return only === undefined ? own(device) : vehicle(only);
  }
}

const vehicle = (name: string): Owner => ({ key: `vehicle ${name}`, vehicle: name });
const own = (device: string): Owner => ({ key: `device ${device}`, vehicle: '' });
