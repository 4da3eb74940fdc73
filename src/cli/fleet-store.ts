import { makeEnd, type StoreContext } from '../compose.js';
import type { DeviceConfig } from '../config/config.js';
import { closeDevices, type Device } from '../engine/devices.js';
import { FileSyncError } from '../errors.js';
import { FLEET_FOLDER, type ReadableStore, type Store } from '../fleet/objects.js';
import type { Availability, Source, Target } from '../ports.js';
import { settled } from './check/listing.js';

/** Opens the device with the objects of a fleet, to be read. Rejects with the device's own reason where it is offline. */
export async function openToRead(
  from: DeviceConfig,
  context: StoreContext,
  signal: AbortSignal,
): Promise<ReadableStore & AsyncDisposable> {
  const ends = new Ends(from, context);
  return ends.keep(async () => {
    const root = await ends.source(sharedPlace(from));
    assertAvailable(from, await settled(root.availability, signal));
    return ends.folder();
  });
}

/** As `openToRead`, to be written; undefined while the device may not be used (`hours`, `over`, `unmetered`). */
export async function openToWrite(
  from: DeviceConfig,
  context: StoreContext,
  signal: AbortSignal,
): Promise<(Store & AsyncDisposable) | undefined> {
  const ends = new Ends(from, context);
  return ends.keep(async () => {
    const target = await ends.target();
    const now = await settled(target.availability, signal);
    if (now.closed) return ends[Symbol.asyncDispose]();
    assertAvailable(from, now);
    return { ...(await ends.folder()), target };
  });
}

/** Where all vehicles of a fleet find each other. */
const sharedPlace = (from: DeviceConfig): DeviceConfig => ({
  ...from,
  options: from.type.shared?.(from.options) ?? from.options,
});

function assertAvailable({ name }: DeviceConfig, { available, reason }: Availability): void {
  if (!available) throw new FileSyncError('unavailable', `${name}: ${reason}`, { device: name });
}

/** Ends of a device that are closed together. */
class Ends implements AsyncDisposable {
  readonly #from: DeviceConfig;
  readonly #context: StoreContext;
  readonly #made: Device[] = [];

  constructor(from: DeviceConfig, context: StoreContext) {
    this.#from = sharedPlace(from);
    this.#context = context;
  }

  /** Closes them if the work fails. */
  async keep<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (thrown) {
      await this[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The source that shows the folder with the objects: no other files, where the device can do that. */
  async folder(): Promise<ReadableStore & AsyncDisposable> {
    const { type, options } = this.#from;
    const below = type.below?.(options, FLEET_FOLDER);
    const source = await this.source(below === undefined ? this.#from : { ...this.#from, options: below });
    const prefix = below === undefined ? `${FLEET_FOLDER}/` : '';
    return { source, prefix, [Symbol.asyncDispose]: () => this[Symbol.asyncDispose]() };
  }

  async source(from: DeviceConfig): Promise<Source> {
    return this.#kept(await makeEnd(from, 'source', this.#context)).source ?? this.#cannot('listed');
  }

  async target(): Promise<Target> {
    const made = this.#kept(await makeEnd(this.#from, 'target', this.#context));
    return made.target ?? this.#cannot('written to');
  }

  async [Symbol.asyncDispose](): Promise<undefined> {
    await closeDevices(this.#made.splice(0));
  }

  #kept(device: Device): Device {
    this.#made.push(device);
    return device;
  }

  #cannot(what: string): never {
    const { name, type } = this.#from;
    throw new FileSyncError('config', `${name} (type ${type.type}) cannot be ${what}`, { device: name });
  }
}
