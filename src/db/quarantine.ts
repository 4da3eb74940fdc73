import { dirname } from 'node:path';
import type { Clock } from '../ports.js';
import type { Disk } from './disk.js';

/** Keeps damaged files for a person to examine, under names with the time at which they were found. */
export class Quarantine {
  readonly #disk: Disk;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(disk: Disk, clock: Pick<Clock, 'now'>) {
    this.#disk = disk;
    this.#clock = clock;
  }

  /** Resolves to the new name. */
  async move(path: string): Promise<string> {
    const name = this.#nameFor(path);
    await this.#disk.rename(path, name);
    await this.#disk.syncFolder(dirname(path));
    return name;
  }

  /** Resolves to the copy's name. */
  async copy(path: string, bytes: Uint8Array): Promise<string> {
    const name = this.#nameFor(path);
    const file = await this.#disk.open(name);
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncFolder(dirname(path));
    return name;
  }

  #nameFor(path: string): string {
    return `${path}.corrupt-${new Date(this.#clock.now()).toISOString().replaceAll(':', '-')}`;
  }
}
