import { toFileSyncError } from '../../errors.js';
import type { Logger } from '../../ports.js';
import type { RunProgram } from './programs.js';

/** What makers and users call the disks, by the path of their node. */
export type Descriptions = ReadonlyMap<string, string>;

/** The part of `drivelist` that is used. */
export interface Drivelist {
  /** @param output of lsblk, as JSON */
  parse(output: string): readonly { readonly raw: string; readonly description: string }[];
}

/**
 * What of this optional dependency understands lsblk; it would run that without an end. Its main module would load a native
 * part, which is for other systems and needs a compiler. A name in a variable, since the program is also built where the package was left out.
 */
const MODULE: string = 'drivelist/js/lsblk/json.js';

const loadDrivelist = () => import(MODULE) as Promise<Drivelist>;

/** What it makes its words of. `--output-all` would ask each mounted file system for its space, and hang with one. */
const LSBLK = ['-J', '--paths', '-o', 'NAME,KNAME,LABEL,VENDOR,MODEL,MOUNTPOINT'];

/** Asks drivelist; without it, lsblk's own words must do. */
export class DriveNames {
  readonly #load: () => Promise<Drivelist>;
  readonly #logger: Logger;
  #broken = false;

  constructor(logger: Logger, load: () => Promise<Drivelist> = loadDrivelist) {
    this.#logger = logger;
    this.#load = load;
  }

  /** Names are a comfort: it fails only when `run` is cancelled. */
  async all(run: RunProgram): Promise<Descriptions> {
    if (this.#broken) return new Map();
    try {
      const drivelist = await this.#load();
      const { stdout } = await run('lsblk', LSBLK);
      return new Map(drivelist.parse(stdout).map(({ raw, description }) => [raw, description]));
    } catch (error) {
      const { kind, message } = toFileSyncError(error);
      if (kind === 'cancelled') throw error;
      this.#broken = true;
      const [why] = message.split('\n');
      this.#logger.log('debug', `drivelist cannot be used, lsblk alone serves: ${why}`);
      return new Map();
    }
  }
}
