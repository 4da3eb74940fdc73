import { toFileSyncError } from '../../errors.js';
import type { Logger } from '../../ports.js';
import type { RunProgram } from './programs.js';

/** Names of the disks by manufacturers and users, by the path of their node. */
export type Descriptions = ReadonlyMap<string, string>;

/** The part of `drivelist` that is used. */
export interface Drivelist {
  /** @param output of lsblk, as JSON */
  parse(output: string): readonly { readonly raw: string; readonly description: string }[];
}

/**
 * The parser of this optional dependency alone: it would run lsblk without a timeout, and its main module loads a
 * native part for other systems, which needs a compiler. In a variable, since the program is also built without the
 * package.
 */
const MODULE: string = 'drivelist/js/lsblk/json.js';

const loadDrivelist = () => import(MODULE) as Promise<Drivelist>;

/**
 * The columns that drivelist parses. `--output-all` would ask each mounted file system for its space, and hang with
 * one.
 */
const LSBLK = ['-J', '--paths', '-o', 'NAME,KNAME,LABEL,VENDOR,MODEL,MOUNTPOINT'];

/** Names by drivelist; without it, those of lsblk are used. */
export class DriveNames {
  readonly #load: () => Promise<Drivelist>;
  readonly #logger: Logger;
  #broken = false;

  constructor(logger: Logger, load: () => Promise<Drivelist> = loadDrivelist) {
    this.#logger = logger;
    this.#load = load;
  }

  /** Names are optional: rejects only when `run` is cancelled. */
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
      this.#logger.log('debug', `drivelist cannot be loaded, names come from lsblk alone: ${why}`);
      return new Map();
    }
  }
}
