import type { Logger } from '../../ports.js';

/** What makers and users call the disks, by the path of their node. */
export type Descriptions = ReadonlyMap<string, string>;

/** The part of `drivelist` that is used. */
export interface Drivelist {
  lsblk(): Promise<readonly { readonly raw: string; readonly description: string }[]>;
}

/**
 * What serves Linux of this optional dependency. Its main module would load a native part, which is for other systems
 * and needs a compiler. A name in a variable, since the program is also built where the package was left out.
 */
const MODULE: string = 'drivelist/js/lsblk/index.js';

const loadDrivelist = () => import(MODULE) as Promise<Drivelist>;

/** Asks drivelist; without it, lsblk's own words must do. */
export class DriveNames {
  readonly #load: () => Promise<Drivelist>;
  readonly #logger: Logger;
  #broken = false;

  constructor(logger: Logger, load: () => Promise<Drivelist> = loadDrivelist) {
    this.#logger = logger;
    this.#load = load;
  }

  /** Never fails: names are a comfort. */
  async all(): Promise<Descriptions> {
    if (this.#broken) return new Map();
    try {
      const drivelist = await this.#load();
      return new Map((await drivelist.lsblk()).map(({ raw, description }) => [raw, description]));
    } catch (error) {
      this.#broken = true;
      const [why] = String(error instanceof Error ? error.message : error).split('\n');
      this.#logger.log('debug', `drivelist cannot be used, lsblk alone serves: ${why}`);
      return new Map();
    }
  }
}
