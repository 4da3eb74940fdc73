import type { Logger } from '../../ports.js';

/** What makers and users call the disks, by the path of their node. */
export type Descriptions = ReadonlyMap<string, string>;

/**
 * The part of `drivelist` (an optional dependency) that serves Linux. Its main module would load a native part, which
 * is for other systems and needs a compiler.
 */
export type LoadDrivelist = () => Promise<Pick<typeof import('drivelist/js/lsblk/index.js'), 'lsblk'>>;

/** Asks drivelist; without it, lsblk's own words must do. */
export class DriveNames {
  readonly #load: LoadDrivelist;
  readonly #logger: Logger;
  #broken = false;

  constructor(logger: Logger, load: LoadDrivelist = () => import('drivelist/js/lsblk/index.js')) {
    this.#logger = logger;
    this.#load = load;
  }

  /** Never fails: names are a comfort. */
  async all(): Promise<Descriptions> {
    if (this.#broken) return new Map();
    try {
      const { lsblk } = await this.#load();
      return new Map((await lsblk()).map(({ raw, description }) => [raw, description]));
    } catch (error) {
      this.#broken = true;
      const [why] = String(error instanceof Error ? error.message : error).split('\n');
      this.#logger.log('debug', `drivelist cannot be used, lsblk alone serves: ${why}`);
      return new Map();
    }
  }
}
