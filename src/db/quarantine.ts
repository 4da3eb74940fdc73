import { dirname } from 'node:path';
import type { Clock } from '../ports.js';
import type { Disk } from './disk.js';

/** Keeps damaged files for a person to look at, under names that say when they were found. */
export class Quarantine {
  readonly #disk: Disk;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(disk: Disk, clock: Pick<Clock, 'now'>) {
    this.#disk = disk;
    this.#clock = clock;
  }

  /** Resolves to the new name. */
  async move(path: string): Promise<string> {
    const aside = this.#nameFor(path);
    await this.#disk.rename(path, aside);
    await this.#disk.syncFolder(dirname(path));
    return aside;
  }

  /** Resolves to the copy's name. */
  async copy(path: string, bytes: Uint8Array): Promise<string> {
    const aside = this.#nameFor(path);
    const file = await this.#disk.open(aside);
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncFolder(dirname(path));
    return aside;
  }

  #nameFor(path: string): string {
    return `${path}.corrupt-${new Date(this.#clock.now()).toISOString().replaceAll(':', '-')}`;
  }
}
