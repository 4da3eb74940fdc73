import type { DeviceType } from './definition.js';
import type { FleetConfig } from './fleet.js';
import type { NotifyConfig } from './notify.js';
import type { Rule } from '../rules/rule.js';
import type { FileModes } from '../system/file-modes.js';
import type { MinFree } from '../system/statfs.js';
import type { WebConfig } from './web.js';

/** A checked configuration. It holds references to secrets, not their values. */
export interface Config {
  readonly file: string;
  /** Absolute; relative paths of the file start here. */
  readonly folder: string;
  /** The vehicle's name in a fleet; absent: made of that of the computer. */
  readonly vehicle?: string;
  /** Absolute. */
  readonly local: string;
  /** Absolute. */
  readonly database: string;
  /** Absolute; where earlier versions kept the records of a configuration that names no database, if that was another place. */
  readonly formerDatabase?: string;
  /** Absolute. */
  readonly descriptionFile: string;
  readonly devices: ReadonlyMap<string, DeviceConfig>;
  readonly rules: readonly Rule[];
  readonly notify: readonly NotifyConfig[];
  /** ms between two listings of a source. */
  readonly interval: number;
  /** Space that must stay free on the file system under `local`. */
  readonly minFree: MinFree;
  /** Permission bits of local copies and of the database. */
  readonly modes: FileModes;
  /** ms after which the record of a file that is delivered and gone moves to the archive. */
  readonly keepRecords: number;
  /** What is read of the files' contents; false: nothing. */
  readonly facts: FactsConfig | false;
  /** Where the status of this vehicle is kept; absent: nowhere. */
  readonly fleet?: FleetConfig;
  /** The page and the API; absent: nothing listens. */
  readonly web?: WebConfig;
  /** One sentence for each setting that is allowed but not advisable. */
  readonly warnings: readonly string[];
}

export interface FactsConfig {
  /** The first position is stored as well. */
  readonly position: boolean;
}

export interface DeviceConfig {
  readonly name: string;
  readonly type: DeviceType;
  /** The output of the schema `type.options`. */
  readonly options: unknown;
  readonly lock?: string;
  readonly connections?: number;
}
